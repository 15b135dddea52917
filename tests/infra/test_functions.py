"""What every function of the platform has, in the cloud and in a checkout."""

import pytest
from pydantic_settings import BaseSettings

from agent_platform import settings
from tests.infra.templates import GROUPS, Resource, Synthesized, text

ALWAYS = (
    *("api", "authorize", "deliver_webhooks", "keep_dead_letters", "migrate_database", "process_personal_data"),
    *(
        "project_events",
        "evaluate_agent",
        "relay_events",
        "rotate_signing_keys",
        "run_batch",
        "send_mail",
        "track_workflow",
        "trigger_workflow",
    ),
    "workflow_step",
)
WITH_KAFKA = ("create_topics", "relay_events")


def of_the_platform(stage: Synthesized) -> list[str]:
    """The folders of the functions that a stage has beside those of agents; one folder may be deployed twice."""
    return sorted([*ALWAYS, *(WITH_KAFKA if stage.stage.kafka != "none" else ())])


def platform_functions(stage: Synthesized) -> list[Resource]:
    """The platform's own functions; CDK brings some to run a deployment."""
    functions = stage.resources("AWS::Lambda::Function")
    return [each for each in functions if each.properties["Handler"].startswith("functions.")]


def test_the_cloud_runs_the_managed_arm64_runtime_with_tracing(cloud_stage: Synthesized) -> None:
    functions = platform_functions(cloud_stage)

    assert len(functions) == len(GROUPS) + len(of_the_platform(cloud_stage))
    for function in functions:
        assert function.properties["Runtime"] == "python3.13"
        assert function.properties["Architectures"] == ["arm64"]
        assert function.properties["TracingConfig"] == {"Mode": "Active"}
        assert function.properties["LoggingConfig"]["LogFormat"] == "JSON"


SETTINGS: dict[str, type[BaseSettings]] = {
    "api": settings.ApiSettings,
    "authorize": settings.AuthorizeSettings,
    "create_topics": settings.CreateTopicsSettings,
    "deliver_webhooks": settings.DeliverWebhooksSettings,
    "evaluate_agent": settings.EvaluateAgentSettings,
    "keep_dead_letters": settings.KeepDeadLettersSettings,
    "migrate_database": settings.MigrateDatabaseSettings,
    "process_personal_data": settings.ProcessPersonalDataSettings,
    "project_events": settings.ProjectEventsSettings,
    "relay_events": settings.RelayEventsSettings,
    "rotate_signing_keys": settings.RotateSigningKeysSettings,
    "run_agent": settings.RunAgentSettings,
    "run_batch": settings.RunBatchSettings,
    "send_mail": settings.SendMailSettings,
    "track_workflow": settings.TrackWorkflowSettings,
    "trigger_workflow": settings.TriggerWorkflowSettings,
    "workflow_step": settings.WorkflowStepSettings,
}


def test_every_function_is_given_what_its_settings_ask_for(stage: Synthesized, monkeypatch: pytest.MonkeyPatch) -> None:
    for function in platform_functions(stage):
        folder = function.properties["Handler"].split(".")[1]
        given = {name: text(each) for name, each in function.properties["Environment"]["Variables"].items()}
        asked = SETTINGS[folder].model_fields
        with monkeypatch.context() as environment:
            for name in asked:
                environment.delenv(name.upper(), raising=False)
            for name, value in given.items():
                environment.setenv(name, value)
            found = settings.load(SETTINGS[folder])

        assert {name for name in asked if name.upper() in given} <= found.model_fields_set


def test_a_handler_is_named_after_its_folder(stage: Synthesized) -> None:
    handlers = sorted(
        function.properties["Handler"] for function in platform_functions(stage) if function.component != "Agents"
    )

    assert handlers == [f"functions.{folder}.handler.handler" for folder in of_the_platform(stage)]
    agents = {each.properties["Handler"] for each in stage.resources("AWS::Lambda::Function", "Agents")}
    assert agents == {"functions.run_agent.handler.handler"}


def test_a_function_gets_only_the_layers_whose_packages_it_imports(dev: Synthesized) -> None:
    layers = {
        name: {text(layer).strip("<>").removeprefix("Layers").rstrip("0123456789ABCDEF") for layer in found}
        for name, component in [
            ("Authorize", "Api"),
            ("Api", "Api"),
            ("MigrateDatabase", "Api"),
            ("RelayEvents", "Events"),
            ("ProjectEvents", "Events"),
            ("DeliverWebhooks", "Events"),
            ("KeepDeadLetters", "DeadLetters"),
            ("Legal", "Agents"),
            ("WorkflowStep", "Workflows"),
            ("TrackingTrackWorkflow", "Workflows"),
            ("TriggersTriggerWorkflow", "Api"),
        ]
        if (found := dev.function(name, component).properties["Layers"])
    }

    assert layers == {
        "Authorize": {"Platform", "Base"},
        "Api": {"Platform", "PolicyBase", "Postgres", "Catalogue", "Finding"},
        "MigrateDatabase": {"Platform", "Base", "Postgres", "Catalogue"},
        "RelayEvents": {"Platform", "Base"},
        "ProjectEvents": {"Platform", "Base", "Postgres"},
        "DeliverWebhooks": {"Platform", "Base"},
        "KeepDeadLetters": {"Platform", "Base"},
        "Legal": {"Platform", "PolicyBase", "Claude", "Catalogue"},
        "WorkflowStep": {"Platform", "Base"},
        "TrackingTrackWorkflow": {"Platform", "Base"},
        "TriggersTriggerWorkflow": {"Platform", "PolicyBase", "Postgres", "Catalogue"},
    }


def layers_of(function: Resource) -> list[str]:
    return [text(layer).strip("<>").removeprefix("Layers").rstrip("0123456789ABCDEF") for layer in layers(function)]


def layers(function: Resource) -> list[object]:
    found: list[object] = function.properties["Layers"]
    return found


def test_what_speaks_kafka_has_its_client(prod: Synthesized) -> None:
    found = {
        name: set(layers_of(prod.function(name, "Events")))
        for name in ("RelayEventsToKafka", "ProjectEvents", "CreateTopics", "RelayEvents")
    }

    assert found == {
        "RelayEventsToKafka": {"Platform", "TracedBase", "Kafka"},
        "ProjectEvents": {"Platform", "TracedBase", "Postgres", "Kafka"},
        "CreateTopics": {"Platform", "Base", "Kafka"},
        # The relay to the bus starts without it.
        "RelayEvents": {"Platform", "TracedBase"},
    }


def test_spans_are_recorded_where_the_stage_says_so_and_never_of_what_sees_tokens(stage: Synthesized) -> None:
    recording = {
        each.logical_id.partition("Function")[0]
        for each in platform_functions(stage)
        if "TRACES" in each.properties["Environment"]["Variables"]
    }
    everything = {each.logical_id.partition("Function")[0] for each in platform_functions(stage)}

    untraced = {"Authorize", "CreateTopics", "KeyRotationRotateSigningKeys", "MailingSendMail", "MigrateDatabase"}
    assert recording == (everything - untraced if stage.stage.traces else set())


def test_a_function_that_records_spans_has_open_telemetry_and_the_others_do_not(cloud_stage: Synthesized) -> None:
    for function in platform_functions(cloud_stage):
        records = "TRACES" in function.properties["Environment"]["Variables"]
        traced = {"TracedBase", "TracedPolicyBase"} & {*layers_of(function)}
        plain = {"Base", "PolicyBase"} & {*layers_of(function)}
        assert (len(traced), len(plain)) == ((1, 0) if records else (0, 1))


def test_no_function_has_more_layers_than_lambda_takes(special: Synthesized) -> None:
    """An agent that remembers, in a stage that records spans, has the most."""
    assert max(len(layers(each)) for each in platform_functions(special)) <= 5


def test_a_checkout_runs_on_its_own_interpreter_without_layers(local: Synthesized) -> None:
    for function in platform_functions(local):
        variables = function.properties["Environment"]["Variables"]
        assert function.properties["Runtime"] == "provided.al2023"
        assert "Layers" not in function.properties
        assert variables["PLATFORM_PYTHON"] == "/usr/bin/python3.13"
        assert variables["POLICIES_PATH"].endswith("build/policies")
        assert variables["PLATFORM_PYTHONPATH"].endswith("layers/platform/python")
        assert variables["CATALOGUE_PATH"].endswith("build/catalogue/agents.sqlite")


def test_the_model_server_of_a_laptop_reaches_agents_only_there(local: Synthesized, dev: Synthesized) -> None:
    def variables(stage: Synthesized) -> dict[str, str]:
        found: dict[str, str] = stage.function("Legal").properties["Environment"]["Variables"]
        return found

    assert variables(local)["CLAUDE_BASE_URL"] == "http://127.0.0.1:8100"
    assert "CLAUDE_BASE_URL" not in variables(dev)


def test_only_what_speaks_postgres_or_kafka_sits_in_the_vpc(cloud_stage: Synthesized) -> None:
    inside = {each.logical_id for each in platform_functions(cloud_stage) if "VpcConfig" in each.properties}

    assert {name.partition("Function")[0] for name in inside} == {
        "Api",
        "MigrateDatabase",
        "PersonalDataProcessPersonalData",
        "ProjectEvents",
        "TriggersTriggerWorkflow",
        *(["CreateTopics", "RelayEventsToKafka"] if cloud_stage.stage.kafka != "none" else []),
    }


def test_a_function_in_the_vpc_reaches_aws_over_ipv6(dev: Synthesized) -> None:
    function = dev.function("Api", "Api")

    assert function.properties["VpcConfig"]["Ipv6AllowedForDualStack"] is True
    assert function.properties["Environment"]["Variables"]["AWS_USE_DUALSTACK_ENDPOINT"] == "true"


def test_production_starts_functions_from_snapshots_but_those_whose_start_nobody_waits_for(prod: Synthesized) -> None:
    without = [each.logical_id for each in platform_functions(prod) if "SnapStart" not in each.properties]

    assert {name.partition("Function")[0] for name in without} == {
        "Batches",
        "CreateTopics",
        "DeliverWebhooks",
        "Evaluations",
        "KeepDeadLetters",
        "KeyRotationRotateSigningKeys",
        "MailingSendMail",
        "PersonalDataProcessPersonalData",
        "MigrateDatabase",
        "ProjectEvents",
        "RelayEvents",
        "RelayEventsToKafka",
        "TrackingTrackWorkflow",
        "TriggersTriggerWorkflow",
        "WorkflowStep",
    }


def test_the_default_stage_pays_for_no_snapshots(dev: Synthesized) -> None:
    assert [each.logical_id for each in platform_functions(dev) if "SnapStart" in each.properties] == []


def test_callers_in_the_cloud_use_the_alias_and_never_the_newest_code(cloud_stage: Synthesized) -> None:
    aliases = cloud_stage.resources("AWS::Lambda::Alias")

    assert len(aliases) == len(platform_functions(cloud_stage))
    assert {alias.properties["Name"] for alias in aliases} == {"live"}


def test_a_function_is_not_made_before_its_rights(stage: Synthesized) -> None:
    for function in platform_functions(stage):
        role = text(function.properties["Role"]).strip("<>").partition(".")[0]
        assert any(
            name.startswith(role.rstrip("0123456789ABCDEF")) and "Policy" in name for name in function.body["DependsOn"]
        )
