"""Requests to a real server: what is sent, what is read, how long it may take, and where it may lead."""

import socket
import threading
import time
from collections.abc import Iterator, Sequence
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from agent_platform.egress import Egress, client
from agent_platform.egress.client import MAX_BODY_BYTES
from agent_platform.errors import EgressFailed, EgressRefused
from tests.fakes.certificates import Authority, an_authority
from tests.fakes.receiver import LOOPBACK, Receiver, answer, running_receiver

NAME = "hooks.example.com"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with running_receiver() as running:
        yield running


@pytest.fixture(scope="module")
def authority() -> Authority:
    return an_authority()


def here(_: str, __: int) -> Sequence[str]:
    """A resolver for which every name is this machine."""
    return [LOOPBACK]


def test_a_request_is_sent_and_answered_as_it_is(receiver: Receiver) -> None:
    receiver.answers(202, b'{"taken": true}', Content_Type="application/json")
    answered = Egress(receiver.allow).request("POST", f"{receiver.url}?a=b#c", headers={"X-One": "1"}, body=b"{}")
    assert (answered.status, answered.body, answered.complete) == (202, b'{"taken": true}', True)
    assert answered.headers["content-type"] == "application/json"
    (got,) = receiver.received
    assert (got.method, got.path, got.body) == ("POST", "/hook?a=b", b"{}")
    assert (got.headers["X-One"], got.headers["Host"]) == ("1", receiver.allow)
    assert got.headers["Accept-Encoding"] == "identity"


def test_a_name_that_changes_its_mind_is_asked_once_and_the_judged_address_is_used(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked, dialled = list[str](), list[str]()
    answers = iter([["93.184.216.34"], ["127.0.0.1"]])

    def resolve(host: str, _: int) -> Sequence[str]:
        asked.append(host)
        return next(answers)

    def connect(_: socket.socket, address: tuple[str, int]) -> None:
        dialled.append(address[0])
        raise ConnectionRefusedError

    monkeypatch.setattr(client.BoundSocket, "connect", connect, raising=False)
    with pytest.raises(EgressFailed) as raised:
        Egress(resolve=resolve).request("POST", "https://rebind.example.com/")
    assert raised.value.reason == "unreachable"
    assert (asked, dialled) == (["rebind.example.com"], ["93.184.216.34"])


def test_a_name_that_is_private_by_the_time_of_the_delivery_is_refused() -> None:
    answers = iter([["93.184.216.34"], ["169.254.169.254"]])
    egress = Egress(resolve=lambda _, __: next(answers))
    egress.check("https://rebind.example.com/")
    with pytest.raises(EgressRefused):
        egress.request("POST", "https://rebind.example.com/")


def test_the_certificate_and_the_host_go_by_the_name(authority: Authority, tmp_path: Path) -> None:
    with running_receiver(authority.server(NAME, tmp_path)) as receiver:
        egress = Egress(receiver.allow, resolve=here, trust=authority.pem)
        assert egress.request("POST", f"https://{NAME}.:{receiver.port}/").status == 204
        assert receiver.received[0].headers["Host"] == f"{NAME}:{receiver.port}"
        for wrong in ("other.example.com", LOOPBACK):
            with pytest.raises(EgressFailed) as raised:
                egress.request("POST", f"https://{wrong}:{receiver.port}/")
            assert raised.value.reason == "tls"
        with pytest.raises(EgressFailed) as raised:
            Egress(receiver.allow, resolve=here).request("POST", f"https://{NAME}:{receiver.port}/")
        assert raised.value.reason == "tls"
        assert len(receiver.received) == 1


def test_what_does_not_speak_tls_gets_nothing(receiver: Receiver) -> None:
    with pytest.raises(EgressFailed) as raised:
        Egress(receiver.allow).request("POST", receiver.url.replace("http:", "https:"))
    assert raised.value.reason == "tls"
    assert receiver.received == []


def test_redirects_are_answers(receiver: Receiver) -> None:
    receiver.answers(307, Location=f"{receiver.url}/again")
    assert Egress(receiver.allow).request("POST", receiver.url).status == 307
    assert len(receiver.received) == 1


def test_where_they_are_followed_each_is_judged(receiver: Receiver) -> None:
    for location in ("https://169.254.169.254/", "http://10.0.0.1/", "file:///etc/passwd", "//127.0.0.1:1/"):
        receiver.answers(302, Location=location)
        with pytest.raises(EgressRefused):
            Egress(receiver.allow).request("GET", receiver.url, redirects=3)
    assert len(receiver.received) == 4


def test_a_redirect_that_is_followed_takes_no_credentials_to_another_host(receiver: Receiver) -> None:
    with running_receiver() as other:
        egress = Egress(f"{receiver.allow},{other.allow}")
        receiver.answers(307, Location=other.url)
        sent = {"Authorization": "Bearer x", "X-One": "1"}
        assert egress.request("POST", receiver.url, headers=sent, body=b"{}", redirects=1).status == 204
        assert (other.received[0].method, other.received[0].body) == ("POST", b"{}")
        assert "Authorization" not in other.received[0].headers
        assert other.received[0].headers["X-One"] == "1"
        receiver.answers(303, Location=other.url)
        assert egress.request("POST", receiver.url, body=b"{}", redirects=1).status == 204
        assert (other.received[1].method, other.received[1].body) == ("GET", b"")


def test_a_loop_of_redirects_ends(receiver: Receiver) -> None:
    receiver.answers(307, Location="/hook")
    assert Egress(receiver.allow).request("POST", receiver.url, redirects=3).status == 307
    assert len(receiver.received) == 4


def test_an_endless_answer_is_read_as_far_as_it_may_be(receiver: Receiver) -> None:
    def endless(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        while True:
            handler.wfile.write(b"x" * 65_536)

    receiver.behave = endless
    answered = Egress(receiver.allow).request("POST", receiver.url)
    assert (answered.status, len(answered.body), answered.complete) == (200, MAX_BODY_BYTES, False)


def test_endless_headers_are_no_answer(receiver: Receiver) -> None:
    def endless(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
        while True:
            handler.wfile.write(b"X-More: " + b"x" * 60_000 + b"\r\n")

    receiver.behave = endless
    with pytest.raises(EgressFailed) as raised:
        Egress(receiver.allow).request("POST", receiver.url)
    assert raised.value.reason == "protocol"


@pytest.mark.parametrize("head", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"])
def test_a_byte_now_and_then_does_not_hold_a_request_beyond_its_time(receiver: Receiver, head: bytes) -> None:
    over = threading.Event()

    def drip(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(head)
        while not over.wait(0.05):
            handler.wfile.write(b"H")

    receiver.behave = drip
    began = time.monotonic()
    try:
        if head:
            answered = Egress(receiver.allow).request("POST", receiver.url, seconds=0.6)
            assert (answered.status, answered.complete) == (200, False)
        else:
            # A line without an end: each byte alone comes soon enough.
            with pytest.raises(EgressFailed) as raised:
                Egress(receiver.allow).request("POST", receiver.url, seconds=0.6)
            assert raised.value.reason == "timeout"
    finally:
        over.set()
    # Dripping on, the answer would take 50 s, and the line would never end.
    assert time.monotonic() - began < 30


def test_who_says_nothing_is_left_in_time(receiver: Receiver) -> None:
    over = threading.Event()
    receiver.behave = lambda _: over.wait(60) and None
    try:
        with pytest.raises(EgressFailed) as raised:
            Egress(receiver.allow).request("POST", receiver.url, seconds=0.3)
        assert raised.value.reason == "timeout"
    finally:
        over.set()


def test_a_name_server_that_says_nothing_is_left_in_time() -> None:
    over = threading.Event()

    def silent(_: str, __: int) -> Sequence[str]:
        over.wait(60)
        return []

    try:
        with pytest.raises(EgressFailed) as raised:
            Egress(resolve=silent).check("https://hooks.example.com/", seconds=0.2)
        assert raised.value.reason == "name"
    finally:
        over.set()


def test_who_takes_no_connections_is_unreachable() -> None:
    with socket.create_server((LOOPBACK, 0)) as probe:
        free = f"{LOOPBACK}:{probe.getsockname()[1]}"
    with pytest.raises(EgressFailed) as raised:
        Egress(free).request("POST", f"http://{free}/")
    assert raised.value.reason == "unreachable"


def test_the_next_address_of_a_name_is_tried(receiver: Receiver) -> None:
    allow = f"127.0.0.99:{receiver.port},{receiver.allow}"
    egress = Egress(allow, resolve=lambda _, __: ["127.0.0.99", LOOPBACK])
    assert egress.request("POST", f"http://{NAME}:{receiver.port}/").status == 204


@pytest.mark.parametrize("said", [b"SSH-2.0-OpenSSH_9.9\r\n", b"", b"\x00" * 40 + b"\r\n"])
def test_what_is_not_http_is_no_answer(receiver: Receiver, said: bytes) -> None:
    def other(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(said)
        handler.close_connection = True

    receiver.behave = other
    with pytest.raises(EgressFailed) as raised:
        Egress(receiver.allow).request("POST", receiver.url)
    assert raised.value.reason in ("protocol", "unreachable")


def test_interim_answers_without_end_do_not_hold_it(receiver: Receiver) -> None:
    def interim(handler: BaseHTTPRequestHandler) -> None:
        while True:
            handler.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    receiver.behave = interim
    with pytest.raises(EgressFailed):
        Egress(receiver.allow).request("POST", receiver.url)


def test_nothing_is_taken_from_the_environment(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert Egress(receiver.allow).request("POST", receiver.url).status == 204


def test_an_answer_is_not_decompressed(receiver: Receiver) -> None:
    receiver.behave = lambda handler: answer(handler, 200, b"not gzip at all", {"Content-Encoding": "gzip"})
    assert Egress(receiver.allow).request("POST", receiver.url).body == b"not gzip at all"
