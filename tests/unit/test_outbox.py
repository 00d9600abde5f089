"""The outbox against a real HTTP endpoint and SQLite file: what is sent, when, after what."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest

from adapter.core.message import Message
from adapter.outbox.outbox import Dressed, Limits
from adapter.outbox.retry import Schedule
from adapter.store.outbox import OutboxStore
from adapter.store.sqlite import connect
from tests.fakes.webhook_sink import DROP, HANG, Reply, WebhookSink
from tests.unit.outbox_house import SECRET, House


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path / "outbox.db")
    yield made
    made.connection.close()


@pytest.fixture
async def sink() -> AsyncIterator[WebhookSink]:
    async with WebhookSink() as started:
        yield started


async def test_what_arrives(house: House, sink: WebhookSink) -> None:
    """A webhook is a signed JSON POST with a stable id and the contract's headers."""
    async with house.running() as outbox:
        outbox.notify(house.write(sink.url("/a?b=c"), "call-1"))
        (got,) = await sink.wait_acknowledged(1)
        await house.until(lambda: house.states() == ["delivered"])
    assert got.path == "/a?b=c"
    assert got.id == "m1"
    assert got.headers["Content-Type"] == "application/json"
    assert got.headers["User-Agent"] == "ari-voice-adapter"
    assert got.headers["x-contract"] == "enablex"
    assert abs(int(got.headers["webhook-timestamp"]) - time.time()) < 5
    assert sink.verify(SECRET) == [{"n": 1, "lane": "call-1"}]
    assert house.heard.calls == [("delivered", "connected", 1)]


async def test_the_contract_cannot_replace_the_signature(house: House, sink: WebhookSink) -> None:
    """Headers of the contract come before ours; what is signed is what is sent."""
    house.dress = lambda m: Dressed(b'{"encrypted_data": "x"}', {"webhook-id": "other"}, SECRET)
    async with house.running() as outbox:
        outbox.notify(house.write(sink.url(), "call-1"))
        await sink.wait_acknowledged(1)
    assert sink.verify(SECRET) == [{"encrypted_data": "x"}]
    assert sink.ids == ["m1"]


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
async def test_any_2xx_acknowledges(house: House, sink: WebhookSink, status: int) -> None:
    """Each 2xx settles the row at once."""
    sink.default = Reply(status)
    async with house.running() as outbox:
        outbox.notify(house.write(sink.url(), "call-1"))
        await house.until(lambda: house.states() == ["delivered"])
    assert len(sink.received) == 1


async def test_order_within_a_lane_under_failures(house: House, sink: WebhookSink) -> None:
    """Whatever fails and however, the messages of a call are acknowledged in order, once each."""
    house.limits = Limits(poll=60.0)  # retries do not need the poll
    turn = Counter[str]()

    def decide(received: Any) -> Reply:
        turn[received.id] += 1
        number = int(received.id[1:])
        if turn[received.id] <= number % 4:
            return [Reply(500), DROP, Reply(404)][turn[received.id] - 1]
        return Reply()

    sink.decide = decide
    async with house.running() as outbox:
        for _ in range(5):
            outbox.notify(house.write(sink.url(), *("abcd" * 2)))
        acknowledged = await sink.wait_acknowledged(40)
    for lane in "abcd":
        numbers = [r.json["n"] for r in acknowledged if r.json["lane"] == lane]
        assert len(numbers) == 10
        assert numbers == sorted(numbers)
    assert len({r.id for r in acknowledged}) == 40


async def test_lanes_go_side_by_side(house: House, sink: WebhookSink) -> None:
    """A call whose webhook gets no answer does not keep another call's waiting."""
    sink.script(HANG)
    async with house.running() as outbox:
        outbox.notify(house.write(sink.url(), "slow", "slow", "quick", "quick"))
        got = await sink.wait_for(3)
        assert [r.json["lane"] for r in got] == ["slow", "quick", "quick"]
        sink.resume()
        await sink.wait_acknowledged(4)


async def test_a_slow_customer_does_not_delay_another(house: House, sink: WebhookSink) -> None:
    """A customer that hangs takes its share of the places and no more."""
    house.limits = Limits(concurrency=8, per_origin=4, poll=0.05)
    async with WebhookSink() as slow:
        slow.default = HANG
        async with house.running() as outbox:
            outbox.notify(house.write(slow.url(), *(f"s{n}" for n in range(50))))
            await slow.wait_for(4)
            outbox.notify(house.write(sink.url(), *(f"q{n}" for n in range(50))))
            await sink.wait_acknowledged(50)
            assert len(slow.received) == 4
            slow.default = Reply()
            slow.resume()
            await slow.wait_acknowledged(50)


@pytest.mark.parametrize(
    ("reply", "reason", "error"),
    [
        (Reply(500), "status", "HTTP 500"),
        (Reply(404), "status", "HTTP 404"),
        (DROP, "broken", "the connection broke"),
        (HANG, "timeout", "no answer within 0.3 s"),
        (Reply(302, {"Location": "/other"}), "redirect", "HTTP 302: redirects are not followed"),
        (Reply(307, {"Location": "/other"}), "redirect", "HTTP 307: redirects are not followed"),
        (Reply(304), "redirect", "HTTP 304: redirects are not followed"),
    ],
)
async def test_what_counts_as_failed(
    house: House, sink: WebhookSink, reply: Reply, reason: str, error: str
) -> None:
    """Each kind of failure is named, recorded, and followed by another attempt."""
    house.limits = Limits(poll=0.05, timeout=0.3)
    sink.script(reply)
    async with house.running() as outbox:
        outbox.notify(house.write(sink.url(), "call-1"))
        await sink.wait_acknowledged(1)
        await house.until(lambda: house.states() == ["delivered"])
    assert [r.path for r in sink.received] == ["/hook", "/hook"]
    assert house.heard.calls == [("failed", reason), ("delivered", "connected", 2)]
    first, second = house.store.deliveries("call-1")
    assert (first.error or "").startswith(error)
    assert (second.status, second.error) == (200, None)


@pytest.mark.parametrize(
    ("url", "reason", "error"),
    [
        ("http://10.1.2.3/", "refused", "10.1.2.3 is at 10.1.2.3, which is private"),
        ("http://localhost:2/", "refused", "localhost is at "),
        ("ftp://example.com/", "url", "not a URL that can be called"),
        ("nonsense", "url", "not a URL that can be called"),
        ("http://127.0.0.1:1/", "connect", "no connection"),
    ],
)
async def test_what_cannot_be_called(house: House, url: str, reason: str, error: str) -> None:
    """A target that is refused or cannot be reached is a failed attempt, tried again."""
    house.allow = ("127.0.0.1:1",)
    house.schedule = Schedule((0.01,), jitter=0.0)
    async with house.running() as outbox:
        outbox.notify(house.write(url, "call-1"))
        await house.until(lambda: house.states() == ["dead"])
    assert house.heard.calls == [("failed", reason), ("failed", reason), ("dead", "connected")]
    for delivery in house.store.deliveries("call-1"):
        assert (delivery.error or "").startswith(error)


async def test_a_long_answer_is_not_read(house: House, sink: WebhookSink) -> None:
    """An answer beyond the limit is acknowledged by its status, and not waited for."""
    sink.default = Reply(body=b"x" * 20_000_000)
    async with house.running() as outbox:
        outbox.notify(house.write(sink.url(), "a", "a"))
        await house.until(lambda: house.states() == ["delivered", "delivered"])
    assert len(sink.received) == 2


async def test_an_answer_that_never_ends_is_cut(house: House) -> None:
    """A 2xx whose body trickles for ever acknowledges when the time is up."""
    house.limits = Limits(poll=0.05, timeout=0.3)
    ended = asyncio.Event()

    async def trickle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nx")
        while await reader.read(1000):
            pass
        ended.set()
        writer.close()

    server = await asyncio.start_server(trickle, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with house.running() as outbox:
        outbox.notify(house.write(f"http://127.0.0.1:{port}/", "a"))
        await house.until(lambda: house.states() == ["delivered"])
        await asyncio.wait_for(ended.wait(), 20)
    server.close()
    await server.wait_closed()


async def test_dead_letter_and_the_lane_goes_on(
    house: House, sink: WebhookSink, caplog: pytest.LogCaptureFixture
) -> None:
    """After the last attempt a message is kept as dead, and the next of its call is sent."""
    house.schedule = Schedule((0.01, 0.01), jitter=0.0)
    sink.script(500, 500, 500)
    async with house.running() as outbox:
        outbox.notify(house.write(sink.url("/hook?token=hunter2"), "call-1", "call-1"))
        await sink.wait_acknowledged(1)
        await house.until(lambda: house.states() == ["dead", "delivered"])
    assert sink.ids == ["m1", "m1", "m1", "m2"]
    assert ("dead", "connected") in house.heard.calls
    warning, _, alert = (r for r in caplog.records if r.name.startswith("adapter.outbox"))
    assert (warning.levelno, alert.levelno) == (logging.WARNING, logging.ERROR)
    for record, attempt in ((warning, 1), (alert, 3)):
        for part in ("call-1", "connected", f"127.0.0.1:{sink.port}", f"attempt {attempt}"):
            assert part in record.getMessage()
        assert record.__dict__["call"] == "call-1"
    assert "hunter2" not in caplog.text


async def test_dead_letters_are_retried_by_hand(house: House, sink: WebhookSink) -> None:
    """A running server sends what another process puts back, with the same id."""
    house.schedule = Schedule((), jitter=0.0)
    sink.script(500)
    async with house.running() as outbox:
        outbox.notify(house.write(sink.url(), "call-1"))
        await house.until(lambda: house.states() == ["dead"])
        other = connect(house.path)
        assert OutboxStore(other).retry(time.time()) == 1
        other.close()
        await sink.wait_acknowledged(1)
    assert sink.ids == ["m1", "m1"]


async def test_a_waiting_message_is_hurried_by_hand(house: House, sink: WebhookSink) -> None:
    """A message that waits for hours goes when an operator says so, here on our connection."""
    house.schedule = Schedule((3600.0,), jitter=0.0)
    sink.script(503)
    async with house.running() as outbox:
        outbox.notify(house.write(sink.url(), "call-1"))
        await house.until(lambda: bool(house.store.deliveries("call-1")))
        assert house.store.retry(time.time(), seq=1) == 1
        outbox.refresh()
        await sink.wait_acknowledged(1)


async def test_410_disables_the_endpoint(house: House, sink: WebhookSink) -> None:
    """After 410 nothing more is sent to that URL of that owner, over restarts, until retry."""
    sink.script(410)
    gone = sink.url("/gone")
    async with house.running() as outbox:
        outbox.notify(house.write(gone, "a", "a"))
        await house.until(lambda: house.states() == ["dead", "dead"])
        assert len(sink.received) == 1
        outbox.notify(house.write(gone, "b"))
        outbox.notify(house.write(gone, "c"))
        outbox.notify(house.write(sink.url(), "d"))
        outbox.notify(house.write(gone, "e", owner="another"))
        await house.until(lambda: "pending" not in house.states())
    async with house.running() as outbox:
        outbox.notify(house.write(gone, "f"))
        await house.until(lambda: house.states()[-1] == "dead")
        states = dict(zip("aabcdef", house.states(), strict=True))
        assert states == dict.fromkeys("abcf", "dead") | dict.fromkeys("de", "delivered")
        assert "410" in (house.store.rows("dead")[-1].error or "")
        other = connect(house.path)
        OutboxStore(other).retry(time.time(), owner="app")
        other.close()
        await house.until(lambda: set(house.states()) == {"delivered"})


@pytest.mark.parametrize("form", ["seconds", "date"])
async def test_retry_after(house: House, sink: WebhookSink, form: str) -> None:
    """Retry-After puts the next attempt off, in both its forms, for any failure."""
    value = "30" if form == "seconds" else formatdate(time.time() + 31, usegmt=True)
    sink.script(Reply(400, {"Retry-After": value}))
    async with house.running() as outbox:
        outbox.notify(house.write(sink.url(), "call-1"))
        await house.until(lambda: bool(house.store.deliveries("call-1")))
        (row,) = house.store.rows()
    assert 28 <= row.next_at - time.time() <= 31
    assert len(sink.received) == 1


async def test_hold_until_release(house: House, sink: WebhookSink) -> None:
    """A held call sends nothing until each hold has ended; other calls do."""
    async with house.running() as outbox:
        outbox.hold("call-1")
        outbox.hold("call-1")
        outbox.notify(house.write(sink.url(), "call-1", "call-2"))
        await sink.wait_acknowledged(1)
        outbox.release("call-1")
        outbox.notify(house.write(sink.url(), "call-3"))
        await sink.wait_acknowledged(2)
        outbox.release("call-1")
        await sink.wait_acknowledged(3)
    assert sink.ids == ["m2", "m3", "m1"]


async def test_a_forgotten_hold_ends(
    house: House, sink: WebhookSink, caplog: pytest.LogCaptureFixture
) -> None:
    """A hold that nobody releases ends by itself, is told, and its late release is harmless."""
    house.limits = Limits(hold=0.1, poll=0.05)
    async with house.running() as outbox:
        outbox.hold("call-1")
        begun = time.monotonic()
        outbox.notify(house.write(sink.url(), "call-1"))
        await sink.wait_acknowledged(1)
        assert time.monotonic() - begun >= 0.09
        assert outbox._holds == {}
        outbox.release("call-1")
        outbox.notify(house.write(sink.url(), "call-1"))
        await sink.wait_acknowledged(2)
    assert "call-1 were held" in caplog.text


async def test_a_contract_that_raises_is_a_failed_attempt(house: House, sink: WebhookSink) -> None:
    """A message that cannot be made is retried, given up, and does not stop its call."""
    house.schedule = Schedule((0.01,), jitter=0.0)

    def dress(message: Message) -> Dressed:
        if message.id == "m1":
            raise KeyError("no such app")
        return Dressed(message.body.encode(), {}, "wrong" if message.id == "m2" else SECRET)

    house.dress = dress
    async with house.running() as outbox:
        outbox.notify(house.write(sink.url(), "call-1", "call-1", "call-1"))
        await sink.wait_acknowledged(1)
        await house.until(lambda: house.states() == ["dead", "dead", "delivered"])
    assert sink.ids == ["m3"]
    assert house.heard.calls.count(("failed", "internal")) == 4
