"""Channels and bridges of ours that belong to no live call: found, counted and removed.

There should never be one. Where one is left behind all the same (an answer of Asterisk was lost,
say), nobody pays for it for days. What a reconnect finds goes at once (`adapter.engine.reconcile`).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from adapter.core.ids import CallId, call_of
from adapter.core.inputs import CallArrived
from adapter.core.outputs import DestroyBridge, Hangup, HangupReason
from adapter.engine.engine import Engine
from adapter.engine.ports import Asterisk

log = logging.getLogger(__name__)

Removal = Hangup | DestroyBridge


@dataclass(frozen=True, slots=True)
class Strangers:
    """What is in our hands in Asterisk and belongs to no live call.

    Attributes:
        arrivals: inbound channels that nobody has taken in yet.
        others: what removes each of the rest, by the name of the channel or bridge.
    """

    arrivals: tuple[CallArrived, ...]
    others: Mapping[str, Removal]


async def strangers(engine: Engine, asterisk: Asterisk) -> Strangers:
    """Compare what there is with what has its place.

    Raises:
        AsteriskDown: no answer.
    """
    channels = await asterisk.channels()
    bridges = await asterisk.bridges()
    nobodys = [seen for seen in channels if not engine.owns(seen.id)]
    others: dict[str, Removal] = {
        seen.id: Hangup(channel=seen.id, reason=HangupReason.NORMAL)
        for seen in nobodys
        if seen.arrival is None
    }
    others |= {
        bridge: DestroyBridge(bridge=bridge)
        for bridge in bridges
        if call_of(bridge) is not None and not engine.owns(bridge)
    }
    arrivals = tuple(seen.arrival for seen in nobodys if seen.arrival is not None)
    return Strangers(arrivals, others)


def remove(engine: Engine, name: str, removal: Removal) -> str:
    """Remove one of the `others`; returns whether it is a ``channel`` or a ``bridge``."""
    kind = "bridge" if isinstance(removal, DestroyBridge) else "channel"
    log.warning("belongs to no call and is removed", extra={kind: name})
    engine.effects.run(call_of(name) or CallId(name), (removal,))
    return kind


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
        others = (await strangers(self._engine, self._asterisk)).others
        orphans = self._suspects & others.keys()
        self._suspects = frozenset(others.keys() - orphans)
        for name in sorted(orphans):
            self._found(remove(self._engine, name, others[name]))
        return len(orphans)
