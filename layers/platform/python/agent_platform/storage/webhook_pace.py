"""Which webhooks answer promptly, and whose did not lately: what decides who waits for whom.

The first is an attribute of a subscription, the second one of what is counted beside an owner's subscriptions.
"""

from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from agent_platform.storage.dynamodb import dynamodb, storage_errors
from agent_platform.storage.webhooks import COUNT, StoredSubscription, Subscription

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

Trial = Literal["begun", "busy", "slow"]


class PaceRepository:
    """Reads and writes it. Every method raises `StorageUnavailable` when DynamoDB does not answer."""

    def __init__(self, table: str) -> None:
        self.table = table

    def is_slow(self, partition: str, now: datetime) -> bool:
        """Whether one of an owner's webhooks was slow lately."""
        with storage_errors("Reading how prompt webhooks are"):
            answer = dynamodb().get_item(TableName=self.table, Key=_key(partition, COUNT))
        return _is_slow(answer.get("Item", {}), now)

    def begin_trial(self, partition: str, now: datetime, until: datetime) -> Trial:
        """Try a webhook that is not known for prompt answers: one of an owner at a time, and none while one was slow.

        Returns:
            `begun`, and then it is over at the latest `until`; `busy` while there is another; or `slow`.
        """
        client = dynamodb()
        with storage_errors("Noting how prompt webhooks are"):
            try:
                client.update_item(
                    TableName=self.table,
                    Key=_key(partition, COUNT),
                    UpdateExpression="SET trial_until = :until",
                    ConditionExpression="(attribute_not_exists(slow_until) OR slow_until < :now) AND "
                    "(attribute_not_exists(trial_until) OR trial_until < :now)",
                    ExpressionAttributeValues={":now": _seconds(now), ":until": _seconds(until)},
                    ReturnValuesOnConditionCheckFailure="ALL_OLD",
                )
            except client.exceptions.ConditionalCheckFailedException as error:
                there: Any = error.response.get("Item", {})
                return "slow" if _is_slow(there, now) else "busy"
        return "begun"

    def end_trial(self, partition: str, now: datetime) -> bool:
        """The next may begin; returns whether one of the owner's webhooks was slow meanwhile."""
        with storage_errors("Noting how prompt webhooks are"):
            answer = dynamodb().update_item(
                TableName=self.table,
                Key=_key(partition, COUNT),
                UpdateExpression="REMOVE trial_until",
                ReturnValues="ALL_NEW",
            )
        return _is_slow(answer.get("Attributes", {}), now)

    def was_prompt(self, stored: StoredSubscription, now: datetime) -> None:
        """End its trial and know it for prompt answers, unless another of its owner's was slow meanwhile."""
        if not self.end_trial(stored.subscription.partition, now):
            # If it was changed meanwhile, it may lead to another address, of which nothing is known.
            self._note(stored.subscription, True, "revision = :was", {":was": {"N": str(stored.revision)}})

    def was_slow(self, subscription: Subscription, until: datetime) -> None:
        """Forget it, and mark its owner until then; this also ends a trial."""
        with storage_errors("Noting how prompt webhooks are"):
            dynamodb().update_item(
                TableName=self.table,
                Key=_key(subscription.partition, COUNT),
                UpdateExpression="SET slow_until = :until REMOVE trial_until",
                ExpressionAttributeValues={":until": _seconds(until)},
            )
        self._note(subscription, False, "attribute_exists(pk)", {})

    def _note(self, subscription: Subscription, prompt: bool, condition: str, values: dict[str, Any]) -> None:
        client = dynamodb()
        with storage_errors("Noting how prompt webhooks are"):
            try:
                client.update_item(
                    TableName=self.table,
                    Key=_key(subscription.partition, subscription.id),
                    UpdateExpression="SET prompt = :prompt",
                    ConditionExpression=condition,
                    ExpressionAttributeValues={":prompt": {"BOOL": prompt}, **values},
                )
            except client.exceptions.ConditionalCheckFailedException:
                return


def _key(partition: str, name: str) -> "dict[str, AttributeValueTypeDef]":
    return {"pk": {"S": partition}, "sk": {"S": name}}


def _seconds(moment: datetime) -> "AttributeValueTypeDef":
    return {"N": f"{moment.timestamp():.6f}"}


def _is_slow(item: Any, now: datetime) -> bool:
    return "slow_until" in item and float(item["slow_until"]["N"]) >= now.timestamp()
