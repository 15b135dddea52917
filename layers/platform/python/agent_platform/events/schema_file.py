"""Write the JSON Schema of every event: `python -m agent_platform.events.schema_file`.

A schema that would break readers of the one before, or of the published one, is not written. `--publish`, as part of a
release, makes what is written what readers were told: from then on a field may be added, and none be taken away.
"""

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

from agent_platform.events.compatibility import NEW_TYPE, Break, breaks
from agent_platform.events.envelope import CloudEvent, EventType
from agent_platform.events.facts import FACTS

TARGET = Path(__file__).with_name("schemas")
PUBLISHED = TARGET / "published"
"""The schemas of the last release. Nothing but `--publish` changes them, so a schema that was deleted and generated
anew is held to what it was."""
SUFFIX = ".schema.json"


def event_schemas() -> dict[str, str]:
    """The schema of each type of event as text, by file name."""
    return {
        f"{kind}{SUFFIX}": json.dumps(_event_schema(kind), indent=2, ensure_ascii=False) + "\n"
        for kind in get_args(EventType)
    }


def breaks_of(committed: Mapping[str, str], generated: Mapping[str, str]) -> dict[str, list[Break]]:
    """What breaks readers, by file name; files that break nobody are left out."""
    found = {
        name: breaks(json.loads(committed[name]), json.loads(generated[name]))
        if name in generated
        else [Break("", "nobody writes this type of event any more", NEW_TYPE)]
        for name in sorted(committed)
    }
    return {name: each for name, each in found.items() if each}


def read_schemas(folder: Path = TARGET) -> dict[str, str]:
    """The schemas in a folder, by file name."""
    return {path.name: path.read_text(encoding="utf-8") for path in sorted(folder.glob(f"*{SUFFIX}"))}


def _event_schema(kind: EventType) -> dict[str, Any]:
    """The envelope of one type around its data."""
    envelope = CloudEvent.model_json_schema(mode="serialization")
    data = FACTS[kind].model_json_schema(mode="serialization", ref_template="#/$defs/{model}")
    parts = data.pop("$defs", {})
    properties = {name: _without_title(each) for name, each in envelope["properties"].items()}
    properties["type"] = {"type": "string", "const": kind, "description": "What happened, and the topic"}
    properties["subject"] |= {"description": "What it happened to, and the key that keeps the order"}
    properties["id"] |= {"description": "Drop an event whose id you have seen (UUID version 7)"}
    # Left out where there is none, never null.
    properties["traceparent"] = {"type": "string", "description": properties["traceparent"]["description"]}
    properties["data"] = {"$ref": f"#/$defs/{data['title']}"}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:ai-agents-platform:events:{kind}",
        "title": kind,
        "description": data["description"],
        "type": "object",
        "properties": properties,
        "required": [name for name in properties if name != "traceparent"],
        "$defs": _without_title({**parts, data["title"]: data}),
    }


def _without_title(schema: Any) -> Any:
    """The schema without the titles that pydantic makes of names: they tell nothing more."""
    if isinstance(schema, list):
        return [_without_title(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    return {name: _without_title(each) for name, each in schema.items() if name != "title" or isinstance(each, dict)}


def main() -> int:
    """Command line: writes the files, all or none."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--publish", action="store_true", help="with a release: hold all later schemas to these")
    folders = [TARGET, PUBLISHED] if parser.parse_args().publish else [TARGET]
    generated = event_schemas()
    if broken := breaks_of(read_schemas(TARGET), generated) | breaks_of(read_schemas(PUBLISHED), generated):
        for name, found in broken.items():
            sys.stderr.writelines(f"{name}: {each}\n" for each in found)
        sys.stderr.write("Nothing was written: readers of these events would break.\n")
        return 1
    for folder in folders:
        folder.mkdir(exist_ok=True)
        for name, text in generated.items():
            (folder / name).write_text(text, encoding="utf-8")
            sys.stdout.write(f"{folder / name}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
