"""The model catalogue: which Claude model stands behind each tier, what it can do and what it costs.

Definitions name a tier; nothing else in the platform names a model. Sources (read November 2026):
ids, limits, effort and thinking: platform.claude.com/docs/en/models/{haiku,sonnet,opus}-5-5/overview;
list prices: platform.claude.com/docs/en/about-claude/pricing, with the cache-read price of Sonnet 5.5 as lowered on
7 October 2026 (platform.claude.com/docs/en/release-notes/overview);
retirements: platform.claude.com/docs/en/about-claude/model-deprecations;
Bedrock ids: docs.aws.amazon.com/bedrock/latest/userguide/model-card-anthropic-claude-haiku-5-5.html and its neighbours.

Imports neither the SDK nor anything heavy, so that every function may read it.
"""

import re
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Literal

from agent_platform.errors import ConfigurationError
from agent_platform.llm.usage import Usage

Tier = Literal["fast", "balanced", "deep"]
Effort = Literal["low", "medium", "high", "xhigh", "max"]
Thinking = Literal["adaptive", "between_tools", "disabled"]
Provider = Literal["direct", "bedrock"]

MILLION = Decimal(1_000_000)


@dataclass(frozen=True, slots=True)
class Prices:
    """List prices in USD per million tokens. `cache_write` is the five-minute cache, the only one the platform uses."""

    input: Decimal
    output: Decimal
    cache_write: Decimal
    cache_read: Decimal


@dataclass(frozen=True, slots=True)
class LongPrompt:
    """The prices of a request whose prompt (fresh, cache-written and cache-read tokens) is longer than `above` tokens.

    They apply to every token of that request, the output included.
    """

    above: int
    prices: Prices


@dataclass(frozen=True, slots=True)
class ClaudeModel:
    """One current model. Token limits are in tokens; `thinking` lists the modes that the API accepts."""

    tier: Tier
    id: str
    bedrock_id: str
    display_name: str
    released: date
    prices: Prices
    default_effort: Effort
    thinking: tuple[Thinking, ...]
    forced_tool_choice: bool
    minimum_cacheable_tokens: int
    long_prompt: LongPrompt | None = None
    context_tokens: int = 1_000_000
    max_output_tokens: int = 128_000
    efforts: tuple[Effort, ...] = ("low", "medium", "high", "xhigh", "max")

    def id_for(self, provider: Provider) -> str:
        """The id to send: the Claude API and Amazon Bedrock name the same model differently."""
        return self.bedrock_id if provider == "bedrock" else self.id


@dataclass(frozen=True, slots=True)
class Retirement:
    """A model that is gone, or whose end is announced: from `on`, the API answers 404 for it."""

    on: date
    replacement: Tier


MODELS: tuple[ClaudeModel, ...] = (
    ClaudeModel(
        tier="fast",
        id="claude-haiku-5-5",
        bedrock_id="anthropic.claude-haiku-5-5",
        display_name="Claude Haiku 5.5",
        released=date(2026, 10, 7),
        # "From $0.10 / $0.50": the length of the prompt decides, five times as much above 100,000 tokens.
        prices=Prices(Decimal("0.10"), Decimal("0.50"), Decimal("0.125"), Decimal("0.01")),
        long_prompt=LongPrompt(
            above=100_000, prices=Prices(Decimal("0.50"), Decimal("2.50"), Decimal("0.625"), Decimal("0.05"))
        ),
        default_effort="medium",
        thinking=("adaptive", "disabled"),
        forced_tool_choice=True,
        # Haiku 4.5's: no page read names Haiku 5.5's. Only the offline model uses it, and shows no saving too many.
        minimum_cacheable_tokens=4_096,
    ),
    ClaudeModel(
        tier="balanced",
        id="claude-sonnet-5-5",
        bedrock_id="anthropic.claude-sonnet-5-5",
        display_name="Claude Sonnet 5.5",
        released=date(2026, 9, 28),
        prices=Prices(Decimal("2"), Decimal("10"), Decimal("2.50"), Decimal("0.10")),
        default_effort="high",
        thinking=("adaptive", "between_tools"),
        forced_tool_choice=False,
        minimum_cacheable_tokens=512,
    ),
    ClaudeModel(
        tier="deep",
        id="claude-opus-5-5",
        bedrock_id="anthropic.claude-opus-5-5",
        display_name="Claude Opus 5.5",
        released=date(2026, 9, 22),
        prices=Prices(Decimal("4"), Decimal("20"), Decimal("5"), Decimal("0.20")),
        default_effort="medium",
        thinking=("adaptive",),
        forced_tool_choice=False,
        minimum_cacheable_tokens=512,
    ),
)

RETIREMENTS: dict[str, Retirement] = {
    "claude-1.3": Retirement(date(2024, 11, 6), "fast"),
    "claude-1.3-100k": Retirement(date(2024, 11, 6), "fast"),
    "claude-instant-1.1": Retirement(date(2024, 11, 6), "fast"),
    "claude-instant-1.1-100k": Retirement(date(2024, 11, 6), "fast"),
    "claude-instant-1.2": Retirement(date(2024, 11, 6), "fast"),
    "claude-2.0": Retirement(date(2025, 7, 21), "balanced"),
    "claude-2.1": Retirement(date(2025, 7, 21), "balanced"),
    "claude-3-sonnet-20240229": Retirement(date(2025, 7, 21), "balanced"),
    "claude-3-5-sonnet-20240620": Retirement(date(2025, 10, 28), "balanced"),
    "claude-3-5-sonnet-20241022": Retirement(date(2025, 10, 28), "balanced"),
    "claude-3-5-sonnet-latest": Retirement(date(2025, 10, 28), "balanced"),
    "claude-3-opus-20240229": Retirement(date(2026, 1, 5), "deep"),
    "claude-3-7-sonnet-20250219": Retirement(date(2026, 2, 19), "balanced"),
    "claude-3-7-sonnet-latest": Retirement(date(2026, 2, 19), "balanced"),
    "claude-3-5-haiku-20241022": Retirement(date(2026, 2, 19), "fast"),
    "claude-3-5-haiku-latest": Retirement(date(2026, 2, 19), "fast"),
    "claude-opus-4-0": Retirement(date(2026, 6, 15), "deep"),
    "claude-opus-4-20250514": Retirement(date(2026, 6, 15), "deep"),
    "claude-sonnet-4-0": Retirement(date(2026, 6, 15), "balanced"),
    "claude-sonnet-4-20250514": Retirement(date(2026, 6, 15), "balanced"),
    "claude-3-haiku-20240307": Retirement(date(2026, 4, 20), "fast"),
    "claude-opus-4-1": Retirement(date(2026, 8, 5), "deep"),
    "claude-opus-4-1-20250805": Retirement(date(2026, 8, 5), "deep"),
    "claude-mythos-preview": Retirement(date(2026, 6, 30), "deep"),
    "claude-sonnet-4-5": Retirement(date(2026, 11, 30), "balanced"),
    "claude-sonnet-4-5-20250929": Retirement(date(2026, 11, 30), "balanced"),
}

# "us.anthropic.claude-sonnet-4-5-20250929-v1:0" is the same model as "claude-sonnet-4-5-20250929".
_BEDROCK_DECORATION = re.compile(r"^(?:[a-z]+\.)?anthropic\.|-v\d+(?::\d+)?$")
_BY_TIER: dict[str, ClaudeModel] = {model.tier: model for model in MODELS}
_BY_ID: dict[str, ClaudeModel] = {
    **{model.id: model for model in MODELS},
    **{model.bedrock_id: model for model in MODELS},
}


def model_of(tier: Tier) -> ClaudeModel:
    """The current model of a tier."""
    return _BY_TIER[tier]


def find_model(name: str) -> ClaudeModel:
    """Find a model by tier, by id, or by its id on Amazon Bedrock.

    Raises:
        ConfigurationError: the model is retired, about to be, or unknown; the message names what to use instead.
    """
    model = _BY_TIER.get(name) or _BY_ID.get(name)
    if model:
        return model
    retirement = RETIREMENTS.get(_BEDROCK_DECORATION.sub("", name))
    if retirement:
        successor = _BY_TIER[retirement.replacement]
        raise ConfigurationError(
            f"The model {name} retires on {retirement.on:%Y-%m-%d}: "
            f"use the tier {retirement.replacement!r} ({successor.id}) instead."
        )
    known = ", ".join(f"{model.tier} ({model.id})" for model in MODELS)
    raise ConfigurationError(f"There is no model {name!r} in the catalogue: use one of {known}.")


def cost_usd(model: ClaudeModel | str, usage: Usage) -> Decimal:
    """The list price in USD of ONE request.

    Price each answer by itself and add the costs: where the prompt's length decides (Haiku 5.5), the price of a sum of
    usages would be the long one although each prompt was short. (It would be too high, never too low.)

    Raises:
        ConfigurationError: the model is not in the catalogue.
    """
    known = find_model(model) if isinstance(model, str) else model
    prices = known.prices
    if known.long_prompt and usage.prompt_tokens > known.long_prompt.above:
        prices = known.long_prompt.prices
    return (
        prices.input * usage.input_tokens
        + prices.output * usage.output_tokens
        + prices.cache_write * usage.cache_write_tokens
        + prices.cache_read * usage.cache_read_tokens
    ) / MILLION
