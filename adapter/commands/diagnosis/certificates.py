"""Certificates: what a TLS port shows, what a file would show, and whether that is good enough.

A certificate that nobody renewed is found here two weeks before calls fail. That it is signed by an
authority which this machine does not know is a warning: it may be the operator's own.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Final

from cryptography import x509

from adapter.commands.diagnosis import Result

SOON: Final = timedelta(days=14)
_CONNECT: Final = 1.5  # seconds for a connection, and for each of two handshakes
_MOST: Final = 4  # names that are looked up
_FLIGHTS: Final = 8  # of messages, in either direction; a handshake has four
_ADVICE: Final = (
    "its file lacks the chain, or its authority is your own and has to be known to all who connect"
)


class NoTls(Exception):
    """Somebody listens there, and the handshake fails; the text says how."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A certificate, as a client sees it.

    Attributes:
        leaf: the certificate itself.
        distrust: why a client does not trust it, in OpenSSL's words; None: it is signed by an
            authority that this machine knows. Its names are not looked at.
    """

    leaf: x509.Certificate
    distrust: str | None

    @property
    def names(self) -> list[str]:
        """The host names and addresses that it is for."""
        try:
            found = self.leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        except x509.ExtensionNotFound:
            return []
        addresses = found.get_values_for_type(x509.IPAddress)
        return [*found.get_values_for_type(x509.DNSName), *map(str, addresses)]


async def at_port(host: str, port: int) -> Shown:
    """Look at the certificate of a TLS port; nothing is sent but the handshake.

    Raises:
        OSError: there is no connection; a TimeoutError is one.
        NoTls: there is one, and no TLS.
    """
    careless = ssl.create_default_context()
    careless.check_hostname, careless.verify_mode = False, ssl.CERT_NONE
    seen = await _handshake(host, port, careless)
    leaf = x509.load_der_x509_certificate(seen.getpeercert(binary_form=True) or b"")
    try:
        await _handshake(host, port, _client())
    except ssl.SSLCertVerificationError as error:
        return Shown(leaf, error.verify_message)
    return Shown(leaf, None)


async def _handshake(host: str, port: int, context: ssl.SSLContext) -> ssl.SSLObject:
    async with asyncio.timeout(_CONNECT):
        _, writer = await asyncio.open_connection(host, port)
    try:
        async with asyncio.timeout(_CONNECT):
            await writer.start_tls(context, server_hostname=host)
    except ssl.SSLCertVerificationError:
        raise
    except TimeoutError as error:
        raise NoTls(f"no answer to the handshake within {_CONNECT:g} s") from error
    except OSError as error:
        raise NoTls(getattr(error, "reason", None) or error.strerror or str(error)) from error
    finally:
        writer.close()
    secured = writer.get_extra_info("ssl_object")
    assert isinstance(secured, ssl.SSLObject)  # noqa: S101 - start_tls made it
    return secured


def in_files(cert: Path, key: Path) -> Shown:
    """Look at a certificate with its chain and key, PEM files, as a server would show it.

    Raises:
        ssl.SSLError: the key does not fit, or has a password.
        OSError, ValueError: a file can't be read, or is none.
    """
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(cert, key, password=lambda: b"")  # do not ask for one
    leaf = x509.load_pem_x509_certificates(cert.read_bytes())[0]
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    sides = (
        _client().wrap_bio(to_client, to_server),
        server.wrap_bio(to_server, to_client, server_side=True),
    )
    for side in sides * _FLIGHTS:
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            continue
        except ssl.SSLCertVerificationError as error:
            return Shown(leaf, error.verify_message)
    return Shown(leaf, None)


def _client() -> ssl.SSLContext:
    """Trusts whom this machine trusts; which name it wants is judged by us."""
    context = ssl.create_default_context()
    context.check_hostname = False
    return context


def judge(
    name: str, shown: Shown, now: datetime, mismatch: str | None = None, advice: str = _ADVICE
) -> Result:
    """Judge a certificate.

    Args:
        name: of the result.
        shown: see there.
        now: the time, with its zone.
        mismatch: why its names will not do; None: they will.
        advice: what it means that this machine does not trust it.
    """
    end, names = shown.leaf.not_valid_after_utc, ", ".join(shown.names[:3]) or "no name at all"
    if end <= now:
        return Result(name, "failed", f"the certificate expired at {_minute(end)}: renew it")
    begin = shown.leaf.not_valid_before_utc
    if begin > now:
        text = f"the certificate is valid from {_minute(begin)} on; if that is past, set the clock"
        return Result(name, "failed", text)
    complaints = []
    if end - now < SOON:
        complaints.append(f"expires at {_minute(end)}: renew it")
    if shown.distrust:
        complaints.append(f"is not trusted by this machine ({shown.distrust}): {advice}")
    if mismatch:
        complaints.append(f"is for {names}, {mismatch}")
    if complaints:
        return Result(name, "warning", f"the certificate {'; it '.join(complaints)}")
    return Result(name, "ok", f"the certificate for {names} is good until {end:%Y-%m-%d}")


def covers(names: Iterable[str], host: str) -> bool:
    """Whether a certificate with these names is one for a host: a name or an address."""
    host = host.strip("[]").lower()
    if is_address(host):
        return any(is_address(name) and ip_address(name) == ip_address(host) for name in names)
    wildcard = f"*.{host.partition('.')[2]}"
    return any(name.lower() in (host, wildcard) for name in names)


async def leads_to(names: Iterable[str], address: str) -> bool:
    """Whether one of these host names is at an address, as far as this machine knows."""
    hosts = [name for name in names if "*" not in name and not is_address(name)]
    loop = asyncio.get_running_loop()
    for host in hosts[:_MOST]:
        try:
            async with asyncio.timeout(_CONNECT):
                found = await loop.getaddrinfo(host, None, type=socket.SOCK_STREAM)
        except OSError:  # not known here; a TimeoutError is one
            continue
        if any(ip_address(str(place[0])) == ip_address(address) for *_, place in found):
            return True
    return False


def is_address(host: str) -> bool:
    """Whether it is an IP address, not a name."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _minute(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"
