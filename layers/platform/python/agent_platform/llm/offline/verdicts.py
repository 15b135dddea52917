"""The field in which an agent's answer names the rule of its guardrails that was met: the offline model meets none."""

import json
from typing import Any

VERDICT_FIELD = "guardrail"
"""As the platform's requests name it (`agent_platform.agents.guardrails.rules`)."""

NOTHING_MET = {"rule": "none", "reason": ""}


def with_verdict(output: Any, body: dict[str, Any]) -> Any:
    """An output with the verdict before it, if the request's schema asks for one and the output has none of its own."""
    schema = ((body.get("output_config") or {}).get("format") or {}).get("schema") or {}
    if not isinstance(output, dict) or VERDICT_FIELD in output or VERDICT_FIELD not in schema.get("properties", {}):
        return output
    return {VERDICT_FIELD: NOTHING_MET, **output}


def text_with_verdict(text: str, body: dict[str, Any]) -> str:
    """The same for an output that is JSON text."""
    return json.dumps(with_verdict(json.loads(text), body), ensure_ascii=False)
