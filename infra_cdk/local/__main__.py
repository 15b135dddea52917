"""The platform on this machine: `python -m infra_cdk.local run | dev | agent ID | eval ID | reset` (ID: group/name)."""

import argparse
import sys

from infra_cdk.local.signals import StopRequested, StopSignals

INTERRUPTED = 130


def main() -> int:
    """Command line; 0 after Ctrl-C, 130 when that came before everything was up, 1 on an error."""
    parser = argparse.ArgumentParser(prog="infra_cdk.local", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("run", help="the whole platform")
    commands.add_parser("dev", help="the whole platform, renewed when its sources change")
    commands.add_parser("agent", help="one agent alone").add_argument(
        "agent_id", metavar="group/name", nargs="?", default=""
    )
    evaluate = commands.add_parser("eval", help="one agent held to its cases")
    evaluate.add_argument("agent_id", metavar="group/name", nargs="?", default="")
    evaluate.add_argument("--judge", action="store_true", help="let Claude read the answers as well")
    commands.add_parser("reset", help="delete what runs have kept")
    options = parser.parse_args()
    signals = StopSignals()
    signals.install()
    try:
        # Takes half a second, in which Ctrl-C is heard already.
        from infra_cdk.local.commands import perform

        return perform(options, signals)
    except StopRequested:
        sys.stdout.write("Stopped before everything was up.\n")
        return INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
