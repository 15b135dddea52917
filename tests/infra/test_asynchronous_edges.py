"""Where nobody waits for an answer: a bound to the tries, and a queue for what is given up, by a walk of templates."""

import json
from collections import Counter
from typing import Any

from functions.project_events.retries import SOON
from infra_cdk.operating import SOURCES, sources_of
from tests.infra.templates import Resource, Synthesized, text

EDGES = {
    "AWS::Events::Rule",
    "AWS::Lambda::EventInvokeConfig",
    "AWS::Lambda::EventSourceMapping",
    "AWS::Logs::SubscriptionFilter",
    "AWS::Pipes::Pipe",
    "AWS::SNS::Subscription",
    "AWS::Scheduler::Schedule",
}
"""Resources by which something reaches a consumer while nobody waits for the answer."""

HELD = {"AWS::Events::Rule", "AWS::Lambda::EventInvokeConfig", "AWS::Lambda::EventSourceMapping"}
"""Those that the tests below know how to hold to a bound."""

HOURS = 3600


def mappings(stage: Synthesized) -> list[Resource]:
    return stage.resources("AWS::Lambda::EventSourceMapping")


def reads_a_queue(mapping: Resource) -> bool:
    return "StartingPosition" not in mapping.properties


def reads_kafka(mapping: Resource) -> bool:
    return "Topics" in mapping.properties


def invoked_by(mapping: Resource) -> str:
    """The id of the construct whose function the mapping invokes."""
    return text(mapping.properties["FunctionName"]).partition("Function")[0].rpartition("<")[2].rpartition('"')[2]


def is_for_dead_letters(queue: Resource) -> bool:
    return "DeadLetters" in queue.logical_id


def test_there_are_no_edges_but_those_that_are_held_to_a_bound_here(stage: Synthesized) -> None:
    kinds = {each.kind for each in stage.resources()}
    notified = [each for each in stage.resources() if "NotificationConfiguration" in each.properties]

    assert kinds & EDGES == HELD
    assert [each.logical_id for each in notified] == []
    assert [each.logical_id for each in stage.resources("Custom::S3BucketNotifications")] == []


def test_a_source_of_records_has_a_bound_and_tells_a_dead_letter_queue(stage: Synthesized) -> None:
    sources = [each for each in mappings(stage) if not reads_a_queue(each)]

    assert sources
    for mapping in sources:
        properties = mapping.properties
        assert is_for_dead_letters(stage.queue(properties["DestinationConfig"]["OnFailure"]["Destination"]))
        # What can never be done does not take its batch along.
        assert properties["BisectBatchOnFunctionError"] is True
        # No count of tries says how long they take: the age of a record is the limit.
        assert properties["MaximumRetryAttempts"] == -1
        assert HOURS <= properties["MaximumRecordAgeInSeconds"] <= 24 * HOURS


def test_a_relay_outlasts_an_outage_of_hours_and_gives_a_record_up_before_the_stream_does(stage: Synthesized) -> None:
    relays = [each for each in mappings(stage) if not reads_a_queue(each) and not reads_kafka(each)]

    assert {invoked_by(each) for each in relays} == {
        "RelayEvents",
        *(["RelayEventsToKafka"] if stage.stage.kafka != "none" else []),
    }
    for relay in relays:
        # By age alone: Lambda promises no pause between attempts, so no count of them is a time.
        assert relay.properties["MaximumRetryAttempts"] == -1
        assert 2 * HOURS <= relay.properties["MaximumRecordAgeInSeconds"] <= 12 * HOURS
        assert relay.properties["FunctionResponseTypes"] == ["ReportBatchItemFailures"]


def test_a_topic_outlasts_an_outage_of_the_database_and_is_bounded_by_the_age_of_a_record(prod: Synthesized) -> None:
    """What the projector raises is passing: it sets aside by itself what can never be kept.

    Kafka's event source takes these limits only with pollers of its own (Lambda guide, "Error handling").
    """
    topics = [each.properties for each in mappings(prod) if reads_kafka(each)]

    assert {topic for each in topics for topic in each["Topics"]} == {
        "agent.executed",
        "workflow.started",
        "workflow.completed",
        "workflow.failed",
    }
    for each in topics:
        # As of the relays: five tries were over in minutes, and each of an outage's events was a letter.
        assert each["MaximumRetryAttempts"] == -1
        assert 12 * HOURS <= each["MaximumRecordAgeInSeconds"] <= 24 * HOURS
        assert each["ProvisionedPollerConfig"]["MinimumPollers"] == 1


def test_what_reads_a_queue_gives_back_single_messages(stage: Synthesized) -> None:
    for mapping in filter(reads_a_queue, mappings(stage)):
        assert mapping.properties["FunctionResponseTypes"] == ["ReportBatchItemFailures"]


def test_every_queue_is_a_dead_letter_queue_or_has_one(stage: Synthesized) -> None:
    for queue in stage.resources("AWS::SQS::Queue"):
        assert queue.properties["MessageRetentionPeriod"] == 14 * 24 * HOURS
        assert queue.properties["SqsManagedSseEnabled"] is True
        if is_for_dead_letters(queue):
            assert "RedrivePolicy" not in queue.properties
            continue
        redrive = queue.properties["RedrivePolicy"]
        assert is_for_dead_letters(stage.queue(redrive["deadLetterTargetArn"]))
        assert 1 <= redrive["maxReceiveCount"] <= 10


def test_events_on_their_way_to_the_audit_log_outlast_an_outage_of_an_hour(dev: Synthesized) -> None:
    """The first tries that fail come again soon; the others wait as long as the queue hides a message."""
    (queue,) = [each for each in dev.resources("AWS::SQS::Queue") if each.logical_id.startswith("ProjectionQueue")]
    tries = queue.properties["RedrivePolicy"]["maxReceiveCount"]
    variables = dev.function("ProjectEvents", "Events").properties["Environment"]["Variables"]

    assert dev.queue(variables["PROJECTION_QUEUE_URL"]).logical_id == queue.logical_id
    assert sum(SOON.values()) + (tries - len(SOON)) * queue.properties["VisibilityTimeout"] >= HOURS


def test_a_message_stays_hidden_for_six_times_as_long_as_its_function_may_take(stage: Synthesized) -> None:
    """What Lambda's developer guide asks for, so that nobody takes a message twice while it is worked on."""
    limits = {
        each.logical_id.partition("Function")[0]: each.properties["Timeout"]
        for each in stage.resources("AWS::Lambda::Function")
    }
    for mapping in filter(reads_a_queue, mappings(stage)):
        queue = stage.queue(mapping.properties["EventSourceArn"])
        if not is_for_dead_letters(queue):
            assert queue.properties["VisibilityTimeout"] == 6 * limits[invoked_by(mapping)]


def test_the_keeper_is_done_with_a_letter_before_its_queue_hands_it_out_again(stage: Synthesized) -> None:
    keeper = stage.function("KeepDeadLetters", "DeadLetters").properties["Timeout"]

    # Lambda refuses a queue that shows a message again within the function's own limit; 30 s is the queue's default.
    for queue in filter(is_for_dead_letters, stage.resources("AWS::SQS::Queue")):
        assert queue.properties.get("VisibilityTimeout", 30) >= keeper


def test_a_rule_hands_over_for_hours_at_most_and_then_to_a_dead_letter_queue(stage: Synthesized) -> None:
    rules = stage.resources("AWS::Events::Rule")
    targets = [target for each in rules for target in each.properties["Targets"]]

    assert len(targets) == len(rules) >= 3
    for target in targets:
        policy = target["RetryPolicy"]
        assert HOURS <= policy["MaximumEventAgeInSeconds"] <= 12 * HOURS
        assert 0 <= policy.get("MaximumRetryAttempts", -1) <= 24
        assert is_for_dead_letters(stage.queue(target["DeadLetterConfig"]["Arn"]))


def test_a_rules_dead_letters_are_those_of_the_queue_that_it_fills(stage: Synthesized) -> None:
    for rule in stage.resources("AWS::Events::Rule", "Events"):
        (target,) = rule.properties["Targets"]
        filled = stage.queue(target["Arn"])

        redrive = filled.properties["RedrivePolicy"]
        assert text(target["DeadLetterConfig"]["Arn"]) == text(redrive["deadLetterTargetArn"])


def test_a_function_that_nobody_waits_for_has_three_tries_and_a_dead_letter_queue(stage: Synthesized) -> None:
    configured = {
        text(each.properties["FunctionName"]): each.properties
        for each in stage.resources("AWS::Lambda::EventInvokeConfig")
    }
    # Secrets Manager waits for each step of a rotation, and tries the whole again.
    waited_for = {"apigateway.amazonaws.com", "secretsmanager.amazonaws.com"}
    called = {
        text(each.properties["FunctionName"]).strip("<>")
        for each in stage.resources("AWS::Lambda::Permission")
        if each.properties["Principal"] not in waited_for
    }
    aliases = {each.logical_id: text(each.properties["FunctionName"]) for each in stage.resources("AWS::Lambda::Alias")}
    # The control plane hands letters over by its own right, and goes on.
    send_mail = f"<{stage.function('MailingSendMail', 'Api').logical_id}>"
    called |= {name for name, function in aliases.items() if function == send_mail} or {send_mail.strip("<>")}
    personal = f"<{stage.function('PersonalDataProcessPersonalData', 'Api').logical_id}>"
    called |= {name for name, function in aliases.items() if function == personal} or {personal.strip("<>")}

    assert {aliases.get(each, f"<{each.partition('.')[0]}>") for each in called} == set(configured)
    for properties in configured.values():
        # In the cloud the name of the alias, which CDK cuts out of the alias' ARN.
        assert any(each in text(properties["Qualifier"]) for each in aliases or ["$LATEST"])
        assert properties["MaximumRetryAttempts"] == 2
        assert properties["MaximumEventAgeInSeconds"] == HOURS
        assert is_for_dead_letters(stage.queue(properties["DestinationConfig"]["OnFailure"]["Destination"]))


def test_nothing_invokes_a_function_asynchronously_unseen(stage: Synthesized) -> None:
    """A permission is how a service may call a function; the gateway waits for the answer."""
    callers = {permission.properties["Principal"] for permission in stage.resources("AWS::Lambda::Permission")}
    waits = {"secretsmanager.amazonaws.com"} if stage.stage.key_rotation_days else set()

    # EventBridge calls the two functions that the test above holds to a bound.
    assert callers - waits == {"apigateway.amazonaws.com", "events.amazonaws.com"}


def test_each_source_has_a_dead_letter_queue_of_its_own_and_the_keeper_empties_it(stage: Synthesized) -> None:
    queues = {each.logical_id for each in filter(is_for_dead_letters, stage.resources("AWS::SQS::Queue"))}
    emptied = Counter(
        stage.queue(each.properties["EventSourceArn"]).logical_id
        for each in mappings(stage)
        if invoked_by(each) == "KeepDeadLetters"
    )

    assert len(queues) == len(sources_of(stage.stage))
    assert emptied == Counter(queues)


def test_the_keeper_knows_whose_letters_a_queue_has(stage: Synthesized) -> None:
    variables = stage.function("KeepDeadLetters", "DeadLetters").properties["Environment"]["Variables"]
    known = json.loads(text(variables["DEAD_LETTER_SOURCES"]))
    found = {source: stage.queue(arn).logical_id.partition("DeadLetters")[0] for arn, source in known.items()}

    assert found == {
        "relay-bus": "Relay",
        **({"relay-kafka": "Kafka"} if stage.stage.kafka != "none" else {}),
        "projections": "Projection",
        "webhooks": "Webhook",
        "tracking": "Tracking",
        "triggers": "Triggers",
        "mails": "Mailing",
        "personal-data": "PersonalData",
    }


def test_a_letter_is_done_again_by_a_function_that_there_is(stage: Synthesized) -> None:
    variables = stage.function("Api", "Api").properties["Environment"]["Variables"]
    redrives: dict[str, str] = json.loads(text(variables["REDRIVE_FUNCTIONS"]))
    functions = {each.properties.get("FunctionName") for each in stage.resources("AWS::Lambda::Function")}
    allowed = {
        each.resource.rpartition(":function:")[2]
        for each in stage.grants("Api", "Api")
        if each.action == "lambda:InvokeFunction" and ":function:" in each.resource
    }
    qualifier = ":live" if stage.stage.runs_on == "lambda" else ""

    assert set(redrives) == set(SOURCES) - (set() if stage.stage.kafka != "none" else {"relay-kafka"})
    assert {name.removesuffix(":live") for name in redrives.values()} <= functions
    assert set(redrives.values()) <= allowed
    assert all(name.endswith(qualifier) for name in redrives.values())


def dead_letters_of(stage: Synthesized, folder: str) -> list[str]:
    """The queue that each function of a folder sends its own letters to."""
    found: list[dict[str, Any]] = [
        each.properties["Environment"]["Variables"]
        for each in stage.resources("AWS::Lambda::Function")
        if each.properties["Handler"] == f"functions.{folder}.handler.handler"
    ]
    return sorted(stage.queue(each["DEAD_LETTERS_QUEUE_URL"]).logical_id.partition("DeadLetters")[0] for each in found)


def test_a_function_sends_its_own_letters_where_its_source_is_known(stage: Synthesized) -> None:
    with_kafka = stage.stage.kafka != "none"

    assert dead_letters_of(stage, "relay_events") == (["Kafka", "Relay"] if with_kafka else ["Relay"])
    assert dead_letters_of(stage, "project_events") == ["Projection"]
    assert dead_letters_of(stage, "deliver_webhooks") == ["Webhook"]
