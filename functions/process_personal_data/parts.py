"""What an export is made of, from the tables and the database of this deployment."""

from collections.abc import Callable, Iterator
from typing import Any

from agent_platform.identity.api_keys import ApiKeys
from agent_platform.identity.export import Part
from agent_platform.identity.people import People
from agent_platform.settings import ProcessPersonalDataSettings
from agent_platform.storage.approvals import stored_in
from agent_platform.storage.batches import BatchRepository
from agent_platform.storage.custom_agents import CustomAgents
from agent_platform.storage.dynamodb import dynamodb, storage_errors
from agent_platform.storage.executions import ExecutionRepository
from agent_platform.storage.payloads import PayloadStore
from agent_platform.storage.runs import RunRepository
from agent_platform.storage.scans import scan_pages
from agent_platform.storage.sessions import SessionRepository
from agent_platform.storage.tool_approvals import tool_approval_in
from agent_platform.storage.triggers import TriggerRepository
from agent_platform.storage.webhooks import PLATFORM, WebhookRepository, owned_by
from agent_platform.storage.workflow_definitions import WorkflowDefinitions

PAGE = 100

Documents = Iterator[dict[str, Any]]
Looked = Iterator[dict[str, Any] | None]


def parts(env: ProcessPersonalDataSettings, engine: Any, payloads: PayloadStore) -> list[Part]:
    """One per kind of data, in the order in which they stand in the file."""
    executions = ExecutionRepository(env.executions_table, payloads)
    runs = RunRepository(env.runs_table, payloads)
    sessions = SessionRepository(env.sessions_table)
    batches = BatchRepository(env.batches_table, payloads)
    webhooks = WebhookRepository(env.webhooks_table)
    triggers = TriggerRepository(engine)
    keys = ApiKeys(env.tokens_table)

    def account(user_id: str) -> Documents:
        person = People(engine).get(user_id)
        yield {
            "id": person.id,
            "email": person.email,
            "email_verified": person.email_verified,
            "name": person.name,
            "roles": list(person.roles),
            "created_at": person.created_at.isoformat(),
        }

    def asked(user_id: str) -> Looked:
        for page in scan_pages(env.approvals_table, doing="Reading approvals"):
            for stored in map(stored_in, page):
                if stored and stored.approval.owner == user_id:
                    yield stored.approval.model_dump(mode="json", exclude={"keep", "inline_bytes"})
            yield None

    def asked_for_tools(user_id: str) -> Looked:
        for page in scan_pages(env.approvals_table, doing="Reading approvals of tools"):
            for found in map(tool_approval_in, page):
                if found and found[0].owner == user_id:
                    yield found[0].model_dump(mode="json", exclude={"digest"})
            yield None

    def sign_ins(user_id: str) -> Looked:
        names = ("user_id", "session_id", "started_ms", "expires_at")
        for page in scan_pages(env.tokens_table, doing="Reading sessions", names=names):
            for item in page:
                if item.get("user_id") == {"S": user_id}:
                    yield {
                        "session_id": item["session_id"]["S"],
                        "started_ms": int(item["started_ms"]["N"]),
                        "expires_at": int(item["expires_at"]["N"]),
                    }
            yield None

    def executed(user_id: str) -> Documents:
        for each in _pages(lambda cursor: executions.list_by_owner(user_id, limit=PAGE, cursor=cursor)):
            yield executions.get(each.id, owner=user_id).model_dump(mode="json")

    def conversations(user_id: str) -> Documents:
        for each in _pages(lambda cursor: sessions.list_by_owner(user_id, limit=PAGE, cursor=cursor)):
            turns = _pages(lambda cursor, of=each.id: sessions.turns(of, owner=user_id, limit=PAGE, cursor=cursor))  # type: ignore[misc]
            yield each.model_dump(mode="json") | {"turns_of_it": [turn.model_dump(mode="json") for turn in turns]}

    def batched(user_id: str) -> Documents:
        for each in _pages(lambda cursor: batches.list_by_owner(user_id, limit=PAGE, cursor=cursor)):
            yield each.model_dump(mode="json")

    def ran(user_id: str) -> Documents:
        for each in _pages(lambda cursor: runs.list_by_owner(user_id, limit=PAGE, cursor=cursor)):
            yield runs.get(each.id, owner=user_id).model_dump(mode="json", exclude={"states", "keep"})

    def triggered(user_id: str) -> Documents:
        for each in _pages(lambda cursor: triggers.list_by_owner(user_id, limit=PAGE, cursor=cursor)):
            yield {
                "id": each.id,
                "workflow_id": each.workflow_id,
                "kind": each.kind,
                "title": each.title,
                "settings": each.settings,
                "input": each.input,
                "paused": each.paused,
                "created_at": each.created_at.isoformat(),
            }

    def written(user_id: str) -> Documents:
        for each in CustomAgents(engine).list_by_owner(user_id):
            yield {
                "id": each.id,
                "live_version": each.live_version,
                "draft": each.draft,
                "created_at": each.created_at.isoformat(),
            }

    def hooks(user_id: str) -> Documents:
        for partition in (owned_by(user_id), PLATFORM):
            for each in webhooks.list_of(partition).items:
                if each.subscription.owner == user_id:
                    yield each.subscription.model_dump(
                        mode="json", exclude={"secret", "previous_secret", "previous_until"}
                    )

    def api_keys(user_id: str) -> Documents:
        for each in _pages(lambda cursor: keys.mine(user_id, limit=24, cursor=cursor)):
            yield each.key.model_dump(mode="json", exclude={"digest", "previous_digest"})

    def budget(user_id: str) -> Documents:
        with storage_errors("Reading the budget"):
            answer = dynamodb().get_item(TableName=env.accounts_table, Key={"id": {"S": f"user#{user_id}"}})
        if "Item" in answer:
            yield {name: _plain(value) for name, value in answer["Item"].items()}

    return [
        Part("account", account),
        Part("sign_ins", sign_ins),
        Part("executions", executed),
        Part("conversations", conversations),
        Part("batches", batched),
        Part("workflows", lambda user_id: _workflows(WorkflowDefinitions(engine), user_id)),
        Part("runs", ran),
        Part("approvals", asked),
        Part("tool_approvals", asked_for_tools),
        Part("triggers", triggered),
        Part("custom_agents", written),
        Part("webhooks", hooks),
        Part("api_keys", api_keys),
        Part("budget", budget),
    ]


def _pages(read: Callable[[str | None], Any]) -> Iterator[Any]:
    """Everything of a list, page after page."""
    cursor: str | None = None
    while True:
        page = read(cursor)
        yield from page.items
        cursor = page.next_cursor
        if cursor is None:
            return


def _workflows(definitions: WorkflowDefinitions, user_id: str) -> Documents:
    """Their own in all versions; those that the platform ships are nobody's."""
    for workflow in _pages(lambda cursor: definitions.list_visible(user_id, limit=PAGE, cursor=cursor)):
        if workflow.owner != user_id:
            continue
        for version in definitions.versions(workflow.id, owner=user_id):
            yield {
                "id": workflow.id,
                "name": workflow.name,
                "title": workflow.title,
                "description": workflow.description,
                "version": version.version,
                "source": version.source,
                "created_at": version.created_at.isoformat(),
            }


def _plain(value: Any) -> Any:
    """A value of DynamoDB as JSON has it."""
    ((kind, held),) = value.items()
    if kind == "M":
        return {name: _plain(each) for name, each in held.items()}
    if kind == "L":
        return [_plain(each) for each in held]
    return float(held) if kind == "N" else held
