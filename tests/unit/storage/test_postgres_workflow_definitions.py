"""Workflows and versions in Postgres: each seen and changed by its owner alone, and the platform's by everybody."""

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from threading import Event
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import Engine

from agent_platform.errors import (
    InvalidCursor,
    Unauthenticated,
    WorkflowArchived,
    WorkflowNameTaken,
    WorkflowNotFound,
)
from agent_platform.storage.postgres import open_engine
from agent_platform.storage.shipped_workflows import ShippedWorkflow, synchronise_workflows
from agent_platform.storage.workflow_definitions import WorkflowDefinitions
from agent_platform.storage.workflow_records import Draft, digest_of
from tests.fakes.postgres import Server, database, engine
from tests.fakes.workflows import a_spec, an_author

__all__ = ["database", "engine"]


def a_draft(name: str = "tidy-numbers", title: str = "Tidy numbers", **changes: Any) -> Draft:
    fields = {"name": name, "title": title, "description": "d", "tags": ["finance"], "steps": 1}
    fields |= {"spec": a_spec(name, title=title), "source": f"name: {name}", "source_format": "yaml"}
    return Draft(**(fields | changes))


def shipped(name: str, digest: str = "d1", title: str = "Shipped") -> ShippedWorkflow:
    return ShippedWorkflow(a_draft(name, title), digest, f"arn:machine:{name}")


@pytest.fixture
def ada(engine: Engine) -> str:
    return an_author(engine)


@pytest.fixture
def bea(engine: Engine) -> str:
    return an_author(engine, "bea@example.com")


@pytest.fixture
def definitions(engine: Engine) -> WorkflowDefinitions:
    return WorkflowDefinitions(engine)


def publish(definitions: WorkflowDefinitions, workflow_id: str, owner: str, version: int | None = None) -> None:
    with definitions.publishing(workflow_id, version, owner=owner) as publication:
        draft = a_draft(title=publication.version.spec["title"])
        publication.made_live(draft, "arn:machine", f"arn:machine:{publication.version.version}", "arn:machine:live")


def test_a_new_workflow_is_a_draft_with_one_version(definitions: WorkflowDefinitions, ada: str):
    made = definitions.create(a_draft(), owner=ada)
    assert (made.status, made.live_version, made.latest_version, made.machine_arn) == ("draft", None, 1, None)
    assert definitions.get(made.id, owner=ada) == made
    version = definitions.version(made.id, 1, owner=ada)
    assert (version.spec, version.source, version.created_by) == (a_spec(), "name: tidy-numbers", ada)
    assert version.digest == digest_of(dict(reversed(a_spec().items())))


def test_a_name_is_taken_once_by_each_owner_until_it_is_archived(definitions: WorkflowDefinitions, ada: str, bea: str):
    made = definitions.create(a_draft(), owner=ada)
    definitions.create(a_draft(), owner=bea)
    with pytest.raises(WorkflowNameTaken):
        definitions.create(a_draft(), owner=ada)
    definitions.archive(made.id, owner=ada)
    assert definitions.create(a_draft(), owner=ada).id != made.id


def test_an_account_that_is_gone_owns_no_workflow(definitions: WorkflowDefinitions, engine: Engine):
    for owner in (str(uuid4()), "user-1", ""):
        with pytest.raises(Unauthenticated):
            definitions.create(a_draft(), owner=owner)
        assert definitions.list_visible(owner).items == []


def test_nobody_sees_or_changes_what_is_somebody_elses(definitions: WorkflowDefinitions, ada: str, bea: str):
    made = definitions.create(a_draft(), owner=ada)
    publish(definitions, made.id, ada)
    for attempt in (
        lambda: definitions.get(made.id, owner=bea),
        lambda: definitions.version(made.id, 1, owner=bea),
        lambda: definitions.versions(made.id, owner=bea),
        lambda: definitions.add_version(made.id, a_draft(), owner=bea),
        lambda: definitions.archive(made.id, owner=bea),
        lambda: definitions.live_before(made.id, owner=bea),
        lambda: publish(definitions, made.id, bea),
        lambda: definitions.get("no-uuid", owner=ada),
        lambda: definitions.version(made.id, 9, owner=ada),
    ):
        with pytest.raises(WorkflowNotFound):
            attempt()
    assert definitions.find("tidy-numbers", owner=bea) is None
    assert definitions.list_visible(bea).items == []


def test_a_row_tells_of_the_live_version_and_of_the_latest_while_none_is_live(
    definitions: WorkflowDefinitions, ada: str
):
    made = definitions.create(a_draft(title="First"), owner=ada)
    workflow, version = definitions.add_version(made.id, a_draft(title="Second"), owner=ada)
    assert (workflow.title, workflow.latest_version, version.version) == ("Second", 2, 2)
    publish(definitions, made.id, ada, 1)
    assert definitions.add_version(made.id, a_draft(title="Third"), owner=ada)[0].title == "First"
    found = definitions.get(made.id, owner=ada)
    assert (found.title, found.status, found.machine_arn) == ("First", "published", "arn:machine")


def test_the_version_before_is_the_one_that_was_published_last_of_the_others(
    definitions: WorkflowDefinitions, ada: str
):
    made = definitions.create(a_draft(), owner=ada)
    for _ in range(3):
        definitions.add_version(made.id, a_draft(), owner=ada)
    assert definitions.live_before(made.id, owner=ada) is None
    for version in (1, 2, 4):
        publish(definitions, made.id, ada, version)
    assert definitions.live_before(made.id, owner=ada) == 2
    assert [each.version for each in definitions.versions(made.id, owner=ada)] == [4, 3, 2, 1]


def test_a_publication_that_fails_leaves_everything_as_it_was(definitions: WorkflowDefinitions, ada: str):
    made = definitions.create(a_draft(), owner=ada)

    def fail_at_the_end() -> None:
        with definitions.publishing(made.id, None, owner=ada) as publication:
            publication.made_live(a_draft(title="New"), "arn", "arn:1", "arn:live")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_at_the_end()
    assert definitions.get(made.id, owner=ada) == made


def test_two_versions_are_never_published_at_once(
    definitions: WorkflowDefinitions, ada: str, postgres: Server, database: str
):
    made = definitions.create(a_draft(), owner=ada)
    definitions.add_version(made.id, a_draft(), owner=ada)
    other = open_engine(lambda: postgres.credentials(database))
    begun, order = Event(), list[str]()

    def second() -> None:
        begun.wait()
        with WorkflowDefinitions(other).publishing(made.id, 2, owner=ada) as publication:
            order.append("second")
            publication.made_live(a_draft(), "arn", "arn:2", "arn:live")

    with ThreadPoolExecutor(1) as pool, definitions.publishing(made.id, 1, owner=ada) as publication:
        waiting = pool.submit(second)
        begun.set()
        time.sleep(0.3)  # in which the second would be through
        order.append("first")
        publication.made_live(a_draft(), "arn", "arn:1", "arn:live")
    waiting.result()
    other.dispose()
    assert order == ["first", "second"]
    assert definitions.get(made.id, owner=ada).live_version == 2


def test_an_archived_workflow_takes_no_versions_and_stays_to_be_seen(definitions: WorkflowDefinitions, ada: str):
    made = definitions.create(a_draft(), owner=ada)
    archived = definitions.archive(made.id, owner=ada)
    assert archived.status == "archived"
    assert definitions.archive(made.id, owner=ada) == archived
    with pytest.raises(WorkflowArchived):
        definitions.add_version(made.id, a_draft(), owner=ada)
    with pytest.raises(WorkflowArchived):
        publish(definitions, made.id, ada)
    assert definitions.find("tidy-numbers", owner=ada) is None
    assert definitions.list_visible(ada).items == [archived]


def test_the_list_is_read_page_by_page_with_archived_ones_last(
    definitions: WorkflowDefinitions, engine: Engine, ada: str, bea: str
):
    made = [definitions.create(a_draft(f"flow-{number}"), owner=ada) for number in range(5)]
    definitions.create(a_draft("flow-of-bea"), owner=bea)
    for number in (4, 1):
        definitions.archive(made[number].id, owner=ada)
    synchronise_workflows(engine, [shipped("pay-invoice")])
    expected = ["pay-invoice", "flow-3", "flow-2", "flow-0", "flow-1", "flow-4"]
    for limit in (1, 2, 4):
        names, cursor = list[str](), None
        while True:
            page = definitions.list_visible(ada, limit=limit, cursor=cursor)
            names += [each.name for each in page.items]
            if (cursor := page.next_cursor) is None:
                break
        assert names == expected
    stranger = definitions.list_visible(ada, limit=2).next_cursor
    with pytest.raises(InvalidCursor):
        definitions.list_visible(bea, cursor=stranger)


def test_every_word_is_looked_for_in_name_title_description_and_tags(definitions: WorkflowDefinitions, ada: str):
    definitions.create(a_draft("pay-invoice", "Pay an invoice", description="100% checked"), owner=ada)
    definitions.create(a_draft("screen-candidate", "Screen candidates", tags=["hiring"]), owner=ada)

    def found(words: str) -> list[str]:
        return [each.name for each in definitions.list_visible(ada, words=words).items]

    assert found("INVOICE pay") == found("100%") == ["pay-invoice"]
    assert found("hiring") == found("candidates screen") == ["screen-candidate"]
    assert found("invoice hiring") == found("100_") == found("\\") == []
    assert len(found("")) == 2


def test_shipped_workflows_are_everybodys_to_run_and_nobodys_to_change(
    definitions: WorkflowDefinitions, engine: Engine, ada: str
):
    assert synchronise_workflows(engine, [shipped("pay-invoice"), shipped("screen")]) == {"written": 2, "archived": 0}
    found = definitions.find("platform/pay-invoice", owner=ada)
    assert found is not None
    assert (found.owner, found.status, found.live_version) == (None, "published", 1)
    assert found.machine_arn == "arn:machine:pay-invoice"
    assert definitions.find("pay-invoice", owner=ada) is None
    with pytest.raises(WorkflowNotFound):
        definitions.archive(found.id, owner=ada)
    assert definitions.create(a_draft("pay-invoice"), owner=ada).owner == ada


def test_a_shipped_workflow_that_changed_has_a_new_live_version_and_one_that_left_is_archived(
    definitions: WorkflowDefinitions, engine: Engine, ada: str
):
    both = [shipped("pay-invoice"), shipped("screen")]
    synchronise_workflows(engine, both)
    assert synchronise_workflows(engine, both) == {"written": 0, "archived": 0}
    changed = replace(shipped("pay-invoice", "d2"), draft=a_draft("pay-invoice", "New title"))
    assert synchronise_workflows(engine, [changed]) == {"written": 1, "archived": 1}
    assert synchronise_workflows(engine, [changed]) == {"written": 0, "archived": 0}
    found = definitions.find("platform/pay-invoice", owner=ada)
    assert found is not None
    assert (found.title, found.live_version, found.latest_version) == ("New title", 2, 2)
    assert definitions.find("platform/screen", owner=ada) is None
    assert [each.name for each in definitions.list_visible(ada).items] == ["pay-invoice"]
    assert synchronise_workflows(engine, [changed, shipped("screen")]) == {"written": 1, "archived": 0}
    back = definitions.find("platform/screen", owner=ada)
    assert back is not None
    assert (back.status, back.live_version) == ("published", 2)


def test_a_shipped_workflow_has_the_id_under_which_others_run_it(definitions: WorkflowDefinitions, engine: Engine):
    known = uuid4()
    synchronise_workflows(engine, [replace(shipped("pay-invoice"), id=known)])
    found = definitions.find("platform/pay-invoice", owner=None)
    assert found is not None
    assert found.id == str(known)


def test_the_version_at_a_moment_is_the_one_that_was_published_last_before_it(
    definitions: WorkflowDefinitions, engine: Engine, ada: str
):
    begun = datetime.now(UTC)
    synchronise_workflows(engine, [shipped("pay-invoice")])
    between = datetime.now(UTC)
    synchronise_workflows(engine, [shipped("pay-invoice", "d2")])
    found = definitions.find("platform/pay-invoice", owner=None)
    assert found is not None
    moments = (begun, between, datetime.now(UTC))
    assert [definitions.version_at(found.id, each).version for each in moments] == [1, 1, 2]
    draft = definitions.create(a_draft(), owner=ada)
    with pytest.raises(WorkflowNotFound, match="ever published"):
        definitions.version_at(draft.id, begun)


def test_two_deployments_at_once_write_each_workflow_once(engine: Engine, postgres: Server, database: str, ada: str):
    other = open_engine(lambda: postgres.credentials(database))
    with ThreadPoolExecutor(2) as pool:
        counts = list(pool.map(lambda each: synchronise_workflows(each, [shipped("pay-invoice")]), [engine, other]))
    other.dispose()
    assert sorted(each["written"] for each in counts) == [0, 1]
