"""Which pages of other origins may call a stage's API: those that the context names, one by one."""

from collections.abc import Mapping

from constructs import IConstruct

from agent_platform.settings import named_origins
from infra_cdk.stages import Stage


def allowed_origins(construct: IConstruct, stage: Stage) -> tuple[str, ...]:
    """Read `-c cors_origins=https://app.example.com,http://localhost:5173`; none without it.

    Raises:
        ValueError: one is `*` or no origin, or the stage serves its own site alone.
    """
    text = construct.node.try_get_context("cors_origins") or ""
    try:
        origins = named_origins(str(text))
    except ValueError as error:
        raise ValueError(f"-c cors_origins: {error}.") from None
    if origins and not stage.other_origins:
        raise ValueError(
            f"-c cors_origins: the stage {stage.name} answers the pages of its own origin alone; leave it out there."
        )
    return origins


def cors_environment(construct: IConstruct, stage: Stage) -> Mapping[str, str]:
    """What tells a function with routes about them; nothing where there are none."""
    origins = allowed_origins(construct, stage)
    return {"CORS_ORIGINS": ",".join(origins)} if origins else {}
