"""Definition files that are made up and faultless, for tests that then put one fault into them."""

import json
from pathlib import Path
from typing import Any

import yaml

_STEPS = (
    "Weigh every {topic} twice and write both readings down before you compare them",
    "Take the lower reading when the two differ by less than one part in a hundred",
    "Ask for a third {topic} reading when they differ by more and keep the median",
    "Convert all units of the {topic} to kilograms first and name the factor you used",
    "Hold the result against the limit that the {topic} tariff names for its class",
    "Quote the line of the {topic} tariff so that a clerk can find it in a minute",
    "Say which {topic} data are missing instead of guessing what they might have been",
    "Never round a {topic} figure before the last step because small errors add up",
    "Note when a {topic} falls between two classes and give the price of either one",
    "Hand the {topic} to a person when the seal is broken or the label cannot be read",
)


def a_definition(topic: str = "parcel", **changes: Any) -> dict[str, Any]:
    """The fields of a definition about `topic`; `changes` replace some, and None takes one away."""
    fields = {
        "name": f"{topic.title()} Weigher",
        "version": "1.0.0",
        "summary": f"Weighs a {topic} and names the class of the tariff that it belongs to.",
        "use_when": f"You hold a {topic} and the tariff that prices it.",
        "not_when": [{"ask": f"The {topic} was lost on its way.", "instead": "post/loss-tracer"}],
        "tags": ["logistics", "pricing", "review"],
        "instructions": "".join(f"{step.format(topic=topic)}.\n" for step in _STEPS),
        "input": {
            "type": "object",
            "required": [f"{topic}_grams"],
            "properties": {
                f"{topic}_grams": {"type": "integer", "minimum": 1, "description": "Weight in grams"},
                "sent_on": {"type": "string", "format": "date"},
            },
        },
        "output": {
            "type": "object",
            "additionalProperties": False,
            "required": ["tariff_class", "reason"],
            "properties": {"tariff_class": {"type": "string", "enum": ["S", "M", "L"]}, "reason": {"type": "string"}},
        },
        "guardrails": {"refuse": [f"Opening the {topic}"]},
        "asks": [f"How heavy is this {topic}?", f"Which class is my {topic}?", f"price of one {topic} please"],
        "near_misses": [
            {"ask": f"Where is my {topic}?", "belongs_to": "post/loss-tracer"},
            {"ask": f"The {topic} arrived broken.", "belongs_to": "post/loss-tracer"},
        ],
        "example": {
            "input": {f"{topic}_grams": 1500, "sent_on": "2026-03-31"},
            "output": {"tariff_class": "M", "reason": "1.5 kg lies between 1 and 5 kg."},
        },
        **changes,
    }
    return {name: value for name, value in fields.items() if value is not None}


def as_yaml(fields: dict[str, Any]) -> str:
    """The text of a definition file."""
    return yaml.safe_dump(fields, sort_keys=False, allow_unicode=True)


def write_definition(
    root: Path, agent_id: str, topic: str | None = None, suffix: str = ".yaml", **changes: Any
) -> Path:
    """Write one definition below `root`; its topic is its name unless told otherwise."""
    fields = a_definition(topic or agent_id.rpartition("/")[2].replace("-", "_"), **changes)
    path = root / f"{agent_id}{suffix}"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(fields, indent=2) if suffix == ".json" else as_yaml(fields), encoding="utf-8")
    return path


def write_vocabulary(root: Path, *groups: str) -> None:
    """Write `groups.yaml` and `tags.yaml`, and the plan of the group `post`, so that the definitions check."""
    root.mkdir(parents=True, exist_ok=True)
    named = {group: {"name": group.title(), "summary": f"All about {group}."} for group in (groups or ("post",))}
    (root / "groups.yaml").write_text(yaml.safe_dump(named), encoding="utf-8")
    (root / "tags.yaml").write_text("logistics: Moving goods\npricing: What costs what\nreview: Judging\n")
    (root / "post").mkdir(exist_ok=True)
    (root / "post/README.md").write_text("# Post\n\n- `loss-tracer`: finds what went astray, for the counter\n")
