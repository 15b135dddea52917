"""Export of a person's data: everything the platform holds about them, as one ZIP file of JSON Lines.

It is written as it is read, one document at a time, so that ten thousand executions need no more memory than one.
"""

import io
import json
import time
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from agent_platform.errors import StorageUnavailable
from agent_platform.ids import new_id
from agent_platform.observability import get_logger
from agent_platform.storage.data_requests import Hold
from agent_platform.storage.payloads import EXPORTS, PayloadStore

TELL_EVERY: Final = 10.0
"""Seconds after which it is told how far it is, which holds the request on: well below `data_requests.HELD`."""

_README = """\
All that the platform holds about you, on {when}. Every file but this one has one JSON document per line.
Passwords, keys and secrets are kept as digests only, or derived when they are needed: there is nothing to export of
them.
"""


@dataclass(frozen=True, slots=True)
class Part:
    """One file of the export: `read` yields its documents, and None where it looked for long and found none."""

    name: str
    read: Callable[[str], Iterable[Mapping[str, Any] | None]]


class Export:
    """Carries requests out. Every method raises `StorageUnavailable` when what it reads or writes does not answer."""

    def __init__(self, payloads: PayloadStore, parts: Sequence[Part]) -> None:
        self._payloads = payloads
        self._parts = parts

    def carry_out(self, hold: Hold) -> None:
        """Write the file; it appears whole or not at all, so that whoever goes on after a crash begins anew.

        Raises:
            StorageUnavailable: the request is over, because the account is being erased, or another has taken it.
        """
        request, counts = hold.request, dict[str, int]()
        # A name of its own for each try: what one must take back is never what another has finished.
        key = f"{EXPORTS}{request.user_id}/{request.id}/{new_id()}.zip"
        size = self._payloads.write(key, self._pieces(hold, counts), "application/zip")
        try:
            hold.finish(counts, object_key=key)
        except StorageUnavailable:
            self._payloads.delete(key)
            raise
        about = {"request_id": request.id, "principal": request.user_id, "bytes": size}
        get_logger().info("personal_data_exported", extra=about)

    def _pieces(self, hold: Hold, counts: dict[str, int]) -> Iterator[bytes]:
        request, written = hold.request, _Written()
        with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("README.txt", _README.format(when=f"{request.asked_at:%Y-%m-%d %H:%M} UTC"))
            for part in self._parts:
                counts[part.name] = 0
                hold.tell(part.name, counts)
                told = time.monotonic()
                with archive.open(f"{part.name}.jsonl", "w", force_zip64=True) as file:
                    for document in part.read(request.user_id):
                        if document is not None:
                            file.write(json.dumps(document, ensure_ascii=False).encode() + b"\n")
                            counts[part.name] += 1
                        if time.monotonic() - told >= TELL_EVERY:
                            hold.tell(part.name, counts)
                            told = time.monotonic()
                        yield written.taken()
                yield written.taken()
        yield written.taken()


class _Written(io.RawIOBase):
    """A file that only grows, whose bytes can be taken while it is being written: what `zipfile` needs to stream."""

    def __init__(self) -> None:
        self._bytes = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._bytes += data
        return len(data)

    def taken(self) -> bytes:
        """What was written since this was asked last."""
        taken = bytes(self._bytes)
        self._bytes.clear()
        return taken
