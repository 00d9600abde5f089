"""`make demo` and `make up`, as a newcomer runs them: a process, its output, and what it leaves."""

from __future__ import annotations

import asyncio
import math
import os
import re
import signal
import struct
import sys
import tempfile
import wave
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from examples.demo import acts
from examples.demo.errors import DemoFailed
from examples.demo.hearing import measure
from examples.demo.stage import Stage
from examples.demo.telling import Teller

pytestmark = pytest.mark.live

ROOT = Path(__file__).parents[2]


@pytest.fixture
def temporary() -> Iterator[Path]:
    """Where the demonstration makes its folder; a short path, as Asterisk's socket needs it."""
    with tempfile.TemporaryDirectory(prefix="avd-", dir="/tmp") as name:
        yield Path(name)


@asynccontextmanager
async def demo(
    temporary: Path, *arguments: str, **environment: str
) -> AsyncIterator[asyncio.subprocess.Process]:
    """`python -m examples.demo ARGUMENTS`; ended by Ctrl-C when the test is over."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "examples.demo", *arguments),
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(temporary), **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGINT)
        await process.communicate()


async def until(process: asyncio.subprocess.Process, text: str) -> str:
    """Read its output up to a line that has the text."""
    assert process.stdout is not None
    seen = ""
    async with asyncio.timeout(40):
        while text not in seen:
            line = (await process.stdout.readline()).decode()
            assert line, f"ended without {text!r}: {seen}"
            seen += line
    return seen


def left_behind(temporary: Path) -> list[str]:
    """Files, and command lines of processes, that have to do with the demonstration's folder."""
    files = [str(path) for path in temporary.iterdir()]
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = process.read_bytes().replace(b"\0", b" ").decode()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if str(temporary) in command:
            files.append(command)
    return files


async def test_all_calls_are_made_and_shown(temporary: Path) -> None:
    """Exit status 0: webhooks and questions in their order, then `why`, then what was heard."""
    async with demo(temporary) as process:
        output, _ = await asyncio.wait_for(process.communicate(), 80)
    text = output.decode()
    assert process.returncode == 0, text
    shown = re.findall(r" s  webhook  (\w+) ", text)
    outbound = ["connected", "digitcollected", "playfinished", "disconnected"]
    assert shown == [*outbound, "incomingcall", *outbound]
    asked = re.findall(r" s  asked +(\w+) +.*-> (.*)", text)
    assert asked == [
        ("newCall", "action=ivr"),
        ("getIvrCommand", "phrases, bargeIn, dtmf"),
        ("getIvrCommand", "hangup=True"),
        ("sessionCompleted", "nothing"),
    ]
    assert len(re.findall(r"^ari-voice why [0-9a-f-]{36}", text, re.MULTILINE)) == 3
    assert text.count("tells CallEnded") == 3
    heard = [float(seconds) for seconds in re.findall(r": ([0-9.]+) s of sound in", text)]
    assert len(heard) == 3
    assert min(heard) > 4
    assert "\x1b" not in text
    assert left_behind(temporary) == []


@pytest.mark.parametrize("moment", ["Asterisk is up", "webhook  connected"])
async def test_interrupted_demo_tidies_up(temporary: Path, moment: str) -> None:
    """Ctrl-C, twice, while it starts or while a call is up: nothing is left of it."""
    async with demo(temporary) as process:
        await until(process, moment)
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGINT)
        await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 130
    assert left_behind(temporary) == []


async def test_up_stays_until_it_is_ended(temporary: Path) -> None:
    """`--stay`: the printed account works against the printed address; SIGTERM ends all, with 0."""
    async with demo(temporary, "--stay") as process:
        text = await until(process, "Ctrl-C ends everything")
        base = re.search(r"API +(\S+)/voice/v1\n", text)
        account = re.search(r"app id, app key +(\S+)  (\S+)\n", text)
        assert base is not None
        assert account is not None
        headers = {"Authorization": aiohttp.encode_basic_auth(account[1], account[2])}
        body = {"from": "+15551000", "to": "+15550486"}
        async with (
            aiohttp.ClientSession(base[1], headers=headers) as api,
            api.post("/voice/v1/call", json=body) as answer,
        ):
            assert answer.status == 200
        await until(process, "disconnect_reason=User busy")
        process.terminate()
        await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 0
    assert left_behind(temporary) == []


async def test_failure_is_told(temporary: Path) -> None:
    """What cannot be started is said in one line, with exit status 1."""
    async with demo(temporary, ARI_VOICE_CACHE="/dev/null/none") as process:
        output, _ = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 1
    assert "FAILED: launcher: cannot write to the cache folder" in output.decode()
    assert left_behind(temporary) == []


@pytest.mark.parametrize(
    ("digit", "sip_code", "order"),
    [
        ("2", 200, ("connected", "digitcollected", "playfinished")),
        ("1", 500, ("connected", "digitcollected", "playfinished")),
        ("1", 200, ("connected", "digitcollected")),
        ("1", 200, ("digitcollected", "connected", "playfinished")),
    ],
)
async def test_call_that_went_otherwise_is_a_failure(
    digit: str, sip_code: int, order: tuple[str, ...]
) -> None:
    """Another key, ending or order, or a missing event: each fails the demonstration."""
    stage = Stage(Teller(), {"asterisk": "", "espeak-ng": ""})
    for name in order:
        key = "state" if name == "connected" else "playstate"
        more = {"digit": digit} if name == "digitcollected" else {}
        await stage.webhooks.take({"voice_id": "v", key: name, **more})
    over = {"voice_id": "v", "state": "disconnected", "sip_code": sip_code}
    await stage.webhooks.take({**over, "disconnect_reason": "x"})
    with pytest.raises(DemoFailed):
        await acts.ended(stage, "v", digit="1", first=["connected"])


def test_sound_is_measured(tmp_path: Path) -> None:
    """One second of a tone between two of near-silence is one second of sound in three."""
    values = [
        int(8000 * math.sin(index / 3)) if 8000 <= index < 16000 else index % 5
        for index in range(24000)
    ]
    with wave.open(str(tmp_path / "a.wav"), "wb") as out:
        out.setparams((1, 2, 8000, 0, "NONE", ""))
        out.writeframes(struct.pack("<24000h", *values))
    heard = measure(tmp_path / "a.wav")
    assert heard.length == 3.0
    assert heard.sound == pytest.approx(1.0, abs=0.03)
