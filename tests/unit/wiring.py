"""One adapter's engine on a real database file, with simulated ports around it, in virtual time."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from adapter.core import inputs as i
from adapter.core.faults import StoreFailed
from adapter.core.ids import CallId, playback_of
from adapter.core.model import Call, CallState, PromptOrder, PromptState
from adapter.engine.engine import Engine
from adapter.engine.reconcile import reconcile
from adapter.engine.routing import Routing
from adapter.store.calls import CallStore, Line
from adapter.store.outbox import OutboxStore
from adapter.store.sqlite import open_database
from tests.fakes.engine_ports import (
    Counter,
    Desk,
    NotedOutbox,
    PlainContract,
    ScriptedApplications,
    SimulatedAsterisk,
    SlowSpeech,
    nothing,
)
from tests.fakes.engine_world import (
    ScriptedAdmissions,
    ScriptedEars,
    SimulatedRecorder,
    world_of,
)
from tests.unit.build import call_id, offer, place

EPOCH = 1_000_000.0


@dataclass
class Adapter:
    """A running engine with all that it touches.

    Attributes:
        failures: what `fatal` was called with.
    """

    connection: sqlite3.Connection
    asterisk: SimulatedAsterisk
    speech: SlowSpeech = field(default_factory=SlowSpeech)
    applications: ScriptedApplications = field(default_factory=ScriptedApplications)
    desk: Desk = field(default_factory=Desk)
    admissions: ScriptedAdmissions = field(default_factory=ScriptedAdmissions)
    ears: ScriptedEars = field(default_factory=ScriptedEars)
    recorder: SimulatedRecorder = field(default_factory=SimulatedRecorder)
    outbox: NotedOutbox = field(default_factory=NotedOutbox)
    counter: Counter = field(default_factory=Counter)
    failures: list[StoreFailed] = field(default_factory=list)

    def __post_init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.store = CallStore(self.connection, OutboxStore(self.connection).insert)
        self.engine = Engine(
            store=self.store,
            outbox=self.outbox,
            contracts={"plain": PlainContract()},
            world=world_of(
                self.asterisk,
                self.speech,
                self.applications,
                self.ears,
                self.recorder,
                self.admissions,
            ),
            observer=self.counter,
            now=lambda: EPOCH + loop.time(),
            fatal=self.failures.append,
        )
        ids = count(500)
        self.routing = Routing(
            self.engine, self.desk, self.counter, lambda: CallId(call_id(next(ids)))
        )

    def listen(self) -> None:
        """Hear Asterisk's events."""
        self.asterisk.hear = self.routing.take

    async def reconcile(self) -> None:
        """What happens at a start and at each reconnect: events are held meanwhile, then heard."""
        held: list[i.Input | i.CallArrived] = []
        self.asterisk.hear = held.append
        self.engine.load()
        await reconcile(self.engine, self.asterisk, self.routing)
        for event in held:
            self.routing.take(event)
        self.listen()

    def row(self, call: CallId) -> Call:
        """The row as it is in the database."""
        row = self.store.load(call)
        assert row is not None
        return row

    def journal(self, call: CallId) -> list[Line]:
        return self.store.journal(call)

    def webhooks(self) -> list[str]:
        """Events in the outbox's table, in order."""
        rows = self.connection.execute("SELECT event FROM outbox ORDER BY seq")
        return [event for (event,) in rows]

    async def settle(self) -> None:
        """Let everything happen that needs no time."""
        for _ in range(30):
            await asyncio.sleep(0)

    async def stop(self) -> None:
        """As after `kill -9`: nothing is written any more, nothing is heard."""
        self.asterisk.hear = nothing
        self.engine.timers.clear()
        await self.engine.effects.close()
        self.connection.close()

    async def call_up(self, number: int = 1, *, asks: bool = False) -> Call:
        """An outbound call that was answered."""
        call = self.engine.open(place(number, asks=asks))
        await self.settle()
        self.asterisk.picks_up(call.channel)
        await self.settle()
        assert self.engine.live[call.id].state is CallState.UP
        return self.engine.live[call.id]

    async def offered(self, number: int = 1) -> Call:
        """An inbound call that rings."""
        self.asterisk.arrives(arrival(number))
        await self.settle()
        found = self.engine.call_on(offer(number).channel)
        assert found is not None
        return self.engine.live[found]

    async def playing(self, call: CallId, order: PromptOrder) -> Call:
        """The call with a prompt that Asterisk plays."""
        self.engine.apply(call, i.StartPrompt(order=order))
        await self.settle()
        row = self.engine.live[call]
        assert row.prompt is not None
        assert row.prompt.state is PromptState.PLAYING
        assert playback_of(call, order.id) in self.asterisk.played
        return row


def arrival(number: int = 1) -> i.CallArrived:
    """An inbound call at its arrival."""
    return i.CallArrived(
        channel=offer(number).channel, endpoint="trunk", called="+4911", caller="+4922"
    )


@asynccontextmanager
async def adapter(
    folder: Path,
    asterisk: SimulatedAsterisk | None = None,
    recorder: SimulatedRecorder | None = None,
) -> AsyncIterator[Adapter]:
    """An adapter on the database of the folder; stopped at the end."""
    connection = open_database(folder / "voice.db")
    made = Adapter(
        connection, asterisk or SimulatedAsterisk(), recorder=recorder or SimulatedRecorder()
    )
    made.listen()
    try:
        yield made
    finally:
        await made.stop()
