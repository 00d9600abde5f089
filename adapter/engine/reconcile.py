"""After a start or a reconnect: live rows are compared with Asterisk, and its channels with us.

Events are held meanwhile (`adapter.ari.listener`) and released afterwards, so that nothing that is
found here can be overtaken. Commands of applications may come in at the same time: a row is judged
only when it did not change, and nothing of it was on its way, while we looked.
"""

from __future__ import annotations

import asyncio
import logging

from adapter.core.faults import AsteriskDown
from adapter.core.ids import CallId
from adapter.core.model import Call
from adapter.core.resume import Seen, heard_now, rebuild, rejoin, resume
from adapter.engine.engine import Engine
from adapter.engine.orphans import remove, strangers
from adapter.engine.ports import Asterisk
from adapter.engine.routing import Routing

log = logging.getLogger(__name__)

_POLL = 0.02
_AT_ONCE = 8  # questions in flight: Asterisk's HTTP server has a short backlog


async def reconcile(engine: Engine, asterisk: Asterisk, routing: Routing) -> None:
    """Bring all live calls up to date, take in arrivals that we missed, hang up what is nobody's.

    Raises:
        AsteriskDown: it went away again; the next reconnect begins anew.
    """
    limit = asyncio.Semaphore(_AT_ONCE)
    gone: BaseException | None = None

    async def one(call: CallId) -> None:
        async with limit:
            await _one(engine, asterisk, call)

    try:
        async with asyncio.TaskGroup() as group:
            for call in list(engine.live):
                group.create_task(one(call))
    except* AsteriskDown as down:
        gone = down
    if gone is not None:
        raise AsteriskDown("went away while calls were compared with it") from gone
    found = await strangers(engine, asterisk)
    for arrival in found.arrivals:
        routing.take(arrival)
    for name, removal in found.others.items():
        remove(engine, name, removal)


async def _one(engine: Engine, asterisk: Asterisk, call: CallId) -> None:
    while (row := engine.live.get(call)) is not None:
        if not engine.effects.idle(call):
            await asyncio.sleep(_POLL)
            continue
        seen = await _look(asterisk, row)
        if engine.live.get(call) is row and engine.effects.idle(call):
            _recover(engine, row, seen)
            return


async def _look(asterisk: Asterisk, row: Call) -> Seen:
    heard = heard_now(row)
    return Seen(
        channel=await asterisk.channel(row.channel),
        playing=heard is not None and await asterisk.playing(heard),
        legs={leg.channel: await asterisk.channel(leg.channel) for leg in row.further_legs},
        members=await asterisk.members(row.bridge.id) if row.bridge else None,
    )


def _recover(engine: Engine, row: Call, seen: Seen) -> None:
    recovery = resume(row, seen)
    if recovery.facts or recovery.effects:
        log.info("call resumed", extra={"call": row.id, "state": row.state, "seen": repr(seen)})
    engine.effects.run(row.id, rebuild(row, seen))
    for fact in recovery.facts:
        engine.tell(row.id, fact)
    engine.effects.run(row.id, recovery.effects)
    if (now := engine.live.get(row.id)) is not None:
        engine.effects.run(row.id, rejoin(row, now, seen))
        engine.timers.arm(now)
