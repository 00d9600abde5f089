"""What the tests of the outbox share: a store, and outboxes that run on it one after the other.

As a program it is a server that writes and delivers without end, for the tests that kill it:
``python -m tests.unit.outbox_house DATABASE URL``.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from adapter.core.message import Message, Queued
from adapter.outbox.egress import Policy, open_session
from adapter.outbox.outbox import Dressed, Limits, Observer, Outbox
from adapter.outbox.retry import Schedule
from adapter.outbox.signing import new_secret
from adapter.store.outbox import OutboxStore
from adapter.store.sqlite import open_database

SECRET = new_secret()
QUICK = Limits(poll=0.05, timeout=5.0)
FAST = Schedule(delays=(0.01,) * 8, jitter=0.0)


@dataclass
class Heard(Observer):
    """Writes down what it hears."""

    calls: list[tuple[Any, ...]] = field(default_factory=list)
    backlogs: list[tuple[int, float]] = field(default_factory=list)

    def delivered(self, event: str, seconds: float, attempts: int) -> None:
        assert 0 <= seconds < 60
        self.calls.append(("delivered", event, attempts))

    def failed(self, reason: str) -> None:
        self.calls.append(("failed", reason))

    def dead(self, event: str) -> None:
        self.calls.append(("dead", event))

    def backlog(self, count: int, age: float) -> None:
        self.backlogs.append((count, age))


def plain(message: Message) -> Dressed:
    return Dressed(message.body.encode(), {"x-contract": message.contract}, SECRET)


@dataclass
class House:
    """A store and what is needed to run outboxes on it, as the process does at each start."""

    path: Path
    allow: tuple[str, ...] = ("127.0.0.1",)
    schedule: Schedule = FAST
    limits: Limits = QUICK
    heard: Heard = field(default_factory=Heard)
    dress: Callable[[Message], Dressed] = plain

    def __post_init__(self) -> None:
        self.connection = open_database(self.path)
        self.store = OutboxStore(self.connection)
        self.count = 0

    def write(
        self, url: str, *lanes: str, owner: str = "app", body: str | None = None
    ) -> list[Queued]:
        """One message for each lane named, committed as the engine does; ids m1, m2, ..."""
        messages = []
        for lane in lanes:
            self.count += 1
            text = body or json.dumps({"n": self.count, "lane": lane})
            messages.append(
                Message(f"m{self.count}", lane, "enablex", owner, "connected", url, text)
            )
        self.connection.execute("BEGIN IMMEDIATE")
        rows = self.store.insert(messages, time.time())
        self.connection.execute("COMMIT")
        return rows

    @asynccontextmanager
    async def running(self, store: OutboxStore | None = None) -> AsyncIterator[Outbox]:
        async with open_session(Policy.parse(self.allow)) as session:
            outbox = Outbox(
                store or self.store,
                session,
                self.dress,
                schedule=self.schedule,
                limits=self.limits,
                observer=self.heard,
            )
            task = asyncio.create_task(outbox.run())
            try:
                yield outbox
            finally:
                await outbox.close(1.0)
                await task

    def states(self) -> list[str]:
        return [row.state for row in self.store.rows(limit=1000)]

    async def until(self, condition: Callable[[], bool], limit: float = 5.0) -> None:
        """Wait for what only the store can tell, which has no event to wait for."""
        async with asyncio.timeout(limit):
            while not condition():
                await asyncio.sleep(0.005)


async def write_and_deliver(path: Path, url: str) -> None:
    """Write messages of ten calls, three at a time, and deliver them, until killed."""
    house = House(path)
    house.count = int(house.connection.execute("SELECT COUNT(*) FROM outbox").fetchone()[0])
    async with house.running() as outbox:
        while True:
            outbox.notify(house.write(url, *(f"call-{(house.count + n) % 10}" for n in range(3))))
            await asyncio.sleep(0.001)


if __name__ == "__main__":
    asyncio.run(write_and_deliver(Path(sys.argv[1]), sys.argv[2]))
