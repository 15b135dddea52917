"""What an agent is: the pydantic model of a definition file, from which `agent_defs/schema.json` is generated."""

import re
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationInfo,
    field_validator,
    model_validator,
)

from agent_platform.agents.schemas import SchemaError, check_input_schema, check_output_schema, instance_faults

JsonObject = dict[str, Any]
AGENT_ID = r"^[a-z][a-z0-9]*(-[a-z0-9]+)*/[a-z][a-z0-9]*(-[a-z0-9]+)*$"
AGENT_ID_LENGTH = 85
GROUP_LENGTH = 34
"""A group is part of its Lambda function's name, which has at most 64 characters with stage and prefix."""
AgentId = Annotated[str, StringConstraints(pattern=AGENT_ID, max_length=AGENT_ID_LENGTH)]
Slug = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$", max_length=50)]
VERSION = r"^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)$"
Version = Annotated[str, StringConstraints(pattern=VERSION, max_length=20)]
ToolName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$", max_length=50)]
Text = Annotated[str, StringConstraints(min_length=3, max_length=600, strip_whitespace=True)]
ModelTier = Literal["fast", "balanced", "deep"]
Host = Annotated[
    str, StringConstraints(pattern=r"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[1-9][0-9]{0,4})?$", min_length=3, max_length=260)
]

INSTRUCTION_WORDS = (120, 300)
"""Fewest and most words of `instructions` (the catalogue's specification)."""


_TRUSTED = object()
"""Validation context of a definition that the build has checked: costly checks are left out."""


def _as_tuple(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Diversion(_Strict):
    """A task that sounds near but belongs to another agent."""

    ask: Text
    instead: Annotated[AgentId, Field(description="The agent that does it: group/name")]


class NearMiss(_Strict):
    """Something a user might type that must be routed to another agent."""

    ask: Text
    belongs_to: AgentId


class Limits(_Strict):
    """Bounds of one execution and of one principal's use."""

    timeout_seconds: Annotated[int, Field(ge=1, le=840, description="Seconds for the whole execution")] = 120
    rate_per_minute: Annotated[int, Field(ge=1, le=10_000)] | None = None
    cache_ttl_seconds: Annotated[
        int, Field(ge=0, le=30 * 86_400, description="How long an equal input gets the same answer; 0 for never")
    ] = 0
    cache_scope: Annotated[
        Literal["user", "shared"], Field(description="Who may get a cached answer: the same user only, or everybody")
    ] = "user"
    max_cost_usd: Annotated[float, Field(gt=0, le=100, description="US dollars per execution")] | None = None
    max_tokens: Annotated[
        int, Field(ge=1_000, le=10_000_000, description="Tokens per execution, prompts and answers of all rounds")
    ] = 1_000_000
    max_tool_rounds: Annotated[int, Field(ge=1, le=50, description="Answers of the model that may call tools")] = 11
    monthly_cost_usd: (
        Annotated[
            float, Field(gt=0, le=1_000_000, description="US dollars a calendar month, over all users of the agent")
        ]
        | None
    ) = None


class Guardrails(_Strict):
    """What this task declines, what it hands to a person, and how personal data is treated."""

    refuse: Annotated[tuple[Text, ...], BeforeValidator(_as_tuple)] = ()
    escalate: Annotated[tuple[Text, ...], BeforeValidator(_as_tuple)] = ()
    pii: Literal["redact", "allow"] = "redact"


class Example(_Strict):
    """One realistic input and the answer an expert would give; both valid against the schemas."""

    input: JsonObject
    output: JsonObject


class Team(_Strict):
    """Agents that work on the task under this one, which briefs them, reads their answers and gives the result."""

    mode: Annotated[
        Literal["sequential", "parallel", "supervisor", "debate"],
        Field(
            description="sequential: one after another, each knows the answers before it; parallel: all at once; "
            "supervisor: whom and how often is decided on the way; debate: all answer, then see each other's answers "
            "and answer again, and this agent judges"
        ),
    ]
    members: Annotated[tuple[AgentId, ...], BeforeValidator(_as_tuple), Field(min_length=2, max_length=8)]
    rounds: Annotated[int, Field(ge=1, le=4, description="Rounds of a debate")] = 2


class DefinitionFile(_Strict):
    """One agent as its author writes it in `agent_defs/<group>/<name>.yaml`; the path is its id."""

    name: Annotated[str, StringConstraints(min_length=3, max_length=60)]
    version: Annotated[Version, Field(description="Semantic version")]
    summary: Annotated[str, StringConstraints(min_length=20, max_length=120)]
    use_when: Text
    not_when: Annotated[tuple[Diversion, ...], BeforeValidator(_as_tuple), Field(min_length=1)]
    tags: Annotated[tuple[Slug, ...], BeforeValidator(_as_tuple), Field(min_length=3, max_length=6)]
    instructions: Annotated[str, StringConstraints(strip_whitespace=True)]
    input: Annotated[JsonObject, Field(description="JSON Schema (2020-12) of the input")]
    output: Annotated[JsonObject, Field(description="JSON Schema of the output, inside what structured outputs accept")]
    tools: Annotated[tuple[ToolName, ...], BeforeValidator(_as_tuple)] = ()
    consults: Annotated[
        tuple[AgentId, ...],
        BeforeValidator(_as_tuple),
        Field(max_length=8, description="Agents that the tool `consult_agent` may ask"),
    ] = ()
    team: Team | None = None
    hosts: Annotated[
        tuple[Host, ...],
        BeforeValidator(_as_tuple),
        Field(max_length=20, description="Hosts that `http_request` may reach, with the port unless it is 443"),
    ] = ()
    approval: Annotated[
        Literal["required", "destructive_only"],
        Field(
            description="Which calls of tools a person must approve, one by one: all that write or destroy, or only "
            "those that destroy"
        ),
    ] = "required"
    connectors: Annotated[tuple[ToolName, ...], BeforeValidator(_as_tuple)] = ()
    memory: Literal["none", "conversation", "long_term"] = "none"
    model: ModelTier = "balanced"
    effort: Literal["low", "medium", "high", "xhigh", "max"] | None = None
    max_output_tokens: Annotated[int, Field(ge=256, le=32_000)] = 8_000
    limits: Limits = Limits()
    guardrails: Guardrails
    framework: Literal["custom", "langgraph", "crewai", "autogen"] = "custom"
    dedicated: bool = False
    asks: Annotated[tuple[Text, ...], BeforeValidator(_as_tuple), Field(min_length=3)]
    near_misses: Annotated[tuple[NearMiss, ...], BeforeValidator(_as_tuple), Field(min_length=2)]
    example: Example

    @field_validator("instructions")
    @classmethod
    def _has_a_useful_length(cls, instructions: str, info: ValidationInfo) -> str:
        if info.context is _TRUSTED:
            return instructions
        words, (fewest, most) = len(instructions.split()), INSTRUCTION_WORDS
        if not fewest <= words <= most:
            raise ValueError(f"has {words} words; write {fewest} to {most}")
        return instructions

    @field_validator("tags", "tools", "connectors", "consults", "hosts")
    @classmethod
    def _has_no_repeats(cls, values: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(values)) != len(values):
            raise ValueError("lists the same entry twice")
        return values

    @field_validator("input")
    @classmethod
    def _is_an_input_schema(cls, schema: JsonObject, info: ValidationInfo) -> JsonObject:
        if info.context is not _TRUSTED:
            check_input_schema(schema)
        return schema

    @field_validator("output")
    @classmethod
    def _is_an_output_schema(cls, schema: JsonObject, info: ValidationInfo) -> JsonObject:
        if info.context is not _TRUSTED:
            check_output_schema(schema)
        return schema

    @model_validator(mode="after")
    def _has_a_valid_example(self, info: ValidationInfo) -> Self:
        if info.context is _TRUSTED:
            return self
        faults = [
            *instance_faults(self.input, self.example.input, root="example.input"),
            *instance_faults(self.output, self.example.output, root="example.output"),
        ]
        if faults:
            raise SchemaError(faults)
        return self


class AgentDefinition(DefinitionFile):
    """A definition together with its id, as the catalogue holds it."""

    id: AgentId

    @property
    def group(self) -> str:
        """The first segment of the id; one Lambda function serves one group."""
        return self.id.partition("/")[0]

    @property
    def colleagues(self) -> tuple[str, ...]:
        """Ids of the agents that this one may put to work: its team, then those it consults."""
        return tuple(dict.fromkeys([*(self.team.members if self.team else ()), *self.consults]))

    @classmethod
    def trusted(cls, document: str | bytes) -> "AgentDefinition":
        """Rebuild a definition that the build has validated already, from the catalogue's JSON.

        The schemas, the example and the lengths are not checked again; field types are.

        Raises:
            pydantic.ValidationError: the stored entry is damaged.
        """
        return cls.model_validate_json(document, context=_TRUSTED)


def is_agent_id(text: str) -> bool:
    """Whether `text` has the form `group/name` of an agent id."""
    fits = len(text) <= AGENT_ID_LENGTH and len(text.partition("/")[0]) <= GROUP_LENGTH
    return fits and re.fullmatch(AGENT_ID, text) is not None
