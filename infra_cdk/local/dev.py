"""`make dev`: the platform with its sources watched. Vite serves the site; functions and agents are renewed."""

import shutil
import socket
import sys
import time
from collections.abc import Collection
from pathlib import Path

from watchfiles import watch

from infra_cdk.local import emulator
from infra_cdk.local.environment import child_environment, platform_environment
from infra_cdk.local.errors import LocalRunError
from infra_cdk.local.ports import LOOPBACK, reserve
from infra_cdk.local.processes import Child
from infra_cdk.local.run import Run, answers
from infra_cdk.local.signals import StopRequested
from infra_cdk.local.state import ROOT

WEB = ROOT / "web"
AGENTS = ROOT / "agent_defs"
POLICIES = ROOT / "layers/policies"
CODE = (ROOT / "functions", ROOT / "layers/platform/python")
TEMPLATES = (ROOT / "infra_cdk", ROOT / "statemachines")
OWN = ROOT / "infra_cdk/local"
SITE_SECONDS = 60.0


class DevRun(Run):
    """A run that follows its sources."""

    functions_from = ROOT / "functions"

    def start(self) -> None:
        """As a run, and remember which groups were deployed."""
        self._groups = _groups()
        super().start()

    def reserve_front(self) -> socket.socket:
        """Here the gateway stands behind Vite."""
        return reserve(self.ports.gateway)

    def start_site(self) -> None:
        """Vite in front, with the API behind it."""
        self.start_gateway()
        vite = Child(
            "Vite",
            [
                *(shutil.which("node") or "node", WEB / "node_modules/vite/bin/vite.js"),
                *("--host", LOOPBACK, "--port", str(self.ports.site), "--strictPort"),
            ],
            log=self.state.log("vite"),
            environment=child_environment(API_ADDRESS=f"http://{LOOPBACK}:{self.ports.gateway}"),
            directory=WEB,
        )
        self.children.start(vite)
        vite.wait_until(lambda: answers(f"{self.address}/"), SITE_SECONDS)

    def watch(self) -> None:
        """Renew what changes, until a child dies.

        Raises:
            ChildError: names it, with the end of its log.
        """
        self.display.say("Watching agent_defs, functions, layers, infra_cdk and statemachines.")
        sources = (AGENTS, POLICIES, *CODE, *TEMPLATES)
        try:
            for changes in watch(*sources, yield_on_timeout=True, rust_timeout=300, debounce=300):
                self.children.check()
                if changed := {Path(path) for _, path in changes if not Path(path).is_relative_to(OWN)}:
                    self.renew(changed)
        except KeyboardInterrupt:  # watchfiles makes one of any exception that a signal handler raises
            raise StopRequested from None

    def renew(self, changed: Collection[Path]) -> None:
        """Bring the running platform up to date with these files; a fault in them is shown, and the old stays."""
        try:
            if _any_below(changed, TEMPLATES) or _groups() != self._groups:
                self.deploy()
                self._groups = _groups()
            if _any_below(changed, (AGENTS,)):
                self._compile("The compiler of the agent definitions", "agent_platform.agents.compile", "catalogue")
                self._compile("The index of the agents", "agent_platform.finding.compile", "catalogue")
            if _any_below(changed, (POLICIES,)):
                self._compile("The compiler of the policies", "agent_platform.identity.policy.compile", "policies")
            if _any_below(changed, (AGENTS, POLICIES, *CODE)):
                emulator.renew_workers(self.emulator)
            if _any_below(changed, (AGENTS,)):
                self.seeder.register_agents()
        except LocalRunError as error:
            self.children.check()  # rather a part that died than what followed from it
            self.display.fail(str(error))
        else:
            self.display.say(f"{time.strftime('%H:%M:%S')} renewed for {_in_words(changed)}")

    def _compile(self, title: str, module: str, log: str) -> None:
        self.children.run(
            Child(
                title,
                [sys.executable, "-m", module],
                log=self.state.log(log),
                environment=platform_environment(),
                directory=ROOT,
            )
        )


def _in_words(paths: Collection[Path]) -> str:
    """The changed files; an editor's temporary ones are gone by now."""
    first, *more = sorted(str(path.relative_to(ROOT)) for path in paths if path.exists()) or ["a deleted file"]
    return f"{first} and {len(more)} more" if more else first


def _any_below(paths: Collection[Path], folders: Collection[Path]) -> bool:
    return any(path.is_relative_to(folder) for path in paths for folder in folders)


def _groups() -> set[str]:
    """Each group has a function of its own, so a new one needs a deployment."""
    return {definition.parent.name for definition in AGENTS.glob("*/*.yaml")}
