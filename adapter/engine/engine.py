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
from adapter.core.ids import CallId, ChannelId
from adapter.core.inputs import Input, Opening
from adapter.core.message import Message, Queued
from adapter.core.model import Call
from adapter.core.outputs import Notice, Step
from adapter.engine.effects import Effects
from adapter.engine.ports import (
    Applications,
    Asterisk,
    Contract,
    Observer,
    Outbox,
    Speech,
    Store,
)
from adapter.engine.timers import Timers

log = logging.getLogger(__name__)


class Engine:
    """Owns the live calls.

    Args:
        store: where rows stand.
        outbox: is told of new webhooks.
        contracts: front ends by name.
        asterisk: carries out effects.
        speech: makes media.
        applications: answer questions.
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
        asterisk: Asterisk,
        speech: Speech,
        applications: Applications,
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
        self._live: dict[CallId, Call] = {}
        self._quiet = asyncio.Event()
        self._quiet.set()
        self._by_channel: dict[ChannelId, CallId] = {}
        self.effects = Effects(asterisk, speech, applications, self._live.get, self.tell)
        self.timers = Timers(now, self.tell)

    def load(self) -> list[Call]:
        """Take the live rows of the store, at start; nothing moves yet."""
        calls = self._store.live()
        for call in calls:
            self._quiet.clear()
            self._live[call.id] = call
            self._by_channel[call.channel] = call.id
        return calls

    def open(self, given: Opening) -> Call:
        """Make a call.

        Raises:
            StoreFailed: nothing was written.
        """
        return self._apply(None, given)

    def apply(self, call: CallId, given: Input) -> Call:
        """Give a command to a call.

        Returns:
            The new row.

        Raises:
            CoreError: it cannot be; nothing has changed.
            StoreFailed: nothing was written.
        """
        return self._apply(self._known(call), given)

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

    def call_on(self, channel: ChannelId) -> CallId | None:
        """The live call that a channel belongs to."""
        return self._by_channel.get(channel)

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

    def _apply(self, row: Call | None, given: Input) -> Call:
        begun = perf_counter()
        now = self._now()
        made = step(row, given, now)
        if not made.late:
            messages = self._messages(made.call, made.notices, now) if made.notices else ()
            self._follow(made, self._store.save(made, given, now, messages))
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
