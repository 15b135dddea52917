"""One compiled version of the policy: a bundle of rego-cpp, and beside it what the platform must know of it."""

import hashlib
import json
import math
from collections.abc import Mapping
from pathlib import Path
from threading import Lock
from typing import Any

from pydantic import ValidationError

from agent_platform.identity.policy.manifest import FORMAT, Manifest, bundle_files
from agent_platform.identity.policy.places import networks_around, open_windows
from agent_platform.identity.policy.question import Decision, Question
from agent_platform.identity.policy.verdict import Verdict, reasons, rules

ENTRYPOINT = "authz/decision"


class PolicyFault(Exception):
    """The policy gave no answer that could be trusted; the message is for the log alone."""


class CompiledPolicy:
    """A version, ready to be asked. One question at a time: the interpreter holds its input.

    Raises:
        PolicyFault: a file is missing, damaged, or of another format.
    """

    def __init__(self, folder: Path, name: str) -> None:
        manifest, bundle = bundle_files(folder, name)
        try:
            self.manifest = Manifest.model_validate_json(manifest.read_bytes())
            content = bundle.read_bytes()
        except (OSError, ValidationError) as error:
            raise PolicyFault(f"{manifest} and {bundle.name} cannot be read: run `make catalogue`. {error}") from None
        if self.manifest.format != FORMAT:
            raise PolicyFault(f"{manifest} has the format {self.manifest.format}, not {FORMAT}.")
        # What is not what was compiled is never handed to the interpreter, which is C++.
        if hashlib.sha256(content).hexdigest() != self.manifest.sha256:
            raise PolicyFault(f"{bundle} is not what {manifest.name} tells of.")
        # Here, not above: 70 ms and 22 MB that only who asks a policy should pay.
        from regopy import BundleFormat, Interpreter, RegoError

        self._lock = Lock()
        self._rego = Interpreter()
        # Otherwise what a built-in function fails at would merely be undefined, and `not` makes that true.
        self._rego.strict_built_in_errors = True
        try:
            self._bundle = self._rego.load_bundle(str(bundle), BundleFormat.Binary)
        except RegoError as error:
            raise PolicyFault(f"{bundle} cannot be loaded: {error}") from error
        if not self._bundle.ok():
            raise PolicyFault(f"{bundle} cannot be loaded.")

    @property
    def version(self) -> str:
        """Of the policy."""
        return self.manifest.version

    def document(self, question: Question) -> dict[str, Any]:
        """The question as the Rego sees it: `input`.

        Raises:
            PolicyFault: the cost is no number.
        """
        who, what, around = question.principal, question.resource, question.environment
        if what.cost_usd is not None and not math.isfinite(what.cost_usd):
            raise PolicyFault("The cost of the question is not finite.")
        return {
            "principal": {
                "roles": [_text(each) for each in sorted(who.roles)],
                "scopes": None if who.scopes is None else [_text(each) for each in sorted(who.scopes)],
                "agents": None if who.agents is None else [_text(each) for each in sorted(who.agents)],
            },
            "action": _text(question.action),
            "resource": {
                "kind": what.kind,
                "id": None if what.id is None else _text(what.id),
                "tags": [_text(each) for each in what.tags],
                "cost_usd": None if what.cost_usd is None else float(what.cost_usd),
            },
            "environment": {
                "networks": networks_around(around.source_ip, self.manifest.networks),
                "windows": open_windows(around.moment, self.manifest.windows),
            },
        }

    def decide(self, question: Question) -> Decision:
        """The decision, with its reasons in words.

        Raises:
            PolicyFault: the answer is undefined, contradicts itself, failed, or is not of the form agreed upon.
        """
        verdict = self.ask(question)
        return Decision(verdict.allow, reasons(verdict, question, self.manifest), self.version, rules(verdict))

    def ask(self, question: Question) -> Verdict:
        """The bare verdict; raises as `decide` does."""
        document = self.document(question)
        with self._lock:
            try:
                self._rego.set_input(document)
                # A conflict of rules, and an unknown function, come out as no JSON.
                answer = self._rego.query_bundle_entrypoint(self._bundle, ENTRYPOINT)
                ok, results = answer.ok(), [each.expressions for each in answer.results]
                # Freed before the lock is: the interpreter is not made for two threads.
                del answer
            except Exception as error:
                raise PolicyFault(f"{type(error).__name__}: {error}") from error
        if not ok or len(results) != 1 or len(results[0]) != 1:
            raise PolicyFault(f"The policy has {'no answer' if ok else 'failed'}.")
        return read_verdict(results[0][0])


def read_verdict(answer: object) -> Verdict:
    """The verdict of what the Rego returned: `{"allow", "granted_by", "refusals", "denied_by"}`.

    Raises:
        PolicyFault: it is anything else, or says yes and no at once.
    """
    if not isinstance(answer, Mapping):
        raise PolicyFault(f"The policy answered with a {type(answer).__name__}.")
    allow = answer.get("allow")
    if allow is not True and allow is not False:
        raise PolicyFault(f"`allow` is neither true nor false, but a {type(allow).__name__}.")
    named = {name: _strings(answer, name) for name in ("granted_by", "refusals", "denied_by")}
    if allow and (named["refusals"] or named["denied_by"] or not named["granted_by"]):
        raise PolicyFault(f"The policy allows what it refuses: {json.dumps(named)}.")
    return Verdict(allow, **named)


def _strings(answer: Mapping[str, object], name: str) -> tuple[str, ...]:
    found = answer.get(name)
    if not isinstance(found, list) or not all(isinstance(each, str) for each in found):
        raise PolicyFault(f"`{name}` is no list of names.")
    return tuple(sorted(found))


def _text(text: str) -> str:
    """As C strings carry it: they end at a NUL, so that what follows would count for nothing."""
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode()
