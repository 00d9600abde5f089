"""What was provisioned, as Asterisk has it: trunks and phones, and who is registered.

ARI lists the endpoints, and whether a phone is registered with us; it shows where a trunk is called
and by which addresses it is known. Only AMI knows whether we are registered with a trunk, and no
more than that: the carrier's answer stands in Asterisk's log.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from ipaddress import ip_address, ip_network
from typing import Final

from adapter.ari.client import AriClient
from adapter.commands.diagnosis import Result, Results
from adapter.commands.diagnosis.asterisk import advised, client, manager
from adapter.core.destinations import phone_endpoint, trunk_endpoint
from adapter.core.tenants import Phone, Trunk
from adapter.settings import Asterisk

_SHOWN: Final = 5
_MOST: Final = 200  # registrations, of which each is a result
_PUSHED: Final = 1.5  # seconds after which the server has pushed what was just provisioned
_COMPARED: Final = 1000  # trunks, with three requests for each


async def endpoints(
    asterisk: Asterisk, trunks: Sequence[Trunk], phones: Sequence[Phone]
) -> Results:
    """Whether Asterisk has all of them, as the server pushes them when it connects."""
    wanted = {trunk_endpoint(one.name) for one in trunks}
    wanted |= {phone_endpoint(one.extension) for one in phones}
    with advised(asterisk):
        async with client(asterisk) as asked:
            served = await asked.get_application() is not None
            states, there, stale = await _look(asked, trunks)
            if served and (stale or wanted - states.keys()):
                await asyncio.sleep(_PUSHED)
                states, there, stale = await _look(asked, trunks)
    trunk_names = {one.name: trunk_endpoint(one.name) for one in trunks}
    yield pushed("trunks", trunk_names, states, served, stale)
    if there > _COMPARED:
        text = f"{there - _COMPARED} more are there, and were not compared"
        yield Result("trunks", "warning", text)
    phone_names = {one.extension: phone_endpoint(one.extension) for one in phones}
    yield pushed("phones", phone_names, states, served)


async def _look(asked: AriClient, trunks: Sequence[Trunk]) -> tuple[dict[str, str], int, list[str]]:
    """Asterisk's endpoints with their states, how many trunks are there, and what is otherwise."""
    found = await asked.list_endpoints()
    states = {one.resource: one.state for one in found if one.technology == "PJSIP"}
    there = [one for one in trunks if trunk_endpoint(one.name) in states]
    stale = [text for one in there[:_COMPARED] for text in await differences(asked, one)]
    return states, len(there), stale


async def differences(asked: AriClient, trunk: Trunk) -> list[str]:
    """What Asterisk has of a trunk beyond what was provisioned, and what of that it lacks."""
    name = trunk_endpoint(trunk.name)
    registers = {trunk.uri} if trunk.register else set()
    found = []
    for object_type, attribute, wanted in (
        ("aor", "contact", {trunk.uri}),
        ("identify", "match", set(trunk.match)),
        ("registration", "server_uri", registers),
    ):
        has = set(map(network, await values(asked, object_type, name, attribute)))
        found += [f"{trunk.name} still has {attribute} {one}" for one in sorted(has - wanted)]
        found += [f"{trunk.name} lacks {attribute} {one}" for one in sorted(wanted - has)]
    return found


async def values(asked: AriClient, object_type: str, name: str, attribute: str) -> list[str]:
    """All values of a PJSIP object's attribute; none when there is no such object."""
    attributes = await asked.get_config(object_type, name) or {}
    return [value for value in attributes.get(attribute, ()) if value]


def network(text: str) -> str:
    """A network as it is provisioned; Asterisk writes a mask, also for one address and for IPv6.

    Anything else stays as it is.
    """
    address, _, mask = text.partition("/")
    try:
        found = ip_network(f"{address}/{int(ip_address(mask)).bit_count()}")
    except ValueError:
        return text
    return str(found.network_address if found.num_addresses == 1 else found)


def pushed(
    name: str,
    wanted: Mapping[str, str],
    states: Mapping[str, str],
    served: bool,
    stale: Sequence[str] = (),
) -> Result:
    """Judge whether Asterisk has all trunks, or all phones.

    Args:
        name: of the result.
        wanted: their names, and those of their endpoints.
        states: Asterisk's endpoints; a phone that is registered is ``online``.
        served: the server is connected to Asterisk.
        stale: where they are otherwise there than they were provisioned.
    """
    missing = [one for one, endpoint in wanted.items() if endpoint not in states]
    if not wanted:
        return Result(name, "ok", "none are provisioned")
    if missing and not served:
        text = (
            f"{len(missing)} of {len(wanted)} are not in Asterisk; the server's start pushes them"
        )
        return Result(name, "warning", text)
    if missing:
        who = ", ".join(missing[:_SHOWN])
        text = f"Asterisk does not have {who}: look for `not accepted by Asterisk` in our log"
        return Result(name, "failed", f"{text} ({len(missing)} of {len(wanted)})")
    if stale:
        what = "; ".join(stale[:_SHOWN]) + (" and more" if len(stale) > _SHOWN else "")
        advice = "if that stays, restart the server" if served else "the server's start mends that"
        return Result(name, "warning", f"not as provisioned in Asterisk: {what}; {advice}")
    text = f"all {len(wanted)} are in Asterisk"
    if name == "phones":
        online = sum(states[endpoint] == "online" for endpoint in wanted.values())
        text += f", {online} registered"
    return Result(name, "ok", text)


async def registrations(asterisk: Asterisk, trunks: Sequence[Trunk]) -> Results:
    """Whether we are registered with the trunks that want it."""
    wanted = [trunk for trunk in trunks if trunk.register]
    if not wanted:
        yield Result("registration", "ok", "no trunk wants one")
        return
    states = await registration_states(asterisk)
    for trunk in wanted[:_MOST]:
        yield registered(trunk, states.get(trunk_endpoint(trunk.name)))


async def registration_states(asterisk: Asterisk) -> dict[str, str]:
    """State of each registration of ours that Asterisk has, such as ``Registered``, by its name.

    Raises:
        AmiError: AMI does not answer, or refuses.
    """
    async with manager(asterisk) as connection:
        found = await connection.listed("PJSIPShowRegistrationsOutbound")
    return {
        event.get("objectname", ""): event.get("status", "")
        for event in found
        if event.get("event") == "OutboundRegistrationDetail"
    }


def registered(trunk: Trunk, state: str | None) -> Result:
    """Judge one registration; None: Asterisk has none of that name."""
    name = f"registration {trunk.name}"
    if state == "Registered":
        return Result(name, "ok", f"registered with {trunk.uri}")
    if state == "Rejected":
        text = f"{trunk.uri} refuses us or does not answer: check uri, username and password; "
        return Result(name, "failed", f"{text}Asterisk's log has the answer")
    if state is None:
        return Result(name, "warning", "Asterisk has none; the server's start pushes it")
    text = f"{state.lower()}: {trunk.uri} has not answered, or the registration has just begun"
    return Result(name, "warning", text)
