"""Dead letters from a terminal, by the platform's API: `python -m infra_cdk.dead_letters_command list`.

Of the platform on this machine it knows the address and the administrator. For another one set PLATFORM_API, and
PLATFORM_TOKEN (an access token) or PLATFORM_EMAIL; the password is asked for, unless PLATFORM_PASSWORD holds it.

Ends with 0 when everything was done, 1 when something was not, 2 when the command line makes no sense.
"""

import argparse
import getpass
import json
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import batched
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urlencode, urlsplit
from urllib.request import HTTPRedirectHandler, OpenerDirector, ProxyHandler, Request, build_opener

from rich.console import Console
from rich.text import Text

from infra_cdk.local.state import State, credentials

SOURCES = ("relay-bus", "relay-kafka", "projections", "webhooks", "tracking", "triggers", "mails", "personal-data")
STATES = ("open", "redriven", "discarded")
ANSWER_SECONDS = 35
"""The gateway gives up after 29."""
BULK = 100
UNFINISHED = "unfinished"
"""The reason of a letter of which a redrive did a part: each further one comes further."""
_LOOPBACK = {"127.0.0.1", "::1", "localhost"}


class DeadLettersError(Exception):
    """It cannot be done. The message says why and what to do."""


class _NoRedirects(HTTPRedirectHandler):
    """A redirect would take the token to another host."""

    def redirect_request(self, *_: Any) -> None:
        return None


@dataclass(frozen=True, slots=True)
class Api:
    """The platform's API, signed in or not."""

    address: str
    token: str | None = None

    def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """One request.

        Raises:
            DeadLettersError: the platform does not answer, or refuses; carries its words.
        """
        data = None if body is None else json.dumps(body).encode()
        request = Request(f"{self.address}/api/v1{path}", data, method=method)  # noqa: S310 - checked when signing in
        request.add_header("Accept", "application/json")
        if data is not None:
            request.add_header("Content-Type", "application/json")
        if self.token:
            request.add_header("Authorization", f"Bearer {self.token}")
        try:
            with _opener(self.address).open(request, timeout=ANSWER_SECONDS) as answer:
                return json.loads(answer.read() or b"null")
        except HTTPError as refused:
            raise DeadLettersError(_words(refused)) from None
        except (URLError, OSError) as error:
            reason = error.reason if isinstance(error, URLError) else error
            raise DeadLettersError(f"{self.address} does not answer: {reason}.") from None
        except ValueError:
            raise DeadLettersError(f"{self.address} answers with something that is no JSON: is it the API?") from None

    def letters(self, state: str, source: str | None, limit: int | None = None) -> Iterator[dict[str, Any]]:
        """The letters of a list, the newest first, page by page."""
        found, query = 0, {"state": state, "limit": str(min(100, limit or 100))}
        if source:
            query["source"] = source
        while True:
            page = self.call("GET", f"/dead-letters?{urlencode(query)}")
            for letter in page["items"]:
                yield letter
                found += 1
                if found == limit:
                    return
            if not page["next_cursor"]:
                return
            query["cursor"] = page["next_cursor"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line."""
    wanted = _parser().parse_args(arguments)
    if wanted.command == "redrive" and bool(wanted.ids) == wanted.all:
        _parser().error("redrive: name letters, or say --all")
    if wanted.command == "redrive" and wanted.ids and wanted.source:
        _parser().error("redrive: --source goes with --all")
    console = Console(highlight=False, soft_wrap=True)
    try:
        return int(wanted.run(sign_in(wanted.api), wanted, console))
    except DeadLettersError as error:
        sys.stderr.write(f"✗ {_plain(error)}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("\nStopped. What was redriven stays so.\n")
        return 1


def sign_in(address: str | None) -> Api:
    """The API of the address, of PLATFORM_API, or of the platform on this machine, as an administrator.

    Raises:
        DeadLettersError: no platform is known, or it refuses.
    """
    named = address or os.environ.get("PLATFORM_API")
    if not named:
        return _local()
    found = urlsplit(named)
    if found.scheme != "https" and not (found.scheme == "http" and found.hostname in _LOOPBACK):
        raise DeadLettersError(f"{named} is no https:// address, and a password would be sent to it.")
    api = Api(named.rstrip("/").removesuffix("/api/v1"))
    if token := os.environ.get("PLATFORM_TOKEN"):
        return Api(api.address, token)
    email = os.environ.get("PLATFORM_EMAIL")
    if not email:
        raise DeadLettersError("Set PLATFORM_TOKEN to an access token, or PLATFORM_EMAIL to sign in.")
    password = os.environ.get("PLATFORM_PASSWORD") or getpass.getpass(f"Password of {email}: ")
    return _signed_in(api, email, password)


def _local() -> Api:
    state = State.from_environment()
    try:
        address = json.loads(state.running.read_text())["site"]
    except OSError:
        raise DeadLettersError(
            f"No platform runs from {state.directory}: start it by `make run`, or set PLATFORM_API."
        ) from None
    admin = credentials(state.credentials)["admin"]
    return _signed_in(Api(address), admin["email"], admin["password"])


def _signed_in(api: Api, email: str, password: str) -> Api:
    session = api.call("POST", "/auth/login", {"email": email, "password": password})
    return Api(api.address, session["access_token"])


def show_list(api: Api, wanted: argparse.Namespace, console: Console) -> int:
    """Letters, each in a few lines: a table would not fit beside its reason."""
    # One more than is shown tells whether there are more.
    letters = [*api.letters(wanted.state, wanted.source, wanted.limit + 1)]
    for letter in letters[: wanted.limit]:
        tries = "1 try" if letter["tries"] == 1 else f"{letter['tries']} tries"
        about = " ".join(str(letter[name]) for name in ("code", "type", "subject") if letter[name])
        console.print(Text(_plain(f"{letter['id']}  {letter['source']}  {letter['arrived_at'][:19]}  {tries}")))
        console.print(Text(_plain(f"  {about}")))
        console.print(Text(_plain(f"  {letter['message']}")))
    if not letters:
        console.print(f"No letter is {wanted.state}.")
    if len(letters) > wanted.limit:
        console.print(f"There are more than these {wanted.limit}: ask for more by --limit.")
    return 0


def show_one(api: Api, wanted: argparse.Namespace, console: Console) -> int:
    """Everything about a letter, with what its work was."""
    letter = api.call("GET", f"/dead-letters/{quote(wanted.id, safe='')}")
    payload = letter.pop("payload")
    for name, value in letter.items():
        if value is not None:
            console.print(Text(f"{name:<11} {_plain(value)}"))
    console.print(Text("payload"))
    for line in json.dumps(payload, indent=2, ensure_ascii=False).splitlines():
        console.print(Text(_plain(line)))
    return 0


def redrive(api: Api, wanted: argparse.Namespace, console: Console) -> int:
    """Do the work of letters again; 1 where one of them was not done."""
    if wanted.all:
        return _redrive_all(api, wanted.source, console)
    failures = 0
    for letter_id in wanted.ids:
        try:
            letter = {"code": UNFINISHED, "state": "open"}
            while letter["state"] == "open" and letter["code"] == UNFINISHED:
                letter = api.call("POST", f"/dead-letters/{quote(letter_id, safe='')}/redrive")
        except DeadLettersError as error:
            failures += 1
            _say(console, "✗", letter_id, error)
            continue
        if letter["state"] == "redriven":
            _say(console, "✓", letter_id, "redriven")
        else:
            failures += 1
            _say(console, "✗", letter_id, f"{letter['code']}: {letter['message']}")
    return int(failures > 0)


def _redrive_all(api: Api, source: str | None, console: Console) -> int:
    by_source: dict[str, list[str]] = {}
    for letter in api.letters("open", source):
        by_source.setdefault(letter["source"], []).append(letter["id"])
    done = not_done = 0
    for name, ids in by_source.items():
        # The oldest first, as they happened.
        for chunk in batched(reversed(ids), BULK, strict=False):
            left = list(chunk)
            while left:
                told = api.call("POST", "/dead-letters/redrive", {"source": name, "ids": left})
                unfinished = [each["id"] for each in told["failed"] if each["code"] == UNFINISHED]
                failed = [each for each in told["failed"] if each["code"] != UNFINISHED]
                done += len(told["redriven"])
                not_done += len(failed) + len(told["skipped"])
                for letter in failed:
                    _say(console, "✗", letter["id"], f"{letter['code']}: {letter['message']}")
                for letter_id in told["skipped"]:
                    _say(console, "-", letter_id, "closed, busy, or without an answer in time")
                if told["problem"] or len(told["left"]) == len(left):
                    why = told["problem"]["message"] if told["problem"] else "no letter was begun."
                    not_begun = sum(map(len, by_source.values())) - done - not_done
                    raise DeadLettersError(
                        f"Stopped after {done} redriven, {not_done} not, {not_begun} left: {why} Run it again to go on."
                    )
                left = unfinished + told["left"]
    console.print(f"{done} redriven, {not_done} not.")
    return int(not_done > 0)


def discard(api: Api, wanted: argparse.Namespace, console: Console) -> int:
    """Close a letter without doing its work."""
    letter = api.call("POST", f"/dead-letters/{quote(wanted.id, safe='')}/discard", {"reason": wanted.reason})
    _say(console, "✓", letter["id"], letter["state"])
    return 0


def _say(console: Console, sign: str, letter_id: str, what: object) -> None:
    console.print(Text(f"{sign} {_plain(letter_id)}  {_plain(what)}"))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="dead_letters_command", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--api", help="address of the platform, such as https://agents.example.com")
    commands = parser.add_subparsers(dest="command", required=True)
    listing = commands.add_parser("list", help="letters, the newest first")
    listing.add_argument("--state", choices=STATES, default="open")
    listing.add_argument("--source", choices=SOURCES)
    listing.add_argument("--limit", type=_positive, default=50)
    listing.set_defaults(run=show_list)
    showing = commands.add_parser("show", help="one letter with what its work was; credentials are masked")
    showing.add_argument("id")
    showing.set_defaults(run=show_one)
    redriving = commands.add_parser("redrive", help="do the work of letters again")
    redriving.add_argument("ids", nargs="*", metavar="id")
    redriving.add_argument("--all", action="store_true", help="every open letter, the oldest first")
    redriving.add_argument("--source", choices=SOURCES)
    redriving.set_defaults(run=redrive)
    discarding = commands.add_parser("discard", help="close a letter without doing its work")
    discarding.add_argument("id")
    discarding.add_argument("--reason", required=True)
    discarding.set_defaults(run=discard)
    return parser


def _positive(text: str) -> int:
    if (number := int(text)) < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return number


def _opener(address: str) -> OpenerDirector:
    # What runs on this machine is asked directly, whatever proxy the environment names.
    here = [ProxyHandler({})] if urlsplit(address).hostname in _LOOPBACK else []
    return build_opener(_NoRedirects, *here)


def _words(refused: HTTPError) -> str:
    """What the platform says: RFC 9457's problem, or the status alone."""
    try:
        problem = json.loads(refused.read())
        words = str(problem.get("detail") or problem.get("title"))
        faults = "; ".join(f"{each['field']}: {each['message']}" for each in problem.get("errors") or [])
    except (ValueError, AttributeError, KeyError, TypeError, OSError):
        words, faults = f"The platform answers {refused.code}.", ""
    if refused.code == 401:
        words += " Sign in anew."
    return f"{words} {faults}".strip()


def _plain(value: object) -> str:
    """Without what a terminal would obey: letters hold what others wrote."""
    return "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in str(value))


if __name__ == "__main__":
    sys.exit(main())
