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
from agent_platform.events.relay_orders import UNFINISHED, within
from agent_platform.observability import get_logger
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

        Of a time of the outbox one call may do a part: then the letter holds what is left, with the reason
        `unfinished`, until further redrives are through.

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
            problem, left = self._do(letter, answer_seconds)
        except DeadlineExceeded:
            raise
        except Exception:
            self._release(claimed)
            raise
        changed: dict[str, Any] = {"changed_at": datetime.now(UTC), "changed_by": by}
        if problem is None:
            return self._record(claimed, letter.model_copy(update={**changed, "state": "redriven"}))
        tries = letter.tries + (problem.code != UNFINISHED)
        reason = {"code": problem.code, "message": masked_text(problem.message)[:2000], "tries": tries}
        return self._record(claimed, letter.model_copy(update={**changed, **reason}), left)

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

    def _do(self, letter: DeadLetter, answer_seconds: int) -> tuple[Reason | None, dict[str, Any] | None]:
        """Why it failed again, or None where it did not; and the payload that does what is left, where that changed."""
        if letter.source not in self._functions:
            raise ConfigurationError(f"No function is named that does the work of {letter.source} again.")
        try:
            payload = self._letters.payload(letter.id)
            if letter.code == UNKNOWN_SHAPE or "left_out" in payload:
                said = "The letter does not hold what would do its work again: discard it."
                return Reason(code=letter.code, message=said), None
            call = within(payload, answer_seconds)
            answer = self._call(self._functions[letter.source], call, answer_seconds=answer_seconds)
        except PayloadMissing as error:
            return Reason(code=error.code, message=error.detail), None
        except FunctionFailed as error:
            return Reason(code=error.kind[:100], message=error.detail), None
        left = answer.get("next") if isinstance(answer, dict) else None
        if not isinstance(left, dict):
            return _failure(answer), None
        said = f"{left.get('found', 0)} events were found until now, and more are left. Redrive it again to go on."
        return _failure(answer) or Reason(code=UNFINISHED, message=said), {"redrive": left}

    def _release(self, claimed: Claimed) -> None:
        """Leave the letter as it was, for the next try; where that fails too, the claim lapses by itself."""
        try:
            self._letters.record(claimed, claimed.letter)
        except PlatformError:
            get_logger().exception("claim_not_released", extra={"letter_id": claimed.letter.id})

    def _record(self, claimed: Claimed, changed: DeadLetter, left: dict[str, Any] | None = None) -> DeadLetter:
        if not self._letters.record(claimed, changed, left):
            return self._letters.get(changed.id)
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
