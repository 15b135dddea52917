"""What the control plane is told of events, dead letters and webhooks, and what it may do with them."""

import json

from aws_cdk import ArnFormat, Stack

from infra_cdk.checkout import Checkout
from infra_cdk.constructs.payloads import LETTERS
from infra_cdk.constructs.platform_function import ALIAS, PlatformFunction
from infra_cdk.nag import explain_wildcards
from infra_cdk.stacks.data import DataStack
from infra_cdk.stacks.events import EventsStack, function_named
from infra_cdk.stages import Stage
from infra_cdk.workflows.steps import called_by_name

SOURCES = {
    "relay-bus": "relay_events",
    "relay-kafka": "relay_events_to_kafka",
    "projections": "project_events",
    "webhooks": "deliver_webhooks",
    "tracking": "track_workflow",
    "triggers": "trigger_workflow",
    "mails": "send_mail",
    "personal-data": "process_personal_data",
}
"""Whose dead letters there are, and the function that does their work again."""


def sources_of(stage: Stage) -> dict[str, str]:
    """The same for the functions that this stage has."""
    return {source: name for source, name in SOURCES.items() if stage.kafka != "none" or source != "relay-kafka"}


def operating_environment(
    stage: Stage, data: DataStack, events: EventsStack, checkout: Checkout | None
) -> dict[str, str]:
    """The variables by which the control plane finds all of it."""
    tables = data.tables
    redrives = {
        source: called_by_name(stage, function_named(stage, name)) for source, name in sources_of(stage).items()
    }
    return {
        "CIRCUITS_TABLE": tables.circuits.table_name,
        "DEAD_LETTERS_TABLE": tables.dead_letters.table_name,
        "REDRIVE_FUNCTIONS": json.dumps(redrives),
        "WEBHOOKS_TABLE": tables.webhooks.table_name,
        "WEBHOOKS_QUEUE_URL": events.webhook_queue.queue_url,
        "WEBHOOK_SECRET_ARN": data.webhook_secret.secret_arn,
        **({"EGRESS_ALLOW": checkout.egress_allow} if checkout else {}),
    }


def let_it_operate(function: PlatformFunction, *, stage: Stage, data: DataStack, events: EventsStack) -> None:
    """Let the control plane count, redrive dead letters, and manage webhooks."""
    tables = data.tables
    # For the metrics of the whole platform.
    function.allow(
        ["dynamodb:Scan"], [each.table_arn for each in (tables.accounts, tables.agent_metrics, tables.circuits)]
    )
    function.allow(["dynamodb:Query"], [f"{tables.runs.table_arn}/index/open_runs"])

    function.allow(["dynamodb:GetItem", "dynamodb:UpdateItem"], [tables.dead_letters.table_arn])
    function.allow(["dynamodb:Query"], [f"{tables.dead_letters.table_arn}/index/by_state"])
    kept = data.payload_objects(LETTERS)
    function.allow(["s3:GetObject"], [kept])
    explain_wildcards(function.role, [kept], "Objects have names of their own: the grant names their prefix.")
    suffix = f":{ALIAS}" if stage.runs_on == "lambda" else ""
    function.allow(
        ["lambda:InvokeFunction"],
        [
            Stack.of(function).format_arn(
                service="lambda",
                resource="function",
                resource_name=f"{function_named(stage, name)}{suffix}",
                arn_format=ArnFormat.COLON_RESOURCE_NAME,
            )
            for name in sources_of(stage).values()
        ],
    )

    function.allow(
        ["dynamodb:DeleteItem", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query", "dynamodb:UpdateItem"],
        [tables.webhooks.table_arn],
    )
    function.allow(["sqs:SendMessage"], [events.webhook_queue.queue_arn])
    function.allow(["secretsmanager:GetSecretValue"], [data.webhook_secret.secret_arn])
