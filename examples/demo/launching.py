"""Asterisk and the simulated carrier, through the launcher (asterisk-conf/README.md)."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from examples.demo.errors import DemoFailed

ROOT = Path(__file__).resolve().parents[2]
LAUNCHER = ROOT / "asterisk-conf" / "launcher"


async def launcher(*arguments: str) -> Any:
    """Run one command of the launcher; returns the JSON that it prints.

    It is never left alone: when we are cancelled meanwhile, it is waited for, so that whoever ends
    what it has started finds it complete.

    Raises:
        DemoFailed: it failed; with its reason.
    """
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, str(LAUNCHER), *arguments),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,  # Ctrl-C is for us
    )
    running = asyncio.ensure_future(process.communicate())
    try:
        output, errors = await asyncio.shield(running)
    except asyncio.CancelledError:
        await running
        raise
    if process.returncode:
        raise DemoFailed(errors.decode().strip() or f"launcher {arguments[0]} failed")
    return json.loads(output)


class Instance:
    """One Asterisk of the launcher's: the adapter's, or the one that plays the carrier."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._report: dict[str, Any] = {}

    async def start(self, *options: str) -> None:
        """Start it and wait until it answers. Raises DemoFailed."""
        self._report = await launcher("start", "--dir", str(self.folder), *options)

    async def stop(self) -> None:
        """End it, whatever state it is in; does nothing when it never was started."""
        if (self.folder / "instance.json").exists():
            await launcher("stop", "--dir", str(self.folder))

    @property
    def sip(self) -> str:
        """Address and port of its SIP side."""
        return f"{self._report['bind']}:{self._report['sip_port']}"

    @property
    def ari(self) -> tuple[str, str, str]:
        """URL, user and password of its ARI."""
        report = self._report
        return report["ari_url"], report["ari_user"], report["ari_password"]

    @property
    def alive(self) -> bool:
        """Whether its process is there and not just waiting to be buried (proc(5), stat)."""
        try:
            stat = Path(f"/proc/{self._report['pid']}/stat").read_text()
        except (KeyError, FileNotFoundError, ProcessLookupError):
            return False
        return stat.rpartition(")")[2].split()[0] not in ("Z", "X")

    async def call(self, *, to: str, caller: str, behave: str) -> None:
        """The carrier calls in, and behaves so once it is answered."""
        options = ("--to", to, "--from", caller, "--behave", behave)
        await launcher("call", "--dir", str(self.folder), *options)

    async def heard(self, number: str) -> list[Path]:
        """Recordings of what the carrier heard in calls to or from a number, the oldest first."""
        files = await launcher("heard", "--dir", str(self.folder), "--number", number)
        return [Path(file) for file in files]
