"""Deliveries are written down some at a time, and nothing is sent twice for that."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from adapter.core.faults import StoreFailed
from adapter.core.message import Attempt, Queued
from adapter.outbox.ledger import Ledger
from adapter.store.outbox import OutboxStore
from tests.fakes.webhook_sink import WebhookSink
from tests.unit.outbox_house import QUICK, House

OK = Attempt(at=20.0, duration=0.5, status=200, error=None)
URL = "http://app/"


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path / "outbox.db")
    yield made
    made.connection.close()


@pytest.fixture
async def sink() -> AsyncIterator[WebhookSink]:
    async with WebhookSink() as started:
        yield started


async def test_the_next_of_a_call_is_behind_what_was_noted(house: House) -> None:
    """It is found without a write, and other calls are not touched by it."""
    ledger = Ledger(house.store, 60.0, 64)
    first, second, other = house.write(URL, "a", "a", "b")
    ledger.delivered(first, OK)
    assert ledger.head("a") == second
    assert ledger.head("b") == other
    ledger.delivered(second, OK)
    assert ledger.head("a") is None
    assert house.states() == ["pending"] * 3
    ledger.close()


async def test_who_looks_at_all_calls_writes_first(house: House) -> None:
    """What was delivered is none of the heads."""
    ledger = Ledger(house.store, 60.0, 64)
    first, _ = house.write(URL, "a", "b")
    ledger.delivered(first, OK)
    assert [head.lane for head in ledger.heads("", 10)] == ["b"]
    assert house.states() == ["delivered", "pending"]


async def test_a_delivery_is_written_within_the_delay(house: House) -> None:
    """Counted from the first one that is noted; the next delay begins with the next delivery."""
    ledger = Ledger(house.store, 0.05, 64)
    first, second, third = house.write(URL, "a", "b", "c")
    ledger.delivered(first, OK)
    await asyncio.sleep(0.03)
    ledger.delivered(second, OK)
    await house.until(lambda: house.states() == ["delivered", "delivered", "pending"], 1.0)
    ledger.delivered(third, OK)
    await house.until(lambda: house.states() == ["delivered"] * 3, 1.0)


async def test_a_store_that_fails_for_a_while_stops_nothing(
    house: House, sink: WebhookSink, caplog: pytest.LogCaptureFixture
) -> None:
    """While deliveries cannot be written down others are made, and none is made twice."""

    class Broken(OutboxStore):
        full = True

        def delivered(self, settled: Sequence[tuple[Queued, Attempt]]) -> None:
            if self.full:
                raise StoreFailed("disk full")
            super().delivered(settled)

    store = Broken(house.connection)
    house.limits = replace(QUICK, settle=0.01)
    async with house.running(store) as outbox:
        outbox.notify(house.write(sink.url(), "a", "a"))
        await house.until(lambda: "not written down yet" in caplog.text)
        outbox.notify(house.write(sink.url(), "a", "b"))
        await sink.wait_acknowledged(4)
        assert house.states() == ["pending"] * 4
        store.full = False
    assert house.states() == ["delivered"] * 4
    assert sorted(sink.ids) == ["m1", "m2", "m3", "m4"]


async def test_deliveries_are_written_down_together(house: House, sink: WebhookSink) -> None:
    """Once a delay has passed, once there are so many, and at the end: never one by one."""
    written: list[int] = []

    class Counting(OutboxStore):
        def delivered(self, settled: Sequence[tuple[Queued, Attempt]]) -> None:
            written.append(len(settled))
            super().delivered(settled)

    house.limits = replace(QUICK, settle=60.0, settled=4)
    async with house.running(Counting(house.connection)) as outbox:
        outbox.notify(house.write(sink.url(), *"abcdefghij"))
        await house.until(lambda: len(house.heard.calls) == 10 and len(written) == 2)
        assert written == [4, 4]
    assert written == [4, 4, 2]
    house.limits = replace(QUICK, settle=0.1)
    async with house.running(Counting(house.connection)) as outbox:
        outbox.notify(house.write(sink.url(), *"abc"))
        await house.until(lambda: written[3:] == [3])
    assert set(house.states()) == {"delivered"}
