"""Start the offline Claude: `python -m agent_platform.llm.offline [--port 8790] [--catalogue FILE]`."""

import argparse
import asyncio
import os
import signal
import socket
import sys
from pathlib import Path

from agent_platform.llm.offline.server import OfflineClaude
from agent_platform.llm.offline.wire import Connection


async def serve(claude: OfflineClaude, listening: socket.socket, *, until_stdin_closes: bool) -> None:
    """Serve until told to stop; print the URL as soon as connections are accepted."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(claude.handle), sock=listening)
    stopped = asyncio.Event()
    for signal_number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(signal_number, stopped.set)
    if until_stdin_closes:
        await loop.connect_read_pipe(lambda: _UntilClosed(stopped), sys.stdin)
    host, port, *_ = listening.getsockname()
    sys.stdout.write(f"http://{f'[{host}]' if ':' in host else host}:{port}\n")
    sys.stdout.flush()
    await stopped.wait()
    server.close()


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65_535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port: give a number from 0 to 65535")
    return int(text)


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=1024)


class _UntilClosed(asyncio.Protocol):
    """Sets an event when the pipe's other end goes: the starter has ended, however it ended."""

    def __init__(self, stopped: asyncio.Event) -> None:
        self._stopped = stopped

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        self._stopped.set()


def main(arguments: list[str] | None = None) -> int:
    """Run the program; 2 means that the address is not to be had."""
    parser = argparse.ArgumentParser(prog="offline-claude", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: this machine only)")
    parser.add_argument("--port", type=_port, default=0, help="port; 0 takes a free one (default)")
    parser.add_argument("--catalogue", type=Path, help="compiled catalogue; may appear or be replaced later")
    parser.add_argument("--until-stdin-closes", action="store_true", help="stop when standard input is closed")
    options = parser.parse_args(arguments)
    try:
        listening = _listen(options.host, options.port)
    except OSError as error:
        # asyncio and socket put the address into `strerror`, where the message has it already.
        reason = error.strerror if isinstance(error, socket.gaierror) else os.strerror(error.errno or 0)
        sys.stderr.write(
            f"The offline Claude cannot listen on {options.host}:{options.port} ({reason}): use another --port.\n"
        )
        return 2
    asyncio.run(serve(OfflineClaude(options.catalogue), listening, until_stdin_closes=options.until_stdin_closes))
    return 0


if __name__ == "__main__":
    sys.exit(main())
