"""Failed authentications are slowed down: guessing a key takes time, a right key does not.

A request counts against its address. Once a user has come in from an address, that user has a count
of its own there, and the address's says nothing about it any more. So whoever guesses from
somewhere else, or at other users behind the same proxy, never slows down who has the right key. The
user alone is not counted: everybody could lock everybody out.

After `FREE` failures in a row each further attempt waits before it is looked at: `FIRST` seconds,
then twice as long each time, up to `LONGEST`. A success begins the user's count anew, a minute
without a failure begins any. Where too many wait already, the next is turned away unseen.

Not here: what lets in, and how a refusal is worded.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final, Protocol, TypeAlias, TypeVar

from aiohttp import web

FREE: Final = 5
FIRST: Final = 0.5
LONGEST: Final = 8.0
MEMORY: Final = 60.0
"""Seconds after the latest failure when they are forgotten."""

ENTRIES: Final = 10_000
WAITING_TOGETHER: Final = 500
WAITING_EACH: Final = 8
"""How many may wait at a time, in all and on one count: at `LONGEST` that is a guess a second."""

_HOPS = 32
_SUBSCRIBER = 64  # bits: what one IPv6 subscriber has at least (RFC 6177)

T = TypeVar("T")
Address: TypeAlias = IPv4Address | IPv6Address
Network: TypeAlias = IPv4Network | IPv6Network
Key: TypeAlias = tuple[str, str]


class TooManyAttempts(Exception):
    """Nothing was looked at.

    Attributes:
        retry_after: whole seconds.
    """

    def __init__(self, retry_after: int) -> None:
        super().__init__(f"again in {retry_after} s")
        self.retry_after = retry_after


class Watcher(Protocol):
    """Is told what happens, for the metrics."""

    def failed(self) -> None:
        """Credentials were wrong."""

    def slowed(self) -> None:
        """An attempt had to wait."""

    def turned_away(self) -> None:
        """An attempt was not looked at."""


class Unwatched(Watcher):
    """Tells nobody."""

    def failed(self) -> None:
        """Nothing."""

    def slowed(self) -> None:
        """Nothing."""

    def turned_away(self) -> None:
        """Nothing."""


@dataclass(slots=True)
class _Count:
    failures: int = 0
    latest: float = 0.0
    waiting: int = 0

    def delay(self, now: float) -> float:
        """Seconds that the next attempt waits."""
        if self.failures < FREE or now - self.latest > MEMORY:
            return 0.0
        return min(LONGEST, FIRST * 2.0 ** min(self.failures - FREE, 32))

    def fail(self, now: float) -> None:
        """One more in a row."""
        self.failures = 1 if now - self.latest > MEMORY else self.failures + 1
        self.latest = now


class Throttle:
    """One for the whole server: all front ends count together.

    Args:
        trusted_proxies: networks of proxies whose X-Forwarded-For is believed.
        watcher: counts.
        now: seconds of a clock that does not jump.
    """

    def __init__(
        self,
        trusted_proxies: Sequence[str] = (),
        watcher: Watcher | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._trusted = tuple(ip_network(network) for network in trusted_proxies)
        self._watcher = watcher or Unwatched()
        self._now = now
        self._counts: OrderedDict[Key, _Count] = OrderedDict()
        self._waiting = 0

    def source(self, request: web.Request) -> str:
        """Where a request comes from, see `source_of`."""
        forwarded = request.headers.getall("X-Forwarded-For", [])
        return source_of(request.remote or "", forwarded, self._trusted)

    async def attempt(self, source: str, user: str, check: Callable[[], T | None]) -> T | None:
        """Look at credentials, perhaps after a while.

        Args:
            source: see `source`.
            user: who it claims to be, with the name of the contract in front.
            check: who it is; None when the credentials are wrong. Must not wait.

        Returns:
            What `check` returned.

        Raises:
            TooManyAttempts: too many wait already.
        """
        own = (source, user)
        key = own if own in self._counts else (source, "")
        count = self._counts.get(key)
        if count is not None and (seconds := count.delay(self._now())):
            await self._wait(count, seconds)
        found = check()
        if found is None:
            self._watcher.failed()
            self._count(key).fail(self._now())
        else:
            self._count(own).failures = 0
        return found

    async def _wait(self, count: _Count, seconds: float) -> None:
        if count.waiting >= WAITING_EACH or self._waiting >= WAITING_TOGETHER:
            self._watcher.turned_away()
            raise TooManyAttempts(math.ceil(seconds))
        self._watcher.slowed()
        count.waiting += 1
        self._waiting += 1
        try:
            await asyncio.sleep(seconds)
        finally:
            count.waiting -= 1
            self._waiting -= 1

    def _count(self, key: Key) -> _Count:
        """The count of a key, now the one that was used last; the oldest makes room for it."""
        count = self._counts.setdefault(key, _Count())
        self._counts.move_to_end(key)
        if len(self._counts) > ENTRIES:
            self._counts.popitem(last=False)
        return count


def source_of(peer: str, forwarded: Sequence[str], trusted: Sequence[Network]) -> str:
    """The address that a request counts against.

    X-Forwarded-For is read from its end, where the nearest proxy has written, and only as far as
    the ones that wrote are trusted: what stands in front of that, anybody may have sent.

    Args:
        peer: address of the connection.
        forwarded: the lines of X-Forwarded-For.
        trusted: networks of our proxies.

    Returns:
        An IPv4 address, or the /64 network of an IPv6 one; `peer` when that is no address.
    """
    address = _address(peer)
    hops = [hop for line in forwarded for hop in line.split(",")][-_HOPS:]
    while address is not None and hops and any(address in network for network in trusted):
        before = _address(hops.pop())
        if before is None:
            break
        address = before
    if address is None:
        return peer
    if isinstance(address, IPv6Address):
        return str(IPv6Network((int(address), _SUBSCRIBER), strict=False))
    return str(address)


def _address(text: str) -> Address | None:
    """An address, perhaps with a port behind it, or in brackets; IPv4 in IPv6 as IPv4."""
    host = text.strip()
    if host.startswith("["):
        host = host[1:].partition("]")[0]
    elif host.count(":") == 1:
        host = host.partition(":")[0]
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return None
    return (address.ipv4_mapped if isinstance(address, IPv6Address) else None) or address
