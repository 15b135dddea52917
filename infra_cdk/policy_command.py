"""Why was this denied? From a terminal, by the platform's API: `python -m infra_cdk.policy_command agents:execute`.

Signs in as `make dead-letters` does: on this machine as the administrator; elsewhere by PLATFORM_API with
PLATFORM_TOKEN or PLATFORM_EMAIL. Ends with 0 where it is allowed, 1 where it is denied or cannot be asked.
"""

import argparse
import sys
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.text import Text

from infra_cdk.dead_letters_command import DeadLettersError, sign_in

CHECKS = {
    "role": "a role allows it",
    "agents_of_roles": "for this agent",
    "scope": "the key has the scope",
    "agents_of_key": "the key is for this agent",
    "denials": "no rule denies it",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line."""
    wanted = _parser().parse_args(arguments)
    body = {
        "action": wanted.action,
        "agent_id": wanted.agent or None,
        "user": wanted.user or None,
        "source_ip": wanted.source_ip or None,
        "at": wanted.at or None,
        "cost_usd": wanted.cost_usd,
    }
    try:
        answer = sign_in(wanted.api).call("POST", "/policy/explain", {k: v for k, v in body.items() if v is not None})
    except DeadLettersError as error:
        sys.stderr.write(f"✗ {error}\n")
        return 1
    _show(answer, Console(highlight=False, soft_wrap=True))
    return int(answer["allowed"] is not True)


def _show(answer: dict[str, Any], console: Console) -> None:
    roles = ", ".join(answer["roles"]) or "no role"
    about = f" with {answer['agent_id']}" if answer["agent_id"] else ""
    console.print(Text(f"{answer['user_id']} ({roles}): {answer['action']}{about}"))
    for check in answer["checks"]:
        by = f"  {', '.join(check['by'])}" if check["by"] else ""
        console.print(Text(f"  {'✓' if check['passed'] else '✗'} {CHECKS[check['check']]}{by}"))
    console.print(Text("allowed" if answer["allowed"] else "denied", style="green" if answer["allowed"] else "red"))
    for reason in answer["reasons"]:
        console.print(Text(f"  {reason}"))
    console.print(Text(f"policy {answer['version']}", style="dim"))
    if (following := answer["next"]) and following["allowed"] != answer["allowed"]:
        verb = "allow" if following["allowed"] else "deny"
        console.print(Text(f"the next one ({following['version']}) would {verb} it", style="yellow"))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="policy_command", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("action", help="such as agents:execute")
    parser.add_argument("--agent", help="group/name")
    parser.add_argument("--user", help="id or e-mail address of somebody else")
    parser.add_argument("--source-ip", help="as if asked from there")
    parser.add_argument("--at", help="as if asked then, such as 2026-11-23T03:00:00Z")
    parser.add_argument("--cost-usd", type=float, help="as if the execution might cost that")
    parser.add_argument("--api", help="address of the platform, such as https://agents.example.com")
    return parser


if __name__ == "__main__":
    sys.exit(main())
