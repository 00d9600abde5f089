"""What `--stay` prints: where everything is, and what to try."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

from examples.demo.launching import LAUNCHER
from examples.demo.server import DOMAIN_NUMBER, NUMBER, PHONE
from examples.demo.stage import Stage
from examples.demo.telling import Teller

_CARRIER = {
    "+15550100": "answers and echoes",
    "+15550103": "answers and speaks",
    "+15553061": "answers, waits 6 s, presses 1 (+15553 WW KEYS)",
    "+15552205": "answers, hangs up after 5 s (+155522 SS)",
    "+15550107": "rings out",
    "+15550486": "is busy (+15550 and a SIP status)",
}


def tell(stage: Stage, teller: Teller) -> None:
    """Print it all."""
    account = stage.account
    teller.heading("Where")
    teller.quote(
        [
            f"API              {stage.server.base_url}/voice/v1",
            f"for browsers     {stage.server.base_url}/docs",
            f"app id, app key  {account.app_id}  {account.app_key}",
            f"webhook secret   {account.webhook_secret}",
            f"its number       {NUMBER}",
            f"Mediaservice     {DOMAIN_NUMBER}, answered by examples/mediaservice_ivr.py",
            f"files, log       {stage.server.folder}",
        ]
    )
    teller.heading("Numbers of the simulated carrier (all of them: docs/carrier.md)")
    teller.quote(f"{number:<12}  {what}" for number, what in _CARRIER.items())
    teller.heading("A softphone on this machine")
    teller.quote(
        [
            f"server {stage.asterisk.sip} (UDP), user {PHONE}, password {account.phone_password}",
            f"call {NUMBER.removeprefix('+')} from it for the menu",
            f"call {DOMAIN_NUMBER.removeprefix('+')} for the menu of the other contract",
        ]
    )
    teller.heading("To copy")
    teller.quote(_commands(stage))


def _commands(stage: Stage) -> Iterator[str]:
    account = stage.account
    curl = f"curl -s -u {shlex.quote(f'{account.app_id}:{account.app_key}')}"
    calls = f"{stage.server.base_url}/voice/v1/call"
    said = '{"text": "Hello.", "language": "en-US", "voice": "female"}'
    carrier = _relative(stage.carrier.folder)
    ari_voice = f"{_relative(Path(sys.executable).parent)}/ari-voice"
    config = f"--config {_relative(stage.server.settings)}"
    yield "# a call, to which the example application speaks its menu; note the voice_id"
    yield _order(curl, calls, "+15553061")
    yield "# the softphone rings"
    yield _order(curl, calls, PHONE)
    yield "# state of a call; speech on it (408 while the menu plays); its end"
    yield f"{curl} {calls}/VOICE_ID"
    yield f"{curl} -X PUT {calls}/VOICE_ID/play -d '{said}'"
    yield f"{curl} -X DELETE {calls}/VOICE_ID"
    yield "# somebody calls in and presses 1"
    yield (
        f"python3 {_relative(LAUNCHER)} call --dir {carrier} "
        f"--from +15557770001 --to {NUMBER} --behave wait:6,press:1"
    )
    yield "# what became of calls"
    yield f"{ari_voice} {config} calls"
    yield f"{ari_voice} {config} why VOICE_ID"


def _order(curl: str, calls: str, to: str) -> str:
    return f"""{curl} {calls} -d '{{"from": "{NUMBER}", "to": "{to}"}}'"""


def _relative(path: Path) -> str:
    """As short as it can be written from here."""
    here = os.path.relpath(path)
    return str(path) if here.startswith("..") else here
