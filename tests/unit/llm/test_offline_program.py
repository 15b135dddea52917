"""The offline Claude as a program: how it starts and ends, its catalogue, and many clients at once."""

import http.client
import json
import os
import re
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import BinaryIO
from urllib.parse import urlsplit

import pytest

from agent_platform.llm.offline.__main__ import main
from tests.fakes.offline_claude import PLATFORM, OfflineServer, running_offline_claude, write_catalogue

HELLO = [{"role": "user", "content": "Hello"}]
BODY = json.dumps({"model": "claude-haiku-5-5", "max_tokens": 500, "messages": HELLO}).encode()
HEADERS = "x-api-key: any\r\nanthropic-version: 2026-10-21\r\n"


def answer_of(client, agent: str) -> str:
    message = client.messages.create(
        model="claude-haiku-5-5",
        max_tokens=500,
        messages=HELLO,
        system=f"Agent: {agent} 1.0.0\n",
        output_config={"effort": "low"},
    )
    return message.content[0].text


def connect(server: OfflineServer) -> socket.socket:
    address = urlsplit(server.url)
    return socket.create_connection((address.hostname, address.port), timeout=5)


def posted(body: bytes) -> bytes:
    """The bytes of one request to answer a message."""
    head = f"POST /v1/messages HTTP/1.1\r\n{HEADERS}content-length: {len(body)}\r\n\r\n"
    return head.encode() + body


def read_reply(stream: BinaryIO) -> tuple[int, bytes]:
    """The status and body of the next answer on a connection."""
    status = int(stream.readline().split()[1])
    length = int(http.client.parse_headers(stream)["content-length"])
    return status, stream.read(length)


def test_a_taken_port_ends_it_with_2_and_one_line_that_says_what_to_do(offline_claude):
    port = str(urlsplit(offline_claude.url).port)
    ended = subprocess.run(
        [sys.executable, "-m", "agent_platform.llm.offline", "--port", port],
        env={**os.environ, "PYTHONPATH": str(PLATFORM)},
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert ended.returncode == 2
    assert ended.stdout == ""
    assert ended.stderr == (
        f"The offline Claude cannot listen on 127.0.0.1:{port} (Address already in use): use another --port.\n"
    )


def test_a_host_that_does_not_exist_is_refused_in_one_line(capsys):
    assert main(["--host", "no-such-host.invalid"]) == 2
    assert re.fullmatch(
        r"The offline Claude cannot listen on no-such-host.invalid:0 \(.+\).*\n", capsys.readouterr().err
    )


@pytest.mark.parametrize("port", ["70000", "-1", "http"])
def test_a_port_that_cannot_be_is_refused(port, capsys):
    with pytest.raises(SystemExit, match="2"):
        main(["--port", port])
    assert f"'{port}' is not a port: give a number from 0 to 65535" in capsys.readouterr().err


def test_it_ends_when_its_starter_ends():
    with running_offline_claude() as server:
        assert server.call("GET", "/_health")["status"] == "healthy"
    with pytest.raises(ConnectionRefusedError):
        server.call("GET", "/_health")


def test_sigterm_ends_it_in_peace():
    with subprocess.Popen(
        [sys.executable, "-m", "agent_platform.llm.offline"],
        env={**os.environ, "PYTHONPATH": str(PLATFORM)},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout
        assert process.stdout.readline().startswith("http://127.0.0.1:")
        process.terminate()
        assert process.wait(10) == 0


def test_a_catalogue_may_come_be_replaced_be_damaged_and_go_while_it_runs(tmp_path, client_for):
    path = tmp_path / "agents.sqlite"
    with running_offline_claude("--catalogue", str(path)) as server:
        claude = client_for(server)
        assert server.call("GET", "/_health")["agents"] is None
        assert "offline model" in answer_of(claude, "a/b")

        write_catalogue(path, {"a/b": {"example": {"output": {"build": 1}}}})
        assert json.loads(answer_of(claude, "a/b")) == {"build": 1}

        write_catalogue(path, {"a/b": {"example": {"output": {"build": 2}}}, "a/c": {}})
        assert json.loads(answer_of(claude, "a/b")) == {"build": 2}
        assert server.call("GET", "/_health") == {
            "status": "healthy",
            "service": "offline-claude",
            "catalogue": str(path),
            "agents": 2,
        }

        path.write_bytes(b"not a database")
        assert "offline model" in answer_of(claude, "a/b")
        assert server.call("GET", "/_health")["agents"] is None

        path.unlink()
        assert "offline model" in answer_of(claude, "a/b")

        write_catalogue(path, {"a/b": {"example": {"output": {"build": 3}}}})
        assert json.loads(answer_of(claude, "a/b")) == {"build": 3}


def test_fifty_clients_at_once_each_get_their_own_answer(tmp_path, client_for):
    path = tmp_path / "agents.sqlite"
    write_catalogue(path, {f"many/agent-{n}": {"example": {"output": {"n": n}}} for n in range(50)})
    with running_offline_claude("--catalogue", str(path)) as server:
        claude = client_for(server, timeout_seconds=30)
        with ThreadPoolExecutor(50) as pool:
            asked = [f"many/agent-{n % 50}" for n in range(200)]
            answers = list(pool.map(lambda agent: json.loads(answer_of(claude, agent))["n"], asked))
        assert answers == [n % 50 for n in range(200)]
        assert server.call("GET", "/_control/requests")["received"] == 200


def test_fifty_stalled_answers_take_no_longer_than_one(offline_claude, client_for):
    offline_claude.plan("stall", seconds=1, times=None)
    claude = client_for(offline_claude, timeout_seconds=30)
    with ThreadPoolExecutor(50) as pool:
        list(pool.map(lambda _n: answer_of(claude, "a/b"), range(50)))
    received = [each["received_at"] for each in offline_claude.requests()]
    assert max(received) - min(received) < 10  # one after another they take fifty seconds


def test_one_connection_serves_many_requests_even_in_pieces_and_back_to_back(offline_claude):
    request = posted(BODY)
    with connect(offline_claude) as connection, connection.makefile("rb") as replies:
        for piece in (request[:10], request[10:90], request[90:-5], request[-5:] + request + request):
            connection.sendall(piece)
        for _ in range(3):
            status, body = read_reply(replies)
            assert status == 200
            assert json.loads(body)["type"] == "message"


def test_a_client_that_leaves_before_its_stalled_answer_does_no_harm(offline_claude):
    offline_claude.plan("stall", seconds=0.2)
    with connect(offline_claude) as connection:
        connection.sendall(posted(BODY))
    assert offline_claude.call("GET", "/_health")["status"] == "healthy"


@pytest.mark.parametrize(
    ("request_text", "status"),
    [
        ("nonsense\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nno colon\r\n\r\n", 400),
        ("POST /v1/messages HTTP/1.1\r\ncontent-length: -5\r\n\r\n", 400),
        ("POST /v1/messages HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n", 411),
        (f"POST /v1/messages HTTP/1.1\r\ncontent-length: {40 * 1024 * 1024}\r\n\r\n", 413),
        (f"GET / HTTP/1.1\r\nx: {'x' * 70_000}", 431),
    ],
)
def test_what_is_not_a_request_is_answered_and_the_connection_closed(offline_claude, request_text, status):
    with connect(offline_claude) as connection, connection.makefile("rb") as replies:
        connection.sendall(request_text.encode())
        assert read_reply(replies)[0] == status
        assert replies.read() == b""


@pytest.mark.parametrize("body", [b"{", b"[" * 100_000, b"\xff\xfe", b"[]", b'"text"'])
def test_a_body_that_is_no_json_object_is_refused(offline_claude, body):
    with connect(offline_claude) as connection, connection.makefile("rb") as replies:
        connection.sendall(posted(body))
        status, refusal = read_reply(replies)
    assert status == 400
    assert json.loads(refusal)["error"]["type"] == "invalid_request_error"
