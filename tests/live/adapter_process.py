"""The adapter as its users run it: a process of its own, that can be killed and started again."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from pathlib import Path

import aiohttp

from tests.live.asterisk import Instance

APP_ID = "5f1c8a52e4b0"
APP_KEY = "key-of-the-test-app-0001"
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def free_port() -> int:
    """A TCP port on loopback that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class AdapterProcess:
    """One adapter: its folder, settings, provisioning, process and API.

    It reaches ARI and AMI at other ports than Asterisk's when something is to stand between.
    """

    def __init__(
        self,
        folder: Path,
        *,
        asterisk: Instance,
        ari_port: int | None = None,
        ami_port: int | None = None,
        carrier_sip_port: int,
        event_url: str,
        webhook_port: int,
        extra: str = "",
    ) -> None:
        self.folder = folder
        self.port = free_port()
        self.base = f"http://127.0.0.1:{self.port}"
        self._process: asyncio.subprocess.Process | None = None
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "ari-voice.toml").write_text(
            f"""
cell = "00ff"
[http]
port = {self.port}
[asterisk]
url = "http://127.0.0.1:{ari_port or asterisk.http_port}"
username = "{asterisk.ari_user}"
password = "{asterisk.ari_password}"
ami_port = {ami_port or asterisk.ami_port}
[recordings]
folder = "{folder / "recordings"}"
[webhooks]
allow = ["127.0.0.1:{webhook_port}"]
retry = [0.2, 0.5, 1, 1, 1, 1, 1, 2, 2, 2, 2, 5, 5, 5, 5, 5, 10, 10, 10, 10, 10, 10]
[drain]
timeout = 5
{extra}
"""
        )
        (folder / "provision.toml").write_text(
            f"""
[[app]]
id = "{APP_ID}"
key = "{APP_KEY}"
event_url = "{event_url}"
webhook_secret = "{SECRET}"
allowed_destinations = ["+1555", "sip:127.0.0.1", "0003*210"]
[[trunk]]
name = "carrier"
uri = "sip:127.0.0.1:{carrier_sip_port}"
match = ["127.0.0.1"]
[[number]]
number = "+15551000"
app = "{APP_ID}"
trunk = "carrier"
accept_timeout = 10
[[number]]
number = "+15551001"
app = "{APP_ID}"
trunk = "carrier"
greeting = "default"
[[number]]
number = "+15551002"
app = "{APP_ID}"
trunk = "carrier"
outbound_greeting = "default"
[[number]]
number = "+15551003"
app = "{APP_ID}"
trunk = "carrier"
outbound = false
[[phone]]
extension = "0003*210"
password = "a-long-password"
name = "Test Phone"
"""
        )

    @property
    def pid(self) -> int:
        """Process id while it runs."""
        assert self._process is not None
        return self._process.pid

    async def cli(self, *arguments: str, check: bool = True) -> str:
        """Run `ari-voice ARGUMENTS`; returns what it printed."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "adapter", "--config", "ari-voice.toml", *arguments),
            cwd=self.folder,
            env=self._environment(),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output, _ = await process.communicate()
        assert not check or process.returncode == 0, output.decode()
        return output.decode()

    async def start(self, *, ready: bool = True) -> None:
        """Start, and wait until it is ready."""
        with (self.folder / "adapter.log").open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "adapter", "--config", "ari-voice.toml", "serve"),
                cwd=self.folder,
                env=self._environment(),
                stdout=log,
                stderr=log,
            )
        if ready:
            await self.wait_ready()

    async def wait_ready(self, seconds: float = 20.0) -> None:
        """Wait until /readyz is 200."""
        async with asyncio.timeout(seconds), aiohttp.ClientSession() as session:
            while True:
                assert self._process is not None
                assert self._process.returncode is None, self.log()[-3000:]
                try:
                    async with session.get(f"{self.base}/readyz") as answer:
                        if answer.status == 200:
                            return
                except aiohttp.ClientError:
                    pass
                await asyncio.sleep(0.05)

    async def kill(self) -> None:
        """`kill -9`."""
        await self._end(signal.SIGKILL)

    async def stop(self) -> None:
        """SIGTERM, and wait for the drain."""
        await self._end(signal.SIGTERM)

    async def ended(self) -> None:
        """Wait for its end."""
        assert self._process is not None
        await self._process.wait()

    async def _end(self, number: int) -> None:
        process, self._process = self._process, None
        if process is None or process.returncode is not None:
            return
        process.send_signal(number)
        await process.wait()

    def log(self) -> str:
        """What it logged so far."""
        return (self.folder / "adapter.log").read_text()

    def _environment(self) -> dict[str, str]:
        root = str(Path(__file__).parents[2])
        return {**os.environ, "PYTHONPATH": root}
