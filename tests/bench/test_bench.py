"""The bench measures truthfully: a slow, a lossy and a quick responder, and the arithmetic."""

from __future__ import annotations

import asyncio
import json
import os
import random
import time
import wave
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import pytest

from tests.bench.callers import NEVER, Callers, Outcome, SippFailed, percentile
from tests.bench.measure import Step
from tests.bench.report import Report
from tests.bench.search import highest
from tests.bench.stage import write_beep
from tests.bench.usage import cpu_seconds, resident_bytes, slope
from tests.live.asterisk import launch


class Responder(asyncio.DatagramProtocol):
    """A SIP server that answers after a while, or never, and hangs up soon after the ACK."""

    def __init__(self, delay: float, lost: float) -> None:
        self._delay = delay
        self._lost = lost
        self._seen: set[str] = set()
        self._chance = random.Random(1)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str | None, int]) -> None:
        text = data.decode()
        headers = dict(
            line.split(": ", 1) for line in text.split("\r\n\r\n")[0].split("\r\n") if ": " in line
        )
        call = headers["Call-ID"]
        loop = asyncio.get_running_loop()
        if text.startswith("INVITE") and call not in self._seen:
            self._seen.add(call)
            if self._chance.random() >= self._lost:
                loop.call_later(self._delay, self._reply, headers, addr)
        elif text.startswith("ACK"):
            loop.call_later(0.05, self._hang_up, headers, addr)

    def _reply(self, headers: dict[str, str], addr: tuple[str | None, int]) -> None:
        kept = "".join(f"{k}: {headers[k]}\r\n" for k in ("Via", "From", "Call-ID", "CSeq"))
        contact = "Contact: <sip:responder@127.0.0.1>\r\nContent-Length: 0\r\n\r\n"
        self._transport.sendto(
            f"SIP/2.0 200 OK\r\n{kept}To: {headers['To']};tag=t\r\n{contact}".encode(), addr
        )

    def _hang_up(self, headers: dict[str, str], addr: tuple[str | None, int]) -> None:
        self._transport.sendto(
            f"BYE sip:caller@127.0.0.1 SIP/2.0\r\nVia: {headers['Via']}x\r\n"
            f"From: {headers['To']}\r\nTo: {headers['From']}\r\nCall-ID: {headers['Call-ID']}\r\n"
            "CSeq: 1 BYE\r\nContent-Length: 0\r\n\r\n".encode(),
            addr,
        )


@asynccontextmanager
async def responder(delay: float = 0.0, lost: float = 0.0) -> AsyncIterator[str]:
    """A responder on a free port; gives host and port."""
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: Responder(delay, lost), local_addr=("127.0.0.1", 0)
    )
    host, port = transport.get_extra_info("sockname")
    yield f"{host}:{port}"
    transport.close()


@pytest.fixture(scope="session")
def sipp() -> str:
    """The launcher's SIPp."""
    return str(json.loads(launch("tools", "--only", "sipp"))["sipp"])


async def placed(sipp: str, target: str) -> Outcome:
    """A short step at a low rate."""
    callers = Callers(sipp, target, "100", "127.0.0.12", warm_up=0.5, patience=2.0)
    return await callers.call(20, 2)


async def test_quick_responder_passes(sipp: str) -> None:
    """Calls that are answered at once keep the promise, and their number is right."""
    async with responder() as target:
        outcome = await placed(sipp, target)
    assert (outcome.placed, outcome.succeeded) == (40, 40)
    assert 20 <= len(outcome.answers) <= 38, "the warm-up is not judged"
    assert outcome.answer_p95 < 0.1
    assert outcome.passed


async def test_slow_responder_fails(sipp: str) -> None:
    """Answers after 0.3 s are measured as such and do not pass, though each call succeeds."""
    async with responder(delay=0.3) as target:
        outcome = await placed(sipp, target)
    assert outcome.share == 1.0
    assert 0.29 <= percentile(outcome.answers, 0.5) < 0.4
    assert not outcome.passed


async def test_lossy_responder_fails(sipp: str) -> None:
    """Unanswered calls are failures, and count as answered never."""
    async with responder(lost=0.3) as target:
        outcome = await placed(sipp, target)
    assert outcome.placed == 40
    assert 0 < outcome.succeeded < 40
    assert outcome.answer_p95 == NEVER
    assert not outcome.passed


async def test_sipp_that_cannot_begin_is_told(sipp: str) -> None:
    """A target that has no address is an error, not a rate of zero."""
    callers = Callers(sipp, "nowhere.invalid:5060", "100", "127.0.0.12")
    with pytest.raises(SippFailed):
        await callers.call(20, 1)


def test_percentile_is_nearest_rank() -> None:
    """It is one of the values; the unanswered stand at the end; nothing measured is never."""
    assert percentile([5, 1, 4, 2, 3], 0.5) == 3
    assert percentile(range(1, 101), 0.95) == 95
    assert percentile([0.1] * 94 + [NEVER] * 6, 0.95) == NEVER
    assert percentile([0.1] * 95 + [NEVER] * 5, 0.95) == 0.1
    assert percentile([], 0.5) == NEVER


@pytest.mark.parametrize(
    ("succeeded", "answers", "pace"),
    [(980, (0.1,), 1.0), (1000, (0.2,), 1.0), (1000, (0.1,), 0.9)],
    ids=["98 % succeeded", "200 ms", "callers too slow"],
)
def test_each_part_of_the_promise_counts(
    succeeded: int, answers: tuple[float, ...], pace: float
) -> None:
    """Success, answer time and pace: each alone makes a step fail."""
    assert Outcome(100, 1000, 990, (0.1,), 1.0).passed
    assert not Outcome(100, 1000, succeeded, answers, pace).passed


@dataclass
class Tried:
    """A step of a server with a known limit."""

    rate: float
    passed: bool


def server(limit: float, tried: list[float]) -> Callable[[float], Awaitable[Tried]]:
    """A server that keeps its promise up to a rate."""

    async def step(rate: float) -> Tried:
        tried.append(rate)
        return Tried(rate, rate <= limit)

    return step


@pytest.mark.parametrize("limit", [20, 33, 100, 187, 432, 700, 5000])
async def test_search_finds_the_limit(limit: float) -> None:
    """Within 10 % (or 5 calls/s) below the limit, never above it, in few steps."""
    tried: list[float] = []
    found = await highest(server(limit, tried), first=150, lowest=20, most=800)
    assert found is not None
    real = min(limit, 800)
    assert real / 1.1 - 5 <= found.rate <= real
    assert len(tried) == len(set(tried)) <= 9


async def test_search_gives_up_at_the_lowest_rate() -> None:
    """A server that fails at any rate has none."""
    assert await highest(server(5, []), first=150, lowest=20, most=800) is None


def test_usage_is_that_of_the_process() -> None:
    """CPU and resident memory grow by what was used."""
    me = os.getpid()
    cpu, memory = cpu_seconds(me), resident_bytes(me)
    block = bytearray(os.urandom(1 << 20)) * 32
    until = time.process_time() + 0.2
    while time.process_time() < until:
        pass
    assert 0.15 < cpu_seconds(me) - cpu < 2.0
    assert 30 << 20 < resident_bytes(me) - memory < 64 << 20
    assert len(block) == 32 << 20


def test_slope_is_least_squares() -> None:
    """The straight line through points, wherever it begins."""
    assert slope([(50, 1050.0), (100, 1100.0), (300, 1300.0)]) == pytest.approx(1.0)
    assert slope([(0, 0.0), (1, 3.0), (2, 0.0)]) == pytest.approx(0.0)


def test_report_is_void_on_a_slow_machine() -> None:
    """Below 300 calls/s of (b) nothing is claimed; the ratios are of the same run."""

    def report(b: float) -> Report:
        steps = {
            name: Step(Outcome(rate, 1, 1, (0.01,), 1.0), {"asterisk": 0.002})
            for name, rate in (("a", 800.0), ("b", b), ("c", 160.0))
        }
        return Report({"a": "x", "b": "y", "c": "z"}, steps, None, {})

    assert report(299).is_void
    assert "VOID" in report(299).table()
    good = report(400)
    assert not good.is_void
    assert "VOID" not in good.table()
    assert good.data()["ratios"] == {"c/b": 0.4, "b/a": 0.5}
    json.dumps(good.data())


def test_beep_is_what_asterisk_plays(tmp_path: Path) -> None:
    """8 kHz, mono, 16 bits, 0.4 s."""
    with wave.open(str(write_beep(tmp_path / "b.wav"))) as file:
        assert file.getparams()[:4] == (1, 2, 8000, 3200)
