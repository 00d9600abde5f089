"""What is measured: three ways to answer, play and hang up, each with an Asterisk of its own.

`DialplanSubject` is Asterisk alone, `SmallestSubject` the smallest ARI script, `AdapterSubject` the
product with a customer's application. Every process is started here and ended here.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import math
import struct
import sys
import wave
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path

import aiohttp

from tests.bench.application import PROMPT
from tests.bench.callers import Callers
from tests.live.adapter_process import APP_ID, APP_KEY, SECRET, AdapterProcess, free_port
from tests.live.asterisk import Instance, LauncherFailed

ROOT = Path(__file__).parents[2]
NUMBER = "15551000"
HOLD_NUMBER = "15551001"
CALLERS = "127.0.0.11"
BEEP_SECONDS = 0.4
PATIENCE = 5.0  # seconds for calls to end by themselves
SETTLE = 40.0  # a 200 without ACK is sent again for 32 s (RFC 3261, 13.3.1.4)
PROVISION = f"""
[[app]]
id = "{APP_ID}"
key = "{APP_KEY}"
event_url = "{{url}}"
webhook_secret = "{SECRET}"
[[trunk]]
name = "bench"
uri = "sip:{CALLERS}:9"
match = ["{CALLERS}"]
[[number]]
number = "+{NUMBER}"
app = "{APP_ID}"
trunk = "bench"
[[number]]
number = "+{HOLD_NUMBER}"
app = "{APP_ID}"
trunk = "bench"
[[prompt]]
app = "{APP_ID}"
name = "{{prompt}}"
file = "{{file}}"
"""


def write_beep(path: Path, seconds: float = BEEP_SECONDS) -> Path:
    """A tone of 440 Hz as Asterisk plays it: 8 kHz, mono, 16 bits."""
    count = round(8000 * seconds)
    tone = [round(8000 * math.sin(2 * math.pi * 440 * n / 8000)) for n in range(count)]
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(struct.pack(f"<{count}h", *tone))
    return path


class Subject(ABC):
    """One way; use it with `async with`."""

    name = ""
    what = ""

    def __init__(self, folder: Path, sipp: str) -> None:
        folder.mkdir(parents=True)
        self._folder = folder
        self._sipp = sipp
        self._beep = write_beep(folder / "beep.wav").with_suffix("")
        self.asterisk = Instance(folder / "a")
        self._children: list[asyncio.subprocess.Process] = []

    @property
    def pids(self) -> Mapping[str, int]:
        """The processes that serve a call, by what they are."""
        return {"asterisk": self.asterisk.pid}

    def callers(self, number: str = NUMBER) -> Callers:
        """Who calls."""
        return Callers(self._sipp, f"127.0.0.1:{self.asterisk.sip_port}", number, CALLERS)

    async def __aenter__(self) -> Subject:
        try:
            await asyncio.to_thread(self.asterisk.start)
            await self._start()
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stop()
        for child in self._children:
            if child.returncode is None:
                child.kill()
                await child.wait()
        with contextlib.suppress(LauncherFailed):  # it did not even start
            await asyncio.to_thread(self.asterisk.kill)

    async def settle(self) -> None:
        """Wait until the calls of the last step are gone; those that stay are hung up.

        Raises:
            TimeoutError: they do not go even then.
        """
        try:
            await self._idle(PATIENCE)
        except TimeoutError:
            await self._cli("channel request hangup all")
            await self._idle(SETTLE)
        await asyncio.sleep(0.5)

    async def _idle(self, seconds: float) -> None:
        async with asyncio.timeout(seconds):
            while not await self._is_idle():
                await asyncio.sleep(0.25)

    async def _is_idle(self) -> bool:
        return "0 active channels" in await self._cli("core show channels count")

    @abstractmethod
    async def _start(self) -> None: ...

    async def _stop(self) -> None:
        """End what `_start` started, other than children; also when it failed half-way."""
        return

    async def _child(self, module: str, *arguments: str) -> tuple[asyncio.subprocess.Process, str]:
        """Run a module; returns it with the first line that it prints."""
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", module, *arguments),
            cwd=ROOT,
            stdout=asyncio.subprocess.PIPE,
        )
        self._children.append(child)
        assert child.stdout is not None
        line = (await asyncio.wait_for(child.stdout.readline(), 10)).decode().strip()
        assert line, f"{module} did not start"
        return child, line

    async def _cli(self, command: str) -> str:
        return str(await asyncio.to_thread(self.asterisk.cli, command))

    async def _accept_callers(self, context: str, *applications: str) -> None:
        """An endpoint for the callers' address, and the dialplan that it enters."""
        for priority, application in enumerate(applications, 1):
            entry = f"{NUMBER},{priority},{application}"
            await self._cli(f"dialplan add extension {entry} into {context}")
        endpoint = {"transport": "transport-udp", "context": context, "disallow": "all"}
        endpoint |= {"allow": "ulaw", "direct_media": "no", "timers": "no"}
        async with ari(self.asterisk) as session:
            await put_config(session, "endpoint", "bench", endpoint)
            await put_config(session, "identify", "bench", {"endpoint": "bench", "match": CALLERS})


class DialplanSubject(Subject):
    """Asterisk alone."""

    name = "a"
    what = "pure dialplan"

    async def _start(self) -> None:
        await self._accept_callers("bench", "Answer()", f"Playback({self._beep})", "Hangup()")


class SmallestSubject(Subject):
    """The smallest ARI script."""

    name = "b"
    what = "smallest ARI script"

    async def _start(self) -> None:
        it = self.asterisk
        arguments = (f"http://127.0.0.1:{it.http_port}", it.ari_user, it.ari_password)
        self._script, _ = await self._child(
            "tests.bench.smallest", *arguments, "bench", str(self._beep)
        )
        await self._accept_callers("bench", "Stasis(bench)", "Hangup()")

    @property
    def pids(self) -> Mapping[str, int]:
        """Asterisk and the script."""
        return {**super().pids, "server": self._script.pid}


class AdapterSubject(Subject):
    """The adapter with a webhook application."""

    name = "c"
    what = "adapter and webhooks"

    async def _start(self) -> None:
        port = free_port()
        url = f"http://127.0.0.1:{port}"
        folder = self._folder / "c"
        self._adapter = AdapterProcess(
            folder,
            asterisk=self.asterisk,
            carrier_sip_port=9,
            event_url=f"{url}/events",
            webhook_port=port,
        )
        beep = self._beep.with_suffix(".wav")
        provision = PROVISION.format(url=f"{url}/events", prompt=PROMPT, file=beep)
        (folder / "provision.toml").write_text(provision)
        self._customer, _ = await self._child(
            "tests.bench.application", str(port), self._adapter.base, APP_ID, APP_KEY
        )
        self._customer_session = aiohttp.ClientSession(url)
        await self._adapter.cli("apply", "provision.toml")
        await self._adapter.start()

    async def _stop(self) -> None:
        if hasattr(self, "_adapter"):
            await self._adapter.kill()
        if hasattr(self, "_customer_session"):
            await self._customer_session.close()

    @property
    def pids(self) -> Mapping[str, int]:
        """Asterisk, the adapter and the application."""
        return {**super().pids, "server": self._adapter.pid, "application": self._customer.pid}

    async def arrivals(self) -> list[tuple[str, str, float]]:
        """The webhooks that came since the last time: event, channel id, arrival."""
        async with self._customer_session.get("/arrivals") as answer:
            return [(name, channel, at) for name, channel, at in await answer.json()]


def ari(asterisk: Instance) -> aiohttp.ClientSession:
    """An HTTP session on an Asterisk's ARI."""
    credentials = f"{asterisk.ari_user}:{asterisk.ari_password}"
    token = base64.b64encode(credentials.encode()).decode()
    headers = {"Authorization": f"Basic {token}"}
    return aiohttp.ClientSession(f"http://127.0.0.1:{asterisk.http_port}", headers=headers)


async def put_config(
    session: aiohttp.ClientSession, kind: str, name: str, fields: Mapping[str, str]
) -> None:
    """Make a dynamic PJSIP object."""
    body = {"fields": [{"attribute": key, "value": value} for key, value in fields.items()]}
    url = f"/ari/asterisk/config/dynamic/res_pjsip/{kind}/{name}"
    async with session.put(url, json=body) as answer:
        answer.raise_for_status()
