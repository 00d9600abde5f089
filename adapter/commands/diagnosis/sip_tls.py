"""SIP over TLS: whether Asterisk can do what trunks and phones need, and the certificates.

Asterisk shows its certificate to whoever calls in over TLS; a trunk shows its own when it is called
or registered with (docs/tls.md). Both are looked at from here, where the path may be another one:
no connection is a warning. Whether a trunk's is trusted, Asterisk decides by a list of its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from adapter.ami.errors import AmiError
from adapter.commands.diagnosis import Result, Results, described
from adapter.commands.diagnosis.asterisk import advised, client
from adapter.commands.diagnosis.certificates import (
    NoTls,
    Shown,
    at_port,
    covers,
    is_address,
    judge,
    leads_to,
)
from adapter.commands.diagnosis.endpoints import registration_states, values
from adapter.commands.diagnosis.transports import Transport, place, transports
from adapter.core.destinations import trunk_endpoint
from adapter.core.tenants import Phone, Trunk
from adapter.settings import Asterisk

_NAME: Final = "sip tls"
_PORT: Final = 5061  # RFC 3261, 19.1.2
_AT_ONCE: Final = 8
_MOST: Final = 16  # trunks that are connected to
_TAKES_ANY: Final = "Asterisk takes any (verify_server in pjsip.conf)"
_DECIDES: Final = (
    "Asterisk decides, by its own list of authorities ({}), which is not read here; add this one's "
    "when the registration is refused, or calls end with 503"
)


async def sip_tls(asterisk: Asterisk, trunks: Iterable[Trunk], phones: Iterable[Phone]) -> Results:
    """Asterisk's own side, then each trunk over TLS."""
    over_tls = [trunk for trunk in trunks if is_secure(trunk.uri)]
    needing = [f"trunk {trunk.name}" for trunk in over_tls]
    needing += [f"phone {phone.extension}" for phone in phones if phone.srtp]
    looked_at = over_tls[:_MOST]
    # At the same time: each waits for AMI, which may not answer.
    every, registered = await asyncio.gather(
        transports(asterisk), registered_with(asterisk, looked_at)
    )
    found = [one for one in every if one.protocol == "tls"]
    taken = [one for one in found if one.taken is not None]
    if not taken:
        yield absent(needing, [one.name for one in found])
    looks = [_transport(asterisk, one) for one in taken]
    gate, lists = asyncio.Semaphore(_AT_ONCE), authorities(taken)
    looks += [_trunk(trunk, gate, lists, trunk.name in registered) for trunk in looked_at]
    for result in await asyncio.gather(*looks):
        yield result
    if len(over_tls) > _MOST:
        text = f"{len(over_tls) - _MOST} more trunks were not looked at"
        yield Result(_NAME, "warning", text)


def is_secure(uri: str) -> bool:
    """Whether a SIP URI is called over TLS."""
    return uri.lower().startswith("sips:") or ";transport=tls" in uri.lower()


def absent(needing: list[str], refused: list[str]) -> Result:
    """Judge an Asterisk without SIP over TLS.

    Args:
        needing: who needs it.
        refused: transports that stand in pjsip.conf, and that Asterisk does not have.
    """
    who = ", ".join(needing[:3]) + (" and others" if len(needing) > 3 else "")
    if refused:
        text = (
            f"Asterisk has not taken {refused[0]} of pjsip.conf: restart it, and look into its log "
            "(mostly it can't read the certificate or the key)"
        )
        return Result(_NAME, "failed", f"{who}: {text}" if who else text)
    if needing:
        text = "need SIP over TLS, and Asterisk has no transport for it: give it a certificate"
        return Result(_NAME, "failed", f"{who} {text} (docs/tls.md)")
    return Result(_NAME, "ok", "off; no trunk or phone needs it")


async def _transport(asterisk: Asterisk, transport: Transport) -> Result:
    """Look at the certificate that Asterisk shows."""
    host, port = transport.bind
    if not is_address(host) or ip_address(host).is_unspecified:
        host = urlsplit(asterisk.url).hostname or "127.0.0.1"
    where = f"{host}:{port or _PORT}"
    try:
        shown = await at_port(host, port or _PORT)
    except NoTls as error:
        text = f"{where} takes connections and no TLS ({error}): does the key fit the certificate?"
        return Result(_NAME, "failed", text)
    except OSError as error:
        text = f"no connection to {where} from here ({described(error)}): nothing is known of it"
        return Result(_NAME, "warning", text)
    outside = transport.told("signaling") or transport.told("media")
    if not outside and is_address(host) and ip_address(host).is_global:
        outside = host
    mismatch = await _mismatch(shown, outside)
    return judge(_NAME, shown, datetime.now(UTC), mismatch)


async def _mismatch(shown: Shown, outside: str) -> str | None:
    """Why those who call in from outside won't find the name that they have called.

    They call this address, or a host name that leads there; nobody knows which when it is empty.
    """
    if not outside or covers(shown.names, outside):
        return None
    if is_address(outside) and await leads_to(shown.names, outside):
        return None
    return f"none of which is {outside} or leads there: who calls that address will refuse it"


async def registered_with(asterisk: Asterisk, over_tls: Iterable[Trunk]) -> set[str]:
    """Names of the trunks that Asterisk is registered with, at the address that they have now.

    A registration that is up may still be that of before: elsewhere, and without TLS.
    """
    wanted = [trunk for trunk in over_tls if trunk.register]
    if not wanted:
        return set()
    try:
        states = await registration_states(asterisk)
    except AmiError:  # `registration` says why
        return set()
    found = set()
    with advised(asterisk):
        async with client(asterisk) as asked:
            for trunk in wanted:
                name = trunk_endpoint(trunk.name)
                uris = await values(asked, "registration", name, "server_uri")
                if states.get(name) == "Registered" and uris == [trunk.uri]:
                    found.add(trunk.name)
    return found


def authorities(taken: Sequence[Transport]) -> str | None:
    """Where Asterisk has the authorities that it trusts; None: it takes any certificate."""
    settings = [one.taken or {} for one in taken]
    if settings and all(one.get("verify_server") == "No" for one in settings):
        return None
    files = sorted({one.get("ca_list_file", "") for one in settings} - {""})
    return ", ".join([*files, "--tls-ca"])


async def _trunk(trunk: Trunk, gate: asyncio.Semaphore, lists: str | None, is_in: bool) -> Result:
    """Look at the certificate that a trunk shows. Of `lists` and `is_in` see `of_trunk`."""
    name = f"{_NAME} trunk {trunk.name}"
    host, port = place(trunk.uri)
    where = f"{host}:{port or _PORT}"
    try:
        async with gate:
            shown = await at_port(host, port or _PORT)
    except NoTls as error:
        return Result(name, "failed", f"{where} takes connections and no TLS ({error})")
    except OSError as error:
        text = f"no connection to {where} from here ({described(error)})"
        return Result(name, "warning", f"{text}; Asterisk needs one")
    return of_trunk(name, host, shown, datetime.now(UTC), lists, is_in)


def of_trunk(
    name: str, host: str, shown: Shown, now: datetime, lists: str | None, is_in: bool
) -> Result:
    """Judge the certificate that a trunk shows.

    Args:
        name: of the result.
        host: that Asterisk calls.
        shown: see there.
        now: the time, with its zone.
        lists: where Asterisk has the authorities that it trusts; None: it takes any certificate.
        is_in: Asterisk is registered there over TLS.
    """
    trusts = is_in and lists is not None
    if trusts:
        shown = Shown(shown.leaf, distrust=None)
    does = "takes any" if lists is None else "will refuse it"
    mismatch = None if covers(shown.names, host) else f"not for {host}: Asterisk {does}"
    advice = _TAKES_ANY if lists is None else _DECIDES.format(lists)
    judged = judge(name, shown, now, mismatch, advice)
    if trusts and judged.state == "ok":
        return Result(name, "ok", f"{judged.text}; Asterisk trusts it and is registered")
    return judged
