"""What the offline model knows of agents: their example and output schema, from the compiled catalogue."""

import json
import re
import sqlite3
from dataclasses import dataclass
from pathlib import Path

from agent_platform.llm.offline.schema_values import EndlessSchema, minimal_value

# The line with which the platform's prompt composer begins a system prompt.
AGENT_LINE = re.compile(r"Agent: ([a-z0-9-]+/[a-z0-9-]+)(?: (\S+))?(?:\n|$)")


@dataclass(frozen=True, slots=True)
class Known:
    """What the catalogue says of an agent, as JSON text: its example, and the least its output schema accepts."""

    example: str | None = None
    smallest_output: str | None = None
    example_input: str | None = None
    version: str | None = None
    """The one that the catalogue has now; the example is of that version."""


def agent_named_in(system: object) -> str | None:
    """The agent id that a system prompt (text, or a list of text blocks) names in the first line of any block."""
    return _named_in(system)[0]


def version_named_in(system: object) -> str | None:
    """The version that stands behind that id."""
    return _named_in(system)[1]


def _named_in(system: object) -> tuple[str | None, str | None]:
    blocks = [system] if isinstance(system, str) else system if isinstance(system, list) else []
    for block in blocks:
        text = block.get("text") if isinstance(block, dict) else block
        match = AGENT_LINE.match(text) if isinstance(text, str) else None
        if match:
            return match[1], match[2]
    return None, None


class Definitions:
    """Look-up by agent id in a catalogue file that may be missing, or replaced while the server runs."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self._connection: sqlite3.Connection | None = None
        self._state: tuple[int, int, int] | None = None
        self._known: dict[str, Known | None] = {}

    def find(self, agent_id: str) -> Known | None:
        """What is known of the agent; None if the catalogue is missing, unreadable, or has no such agent."""
        connection = self._current()
        if connection is None:
            return None
        if agent_id not in self._known:
            try:
                row = connection.execute("SELECT definition FROM agents WHERE id = ?", (agent_id,)).fetchone()
            except sqlite3.Error:
                self._forget()
                return None
            self._known[agent_id] = _known(row[0]) if row else None
        return self._known[agent_id]

    def count(self) -> int | None:
        """How many agents the catalogue has; None if it cannot be read."""
        connection = self._current()
        try:
            return int(connection.execute("SELECT count(*) FROM agents").fetchone()[0]) if connection else None
        except sqlite3.Error:
            self._forget()
            return None

    def _current(self) -> sqlite3.Connection | None:
        """The connection to the file as it is now: one `stat` a request tells whether it was replaced."""
        if self.path is None:
            return None
        try:
            found = self.path.stat()
        except OSError:
            self._forget()
            return None
        state = (found.st_ino, found.st_mtime_ns, found.st_size)
        if state != self._state:
            self._forget()
            try:
                self._connection = sqlite3.connect(f"{self.path.absolute().as_uri()}?mode=ro", uri=True)
            except sqlite3.Error:
                return None
            self._state = state
        return self._connection

    def _forget(self) -> None:
        if self._connection:
            self._connection.close()
        self._connection, self._state = None, None
        self._known.clear()


def _known(definition: str) -> Known:
    """Read one stored definition; a damaged one is known to exist and has nothing to say."""
    try:
        fields = json.loads(definition)
        if "output" in (example := fields.get("example") or {}):
            asked = json.dumps(example["input"], ensure_ascii=False) if "input" in example else None
            text = json.dumps(example["output"], ensure_ascii=False)
            return Known(example=text, example_input=asked, version=fields.get("version"))
        return Known(smallest_output=json.dumps(minimal_value(fields["output"]), ensure_ascii=False))
    except (ValueError, AttributeError, KeyError, TypeError, EndlessSchema):
        return Known()
