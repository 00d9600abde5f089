"""Callers: SIPp at a given rate, and what became of its calls.

The rate rises to the wanted one in the first second; response times of the first two seconds are
not judged. A call without an answer counts as one that was answered never, so that a server that
drops what is slow does not look quick.
"""

from __future__ import annotations

import asyncio
import csv
import math
import shutil
import socket
import tempfile
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
WARM_UP = 2.0
PATIENCE = 5.0
NEVER = math.inf

ANSWER_LIMIT = 0.2
SHARE = 0.99


class SippFailed(RuntimeError):
    """SIPp did not even begin; the text is the end of what it said."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of the calls of one step.

    Attributes:
        rate: calls a second that were wanted.
        placed: how many calls were placed.
        succeeded: how many went the whole way.
        answers: seconds from INVITE to 200 of the calls after the warm-up; NEVER without.
        pace: calls a second that were placed, as a share of the wanted ones.
    """

    rate: float
    placed: int
    succeeded: int
    answers: tuple[float, ...]
    pace: float

    @property
    def share(self) -> float:
        """The share of calls that succeeded."""
        return self.succeeded / self.placed if self.placed else 0.0

    @property
    def answer_p95(self) -> float:
        """95th percentile of the time to answer, in seconds."""
        return percentile(self.answers, 0.95)

    @property
    def passed(self) -> bool:
        """99 % succeeded, the answer is under 200 ms for 95 %, and the callers kept their pace."""
        return self.share >= SHARE and self.answer_p95 < ANSWER_LIMIT and self.pace >= 0.95


def percentile(values: Iterable[float], share: float) -> float:
    """Nearest rank; NEVER when there are no values."""
    ordered = sorted(values)
    return ordered[math.ceil(share * len(ordered)) - 1] if ordered else NEVER


class Callers:
    """SIPp on a loopback address of its own, by which Asterisk knows who calls.

    Args:
        program: path of sipp.
        target: host and port of the SIP server.
        number: who is called.
        address: the callers' own address.
        warm_up: seconds whose calls' answer times are not judged.
        patience: seconds that a caller waits for any one message.
    """

    def __init__(
        self,
        program: str,
        target: str,
        number: str,
        address: str,
        *,
        warm_up: float = WARM_UP,
        patience: float = PATIENCE,
    ) -> None:
        self._warm_up = warm_up
        self._patience = patience
        self._program = program
        self._target = target
        self._number = number
        self._address = address

    async def call(self, rate: float, seconds: float) -> Outcome:
        """Place calls for so many seconds, and wait for their end.

        Raises:
            SippFailed: it did not begin.
        """
        count = max(1, round(rate * seconds))
        with Ear() as ear, tempfile.TemporaryDirectory(prefix="sipp-") as name:
            folder = Path(name)
            process = await self._start("call.xml", rate, count, folder, ear.port)
            try:
                async with asyncio.timeout(seconds + 6 * self._patience):
                    await process.wait()
            finally:
                await _end(process)
            return _read(folder, rate, count, self._warm_up)

    @asynccontextmanager
    async def hold(self, count: int, rate: float) -> AsyncIterator[None]:
        """Place calls that stay up while the body runs."""
        with Ear() as ear, tempfile.TemporaryDirectory(prefix="sipp-") as name:
            process = await self._start("hold.xml", rate, count, Path(name), ear.port)
            try:
                yield
            finally:
                await _end(process)

    async def _start(
        self, scenario: str, rate: float, count: int, folder: Path, media_port: int
    ) -> asyncio.subprocess.Process:
        first = max(1, round(rate / 2))  # SIPp takes whole numbers only
        more = max(1, round(rate) - first)
        shutil.copy(HERE / scenario, folder / "calls.xml")  # traces lie beside the scenario
        with (folder / "sipp.log").open("wb") as log:
            return await asyncio.create_subprocess_exec(
                *(self._program, self._target, "-sf", "calls.xml", "-s", self._number),
                *("-i", self._address, "-p", str(_free_port(self._address))),
                *("-key", "media", str(media_port), "-nostdin"),
                *("-r", str(first), "-rate_increase", str(more), "-rate_max", str(first + more)),
                *("-rate_interval", "1", "-no_rate_quit"),
                *("-m", str(count), "-l", str(count + 1)),
                *("-recv_timeout", f"{self._patience * 1000:.0f}"),
                *("-trace_rtt", "-rtt_freq", "1", "-trace_stat", "-stf", "stat.csv", "-fd", "1"),
                cwd=folder,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )


class Ear:
    """Where the callers' media go: a socket that is never read, cheaper than a closed port."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        self._socket.bind(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]

    def __enter__(self) -> Ear:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()


def _read(folder: Path, rate: float, count: int, warm_up: float) -> Outcome:
    path = folder / "stat.csv"
    rows = _rows(path) if path.exists() else []
    placed = int(rows[-1]["OutgoingCall(C)"]) if rows else 0
    if not placed:
        raise SippFailed((folder / "sipp.log").read_text(errors="replace")[-500:])
    succeeded = int(rows[-1]["SuccessfulCall(C)"])
    times = [
        (float(row["Date_ms"]) / 1000, float(row["response_time_ms"]) / 1000)
        for path in folder.glob("calls_*_rtt.csv")
        for row in _rows(path)
    ]
    judged = [seconds for at, seconds in times if at - seconds >= warm_up]
    unanswered = [NEVER] * (count - len(times))
    ramp = min(1.0, count / rate)
    planned = ramp + max(0.0, (count - rate * ramp / 2) / rate)
    took = max((at - seconds for at, seconds in times), default=NEVER)
    pace = min(1.0, planned / took) if took else 1.0
    return Outcome(rate, placed, succeeded, (*judged, *unanswered), pace)


def _rows(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.read_text().splitlines(), delimiter=";"))


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.kill()
        await process.wait()


def _free_port(address: str) -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind((address, 0))
        return int(probe.getsockname()[1])
