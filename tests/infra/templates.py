"""Reading synthesized templates: resources by type, what a role may do, what a function is given."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from infra_cdk.repository import AGENT_DEFS
from infra_cdk.stages import Stage

Template = dict[str, Any]

GROUPS = sorted([*(path.name for path in AGENT_DEFS.iterdir() if path.is_dir()), "custom"])
"""The groups that have a function: those with definitions, and the one of the agents that people write."""


@dataclass(frozen=True, slots=True)
class Resource:
    """One resource of a template."""

    component: str
    logical_id: str
    kind: str
    body: dict[str, Any]

    @property
    def properties(self) -> dict[str, Any]:
        properties: dict[str, Any] = self.body.get("Properties", {})
        return properties


@dataclass(frozen=True, slots=True)
class Grant:
    """One action on one resource that a role may do; the resource is rendered as text."""

    action: str
    resource: str


@dataclass(frozen=True, slots=True)
class Synthesized:
    """The templates of one stage by their component, such as `Data`."""

    stage: Stage
    templates: dict[str, Template]
    findings: str
    assembly: Path

    @classmethod
    def read(cls, stage: Stage, assembly: Path, findings: str) -> Self:
        templates = {
            path.name.removesuffix(".template.json").rpartition("-")[2]: json.loads(path.read_text())
            for path in assembly.glob("*.template.json")
        }
        return cls(stage, templates, findings, assembly)

    def resources(self, kind: str = "", component: str = "") -> list[Resource]:
        """Every resource whose type is `kind`, in one component or in all."""
        return [
            Resource(name, logical_id, body["Type"], body)
            for name, template in self.templates.items()
            if component in ("", name)
            for logical_id, body in template.get("Resources", {}).items()
            if kind in ("", body["Type"])
        ]

    def one(self, kind: str, component: str = "", named: str = "") -> Resource:
        """The only resource of this type whose logical id begins with `named`."""
        (found,) = [each for each in self.resources(kind, component) if each.logical_id.startswith(named)]
        return found

    def function(self, named: str, component: str = "") -> Resource:
        """The function made by the construct with this id."""
        return self.one("AWS::Lambda::Function", component, f"{named}Function")

    def queue(self, reference: Any) -> Resource:
        """The queue that a property refers to, in its own stack or by another's export."""
        named = text(reference)
        (found,) = [each for each in self.resources("AWS::SQS::Queue") if each.logical_id in named]
        return found

    def policies(self, of_role: str = "", component: str = "") -> list[Resource]:
        """Every policy of a role, or of all; what does not fit into a role's own, CDK puts into managed ones."""
        kinds = ("AWS::IAM::Policy", "AWS::IAM::ManagedPolicy")
        found = [each for kind in kinds for each in self.resources(kind, component)]
        own = tuple(f"{of_role}Role{each}Policy" for each in ("Default", "Overflow"))
        return [each for each in found if not of_role or each.logical_id.startswith(own)]

    def grants(self, named: str, component: str = "") -> set[Grant]:
        """What the role of the construct with this id may do."""
        policies = self.policies(named, component)
        assert policies, named
        return {grant for policy in policies for grant in grants_of(policy)}


def grants_of(policy: Resource) -> Iterator[Grant]:
    """Every action with every resource of a policy's statements."""
    for statement in policy.properties["PolicyDocument"]["Statement"]:
        assert statement["Effect"] == "Allow"
        actions, resources = _several(statement["Action"]), _several(statement["Resource"])
        yield from (Grant(action, text(resource)) for action in actions for resource in resources)


def text(value: Any) -> str:
    """An ARN or name as text: references by logical id, imports by the name of the imported output."""
    match value:
        case str():
            return value
        case {"Ref": name}:
            return f"<{name}>"
        case {"Fn::GetAtt": [name, attribute]}:
            return f"<{name}.{attribute}>"
        case {"Fn::Join": [separator, parts]}:
            return str(separator).join(text(part) for part in parts)
        case {"Fn::ImportValue": name}:
            return f"<{text(name)}>"
        case {"Fn::GetStackOutput": {"OutputName": name}}:
            return f"<{name}>"
        case _:
            return json.dumps(value, sort_keys=True)


def _several(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
