"""What lets somebody in is seen by them alone: API keys, links of mails, passwords, also where they are mistyped."""

from typing import Any

import pytest

from agent_platform.agents.catalogue import Catalogue
from agent_platform.identity.letters import PostOffice
from functions.authorize.handler import handler as authorize
from tests.fakes.gateway import LambdaContext, authorizer_event
from tests.fakes.log import log
from tests.fakes.otlp import collector
from tests.functions.api.conftest import (
    Platform,
    catalogue,
    database,
    event_loop,
    jwt_secret,
    platform,
    settings,
    tokens_table,
)
from tests.functions.run_agent.conftest import AGENT, Function, function
from tests.security.canaries import Canaries
from tests.security.test_secrets_stay_out import canaries, with_secret_in

__all__ = [
    "canaries",
    "catalogue",
    "collector",
    "database",
    "event_loop",
    "function",
    "jwt_secret",
    "log",
    "platform",
    "settings",
    "tokens_table",
]

SITE = "https://agents.example.com"


class Mailbox:
    """Mails as their receivers see them, who are the only ones."""

    def __init__(self) -> None:
        self.tokens: list[str] = []

    def send(self, to: str, subject: str, text: str) -> None:  # noqa: ARG002
        self.tokens.append(text.partition("#token=")[2].split("\n")[0])


def test_keys_links_and_passwords_stay_with_their_owners(platform: Platform, canaries: Canaries) -> None:
    plant, gateway = canaries.plant, platform.gateway
    ada = platform.person()
    mailbox = Mailbox()
    office = PostOffice(platform.services.one_time_tokens, mailbox, SITE)

    def deliver(of: str) -> str:
        """Sends what waits; the last link's token."""
        for order in platform.letters:
            canaries.raised.append(repr(order))
            office.send(order)
        platform.letters.clear()
        canaries.planted[f"link: {of}"] = mailbox.tokens[-1]
        return mailbox.tokens[-1]

    def post(path: str, body: Any, token: str | None = None, **more: Any) -> Any:
        return gateway.post(f"/api/v1{path}", body, token=token, **more)

    verify = deliver("verify")
    assert post("/auth/verify-email", {"token": verify}).status == 204
    assert post("/auth/verify-email", {"token": verify}).status >= 400
    session = post("/auth/refresh", {"refresh_token": ada.refresh_token}).json
    canaries.planted["session: access token"] = session["access_token"]
    canaries.planted["session: refresh token"] = session["refresh_token"]

    made = post(
        "/keys", {"name": plant("key: name"), "scopes": ["agents:read", "executions:read"]}, session["access_token"]
    )
    assert made.status == 201, made.text
    key = canaries.planted["key: itself"] = made.json["key"]
    assert gateway.get("/api/v1/agents", token=key).status == 200
    assert gateway.get("/api/v1/me/budget", token=key).status in (200, 403)
    # Where keys go by mistake.
    gateway.get(f"/api/v1/keys/{key}", token=session["access_token"])
    gateway.get(f"/api/v1/executions/{key}", query=f"key={key}", token=session["access_token"])
    post("/auth/login", {"email": key, "password": key})
    post("/auth/refresh", {"refresh_token": key})
    broken = canaries.planted["key: mistyped"] = f"{key[:-1]}{'0' if key[-1] != '0' else '1'}"
    assert gateway.get("/api/v1/agents", token=broken).status == 401
    for odd in (plant("key: after the prefix"), plant("key: after the scheme")):
        for sent in (f"Bearer aap_{odd}", f"Basic {odd}", odd):
            with pytest.raises(Exception, match=r"^Unauthorized$"):
                authorize(authorizer_event("GET", "/api/v1/me", {"Authorization": sent}), LambdaContext())
    rotated = post(f"/keys/{made.json['id']}/rotate", {"grace_hours": 0}, session["access_token"])
    assert rotated.status in (200, 201), rotated.text
    canaries.planted["key: rotated"] = rotated.json["key"]

    assert post("/auth/forgot-password", {"email": "ada@example.com"}).status == 202
    reset = deliver("reset")
    post("/auth/forgot-password", {"email": f"{plant('forgot: unknown address')}@example.com"})
    post("/auth/reset-password", {"token": plant("reset: token of nobody"), "password": plant("reset: its password")})
    assert post("/auth/reset-password", {"token": reset, "password": plant("reset: password")}).status == 204
    signed_in = platform.login("ada@example.com", canaries.planted["reset: password"]).json
    change = {"current_password": plant("change: wrong password"), "password": plant("change: password")}
    post("/auth/password", change, signed_in["access_token"])

    platform.services.users.ensure("root@example.com", plant("administrator: password"), "Root", ["admin", "user"])
    root = platform.login("root@example.com", canaries.planted["administrator: password"]).json["access_token"]
    canaries.planted["administrator: access token"] = root
    invited = post("/users/invitations", {"email": "grace@example.com", "name": "Grace", "roles": ["user"]}, root)
    assert invited.status == 201, invited.text
    link = deliver("invitation")
    account = {"password": plant("invitation: password"), "name": "Grace"}
    assert post("/auth/accept-invitation", {"token": plant("invitation: of nobody"), **account}).status >= 400
    assert post("/auth/accept-invitation", {"token": link, **account}).status == 201
    assert post("/auth/accept-invitation", {"token": link, **account}).status >= 400

    # A key's name is its owner's to read again; nothing else of these is anywhere, hashed or whole.
    canaries.check({"key: name": {platform.settings.tokens_table}})
    assert len(canaries.planted) >= 20


def test_what_lets_somebody_in_reaches_no_prompt(function: Function, canaries: Canaries, catalogue_file: Any) -> None:
    """What a caller writes into the input is the prompt; what the caller is known by is not."""
    opened = Catalogue(catalogue_file)
    example = opened.get(AGENT).example.input
    opened.close()
    headers = {
        "Authorization": f"Bearer aap_{canaries.plant('header: API key')}",
        "X-Api-Key": canaries.plant("header: another key"),
        "Cookie": f"session={canaries.plant('header: cookie')}",
    }
    asked = with_secret_in(example, canaries.plant("input: free text"))
    assert function.execute({"input": asked}, headers=headers).status == 200
    prompts = str(function.claude.requests())
    seen = {place for place, secret in canaries.planted.items() if secret in prompts}
    assert seen == {"input: free text"}
