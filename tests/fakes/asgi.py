"""A client that speaks ASGI itself: it sends bodies in pieces, lies about their length, and sees what escapes."""

import asyncio
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI


@dataclass(frozen=True)
class Response:
    """What came back; header names in lower case. `escaped` is what the application raised beside answering."""

    status: int
    headers: dict[str, str]
    body: bytes
    escaped: Exception | None = None

    @property
    def json(self) -> Any:
        """The body, parsed."""
        return json.loads(self.body)

    @property
    def problem(self) -> Any:
        """The body as problem details; fails if it is none."""
        assert self.headers["content-type"] == "application/problem+json", self
        problem = self.json
        assert problem["type"] == f"/problems/{problem['code']}"
        assert problem["status"] == self.status
        assert problem["title"]
        assert problem["detail"]
        assert problem["trace_id"] == self.headers["x-trace-id"]
        assert not {"errors", "execution_id"} & {name for name, value in problem.items() if not value}
        return problem


def ask(
    app: FastAPI,
    method: str,
    path: str,
    body: bytes | Iterable[bytes] = b"",
    headers: Mapping[str, str] | None = None,
    *,
    scope: Mapping[str, Any] | None = None,
    query: bytes = b"",
) -> Response:
    """One request. Nothing is added to the headers that are given."""
    pieces = iter([body] if isinstance(body, bytes) else body)
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        piece = next(pieces, None)
        return {"type": "http.request", "body": piece or b"", "more_body": piece is not None}

    async def send(message: Any) -> None:
        sent.append(message)

    async def run() -> Exception | None:
        try:
            await app(
                {
                    "type": "http",
                    "asgi": {"version": "3.0"},
                    "http_version": "1.1",
                    "method": method,
                    "scheme": "https",
                    "path": path,
                    "raw_path": path.encode(),
                    "query_string": query,
                    "root_path": "",
                    "headers": [
                        (name.lower().encode(), value.encode("latin-1")) for name, value in (headers or {}).items()
                    ],
                    "client": ("203.0.113.7", 1),
                    "server": ("example.com", 443),
                    **(scope or {}),
                },
                receive,
                send,
            )
        except Exception as error:  # noqa: BLE001 - a server would log it
            return error
        return None

    escaped = asyncio.run(run())
    start = next(message for message in sent if message["type"] == "http.response.start")
    text = b"".join(message.get("body", b"") for message in sent if message["type"] == "http.response.body")
    found = {name.decode().lower(): value.decode("latin-1") for name, value in start["headers"]}
    return Response(start["status"], found, text, escaped)
