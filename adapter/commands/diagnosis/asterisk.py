"""Asterisk as it is configured: version, application, AMI, clock, RTP ports.

Whether audio goes both ways between it and us is `adapter.commands.diagnosis.audio`, and SIP is
`transports`, `sip_tls` and `endpoints` there.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from datetime import datetime
from typing import Final
from urllib.parse import urlsplit

from adapter.ami.connection import Connection
from adapter.ami.errors import AmiError, NoAnswer, Refused
from adapter.ari.client import AriClient
from adapter.ari.errors import AriError, Unauthorized, Unavailable, Unreachable
from adapter.commands.diagnosis import Result, Results
from adapter.settings import Asterisk

OLDEST: Final = (22, 10, 1)
"""The oldest that will do: earlier ones have a denial of service (asterisk-conf/README.md)."""

_VERSION = re.compile(r"(\d+)\.(\d+)(?:\.(\d+))?")
_RTP_LINE = re.compile(r"(rtpstart|rtpend)\s*=>?\s*(\d{1,5})", re.IGNORECASE)
_RTP_DEFAULT = (5000, 31000)  # without rtp.conf (Asterisk 22, res_rtp_asterisk.c)
_SKEW = 2.0  # seconds; webhooks and tokens tolerate much more
_FEW_LEGS = 50
_LOGIN = 2.5  # seconds


class Listing(Connection):
    """A login to AMI that can ask for lists.

    An action that is answered with a list is answered at once, and then come its items: as events,
    whichever of these the user may have.
    """

    def __init__(self) -> None:
        super().__init__()
        self._items: asyncio.Queue[Mapping[str, str]] = asyncio.Queue()

    def dispatch(self, item: object) -> None:
        """Take an item."""
        assert isinstance(item, Mapping)  # noqa: S101 - panoramisk's Message is one
        self._items.put_nowait({name.lower(): str(value) for name, value in item.items()})

    async def listed(self, action: str) -> list[Mapping[str, str]]:
        """Ask for a list; its items, with their names in lower case.

        Raises:
            AmiError: see `Connection.ask`; or it was closed in the middle of the list.
        """
        await self.ask(action, {})
        items: list[Mapping[str, str]] = []
        while not items or items[-1].get("eventlist") != "Complete":
            items.append(await self._items.get())
            if not items[-1]:
                raise NoAnswer(action, "the connection was closed")
        return items[:-1]

    def connection_lost(self, reason: object) -> None:
        """Called by panoramisk."""
        super().connection_lost(reason)
        self._items.put_nowait({})


def client(asterisk: Asterisk, app: str = "") -> AriClient:
    """ARI as the settings say, with less patience."""
    password = asterisk.password.reveal()
    name = app or asterisk.app
    return AriClient(asterisk.url, asterisk.username, password, app=name, timeout=2.0)


@asynccontextmanager
async def manager(asterisk: Asterisk) -> AsyncIterator[Listing]:
    """A login to AMI, as the settings say."""
    host = asterisk.ami_host or urlsplit(asterisk.url).hostname or "127.0.0.1"
    user = asterisk.ami_username or asterisk.username
    secret = asterisk.ami_password.reveal() or asterisk.password.reveal()
    try:
        async with asyncio.timeout(_LOGIN):
            connection = await Listing.open(host, asterisk.ami_port, user, secret)
    except Refused as error:
        advice = "asterisk.ami_username and ami_password are not those of manager.conf"
        raise AmiError(f"user {user} is refused ({error.message}); {advice}") from error
    except OSError as error:  # a TimeoutError is one
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
