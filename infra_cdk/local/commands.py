"""What each command of `python -m infra_cdk.local` does."""

import argparse
import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

from infra_cdk.local.agent import AgentRun
from infra_cdk.local.dev import DevRun
from infra_cdk.local.display import Display
from infra_cdk.local.errors import LocalRunError
from infra_cdk.local.evaluate import evaluate
from infra_cdk.local.ports import fixed_port
from infra_cdk.local.processes import Children
from infra_cdk.local.run import Run
from infra_cdk.local.signals import StopRequested, StopSignals
from infra_cdk.local.state import State


class Runnable(Protocol):
    """Something that starts children and then watches over them."""

    def start(self) -> None: ...

    def watch(self) -> None: ...


def perform(options: argparse.Namespace, signals: StopSignals) -> int:
    """Run one command; returns its exit code.

    Raises:
        StopRequested: the user stopped it before everything was up.
    """
    os.umask(0o077)  # what is kept is for its owner
    state, display = State.from_environment(), Display()
    try:
        if options.command == "reset":
            reset(state, display)
        elif options.command == "agent":
            state.create()
            until_stopped(signals, display, lambda children: AgentRun(state, children, display, options.agent_id))
        elif options.command == "eval":
            state.create()
            with Children(signals) as children:
                try:
                    evaluate(state, children, options.agent_id, judge=options.judge)
                finally:
                    children.stop()
        else:
            kind = DevRun if options.command == "dev" else Run
            state.create()
            with state.lock():
                try:
                    until_stopped(signals, display, lambda children: kind(state, children, display, fixed_port()))
                finally:
                    state.running.unlink(missing_ok=True)
    except LocalRunError as error:
        display.fail(str(error))
        return 1
    return 0


def until_stopped(signals: StopSignals, display: Display, make: Callable[[Children], Runnable]) -> None:
    """Run until the user stops it; whatever happens, every child is stopped.

    Raises:
        LocalRunError: it could not start, or a part of it died.
        StopRequested: the user stopped it before everything was up.
    """
    with Children(signals) as children:
        try:
            runnable = make(children)
            runnable.start()
            with suppress(StopRequested):
                runnable.watch()
        finally:
            children.stop(lambda name: display.say(f"  Stopping: {name}"))
    display.say("Stopped.")


def reset(state: State, display: Display) -> None:
    """Delete everything that runs have kept.

    Raises:
        AlreadyRunningError: a run is using it.
    """
    if state.directory.exists():
        with state.lock():
            shutil.rmtree(state.directory)
    display.say(f"{state.directory} is gone: the next start makes new accounts.")
