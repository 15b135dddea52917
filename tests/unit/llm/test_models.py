"""The model catalogue against the SDK's own lists, and what a request costs."""

import re
import subprocess
import sys
from datetime import date, datetime
from decimal import Decimal
from typing import get_args

import pytest
from anthropic.resources.messages.messages import DEPRECATED_MODELS
from anthropic.types import Model

from agent_platform.errors import ConfigurationError
from agent_platform.llm.models import MODELS, RETIREMENTS, cost_usd, find_model, model_of
from agent_platform.llm.usage import Usage
from tests.fakes.offline_claude import PLATFORM

SDK_IDS = set(get_args(get_args(Model)[0]))


def day(text: str) -> date:
    """The SDK writes "November 30th, 2026"."""
    return datetime.strptime(re.sub(r"(?<=\d)(st|nd|rd|th)", "", text), "%B %d, %Y").date()  # noqa: DTZ007 - a day


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.tier)
def test_every_tier_stands_for_a_model_that_the_sdk_knows_and_does_not_call_deprecated(model):
    assert model.id in SDK_IDS
    assert model.id not in DEPRECATED_MODELS
    assert model.id not in RETIREMENTS


@pytest.mark.parametrize("model_id", sorted(DEPRECATED_MODELS))
def test_every_model_that_the_sdk_calls_deprecated_is_listed_with_the_same_last_day(model_id):
    assert RETIREMENTS[model_id].on == day(DEPRECATED_MODELS[model_id])


@pytest.mark.parametrize("model_id", sorted(RETIREMENTS))
def test_a_retired_model_is_refused_by_name_with_its_day_and_what_to_use_instead(model_id):
    with pytest.raises(ConfigurationError) as refused:
        find_model(model_id)
    replacement = model_of(RETIREMENTS[model_id].replacement)
    for part in (model_id, f"{RETIREMENTS[model_id].on}", replacement.tier, replacement.id):
        assert part in refused.value.detail


def test_a_retired_model_is_recognised_by_its_name_on_bedrock():
    with pytest.raises(ConfigurationError, match="retires on 2026-11-30"):
        find_model("us.anthropic.claude-sonnet-4-5-20250929-v1:0")


def test_an_unknown_model_is_refused_with_the_models_there_are():
    with pytest.raises(ConfigurationError, match=r"no model 'gpt-4'.*fast \(claude-haiku-5-5\)"):
        find_model("gpt-4")


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.tier)
def test_a_model_is_found_by_tier_by_id_and_by_its_id_on_bedrock(model):
    assert find_model(model.tier) is find_model(model.id) is find_model(model.bedrock_id) is model
    assert model.id_for("direct") == model.id
    assert model.id_for("bedrock") == f"anthropic.{model.id}"


def test_each_kind_of_token_has_its_own_price():
    kinds = ("input_tokens", "output_tokens", "cache_write_tokens", "cache_read_tokens")
    prices = [cost_usd("deep", Usage(**{kind: 1_000_000})) for kind in kinds]
    assert prices == [4, 20, 5, Decimal("0.20")]


def test_a_haiku_prompt_of_exactly_a_hundred_thousand_tokens_has_the_short_price():
    usage = Usage(input_tokens=20_000, cache_read_tokens=60_000, cache_write_tokens=20_000, output_tokens=1_000)
    assert cost_usd("fast", usage) == Decimal("0.0056")


def test_one_token_more_raises_the_price_of_every_token_of_the_request_fivefold():
    usage = Usage(input_tokens=20_000, cache_read_tokens=60_001, cache_write_tokens=20_000, output_tokens=1_000)
    assert cost_usd("fast", usage) == 5 * Decimal("0.0056") + Decimal("0.00000005")


def test_long_answers_do_not_make_a_prompt_long():
    assert cost_usd("fast", Usage(input_tokens=10, output_tokens=128_000)) == Decimal("0.064001")


def test_the_price_of_a_sum_is_never_below_the_sum_of_the_prices():
    rounds = [Usage(input_tokens=60_000, output_tokens=100), Usage(input_tokens=70_000, output_tokens=100)]
    assert cost_usd("fast", rounds[0] + rounds[1]) >= sum(cost_usd("fast", each) for each in rounds)


def test_usages_add_up_kind_by_kind():
    assert Usage(1, 2, 3, 4) + Usage(10, 20, 30, 40) == Usage(11, 22, 33, 44)
    assert Usage(1, 2, 3, 4).prompt_tokens == 8


def test_the_catalogue_is_read_without_loading_the_sdk_or_pydantic():
    heavy = "{'anthropic', 'boto3', 'pydantic'}"
    check = f"import sys, agent_platform.llm.models; sys.exit(bool({heavy} & sys.modules.keys()))"
    subprocess.run([sys.executable, "-c", check], env={"PYTHONPATH": str(PLATFORM)}, check=True)
