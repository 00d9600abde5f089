"""The measurements: rate, delay of webhooks, memory of a live call.

Nothing here knows what a good value is, except the promise of `tests.bench.callers.Outcome`.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime

from aiohttp import ClientWebSocketResponse

from tests.bench import search
from tests.bench.callers import Outcome, percentile
from tests.bench.stage import HOLD_NUMBER, AdapterSubject, Subject, ari
from tests.bench.usage import cpu_seconds, resident_bytes, slope

LIVE = (50, 100, 150, 200, 250, 300)
HOLD_RATE = 40.0
WATCHED = {"ChannelStateChange": "connected", "ChannelDestroyed": "disconnected"}


@dataclass(frozen=True, slots=True)
class Step:
    """One rate: what became of the calls, and what each took.

    Attributes:
        outcome: of the calls.
        cpu: seconds of CPU a call, by process.
    """

    outcome: Outcome
    cpu: Mapping[str, float]

    @property
    def passed(self) -> bool:
        """Whether the promise was kept."""
        return self.outcome.passed


@dataclass(frozen=True, slots=True)
class Delay:
    """Seconds from an event in Asterisk to the arrival of its webhook, at a rate.

    Attributes:
        rate: calls a second.
        p50: median.
        p95: 95th percentile.
        count: how many webhooks.
    """

    rate: float
    p50: float
    p95: float
    count: int


async def step(subject: Subject, rate: float, seconds: float) -> Step:
    """Call at a rate, and measure what it takes."""
    await subject.settle()
    before = {name: cpu_seconds(pid) for name, pid in subject.pids.items()}
    outcome = await subject.callers().call(rate, seconds)
    used = {name: cpu_seconds(pid) - before[name] for name, pid in subject.pids.items()}
    result = Step(outcome, {name: cpu / max(1, outcome.placed) for name, cpu in used.items()})
    _tell(subject, result)
    return result


async def highest(
    subject: Subject,
    turns: asyncio.Lock,
    *,
    first: float,
    lowest: float,
    most: float,
    seconds: float,
) -> Step | None:
    """The step at the highest rate that passed.

    A rate that failed is tried once more: something else may have had the machine for a moment.
    Each try waits for its turn among the searches that share `turns`.
    """

    async def once(rate: float) -> Step:
        async with turns:
            return await step(subject, rate, seconds)

    async def tried(rate: float) -> Step:
        result = await once(rate)
        return result if result.passed else await once(rate)

    return await search.highest(tried, first=first, lowest=lowest, most=most)


async def delay(subject: AdapterSubject, rate: float, seconds: float) -> Delay:
    """Call at a rate, and compare Asterisk's own time of events with the webhooks' arrival.

    By a second ARI application that sees two kinds of events; both ends have the same clock.
    Asterisk's time is cut to milliseconds.
    """
    await subject.settle()
    await subject.arrivals()
    happened: dict[tuple[str, str], float] = {}
    async with _watch(subject, happened):
        await subject.callers().call(rate, seconds)
        await subject.settle()
    delays = [
        arrived - happened[name, channel]
        for name, channel, arrived in await subject.arrivals()
        if (name, channel) in happened
    ]
    return Delay(rate, percentile(delays, 0.5), percentile(delays, 0.95), len(delays))


async def memory(subject: AdapterSubject) -> Mapping[str, float]:
    """Bytes of resident memory a live call, by process: the slope from 50 to 300 calls.

    For a subject that served nothing yet: freed memory would be used again and hide the growth.
    What the start itself freed, a few megabytes at most, can still hide as much.
    """
    points: dict[str, list[tuple[float, float]]] = {name: [] for name in subject.pids}
    callers = subject.callers(HOLD_NUMBER)
    connected = 0
    async with AsyncExitStack() as stack:
        for live in LIVE:
            await stack.enter_async_context(callers.hold(live - connected, HOLD_RATE))
            async with asyncio.timeout(30):
                while connected < live:
                    await asyncio.sleep(0.1)
                    connected += sum(name == "connected" for name, _, _ in await subject.arrivals())
            await asyncio.sleep(0.5)
            for name, pid in subject.pids.items():
                points[name].append((live, resident_bytes(pid)))
    return {name: slope(values) for name, values in points.items()}


@asynccontextmanager
async def _watch(subject: Subject, happened: dict[tuple[str, str], float]) -> AsyncIterator[None]:
    """Note when channels went up and were destroyed, while the body runs."""
    allowed = {"allowed": [{"type": name} for name in WATCHED]}
    async with (
        ari(subject.asterisk) as session,
        session.ws_connect("/ari/events?app=bench-watch&subscribeAll=true") as events,
    ):
        async with session.put("/ari/applications/bench-watch/eventFilter", json=allowed) as answer:
            answer.raise_for_status()
        reader = asyncio.create_task(_note(events, happened))
        try:
            yield
        finally:
            reader.cancel()
            await asyncio.wait([reader])


async def _note(events: ClientWebSocketResponse, happened: dict[tuple[str, str], float]) -> None:
    async for message in events:
        event = json.loads(message.data)
        name = WATCHED.get(event["type"])
        channel = event.get("channel", {})
        if name == "disconnected" or (name and channel["state"] == "Up"):
            at = datetime.fromisoformat(event["timestamp"]).timestamp()
            happened.setdefault((name, channel["id"]), at)


def _tell(subject: Subject, result: Step) -> None:
    outcome = result.outcome
    cpu = "  ".join(f"{name} {seconds * 1000:.2f}" for name, seconds in result.cpu.items())
    print(
        f"  {subject.name} {outcome.rate:4.0f}/s: {outcome.share:7.2%} succeeded, "
        f"answer p95 {outcome.answer_p95 * 1000:4.0f} ms, pace {outcome.pace:.0%}; "
        f"CPU ms a call: {cpu}: {'kept' if result.passed else 'failed'}",
        file=sys.stderr,
        flush=True,
    )
