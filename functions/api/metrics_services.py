"""The platform's metrics as this function puts them together: from DynamoDB, never from Postgres."""

from agent_platform.analytics.exposition import PlatformMetrics, Reading
from agent_platform.resilience.circuit import open_circuits
from agent_platform.settings import ApiSettings
from agent_platform.storage.counters import AgentCounters
from agent_platform.storage.dead_letters import DeadLetterRepository
from agent_platform.storage.payloads import PayloadStore
from agent_platform.storage.runs import RunRepository


def platform_metrics(settings: ApiSettings, payloads: PayloadStore) -> PlatformMetrics:
    """Readings of this deployment's tables."""
    counters = AgentCounters(settings.agent_metrics_table)
    letters = DeadLetterRepository(settings.dead_letters_table, payloads)
    runs = RunRepository(settings.runs_table, payloads)

    def read() -> Reading:
        return Reading(
            groups=counters.totals_by_group(),
            dead_letters={source: letters.count_open(source) for source in settings.redrive_functions},
            open_circuits=open_circuits(settings.circuits_table),
            open_runs=runs.count_open(),
            version=settings.aws_lambda_function_version,
        )

    return PlatformMetrics(read)
