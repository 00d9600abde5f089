"""Real Asterisks for tests, through the launcher's command line. Needs no pytest.

Calls block for a fraction of a second (a process is started), on purpose: they are rare.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

LAUNCHER = Path(__file__).resolve().parents[2] / "asterisk-conf" / "launcher"
_LOOK_AGAIN = 0.02  # seconds


class LauncherFailed(RuntimeError):
    """The launcher's one line about what is wrong."""


def launch(*arguments: str) -> str:
    """Run a launcher command and return what it prints. Raises LauncherFailed."""
    done = subprocess.run(
        [sys.executable, str(LAUNCHER), *arguments], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise LauncherFailed(done.stderr.strip())
    return done.stdout


class Instance:
    """The adapter's Asterisk in `dir` (keep the path short: below 80 characters).

    Ports and password are known after `start`, and stay over `restart`. `options` go to
    `launcher start` as they are.
    """

    role = "adapter"

    def __init__(self, dir: Path | str, *options: str) -> None:  # noqa: A002
        self.dir = Path(dir)
        self._options = options
        self._report: dict[str, Any] = {}

    def start(self) -> None:
        """Render and start, and wait until ARI answers."""
        where = ("--role", self.role, "--dir", str(self.dir))
        self._report = json.loads(launch("start", *where, *self._options))

    def restart(self) -> None:
        """Start again after a stop or kill (or end it first): same ports, same password."""
        self._report = json.loads(launch("restart", "--dir", str(self.dir)))

    def stop(self) -> None:
        """SIGTERM: peers get a BYE. After 5 s SIGKILL. Nothing happens when it is down."""
        launch("stop", "--dir", str(self.dir))

    def kill(self) -> None:
        """SIGKILL: peers hear nothing of it."""
        launch("kill", "--dir", str(self.dir))

    def cli(self, command: str) -> str:
        """Run a command of Asterisk's own, "core show channels count" for one."""
        return launch("cli", "--dir", str(self.dir), command)

    @property
    def running(self) -> bool:
        """Whether this very process lives (a zombie does not)."""
        try:
            stat = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            return False
        return stat[0] not in {"Z", "X"} and stat[19] == self._report["born"]

    @property
    def pid(self) -> int:
        """Process id of Asterisk."""
        return int(self._report["pid"])

    @property
    def http_port(self) -> int:
        """TCP port of ARI, REST and events."""
        return int(self._report["http_port"])

    @property
    def ami_port(self) -> int:
        """TCP port of AMI."""
        return int(self._report["ami_port"])

    @property
    def sip_port(self) -> int:
        """UDP and TCP port of SIP."""
        return int(self._report["sip_port"])

    @property
    def tls_port(self) -> int:
        """TCP port of SIP over TLS; 0 without a certificate."""
        return int(self._report["tls_port"])

    @property
    def rtp_ports(self) -> tuple[int, int]:
        """First and last UDP port of RTP."""
        return int(self._report["rtp_start"]), int(self._report["rtp_end"])

    @property
    def ari_url(self) -> str:
        """http://HOST:PORT/ari"""
        return str(self._report["ari_url"])

    @property
    def ari_user(self) -> str:
        """User name of ARI."""
        return str(self._report["ari_user"])

    @property
    def ari_password(self) -> str:
        """Password of ARI."""
        return str(self._report["ari_password"])

    @property
    def app(self) -> str:
        """Name of the Stasis application that calls go to."""
        return str(self._report["app"])


class Carrier(Instance):
    """The simulated carrier: numbers that behave (docs/carrier.md), calls to the adapter."""

    role = "carrier"

    def __init__(self, dir: Path | str, adapter_sip: int | str, *options: str) -> None:  # noqa: A002
        """`adapter_sip`: HOST:PORT of the adapter's Asterisk, or its port on loopback."""
        where = f"127.0.0.1:{adapter_sip}" if isinstance(adapter_sip, int) else adapter_sip
        super().__init__(dir, "--adapter-sip", where, *options)

    @property
    def trunk_password(self) -> str:
        """Password of the account `subscriber`, for a trunk that registers."""
        return str(self._report["trunk_password"])

    def call(
        self,
        to: str,
        from_: str,
        behave: str = "",
        headers: Mapping[str, str] | None = None,
        *,
        name: str = "",
        via: str = "adapter",
        timeout: float = 60.0,
    ) -> str:
        """Call the adapter; returns the channel's id while it rings (at most `timeout` seconds).

        `behave` are steps after the answer: echo, speak, machine, press:KEYS, wait:S, hangup[:S],
        joined by commas. Then the line stays open until the adapter hangs up.
        """
        more = [f"--header={key}: {value}" for key, value in (headers or {}).items()]
        answer = launch(
            *("call", "--dir", str(self.dir), f"--to={to}", f"--from={from_}"),
            *(f"--behave={behave}", f"--name={name}", f"--via={via}", f"--timeout={timeout}"),
            *more,
        )
        return str(json.loads(answer)["channel"])

    def cancel(self, channel: str) -> bool:
        """End a call: CANCEL before the answer, BYE after it. False when it was over already."""
        answer = launch("cancel", "--dir", str(self.dir), f"--channel={channel}")
        return bool(json.loads(answer)["was_up"])

    def recordings(self, number: str, channel: str = "") -> list[Path]:
        """WAV files of what was heard in calls to or from `number`, the oldest first.

        8 kHz, mono, 16 bit, from the answer on. Whole once the call is over.
        """
        plain = re.sub(r"[^0-9A-Za-z]", "", number)
        found = (self.dir / "heard").glob(f"{plain}-{channel or '*'}.wav")
        return sorted(found, key=lambda file: file.stat().st_mtime_ns)

    def heard(self, number: str, channel: str = "", timeout: float = 5.0) -> Path:
        """The newest recording for `number`, once it is whole. Raises TimeoutError."""
        limit = time.monotonic() + timeout
        while True:
            if (found := self.recordings(number, channel)) and _is_whole(found[-1]):
                return found[-1]
            if time.monotonic() > limit:
                raise TimeoutError(f"no whole recording for {number}: {found}")
            time.sleep(_LOOK_AGAIN)


def _is_whole(wav: Path) -> bool:
    """Whether the header has the sizes; Asterisk writes them when the call ends."""
    with wav.open("rb") as file:
        head = file.read(44)
    size = wav.stat().st_size
    sizes = (int.from_bytes(head[4:8], "little"), int.from_bytes(head[40:44], "little"))
    return len(head) == 44 and size > 44 and sizes == (size - 8, size - 44)
