"""The example that a new workflow begins with on the site: the platform takes it as it stands."""

from pathlib import Path

from agent_platform.agents.catalogue import Catalogue
from agent_platform.workflows.check import check_spec
from agent_platform.workflows.reading import read_spec

SOURCE = (Path(__file__).parents[3] / "web/src/features/workflows/example-spec.ts").read_text(encoding="utf-8")


def test_the_example_passes_every_check(catalogue: Catalogue) -> None:
    _, text, _ = SOURCE.split("EXAMPLE_SPEC = ")[1].replace("\\`", "\0").split("`")
    spec = text.replace("\0", "`").replace("\\${", "${")
    assert check_spec(read_spec(spec), catalogue.get, lambda _: None) == []
