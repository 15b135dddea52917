"""Removes a person's conversations for good: turns first, so that what is left after a crash is still found."""

from collections.abc import Iterator
from typing import Any

from agent_platform.storage.dynamodb import dynamodb, storage_errors
from agent_platform.storage.scans import scan_pages


def erase_conversations(table: str, owner: str) -> Iterator[int]:
    """Every session of an owner, also those whose deletion broke off, which no list shows.

    Yields 1 for each, and 0 for each page that was read.

    Raises:
        StorageUnavailable: DynamoDB does not answer.
    """
    for page in scan_pages(table, doing="Looking for conversations", names=("id", "turn", "owner", "deleted_by")):
        for item in page:
            if {"S": owner} in (item.get("owner"), item.get("deleted_by")):
                _erase(table, item["id"])
                yield 1
        yield 0


def _erase(table: str, session_id: Any) -> None:
    with storage_errors("Erasing a conversation"):
        pages = (
            dynamodb()
            .get_paginator("query")
            .paginate(
                TableName=table,
                KeyConditionExpression="id = :id",
                ExpressionAttributeValues={":id": session_id},
                ProjectionExpression="id, turn",
                ConsistentRead=True,
            )
        )
        # The head sorts behind all turns, and alone says whose they are.
        for key in (each for page in pages for each in page["Items"]):
            dynamodb().delete_item(TableName=table, Key=key)
