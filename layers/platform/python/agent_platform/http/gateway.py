"""Run an ASGI application behind API Gateway; apart from the room, so that a plain server needs no Mangum."""

from typing import Any

from fastapi import FastAPI
from mangum import Mangum

_TEXT = ["text/", "application/json", "application/problem+json", "application/openapi+json"]
"""What travels as text; anything else would be sent base64-encoded."""


def gateway_handler(app: FastAPI) -> Any:
    """A Lambda handler for API Gateway REST proxy events."""
    return Mangum(app, lifespan="off", text_mime_types=_TEXT)
