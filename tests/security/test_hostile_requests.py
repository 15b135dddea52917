"""Ids, headers and addresses that are meant to be read in two ways, at every operation of the OpenAPI document."""

import json
import time
from collections import Counter
from statistics import median
from urllib.parse import quote

import pytest

from tests.functions.api.conftest import PASSWORD, database, event_loop, jwt_secret, platform, settings, tokens_table
from tests.functions.run_agent.conftest import function
from tests.security.door import Door, catalogue, door
from tests.security.requests import OPERATIONS

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
ID = "019ab2c4-7d10-7c3e-9f52-6f1f0f3a9b11"
ODD_IDS = [
    *(
        "..",
        ".",
        "%2e%2e",
        "%2E%2E%2F",
        "..%2f..%2f..%2fetc%2fpasswd",
        "..%5c..%5cwindows",
        "%252e%252e%252f",
        "....//",
    ),
    *(
        "..;",
        "%2e%2e;/",
        "%c0%ae%c0%ae%c0%af",
        "%uff0e%uff0e",
        "%ff%fe",
        "%ed%a0%80",
        "%00",
        f"{ID}%00",
        f"%00{ID}",
        "%0",
    ),
    *(
        f"{ID}%0d%0aX-Evil:%201",
        "%0d%0a%0d%0a%3Cscript%3E",
        "%e5%98%8a%e5%98%8dX-Evil:1",
        f"{ID}%20",
        f"{ID}%09",
        f"{ID}.",
    ),
    *(
        ID.upper(),
        f"%7B{ID}%7D",
        ID.replace("-", ""),
        ID.replace("0", "%EF%BC%90", 1),
        f"{ID}%E2%80%8B",
        f"%EF%BB%BF{ID}",
    ),
    *(quote(quote(ID[:-1] + "/", safe="")), f"{ID}%23", f"{ID}%3fadmin=1", f"{ID};admin=1", f"{ID}%26x=1", "a" * 5_000),
    *(
        "0",
        "-1",
        "1e400",
        "9" * 400,
        "NaN",
        "null",
        "undefined",
        "true",
        "[]",
        "%5B%5D",
        "*",
        "%25",
        "%",
        "$",
        "~",
        "%F0%9F%92%A9",
    ),
    *(
        "'%20OR%20'1'='1",
        "1;DROP%20TABLE%20users",
        "%27%3B--",
        "%7B%22$ne%22:1%7D",
        "$where",
        "{{7*7}}",
        "$%7Bjndi:ldap://x%7D",
    ),
    *(
        "%3Cscript%3Ealert(1)%3C/script%3E",
        "user%23ada",
        "once%23x",
        "apikey%23x",
        "refresh%23x",
        "__proto__",
        "constructor",
    ),
]
LARGE = [
    *("Accept", "Accept-Language", "Cookie", "If-None-Match", "Idempotency-Key", "Prefer", "Referer", "User-Agent"),
    *("X-Amzn-Trace-Id", "traceparent", "tracestate", "X-Forwarded-For", "X-Forwarded-Host", "X-Http-Method-Override"),
    *(
        "Origin",
        "Range",
        "Content-Type",
        "Content-Encoding",
        "Expect",
        "Forwarded",
        "X-Original-Url",
        "X-Rewrite-Url",
    ),
]
"""Not `Host`: by that the gateway finds the API, so no odd one ever comes here."""
ODD_VALUES = [
    "x" * 9_000,
    "," * 9_000,
    "a;q=1," * 1_500,
    "é\u00ff" * 500,
    "../" * 500,
    "%0d%0aX-Evil: 1",
    "[::1]",
    "*",
    "\x7f",
    '"',
]


def _as_admin(door: Door) -> dict[str, str]:
    return {"Authorization": f"Bearer {door.token('admin')}"}


def told(capsys: pytest.CaptureFixture[str], what: str, statuses: Counter[int]) -> None:
    with capsys.disabled():
        counts = ", ".join(f"{count:,} × {status}" for status, count in sorted(statuses.items()))
        print(f"\n{what}: {sum(statuses.values()):,} tried: {counts}")


def test_no_odd_id_finds_anything_or_breaks_anything(door: Door, capsys: pytest.CaptureFixture[str]) -> None:
    statuses, wrong = Counter[int](), list[str]()
    for operation in (each for each in OPERATIONS if each.parameters):
        body = json.dumps(operation.body).encode() if operation.takes_body else b""
        for parameter in operation.parameters:
            for odd in ODD_IDS:
                path = operation.path_with(parameter, odd)
                answer = door.send(operation.method, path, body, headers=_as_admin(door) | JSON)
                statuses[answer.status] += 1
                refused = 400 <= answer.status < 500 and answer.is_problem
                if not (refused or (answer.status == 200 and answer.json == {"items": []})):
                    wrong.append(f"{operation.id} {path[:120]}: {answer.status} {answer.body[:200]!r}")
    told(capsys, "odd ids", statuses)
    assert not wrong, "\n".join(wrong)
    assert statuses.total() > 2_000


def test_no_odd_header_breaks_anything_or_comes_back(door: Door, capsys: pytest.CaptureFixture[str]) -> None:
    statuses, wrong = Counter[int](), list[str]()
    for method, path in (("GET", "/api/v1/me"), ("GET", "/api/v1/agents"), ("GET", "/api/v1/analytics/agents")):
        for name in LARGE:
            for odd in ODD_VALUES:
                answer = door.send(method, path, headers=_as_admin(door) | {name: odd})
                statuses[answer.status] += 1
                if answer.status >= 500 or any(odd in value for value in answer.headers.values() if len(odd) > 2):
                    wrong.append(f"{path} {name} {odd[:40]!r}: {answer.status} {answer.headers} {answer.body[:200]!r}")
    told(capsys, "odd headers", statuses)
    assert not wrong, "\n".join(wrong)


def test_an_id_is_found_in_its_one_spelling_only(door: Door) -> None:
    order = json.dumps({"agent_id": "it-service-desk/remote-access-failure-isolator"}).encode()
    made = door.send("POST", "/api/v1/sessions", order, headers=_as_admin(door) | JSON)
    assert made.status == 201, made
    path, session = made.headers["location"], made.json["id"]
    assert door.send("GET", path, headers=_as_admin(door)).status == 200
    full_width = "".join(chr(ord(each) + 0xFEE0) if each.isdigit() else each for each in session)
    for other in (
        *(
            session.upper(),
            f"{session}%20",
            f"%20{session}",
            f"{session}%00",
            f"{session}.",
            f"{session}/",
            f"./{session}",
        ),
        *(
            quote(full_width),
            f"{session}%E2%80%8B",
            session.replace("-", "%252d"),
            session.replace("-", ""),
            f"{{{session}}}",
        ),
        *(f"x/../{session}", f"%2e/{session}", f"{session};x", f"{session}%0a"),
    ):
        answer = door.send("GET", f"/api/v1/sessions/{other}", headers=_as_admin(door))
        assert answer.is_problem, other
        assert answer.status in {404, 422}, other


def test_an_unknown_address_takes_as_long_as_a_wrong_password(door: Door) -> None:
    def seconds(email: str, source: str) -> float:
        body = json.dumps({"email": email, "password": "not the password of anybody"}).encode()
        began = time.process_time()
        answer = door.send("POST", "/api/v1/auth/login", body, headers=JSON, source=source)
        taken = time.process_time() - began
        assert answer.status == 401, answer
        refused.add(answer.json["detail"])
        return taken

    refused = set[str]()
    seconds("warm@example.com", "192.0.2.1")
    known = [seconds(email, f"192.0.2.{n}") for n in range(2, 6) for email in ("root@example.com", "ada@example.com")]
    unknown = [seconds(f"nobody{n}@example.com", f"192.0.2.{n + 10}") for n in range(8)]
    assert 0.5 < median(unknown) / median(known) < 2
    assert len(refused) == 1


def test_two_addresses_that_look_equal_are_one_account_or_none(door: Door) -> None:
    def register(email: str) -> tuple[int, str]:
        body = json.dumps({"email": email, "password": PASSWORD, "name": "Ada"}).encode()
        register.asked += 1
        source = f"198.51.100.{register.asked}"
        answer = door.send("POST", "/api/v1/auth/register", body, headers=JSON, source=source)
        return answer.status, "" if answer.status == 201 else answer.json["code"]

    register.asked = 0
    assert register("office.file@example.com") == (201, "")
    for same in (
        *(
            "Office.File@Example.COM",
            " office.file@example.com",
            "office.file@example.com ",
            "\u00a0office.file@example.com",
        ),
        *(
            "ｏｆｆｉｃｅ.file@example.com",
            "oﬃce.file@example.com",
            "office.ﬁle@example.com",
            "office.file＠example.com",
        ),
        *(
            "office.file@ｅｘａｍｐｌｅ.com",
            "office.file@example.ｃｏｍ",
            "ⓞffice.file@example.com",
            "𝗈𝖿𝖿𝗂𝖼𝖾.file@example.com",
        ),
    ):
        assert register(same) == (409, "email_taken"), same
    for other in (
        *(
            "оffice.file@example.com",
            "office.fıle@example.com",
            "office\u200b.file@example.com",
            "office\u00ad.file@example.com",
        ),
        *(
            "office.file@example.com\0",
            "office.file@exam\u200bple.com",
            "office.file@example.com.",
            "office..file@example.com",
        ),
        *(
            "office.fi\u0301le@example.com",
            "\u202eoffice.file@example.com",
            '"office.file"@example.com',
            "office.file@еxample.com",
        ),
        *(
            "office.file@example.com\r\nBcc: x@y.z",
            "office.file@[127.0.0.1]",
            "office.file@@example.com",
            "office.file@example。com",
        ),
    ):
        assert register(other)[0] in {409, 422}, other
