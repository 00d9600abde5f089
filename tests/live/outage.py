"""An outage of the adapter that many calls live through at the same time, each with its story."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager

from tests.live.adapter_process import SECRET, AdapterProcess
from tests.live.asterisk import Instance
from tests.live.conftest import Api, Phones


class Outage:
    """One kill of the adapter, which several calls live through together.

    With `freezes` Asterisk stands still from `freeze` until the kill. Orders go out one by one for
    each call: of what a request has ordered, the first is carried out later, and the rest is lost.
    """

    def __init__(
        self, adapter: AdapterProcess, asterisk: Instance, calls: int, *, freezes: bool
    ) -> None:
        self._adapter = adapter
        self._asterisk = asterisk
        self._freezes = freezes
        self._together = asyncio.Barrier(calls + 1)

    async def freeze(self) -> None:
        """Wait until Asterisk stands still."""
        await self._together.wait()
        await self._together.wait()  # frozen

    @asynccontextmanager
    async def gap(self) -> AsyncIterator[None]:
        """The block is run while the adapter is away; behind it, it is back."""
        await self._together.wait()
        await self._together.wait()  # killed
        yield
        await self._together.wait()
        await self._together.wait()  # started

    async def happen(self) -> None:
        """Kill it when all calls are ready, and start it again when all are done."""
        if self._freezes:
            await self._together.wait()
            os.kill(self._asterisk.pid, signal.SIGSTOP)
            await self._together.wait()
        try:
            await self._together.wait()
            await self._adapter.kill()
        finally:
            os.kill(self._asterisk.pid, signal.SIGCONT)
        await self._together.wait()
        await self._together.wait()
        await self._adapter.start()
        await self._together.wait()


Story = Callable[[Api, Phones, Outage], Coroutine[None, None, None]]


async def live_through(
    adapter: AdapterProcess,
    asterisk: Instance,
    app: Api,
    phones: Phones,
    *stories: Story,
    freezes: bool = False,
) -> None:
    """Run the stories of these calls together, with one outage."""
    outage = Outage(adapter, asterisk, len(stories), freezes=freezes)
    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        group.create_task(outage.happen())
        for story in stories:
            group.create_task(story(app, phones, outage))
    app.sink.verify(SECRET)
