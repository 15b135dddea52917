"""Does the work of dead letters again, by invoking the function whose work it was; or discards it."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from agent_platform.errors import (
    ConfigurationError,
    Conflict,
    DeadLetterNotFound,
    DeadlineExceeded,
    FunctionFailed,
    PayloadMissing,
    PlatformError,
)
from agent_platform.events.dead_letters import Reason
from agent_platform.events.letter_masks import masked_text
from agent_platform.events.letter_shapes import UNKNOWN_SHAPE
from agent_platform.observability import count, get_logger
from agent_platform.storage.dead_letters import Claimed, DeadLetter, DeadLetterRepository
from agent_platform.storage.lambda_functions import invoke

CLAIM = timedelta(minutes=16)
"""Longer than any function may run: what has not answered in time may still be at work."""
BULK_SECONDS = 20.0
"""After which a bulk begins no further letter."""
ANSWER_SECONDS = 24
BULK_LETTERS = 100

Invoke = Callable[..., Any]


@dataclass(slots=True)
class BulkResult:
    """What came of many letters."""

    redriven: list[str]
    failed: list[DeadLetter]
    skipped: list[str]
    left: list[str]
    problem: Reason | None = None
    """What ended it before the time was up; the letter that met it is the first of those left."""


class Redrive:
    """Redrives and discards. Methods raise `StorageUnavailable` when AWS does not answer."""

    def __init__(self, letters: DeadLetterRepository, functions: Mapping[str, str], call: Invoke = invoke) -> None:
        self._letters = letters
        self._functions = functions
        self._call = call

    def redrive(self, letter_id: str, by: str, *, answer_seconds: int = ANSWER_SECONDS) -> DeadLetter:
        """Do the work of an open letter again; it is redriven, or stays open with the new reason.

        Raises:
            DeadLetterNotFound: there is none.
            DeadLetterClosed: it was redriven or discarded before.
            DeadLetterBusy: somebody else is at it.
            DeadlineExceeded: the function did not answer in time; the letter stays claimed until it must be over.
        """
        now = datetime.now(UTC)
        claimed = self._letters.claim(letter_id, now=now, until=now + CLAIM)
        letter = claimed.letter
        try:
            problem = self._do(letter, answer_seconds)
        except DeadlineExceeded:
            raise
        except Exception:
            self._release(claimed)
            raise
        changed: dict[str, Any] = {"changed_at": datetime.now(UTC), "changed_by": by}
        if problem is None:
            return self._record(claimed, letter.model_copy(update={**changed, "state": "redriven"}))
        reason = {"code": problem.code, "message": masked_text(problem.message)[:2000], "tries": letter.tries + 1}
        return self._record(claimed, letter.model_copy(update={**changed, **reason}))

    def redrive_all(self, letter_ids: Sequence[str], by: str, *, source: str) -> BulkResult:
        """Redrive letters one after the other until the time is nearly up; those that remain are told.

        What keeps the platform from redriving any letter ends it early, and is told with what was done until then.
        """
        end, done = time.monotonic() + BULK_SECONDS, BulkResult([], [], [], [])
        wanted = list(dict.fromkeys(letter_ids))[:BULK_LETTERS]
        for place, letter_id in enumerate(wanted):
            seconds = int(end - time.monotonic())
            if seconds < 1:
                done.left = wanted[place:]
                break
            try:
                if self._letters.get(letter_id).source != source:
                    done.skipped.append(letter_id)
                    continue
                letter = self.redrive(letter_id, by, answer_seconds=seconds + 4)
            except (Conflict, DeadLetterNotFound, DeadlineExceeded):
                done.skipped.append(letter_id)
            except Exception as error:  # noqa: BLE001 - what was done until here must be told whatever comes
                get_logger().exception("redrive_stopped", extra={"letter_id": letter_id})
                known = error if isinstance(error, PlatformError) else PlatformError("A letter could not be redriven.")
                done.left, done.problem = wanted[place:], Reason(code=known.code, message=known.public_detail)
                break
            else:
                if letter.state == "redriven":
                    done.redriven.append(letter_id)
                else:
                    done.failed.append(letter)
        return done

    def discard(self, letter_id: str, by: str, reason: str) -> DeadLetter:
        """Close an open letter without doing its work.

        Raises:
            DeadLetterNotFound, DeadLetterClosed, DeadLetterBusy: as `redrive`.
        """
        now = datetime.now(UTC)
        claimed = self._letters.claim(letter_id, now=now, until=now + timedelta(seconds=30))
        changed = {"state": "discarded", "changed_at": now, "changed_by": by, "note": masked_text(reason)}
        return self._record(claimed, claimed.letter.model_copy(update=changed))

    def _do(self, letter: DeadLetter, answer_seconds: int) -> Reason | None:
        """Why it failed again; None where it did not."""
        if letter.source not in self._functions:
            raise ConfigurationError(f"No function is named that does the work of {letter.source} again.")
        try:
            payload = self._letters.payload(letter.id)
            if letter.code == UNKNOWN_SHAPE or "left_out" in payload:
                said = "The letter does not hold what would do its work again: discard it."
                return Reason(code=letter.code, message=said)
            answer = self._call(self._functions[letter.source], payload, answer_seconds=answer_seconds)
        except PayloadMissing as error:
            return Reason(code=error.code, message=error.detail)
        except FunctionFailed as error:
            return Reason(code=error.kind[:100], message=error.detail)
        return _failure(answer)

    def _release(self, claimed: Claimed) -> None:
        """Leave the letter as it was, for the next try; where that fails too, the claim lapses by itself."""
        try:
            self._letters.record(claimed, claimed.letter)
        except PlatformError:
            get_logger().exception("claim_not_released", extra={"letter_id": claimed.letter.id})

    def _record(self, claimed: Claimed, changed: DeadLetter) -> DeadLetter:
        if not self._letters.record(claimed, changed):
            return self._letters.get(changed.id)
        show_open(self._letters, changed.source)
        return changed


def _failure(answer: Any) -> Reason | None:
    """What a function's answer says of its failure, in whatever shape."""
    if not isinstance(answer, dict):
        return None
    if failed := answer.get("failed"):
        first = failed[0] if isinstance(failed, list) else failed
        told = first if isinstance(first, dict) else {"message": str(first)}
        code, message = str(told.get("code") or "still_failing"), str(told.get("message") or "It gave no reason.")
        more = f" ({len(failed) - 1} more failed.)" if isinstance(failed, list) and len(failed) > 1 else ""
        return Reason(code=code[:100], message=message + more)
    if answer.get("batchItemFailures"):
        return Reason(code="still_failing", message="The function asked for the batch to come again.")
    return None


def show_open(letters: DeadLetterRepository, source: str) -> None:
    """Write the gauge of open letters of a source; that it cannot be counted keeps nobody from their work."""
    try:
        is_open = letters.count_open(source)
    except PlatformError:
        get_logger().exception("dead_letters_not_counted", extra={"source": source})
        return
    count({"source": source}, {"OpenDeadLetters": ("Count", is_open)}, {}, service="dead_letters")
