"""Calls that the simulated carrier makes, and what it heard in them.

Behaviours are lists of steps, the same as behind the carrier's numbers (carrier/extensions.conf).
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Mapping
from pathlib import Path

from launcher import ari
from launcher.errors import LauncherError
from launcher.instance import Instance
from launcher.settings import CARRIER

_STEP = re.compile(
    r"^(?:echo|speak|machine|press:[0-9A-D*#w]{1,64}|wait:\d{1,3}(?:\.\d{1,3})?"
    r"|hangup(?::\d{1,3}(?:\.\d{1,3})?)?)$"
)
_NUMBER = re.compile(r"^\+?[0-9A-Za-z*#._-]{1,64}$")
_HEADER = re.compile(r"^([A-Za-z][A-Za-z0-9-]{0,63}):[ ]?([\x20-\x7e]{0,512})$")
_NAME = re.compile(r'^[^"\\\x00-\x1f\x7f]{1,64}$')
VIA = ("adapter", "subscriber", "secure")


def steps(behave: str) -> str:
    """Check a behaviour, "wait:2,press:12#,hangup:3". Raises LauncherError for an unknown step."""
    for step in filter(None, behave.split(",")):
        if _STEP.match(step) is None:
            raise LauncherError(
                f"unknown step {step!r}: echo, speak, machine, press:KEYS, wait:S or hangup[:S]"
            )
    return behave


def headers(lines: Iterable[str]) -> dict[str, str]:
    """SIP headers from "Name: value" lines. Raises LauncherError when one is malformed."""
    found: dict[str, str] = {}
    for line in lines:
        match = _HEADER.match(line)
        if match is None:
            raise LauncherError(f"not a header: {line!r}")
        found[match[1]] = match[2]
    return found


def call(
    carrier: Instance,
    to: str,
    caller: str,
    behave: str = "",
    sip_headers: Mapping[str, str] | None = None,
    name: str = "",
    via: str = "adapter",
    timeout: float = 60.0,
) -> str:
    """Call `to` at the adapter from the number `caller`; returns the channel's id at once.

    `behave` starts when the call is answered; after its last step the line stays open until the
    adapter hangs up. `timeout` is how long it may ring, in seconds.
    """
    _only_carrier(carrier)
    for number in (to, caller):
        if _NUMBER.match(number) is None:
            raise LauncherError(f"not a number: {number!r}")
    if name and _NAME.match(name) is None:
        raise LauncherError(f"not a caller's name: {name!r}")
    if via not in VIA:
        raise LauncherError(f"--via is one of {', '.join(VIA)}")
    channel = f"in-{secrets.token_hex(6)}"
    added = {f"PJSIP_HEADER(add,{key})": value for key, value in (sip_headers or {}).items()}
    query = {
        "endpoint": f"PJSIP/{to}@{via}",
        "context": "outbound",
        "extension": "s",
        "priority": "1",
        "callerId": f'"{name}" <{caller}>' if name else caller,
        "timeout": str(round(timeout)),
        "channelId": channel,
    }
    variables = {"STEPS": steps(behave), "HEARD": to, **added}
    ari.request(carrier.settings, "POST", "channels", query, {"variables": variables})
    return channel


def cancel(carrier: Instance, channel: str) -> bool:
    """End a call, answered (BYE) or not (CANCEL); returns whether it was still there."""
    _only_carrier(carrier)
    try:
        ari.request(carrier.settings, "DELETE", f"channels/{channel}")
    except ari.Refused as refusal:
        if refusal.status == 404:
            return False
        raise
    return True


def heard(folder: Path, number: str) -> list[Path]:
    """Recordings of what the carrier heard in calls to or from a number, the oldest first.

    Named NUMBER-CHANNEL.wav, letters and digits of the number only.
    """
    plain = re.sub(r"[^0-9A-Za-z]", "", number)
    found = (folder / "heard").glob(f"{plain}-*.wav")
    return sorted(found, key=lambda file: file.stat().st_mtime_ns)


def _only_carrier(instance: Instance) -> None:
    if instance.settings.role != CARRIER:
        raise LauncherError("that is not a carrier's folder")
    if not instance.is_up:
        raise LauncherError(f"the carrier in {instance.settings.dir} is not running")
