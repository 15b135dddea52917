"""Reading whole tables."""

import pytest

from agent_platform.errors import StorageUnavailable
from agent_platform.storage.dynamodb import dynamodb
from agent_platform.storage.scans import scan, scan_pages
from tests.fakes.aws import CIRCUITS_TABLE
from tests.fakes.dynamodb_faults import DynamoDBFaults, dynamodb_faults

__all__ = ["dynamodb_faults"]

LARGE = "x" * 300_000


def test_every_item_is_read_once_over_all_segments_and_pages(governance_tables: None) -> None:
    for number in range(16):  # 4.8 MB: more than a page in some segment, however they are spread
        dynamodb().put_item(TableName=CIRCUITS_TABLE, Item={"id": {"S": f"{number}"}, "filler": {"S": LARGE}})
    found = scan(CIRCUITS_TABLE, doing="Reading", names=("id",))
    assert sorted(found, key=lambda item: int(item["id"]["S"])) == [{"id": {"S": f"{number}"}} for number in range(16)]


def test_a_large_table_comes_page_by_page(governance_tables: None) -> None:
    for number in range(10):
        dynamodb().put_item(TableName=CIRCUITS_TABLE, Item={"id": {"S": f"{number}"}, "filler": {"S": LARGE}})
    pages = list(scan_pages(CIRCUITS_TABLE, doing="Reading", names=("id",)))
    assert max(len(page) for page in pages) < 5
    assert sorted(item["id"]["S"] for page in pages for item in page) == [f"{number}" for number in range(10)]


def test_all_attributes_come_where_none_is_named(governance_tables: None) -> None:
    item = {"id": {"S": "a"}, "retry_at": {"N": "1"}}
    dynamodb().put_item(TableName=CIRCUITS_TABLE, Item=item)
    assert scan(CIRCUITS_TABLE, doing="Reading") == [item]


def test_a_table_that_does_not_answer_is_said_in_our_words(
    governance_tables: None, dynamodb_faults: DynamoDBFaults
) -> None:
    dynamodb_faults.go_down()
    with pytest.raises(StorageUnavailable, match="Reading all failed"):
        scan(CIRCUITS_TABLE, doing="Reading all")
    with pytest.raises(StorageUnavailable, match="Reading all failed"):
        next(scan_pages(CIRCUITS_TABLE, doing="Reading all"))
