"""What the Lambda layers weigh unpacked, built as the deploy builds them: arm64 wheels, compiled modules included."""

import shutil
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from agent_platform.agents.progress import progress_line
from tests.benchmarks.report import RESULTS, Report

if TYPE_CHECKING:
    from infra_cdk.constructs.bundling import Requirements, SourceTrees

MB = 1e6
LARGEST = 4


def layers() -> "dict[str, SourceTrees | Requirements]":
    """What builds each layer but the catalogue's, as `infra_cdk.constructs.layers` has it (of `finding`, packages)."""
    # Here, because loading the CDK starts a Node process, which no other benchmark needs.
    from infra_cdk.constructs.bundling import Requirements, SourceTrees
    from infra_cdk.repository import PLATFORM, REQUIREMENTS

    base = REQUIREMENTS / "base.txt"
    return {
        "platform": SourceTrees({"python": PLATFORM}, runs_at="/opt"),
        "base": Requirements(base),
        "claude": Requirements(REQUIREMENTS / "claude.txt", below=(base,)),
        "postgres": Requirements(REQUIREMENTS / "postgres.txt", below=(base,)),
        "kafka": Requirements(REQUIREMENTS / "kafka.txt", below=(base,)),
        "finding": Requirements(REQUIREMENTS / "finding.txt", below=(base,)),
        "policy_base": Requirements(base, more=(REQUIREMENTS / "policy.txt",)),
        "traced_base": Requirements(base, more=(REQUIREMENTS / "tracing.txt",)),
        "traced_policy_base": Requirements(base, more=(REQUIREMENTS / "policy.txt", REQUIREMENTS / "tracing.txt")),
    }


def run(_: int) -> Report:
    """Build every layer afresh and weigh it."""
    report = Report(
        "layer_sizes",
        "Size of the Lambda layers, unpacked",
        "the platform package without the SDK has at most 60 MB unpacked; Lambda takes 250 MB of function and layers.",
        "Each layer built by the code that the deploy uses, for arm64, with compiled modules; sums of file sizes.",
    )
    folder = RESULTS / "layers"
    shutil.rmtree(folder, ignore_errors=True)
    megabytes = {}
    builders = layers()
    with progress_line("Building the layers") as progress:
        for done, (name, builder) in enumerate(builders.items()):
            progress(done, len(builders))
            target = folder / name
            target.mkdir(parents=True)
            builder.try_bundle(str(target))
            packages = _packages(target)
            megabytes[name] = packages.total() / MB
            largest = ", ".join(f"{package} {size / MB:.1f}" for package, size in packages.most_common(LARGEST))
            report.add(f"layer `{name}`", megabytes[name], "MB", note=f"largest: {largest}")
        progress(len(builders), len(builders))
    report.add("platform + base, without the SDK", megabytes["platform"] + megabytes["base"], "MB", 60)
    report.add("the same with OpenTelemetry (`traced_base`)", megabytes["platform"] + megabytes["traced_base"], "MB")
    shared = megabytes["platform"] + megabytes["traced_base"] + megabytes["postgres"]
    # An agent that remembers, what projects events from Kafka, the control plane; `traced_base` in the place of `base`.
    for function, last in (("run_agent", "claude"), ("project_events", "kafka"), ("api", "finding")):
        what = f"the layers of `{function}` at its heaviest, without the catalogue"
        report.add(what, shared + megabytes[last], "MB", 250)
    return report


def _packages(layer: Path) -> Counter[str]:
    """Bytes of each top-level name below the layer's `python` folder."""
    sizes = Counter[str]()
    for path in layer.rglob("*"):
        if path.is_file():
            sizes[path.relative_to(layer / "python").parts[0]] += path.stat().st_size
    return sizes
