"""Publish events on Kafka: each to the topic of its type, in order per subject, at least once.

A message is an event in CloudEvents' structured mode (CloudEvents Kafka protocol binding, 1.0.2): its value is the
event's JSON, its key the subject, and headers repeat what a consumer routes by.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, Any

from agent_platform.errors import ConfigurationError, StorageUnavailable
from agent_platform.events.envelope import CloudEvent
from agent_platform.events.publishing import Outcome, Refusal
from agent_platform.events.spans import record_sent
from agent_platform.observability import get_logger
from agent_platform.settings import KafkaSettings
from agent_platform.storage.secrets import read_secret

if TYPE_CHECKING:
    from confluent_kafka import KafkaError, Message, Producer

BATCH_SECONDS = 8.0
"""How long a batch may take; what the brokers have not taken by then is tried again by the event source."""

_SASL = {"plain": "PLAIN", "scram": "SCRAM-SHA-512"}


def client_config(settings: KafkaSettings) -> dict[str, Any]:
    """How any client of librdkafka reaches the brokers. Connections that fail are tried again every second.

    Raises:
        ConfigurationError: no brokers are named, or the secret with user name and password is missing or incomplete.
        StorageUnavailable: Secrets Manager does not answer, or the role gives no credentials to sign a token with.
    """
    if not settings.kafka_bootstrap:
        raise ConfigurationError("No Kafka brokers are named: set KAFKA_BOOTSTRAP.")
    config: dict[str, Any] = {
        "bootstrap.servers": settings.kafka_bootstrap,
        "client.id": "ai-agents-platform",
        "reconnect.backoff.ms": 100,
        "reconnect.backoff.max.ms": 1_000,
        "socket.connection.setup.timeout.ms": 5_000,
        "log_level": 2,  # what goes wrong is told to whoever asked
    }
    match settings.kafka_security:
        case "plaintext":
            return config
        case "tls":
            return config | {"security.protocol": "ssl"}
        case "iam":
            if not settings.aws_region:
                raise ConfigurationError("KAFKA_SECURITY=iam needs AWS_REGION: the region of the brokers.")
            token = partial(_iam_token, settings.aws_region)
            token()  # a client that gets none only says so after ten seconds, and never why
            return config | {"security.protocol": "sasl_ssl", "sasl.mechanism": "OAUTHBEARER", "oauth_cb": token}
        case kind:
            username, password = _credentials(settings)
            return config | {
                "security.protocol": "sasl_ssl",
                "sasl.mechanism": _SASL[kind],
                "sasl.username": username,
                "sasl.password": password,
            }


def _iam_token(region: str, _: str = "") -> tuple[str, float]:
    """A token of Amazon MSK for the role of this function, and when it expires (epoch seconds).

    librdkafka asks for another when four fifths of its life are over, and after a connection was refused.

    Raises:
        StorageUnavailable: the role gives no credentials.
    """
    from aws_msk_iam_sasl_signer import MSKAuthTokenProvider
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        token, expires_ms = MSKAuthTokenProvider.generate_auth_token(region)
    except (BotoCoreError, ClientError, ValueError, AttributeError) as error:  # the last where it finds no credentials
        raise StorageUnavailable(
            f"There is no token for the Kafka brokers ({type(error).__name__}). KAFKA_SECURITY=iam signs it with the "
            "credentials of the function's role; see that it has one."
        ) from error
    return token, expires_ms / 1000


def _credentials(settings: KafkaSettings) -> tuple[str, str]:
    if settings.kafka_secret_arn is None:
        raise ConfigurationError(f"KAFKA_SECURITY={settings.kafka_security} needs KAFKA_SECRET_ARN.")
    secret = read_secret(settings.kafka_secret_arn)
    username, password = secret.get("username"), secret.get("password")
    if not username or not password:
        raise ConfigurationError(f"The secret {settings.kafka_secret_arn} needs `username` and `password`.")
    return str(username), str(password)


@dataclass(slots=True)
class _Sent:
    """What became of events that were sent together: those in neither are with the brokers.

    Attributes:
        waiting: without an answer.
        refused: for good, but the brokers' answer is about a record batch, and librdkafka repeats it for each event.
    """

    waiting: set[str] = field(default_factory=set)
    refused: dict[str, Refusal] = field(default_factory=dict)


class KafkaPublisher:
    """Publishes on Kafka. Imports the client, and connects, with the first batch.

    The producer is idempotent, so that its own retries neither double a message nor change the order. After a batch
    that did not go through as a whole it is thrown away with all that it still holds: what is tried again later must
    not be overtaken by what was left over.
    """

    def __init__(self, settings: KafkaSettings, *, seconds: float = BATCH_SECONDS) -> None:
        self._settings = settings
        self._seconds = seconds
        self._producer: Producer | None = None
        self._trouble = ""

    def publish(self, events: Sequence[CloudEvent]) -> Outcome:
        """Publish in order, and wait until the brokers have all of it or the time is up.

        Raises:
            ConfigurationError: how to reach the brokers is not, or only half, known.
            StorageUnavailable: as `client_config` raises it.
        """
        outcome = Outcome()
        if not events:
            return outcome
        began = datetime.now(UTC)
        producer = self._connected()
        deadline = monotonic() + self._seconds
        sent = self._send(producer, events, outcome, deadline)
        outcome.again |= sent.waiting
        if len(events) == 1:
            outcome.refused |= sent.refused
        else:
            self._send_singly(producer, [each for each in events if each.id in sent.refused], outcome, deadline)
        if outcome.again:
            reason = self._trouble or "The brokers did not take them in time."
            get_logger().warning("events_not_taken_by_kafka", extra={"events": len(outcome.again), "reason": reason})
            self._throw_away(producer)
        record_sent(events, "kafka", began, refused=outcome.again | outcome.refused.keys())
        return outcome

    def _send(self, producer: "Producer", events: Sequence[CloudEvent], outcome: Outcome, deadline: float) -> _Sent:
        """Send in order, and wait for the answers; what the client itself refuses is told in the outcome."""
        sent = _Sent({event.id for event in events})
        for event in events:
            if not self._produce(producer, event, sent, outcome):
                break  # what follows must not overtake it
        producer.flush(max(0.0, deadline - monotonic()))
        return sent

    def _send_singly(
        self, producer: "Producer", events: Sequence[CloudEvent], outcome: Outcome, deadline: float
    ) -> None:
        """Send each of a refused batch alone: one bad event must not take the others with it.

        Something of its subject that was sent in a later record batch may be there before it.
        """
        left = list(events)
        # Where something is without an answer, all of these come again with it.
        while left and not outcome.again and monotonic() < deadline:
            alone = self._send(producer, left[:1], outcome, deadline)
            if alone.waiting:
                break
            outcome.refused |= alone.refused
            left = left[1:]
        outcome.again |= {event.id for event in left}

    def _produce(self, producer: "Producer", event: CloudEvent, sent: _Sent, outcome: Outcome) -> bool:
        """Hand one event to the producer; False where it takes nothing more."""
        from confluent_kafka import KafkaException

        try:
            producer.produce(
                event.type,
                value=event.model_dump_json(exclude_none=True).encode(),
                key=event.subject.encode(),
                headers=_headers(event),
                on_delivery=self._told(event.id, sent),
            )
        except BufferError:
            return False
        except KafkaException as error:
            fault: KafkaError = error.args[0]
            if not _is_final(fault):
                self._trouble = fault.str()
                return False
            sent.waiting.discard(event.id)
            outcome.refused[event.id] = _refusal(fault)
        return True

    def _told(self, event_id: str, sent: _Sent) -> Callable[..., None]:
        def tell(error: "KafkaError | None", _: "Message") -> None:
            if error is not None and not _is_final(error):
                self._trouble = error.str()
                return
            if error is not None and event_id in sent.waiting:
                sent.refused[event_id] = _refusal(error)
            sent.waiting.discard(event_id)

        return tell

    def _connected(self) -> "Producer":
        if self._producer is None:
            from confluent_kafka import Producer

            def keep_trouble(error: "KafkaError") -> None:
                self._trouble = error.str()

            self._trouble = ""
            # The time of a single message is not limited: what is late would be left out, and what stands behind it
            # delivered. The batch as a whole is given up instead.
            self._producer = Producer(
                {
                    **client_config(self._settings),
                    "error_cb": keep_trouble,
                    "enable.idempotence": True,  # implies acks=all
                    "partitioner": "murmur2_random",  # as Java's clients: one key, one partition, whoever writes
                    "compression.type": "lz4",
                    "linger.ms": 5,
                    "message.timeout.ms": 0,
                }
            )
        return self._producer

    def _throw_away(self, producer: "Producer") -> None:
        self._producer = None
        producer.purge()
        producer.flush(0)


def _is_final(error: "KafkaError") -> bool:
    """Whether another try would end in the same way."""
    from confluent_kafka import KafkaError

    return error.code() in (
        KafkaError.MSG_SIZE_TOO_LARGE,
        KafkaError.INVALID_MSG,
        KafkaError.INVALID_RECORD,
        KafkaError.RECORD_LIST_TOO_LARGE,
    )


def _refusal(error: "KafkaError") -> Refusal:
    return Refusal("refused_by_kafka", f"The brokers refuse the event for good: {error.name()}: {error.str()}.")


def _headers(event: CloudEvent) -> list[tuple[str, str | bytes | None]]:
    headers: list[tuple[str, str | bytes | None]] = [
        ("content-type", b"application/cloudevents+json"),
        ("ce_id", event.id.encode()),
        ("ce_type", event.type.encode()),
    ]
    return [*headers, ("traceparent", event.traceparent.encode())] if event.traceparent else headers
