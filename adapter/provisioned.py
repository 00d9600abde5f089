"""What was provisioned, brought into Asterisk: at each connection, and whenever it changes."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import suppress

from adapter.ari.endpoints import Endpoints
from adapter.ari.errors import AriError
from adapter.store.provisioning import Directory, ProvisioningStore

log = logging.getLogger(__name__)

POLL = 1.0
RETRY = 10.0


class Provisioned:
    """Keeps Asterisk's trunks and phones as the database has them.

    Args:
        store: what was provisioned.
        directory: what everybody else reads of it.
        endpoints: Asterisk's.
        connected: whether Asterisk can be told now.
        looked: called after each look at what was provisioned.
    """

    def __init__(
        self,
        store: ProvisioningStore,
        directory: Directory,
        endpoints: Endpoints,
        connected: Callable[[], bool],
        looked: Callable[[], object],
    ) -> None:
        self._store = store
        self._directory = directory
        self._endpoints = endpoints
        self._connected = connected
        self._looked = looked
        self._changed = asyncio.Event()  # by ourselves
        self._pushed: int | None = None  # generation that Asterisk has
        self._again_at = 0.0

    def changed(self) -> None:
        """We have changed it ourselves: it counts at once."""
        self._directory.refresh()
        self._changed.set()

    async def push(self, *, anew: bool = True) -> None:
        """Tell Asterisk all of it, or (not `anew`) what has changed. Raises AriError."""
        generation = self._store.generation()
        taken = await self._endpoints.push(self._store.trunks(), self._store.phones(), anew=anew)
        self._pushed = generation if taken else None
        self._again_at = time.monotonic() + RETRY

    async def watch(self) -> None:
        """`ari-voice apply` writes from another process: what it changed goes into Asterisk.

        What the admin API changed goes there at once. What Asterisk refused is offered again,
        because it may have been starting still.
        """
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(POLL):
                    await self._changed.wait()
            at_once = self._changed.is_set()
            self._changed.clear()
            generation = self._directory.refresh()
            self._looked()
            waiting = self._pushed is None and time.monotonic() < self._again_at
            refused = waiting and not at_once
            if generation == self._pushed or refused or not self._connected():
                continue
            try:
                await self.push(anew=False)
            except AriError as error:
                log.warning("provisioning not pushed yet", extra={"error": str(error)})
            else:
                log.info("provisioning pushed", extra={"generation": generation})
