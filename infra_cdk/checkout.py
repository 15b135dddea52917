"""What the command line tells the app about a laptop: interpreter, model server, database."""

import json
from dataclasses import dataclass, field
from typing import Any

from constructs import Node

from infra_cdk.repository import CATALOGUE, FINDING, PLATFORM, POLICIES

DATABASE_FIELDS = ("host", "port", "username", "password", "dbname")


@dataclass(frozen=True, slots=True)
class Checkout:
    """The working copy whose code the functions of an emulator import, and the servers beside it.

    Attributes:
        python: the interpreter that has the runtime client and every dependency.
        database: host, port, username, password and dbname of a running Postgres.
        claude_base_url: a server that speaks the Messages API; None is Anthropic's own.
        egress_allow: private addresses that webhooks may reach all the same.
        otel: variables of OpenTelemetry, which every function gets; none without a collector.
    """

    python: str
    database: dict[str, Any]
    claude_base_url: str | None
    egress_allow: str = ""
    otel: dict[str, str] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        """The variables that take the place of the layers."""
        return {
            "PLATFORM_PYTHON": self.python,
            "PLATFORM_PYTHONPATH": str(PLATFORM),
            "CATALOGUE_PATH": str(CATALOGUE),
            "FINDING_PATH": str(FINDING),
            "POLICIES_PATH": str(POLICIES),
            **self.otel,
        }

    @classmethod
    def from_context(cls, node: Node) -> "Checkout":
        """Read `-c python=… -c database=… [-c claude_base_url=…]`; `otel` is an object of the context.

        Raises:
            ValueError: one is missing or malformed.
        """
        python, database = node.try_get_context("python"), node.try_get_context("database")
        if not python or not database:
            raise ValueError(
                "This stage runs from the working copy: `make run` starts it. By hand, pass "
                f"-c python=<interpreter> -c database='{{{', '.join(DATABASE_FIELDS)}}}' as JSON."
            )
        try:
            fields = json.loads(database) if isinstance(database, str) else dict(database)
            values = {field: fields[field] for field in DATABASE_FIELDS}
        except (TypeError, ValueError, KeyError) as error:
            raise ValueError(f"-c database must be JSON with {', '.join(DATABASE_FIELDS)}: {error!r}") from None
        otel = node.try_get_context("otel") or {}
        allowed = str(node.try_get_context("egress_allow") or "")
        return cls(str(python), values, node.try_get_context("claude_base_url"), allowed, dict(otel))
