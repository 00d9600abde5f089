"""The outbox through kills, restarts, outages and floods."""

from __future__ import annotations

import asyncio
import json
import logging
import random
import signal
import sys
import time
import tracemalloc
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from adapter.core.message import Message
from adapter.outbox.egress import Policy, open_session
from adapter.outbox.outbox import Limits, Outbox
from adapter.outbox.retry import Schedule
from tests.fakes.webhook_sink import DROP, HANG, Received, Reply, WebhookSink
from tests.unit.outbox_house import QUICK, House, plain


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path / "outbox.db")
    yield made
    made.connection.close()


@pytest.fixture
async def sink() -> AsyncIterator[WebhookSink]:
    async with WebhookSink() as started:
        yield started


async def test_killed_between_answer_and_mark(house: House, sink: WebhookSink) -> None:
    """What was acknowledged and not yet written down is sent again by the next process, same id."""
    house.limits = replace(QUICK, settle=60.0)
    house.write(sink.url(), "call-1")
    async with house.running():
        await house.until(lambda: house.heard.calls == [("delivered", "connected", 1)])
        following = House(house.path)  # what a process finds that starts after a kill now
        assert following.states() == ["pending"]
        async with following.running():
            await sink.wait_acknowledged(2)
        assert following.states() == ["delivered"]
        following.connection.close()
    assert sink.ids == ["m1", "m1"]


async def test_killed_while_under_way(house: House, sink: WebhookSink) -> None:
    """A process that dies before the answer leaves the row pending, and a new one sends it."""
    sink.script(HANG)
    house.write(sink.url(), "call-1", "call-1")
    async with open_session(Policy.parse(house.allow)) as session:
        outbox = Outbox(house.store, session, plain)
        task = asyncio.create_task(outbox.run())
        await sink.wait_for(1)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert not outbox._tasks
    assert task.cancelled()
    async with house.running():
        await sink.wait_acknowledged(2)
    assert sink.ids == ["m1", "m1", "m2"]


async def test_kill_9_loses_nothing(house: House, sink: WebhookSink) -> None:
    """A server killed with -9 again and again: every committed message arrives, in order."""
    chance = random.Random(7)

    def decide(received: Received) -> Reply:
        good = [Reply(), Reply(), Reply(delay=0.005)]
        bad = [Reply(500), DROP] if sink.ids.count(received.id) < 3 else []
        return chance.choice(good + bad)

    sink.decide = decide
    for _ in range(4):
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.unit.outbox_house", str(house.path), sink.url(),
            stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        before = len(sink.received)
        try:
            await sink.wait_for(before + chance.randrange(50, 150), timeout=30)
        finally:
            process.send_signal(signal.SIGKILL)
            await process.wait()
    sink.decide = None
    async with house.running():
        await house.until(lambda: house.store.backlog().count == 0, 30)
    committed = {row.id for row in house.store.rows("delivered", 100_000)}
    first = list({r.id: r for r in sink.received if r.acknowledged}.values())
    assert len(committed) > 200
    assert {r.id for r in first} == committed
    for lane in (f"call-{n}" for n in range(10)):
        numbers = [r.json["n"] for r in first if r.json["lane"] == lane]
        assert numbers == sorted(numbers)
    assert not house.store.rows("dead")


async def test_run_again(house: House, sink: WebhookSink) -> None:
    """An outbox whose run was broken off goes on where it was when it runs again."""
    sink.script(HANG)
    async with open_session(Policy.parse(house.allow)) as session:
        outbox = Outbox(house.store, session, plain, limits=house.limits)
        first = asyncio.create_task(outbox.run())
        outbox.notify(house.write(sink.url(), "call-1"))
        await sink.wait_for(1)
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        second = asyncio.create_task(outbox.run())
        await sink.wait_acknowledged(1)
        await outbox.close(1.0)
        await second
    assert sink.ids == ["m1", "m1"]


async def test_a_row_that_was_not_notified_is_sent_at_the_next_start(
    house: House, sink: WebhookSink
) -> None:
    """A process that dies between commit and notify loses nothing."""
    house.write(sink.url(), "a", "b", "a")
    async with house.running():
        await sink.wait_acknowledged(3)


async def test_order_at_start(house: House, sink: WebhookSink) -> None:
    """A new message before the store was searched goes after the old ones of its call."""
    house.write(sink.url(), "call-1", "call-1")
    async with open_session(Policy.parse(house.allow)) as session:
        outbox = Outbox(house.store, session, plain, limits=house.limits)
        outbox.notify(house.write(sink.url(), "call-1"))
        task = asyncio.create_task(outbox.run())
        await sink.wait_acknowledged(3)
        await outbox.close(1.0)
        await task
    assert sink.ids == ["m1", "m2", "m3"]


async def test_down_for_a_while(house: House, sink: WebhookSink) -> None:
    """An application that is down gets everything in order when it is back."""
    house.schedule = Schedule((0.05,) * 100, jitter=0.0)
    await sink.down()
    async with house.running() as outbox:
        outbox.notify(house.write(sink.url(), "a", "b", "a"))
        await house.until(lambda: house.heard.calls.count(("failed", "connect")) >= 2)
        await sink.up()
        got = await sink.wait_acknowledged(3)
    assert [r.id for r in got if r.json["lane"] == "a"] == ["m1", "m3"]


async def test_close_sends_what_is_due(house: House, sink: WebhookSink) -> None:
    """Attempts under way are waited for, and what is due follows; then nothing begins."""
    sink.script(HANG)
    async with house.running() as outbox:
        outbox.notify(house.write(sink.url(), "call-1", "call-1"))
        await sink.wait_for(1)
        closing = asyncio.create_task(outbox.close(5.0))
        await asyncio.sleep(0)
        outbox.notify(house.write(sink.url(), "call-2"))
        sink.resume()
        await closing
        outbox.notify(house.write(sink.url(), "call-3"))
        await asyncio.sleep(0.1)
    assert house.states() == ["delivered", "delivered", "delivered", "pending"]
    assert sorted(sink.ids) == ["m1", "m2", "m3"]


async def test_close_does_not_wait_for_another_attempt(house: House, sink: WebhookSink) -> None:
    """What was refused is tried again at the next start, and what is behind it waits."""
    house.schedule = Schedule((60.0,), jitter=0.0)
    sink.script(HANG, 500)
    async with house.running() as outbox:
        outbox.notify(house.write(sink.url(), "call-1"))
        await sink.wait_for(1)
        outbox.notify(house.write(sink.url(), "call-2", "call-2"))
        await sink.wait_for(2)
        begun = time.monotonic()
        closing = asyncio.create_task(outbox.close(20.0))
        sink.resume()
        await closing
        assert time.monotonic() - begun < 10
    assert house.states() == ["delivered", "pending", "pending"]


async def test_close_does_not_wait_for_ever(house: House, sink: WebhookSink) -> None:
    """What does not finish in time is broken off, and stays pending."""
    sink.script(HANG)
    async with house.running() as outbox:
        outbox.notify(house.write(sink.url(), "call-1"))
        await sink.wait_for(1)
        begun = time.monotonic()
        await outbox.close(0.05)
        assert time.monotonic() - begun < 1
    assert house.states() == ["pending"]


async def test_a_moved_clock_does_not_lose_a_due_time(house: House, sink: WebhookSink) -> None:
    """When the clock of the machine jumps ahead, waiting messages go at the next poll."""
    house.schedule = Schedule((3600.0,), jitter=0.0)
    sink.script(500)
    ahead = 0.0
    async with open_session(Policy.parse(house.allow)) as session:
        outbox = Outbox(
            house.store, session, plain, schedule=house.schedule, limits=house.limits,
            now=lambda: time.time() + ahead,
        )  # fmt: skip
        task = asyncio.create_task(outbox.run())
        outbox.notify(house.write(sink.url(), "call-1"))
        await house.until(lambda: bool(house.store.deliveries("call-1")))
        ahead = 3601.0
        await sink.wait_acknowledged(1)
        await outbox.close(1.0)
        await task


async def test_the_backlog_is_told(house: House, sink: WebhookSink) -> None:
    """At each poll the observer hears how much waits, and for how long."""
    house.schedule = Schedule((3600.0,), jitter=0.0)
    sink.default = Reply(500)
    async with house.running() as outbox:
        outbox.notify(house.write(sink.url(), "a", "b", "b"))
        await house.until(lambda: any(count == 3 for count, _ in house.heard.backlogs))
        count, age = house.heard.backlogs[-1]
    assert count == 3
    assert 0 <= age < 5


async def test_memory_does_not_hold_the_backlog(
    house: House, sink: WebhookSink, caplog: pytest.LogCaptureFixture
) -> None:
    """10,000 messages of 4 kB wait for a customer who is down: 40 MB in the file, few in memory."""
    caplog.set_level(logging.CRITICAL, "adapter.outbox")  # it would keep each line
    await sink.down()
    house.schedule = Schedule((3600.0,), jitter=0.0)
    body = json.dumps({"text": "x" * 4096})
    house.connection.execute("BEGIN")
    house.store.insert(
        (
            Message(f"old-{n}", f"call-{n // 2}", "enablex", "app", "e", sink.url(), body)
            for n in range(10_000)
        ),
        time.time(),
    )
    house.connection.execute("COMMIT")
    tracemalloc.start()
    try:
        async with house.running() as outbox:
            await house.until(lambda: len(house.heard.calls) >= 200)
            rows = house.write(sink.url(), *(f"new-{n}" for n in range(1000)), body=body)
            outbox.notify(rows)
            del rows
            tracemalloc.reset_peak()
            await house.until(lambda: len(house.heard.calls) >= 400)
            _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 8_000_000


async def test_throughput(house: House, sink: WebhookSink, record_property: Any) -> None:
    """2,000 webhooks of 500 calls arrive, in order within each call; the rate is printed."""
    house.limits = Limits(poll=2.0)
    async with house.running() as outbox:
        begun = time.perf_counter()
        for _ in range(4):
            outbox.notify(house.write(sink.url(), *(f"call-{n}" for n in range(500))))
        await sink.wait_acknowledged(2000, timeout=60)
        seconds = time.perf_counter() - begun
        await house.until(lambda: house.store.backlog().count == 0)
    rate = 2000 / seconds
    record_property("deliveries_per_second", round(rate))
    print(f"\noutbox: {rate:.0f} deliveries/s, sender and receiver in one process")
    by_lane: dict[str, list[int]] = {}
    for body in sink.bodies:
        by_lane.setdefault(body["lane"], []).append(body["n"])
    assert len(by_lane) == 500
    assert all(len(ns) == 4 and ns == sorted(ns) for ns in by_lane.values())
