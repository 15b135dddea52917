"""The offline Claude: a local server that speaks the Messages API, for tests and for a laptop without a key.

Start it with `python -m agent_platform.llm.offline [--host 127.0.0.1] [--port 0] [--catalogue FILE]`; it prints its URL
when it is ready, and exits with 2 if the address is taken. Point `CLAUDE_BASE_URL` at it. It thinks nothing up:

- A system prompt that begins `Agent: <group>/<name> <version>` gets that agent's example output from the catalogue,
  if that has this very version.
- A text block `<step>…</step>` of the newest message is done first: it calls the tools named there (`coordination.py`).
- Otherwise it answers the smallest value of `output_config.format`'s schema, or of the agent's output schema.
- A schema that asks for the field `guardrail` gets it with the rule `none`, unless an example or plan has its own.
- Without either, it says that it is the offline model. Every answer's `model` is `offline/<id asked for>`.

Routes: POST /v1/messages (JSON and SSE), POST /v1/messages/count_tokens, GET /v1/models[/<id>], GET /_health. All of
them also stand under /anthropic, where Bedrock has them. Tokens are counted at four characters each; the prompt cache
bills as documented. What the real API refuses is refused (`validation.py`); a thinking block leads the answer unless
the effort is low or thinking is off, and must come back unaltered. Message threads (beta) work, since the SDK's tool
runner uses them.

POST /_control takes one plan or a list of plans, each used for `times` requests (default 1; null: until DELETE
/_control, which also empties the cache and the records). Plans wait in line; a request takes the oldest that fits it.
Any plan may have `agent` (only for that agent's requests) and `delay_seconds`.

| mode | fields | what happens |
| --- | --- | --- |
| status | status, type, message, retry_after | this HTTP error |
| stall | seconds | the right answer, so much later |
| slow_stream | seconds | streams with this pause before each event |
| stream_error | type, message | a stream breaks off half-way with an error event |
| disconnect | | the connection closes without an answer |
| broken_body | | 200 with a body that is not JSON |
| refusal | category, explanation | stop reason `refusal`, no content |
| max_tokens | | half the answer, stop reason `max_tokens` |
| invalid_json | | the text is not JSON, whatever was asked for |
| answer | output (JSON) or text | exactly this answer |
| tool_call | name, input, or calls [{name, input}]; rounds | asks for tools in the first `rounds` (1) turns |
| obey_injection | reads | obeys a newest message that says "call the tool NAME with {JSON}" or "answer with `TEXT`" |

What `obey_injection` reads is the newest message; with `"reads": "everything"` all that is not its own. It reads as an
eager model does: also through base64, ROT13, percent signs, HTML entities, look-alike and invisible characters, and in
any language, as long as a name in backticks is followed by arguments in braces.

A `tool_call` without `name` takes the first tool offered; without `input`, the smallest its schema accepts.
`times` counts requests: three rounds of tools in one conversation take `"rounds": 3, "times": 3` (or null).

GET /_control/requests tells what was asked: {"received", "requests": [{request_id, received_at (epoch seconds), path,
credential (its kind, never its value), sdk_retry, agent, plan, status, body}]}, the newest 1,000. GET /_control shows
the plans in force.
"""
