"""Idempotency-Key: a request that is repeated under its key is carried out once.

Source: draft-ietf-httpapi-idempotency-key-header; our readings of it: adapter/decisions/
0013-idempotency.md. The answer is written in the transaction of the call's row, so that a crash
between the commit and the reply leaves both or neither. A handler does so::

    async with self._answers.once(request, app.id) as answer:
        if answer.earlier:
            return answer.earlier
        ...  # parse, check; an exception ends it, and a repetition is judged anew
        self._engine.apply(call.id, AcceptCall(), answer.worded(lambda call: a_reply(call)))
        return answer.response()

and its `Route` says `idempotent=True`, for the documentation. Without the header it is the same
code, and nothing is kept. Not here: how a contract words the refusals.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import msgspec
from aiohttp import web

from adapter.contracts.http import read_bytes
from adapter.core.message import Kept
from adapter.core.model import Call
from adapter.engine.engine import Engine, Reply

HEADER = "Idempotency-Key"
PATTERN = r"^[!-~]{1,255}$"
RETRY_AFTER = 1  # seconds; the longest that a reply waits for is speech, and that is 2 s

_key = re.compile(PATTERN.replace("$", r"\Z"))
_encode = msgspec.json.Encoder().encode


class BadKey(Exception):
    """The key is not of the form that is asked for."""


class KeyConflict(Exception):
    """The request is not carried out, because of another one under its key; the text says why."""


class KeyReused(KeyConflict):
    """The key was used for another request."""


class KeyInUse(KeyConflict):
    """The first request under the key is not answered yet."""


@dataclass(frozen=True, slots=True)
class _Claim:
    """What a request asks for: to be the one that is carried out under its key."""

    contract: str
    owner: str
    key: str
    fingerprint: str


class Answer:
    """The answer to one request.

    Attributes:
        earlier: the answer that the request had before; None when it is to be carried out.
    """

    def __init__(self, claim: _Claim | None, earlier: web.Response | None = None) -> None:
        self._claim = claim
        self._kept: tuple[int, bytes] | None = None
        self.earlier = earlier

    def worded(self, word: Callable[[Call], object], status: int = 200) -> Reply:
        """For `Engine.open` and `apply`: makes the reply of the new row, and keeps it.

        Args:
            word: the reply's model, or plain data, from the new row. It must not raise.
            status: of the reply, a success.
        """

        def reply(call: Call) -> Kept | None:
            body = _encode(word(call))
            self._kept = (status, body)
            claim = self._claim
            if claim is None:
                return None
            return Kept(
                claim.contract, claim.owner, claim.key, claim.fingerprint, status, body.decode()
            )

        return reply

    def response(self) -> web.Response:
        """The reply, of the very bytes that were kept; once the engine has worded it."""
        assert self._kept is not None  # noqa: S101 - the engine has called what `worded` gave it
        return _response(*self._kept)


class Answers:
    """The answers of one contract.

    Args:
        engine: keeps them.
        contract: its name.
    """

    def __init__(self, engine: Engine, contract: str) -> None:
        self._engine = engine
        self._contract = contract
        self._claimed: dict[tuple[str, str], str] = {}

    @asynccontextmanager
    async def once(self, request: web.Request, owner: str) -> AsyncIterator[Answer]:
        """Carry out a request of an authenticated tenant, or find the answer that it had.

        Raises:
            BadKey, BadBody: the request is malformed.
            KeyReused, KeyInUse: it is not carried out.
            web.HTTPRequestEntityTooLarge: more than the application's limit.
        """
        key = _key_of(request)
        if key is None:
            yield Answer(None)
            return
        fingerprint = fingerprint_of(request.method, request.raw_path, await read_bytes(request))
        kept = self._engine.kept(self._contract, owner, key)
        known = kept.fingerprint if kept else self._claimed.get((owner, key))
        if known not in (None, fingerprint):
            raise KeyReused(f"this {HEADER} was used for another request")
        if kept is not None:
            yield Answer(None, _response(kept.status, kept.body.encode()))
            return
        if known is not None:
            raise KeyInUse(f"the first request with this {HEADER} is not answered yet")
        self._claimed[owner, key] = fingerprint
        try:
            yield Answer(_Claim(self._contract, owner, key, fingerprint))
        finally:
            del self._claimed[owner, key]


def fingerprint_of(method: str, path: str, body: bytes) -> str:
    """What makes a request the same: method, path with query, and body, byte for byte."""
    head = f"{method} {path}\n".encode()  # neither has a line end: one text, one meaning
    return hashlib.sha256(head + body).hexdigest()


def _key_of(request: web.Request) -> str | None:
    given = request.headers.getall(HEADER, [])
    if not given:
        return None
    if len(given) > 1 or not _key.match(given[0]):
        raise BadKey(f"{HEADER} is one value of 1 to 255 visible ASCII characters")
    return given[0]


def _response(status: int, body: bytes) -> web.Response:
    return web.Response(body=body, status=status, content_type="application/json")
