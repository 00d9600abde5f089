"""Asterisk's SIP transports: what they listen on, and what they tell others about addresses.

They stand in pjsip.conf, which AMI shows as it is now; ARI knows those that Asterisk has taken at
its start. So none of Asterisk's files has to be readable from here.
"""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final, Literal
from urllib.parse import urlsplit

from adapter.ami.errors import AmiError
from adapter.commands.diagnosis import Result, Results
from adapter.commands.diagnosis.asterisk import advised, client, manager
from adapter.commands.diagnosis.certificates import is_address
from adapter.core.tenants import Trunk
from adapter.settings import Asterisk

_OURS: Final = {"transport-udp": "udp", "transport-tcp": "tcp", "transport-tls": "tls"}
"""Those of asterisk-conf/adapter/pjsip.conf, with their protocols."""

_ANYWHERE: Final = ("192.0.2.1", 9)  # documentation (RFC 5737): nothing is sent there
_URI: Final = re.compile(r"sips?:(?:[^@]*@)?(\[[^]]*\]|[^:;]*)(?::(\d+))?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Transport:
    """One of pjsip.conf.

    Attributes:
        name: of its section.
        protocol: ``udp``, ``tcp``, ``tls``, ``ws`` or ``wss``.
        taken: what Asterisk has of it; None: it has not taken it.
    """

    name: str
    protocol: str
    taken: Mapping[str, str] | None

    @property
    def bind(self) -> tuple[str, int]:
        """Address and port; 0 for the protocol's own."""
        host, _, port = (self.taken or {}).get("bind", "").rpartition(":")
        return host.strip("[]"), int(port) if port.isdecimal() else 0

    def told(self, what: Literal["signaling", "media"]) -> str:
        """Where others are told to send this to, in place of its address; empty: its address."""
        return (self.taken or {}).get(f"external_{what}_address", "")


async def transports(asterisk: Asterisk) -> list[Transport]:
    """All of them; when AMI does not show pjsip.conf, those of our names that Asterisk has.

    Raises:
        AriError: ARI does not answer.
    """
    try:
        async with manager(asterisk) as connection:
            answer: Mapping[str, str] = await connection.ask(
                "GetConfig", {"Filename": "pjsip.conf"}
            )
    except AmiError:  # `ami` says why
        answer = {}
    named = in_config(answer)
    with advised(asterisk):
        async with client(asterisk) as asked:
            found = [
                Transport(name, protocol, _first(await asked.get_config("transport", name)))
                for name, protocol in (named or _OURS).items()
            ]
    return [one for one in found if named or one.taken is not None]


def _first(attributes: Mapping[str, list[str]] | None) -> dict[str, str] | None:
    """Of a transport's attributes none that we look at has several values."""
    if attributes is None:
        return None
    return {name: values[0] for name, values in attributes.items()}


def in_config(answer: Mapping[str, str]) -> dict[str, str]:
    """Names and protocols of the transports in AMI's answer to GetConfig.

    A section has a header ``category-000003``, each of its lines one ``line-000003-000001``.
    """
    sections: dict[str, dict[str, str]] = {}
    for header, text in answer.items():
        if (line := re.fullmatch(r"line-(\d+)-\d+", header)) is not None:
            key, _, value = text.partition("=")
            sections.setdefault(line[1], {})[key.strip()] = value.strip().lower()
    return {
        answer.get(f"category-{number}", ""): lines.get("protocol", "udp")
        for number, lines in sections.items()
        if lines.get("type") == "transport"
    }


async def nat(asterisk: Asterisk, trunks: Iterable[Trunk]) -> Results:
    """Whether trunks in the internet are told an address that they can reach."""
    public = sorted(trunk.name for trunk in trunks if is_public(trunk.uri))
    if not public:
        yield Result("nat", "ok", "no trunk is in the public internet")
        return
    found = await transports(asterisk)
    told = {one.told("media") for one in found} - {""}
    address = await asyncio.to_thread(own_address, asterisk, [one.bind[0] for one in found])
    yield translation(public, address, told)


def translation(public: list[str], address: str, told: set[str]) -> Result:
    """Judge what carriers are told to send their audio to.

    Args:
        public: names of the trunks in the internet.
        address: Asterisk's own.
        told: in its place, by its transports.
    """
    private = sorted(one for one in told if is_address(one) and not ip_address(one).is_global)
    if told and not private:
        return Result("nat", "ok", f"carriers are told {', '.join(sorted(told))}")
    if not told and ip_address(address).is_global:
        return Result("nat", "ok", f"Asterisk's own address {address} is public")
    if private:
        fact = f"carriers are told {private[0]}, which is not public"
    else:
        fact = f"Asterisk is at {address}, which is not public, and no external address is set"
    advice = "there may be no audio (external_media_address in asterisk-conf/README.md)"
    return Result("nat", "warning", f"trunk {', '.join(public[:3])}: {fact}: {advice}")


def place(uri: str) -> tuple[str, int | None]:
    """Host and port of a trunk's URI; None: it names no port."""
    match = _URI.match(uri)
    host, port = (match[1], match[2]) if match else ("", None)
    return host.strip("[]"), int(port) if port else None


def is_public(uri: str) -> bool:
    """Whether a trunk is in the internet; a host name is taken to be."""
    host, _ = place(uri)
    return ip_address(host).is_global if is_address(host) else "." in host


def own_address(asterisk: Asterisk, binds: Iterable[str]) -> str:
    """Where Asterisk's SIP is bound to, else its machine's address; this one's by its route."""
    for bind in binds:
        if is_address(bind) and not ip_address(bind).is_unspecified:
            return bind
    address = socket.gethostbyname(urlsplit(asterisk.url).hostname or "")
    if not ip_address(address).is_loopback:
        return address
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(_ANYWHERE)
        except OSError:  # no route to anywhere
            return address
        return str(probe.getsockname()[0])
