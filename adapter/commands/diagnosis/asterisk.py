"""Asterisk as it is configured: version, application, AMI, clock, RTP ports, NAT.

Whether audio goes both ways between it and us is `adapter.commands.diagnosis.audio`.
"""

from __future__ import annotations

import asyncio
import re
import socket
import time
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import datetime
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from adapter.ami.connection import Connection
from adapter.ami.errors import AmiError, Refused
from adapter.ari.client import AriClient
from adapter.ari.errors import AriError, Unauthorized, Unavailable, Unreachable
from adapter.commands.diagnosis import Result, Results
from adapter.core.tenants import Trunk
from adapter.settings import Asterisk

OLDEST: Final = (22, 10, 1)
"""The oldest that will do: earlier ones have a denial of service (asterisk-conf/README.md)."""

_VERSION = re.compile(r"(\d+)\.(\d+)(?:\.(\d+))?")
_RTP_LINE = re.compile(r"(rtpstart|rtpend)\s*=>?\s*(\d{1,5})", re.IGNORECASE)
_RTP_DEFAULT = (5000, 31000)  # without rtp.conf (Asterisk 22, res_rtp_asterisk.c)
_SKEW = 2.0  # seconds; webhooks and tokens tolerate much more
_FEW_LEGS = 50
_TRANSPORTS = ("transport-udp", "transport-tcp")  # asterisk-conf/adapter/pjsip.conf
_ANYWHERE = ("192.0.2.1", 9)  # documentation (RFC 5737): nothing is sent there


def client(asterisk: Asterisk, app: str = "") -> AriClient:
    """ARI as the settings say, with less patience."""
    password = asterisk.password.reveal()
    name = app or asterisk.app
    return AriClient(asterisk.url, asterisk.username, password, app=name, timeout=2.0)


@asynccontextmanager
async def manager(asterisk: Asterisk) -> AsyncIterator[Connection]:
    """A login to AMI, as the settings say."""
    host = asterisk.ami_host or urlsplit(asterisk.url).hostname or "127.0.0.1"
    user = asterisk.ami_username or asterisk.username
    secret = asterisk.ami_password.reveal() or asterisk.password.reveal()
    try:
        connection = await Connection.open(host, asterisk.ami_port, user, secret)
    except Refused as error:
        advice = "asterisk.ami_username and ami_password are not those of manager.conf"
        raise AmiError(f"user {user} is refused ({error.message}); {advice}") from error
    except OSError as error:
        advice = "is manager.conf enabled, and are asterisk.ami_host and ami_port right?"
        raise AmiError(f"no answer from {host}:{asterisk.ami_port}; {advice}") from error
    try:
        yield connection
    finally:
        connection.close()


async def ari(asterisk: Asterisk) -> Results:
    """Whether it answers, which version it is, and whether its clock is ours."""
    with advised(asterisk):
        async with client(asterisk) as asked:
            yield version((await asked.info()).version)
            yield clock((await asked.ping()).timestamp, time.time())
            application = await asked.get_application()
            state = "known to Asterisk" if application else "not used yet (the server is not there)"
            yield Result(
                "ari", "ok", f"user {asterisk.username}; application {asterisk.app} {state}"
            )


@contextmanager
def advised(asterisk: Asterisk) -> Iterator[None]:
    """What to do about the usual errors."""
    try:
        yield
    except (Unreachable, Unavailable) as error:
        advice = "is it running, with http.conf enabled, and is asterisk.url right?"
        raise AriError(f"no answer from {asterisk.url} ({error}); {advice}") from error
    except Unauthorized as error:
        advice = "asterisk.username and password are not those of ari.conf"
        raise AriError(f"{asterisk.url} refuses us; {advice}") from error


def version(text: str) -> Result:
    """Judge a version of Asterisk such as ``22.10.1``."""
    oldest = ".".join(map(str, OLDEST))
    match = _VERSION.match(text)
    if match is None:
        return Result("asterisk", "warning", f"version {text!r}; {oldest} or a later 22 is needed")
    found = tuple(int(part or 0) for part in match.groups())
    if found < OLDEST:
        return Result("asterisk", "failed", f"version {text}: update it to {oldest} or a later 22")
    if found[0] > OLDEST[0]:
        return Result("asterisk", "warning", f"version {text}: only 22 has been tested")
    return Result("asterisk", "ok", f"version {text}")


def clock(theirs: str, ours: float) -> Result:
    """Judge Asterisk's time, as ARI writes it, against ours in seconds since the epoch."""
    try:
        ahead = datetime.fromisoformat(theirs).timestamp() - ours
    except ValueError:
        return Result("clock", "warning", "Asterisk does not say what time it is")
    if abs(ahead) > _SKEW:
        way = "ahead of" if ahead > 0 else "behind"
        text = f"Asterisk is {abs(ahead):.0f} s {way} this machine: let NTP set both"
        return Result("clock", "warning", text)
    return Result("clock", "ok", "the same time in Asterisk and here")


async def ami(asterisk: Asterisk) -> Results:
    """Whether AMI takes our login, and how many ports there are for audio."""
    async with manager(asterisk) as connection:
        await connection.ask("Ping", {})
        yield Result("ami", "ok", f"logged in at port {asterisk.ami_port}")
        try:
            answer = await connection.ask("GetConfig", {"Filename": "rtp.conf"})
        except Refused as refused:
            text = f"rtp.conf can't be read ({refused.message}); the AMI user needs write=system"
            yield Result("rtp", "warning", text)
            return
    yield ports(answer.values())


def ports(lines: Iterable[str]) -> Result:
    """Judge the ports for audio: lines of rtp.conf."""
    found = {match[1].lower(): int(match[2]) for line in lines if (match := _RTP_LINE.match(line))}
    start, end = found.get("rtpstart", _RTP_DEFAULT[0]), found.get("rtpend", _RTP_DEFAULT[1])
    legs = (end - start + 1) // 2
    text = f"UDP {start} to {end} in rtp.conf: {max(legs, 0)} legs, a connected call has two"
    if legs < 1:
        return Result("rtp", "failed", f"{text}; set rtpstart and rtpend")
    if legs < _FEW_LEGS:
        return Result("rtp", "warning", f"{text}; more calls than that get no audio")
    return Result("rtp", "ok", text)


async def nat(asterisk: Asterisk, trunks: Iterable[Trunk]) -> Results:
    """Whether trunks in the internet are told an address that they can reach."""
    public = sorted(trunk.name for trunk in trunks if _is_public(trunk.uri))
    if not public:
        yield Result("nat", "ok", "no trunk is in the public internet")
        return
    async with client(asterisk) as asked:
        found = [await asked.get_config("transport", name) for name in _TRANSPORTS]
    transports = [one for one in found if one]
    host = urlsplit(asterisk.url).hostname or ""
    binds = [one["bind"] for one in transports if "bind" in one]
    address = await asyncio.to_thread(_own_address, host, binds)
    told = {one.get("external_media_address", "") for one in transports} - {""}
    yield translation(public, address, told, known=bool(transports))


def translation(public: list[str], address: str, told: set[str], *, known: bool) -> Result:
    """Judge what carriers are told to send their audio to.

    Args:
        public: names of the trunks in the internet.
        address: Asterisk's own.
        told: in its place, by its transports.
        known: whether there are transports of the names that we know.
    """
    if told:
        return Result("nat", "ok", f"carriers are told {', '.join(sorted(told))}")
    if ip_address(address).is_global:
        return Result("nat", "ok", f"Asterisk's own address {address} is public")
    unset = "no external_media_address is set" if known else "its transports have other names"
    text = f"trunk {', '.join(public[:3])}: Asterisk is at {address}, which is not public, and "
    advice = "there may be no audio (asterisk-conf/README.md)"
    return Result("nat", "warning", f"{text}{unset}: {advice}")


def _is_public(uri: str) -> bool:
    """Whether a trunk is in the internet; a host name is taken to be."""
    host = re.sub(r"^sips?:(?:[^@]*@)?", "", uri).partition(";")[0]
    host = host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]
    try:
        return ip_address(host).is_global
    except ValueError:
        return "." in host


def _own_address(host: str, binds: Iterable[str]) -> str:
    """Where Asterisk's SIP is bound to, else its machine's address; this one's by its route."""
    for bind in binds:
        bound = bind.rpartition(":")[0].strip("[]")
        if bound and not ip_address(bound).is_unspecified:
            return bound
    address = socket.gethostbyname(host)
    if not ip_address(address).is_loopback:
        return address
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(_ANYWHERE)
        except OSError:  # no route to anywhere
            return address
        return str(probe.getsockname()[0])
