"""Bodies that are meant to hurt, at every operation that takes one: refused as problems, soon, in little memory."""

import gzip
import json
import resource
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pytest

from agent_platform.agents.documents import DocumentFault, read_text
from agent_platform.agents.loader import AgentLoader
from agent_platform.errors import DefinitionError
from tests.functions.api.conftest import database, event_loop, jwt_secret, platform, settings, tokens_table
from tests.functions.run_agent.conftest import function
from tests.security.door import MOST_BODY, Door, Sent, catalogue, door
from tests.security.requests import OPERATIONS, texts, with_raw

__all__ = [
    "catalogue",
    "database",
    "door",
    "event_loop",
    "function",
    "jwt_secret",
    "platform",
    "settings",
    "tokens_table",
]

JSON = {"Content-Type": "application/json"}
TAKING = [each for each in OPERATIONS if each.takes_body]
DEEP = 10_000
MOST_SECONDS = 1.0
"""Of this process's CPU, for one request; a plain one takes some milliseconds."""
MOST_MEMORY = 400 * 1024
"""KiB by which the peak of the process may grow over all of them, with bodies of 10 MB among them."""


@dataclass(frozen=True)
class Attack:
    """A body and how it is sent. What is well-formed, and only strange, may be taken; it must not break anything."""

    name: str
    body: bytes
    headers: dict[str, str] = field(default_factory=lambda: dict(JSON))
    may_pass: bool = False


def attacks(body: dict[str, object]) -> Iterator[Attack]:
    """Every attack, on a body that is good otherwise."""
    good = json.dumps(body).encode()
    yield from (
        Attack("10 MB of a text", b'{"x": "' + b"a" * (MOST_BODY - 9) + b'"}'),
        Attack(
            "10 MB undeclared", b'{"x": "' + b"a" * (MOST_BODY - 9) + b'"}', {**JSON, "Transfer-Encoding": "chunked"}
        ),
        Attack("10 MB of white space", good + b" " * (MOST_BODY - len(good))),
        Attack("10 MB of zeros", b"0" * MOST_BODY),
        Attack("more than 10 MB", b"[" + b"1," * (MOST_BODY // 2) + b"1]"),
        Attack("a length that is a lie", good, {**JSON, "Content-Length": "99999999999"}),
        Attack("a length that is none", good, {**JSON, "Content-Length": "-1"}),
        Attack("objects 10,000 deep", b'{"a":' * DEEP + b"1" + b"}" * DEEP),
        Attack("lists 10,000 deep", b"[" * DEEP + b"]" * DEEP),
        Attack("lists a million deep, open", b"[" * 1_000_000),
        Attack("300,000 keys", _KEYS),
        Attack("NUL bytes", b"\0" * 1000),
        Attack("NUL at the end", good + b"\0"),
        Attack("invalid UTF-8", b'{"\xff\xfe\xfd": 1}'),
        Attack("overlong UTF-8", b'{"\xc0\xaf": 1}'),
        Attack("half a pair as UTF-8", b'{"\xed\xa0\x80": 1}'),
        Attack("UTF-16", json.dumps(body).encode("utf-16"), may_pass=True),
        Attack("UTF-32", json.dumps(body).encode("utf-32"), may_pass=True),
        Attack("UTF-7", b"+AHs-+AH0-"),
        Attack("BOM", b"\xef\xbb\xbf" + good, may_pass=True),
        Attack("BOM twice", b"\xef\xbb\xbf" * 2 + good),
        *(
            Attack(f"only {text}", text.encode())
            for text in ("1e400", "-1e400", "NaN", "Infinity", "-Infinity", "true")
        ),
        *(Attack(f"only {text}", text.encode()) for text in ("[]", '""', "0", "nul", "undefined", "'x'", "{]", "[}")),
        Attack("a number of 100,000 digits", b"1" * 100_000),
        Attack("a fraction of 100,000 digits", b"0." + b"1" * 100_000),
        Attack("an exponent of 100,000 digits", b"1e" + b"1" * 100_000),
        Attack("two documents", good + good),
        Attack("a comma too many", good[:-1] + b",}"),
        Attack("comments", b"/* */" + good),
        Attack("a field nobody knows", json.dumps(body | {"__proto__": {"admin": True}, "roles": ["admin"]}).encode()),
        Attack("every field of a wrong type", json.dumps({each: [{"$ne": None}] for each in body or "x"}).encode()),
        Attack("gzip bomb", _BOMB, {**JSON, "Content-Encoding": "gzip"}),
        Attack("gzip bomb, undeclared", _BOMB),
        Attack("gzip in name only", good, {**JSON, "Content-Encoding": "gzip"}),
        Attack("deflate in name only", good, {**JSON, "Content-Encoding": "deflate, br"}),
        *(
            Attack(f"sent as {kind}", good, {"Content-Type": kind})
            for kind in ("text/plain", "application/xml", "application/x-yaml", "text/html", "*/*", "json", "a/b/c")
        ),
        Attack("a form", b"email=a%40b.co&password=x", {"Content-Type": "application/x-www-form-urlencoded"}),
        Attack("a form as JSON", b"email=a%40b.co&password=x"),
        Attack("a multipart form", _FORM, {"Content-Type": "multipart/form-data; boundary=x"}),
        Attack("a multipart form without boundary", _FORM, {"Content-Type": "multipart/form-data"}),
        Attack("YAML", b"email: a@b.co\npassword: x\n"),
        Attack("a YAML bomb", YAML["billion laughs"].encode()),
        Attack("a YAML tag", b"!!python/object/apply:os.system ['true']"),
        Attack("XML with entities", _XML, {"Content-Type": "application/xml"}),
        Attack("a pickle", b"\x80\x04\x95\x00\x00\x00\x00\x00\x00\x00\x00cos\nsystem\n(S'true'\ntR.", {}),
    )
    for name, value in body.items():
        if isinstance(value, list):
            yield Attack(f"a million things in {name}", with_raw(body, (name,), "[" + "0," * 1_000_000 + "0]"))
        twice = f'{{"{name}": null, '.encode() + good[1:]
        yield Attack(f"{name} twice", twice, may_pass=True)
    for path in texts(body):
        place = ".".join(map(str, path))
        yield Attack(f"a raw NUL in {place}", with_raw(body, path, '"a\0b"'))
        yield Attack(f"half a pair in {place}", with_raw(body, path, '"\\ud800"'))
        yield Attack(f"a pair the wrong way round in {place}", with_raw(body, path, '"\\udc00\\ud800"'))
        yield Attack(f"NaN in {place}", with_raw(body, path, "NaN"))
        yield Attack(f"1e400 in {place}", with_raw(body, path, "1e400"))
        yield Attack(f"100,000 digits in {place}", with_raw(body, path, "1" * 100_000))
        yield Attack(f"10,000 deep in {place}", with_raw(body, path, "[" * DEEP + "]" * DEEP))
        yield Attack(f"an escaped NUL in {place}", with_raw(body, path, '"a\\u0000b"'), may_pass=True)
        yield Attack(f"4 MB in {place}", with_raw(body, path, '"' + "a" * 4_000_000 + '"'), may_pass=True)


_KEYS = b"{" + b",".join(b'"%d":1' % n for n in range(300_000)) + b"}"
_BOMB = gzip.compress(b"0" * 50_000_000, compresslevel=9)
_FORM = b'--x\r\nContent-Disposition: form-data; name="f"; filename="../../etc/passwd"\r\n\r\n{}\r\n--x--\r\n'
_XML = b'<!DOCTYPE l [<!ENTITY a "lol"><!ENTITY b "&a;&a;&a;">]><l>&b;</l>'
YAML = {
    "billion laughs": "a: &a [lol]\n"
    + "".join(f"{b}: &{b} [*{a},*{a},*{a}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)),
    "an alias to itself": "a: &a [*a]\n",
    "a merge": "a: &a {x: 1}\nb: {<<: *a}\n",
    "python/object/apply": "name: !!python/object/apply:os.system ['true']\n",
    "python/object/new": "name: !!python/object/new:os.system ['true']\n",
    "python/name": "name: !!python/name:os.system\n",
    "python/module": "name: !!python/module:os\n",
    "python/object": "name: !!python/object:agent_platform.settings.ApiSettings {}\n",
    "a local tag": "name: !Ref x\n",
    "a tag of its own": "%TAG ! tag:yaml.org,2002:python/\n---\nname: !name:os.system\n",
    "binary": "name: !!binary aGk=\n",
    "a set": "name: !!set {a, b}\n",
    "an ordered map": "name: !!omap [a: 1]\n",
    "an integer in base 60": "name: !!int 1:" + "59:" * 20_000 + "59\n",
    "a float of a million digits": "name: !!float " + "1" * 500_000 + "\n",
    "lists 10,000 deep": "a: " + "[" * DEEP + "]" * DEEP + "\n",
    "mappings 10,000 deep": "a: " + "{a: " * DEEP + "1" + "}" * DEEP + "\n",
    "blocks 2,000 deep": "".join("  " * n + "a:\n" for n in range(900)),
    "a hundred thousand keys": "".join(f"k{n}: 1\n" for n in range(90_000)),
    "two documents": "a: 1\n---\nb: 2\n",
    "a key that is a list": "? [a]\n: 1\n",
    "a key twice": "name: a\nname: b\n",
    "NUL": "name: \0\n",
    "an escaped NUL": 'name: "\\0"\n',
    "half a pair": 'name: "\\ud800"\n',
    "a control character": "name: \x07\n",
    "no number": "name: .nan\nx: .inf\n",
    "a list": "- a\n",
    "a scalar": "a\n",
    "nothing": "# nothing\n",
    "tabs": "\ta: 1\n",
    "an open quote": 'name: "' + "a" * 500_000,
    "a directive": "%YAML 9.9\n---\na: 1\n",
}


WELL_FORMED = {"an escaped NUL", "no number"}
"""Of the above: texts like any other to whoever reads YAML, and no definition or workflow for all that."""


def measured(ask: Callable[[], Sent]) -> tuple[Sent, float]:
    """The answer, and the CPU seconds that it took."""
    began = time.process_time()
    answer = ask()
    return answer, time.process_time() - began


def report(capsys: pytest.CaptureFixture[str], what: str, statuses: Counter[int], slowest: tuple[float, str]) -> None:
    with capsys.disabled():
        told = ", ".join(f"{count:,} × {status}" for status, count in sorted(statuses.items()))
        print(f"\n{what}: {sum(statuses.values()):,} tried: {told}; slowest {slowest[0]:.2f} s of CPU ({slowest[1]})")


def test_every_operation_refuses_every_hostile_body_soon(door: Door, capsys: pytest.CaptureFixture[str]) -> None:
    statuses, slowest, wrong = Counter[int](), (0.0, ""), list[str]()
    for operation in TAKING:
        door.send(operation.method, operation.path, b"{", headers=_as_admin(door))  # loads what a first request loads
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for operation in TAKING:
        for attack in attacks(operation.body):
            headers = _as_admin(door) | attack.headers
            ask = partial(door.send, operation.method, operation.path, attack.body, headers=headers)
            answer, seconds = measured(ask)
            name = f"{operation.id}: {attack.name}"
            statuses[answer.status] += 1
            slowest = max(slowest, (seconds, name))
            refused = 400 <= answer.status < 500 and answer.is_problem
            taken = 200 <= answer.status < 300 and attack.may_pass
            if not (refused or taken) or seconds > MOST_SECONDS:
                wrong.append(f"{name}: {answer.status} in {seconds:.2f} s: {answer.body[:300]!r}")
    report(capsys, f"hostile bodies at {len(TAKING)} operations", statuses, slowest)
    assert not wrong, "\n".join(wrong)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak < MOST_MEMORY
    assert len(TAKING) >= 28
    assert {400, 413, 415, 422} <= set(statuses)


def test_an_empty_body_is_refused_where_one_is_needed(door: Door) -> None:
    for operation in TAKING:
        for headers in ({}, JSON):
            answer = door.send(operation.method, operation.path, b"", headers=_as_admin(door) | headers)
            if operation.described["requestBody"].get("required"):
                assert answer.is_problem, operation.id
                assert 400 <= answer.status < 500, operation.id
            else:
                assert answer.status < 500, operation.id


@pytest.mark.parametrize("name", YAML)
def test_hostile_yaml_is_no_definition(tmp_path: Path, name: str) -> None:
    if name not in WELL_FORMED:
        with pytest.raises(DocumentFault):
            read_text(YAML[name], is_json=False)
    (tmp_path / "legal").mkdir()
    (tmp_path / "legal/hostile.yaml").write_text(YAML[name], encoding="utf-8")
    with pytest.raises(DefinitionError):
        AgentLoader(tmp_path).load_id("legal/hostile")


def test_hostile_yaml_is_no_workflow(door: Door, capsys: pytest.CaptureFixture[str]) -> None:
    statuses, slowest, wrong = Counter[int](), (0.0, ""), list[str]()
    for operation in (each for each in TAKING if "source" in each.body):
        for name, text in YAML.items():
            sent = json.dumps({"source": text}).encode()
            headers = _as_admin(door) | JSON
            answer, seconds = measured(partial(door.send, operation.method, operation.path, sent, headers=headers))
            statuses[answer.status] += 1
            slowest = max(slowest, (seconds, f"{operation.id}: {name}"))
            if not (answer.is_problem and answer.status in {404, 422}) or seconds > MOST_SECONDS:
                wrong.append(f"{operation.id}: {name}: {answer.status} in {seconds:.2f} s: {answer.body[:300]!r}")
    report(capsys, "hostile YAML as workflows", statuses, slowest)
    assert not wrong, "\n".join(wrong)
    assert statuses[422] >= 2 * len(YAML)


def _as_admin(door: Door) -> dict[str, str]:
    return {"Authorization": f"Bearer {door.token('admin')}"}
