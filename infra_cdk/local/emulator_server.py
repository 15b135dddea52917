"""MiniStack with what a laptop needs added. Runs on the emulator's own interpreter and imports nothing of this project.

The additions name inner parts of MiniStack 1.5.33, which is pinned to that very version. Settings are environment
variables: STATE_DIR (MiniStack's own), COMPLETE_MARK, FUNCTION_LOG, MAILS, and FUNCTIONS_FROM for `make dev`.
"""

import contextvars
import itertools
import json
import os
import re
import secrets
import shutil
import signal
import threading
import time
from email import message_from_string
from email.policy import default as default_policy
from pathlib import Path
from typing import Any

from ministack import app
from ministack.core import lambda_runtime
from ministack.services import apigateway_v1, dynamodb, lambda_svc, scheduler, ses_v2, stepfunctions

TRACE_ID = "context.xrayTraceId"
type Mapping = tuple[str, str, dict[str, Any]]
"""Account, region and event source mapping."""


def keep_stream_records() -> None:
    """Save the records of DynamoDB streams with the tables, and restore them.

    MiniStack saves only how far each function has read. After a restart the streams are empty and the functions would
    skip as many new records as they had ever read before.
    """
    get_state, load_state = dynamodb.get_state, dynamodb.load_persisted_state
    kept = {"stream_records": dynamodb._stream_records, "stream_trimmed": dynamodb._stream_trimmed}

    def get_state_with_streams() -> dict[str, Any]:
        return {**get_state(), **kept}

    def load_state_with_streams(data: dict[str, Any]) -> None:
        load_state(data)
        for name, records in kept.items():
            if name in data:
                records._data.update(data[name]._data)

    dynamodb.get_state, dynamodb.load_persisted_state = get_state_with_streams, load_state_with_streams


def keep_fired_schedules() -> None:
    """Save when each schedule has fired, and restore it.

    MiniStack forgets it: after every restart a schedule for one moment that has passed would fire again.
    """
    get_state, load_state = scheduler.get_state, scheduler.load_persisted_state
    fired = scheduler._schedule_last_fired

    def get_state_with_times() -> dict[str, Any]:
        return {**get_state(), "fired": [[*key, moment] for key, moment in fired.items()]}

    def load_state_with_times(data: dict[str, Any]) -> None:
        load_state(data)
        fired.update({(account, region, name): moment for account, region, name, moment in data.get("fired", ())})

    scheduler.get_state, scheduler.load_persisted_state = get_state_with_times, load_state_with_times


def poll_each_stream_apart() -> None:
    """Give each function that reads a DynamoDB stream a thread of its own, and heed which records it says have failed.

    MiniStack reads all streams one after the other between its other polls, so one slow function holds up every queue
    and stream. And it takes a batch for done of which the function has reported records as failed.
    """
    poll, sources, execute = lambda_svc._poll_dynamodb_streams, lambda_svc._iter_all_esms, lambda_svc._execute_function
    positions = lambda_svc._dynamodb_stream_positions
    polled: contextvars.ContextVar[Mapping | None] = contextvars.ContextVar("polled", default=None)

    def only_the_polled() -> Any:
        one = polled.get()
        return iter([one]) if one else sources()

    def execute_and_heed(function: dict[str, Any], event: dict[str, Any]) -> dict[str, Any]:
        result: dict[str, Any] = execute(function, event)
        one = polled.get()
        failed = _first_failed(result) if one and not result.get("error") else None
        if one is None or failed is None:
            return result
        mapping = one[2]
        with lambda_svc._dynamodb_stream_positions_lock:
            position = positions[mapping["UUID"]]
            for record in dynamodb.stream_records_since(_table(mapping), position, mapping.get("BatchSize", 100)):
                if record["dynamodb"]["SequenceNumber"] == failed:
                    break
                position += 1
            positions[mapping["UUID"]] = position
        reason = {"errorType": "BatchItemFailures", "errorMessage": f"from {failed} on"}
        return {"error": True, "body": reason, "log": result.get("log", "")}

    def has_work(one: Mapping) -> bool:
        account, region, mapping = one
        if ":dynamodb:" not in mapping.get("EventSourceArn", "") or lambda_svc._esm_inflight.get(mapping["UUID"]):
            return False
        end: int = dynamodb.stream_end_position(_table(mapping), account_id=account, region=region)
        read: int | None = positions.get_scoped(account, region, mapping["UUID"])
        paused: float = lambda_svc._esm_backoff_until.get_scoped(account, region, mapping["UUID"], 0)
        return (read is None or read < end) and time.time() >= paused

    def poll_one(one: Mapping) -> None:
        polled.set(one)
        poll()

    def poll_apart() -> bool:
        for one in sources():
            if has_work(one):
                lambda_svc._dispatch_esm_batch(one[2]["UUID"], poll_one, one)
        return False

    lambda_svc._poll_dynamodb_streams = poll_apart
    lambda_svc._iter_all_esms = only_the_polled
    lambda_svc._execute_function = execute_and_heed


def _table(mapping: dict[str, Any]) -> str:
    """The name of the table whose stream an event source mapping reads."""
    arn: str = mapping["EventSourceArn"]
    return arn.partition("/stream/")[0].rpartition("/")[2]


def _first_failed(result: dict[str, Any]) -> str | None:
    """The sequence number of the first record that a function reports as failed."""
    body = result.get("body")
    if isinstance(body, str):
        body = json.loads(body or "null")
    failures = body.get("batchItemFailures") if isinstance(body, dict) else None
    return failures[0]["itemIdentifier"] if failures else None


def say_why_executions_ended() -> None:
    """Tell in the platform's words why an execution failed that was under way when the emulator ended.

    MiniStack cannot go on with it and calls that `States.ServiceRestart`, which the platform takes for its own mistake.
    """
    load_state = stepfunctions.load_persisted_state

    def load_state_and_say_why(data: dict[str, Any]) -> None:
        load_state(data)
        for execution in stepfunctions._executions.all_values():
            if execution.get("error") == "States.ServiceRestart":
                execution["error"] = "RunStopped"
                execution["cause"] = "The platform on this machine was stopped while this was under way. Retry it."

    stepfunctions.load_persisted_state = load_state_and_say_why


def end_once_saved(mark: Path) -> None:
    """Leave a mark when all state is saved, so that a copy is known to be whole, and end.

    What MiniStack does after that is to wait for threads of which some never end.
    """
    save_all = app.save_all

    def save_all_and_end(services: dict[str, Any]) -> None:
        save_all(services)
        mark.touch()
        os._exit(0)

    app.save_all = save_all_and_end


def log_functions(path: Path) -> None:
    """Append what functions print to a file, each line with the time and the function's name."""
    emit = lambda_svc._emit_lambda_logs
    lock = threading.Lock()

    def emit_and_append(func: dict[str, Any], request_id: str, text: str, *args: Any, **kwargs: Any) -> None:
        emit(func, request_id, text, *args, **kwargs)
        if text:
            name = (func.get("config") or func).get("FunctionName", "unknown")
            now = time.strftime("%H:%M:%S")
            with lock, path.open("a") as file:
                file.writelines(f"{now} {name} {line}\n" for line in text.splitlines())

    lambda_svc._emit_lambda_logs = emit_and_append


def keep_mails(folder: Path) -> None:
    """Write each mail that SES takes into a text file, as its receiver would read it."""
    relay = ses_v2._smtp_relay
    numbers = itertools.count(1)

    def write_and_relay(source: str, to: list[str], text: str) -> None:
        mail = message_from_string(text, policy=default_policy)
        lines = [*(f"{name}: {mail[name]}" for name in ("From", "To", "Subject")), "", str(mail.get_content())]
        # The address may hold what no file may be called.
        whom = re.sub(r"[^a-zA-Z0-9@.+-]", "_", to[0])[:100]
        name = f"{time.strftime('%Y%m%d-%H%M%S')}-{next(numbers):04d}-{whom}.txt"
        (folder / name).write_text("\n".join(lines), encoding="utf-8")
        relay(source, to, text)

    ses_v2._smtp_relay = write_and_relay


def trace_gateway_answers() -> None:
    """Give the API gateway's own refusals a trace id: MiniStack leaves `$context.xrayTraceId` as it stands."""
    value_of, answer = apigateway_v1._gateway_request_value, apigateway_v1._gateway_error_response

    def value_or_trace_id(source: str, request: dict[str, Any]) -> Any:
        return request["trace_id"] if source == TRACE_ID else value_of(source, request)

    def answer_with_trace_id(error: Any, request: dict[str, Any]) -> tuple[int, dict[str, str], bytes]:
        trace_id = f"Root=1-{int(time.time()):08x}-{secrets.token_hex(12)}"
        status, headers, body = answer(error, {**request, "trace_id": trace_id})
        return status, headers, body.replace(f"${TRACE_ID}".encode(), trace_id.encode())

    apigateway_v1._gateway_request_value = value_or_trace_id
    apigateway_v1._gateway_error_response = answer_with_trace_id


def refuse_web_pages() -> None:
    """Refuse what a page in a browser could send: MiniStack checks no signature and allows every origin, so any site
    the developer visits could read its secrets and replace its functions.

    A browser names the origin of the page, and after DNS rebinding another host; the platform's own clients
    do neither. The REST API stays open: it asks for a token, and the site's gateway stands before it.
    """
    serve = app.app

    async def serve_own_clients(scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] in ("http", "websocket") and not scope["path"].startswith("/restapis/"):
            headers = dict(scope["headers"])
            name = headers.get(b"host", b"").decode("latin-1").rsplit(":", 1)[0]
            own = name.endswith(("127.0.0.1", "localhost")) and b"origin" not in headers
            if not own and scope["type"] == "http":
                await send(
                    {"type": "http.response.start", "status": 403, "headers": [(b"content-type", b"text/plain")]}
                )
                await send({"type": "http.response.body", "body": b"Only programs of this machine may ask.\n"})
            if not own:
                return
        await serve(scope, receive, send)

    app.app = serve_own_clients


def renew_workers_on_signal() -> None:
    """On SIGUSR1 end all waiting workers; the next request starts new ones with the code as it is then."""

    def renew(*_: object) -> None:
        threading.Thread(target=lambda_runtime.reset, daemon=True).start()

    signal.signal(signal.SIGUSR1, renew)


def run_functions_from(folder: Path) -> None:
    """Let deployed functions run from the working copy instead of from what was uploaded."""
    unpack = lambda_svc._provided_runtime_code_dir

    def unpack_and_link(code_zip: bytes) -> str:
        unpacked: str = unpack(code_zip)
        for function in (Path(unpacked) / "functions").iterdir():
            if not function.is_symlink():
                shutil.rmtree(function)
                function.symlink_to(folder / function.name)
        return unpacked

    lambda_svc._provided_runtime_code_dir = unpack_and_link


if __name__ == "__main__":
    keep_stream_records()
    keep_fired_schedules()
    poll_each_stream_apart()
    say_why_executions_ended()
    end_once_saved(Path(os.environ["COMPLETE_MARK"]))
    log_functions(Path(os.environ["FUNCTION_LOG"]))
    keep_mails(Path(os.environ["MAILS"]))
    trace_gateway_answers()
    refuse_web_pages()
    renew_workers_on_signal()
    if "FUNCTIONS_FROM" in os.environ:
        run_functions_from(Path(os.environ["FUNCTIONS_FROM"]))
    app.main()
