"""Calls with further parties: telephones for a test, and what the application is told of them."""

from __future__ import annotations

from typing import Any

from tests.live.conftest import Api, Phones
from tests.live.telephone import Telephone

CALLER, PARTY, TARGET = 500, 900, 1300  # Hz: what each says
FROM = "+15551000"


async def answered(app: Api, phone: Telephone) -> str:
    """Call a telephone that answers; the voice_id once the application knows."""
    call = await app.place(phone.uri)
    await told(app, call, "connected")
    return call


async def bridged(app: Api, caller: Telephone, party: Telephone) -> str:
    """Two telephones that hear one another; the voice_id."""
    call = await answered(app, caller)
    await connect(app, call, party)
    await told(app, call, "bridged")
    await talking(caller, party)
    return call


async def two_joined(
    app: Api, phones: Phones, verb: str, *, answers: bool = False
) -> tuple[str, Telephone, Telephone, Telephone]:
    """A bridged call that is being transferred or forwarded; its voice_id and telephones."""
    caller, party = await phones(CALLER), await phones(PARTY)
    target = await phones(TARGET, answers=answers)
    call = await bridged(app, caller, party)
    await order(app, call, verb, **{"from": FROM, "to": target.uri, "transfer_to": target.uri})
    await told(app, call, "bridging", target)
    if answers:
        await talking(party, target)
    return call, caller, party, target


async def talking(one: Telephone, other: Telephone) -> None:
    """Wait until each hears the other, and nobody else."""
    await one.hears(other.tone)
    await other.hears(one.tone)


async def connect(app: Api, call: str, to: Telephone | str, **more: Any) -> dict[str, Any]:
    """`PUT /connect`, which is accepted; the reply."""
    return await order(app, call, "connect", **{"from": FROM, "to": address(to)}, **more)


async def order(app: Api, call: str, verb: str, **body: Any) -> dict[str, Any]:
    """`PUT` of what is accepted; the reply."""
    status, reply = await app.request("PUT", f"/call/{call}/{verb}", body)
    assert status == 200, reply
    return dict(reply)


def address(to: Telephone | str) -> str:
    """What is dialled."""
    return to if isinstance(to, str) else to.uri


async def told(
    app: Api, call: str, name: str, to: Telephone | str = "", seconds: float = 8.0
) -> dict[str, Any]:
    """Wait for an event of this call, and of this party; the last one of them."""

    def found() -> list[dict[str, Any]]:
        of_call = [e for e in app.events(call) if name in (e.get("state"), e.get("playstate"))]
        return [e for e in of_call if not to or e["to"] == address(to)]

    await app.sink.wait_for(lambda _: bool(found()), timeout=seconds)
    return found()[-1]


async def ended(app: Api, call: str) -> list[tuple[str, str]]:
    """Wait for `disconnected`: what was told between `connected` and it, with the called party.

    There is one of each, nothing comes later, and the times are in order.
    """
    await told(app, call, "disconnected")
    names = app.names(call)
    assert (names.count("connected"), names.count("disconnected")) == (1, 1)
    assert names[-1] == "disconnected"
    times = [e["timestamp"] for e in app.events(call)]
    assert times == sorted(times)
    between = app.events(call)[names.index("connected") + 1 : -1]
    return [(e.get("state") or e["playstate"], e["to"]) for e in between]


async def over(app: Api, call: str) -> list[tuple[str, str]]:
    """End a call; as `ended`."""
    await app.hang_up(call)
    return await ended(app, call)
