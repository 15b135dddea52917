"""The two steps around the items of a map: read the list before, put the results in order afterwards.

A short list travels in the state of the run; a longer one lies in a manifest, from which a distributed Map reads it.
What is large goes by reference either way.
"""

import hashlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from agent_platform.errors import InvalidInput
from agent_platform.storage.payloads import RUNS, compact
from agent_platform.workflows.references import ABSENT, Scope, parse_path
from agent_platform.workflows.spec import MAX_ITEMS
from agent_platform.workflows.step_data import Entry, StepData, checked
from agent_platform.workflows.step_requests import CollectMap, ItemResult, PrepareMap

AT_ONCE = 16
"""Objects written or read at once."""

MANIFEST_ITEM_BYTES = 16 * 1024
"""Of an item in a manifest: it becomes a part of its child run's state, which may have 256 KiB."""


class MapSteps:
    """What happens to a map's list."""

    def __init__(self, data: StepData) -> None:
        self._data = data

    def prepare(self, request: PrepareMap) -> dict[str, Any]:
        """The list's items, each with its index: inline, or as a manifest.

        Raises:
            InvalidInput: there is no list at the path, or it is too long.
        """
        values = self._list(request)
        distributed = len(values) > request.inline_items
        room = MANIFEST_ITEM_BYTES if distributed else request.inline_bytes // max(1, len(values))

        def prepared(at: int) -> dict[str, Any]:
            held = self._data.held(request.run.id, f"{request.step}-item", values[at], request.item_keep, room)
            return {"value": held.value, "ref": held.ref, "index": at}

        items = _at_once(prepared, len(values))
        manifest = self._manifest(request, items) if distributed else None
        return {
            "items": [] if distributed else items,
            "distributed": distributed,
            "manifest": manifest,
            "count": len(items),
        }

    def collect(self, request: CollectMap) -> Entry:
        """The map's output: `{"items", "failed"}`, the items' results in the order of the list.

        Raises:
            InvalidInput: the results together are too large.
        """

        def result(at: int) -> Any:
            return self._result(request.results[at], request.last)

        results = _at_once(result, len(request.results))
        failed = sum(each.failed for each in request.results)
        return self._data.entry(request, checked({"items": results, "failed": failed}), {"count": len(results)})

    def _list(self, request: PrepareMap) -> list[Any]:
        found = self._data.scope(request).lookup(parse_path(request.items))
        if not isinstance(found, list):
            what = "nothing" if found is ABSENT or found is None else f"a value of type {type(found).__name__}"
            raise InvalidInput(f"The map needs a list at `{request.items}`, and there is {what}.")
        if len(found) > MAX_ITEMS:
            raise InvalidInput(f"The list at `{request.items}` has {len(found):,} items; a map takes {MAX_ITEMS:,}.")
        return found

    def _manifest(self, request: PrepareMap, items: Sequence[dict[str, Any]]) -> dict[str, str]:
        digest = hashlib.sha256(compact(items)).hexdigest()[:16]
        key = f"{RUNS}{request.run.id}/{request.step}-items-{digest}.json"
        self._data.payloads.put(key, items)
        return {"bucket": self._data.payloads.bucket, "key": key}

    def _result(self, item: ItemResult, last: str | None) -> Any:
        """What is kept of an item; null where it failed, or its last step has no output."""
        if item.failed or last is None:
            return None
        found = Scope({"steps": item.steps}, self._data.load).lookup(parse_path(f"steps.{last}.output"))
        return None if found is ABSENT else found


def _at_once[R](make: Callable[[int], R], count: int) -> list[R]:
    """`make` of every number below `count`, in order, several at a time: each may wait for S3."""
    with ThreadPoolExecutor(AT_ONCE) as threads:
        return list(threads.map(make, range(count)))
