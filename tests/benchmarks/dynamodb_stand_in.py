"""A DynamoDB endpoint that accepts every write at once, in a process of its own: what remains is the client's cost.

`python -m tests.benchmarks.dynamodb_stand_in` prints its URL and ends when standard input closes. It keeps nothing, so
it proves nothing about what is written; tests/functions do that. Every account has money left, and every circuit is
closed. `GET /` answers how many calls of each operation it has had.
"""

import json
import subprocess
import sys
import threading
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

from tests.benchmarks.report import ROOT

_ACCOUNT = {
    **{name: {"N": "1"} for name in ("version", "spent")},
    **{name: {"N": str(10**15)} for name in ("ceiling", "available")},
    "period": {"S": "2026-11"},
    **{name: {"M": {}} for name in ("calls", "holds", "keys")},
}
_ANSWERS: dict[str, dict[str, object]] = {
    "GetItem": {},
    "TransactWriteItems": {},
    "UpdateItem": {"Attributes": _ACCOUNT},
}


class _Endpoint(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # one segment per answer
    disable_nagle_algorithm = True
    calls: ClassVar = Counter[str]()
    lock = threading.Lock()

    def do_POST(self) -> None:
        """Accept what the pipeline asks for; refuse anything else."""
        self.rfile.read(int(self.headers["Content-Length"]))
        operation = self.headers["X-Amz-Target"].removeprefix("DynamoDB_20120810.")
        with self.lock:
            self.calls[operation] += 1
        signed = self.headers.get("Authorization", "").startswith("AWS4-HMAC-SHA256")
        answer = _ANSWERS.get(operation) if signed else None
        self._answer(400 if answer is None else 200, json.dumps(answer or {}).encode())

    def do_GET(self) -> None:
        self._answer(200, json.dumps(self.calls).encode())

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/x-amz-json-1.0")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def running_dynamodb_stand_in() -> Iterator[str]:
    """Start the endpoint; yields its URL."""
    command = [sys.executable, "-m", "tests.benchmarks.dynamodb_stand_in"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdin
        assert process.stdout
        url = process.stdout.readline().strip()
        if not url:
            raise RuntimeError("The DynamoDB stand-in did not start; its reason is on standard error.")
        try:
            yield url
        finally:
            process.stdin.close()
            process.wait(10)


def calls_of(url: str) -> dict[str, int]:
    """How many calls of each operation an endpoint has had."""
    with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310 - our own loopback process
        found: dict[str, int] = json.load(answer)
    return found


def credentials_for(url: str) -> dict[str, str]:
    """The environment that leads boto3 to the endpoint."""
    return {
        "AWS_ENDPOINT_URL_DYNAMODB": url,
        "AWS_ACCESS_KEY_ID": "none",
        "AWS_SECRET_ACCESS_KEY": "none",
        "AWS_DEFAULT_REGION": "eu-central-1",
    }


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Endpoint)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdout.write(f"http://127.0.0.1:{server.server_port}\n")
    sys.stdout.flush()
    sys.stdin.read()
