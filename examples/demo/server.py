"""The adapter as a process of its own: its two files, its start, its end."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from dataclasses import dataclass
from pathlib import Path

import aiohttp
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from examples.demo.errors import DemoFailed
from examples.demo.launching import ROOT

NUMBER = "+15551000"
DOMAIN = "demo.example"
DOMAIN_NUMBER = "+15551001"
PHONE = "0003*210"

_SETTINGS = """\
[http]
port = {port}
[asterisk]
url = "{ari_url}"
username = "{ari_user}"
password = "{ari_password}"
[database]
path = "ari-voice.db"
[media]
folder = "media"
[webhooks]
allow = ["127.0.0.1:{webhook_port}", "127.0.0.1:{ivr_port}"]
[plugins.espeak]
command = "{espeak}"
[log]
format = "text"
[drain]
timeout = 5
"""
_PROVISIONING = """\
[[app]]
id = "{app_id}"
key = "{app_key}"
event_url = "{event_url}"
webhook_secret = "{webhook_secret}"
allowed_destinations = ["+1555", "{phone}"]
[[trunk]]
name = "carrier"
uri = "sip:{carrier_sip}"
match = ["127.0.0.1"]
[[number]]
number = "{number}"
app = "{app_id}"
trunk = "carrier"
[[domain]]
name = "{domain}"
callback_url = "http://127.0.0.1:{ivr_port}"
api_public_key_file = "domain-public.pem"
[[number]]
number = "{domain_number}"
domain = "{domain}"
[[phone]]
extension = "{phone}"
password = "{phone_password}"
name = "Softphone"
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """The application's account, and the softphone's password. Made anew for each run."""

    app_id: str
    app_key: str
    webhook_secret: str
    phone_password: str


def free_port() -> int:
    """A TCP port on loopback that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Server:
    """The adapter.

    Args:
        folder: for its settings, provisioning, database, audio and log.
        port: of its API.
    """

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder
        self.base_url = f"http://127.0.0.1:{port}"
        self.settings = folder / "ari-voice.toml"
        self._port = port
        self._log = folder / "adapter.log"
        self._process: asyncio.subprocess.Process | None = None

    def write_files(
        self,
        account: Account,
        *,
        ari: tuple[str, str, str],
        carrier_sip: str,
        webhook_port: int,
        ivr_port: int,
        espeak: str,
    ) -> None:
        """Write settings and provisioning."""
        self.folder.mkdir(mode=0o700)
        url, user, password = ari
        self.settings.write_text(
            _SETTINGS.format(
                port=self._port,
                ari_url=url,
                ari_user=user,
                ari_password=password,
                webhook_port=webhook_port,
                ivr_port=ivr_port,
                espeak=espeak,
            )
        )
        (self.folder / "domain-public.pem").write_bytes(_public_key())
        (self.folder / "provision.toml").write_text(
            _PROVISIONING.format(
                app_id=account.app_id,
                app_key=account.app_key,
                event_url=f"http://127.0.0.1:{webhook_port}/events",
                webhook_secret=account.webhook_secret,
                carrier_sip=carrier_sip,
                number=NUMBER,
                domain=DOMAIN,
                domain_number=DOMAIN_NUMBER,
                ivr_port=ivr_port,
                phone=PHONE,
                phone_password=account.phone_password,
            )
        )

    async def command(self, *arguments: str) -> list[str]:
        """Run `ari-voice ARGUMENTS`; returns the lines that it prints. Raises DemoFailed."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "adapter", "--config", str(self.settings), *arguments),
            cwd=self.folder,
            env=_environment(),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
        )
        output, _ = await process.communicate()
        text = output.decode()
        if process.returncode:
            raise DemoFailed(f"ari-voice {arguments[0]}: {text.strip()}")
        return text.splitlines()

    async def start(self) -> None:
        """Start, and wait until it is ready. Raises DemoFailed."""
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "adapter", "--config", str(self.settings), "serve"),
                cwd=self.folder,
                env=_environment(),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        async with aiohttp.ClientSession(self.base_url) as session:
            while not await _ready(session):
                if self._process.returncode is not None:
                    raise DemoFailed("the adapter did not start")
                await asyncio.sleep(0.05)

    async def stop(self) -> None:
        """SIGTERM, and SIGKILL when that takes longer than a drain and a while."""
        process = self._process
        if process is None or process.returncode is not None:
            return
        process.terminate()
        try:
            await asyncio.wait_for(process.wait(), 15.0)
        except TimeoutError:
            process.kill()
            await process.wait()

    @property
    def alive(self) -> bool:
        """Whether its process is there."""
        return self._process is not None and self._process.returncode is None

    def last_words(self, lines: int = 15) -> list[str]:
        """The end of its log."""
        return self._log.read_text().splitlines()[-lines:] if self._log.exists() else []


async def _ready(session: aiohttp.ClientSession) -> bool:
    try:
        async with session.get("/readyz") as answer:
            return answer.status == 200
    except aiohttp.ClientConnectionError:
        return False


def _public_key() -> bytes:
    """Of a pair whose private part is thrown away: this application makes no calls of the API."""
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    encoding, form = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    return private.public_key().public_bytes(encoding, form)


def _environment() -> dict[str, str]:
    """Ours, without settings of another adapter; the program is the one of this clone."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("ARI_VOICE_")}
    return {**ours, "PYTHONPATH": str(ROOT)}
