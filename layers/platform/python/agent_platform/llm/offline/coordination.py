"""How the offline model coordinates a team: it does what the newest step says, with inputs from the catalogue.

A step is a text block `<step>…</step>` of the newest message (`agent_platform.agents.procedure` writes it). Each line
"Call the tool `consult_agent__<group>__<name>` now." makes one call, with the input of that agent's own example. A
supervisor's step has "You may call the tool …" instead: the first of them is called, once.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

from agent_platform.llm.offline.definitions import Definitions

_TOOL = r"`(consult_agent__([a-z0-9-]+)__([a-z0-9-]+))`"
_DUE = re.compile(rf"^Call the tool {_TOOL} now\.$", re.MULTILINE)
_ALLOWED = re.compile(rf"^You may call the tool {_TOOL}\.$", re.MULTILINE)


def wanted_calls(body: dict[str, Any], definitions: Definitions) -> list[dict[str, Any]]:
    """The calls that the newest message asks a coordinator for: name, and input where the catalogue knows one."""
    offered = {tool.get("name") for tool in body.get("tools") or []}
    calls = []
    for step in _steps(body["messages"][-1]["content"]):
        for tool, group, name in _DUE.findall(step) or _ALLOWED.findall(step)[:1]:
            known = definitions.find(f"{group}/{name}")
            if tool in offered:
                example = {"input": json.loads(known.example_input)} if known and known.example_input else {}
                calls.append({"name": tool, **example})
    return calls


def _steps(content: Any) -> Iterator[str]:
    """Texts of the newest message that are steps; what users wrote and tools returned never is one."""
    for block in content if isinstance(content, list) else ():
        if isinstance(block, dict) and block.get("type") == "text":
            text = str(block.get("text", ""))
            if text.startswith("<step>\n") and text.endswith("\n</step>"):
                yield text
