"""Agents of users: drafted, checked by the gates, published, rolled back and withdrawn, through the gateway."""

from typing import Any

import pytest

from tests.fakes.credentials import credential
from tests.fakes.definitions import a_definition
from tests.fakes.gateway import Answer
from tests.functions.api.conftest import PASSWORD, Person, Platform

AGENTS, CUSTOM = "/api/v1/agents", "/api/v1/custom-agents"
NDA = "legal/nda-reviewer"


def parcel(**changes: Any) -> dict[str, Any]:
    """A definition that passes the gates among the few agents of the tests' catalogue."""
    neighbours = {
        "not_when": [{"ask": "A confidentiality agreement is to be read.", "instead": NDA}],
        "near_misses": [
            {"ask": "Read this confidentiality agreement clause by clause.", "belongs_to": NDA},
            {"ask": "Is the confidentiality agreement fair, clause by clause?", "belongs_to": NDA},
        ],
        "tags": ["contracts", "review", "compliance"],
    }
    return a_definition("parcel", **{**neighbours, **changes})


class Author:
    """Somebody with the role that writes agents."""

    def __init__(self, platform: Platform, email: str = "ann@example.com") -> None:
        platform.services.users.ensure(email, PASSWORD, "Ann", ["author"])
        self.platform = platform
        self.token = str(platform.login(email).json["access_token"])

    def create(self, name: str = "parcel-weigher", definition: dict[str, Any] | None = None) -> Answer:
        body = {"name": name, "definition": parcel() if definition is None else definition}
        return self.platform.gateway.post(AGENTS, body, token=self.token)

    def write(self, name: str = "parcel-weigher", **changes: Any) -> Answer:
        return self.platform.gateway.put(f"{CUSTOM}/{name}", {"definition": parcel(**changes)}, token=self.token)

    def do(self, what: str, body: Any = None, name: str = "parcel-weigher") -> Answer:
        return self.platform.gateway.post(f"{CUSTOM}/{name}/{what}", body, token=self.token)

    def get(self, name: str = "parcel-weigher") -> Answer:
        return self.platform.gateway.get(f"{CUSTOM}/{name}", token=self.token)


@pytest.fixture
def ann(platform: Platform) -> Author:
    return Author(platform)


@pytest.fixture
def ada(platform: Platform) -> Person:
    return platform.person()


def live(platform: Platform) -> str:
    """The version of the agent that is executed."""
    return platform.services.catalogue.get("custom/parcel-weigher").version


def test_a_draft_is_checked_published_and_then_everybodys(platform: Platform, ann: Author, ada: Person) -> None:
    made = ann.create()
    assert (made.status, made.json["id"], made.json["live_version"]) == (201, "custom/parcel-weigher", None)
    assert made.headers["location"] == f"{CUSTOM}/parcel-weigher"

    report = ann.do("check").json
    assert (report["passes"], report["faults"]) == (True, [])
    assert report["findings"][0].startswith("Nearest agent: ")
    published = ann.do("publish")

    assert (published.status, published.json["live_version"]) == (200, "1.0.0")
    assert live(platform) == "1.0.0"
    (card,) = platform.gateway.get(f"{CUSTOM}/published", token=ada.access_token).json["items"]
    assert (card["id"], card["group"], card["version"]) == ("custom/parcel-weigher", "custom", "1.0.0")
    assert platform.services.versions.get("custom/parcel-weigher", "1.0.0").name == "Parcel Weigher"


def test_a_further_version_must_say_what_changed_and_the_former_can_come_back(platform: Platform, ann: Author) -> None:
    ann.create()
    ann.do("publish")
    ann.write(use_when="You hold a parcel of any size and its tariff.")
    refused = ann.do("publish")
    assert (refused.status, refused.json["code"]) == (409, "conflict")
    assert "write version 1.1.0 or higher" in refused.json["detail"]
    assert live(platform) == "1.0.0"

    ann.write(use_when="You hold a parcel of any size and its tariff.", version="1.1.0")
    assert ann.do("publish").json["live_version"] == "1.1.0"
    assert live(platform) == "1.1.0"

    assert ann.do("roll-back", {"version": "1.0.0"}).json["live_version"] == "1.0.0"
    assert live(platform) == "1.0.0"
    assert ann.get().json["draft"]["version"] == "1.1.0"
    never = ann.do("roll-back", {"version": "3.0.0"})
    assert (never.status, never.json["code"]) == (404, "agent_version_not_found")


def test_publishing_the_same_draft_again_changes_nothing(platform: Platform, ann: Author) -> None:
    ann.create()
    assert [ann.do("publish").status for _ in range(2)] == [200, 200]
    assert live(platform) == "1.0.0"


def test_a_version_that_was_published_keeps_its_words(platform: Platform, ann: Author) -> None:
    ann.create()
    ann.do("publish")
    ann.do("withdraw")
    ann.write(use_when="You hold quite another parcel.")

    refused = ann.do("publish")

    assert (refused.status, refused.json["code"]) == (409, "conflict")
    assert "published before with other words" in refused.json["detail"]


def test_what_is_withdrawn_nobody_finds_until_it_comes_back(platform: Platform, ann: Author, ada: Person) -> None:
    ann.create()
    ann.do("publish")

    assert ann.do("withdraw").json["live_version"] is None

    assert platform.gateway.get(f"{CUSTOM}/published", token=ada.access_token).json["items"] == []
    batch = {"agent_id": "custom/parcel-weigher", "inputs": [{"parcel_grams": 1}]}
    assert platform.gateway.post("/api/v1/batches", batch, token=ada.access_token).status == 404
    ann.do("roll-back", {"version": "1.0.0"})
    assert platform.gateway.post("/api/v1/batches", batch, token=ada.access_token).status == 201


def test_a_draft_that_resembles_a_shipped_agent_is_not_published(platform: Platform, ann: Author) -> None:
    shipped = platform.services.catalogue.get("sales/quote-checker")
    same = parcel(tags=["contracts", "review", "magic"], input=shipped.input, example={
        "input": {"text": "x"}, "output": {"tariff_class": "M", "reason": "r"},
    })  # fmt: skip
    ann.create(definition=same)

    report = ann.do("check").json
    refused = ann.do("publish")

    assert report["passes"] is False
    assert {each["field"] for each in report["faults"]} == {"definition.tags.2", "definition.input"}
    assert (refused.status, refused.json["code"]) == (422, "agent_fails_gates")
    assert {each["field"] for each in refused.json["errors"]} == {"definition.tags.2", "definition.input"}
    assert ann.get().json["live_version"] is None


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"tools": ["http_request"], "hosts": ["erp.example.com"]}, "definition.tools"),
        ({"consults": [NDA], "tools": ["consult_agent"]}, "definition.consults"),
        ({"memory": "long_term"}, "definition.memory"),
        ({"framework": "crewai"}, "definition.framework"),
        ({"dedicated": True}, "definition.dedicated"),
        ({"limits": {"timeout_seconds": 301}}, "definition.limits.timeout_seconds"),
        ({"use_when": f"Send it with {credential('an AWS access key')} today."}, "definition.use_when"),
        (
            {"output": {"type": "object", "properties": {"a": {"$ref": "#"}}, "required": ["a"]}},
            "definition.output.properties.a",
        ),
        ({"summary": "short"}, "definition.summary"),
        ({"colour": "red"}, "definition.colour"),
        ({"example": {"input": {}, "output": {}}}, "definition.example.input.parcel_grams"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_a_users_agent_may_not_be_is_refused_by_field(ann: Author, changes: dict[str, Any], field: str) -> None:
    answer = ann.create(definition=parcel(**changes))

    assert (answer.status, answer.json["code"]) == (422, "invalid_input")
    assert field in {each["field"] for each in answer.json["errors"]}
    assert ann.get().status == 404


def test_a_name_is_one_agents_alone_and_free_again_when_it_is_gone(platform: Platform, ann: Author) -> None:
    other = Author(platform, "ben@example.com")
    ann.create()
    ann.do("publish")
    assert other.create().json["code"] == "agent_name_taken"
    assert [other.get().status, other.write().status, other.do("publish").status] == [404, 404, 404]

    gone = lambda: platform.gateway.request("DELETE", f"{CUSTOM}/parcel-weigher", token=ann.token)  # noqa: E731
    assert gone().status == 409  # it is live
    ann.do("withdraw")
    assert gone().status == 204
    assert other.create().status == 201
    assert other.do("publish").status == 200


def test_users_write_no_agents(platform: Platform, ada: Person) -> None:
    body = {"name": "parcel-weigher", "definition": parcel()}

    assert platform.gateway.post(AGENTS, body, token=ada.access_token).status == 403


@pytest.mark.parametrize("name", ["published", "Parcel", "a", "parcel_weigher", "x" * 60])
def test_a_name_that_is_no_path_is_refused(ann: Author, name: str) -> None:
    assert ann.create(name).status == 422


def test_one_person_has_a_hundred_agents_at_most(ann: Author, platform: Platform) -> None:
    user = platform.services.users.find("ann@example.com")
    assert user
    owner = user.id
    for number in range(100):
        platform.services.custom_agents.agents.create(f"agent-{number}", {}, owner=owner)

    refused = ann.create()

    assert (refused.status, refused.json["code"]) == (409, "conflict")
