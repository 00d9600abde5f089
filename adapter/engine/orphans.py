"""Channels and bridges of ours that belong to no live call: found, counted and removed.

There should never be one. Where one is left behind all the same (an answer of Asterisk was lost,
say), nobody pays for it for days. Not here: what a reconnect finds (`adapter.engine.reconcile`).
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from adapter.core.ids import BridgeId, CallId, ChannelId, call_of
from adapter.core.outputs import DestroyBridge, Effect, Hangup, HangupReason
from adapter.engine.engine import Engine
from adapter.engine.ports import Asterisk

log = logging.getLogger(__name__)


class Orphans:
    """Looks for them, now and then.

    What is on its way (a leg whose end was just ordered) looks like one for a moment, so only what
    two looks in a row have found is one.

    Args:
        engine: knows what has its place.
        asterisk: knows what there is.
        found: called for each one with ``channel`` or ``bridge``.
    """

    def __init__(self, engine: Engine, asterisk: Asterisk, found: Callable[[str], None]) -> None:
        self._engine = engine
        self._asterisk = asterisk
        self._found = found
        self._suspects: frozenset[str] = frozenset()

    async def sweep(self) -> int:
        """Look once. Returns how many were removed.

        Raises:
            AsteriskDown: no answer.
        """
        channels = [seen.id for seen in await self._asterisk.channels() if seen.arrival is None]
        orders: dict[str, Effect] = {
            channel: Hangup(channel=ChannelId(channel), reason=HangupReason.NORMAL)
            for channel in channels
        }
        orders |= {
            bridge: DestroyBridge(bridge=BridgeId(bridge))
            for bridge in await self._asterisk.bridges()
            if call_of(bridge) is not None
        }
        suspects = {name for name in orders if not self._engine.owns(name)}
        orphans = suspects & self._suspects
        self._suspects = frozenset(suspects - orphans)
        for name in sorted(orphans):
            kind = "bridge" if isinstance(orders[name], DestroyBridge) else "channel"
            log.warning("belongs to no call and is removed", extra={kind: name})
            self._found(kind)
            self._engine.effects.run(call_of(name) or CallId(name), (orders[name],))
        return len(orphans)
