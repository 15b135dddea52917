"""What Step Functions asks of a definition in the Amazon States Language (JSONPath), as far as the platform's machines
use it, and what the platform asks of itself: every Task says how long, how often, and what then.

Source: the Amazon States Language specification and the Step Functions Developer Guide.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

MAX_BYTES = 1_048_576
"""Of a definition (Step Functions quotas)."""

_COMMON = {"Type", "Comment", "Next", "End"}
_FIELDS = {
    "Task": {"Resource", "Parameters", "ResultSelector", "ResultPath", "TimeoutSeconds", "Retry", "Catch"},
    "Pass": {"Result", "Parameters", "ResultPath"},
    "Choice": {"Choices", "Default"},
    "Wait": {"Seconds", "TimestampPath"},
    "Parallel": {"Branches", "ResultSelector", "ResultPath", "Retry", "Catch"},
    "Map": {
        *("ItemsPath", "ItemReader", "ItemSelector", "ItemProcessor", "MaxConcurrency", "Label"),
        *("ResultPath", "ResultSelector", "Retry", "Catch"),
    },
    "Fail": {"Error", "Cause", "ErrorPath", "CausePath"},
    "Succeed": set(),
}
_ENDS = {"Fail", "Succeed"}
_PATH = re.compile(r"\$(\.[A-Za-z_][A-Za-z0-9_]*|\['[^'\\]+'\]|\[\d+\])*")
_REFERENCE = re.compile(r"\$(\.[A-Za-z_][A-Za-z0-9_]*)*")
_CONTEXT = re.compile(r"\$\$\.(Task\.Token|Map\.Item\.(Index|Value)(\.[a-z_]+)*)")
_CALL = re.compile(r"States\.(\w+)\((.*)\)")
_ARGUMENTS = {"Format": (2, 20), "JsonMerge": (3, 3), "MathAdd": (2, 2)}
_COMPARED = re.compile(
    r"(String|Numeric|Boolean)Equals|Numeric(Less|Greater)Than(Equals)?|StringMatches|Is(Null|Present)"
)


def faults_of(machine: dict[str, Any]) -> list[str]:
    """Everything that is wrong with a definition, each with the name of its state."""
    names = [name for name, _, _ in _every_state(machine)]
    found = [f"{name}: there are two of this name" for name in sorted({n for n in names if names.count(n) > 1})]
    if len(json.dumps(machine)) >= MAX_BYTES:
        found.append("the definition has 1 MiB or more")
    if not machine.get("TimeoutSeconds", 0) > 0:
        found.append("the machine never ends by itself")
    labels = [state["Label"] for _, state, _ in _every_state(machine) if "Label" in state]
    found += [f"the label {label} is used twice" for label in sorted({x for x in labels if labels.count(x) > 1})]
    found += _faults_of_list(machine)
    for name, state, inside_inline in _every_state(machine):
        found += [f"{name}: {fault}" for fault in _faults_of_state(name, state)]
        if inside_inline and "ItemReader" in state:
            found.append(f"{name}: a distributed Map inside of an inline one")
        for inner in _inside(state):
            found += _faults_of_list(inner)
    return found


def _inside(state: dict[str, Any]) -> list[dict[str, Any]]:
    return [*state.get("Branches", ()), *([state["ItemProcessor"]] if "ItemProcessor" in state else ())]


def _every_state(machine: dict[str, Any], *, inline: bool = False) -> Iterator[tuple[str, dict[str, Any], bool]]:
    for name, state in machine["States"].items():
        yield name, state, inline
        for inner in _inside(state):
            mode = inner.get("ProcessorConfig", {}).get("Mode")
            yield from _every_state(inner, inline=mode == "INLINE" or (inline and mode is None))


def _faults_of_list(machine: dict[str, Any]) -> Iterator[str]:
    states, reached, waiting = machine["States"], set[str](), [machine["StartAt"]]
    while waiting:
        name = waiting.pop()
        if name not in states:
            yield f"{name}: there is no such state to go to"
        elif name not in reached:
            reached.add(name)
            rules = (states[name], *states[name].get("Choices", ()), *states[name].get("Catch", ()))
            waiting += [rule[way] for rule in rules for way in ("Next", "Default") if way in rule]
    yield from (f"{name}: nothing leads there" for name in states if name not in reached)
    if not any(state.get("End") or state["Type"] in _ENDS for state in states.values()):
        yield "a list of states has no end"


def _faults_of_state(name: str, state: dict[str, Any]) -> Iterator[str]:
    kind = state["Type"]
    if not 0 < len(name) <= 80 or not name.isprintable():
        yield "a name has 1 to 80 printable characters"
    if unknown := set(state) - _COMMON - _FIELDS[kind]:
        yield f"a {kind} has no {sorted(unknown)}"
    if kind not in _ENDS | {"Choice"} and ("Next" in state) == ("End" in state):
        yield "it needs either Next or End"
    if "ResultPath" in state and state["ResultPath"] is not None and not _REFERENCE.fullmatch(state["ResultPath"]):
        yield f"{state['ResultPath']} is no place for a result"
    yield from _SPECIAL.get(kind, lambda _: iter(()))(state)
    for field in ("Parameters", "ResultSelector", "ItemSelector"):
        yield from _faults_of_template(state.get(field, {}), field)
    for field in ("Retry", "Catch"):
        yield from _faults_of_rules(state.get(field, []), field)


def _faults_of_task(state: dict[str, Any]) -> Iterator[str]:
    if not 0 < state.get("TimeoutSeconds", 0) <= 99_999_999:
        yield "it does not say how long it may take"
    for field in ("Retry", "Catch"):
        if not state.get(field):
            yield f"it has no {field}"
    waits = state["Resource"].endswith(".waitForTaskToken")
    if waits != ("$$.Task.Token" in json.dumps(state["Parameters"])):
        yield "a token is given exactly where one is waited for"


def _faults_of_fail(state: dict[str, Any]) -> Iterator[str]:
    if ("Error" in state) == ("ErrorPath" in state) or ("Cause" in state) == ("CausePath" in state):
        yield "it needs an error and a cause, each once"
    if state.get("Error", "").startswith("States."):
        yield "names that begin with `States.` are reserved"


def _faults_of_choice(state: dict[str, Any]) -> Iterator[str]:
    if not state["Choices"] or "Default" not in state:
        yield "it needs choices and a default"
    for rule in state["Choices"]:
        if "Next" not in rule:
            yield "a choice leads nowhere"
        yield from _faults_of_rule({field: value for field, value in rule.items() if field != "Next"})


def _faults_of_rule(rule: dict[str, Any]) -> Iterator[str]:
    if "Variable" in rule:
        (operator,) = set(rule) - {"Variable"}
        if not _COMPARED.fullmatch(operator):
            yield f"there is no operator {operator}"
        if not _PATH.fullmatch(rule["Variable"]):
            yield f"{rule['Variable']} is no path"
        return
    ((operator, inner),) = rule.items()
    if operator not in ("And", "Or", "Not"):
        yield f"there is no operator {operator}"
    for each in inner if isinstance(inner, list) else [inner]:
        yield from _faults_of_rule(each)


def _faults_of_wait(state: dict[str, Any]) -> Iterator[str]:
    if ("Seconds" in state) == ("TimestampPath" in state):
        yield "it needs either seconds or a moment"
    if not 0 < state.get("Seconds", 1) <= 99_999_999 or not _PATH.fullmatch(state.get("TimestampPath", "$")):
        yield "what it waits for is wrong"


def _faults_of_map(state: dict[str, Any]) -> Iterator[str]:
    mode = state["ItemProcessor"]["ProcessorConfig"]["Mode"]
    if mode == "INLINE" and (not 0 < state["MaxConcurrency"] <= 40 or {"ItemReader", "Label"} & set(state)):
        yield "an inline Map works on 1 to 40 items of its input at once"
    if mode == "DISTRIBUTED":
        if not re.fullmatch(r"[A-Za-z0-9_]{1,40}", state["Label"]):
            yield "a label has 1 to 40 letters, digits or underscores"
        yield from _faults_of_template(state["ItemReader"]["Parameters"], "ItemReader")


_SPECIAL: dict[str, Any] = {
    "Task": _faults_of_task,
    "Fail": _faults_of_fail,
    "Choice": _faults_of_choice,
    "Wait": _faults_of_wait,
    "Map": _faults_of_map,
}


def _faults_of_rules(rules: list[dict[str, Any]], field: str) -> Iterator[str]:
    for at, rule in enumerate(rules):
        if "States.ALL" in rule["ErrorEquals"] and (len(rule["ErrorEquals"]) > 1 or at < len(rules) - 1):
            yield f"{field}: States.ALL stands alone, in the last rule"
        if rule.get("MaxDelaySeconds", 99_999_999) <= rule.get("IntervalSeconds", 1):
            yield f"{field}: the longest pause is no longer than the first"
        if field == "Retry" and not 0 < rule["MaxAttempts"] <= 10:
            yield f"{field}: between 1 and 10 further tries"


def _faults_of_template(part: Any, field: str) -> Iterator[str]:
    if isinstance(part, list):
        for each in part:
            yield from _faults_of_template(each, field)
    if not isinstance(part, dict):
        return
    for name, value in part.items():
        if not name.endswith(".$"):
            yield from _faults_of_template(value, field)
        elif name.removesuffix(".$") in part:
            yield f"{field}: {name} is given twice"
        else:
            yield from _faults_of_expression(value, field)


def _faults_of_expression(text: str, field: str) -> Iterator[str]:
    if text.startswith("$$"):
        if not _CONTEXT.fullmatch(text) or ("$$.Map" in text and field != "ItemSelector"):
            yield f"{field}: there is no {text} here"
    elif not (call := _CALL.fullmatch(text)):
        if not _PATH.fullmatch(text):
            yield f"{field}: {text} is no path"
    else:
        name, arguments = call[1], _arguments(call[2])
        least, most = _ARGUMENTS.get(name, (1, 0))
        if not least <= len(arguments) <= most:
            yield f"{field}: {text} is no call"
        for each in arguments:
            if each.startswith(("$", "States.")):
                yield from _faults_of_expression(each, field)
            elif not re.fullmatch(r"'[^']*'|-?\d+|true|false|null", each):
                yield f"{field}: {each} is no argument"


def _arguments(text: str) -> list[str]:
    found, depth, quoted = [""], 0, False
    for character in text:
        quoted ^= character == "'"
        depth += 0 if quoted else {"(": 1, ")": -1}.get(character, 0)
        if character == "," and not depth and not quoted:
            found.append("")
        else:
            found[-1] += character
    return [each.strip() for each in found]
