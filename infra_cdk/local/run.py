"""One run of the platform on this machine, from the first child to the last."""

import os
import socket
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from infra_cdk.local import bridge, brokers, database, emulator, mails, offline_claude
from infra_cdk.local.deploy import Deployer, context, wishes
from infra_cdk.local.display import Display
from infra_cdk.local.environment import platform_environment
from infra_cdk.local.errors import LocalRunError
from infra_cdk.local.ports import LOOPBACK, choose, choosing, reserve
from infra_cdk.local.processes import Child, Children
from infra_cdk.local.seed import ROLES, Seeder
from infra_cdk.local.state import ROOT, State, credentials, write_private

SITE = ROOT / "web/dist"
CHECK_SECONDS = 0.3
FIRST_ANSWER_SECONDS = 60.0


class Run:
    """Starts everything in order. Who stops it is the context of `children`.

    Args:
        site_port: the port that the user fixed, or None.

    Attributes:
        functions_from: as in `emulator.emulator`.
    """

    functions_from: Path | None = None

    def __init__(self, state: State, children: Children, display: Display, site_port: int | None) -> None:
        self.state = state
        self.children = children
        self.display = display
        self._site_port = site_port
        self._key = offline_claude.api_key()
        self._given_brokers = brokers.given()
        self._people = credentials(state.credentials)

    @property
    def address(self) -> str:
        """Where the user finds the site and the API."""
        return f"http://{LOOPBACK}:{self.ports.site}"

    def start(self) -> None:
        """Bring the platform up, until a request through the front door is answered.

        Raises:
            LocalRunError: something is missing or failed; names it and what to do.
        """
        if not offline_claude.CATALOGUE.exists():
            raise LocalRunError(f"{offline_claude.CATALOGUE} is missing: start by `make run`, which compiles it.")
        self.state.running.unlink(missing_ok=True)
        with choosing(self.display.say):
            self._choose_ports()
            self._start_servers()
        self.deploy()
        reading = self._start_bridge()
        with self.display.step("Waiting for the first answer"):
            self.start_site()
            reading.wait_until(lambda: bridge.reads(reading), bridge.START_SECONDS)
        self._announce()

    def watch(self) -> None:
        """Stay until a child dies.

        Raises:
            ChildError: names it, with the end of its log.
        """
        while True:
            self.children.check()
            time.sleep(CHECK_SECONDS)

    def deploy(self) -> None:
        """Bring the emulated cloud to what the sources say, if it is not.

        Raises:
            LocalRunError: the deployment failed; carries what `cdk` or the platform said.
        """
        given = context(
            claude_base_url=None if self._key else offline_claude.base_url(self.ports.claude),
            database=self._database,
            kafka=self._brokers.context,
            wishes=wishes() | mails.context(self.address),
        )
        deployer = Deployer(self.children, self.state, self.ports.emulator, given)
        current = deployer.is_current
        if not current:
            with self.display.step("Deploying the CDK app to the emulated cloud") as step:
                deployer.deploy(step)
        self.deployment = deployer.read()
        self.seeder = Seeder(emulator.endpoint(self.ports.emulator), self.deployment)
        self.seeder.put_claude_key(self._key or "offline")
        self.seeder.verify_sender(mails.DOMAIN)
        if not current:
            with self.display.step("Migrating the database, making the accounts"):
                for person in ROLES:
                    self.seeder.ensure_user(person, self._people[person])
            deployer.finish()

    @property
    def _database(self) -> dict[str, Any]:
        """What the platform connects to, with its password."""
        return {"host": LOOPBACK, "port": self.ports.database, "dbname": database.NAME} | self._people["database"]

    def reserve_front(self) -> socket.socket:
        """The socket that the gateway will serve on; held from the start, since a deployment may take a minute."""
        return reserve(self.ports.site)

    def start_site(self) -> None:
        """Serve site and API on one origin."""
        self.start_gateway("--site", str(SITE))

    def start_gateway(self, *options: str) -> None:
        """Start the gateway and wait until the API answers through it.

        Raises:
            ChildError: it does not.
        """
        with self._front as front:
            health = f"http://{LOOPBACK}:{front.getsockname()[1]}/api/v1/health"
            arguments = ["--socket", str(front.fileno()), "--api", self.deployment.api, *options]
            gateway = Child(
                "The gateway",
                [sys.executable, "-m", "infra_cdk.local.gateway", *arguments],
                log=self.state.log("gateway"),
                environment=platform_environment(),
                directory=ROOT,
                inherited=front,
            )
            self.children.start(gateway)
        gateway.wait_until(lambda: answers(health), FIRST_ANSWER_SECONDS)

    def _choose_ports(self) -> None:
        self.ports, moved = choose(self.state.ports, self._site_port)
        for sentence in moved:
            self.display.say(sentence)
        self._front = self.reserve_front()
        self._brokers = self._given_brokers or brokers.own(self.ports.kafka)
        self.emulator = emulator.emulator(self.state, self.ports.emulator, self.functions_from)

    def _start_servers(self) -> None:
        password = self._people["database"]["password"]
        started = ["Database", "emulated AWS cloud"]
        started += ["Kafka brokers"] if self._brokers.own else []
        started += [] if self._key else ["offline Claude"]
        with self.display.step(", ".join(started)) as step:
            if database.prepare(self.state, password):
                emulator.forget(self.state)  # the two belong together: what one lost, the other must not know
            emulator.restore(self.state)
            postgres = database.database(self.state, self.ports.database)
            claude = offline_claude.offline_claude(self.state, self.ports.claude)
            kafka = brokers.server(self.state, self.ports.kafka, self.ports.kafka_control)
            for child, wanted in (
                (postgres, True),
                (self.emulator, True),
                (kafka, self._brokers.own),
                (claude, not self._key),
            ):
                if wanted:
                    self.children.start(child)
            step.note = "database"
            postgres.wait_until(lambda: database.answers(self.ports.database, password), database.START_SECONDS)
            database.create_owner(self.ports.database, **self._people["database"])
            step.note = "emulated AWS cloud"
            self.emulator.wait_until(lambda: emulator.answers(self.ports.emulator), emulator.START_SECONDS)
            if self._brokers.own:
                step.note = "Kafka brokers"
                kafka.wait_until(lambda: brokers.answers(self.ports.kafka_control), brokers.START_SECONDS)
            if not self._key:
                step.note = "offline Claude"
                claude.wait_until(lambda: offline_claude.answers(self.ports.claude), offline_claude.START_SECONDS)

    def _start_bridge(self) -> Child:
        """Let events go from the brokers to the audit log and the figures."""
        if not self._brokers.own:
            with self.display.step(f"Kafka topics on {self._brokers.bootstrap}"):
                self.seeder.create_topics()
        deployed = self.deployment
        options = bridge.Options(
            endpoint=emulator.endpoint(self.ports.emulator),
            project_events=deployed.project_events_function,
            relay_to_kafka=deployed.relay_to_kafka_function,
            dead_letters_queue=deployed.projection_dead_letters,
            outbox_table=deployed.outbox_table,
            dead_letters_table=deployed.dead_letters_table,
            database=self._database,
            catches_up=self._brokers.own,
        )
        child = bridge.bridge(self.state, self._brokers, deployed.kafka_secret_arn, options)
        self.children.start(child)
        return child

    def _announce(self) -> None:
        write_private(
            self.state.running,
            {
                "pid": os.getpid(),
                "site": self.address,
                "emulator": emulator.endpoint(self.ports.emulator),
                "claude": None if self._key else offline_claude.base_url(self.ports.claude),
                "kafka": self._brokers.bootstrap,
                "kafka_control": brokers.control_url(self.ports.kafka_control) if self._brokers.own else None,
            },
        )
        admin, demo = self._people["admin"], self._people["demo"]
        self.display.announce(
            "The AI-Agents Platform runs",
            [
                f"Open      {self.address}",
                f"Sign in   {demo['email']}   {demo['password']}",
                f"          {admin['email']}  {admin['password']}",
                f"API       {self.address}/api/v1",
                f"Model     {offline_claude.who_answers()}",
                f"Kafka     {self._brokers.bootstrap}" + (": brokers of this run" if self._brokers.own else ""),
                f"Mails     {self.state.mails}: a file for each that the platform sent",
                f"Logs      {self.state.logs}",
                "Stop      Ctrl-C; accounts and executions are kept (`make reset` forgets them)",
            ],
        )


def answers(url: str) -> bool:
    """Whether a GET of this address answers 200."""
    try:
        with urllib.request.urlopen(url, timeout=5) as response:  # noqa: S310 - a loopback address of ours
            return bool(response.status == 200)
    except (urllib.error.URLError, OSError):
        return False
