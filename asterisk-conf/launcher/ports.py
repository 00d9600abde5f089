"""Ports that two instances never share.

Ports are handed out in slots of 2 000 below the kernel's own range, so that no client socket takes
a port between a crash and the restart. A slot is held by an abstract UNIX socket that the Asterisk
process inherits: it is machine-wide (exactly: per network namespace, as ports are), needs no file,
and is free again when Asterisk is gone, however it died.
"""

from __future__ import annotations

import contextlib
import secrets
import socket
from dataclasses import dataclass

from launcher.errors import LauncherError

SLOT = 2000
_SLOTS = range(10_000, 32_000, SLOT)
_RTP_OFFSET = 10


@dataclass(frozen=True, slots=True)
class Ports:
    """The ports of an instance: HTTP, AMI and SIP over TLS (TCP), SIP (UDP and TCP), RTP (UDP)."""

    http: int
    sip: int
    rtp_start: int
    rtp_end: int
    ami: int
    tls: int


@dataclass(frozen=True, slots=True)
class Wish:
    """What the caller asks for; None means: choose. 0 for `tls`: no TLS."""

    http: int | None = None
    sip: int | None = None
    rtp_start: int | None = None
    rtp_end: int | None = None
    ami: int | None = None
    tls: int | None = 0


def choose(wish: Wish, bind: str, http_bind: str) -> tuple[Ports, list[socket.socket]]:
    """Ports as wished, the rest free ones, and the reservations for the child to inherit.

    Raises LauncherError when a wished port is taken or no slot is free.
    """
    if wish.rtp_start is not None:
        ports = _wished(wish, wish.rtp_start)
        held = _reserve_range(ports.rtp_start, ports.rtp_end)
        _refuse_taken(ports, bind, http_bind)
        return ports, held
    order = list(_SLOTS)
    secrets.SystemRandom().shuffle(order)  # rarely the slot that a restart is about to take back
    for base in order:
        ports = _wished(wish, base + _RTP_OFFSET)
        holder = _reserve(base)
        if holder is None:
            continue
        with contextlib.suppress(LauncherError):
            _refuse_taken(ports, bind, http_bind)
            return ports, [holder]
        holder.close()
    if any((wish.http, wish.sip, wish.ami, wish.tls)):
        _refuse_taken(_wished(wish, _SLOTS.start + _RTP_OFFSET), bind, http_bind)
    raise LauncherError("no free range of ports: stop other instances, or give --rtp-start")


def _wished(wish: Wish, rtp_start: int) -> Ports:
    base = rtp_start - _RTP_OFFSET
    end = rtp_start + SLOT - _RTP_OFFSET - 1 if wish.rtp_end is None else wish.rtp_end
    ports = Ports(
        http=wish.http or base,
        sip=wish.sip or base + 2,
        rtp_start=rtp_start,
        rtp_end=end,
        ami=wish.ami or base + 4,
        tls=base + 3 if wish.tls is None else wish.tls,
    )
    if not 1024 <= rtp_start < end <= 65535:
        raise LauncherError(f"RTP ports {rtp_start} to {end} are no range between 1024 and 65535")
    return ports


def _reserve_range(start: int, end: int) -> list[socket.socket]:
    held: list[socket.socket] = []
    for base in _SLOTS:
        if base <= end and start < base + SLOT:
            holder = _reserve(base)
            if holder is None:
                for taken in held:
                    taken.close()
                raise LauncherError(f"RTP ports {start} to {end} overlap another instance's")
            held.append(holder)
    return held


def _reserve(base: int) -> socket.socket | None:
    holder = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        holder.bind(f"\0ari-voice-ports-{base}")
    except OSError:
        holder.close()
        return None
    return holder


def _refuse_taken(ports: Ports, bind: str, http_bind: str) -> None:
    for kind, address, port, what in (
        (socket.SOCK_STREAM, http_bind, ports.http, "HTTP"),
        (socket.SOCK_STREAM, http_bind, ports.ami, "AMI"),
        (socket.SOCK_DGRAM, bind, ports.sip, "SIP"),
        (socket.SOCK_STREAM, bind, ports.sip, "SIP"),
        (socket.SOCK_STREAM, bind, ports.tls, "SIP over TLS"),
    ):
        if not port:
            continue
        with socket.socket(socket.AF_INET, kind) as probe:
            if kind == socket.SOCK_STREAM:  # a killed predecessor's connections do not count
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((address, port))
            except OSError as reason:
                raise LauncherError(
                    f"{what} port {address}:{port} is not free: {reason}"
                ) from reason
