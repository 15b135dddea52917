"""What becomes of somebody's webhooks when they may not come in any more, are no administrator any more, or go."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

from agent_platform.errors import StorageUnavailable
from agent_platform.storage.executions import Failure
from agent_platform.storage.webhooks import PLATFORM, StoredSubscription, WebhookRepository, owned_by

OWNER_DISABLED: Final = Failure(
    code="owner_disabled", message="The account that it belongs to was disabled, or may not be told of this any more."
)
_TRIES = 5


def owner_changed(webhooks: WebhookRepository, user_id: str, *, comes_in: bool, is_admin: bool) -> None:
    """Stop what they may not be told of any more, and let go on what was stopped for this reason alone. Idempotent.

    Args:
        comes_in: whether the account is in use at all.
        is_admin: whether they may be told of everybody's events.

    Raises:
        StorageUnavailable: DynamoDB does not answer.
    """
    for partition, allowed in ((owned_by(user_id), comes_in), (PLATFORM, comes_in and is_admin)):
        for stored in _theirs(webhooks, partition, user_id):
            _set(webhooks, stored, allowed=allowed)


def end_of(webhooks: WebhookRepository, user_id: str) -> None:
    """Delete every webhook of a user; what is on its way to them is not sent. Idempotent.

    Raises:
        StorageUnavailable: DynamoDB does not answer.
    """
    for partition in (owned_by(user_id), PLATFORM):
        for stored in _theirs(webhooks, partition, user_id):
            webhooks.remove(stored.subscription)


def _theirs(webhooks: WebhookRepository, partition: str, user_id: str) -> Iterator[StoredSubscription]:
    yield from (each for each in webhooks.list_of(partition).items if each.subscription.owner == user_id)


def _set(webhooks: WebhookRepository, stored: StoredSubscription, *, allowed: bool) -> None:
    for _ in range(_TRIES):
        was = stored.subscription
        stopped_so = was.disabled is not None and was.disabled.code == OWNER_DISABLED.code
        if (allowed and not stopped_so) or (not allowed and not was.enabled):
            return
        change = {
            "enabled": allowed,
            "disabled": None if allowed else OWNER_DISABLED,
            "updated_at": datetime.now(UTC),
        }
        if webhooks.change(stored, was.model_copy(update=change), forgive=allowed):
            return
        found = webhooks.find(was.partition, was.id)
        if found is None:
            return
        stored = found
    raise StorageUnavailable("The user's webhooks are being changed by somebody else. Try again shortly.")
