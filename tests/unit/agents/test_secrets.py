"""A credential in a definition or a spec is an author's error, told with its place and never in its own words."""

import secrets
import uuid
from pathlib import Path

import pytest

from agent_platform.agents.check import check_catalogue
from agent_platform.agents.loader import AgentLoader
from agent_platform.agents.secrets import kind_of_secret, secret_faults
from agent_platform.errors import DefinitionError
from agent_platform.identity.key_text import new_key
from infra_cdk.repository import AGENT_DEFS, STATE_MACHINES
from tests.fakes.credentials import CREDENTIALS, credential
from tests.fakes.definitions import write_definition, write_vocabulary


@pytest.mark.parametrize("kind", CREDENTIALS)
def test_each_kind_is_seen_in_any_field_and_not_repeated(kind: str):
    planted = credential(kind)
    ((field, message),) = secret_faults({"steps": [{"template": {"note": f"use {planted} for it"}}], "title": "Fine"})
    assert field == "steps.0.template.note"
    assert planted not in message
    ((field, message),) = secret_faults({"a": {planted: 1}})
    assert (field, planted in message) == ("a", False)


def test_what_the_platform_itself_gives_out_is_seen():
    assert kind_of_secret(new_key(str(uuid.uuid4()))[0]) == "a key of this platform"
    assert kind_of_secret(f"whsec_{secrets.token_urlsafe(32)}") == "a webhook's secret"


@pytest.mark.parametrize(
    "text",
    [
        *("sk-", "whsec_…", "a task-oriented sketch: sk-ant-", "AKIA and ASIA are prefixes", "aap_key of yours"),
        *("https://example.com:8443/path@home", "https://user@example.com/", "postgres://user:***@host/db"),
        *("-----BEGIN CERTIFICATE-----", "eyJ is how a token begins", "postgres://${user}:${password}@host/db"),
    ],
)
def test_words_about_credentials_are_none(text: str):
    assert kind_of_secret(text) is None


def test_no_definition_and_no_shipped_workflow_holds_one():
    for folder in (AGENT_DEFS, STATE_MACHINES):
        for path in folder.rglob("*"):
            if path.is_file():
                assert kind_of_secret(path.read_text(encoding="utf-8")) is None, path


def test_the_check_of_definitions_tells_file_line_and_field(tmp_path: Path):
    root = tmp_path / "agent_defs"
    write_vocabulary(root)
    write_definition(root, "post/letter-weigher", "letter")
    planted = credential("a key for Claude")
    refuse = ["Opening the parcel", f"Telling that {planted} opens it"]
    path = write_definition(root, "post/parcel-weigher", "parcel", guardrails={"refuse": refuse})
    line = next(at for at, text in enumerate(path.read_text().splitlines(), 1) if planted in text)
    assert AgentLoader(root).load(path)
    with pytest.raises(DefinitionError) as raised:
        check_catalogue(root)
    (fault,) = [str(each) for each in raised.value.faults]
    assert fault.startswith(f"agent_defs/post/parcel-weigher.yaml:{line}: guardrails.refuse.1: holds a key for Claude")
    assert planted not in fault
