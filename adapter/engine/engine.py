"""The engine: each input of a call runs to its commit, without an `await`.

One event loop owns the calls; there is no lock and no queue in the path of a call. `apply` takes
an input through the pure machine, writes the row with its journal line and webhooks in one
transaction, and only then sets effects, timers and deliveries going. Not here: I/O, vendors.

When the database does not take a transaction, a command is refused (`StoreFailed`), and a fact ends
the process: a machine that cannot write down what it saw must not go on. At the restart the calls
are found in Asterisk as they are.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from time import perf_counter

from adapter.core.call import step
from adapter.core.errors import CallUnknown
from adapter.core.faults import StoreFailed
from adapter.core.ids import CallId, ChannelId, call_of
from adapter.core.inputs import Input, Opening
from adapter.core.layout import SNOOP, names_of
from adapter.core.message import Kept, Message, Queued, Told
from adapter.core.model import Call
from adapter.core.outputs import Notice, Step
from adapter.engine.effects import Effects
from adapter.engine.ports import (
    Contract,
    Observer,
    Outbox,
    Store,
    World,
)
from adapter.engine.timers import Timers

log = logging.getLogger(__name__)

Reply = Callable[[Call], Kept | None]
"""Words the reply to a command from the new row. What it returns is written with that row."""


class Engine:
    """Owns the live calls.

    Args:
        store: where rows stand.
        outbox: is told of new webhooks.
        contracts: front ends by name.
        world: carries effects out.
        observer: counts.
        now: seconds since the epoch; must not jump.
        fatal: called when a fact could not be written.
    """

    def __init__(
        self,
        *,
        store: Store,
        outbox: Outbox,
        contracts: Mapping[str, Contract],
        world: World,
        observer: Observer,
        now: Callable[[], float],
        fatal: Callable[[StoreFailed], None],
    ) -> None:
        self._store = store
        self._outbox = outbox
        self._contracts = contracts
        self._observer = observer
        self._now = now
        self._fatal = fatal
        self._watchers: dict[str, Callable[[str], None]] = {}
        self._live: dict[CallId, Call] = {}
        self._quiet = asyncio.Event()
        self._quiet.set()
        self._by_channel: dict[ChannelId, CallId] = {}
        self.effects = Effects(world, self._live.get, self.tell)
        self.timers = Timers(now, self.tell)

    def load(self) -> list[Call]:
        """Take the live rows of the store, at start; nothing moves yet."""
        calls = self._store.live()
        for call in calls:
            self._quiet.clear()
            self._live[call.id] = call
            self._by_channel[call.channel] = call.id
        return calls

    def open(self, given: Opening, reply: Reply | None = None) -> Call:
        """Make a call.

        Args:
            given: what opens it.
            reply: called with the new row, before anything is written.

        Raises:
            StoreFailed: nothing was written.
        """
        return self._apply(None, given, reply)

    def apply(self, call: CallId, given: Input, reply: Reply | None = None) -> Call:
        """Give a command to a call.

        Args:
            call: its id.
            given: the command.
            reply: called with the new row, before anything is written; also when the command
                changes nothing.

        Returns:
            The new row.

        Raises:
            CoreError: it cannot be; nothing has changed.
            StoreFailed: nothing was written.
        """
        return self._apply(self._known(call), given, reply)

    def would(self, call: CallId, given: Input) -> Call:
        """Raise what `apply` would raise, and change nothing. Returns the row as it is."""
        row = self._known(call)
        step(row, given, self._now())
        return row

    def tell(self, call: CallId, fact: Input) -> None:
        """Give a fact to a call; one that comes after its end is not heard."""
        row = self._live.get(call)
        if row is None:
            return
        try:
            self._apply(row, fact)
        except StoreFailed as failed:
            self._fatal(failed)

    def get(self, call: CallId) -> Call | None:
        """The row of a call, live or ended."""
        return self._live.get(call) or self._store.load(call)

    def kept(self, contract: str, owner: str, key: str) -> Kept | None:
        """The answer that a request of a tenant had under this key."""
        return self._store.kept(contract, owner, key)

    def events(self, contract: str, owner: str, after: int, limit: int) -> list[Told]:
        """What a tenant was told: up to `limit` messages behind a cursor, in order."""
        return self._store.events(contract, owner, after, limit)

    def watch(self, contract: str, told: Callable[[str], None]) -> None:
        """Call `told` with the tenant after each commit that has messages of a contract.

        There is one watcher for each contract. It must not raise and must be quick.
        """
        self._watchers[contract] = told

    def call_on(self, channel: ChannelId) -> CallId | None:
        """The live call that a channel belongs to; a further leg has its call in its id."""
        known = self._by_channel.get(channel) or call_of(channel)
        return known if known in self._live else None

    def owns(self, name: str) -> bool:
        """Whether a channel or a bridge has its place in a live row.

        A snoop has it for as long as its call: told to go, it goes with the next frame of the
        channel (`adapter.ari.listening`).
        """
        call = self._live.get(self._by_channel.get(ChannelId(name)) or call_of(name) or CallId(""))
        return call is not None and (name.endswith(SNOOP) or name in names_of(call))

    @property
    def live(self) -> Mapping[CallId, Call]:
        """The calls that have not ended."""
        return self._live

    async def idle(self, timeout: float) -> bool:
        """Wait until no call is live, up to `timeout` seconds; whether it came to that."""
        try:
            async with asyncio.timeout(timeout):
                await self._quiet.wait()
        except TimeoutError:
            return False
        return True

    def _known(self, call: CallId) -> Call:
        row = self.get(call)
        if row is None:
            raise CallUnknown
        return row

    def _apply(self, row: Call | None, given: Input, reply: Reply | None = None) -> Call:
        begun = perf_counter()
        now = self._now()
        made = step(row, given, now)
        kept = reply(made.call) if reply else None
        if not made.late:
            messages = self._messages(made.call, made.notices, now) if made.notices else ()
            self._follow(made, self._store.save(made, given, now, messages, kept))
            if messages and (told := self._watchers.get(made.call.contract)):
                told(made.call.owner)
        elif kept is not None:
            self._store.keep(kept, now)
        self._observer.stepped(made, given, now, perf_counter() - begun)
        return made.call

    def _follow(self, made: Step, rows: Sequence[Queued]) -> None:
        """What comes after the commit. None of it waits."""
        call = made.call
        if call.live:
            self._live[call.id] = call
            self._by_channel[call.channel] = call.id
            self._quiet.clear()
        else:
            self._live.pop(call.id, None)
            self._by_channel.pop(call.channel, None)
            self.effects.call_over(call.id)
            if not self._live:
                self._quiet.set()
        self.timers.arm(call)
        if rows:
            self._outbox.notify(rows)
        if made.effects:
            self.effects.run(call.id, made.effects)

    def _messages(self, call: Call, notices: Sequence[Notice], now: float) -> tuple[Message, ...]:
        if not call.owner:  # nobody is to be told
            return ()
        contract = self._contracts[call.contract]
        wordings = [wording for notice in notices for wording in contract.word(call, notice, now)]
        return tuple(
            Message(
                id=f"{call.id}-{call.version}-{index}",
                lane=call.id,
                contract=call.contract,
                owner=call.owner,
                event=wording.event,
                url=wording.url,
                body=wording.body,
            )
            for index, wording in enumerate(wordings)
        )
