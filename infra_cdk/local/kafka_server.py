"""Three small Kafka brokers in memory: librdkafka's mock cluster, which speaks the protocol over TCP on this machine.

It is driven through librdkafka's own functions, since the Python client wraps none of them. Brokers can be taken down
and up while it runs. What it holds is gone when it ends, and of each partition it keeps the newest 5 MB.
Run as `python infra_cdk/local/kafka_server.py --port P --control-port C`: brokers are found through P; at C,
`GET /` tells where, and `POST /brokers/<id>/down` or `/up` does that. With 0 a free port is taken; the one line that it
prints, once it serves, names both.
"""

import argparse
import ctypes
import json
import selectors
import signal
import socket
import threading
from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import FrameType
from typing import Any

import confluent_kafka

from agent_platform.events.topics import TOPICS

LOOPBACK = "127.0.0.1"
BROKERS = 3
PARTITIONS = 6
PRODUCER = 0
REBALANCE_MS = 100
"""How long a group waits for further members: three seconds would be added to each start of a consumer."""
CHUNK = 65_536


class MockCluster:
    """librdkafka's mock cluster.

    Raises:
        RuntimeError: the library is not where the package has it, or refuses.
    """

    def __init__(self, brokers: int = BROKERS) -> None:
        self._library = _library()
        fault = ctypes.create_string_buffer(512)
        self._client = self._call("rd_kafka_new", PRODUCER, None, fault, ctypes.c_size_t(len(fault)))
        if not self._client:
            raise RuntimeError(f"librdkafka refuses: {fault.value.decode()}")
        self._cluster = self._call("rd_kafka_mock_cluster_new", ctypes.c_void_p(self._client), brokers)
        if not self._cluster:
            raise RuntimeError("librdkafka cannot start its mock cluster.")
        self._call("rd_kafka_mock_group_initial_rebalance_delay_ms", self._mock, REBALANCE_MS, returns=None)
        self.brokers = range(1, brokers + 1)

    @property
    def addresses(self) -> list[tuple[str, int]]:
        """Host and port of each broker, in the order of their ids."""
        told: bytes = self._call("rd_kafka_mock_cluster_bootstraps", self._mock, returns=ctypes.c_char_p)
        pairs = [each.rpartition(":") for each in told.decode().split(",")]
        return [(host, int(port)) for host, _, port in pairs]

    def create_topic(self, name: str, partitions: int = PARTITIONS) -> None:
        """Make a topic that lies on every broker."""
        self._do(f"The topic {name} cannot be made", "topic_create", name.encode(), partitions, len(self.brokers))

    def set_down(self, broker: int) -> None:
        """Close the broker's connections and take no new ones."""
        self._do(f"Broker {broker} stays up", "broker_set_down", broker)

    def set_up(self, broker: int) -> None:
        """Let the broker take connections again; it still has its records."""
        self._do(f"Broker {broker} stays down", "broker_set_up", broker)

    @property
    def _mock(self) -> ctypes.c_void_p:
        return ctypes.c_void_p(self._cluster)

    def _call(self, name: str, *arguments: Any, returns: Any = ctypes.c_void_p) -> Any:
        function = getattr(self._library, name)
        function.restype = returns
        return function(*arguments)

    def _do(self, fault: str, name: str, *arguments: Any) -> None:
        if code := self._call(f"rd_kafka_mock_{name}", self._mock, *arguments, returns=ctypes.c_int):
            raise RuntimeError(f"{fault}: librdkafka answered {code}.")


class Doorway:
    """One fixed port for brokers whose own ports differ from run to run: leads to the first that answers.

    A client asks here only where the brokers are; then it talks to each of them directly.
    """

    def __init__(self, port: int, targets: Sequence[tuple[str, int]]) -> None:
        self._targets = targets
        self._listener = socket.create_server((LOOPBACK, port))
        self.address = f"{LOOPBACK}:{self._listener.getsockname()[1]}"

    def serve(self) -> None:
        """Take connections for ever."""
        while True:
            client, _ = self._listener.accept()
            threading.Thread(target=self._connect, args=(client,), daemon=True).start()

    def _connect(self, client: socket.socket) -> None:
        for target in self._targets:
            try:
                broker = socket.create_connection(target, timeout=2)
            except OSError:
                continue
            broker.settimeout(None)
            with client, broker:
                _exchange(client, broker)
            return
        client.close()


def _exchange(one: socket.socket, other: socket.socket) -> None:
    """Copy bytes both ways until either side ends."""
    with selectors.DefaultSelector() as selector:
        selector.register(one, selectors.EVENT_READ, other)
        selector.register(other, selectors.EVENT_READ, one)
        while True:
            for ready, _ in selector.select():
                try:
                    received = ready.fileobj.recv(CHUNK)  # type: ignore[union-attr]
                    if not received:
                        return
                    ready.data.sendall(received)
                except OSError:
                    return


def control_server(cluster: MockCluster, port: int, bootstrap: str) -> ThreadingHTTPServer:
    """What takes brokers down and up."""

    class Control(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(200, {"bootstrap": bootstrap, "brokers": list(cluster.brokers)})

        def do_POST(self) -> None:
            match self.path.strip("/").split("/"):
                case ["brokers", number, "down" | "up" as what] if number in map(str, cluster.brokers):
                    (cluster.set_down if what == "down" else cluster.set_up)(int(number))
                    self._answer(200, {"broker": int(number), "is": what})
                case _:
                    self._answer(404, {"message": "POST /brokers/<id>/down or /brokers/<id>/up"})

        def _answer(self, status: int, body: dict[str, Any]) -> None:
            data = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: Any) -> None:
            pass

    return ThreadingHTTPServer((LOOPBACK, port), Control)


def _library() -> ctypes.CDLL:
    """The very library that the Python client is linked with."""
    folder = Path(confluent_kafka.__file__).parent.parent / "confluent_kafka.libs"
    for path in folder.glob("librdkafka-*.so*"):
        return ctypes.CDLL(str(path))
    raise RuntimeError(f"There is no librdkafka in {folder}.")


def main() -> None:
    """Serve until a signal ends it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--control-port", type=int, required=True)
    options = parser.parse_args()

    def end(_: int, __: FrameType | None) -> None:
        raise SystemExit(0)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    cluster = MockCluster()
    for topic in TOPICS:
        cluster.create_topic(topic)
    doorway = Doorway(options.port, cluster.addresses)
    threading.Thread(target=doorway.serve, daemon=True).start()
    control = control_server(cluster, options.control_port, doorway.address)
    print(json.dumps({"bootstrap": doorway.address, "control": f"http://{LOOPBACK}:{control.server_port}"}), flush=True)
    control.serve_forever()


if __name__ == "__main__":
    main()
