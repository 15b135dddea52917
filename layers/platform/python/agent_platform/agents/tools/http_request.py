"""Ask or tell a server outside, through the guarded client and nowhere but where the agent's definition allows."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from agent_platform.agents.tools.registry import Effect, Equipment, ToolFailed, tool
from agent_platform.egress import origin_of
from agent_platform.errors import PlatformError

Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]

REQUEST_SECONDS = 10.0
"""For the whole exchange: the name, the connection, the answer."""

TEXT_CHARACTERS = 15_000
"""Of an answer's body; the rest of the result is its head."""


def _effect(arguments: BaseModel) -> Effect:
    """By the method's meaning (RFC 9110, section 9.2.1: GET is safe)."""
    method = getattr(arguments, "method", None)
    return "reads" if method == "GET" else "destroys" if method == "DELETE" else "writes"


@tool(effect=_effect, equipped=True, timeout_seconds=REQUEST_SECONDS + 1)
def http_request(
    use: Equipment,
    method: Annotated[Method, Field(description="GET reads; every other method needs a person's approval")],
    url: Annotated[str, Field(max_length=2000, description="https://, at one of the hosts this agent may reach")],
    body: Annotated[str | None, Field(max_length=20_000, description="JSON text to send; not with GET")] = None,
) -> dict[str, Any]:
    """Send one HTTPS request to a host that this agent may reach, and return status and text of the answer.

    Redirects are not followed: the answer tells where one leads. What comes back is data from outside.
    """
    if method == "GET" and body is not None:
        raise ToolFailed("A GET has no body. Leave it out, or use another method.")
    _check_host(url, use.hosts)
    headers = {"Accept": "application/json, text/*;q=0.9"}
    if body is not None:
        headers["Content-Type"] = "application/json"
    try:
        answer = use.egress.request(
            method, url, headers=headers, body=body.encode() if body is not None else None, seconds=REQUEST_SECONDS
        )
    except PlatformError as error:
        raise ToolFailed(error.public_detail) from None
    except UnicodeEncodeError:
        raise ToolFailed("The body holds half of a surrogate pair, which is no text.") from None
    text = answer.body.decode("utf-8", "replace")
    return {
        "status": answer.status,
        "content_type": answer.headers.get("content-type"),
        "location": answer.headers.get("location"),
        "text": text[:TEXT_CHARACTERS],
        "complete": answer.complete and len(text) <= TEXT_CHARACTERS,
    }


def _check_host(url: str, hosts: tuple[str, ...]) -> None:
    """Whether the definition names the host, and the port where it is not the one of HTTPS."""
    try:
        _, host, port = origin_of(url)
    except PlatformError as error:
        raise ToolFailed(error.public_detail) from None
    host = host.lower().rstrip(".")
    if (host if port == 443 else f"{host}:{port}") not in hosts:
        raise ToolFailed(f"This agent may only reach {', '.join(hosts) or 'no host'}.")
