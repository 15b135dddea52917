"""What a workflow is: the pydantic model of a spec, from which `statemachines/schema.json` is generated.

Steps run one after another. Data passes by references in templates, such as `${steps.extract.output.total}` (see
`references`). Whether a spec makes sense beyond its shape is what `check` tells.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, JsonValue, StringConstraints, model_validator

from agent_platform.agents.definition import AgentId

JsonObject = dict[str, Any]
StepId = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9]*(_[a-z0-9]+)*$", max_length=40)]
WorkflowName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$", min_length=3, max_length=50)]
WorkflowReference = Annotated[
    str, StringConstraints(pattern=r"^(platform/)?[a-z][a-z0-9]*(-[a-z0-9]+)*$", max_length=60)
]
"""A workflow of the author by name, or one that the platform ships: `platform/<name>`."""
ErrorName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9.]*$", max_length=100)]
Path = Annotated[str, StringConstraints(min_length=1, max_length=300)]
"""What a reference names, without the `${…}`: `steps.judge.output.score`."""

SCHEMA_VERSION = 1
MAX_STEPS = 100
"""Of a whole spec, nested ones included."""
MAX_NESTING = 5
"""Steps inside steps."""
MAX_SECONDS = 30 * 86_400
"""The longest a run, a wait or an approval may take: results are kept for longer than that."""
MAX_ITEMS = 1_000
"""Items of a map: the references to their results must fit into one state of Step Functions (256 KiB)."""
INLINE_ITEMS = 40
"""Items up to which a map runs inside its run; above, each item is a child run of a distributed Map. An inline Map of
Step Functions works on at most 40 at once (Step Functions Developer Guide, "Inline mode")."""
MAX_REPEATS = 10_000
"""How often the maps and loops around a step, and itself if it is one, may repeat: a run's work has an end."""
MAX_PAYLOAD_BYTES = 100_000
"""Of what a step hands on as it is written, as JSON: with references filled in it must fit into 256 KiB."""
MAX_INPUT_SCHEMA_BYTES = 64 * 1024
MAX_FORM_BYTES = 32 * 1024


def _as_tuple(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Retry(_Strict):
    """When a step that failed is tried again. What the platform's own functions suffer in passing is always tried
    again, without this."""

    errors: Annotated[
        tuple[ErrorName, ...],
        BeforeValidator(_as_tuple),
        Field(min_length=1, max_length=20, description="Names, such as ModelOutputInvalid; States.ALL for any error"),
    ]
    max_attempts: Annotated[int, Field(ge=1, le=10, description="Further tries after the first")] = 2
    interval_seconds: Annotated[int, Field(ge=1, le=3600, description="Pause before the second try")] = 5
    backoff: Annotated[float, Field(ge=1, le=10, description="What each further pause is multiplied by")] = 2.0
    max_interval_seconds: Annotated[int, Field(ge=1, le=86_400, description="The longest pause")] = 120
    jitter: Annotated[bool, Field(description="Whether pauses are drawn at random up to their length")] = True


class GoTo(_Strict):
    """Where to go on: a later step of the same list, or `end`, which finishes the list."""

    go_to: Annotated[StepId | Literal["end"], Field(description="Id of a later step of the same list, or `end`")]


class Fallback(_Strict):
    """Another agent that gets the same input when the first has failed for good."""

    fallback_agent: AgentId


OnError = Annotated[
    Literal["fail", "continue"] | GoTo | Fallback,
    Field(
        description="What happens when the step has failed for good. fail: the run fails; continue: the next step, "
        "with `steps.<id>.status` failed and `steps.<id>.error`; go_to: a later step; fallback_agent: that agent is "
        "asked"
    ),
]


class Condition(_Strict):
    """A question about the data: one path with one operator, or a combination. A path that is absent answers no."""

    path: Annotated[Path | None, Field(description="What is looked at, such as steps.judge.output.score")] = None
    equals: str | int | float | bool | None = None
    is_null: Annotated[bool | None, Field(description="Whether the value is null or absent")] = None
    one_of: Annotated[tuple[str | int | float, ...], BeforeValidator(_as_tuple)] | None = None
    at_least: float | int | None = None
    at_most: float | int | None = None
    above: float | int | None = None
    below: float | int | None = None
    matches: Annotated[str | None, Field(description="A text with * for anything")] = None
    all: Annotated[tuple["Condition", ...], BeforeValidator(_as_tuple), Field(min_length=1)] | None = None
    any: Annotated[tuple["Condition", ...], BeforeValidator(_as_tuple), Field(min_length=1)] | None = None
    not_: Annotated["Condition | None", Field(alias="not")] = None

    @model_validator(mode="after")
    def _asks_one_question(self) -> "Condition":
        operators = self.operators
        if self.path is not None:
            if len(operators) != 1:
                raise ValueError("give `path` exactly one operator: " + ", ".join(OPERATORS))
            if self.all is not None or self.any is not None or self.not_ is not None:
                raise ValueError("give either `path` with an operator, or one of `all`, `any` and `not`")
        elif operators:
            raise ValueError("an operator needs a `path`")
        elif sum(each is not None for each in (self.all, self.any, self.not_)) != 1:
            raise ValueError("give `path` with an operator, or exactly one of `all`, `any` and `not`")
        return self

    @property
    def operators(self) -> tuple[str, ...]:
        """The operators that were given; `equals: null` is not one (write `is_null: true`)."""
        return tuple(name for name in OPERATORS if getattr(self, name) is not None)


OPERATORS = ("equals", "is_null", "one_of", "at_least", "at_most", "above", "below", "matches")


class _Step(_Strict):
    id: StepId
    title: Annotated[
        str | None,
        StringConstraints(min_length=3, max_length=60, strip_whitespace=True),
        Field(description="The state's name in the console, for people; made of the id if it is left out"),
    ] = None


class _Task(_Step):
    timeout_seconds: Annotated[int, Field(ge=1, le=900, description="Seconds for one try")] = 300
    retry: Annotated[tuple[Retry, ...], BeforeValidator(_as_tuple), Field(max_length=5)] = ()
    on_error: OnError = "fail"


class AgentStep(_Task):
    """One agent's execution, with the templated input."""

    kind: Literal["agent"]
    agent: AgentId
    input: JsonObject
    framework: Annotated[
        Literal["custom", "langgraph", "crewai", "autogen"] | None,
        Field(description="Runs the agent on another framework than its definition says"),
    ] = None


class TeamStep(_Task):
    """Agents that work on one task under a lead, which briefs them, reads their answers and gives the result."""

    kind: Literal["team"]
    lead: Annotated[AgentId, Field(description="The agent whose input and output the step has")]
    mode: Literal["sequential", "parallel", "supervisor", "debate"]
    members: Annotated[tuple[AgentId, ...], BeforeValidator(_as_tuple), Field(min_length=2, max_length=8)]
    rounds: Annotated[int, Field(ge=1, le=4, description="Rounds of a debate")] = 2
    input: JsonObject


class TransformStep(_Task):
    """Makes a value of others: a template, or a JMESPath expression over {input, steps, run} and the variables."""

    kind: Literal["transform"]
    template: Annotated[JsonValue, Field(description="The value, with references")] = None
    jmespath: Annotated[str | None, StringConstraints(min_length=1, max_length=2000)] = None
    output: Annotated[JsonObject | None, Field(description="JSON Schema of the result; needed with `jmespath`")] = None

    @model_validator(mode="after")
    def _says_how(self) -> "TransformStep":
        if (self.template is None) == (self.jmespath is None):
            raise ValueError("give either `template` or `jmespath`")
        if self.jmespath is not None and self.output is None:
            raise ValueError("with `jmespath` give the JSON Schema of its result as `output`")
        return self


class ConnectorStep(_Task):
    """A call of another system."""

    kind: Literal["connector"]
    connector: Annotated[str, StringConstraints(min_length=1, max_length=50)]
    action: Annotated[str, StringConstraints(min_length=1, max_length=50)]
    input: JsonObject


class WorkflowStep(_Step):
    """A run of another workflow, with the templated input; its output is the step's."""

    kind: Literal["workflow"]
    workflow: WorkflowReference
    input: JsonObject
    on_error: Annotated[Literal["fail", "continue"] | GoTo, Field(description="What happens when that run fails")] = (
        "fail"
    )


class Approvers(_Strict):
    """Who may decide: anyone of these."""

    users: Annotated[
        tuple[Annotated[str, StringConstraints(min_length=3, max_length=254)], ...],
        BeforeValidator(_as_tuple),
        Field(max_length=20, description="E-mail addresses, or a reference to one in the data"),
    ] = ()
    roles: Annotated[
        tuple[Annotated[str, StringConstraints(pattern="^[a-z][a-z0-9_-]*$", max_length=50)], ...],
        BeforeValidator(_as_tuple),
        Field(max_length=10),
    ] = ()
    owner: Annotated[bool, Field(description="Whether whoever started the run may decide")] = False

    @model_validator(mode="after")
    def _names_somebody(self) -> "Approvers":
        if not (self.users or self.roles or self.owner):
            raise ValueError("name at least one user or role, or set `owner`")
        return self


class ApprovalStep(_Step):
    """Waits for a person's decision. Output: decision, comment, form, decided_by, decided_at."""

    kind: Literal["approval"]
    message: Annotated[str, StringConstraints(min_length=3, max_length=2000), Field(description="A template")]
    show: Annotated[JsonValue, Field(description="What the decision is about: a template")] = None
    approvers: Approvers
    form: Annotated[JsonObject | None, Field(description="JSON Schema of what must be filled in to approve")] = None
    timeout_seconds: Annotated[int, Field(ge=60, le=MAX_SECONDS)] = 7 * 86_400
    on_timeout: Annotated[
        Literal["fail", "approve", "reject"], Field(description="What it means when nobody decides in time")
    ] = "fail"
    on_reject: Annotated[
        Literal["fail", "continue"] | GoTo,
        Field(description="continue: the next step, with `steps.<id>.output.decision` rejected"),
    ] = "fail"


class WaitStep(_Step):
    """Waits for some time, or until a moment."""

    kind: Literal["wait"]
    seconds: Annotated[int, Field(ge=1, le=MAX_SECONDS)] | None = None
    until: Annotated[Path | None, Field(description="Path of an RFC 3339 timestamp, such as input.due_at")] = None

    @model_validator(mode="after")
    def _says_how_long(self) -> "WaitStep":
        if (self.seconds is None) == (self.until is None):
            raise ValueError("give either `seconds` or `until`")
        return self


class Branch(_Strict):
    """Steps that run beside those of other branches."""

    title: Annotated[str | None, StringConstraints(min_length=3, max_length=60, strip_whitespace=True)] = None
    steps: Annotated["Steps", Field(min_length=1)]


class ParallelStep(_Step):
    """Branches that run at once. The steps of all of them can be referred to afterwards."""

    kind: Literal["parallel"]
    branches: Annotated[tuple[Branch, ...], BeforeValidator(_as_tuple), Field(min_length=2, max_length=10)]
    on_error: Annotated[
        Literal["fail", "continue"] | GoTo,
        Field(description="What happens when a branch fails; the others are given up and count as not run"),
    ] = "fail"


class MapStep(_Step):
    """The same steps for every item of a list. Output: {items: results in the list's order, failed: how many}."""

    kind: Literal["map"]
    items: Annotated[Path, Field(description="Path of the list, such as input.vendors")]
    variable: Annotated[StepId, Field(description="The item's name in references", alias="as")] = "item"
    steps: Annotated["Steps", Field(min_length=1)]
    result: Annotated[
        JsonValue, Field(description="What is kept of each item: a template; the last step's output if left out")
    ] = None
    concurrency: Annotated[int, Field(ge=1, le=40, description="Items at once")] = 10
    on_item_error: Annotated[
        Literal["fail", "continue"], Field(description="continue: the item's result is null, and counted as failed")
    ] = "fail"
    on_error: Annotated[Literal["fail", "continue"] | GoTo, Field(description="What happens when the map fails")] = (
        "fail"
    )


class Case(_Strict):
    """What happens under a condition: steps, or a jump."""

    when: Condition
    steps: Annotated["Steps", Field(min_length=1)] | None = None
    go_to: StepId | Literal["end"] | None = None

    @model_validator(mode="after")
    def _does_one_thing(self) -> "Case":
        if (self.steps is None) == (self.go_to is None):
            raise ValueError("give either `steps` or `go_to`")
        return self


class Otherwise(_Strict):
    """What happens when no case applies."""

    steps: Annotated["Steps", Field(min_length=1)] | None = None
    go_to: StepId | Literal["end"] | None = None

    @model_validator(mode="after")
    def _does_one_thing(self) -> "Otherwise":
        if (self.steps is None) == (self.go_to is None):
            raise ValueError("give either `steps` or `go_to`")
        return self


class ChoiceStep(_Step):
    """The first case whose condition holds; without one, `otherwise`; without that, the next step."""

    kind: Literal["choice"]
    cases: Annotated[tuple[Case, ...], BeforeValidator(_as_tuple), Field(min_length=1, max_length=20)]
    otherwise: Otherwise | None = None


class LoopStep(_Step):
    """Repeats its steps until the condition holds after them. Output: {iterations: how many, satisfied: bool}."""

    kind: Literal["loop"]
    steps: Annotated["Steps", Field(min_length=1)]
    until: Condition
    max_iterations: Annotated[int, Field(ge=1, le=20)] = 3
    on_exhausted: Annotated[
        Literal["fail", "continue"], Field(description="What happens when the condition never held")
    ] = "continue"


class FailStep(_Step):
    """Ends the run as failed, with a reason."""

    kind: Literal["fail"]
    message: Annotated[str, StringConstraints(min_length=3, max_length=1000), Field(description="Plain text")]


Step = Annotated[
    AgentStep
    | TeamStep
    | TransformStep
    | ConnectorStep
    | WorkflowStep
    | ApprovalStep
    | WaitStep
    | ParallelStep
    | MapStep
    | ChoiceStep
    | LoopStep
    | FailStep,
    Field(discriminator="kind"),
]
Steps = Annotated[tuple[Step, ...], BeforeValidator(_as_tuple)]


class WorkflowSpec(_Strict):
    """One workflow as its author writes it."""

    schema_version: Annotated[Literal[1], Field(description="Version of this format")] = 1
    name: WorkflowName
    title: Annotated[str, StringConstraints(min_length=3, max_length=80, strip_whitespace=True)]
    description: Annotated[str, StringConstraints(max_length=1000, strip_whitespace=True)] = ""
    tags: Annotated[tuple[WorkflowName, ...], BeforeValidator(_as_tuple), Field(max_length=6)] = ()
    input: Annotated[JsonObject, Field(description="JSON Schema (2020-12) of the input, an object")]
    steps: Annotated[Steps, Field(min_length=1)]
    output: Annotated[
        JsonValue, Field(description="The run's output: a template; the last step's output if left out")
    ] = None
    timeout_seconds: Annotated[int, Field(ge=60, le=MAX_SECONDS, description="Seconds for the whole run")] = 8 * 86_400
    example: Annotated[JsonObject | None, Field(description="A realistic input")] = None


for _model in (Condition, Branch, ParallelStep, MapStep, Case, Otherwise, ChoiceStep, LoopStep, WorkflowSpec):
    _model.model_rebuild()


def blocks(step: Step) -> tuple[tuple[str, tuple[Step, ...]], ...]:
    """The lists of steps inside a step, each with its field path such as `cases.0.steps`."""
    match step:
        case ParallelStep():
            return tuple((f"branches.{at}.steps", branch.steps) for at, branch in enumerate(step.branches))
        case MapStep() | LoopStep():
            return (("steps", step.steps),)
        case ChoiceStep():
            inner = [(f"cases.{at}.steps", case.steps) for at, case in enumerate(step.cases) if case.steps]
            if step.otherwise and step.otherwise.steps:
                inner.append(("otherwise.steps", step.otherwise.steps))
            return tuple(inner)
        case _:
            return ()


def every_step(steps: tuple[Step, ...]) -> tuple[Step, ...]:
    """All steps, nested ones after the one that holds them."""
    return tuple(
        each for step in steps for each in (step, *(x for _, inner in blocks(step) for x in every_step(inner)))
    )


def title_of(step: Step) -> str:
    """The step's name for people."""
    return step.title or step.id.replace("_", " ").capitalize()
