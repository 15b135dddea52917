"""How many tokens a request has and how the prompt cache bills them: four characters make a token, deterministically.

The cache behaves as documented (platform.claude.com/docs/en/build-with-claude/prompt-caching): the prefix runs over
tools, system and messages; an entry is written at each `cache_control` and lives five minutes (or an hour) from its
last use; the longest known prefix before the last breakpoint is read; prefixes below the model's minimum are not
cached.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

CHARACTERS_PER_TOKEN = 4
# An image costs about (width x height) / 750 tokens; a full-size one about 1,600.
TOKENS_PER_IMAGE = 1_600
TTL_SECONDS = {"5m": 300.0, "1h": 3600.0}


@dataclass(frozen=True, slots=True)
class PromptTokens:
    """A prompt's tokens by how they are billed."""

    fresh: int
    read: int = 0
    written_5m: int = 0
    written_1h: int = 0

    @property
    def total(self) -> int:
        """The length of the prompt."""
        return self.fresh + self.read + self.written_5m + self.written_1h


@dataclass(frozen=True, slots=True)
class _Block:
    role: str
    content: Any
    tokens: int
    ttl: str | None


def tokens_of(characters: int) -> int:
    """Tokens of a text of that many characters, at least one."""
    return max(1, -(-characters // CHARACTERS_PER_TOKEN))


def prompt_tokens(body: dict[str, Any]) -> int:
    """Tokens of the whole prompt, the cache aside."""
    return sum(block.tokens for block in _blocks(body))


def breakpoints(body: dict[str, Any]) -> int:
    """How many blocks carry a `cache_control`."""
    return sum(block.ttl is not None for block in _blocks(body))


def output_tokens(content: list[dict[str, Any]]) -> int:
    """Tokens of an answer's blocks; even an empty answer has one."""
    return max(1, sum(_tokens(block) for block in content if block["type"] != "thinking"))


def _blocks(body: dict[str, Any]) -> Iterator[_Block]:
    for tool in body.get("tools") or []:
        yield _block("tools", tool)
    for block in _as_list(body.get("system")):
        yield _block("system", block)
    for message in body.get("messages") or []:
        for block in _as_list(message.get("content")):
            yield _block(message.get("role", ""), block)


def _as_list(content: Any) -> list[Any]:
    if isinstance(content, list):
        return content
    return [content] if content else []


def _block(role: str, content: Any) -> _Block:
    control = content.get("cache_control") if isinstance(content, dict) else None
    ttl = control.get("ttl") or "5m" if isinstance(control, dict) else None
    return _Block(role, content, _tokens(content), ttl)


def _tokens(content: Any) -> int:
    if isinstance(content, str):
        return tokens_of(len(content))
    match content.get("type"):
        case "text":
            return tokens_of(len(content.get("text") or ""))
        case "image" | "document":
            return TOKENS_PER_IMAGE
        case "tool_result":
            return sum(_tokens(part) for part in _as_list(content.get("content"))) or 1
        case _:
            return tokens_of(len(json.dumps(content, ensure_ascii=False)))


class PromptCache:
    """The prefixes that were written and have not expired, per model."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._expires: dict[bytes, tuple[float, float]] = {}

    def clear(self) -> None:
        """Forget every prefix."""
        self._expires.clear()

    def account(self, body: dict[str, Any], model: str, minimum: int) -> PromptTokens:
        """Bill the prompt and remember what it writes. `minimum` is the model's shortest cacheable prefix in tokens."""
        blocks = list(_blocks(body))
        total = sum(block.tokens for block in blocks)
        ttls = [block.ttl for block in blocks]
        automatic = body.get("cache_control")
        if isinstance(automatic, dict) and ttls:
            ttls[-1] = ttls[-1] or automatic.get("ttl") or "5m"
        last = max((index for index, ttl in enumerate(ttls) if ttl), default=-1)
        if last < 0:
            return PromptTokens(fresh=total)

        now = self._clock()
        digest = blake2b(model.encode(), digest_size=16)
        length = read = written = 0
        writes: list[tuple[int, bytes, str]] = []
        for block, ttl in zip(blocks[: last + 1], ttls, strict=False):
            digest.update(_canonical(block))
            length += block.tokens
            key = digest.digest()
            expires, lifetime = self._expires.get(key, (0.0, 0.0))
            if expires > now:
                read = length
                self._expires[key] = (now + lifetime, lifetime)
            if ttl and length >= minimum:
                writes.append((length, key, ttl))
        by_ttl = {"5m": 0, "1h": 0}
        written = read
        for prefix, key, ttl in writes:
            if prefix > written:
                by_ttl["1h" if ttl == "1h" else "5m"] += prefix - written
                written = prefix
                lifetime = TTL_SECONDS.get(ttl, TTL_SECONDS["5m"])
                self._expires[key] = (now + lifetime, lifetime)
        return PromptTokens(total - written, read, by_ttl["5m"], by_ttl["1h"])


def _canonical(block: _Block) -> bytes:
    """The block's bytes without its breakpoint: moving a breakpoint does not change the prefix."""
    content = block.content
    if isinstance(content, dict):
        content = {key: value for key, value in content.items() if key != "cache_control"}
        if content.keys() == {"type", "text"}:
            content = content["text"]
    return f"{block.role}\0{json.dumps(content, sort_keys=True)}\0".encode()
