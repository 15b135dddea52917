"""The offline Claude: its routes, and how a request becomes an answer. One thread; nothing here waits."""

import json
import sys
import time
import traceback
from collections import deque
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

from agent_platform.llm.models import MODELS
from agent_platform.llm.offline.accounting import PromptCache, prompt_tokens
from agent_platform.llm.offline.answers import Answers, fits
from agent_platform.llm.offline.coordination import wanted_calls
from agent_platform.llm.offline.definitions import Definitions, agent_named_in
from agent_platform.llm.offline.faults import BadPlan, Faults, read_plan
from agent_platform.llm.offline.replies import (
    error_reply,
    json_reply,
    message_body,
    model_body,
    planned_error,
    stream_reply,
)
from agent_platform.llm.offline.threads import Threads
from agent_platform.llm.offline.validation import (
    Refusal,
    check_message_request,
    check_prompt,
    credential_of,
    known_model,
)
from agent_platform.llm.offline.wire import Reply, Request

# The oldest requests are forgotten first: a benchmark must not fill the memory.
RECORDED_REQUESTS = 1_000


class OfflineClaude:
    """Answers requests one at a time; `handle` never raises and never waits."""

    def __init__(self, catalogue: Path | None = None, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.definitions = Definitions(catalogue)
        self.faults = Faults()
        self.cache = PromptCache(clock)
        self.threads = Threads(clock)
        self.answers = Answers()
        self.records: deque[dict[str, Any]] = deque(maxlen=RECORDED_REQUESTS)
        self.received = 0
        self._numbers = count(1)
        self._routes: dict[tuple[str, str], Callable[[Request, str], Reply]] = {
            ("POST", "/v1/messages"): self._create_message,
            ("POST", "/v1/messages/count_tokens"): self._count_tokens,
            ("GET", "/v1/models"): self._list_models,
            ("GET", "/_health"): self._health,
            ("GET", "/_control"): self._show_plans,
            ("POST", "/_control"): self._add_plans,
            ("DELETE", "/_control"): self._reset,
            ("GET", "/_control/requests"): self._show_requests,
        }

    def handle(self, request: Request) -> Reply:
        """Answer one request, or answer with the error it deserves."""
        request_id = f"req_offline_{next(self._numbers):012d}"
        # Bedrock's Messages endpoint has the same API under /anthropic.
        path = request.path.removeprefix("/anthropic")
        try:
            route = self._routes.get((request.method, path))
            if route:
                return route(request, request_id)
            if request.method == "GET" and path.startswith("/v1/models/"):
                return json_reply(model_body(known_model(path.rpartition("/")[2])), request_id)
            raise Refusal(f"No route {request.method} {request.path}.", status=404, kind="not_found_error")
        except Refusal as refusal:
            return error_reply(refusal.status, refusal.kind, str(refusal), request_id, refusal.code)
        except Exception as error:  # noqa: BLE001 - a server must outlive its own faults, and say that they are its own
            traceback.print_exc(file=sys.stderr)
            return error_reply(
                500, "api_error", f"The offline server failed: {type(error).__name__}: {error}", request_id
            )

    def _create_message(self, request: Request, request_id: str) -> Reply:
        body, record = self._read(request, request_id)
        try:
            reply = self._message_reply(body, request, request_id, record)
        except Refusal as refusal:
            record["status"] = refusal.status
            raise
        record["status"] = None if reply.disconnect else reply.status
        return reply

    def _message_reply(self, sent: Any, request: Request, request_id: str, record: dict[str, Any]) -> Reply:
        betas = request.headers.get("anthropic-beta", "")
        body = self.threads.whole(sent, betas) if isinstance(sent, dict) else sent
        checked = check_message_request(body, beta=bool(betas) or "beta=true" in request.query)
        agent = record["agent"] = agent_named_in(body.get("system"))
        plan = self.faults.take(agent, lambda each: fits(each, body))
        record["plan"] = plan.mode if plan else None
        delay = plan.delay_seconds if plan else 0.0
        if plan:
            if plan.mode == "status":
                return planned_error(plan, request_id)
            if plan.mode == "disconnect":
                return Reply(delay=delay, disconnect=True)
            if plan.mode == "broken_body":
                return Reply(body=b'{"type": "message", "content": [', headers={"request-id": request_id}, delay=delay)
            if plan.mode == "stall":
                delay += plan.options["seconds"]
        known, due = (self.definitions.find(agent) if agent else None), wanted_calls(body, self.definitions)
        answer = self.answers.answer(body, checked, known, plan, due)
        prompt = self.cache.account(body, checked.model.id, checked.model.minimum_cacheable_tokens)
        message = message_body(f"msg_offline_{next(self._numbers):012d}", body["model"], answer, prompt)
        if "thread" in sent:
            self.threads.keep(message["id"], body, answer.content)
        if not body.get("stream"):
            reply = json_reply(message, request_id)
            reply.delay = delay
            return reply
        return stream_reply(message, plan, request_id, delay)

    def _count_tokens(self, request: Request, request_id: str) -> Reply:
        body, record = self._read(request, request_id)
        check_prompt(body)
        record["status"] = 200
        return json_reply({"input_tokens": prompt_tokens(body)}, request_id)

    def _read(self, request: Request, request_id: str) -> tuple[Any, dict[str, Any]]:
        """The body as JSON, and the record of the request; what a request may be refused for comes after."""
        credential = credential_of(request.headers)
        if "anthropic-version" not in request.headers:
            raise Refusal("anthropic-version: header is required")
        try:
            body = json.loads(request.body)
        except (ValueError, RecursionError) as error:
            raise Refusal(f"The request body is not valid JSON: {error}") from None
        record = {
            "request_id": request_id,
            "received_at": time.time(),
            "path": request.path,
            "credential": credential,
            "sdk_retry": int(request.headers.get("x-stainless-retry-count", "0")),
            "traceparent": request.headers.get("traceparent"),
            "agent": None,
            "plan": None,
            "status": 400,
            "body": body,
        }
        self.received += 1
        self.records.append(record)
        return body, record

    def _list_models(self, _request: Request, request_id: str) -> Reply:
        data = [model_body(model) for model in MODELS]
        page = {"data": data, "has_more": False, "first_id": data[0]["id"], "last_id": data[-1]["id"]}
        return json_reply(page, request_id)

    def _health(self, _request: Request, request_id: str) -> Reply:
        path = self.definitions.path
        return json_reply(
            {
                "status": "healthy",
                "service": "offline-claude",
                "catalogue": str(path) if path else None,
                "agents": self.definitions.count(),
            },
            request_id,
        )

    def _show_plans(self, _request: Request, request_id: str) -> Reply:
        return json_reply({"plans": [plan.describe() for plan in self.faults.plans]}, request_id)

    def _add_plans(self, request: Request, request_id: str) -> Reply:
        try:
            asked = json.loads(request.body or b"{}")
            plans = [read_plan(each) for each in (asked if isinstance(asked, list) else [asked])]
        except ValueError as error:  # BadPlan is one; so is a body that is not JSON
            kind = "The plan is wrong" if isinstance(error, BadPlan) else "The plan is not JSON"
            raise Refusal(f"{kind}: {error}") from None
        for plan in plans:
            self.faults.add(plan)
        return self._show_plans(request, request_id)

    def _reset(self, _request: Request, _request_id: str) -> Reply:
        self.faults.clear()
        self.cache.clear()
        self.threads.clear()
        self.records.clear()
        self.received = 0
        return Reply(204)

    def _show_requests(self, _request: Request, request_id: str) -> Reply:
        return json_reply({"received": self.received, "requests": list(self.records)}, request_id)
