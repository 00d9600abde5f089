"""One HTTP request to ARI: how it is addressed, sent, timed and understood.

Not here: which requests there are (`verbs`) and what they mean (`channels`, `bridges`, `client`).
"""

from __future__ import annotations

import base64
import re
import time
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, Self, TypeVar
from urllib.parse import quote

import aiohttp
import msgspec
from yarl import URL

from adapter.ari.errors import BadAnswer, InvalidArgument, Unreachable, refusal
from adapter.ari.verbs import EVENTS, Verb

Observer = Callable[[str, float, bool], None]
"""Called after each request with verb, seconds and whether it succeeded; to find gone what shall
be deleted is a success."""

Query = Mapping[str, str]
Body = Mapping[str, Any]

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_JSON = {"Content-Type": "application/json"}
_KEEP_ALIVE_SECONDS = 10.0  # Asterisk drops an idle connection after 15 s (session_keep_alive)
_encode = msgspec.json.Encoder().encode


class _Complaint(msgspec.Struct):
    """ARI's error body: "message", or "error" when an allocation failed."""

    message: str = ""
    error: str = ""


_decode_complaint = msgspec.json.Decoder(_Complaint).decode


def segment(text: str) -> str:
    """Return an id as exactly one path segment, or raise InvalidArgument.

    An empty id, a dot segment or a NUL would address something else than was meant.
    """
    if not text or _CONTROL.search(text):
        raise InvalidArgument("an id is empty or has control characters")
    if text in (".", ".."):
        return text.replace(".", "%2E")
    return _quoted(text)


def checked(text: str, what: str) -> str:
    """Return `text`, or raise InvalidArgument when it holds control characters.

    Asterisk writes CR and LF in header values and caller names to the wire (lab.md, 2).
    """
    if _CONTROL.search(text):
        raise InvalidArgument(f"{what} has control characters")
    return text


def _quoted(text: str) -> str:
    try:
        return quote(text, safe="")
    except UnicodeEncodeError:
        raise InvalidArgument("text is not valid Unicode") from None


class Transport:
    """A keep-alive connection pool to one Asterisk; open it with `async with`, or just use it.

    `base_url` ends before "/ari". `timeout` (seconds) is for a whole request, waiting for a free
    connection included. `limit` connections at once: Asterisk's HTTP server has a listen backlog
    of 10, and a larger burst stalls for a second (lab.md, 16). One more is kept for the WebSocket.
    """

    def __init__(
        self,
        base_url: str,
        username: str,
        password: str,
        *,
        app: str,
        timeout: float = 5.0,
        limit: int = 8,
        observe: Observer | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.app = app
        self._root = base_url.rstrip("/") + "/ari"
        credentials = base64.b64encode(f"{username}:{password}".encode()).decode()
        self._headers = {"Authorization": f"Basic {credentials}"}
        self._timeout = aiohttp.ClientTimeout(total=timeout)
        self._limit = limit
        self._observe = observe
        self._clock = clock
        self._session: aiohttp.ClientSession | None = None
        self._last_answer_at: float | None = None

    @property
    def last_answer_at(self) -> float | None:
        """When Asterisk last answered a request, whatever it said, by `clock`; None before."""
        return self._last_answer_at

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close all connections. The next request opens new ones."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    limit=self._limit + 1, keepalive_timeout=_KEEP_ALIVE_SECONDS
                ),
                headers=self._headers,
                timeout=self._timeout,
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        return self._session

    def _url(self, verb: Verb, ids: tuple[str, ...], query: Query | None) -> URL:
        fixed = verb.fixed
        text = self._root + fixed[0]
        for index, value in enumerate(ids, 1):
            text += segment(value) + fixed[index]
        if query:
            text += "?" + "&".join(
                f"{key}={_quoted(checked(value, key))}" for key, value in query.items()
            )
        return URL(text, encoded=True)

    async def _send(
        self, verb: Verb, *ids: str, query: Query | None = None, body: Body | None = None
    ) -> bytes:
        """Make one request and return the body of a success; else raise AriError."""
        url = self._url(verb, ids, query)
        started = self._clock()
        ok = done = False
        try:
            status, answer = await self._exchange(verb, url, body)
            ok = 200 <= status < 300
            done = ok or (verb.method == "DELETE" and status == HTTPStatus.NOT_FOUND)
        finally:
            if self._observe is not None:
                self._observe(verb.name, self._clock() - started, done)
        if ok:
            return answer
        raise _understood(verb, status, answer)

    async def _exchange(self, verb: Verb, url: URL, body: Body | None) -> tuple[int, bytes]:
        data, headers = (None, None) if body is None else (_encode(body), _JSON)
        try:
            async with self._opened().request(
                verb.method, url, data=data, headers=headers, allow_redirects=False
            ) as response:
                answer = await response.read()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise Unreachable(verb.name, _reason(error)) from error
        self._last_answer_at = self._clock()
        return response.status, answer

    async def connect_events(
        self, *, heartbeat: float | None = None
    ) -> aiohttp.ClientWebSocketResponse:
        """Open the event WebSocket of our application: its own channels, nobody else's.

        `heartbeat`: ping each so many seconds, give up when no pong follows within half of it.
        Raises Unreachable, or Refused as for any other request.
        """
        url = self._url(EVENTS, (), {"app": self.app})
        try:
            return await self._opened().ws_connect(
                url, heartbeat=heartbeat, timeout=aiohttp.ClientWSTimeout(ws_close=1.0)
            )
        except aiohttp.WSServerHandshakeError as error:
            raise refusal(EVENTS.name, error.status, error.message, from_ari=False) from error
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise Unreachable(EVENTS.name, _reason(error)) from error


def _understood(verb: Verb, status: int, answer: bytes) -> Exception:
    try:
        complaint = _decode_complaint(answer)
    except (msgspec.DecodeError, UnicodeError):
        return refusal(verb.name, status, "", from_ari=False)
    return refusal(verb.name, status, complaint.message or complaint.error)


def _reason(error: Exception) -> str:
    return "no answer in time" if isinstance(error, TimeoutError) else type(error).__name__


T = TypeVar("T")


def reader(kind: type[T]) -> Callable[[bytes], T]:
    """Return a function that reads an answer as `kind` and raises BadAnswer when it is not one."""
    decode = msgspec.json.Decoder(kind).decode

    def read(answer: bytes) -> T:
        try:
            return decode(answer)
        except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
            raise BadAnswer(f"not a {kind}: {error}") from error

    return read
