"""The outbox: takes webhooks from their rows to the customers, at least once and in order.

The engine writes rows in its own transaction and tells `Outbox.notify` after the commit. A row is
settled only after the answer (`adapter.outbox.ledger` says when), so whatever dies in between, the
row is still pending and is sent again with the same id. Within a lane (a call) a message goes after
the one before it was delivered or given up; lanes go side by side (`adapter.outbox.lanes` has the
shares). There is a task for each attempt under way and none for what waits.

Not here: what a message says and how it is encrypted (its contract, by `dress`), and who may be
called (the session, `adapter.outbox.egress`).
"""

from __future__ import annotations

import asyncio
import logging
import math
import random
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from aiohttp import ClientSession

from adapter.core.message import Attempt, Message, Queued
from adapter.outbox import signing
from adapter.outbox.lanes import Lane, Lanes, origin_of
from adapter.outbox.ledger import Ledger, Store
from adapter.outbox.post import Answer, post
from adapter.outbox.retry import Schedule, parse_retry_after

_log = logging.getLogger(__name__)
_SCAN = 500  # lanes read from the store between two turns of the event loop
_PAUSE = 5.0  # seconds for a lane whose row could not be read or settled
_GONE = "the endpoint answered 410 Gone and is disabled until `ari-voice outbox retry`"


@dataclass(frozen=True, slots=True)
class Dressed:
    """A message as it goes over the wire.

    Attributes:
        body: the bytes, encrypted where the contract says so.
        headers: that the contract adds.
        secret: signing secret, ``whsec_...``.
        acknowledged: statuses beside 2xx that are no failure in this contract.
    """

    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    secret: str = field(default="", repr=False)
    acknowledged: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of the outbox.

    Attributes:
        concurrency: attempts under way at a time.
        per_origin: of these, to one scheme, host and port.
        per_failing_origin: the same, while that origin gives no answer at all.
        timeout: seconds for one attempt in all.
        hold: seconds after which a forgotten hold of a lane ends.
        poll: seconds between looks for rows that another process made pending.
        settle: seconds until a delivery is written down, at most.
        settled: deliveries that are written down at once.
    """

    concurrency: int = 64
    per_origin: int = 16
    per_failing_origin: int = 2
    timeout: float = 10.0
    hold: float = 5.0
    poll: float = 2.0
    settle: float = 0.05
    settled: int = 64


class Observer:
    """Hears what the outbox does, for metrics. This one does nothing; override what you need."""

    def delivered(self, event: str, seconds: float, attempts: int) -> None:
        """A message was acknowledged, so many seconds after it was written, at this attempt."""

    def failed(self, reason: str) -> None:
        """An attempt failed; the reasons are the faults of `adapter.outbox.post.Answer`."""

    def dead(self, event: str) -> None:
        """A message was given up."""

    def backlog(self, count: int, age: float) -> None:
        """So many messages are pending, the oldest for this many seconds (at each poll)."""


class Outbox:
    """Delivers what is pending while `run` runs.

    Args:
        store: the rows, on the connection of this event loop.
        session: of `adapter.outbox.egress.open_session`; it stays the caller's to close.
        dress: makes the bytes of a message when it is sent. If it raises, that is a failed attempt.
        schedule: when to try again.
        limits: see there.
        observer: hears what happens.
        user_agent: sent with each webhook.
        now: seconds since the epoch.
        chance: random numbers in [0, 1).
    """

    def __init__(
        self,
        store: Store,
        session: ClientSession,
        dress: Callable[[Message], Dressed],
        *,
        schedule: Schedule = Schedule(),  # noqa: B008 - a frozen value
        limits: Limits = Limits(),
        observer: Observer | None = None,
        user_agent: str = "ari-voice-adapter",
        now: Callable[[], float] = time.time,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._store = store
        self._ledger = Ledger(store, limits.settle, limits.settled)
        self._session = session
        self._dress = dress
        self._schedule = schedule
        self._limits = limits
        self._observer = observer or Observer()
        self._user_agent = user_agent
        self._now = now
        self._chance = chance
        self._lanes = Lanes(limits.concurrency, limits.per_origin, limits.per_failing_origin)
        self._gone: dict[tuple[str, str], str] = {}
        self._tasks: dict[asyncio.Task[None], Lane] = {}
        self._wake = asyncio.Event()
        self._holds: dict[str, deque[asyncio.TimerHandle]] = {}
        self._version: int | None = None
        self._polled = -math.inf
        self._loaded = False
        self._closing = False

    def notify(self, rows: Iterable[Queued]) -> None:
        """These rows were committed. Returns at once."""
        if self._closing:
            return
        for row in rows:
            self._lanes.add(row)
        self._pump()

    def hold(self, lane: str) -> None:
        """Send nothing of this lane until `release`; holds of one lane add up.

        For the reply that must reach the client before the first webhook of its call. A hold that
        is not released ends by itself after `Limits.hold`.
        """
        timer = asyncio.get_running_loop().call_later(self._limits.hold, self._expire, lane)
        self._holds.setdefault(lane, deque()).append(timer)
        self._lanes.hold(lane)

    def release(self, lane: str) -> None:
        """End one hold. Without one (it ended by itself), nothing happens."""
        if timers := self._holds.get(lane):
            timers.popleft().cancel()
            self._unhold(lane, timers)

    def refresh(self) -> None:
        """Look into the store soon: rows were made pending on this connection, past `notify`."""
        self._version = None
        self._polled = -math.inf
        self._wake.set()

    async def run(self) -> None:
        """Deliver, until `close` or until cancelled; then attempts under way are broken off.

        Raises:
            Exception: what the store raises when it is searched for pending rows. It may be
                called again then.
        """
        try:
            await self._load()
            self._loaded = True
            while not self._closing:
                self._pump()
                await self._sleep()
                await self._poll()
        finally:
            if not self._closing:
                self._loaded = False
                await self._break_off()

    async def close(self, timeout: float) -> None:
        """Send what is due for up to `timeout` seconds, and then nothing more.

        What is then still under way is broken off; its rows stay pending for the next start. While
        this waits, `run` is to go on.
        """
        until = time.monotonic() + timeout
        while self._tasks and (left := until - time.monotonic()) > 0:
            await asyncio.wait(self._tasks, timeout=left, return_when=asyncio.FIRST_COMPLETED)
        self._closing = True
        self._wake.set()
        for timers in self._holds.values():
            for timer in timers:
                timer.cancel()
        self._holds.clear()
        await self._break_off()

    def _expire(self, lane: str) -> None:
        timers = self._holds[lane]
        timers.popleft()
        _log.warning(
            "webhooks of call %s were held for %g s, which is the limit; they go now",
            lane,
            self._limits.hold,
            extra={"call": lane},
        )
        self._unhold(lane, timers)

    def _unhold(self, lane: str, timers: deque[asyncio.TimerHandle]) -> None:
        if not timers:
            del self._holds[lane]
        self._lanes.release(lane)
        self._pump()

    async def _load(self) -> None:
        """Learn from the store which lanes have pending rows, a part at a time."""
        self._version = self._store.data_version()
        self._gone = self._store.disabled()
        after = ""
        while heads := self._ledger.heads(after, _SCAN):
            for head in heads:
                self._lanes.found(head)
            after = heads[-1].lane
            await asyncio.sleep(0)

    async def _sleep(self) -> None:
        """Until a lane comes due, something was put back, or it is time to poll."""
        due = self._lanes.next_due()
        pause = self._limits.poll
        if due is not None:
            pause = min(pause, max(0.0, due - self._now()))
        with suppress(TimeoutError):
            async with asyncio.timeout(pause):
                await self._wake.wait()
        self._wake.clear()

    async def _poll(self) -> None:
        if time.monotonic() - self._polled < self._limits.poll:
            return
        if self._store.data_version() != self._version:
            await self._load()
        backlog = self._store.backlog()
        age = 0.0 if backlog.oldest_at is None else max(0.0, self._now() - backlog.oldest_at)
        self._observer.backlog(backlog.count, age)
        self._polled = time.monotonic()

    def _pump(self) -> None:
        """Begin an attempt for each lane that may go now."""
        if not self._loaded or self._closing:
            return
        now = self._now()
        while (lane := self._lanes.take(now)) is not None:
            task = asyncio.create_task(self._serve(lane))
            self._tasks[task] = lane
            task.add_done_callback(self._tasks.pop)

    async def _break_off(self) -> None:
        tasks = dict(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for task, lane in tasks.items():
            if task.cancelled():
                self._lanes.put_back(lane, self._now())
        self._ledger.close()

    async def _serve(self, lane: Lane) -> None:
        """Deal with the head of a lane that was taken, and give the lane back."""
        try:
            row = self._lanes.row_of(lane) or self._ledger.head(lane.name)
            if row is None:
                self._lanes.finish(lane, None)
            elif row.next_at > self._now() or not lane.heads_for(row.message.url):
                self._lanes.put_back(lane, row.next_at, row.message.url)
                self._wake.set()
            else:
                await self._send(lane, row)
        except Exception:  # noqa: BLE001 - one message must not stop the others
            _log.exception("webhooks of call %s: outbox", lane.name, extra={"call": lane.name})
            self._lanes.put_back(lane, self._now() + _PAUSE)
        self._pump()

    async def _send(self, lane: Lane, row: Queued) -> None:
        at = self._now()
        reason = self._gone.get((row.message.owner, row.message.url))
        if reason is not None:
            self._give_up(row, Attempt(at, 0.0, None, reason))
        else:
            began = time.monotonic()
            answer = await self._ask(row.message, at)
            attempt = Attempt(at, time.monotonic() - began, answer.status, answer.error)
            self._lanes.judge(lane, answered=answer.status is not None)
            due = self._settle(row, attempt, answer)
            if due is not None:
                self._lanes.put_back(lane, due)
                self._wake.set()
                return
        self._lanes.finish(lane, self._ledger.head(lane.name) if lane.unread else None)

    async def _ask(self, message: Message, at: float) -> Answer:
        try:
            dressed = self._dress(message)
            signed = signing.headers(message.id, int(at), dressed.body, dressed.secret)
        except Exception as error:  # noqa: BLE001 - a fault of the contract is a failed attempt
            _log.exception("webhook could not be made", extra=_names(message))
            return Answer(None, "internal", f"it could not be made: {type(error).__name__}")
        headers = {
            "Content-Type": "application/json",
            "User-Agent": self._user_agent,
            **dressed.headers,
            **signed,
        }
        timeout = self._limits.timeout
        answer = await post(self._session, message.url, dressed.body, headers, timeout)
        return Answer(answer.status) if answer.status in dressed.acknowledged else answer

    def _settle(self, row: Queued, attempt: Attempt, answer: Answer) -> float | None:
        """Write down what came of an attempt; returns when the next one is, or None."""
        if answer.fault is None:
            self._ledger.delivered(row, attempt)
            seconds = max(0.0, attempt.at + attempt.duration - row.created_at)
            self._observer.delivered(row.message.event, seconds, row.attempts + 1)
            return None
        self._observer.failed(answer.fault)
        if answer.fault == "gone":
            self._give_up(row, attempt, disable=_GONE)
            self._gone[row.message.owner, row.message.url] = _GONE
            return None
        wanted = parse_retry_after(answer.retry_after, self._now())
        delay = self._schedule.delay(row.attempts + 1, self._chance(), wanted)
        if delay is None:
            self._give_up(row, attempt)
            return None
        due = self._now() + delay
        self._store.failed(row, attempt, due)
        _log.warning(
            "webhook not delivered: call %s, event %s to %s, attempt %d: %s; again in %.0f s",
            *_told(row, attempt),
            delay,
            extra=_names(row.message),
        )
        return due

    def _give_up(self, row: Queued, attempt: Attempt, disable: str | None = None) -> None:
        self._store.dead(row, attempt, disable=disable)
        self._observer.dead(row.message.event)
        _log.error(
            "webhook given up: call %s, event %s to %s, attempt %d: %s",
            *_told(row, attempt),
            extra=_names(row.message),
        )


def _told(row: Queued, attempt: Attempt) -> tuple[str, str, str, int, str | None]:
    # The origin only: paths and queries of customers hold their tokens.
    message = row.message
    return message.lane, message.event, origin_of(message.url), row.attempts + 1, attempt.error


def _names(message: Message) -> dict[str, str]:
    return {"call": message.lane, "event": message.event, "webhook": message.id}
