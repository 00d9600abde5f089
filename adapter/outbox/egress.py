"""Which addresses may be called: where webhooks go, and from where prompts are fetched.

URLs come from customers, so the host may be a way into our own network (OWASP, Server-Side Request
Forgery). A host name is resolved once, every address it has is checked, and the connection is made
to one of these, so a name that resolves differently the next moment changes nothing. `Policy`
decides; `open_session` makes an HTTP client that cannot be used around it, redirects included.
Not here: TLS, limits and retries.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)

from aiohttp import (
    ClientHandlerType,
    ClientRequest,
    ClientResponse,
    ClientSession,
    ClientTimeout,
    DummyCookieJar,
    TCPConnector,
    ThreadedResolver,
)
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

KEEP_ALIVE = 4.0
"""Seconds that an idle connection is kept: less than Node.js, whose servers close after 5 s; a
request on a connection that is just being closed is a failed attempt."""

_LONGEST_URL = 2048
_NAME = re.compile(r"(?!.{254})(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?(?:\.|$))+", re.ASCII)
_NUMERIC = re.compile(r"(?:.*\.)?(?:[0-9]+|0x[0-9a-f]*)", re.ASCII)
_CREDENTIALS = re.compile(r"[^/]*//[^/?#]*@")
_BRACKETS = re.compile(r"[^/]*//\[")
_UNSAFE = re.compile(r"[\x00-\x20\x7f\\]")

# IANA IPv4 and IPv6 Special-Purpose Address Registries (RFC 6890). Written out because what
# ipaddress calls private or global differs between the patch releases of Python.
_SPECIAL_V4 = tuple(
    (IPv4Network(network), name)
    for network, name in (
        ("0.0.0.0/8", "unspecified"),
        ("10.0.0.0/8", "private"),
        ("100.64.0.0/10", "shared (carrier-grade NAT)"),
        ("127.0.0.0/8", "loopback"),
        ("169.254.0.0/16", "link-local"),
        ("172.16.0.0/12", "private"),
        ("192.0.0.0/24", "reserved"),
        ("192.0.2.0/24", "documentation"),
        ("192.88.99.0/24", "reserved"),
        ("192.168.0.0/16", "private"),
        ("198.18.0.0/15", "benchmarking"),
        ("198.51.100.0/24", "documentation"),
        ("203.0.113.0/24", "documentation"),
        ("224.0.0.0/4", "multicast"),
        ("240.0.0.0/4", "reserved"),
    )
)
_SPECIAL_V6 = tuple(
    (IPv6Network(network), name)
    for network, name in (
        ("::/128", "unspecified"),
        ("::1/128", "loopback"),
        ("fc00::/7", "private"),
        ("fe80::/10", "link-local"),
        ("ff00::/8", "multicast"),
        ("2001::/23", "reserved"),
        ("2001:db8::/32", "documentation"),
        ("2002::/16", "6to4"),
        ("3fff::/20", "documentation"),
    )
)
_GLOBAL_V6 = IPv6Network("2000::/3")
# These end in an IPv4 address, where traffic to them may come out (RFC 4291, 2.5.5.2; RFC 6052).
_EMBEDDING = (IPv6Network("::ffff:0:0/96"), IPv6Network("64:ff9b::/96"))


class EgressRefused(ValueError):
    """This URL or address may not be called; the text says why, and may be shown to a customer."""


@dataclass(frozen=True, slots=True)
class Policy:
    """What may be called: public addresses, and what the operator names.

    Attributes:
        networks: networks allowed although they are not public, each with a port or None for any.
        hosts: host names whose addresses are allowed whatever they are, likewise.
    """

    networks: tuple[tuple[Network, int | None], ...] = ()
    hosts: frozenset[tuple[str, int | None]] = frozenset()

    @classmethod
    def parse(cls, allow: Iterable[str]) -> Policy:
        """Read the setting `webhooks.allow`.

        Args:
            allow: each a network (``10.1.0.0/16``), an address, or a host name; an address or name
                may have a port (``127.0.0.1:8080``, ``[::1]:8080``, ``app.internal:8080``).

        Raises:
            ValueError: an entry is none of these; the message names it.
        """
        networks: list[tuple[Network, int | None]] = []
        hosts: set[tuple[str, int | None]] = set()
        for entry in allow:
            what, port = _parse_entry(entry)
            if isinstance(what, str):
                hosts.add((what, port))
            else:
                networks.append((what, port))
        return cls(tuple(networks), frozenset(hosts))

    def check_url(self, url: str | URL) -> None:
        """Refuse a URL that can never be called: its syntax, or the address written in it.

        A host name passes here, unresolved; its addresses are checked when it is called.

        Raises:
            EgressRefused: with the reason.
        """
        _check_url(self, str(url))  # each delivery asks, and there are few different URLs

    def check_address(self, host: str, port: int, address: Address) -> None:
        """Refuse an address.

        Args:
            host: the name in the URL that has this address.
            port: the port of the URL.
            address: one of the addresses of that name.

        Raises:
            EgressRefused: with the reason.
        """
        name = host.removesuffix(".").lower()
        if (name, None) in self.hosts or (name, port) in self.hosts:
            return
        if isinstance(address, IPv6Address) and address.scope_id is not None:
            raise EgressRefused("an address with a zone is not allowed")
        for network, allowed_port in self.networks:
            if allowed_port in (None, port) and address in network:
                return
        if isinstance(address, IPv6Address) and (inner := _embedded(address)) is not None:
            self.check_address(host, port, inner)
        elif (kind := _special(address)) is not None:
            raise EgressRefused(f"{host} is at {address}, which is {kind} and not allowed")


@lru_cache(maxsize=4096)
def _check_url(policy: Policy, url: str) -> None:
    """`Policy.check_url`; what passed once is remembered, a refusal is found out again."""
    parsed = _parse_url(url)
    host = (parsed.raw_host or "").lower()
    port = parsed.port or 0
    if ":" in host:
        policy.check_address(host, port, _ip(host))
    elif _NUMERIC.fullmatch(host.removesuffix(".")):
        # Many programs read 2130706433, 0x7f.1 and 0177.0.0.1 as 127.0.0.1 (inet_aton(3)).
        policy.check_address(host, port, _ip(host))
    elif not _NAME.fullmatch(host):
        raise EgressRefused("the host name is not valid")


class CheckedResolver(AbstractResolver):
    """Resolves by another resolver, and fails when any address of the name is refused."""

    def __init__(self, policy: Policy, inner: AbstractResolver) -> None:
        self._policy = policy
        self._inner = inner

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """See `AbstractResolver.resolve`; raises `EgressRefused` as well."""
        results = await self._inner.resolve(host, port, family)
        for result in results:
            self._policy.check_address(host, port, _ip(result["host"]))
        return results

    async def close(self) -> None:
        """Close the resolver behind it."""
        await self._inner.close()


def open_session(
    policy: Policy, *, resolver: AbstractResolver | None = None, timeout: float = 10.0
) -> ClientSession:
    """An HTTP client that calls only what the policy allows. To be made in a running loop.

    It keeps no cookies, reads no proxy settings or netrc, unpacks no answers, and checks the URL
    of each request and each redirect (follow none where you can).

    Args:
        policy: what may be called.
        resolver: for host names, in place of the system's.
        timeout: default for a whole request, in seconds.

    Requests raise:
        EgressRefused: the URL or an address of its host is not allowed.
    """

    async def guard(request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
        policy.check_url(request.url)
        return await handler(request)

    connector = TCPConnector(
        limit=0,
        keepalive_timeout=KEEP_ALIVE,
        resolver=CheckedResolver(policy, resolver or ThreadedResolver()),
    )
    return ClientSession(
        connector=connector,
        cookie_jar=DummyCookieJar(),
        trust_env=False,
        auto_decompress=False,
        headers={"Accept-Encoding": "identity"},
        timeout=ClientTimeout(total=timeout),
        middlewares=(guard,),
    )


def _parse_url(url: str | URL) -> URL:
    text = str(url)
    if len(text) > _LONGEST_URL:
        raise EgressRefused(f"the URL is longer than {_LONGEST_URL} characters")
    if _UNSAFE.search(text):
        raise EgressRefused("the URL has white space, a control character or a backslash")
    try:
        parsed = URL(url)
        port = parsed.port
    except ValueError:
        raise EgressRefused("this is not a URL") from None
    if parsed.scheme not in ("http", "https"):
        raise EgressRefused("only http and https URLs are called")
    if not parsed.raw_host:
        raise EgressRefused("the URL has no host")
    if _BRACKETS.match(text) and ":" not in parsed.raw_host:
        raise EgressRefused("the address is not in the usual form")
    if _CREDENTIALS.match(text):
        raise EgressRefused("a URL with credentials is not allowed")
    if not port:
        raise EgressRefused("the port is from 1 to 65535")
    return parsed


def _ip(text: str) -> Address:
    try:
        return ip_address(text.replace("%25", "%"))
    except ValueError:
        raise EgressRefused("the address is not in the usual form") from None


def _embedded(address: IPv6Address) -> IPv4Address | None:
    if any(address in network for network in _EMBEDDING):
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return None


def _special(address: Address) -> str | None:
    """What kind of address it is that is not public; None when it is public."""
    if isinstance(address, IPv4Address):
        return next((kind for network, kind in _SPECIAL_V4 if address in network), None)
    kind = next((kind for network, kind in _SPECIAL_V6 if address in network), None)
    return kind or (None if address in _GLOBAL_V6 else "reserved")


def _parse_entry(entry: str) -> tuple[Network | str, int | None]:
    try:
        return ip_network(entry), None
    except ValueError as error:
        if "/" in entry:
            raise ValueError(f"{entry!r} is not a network: {error}") from None
    host, colon, digits = entry.rpartition(":")
    if not colon:
        host, port = entry, None
    elif digits.isascii() and digits.isdigit() and 0 < int(digits[:6]) < 65536:
        port = int(digits)
    else:
        raise ValueError(f"{entry!r} does not end in a port from 1 to 65535")
    try:
        return ip_network(host.removeprefix("[").removesuffix("]")), port
    except ValueError:
        name = host.removesuffix(".").lower()
    if _NUMERIC.fullmatch(name) or name.endswith(".") or not _NAME.fullmatch(name):
        raise ValueError(
            f"{entry!r} is not a network, an address or a host name (with or without a port)"
        )
    return name, port
