"""Transfer (attended) and forward (blind): what the three parties hear, whoever leaves when."""

from __future__ import annotations

import asyncio

import pytest

from tests.live import numbers
from tests.live.bridged_calls import (
    CALLER,
    FROM,
    PARTY,
    TARGET,
    bridged,
    ended,
    order,
    over,
    talking,
    told,
)
from tests.live.conftest import Api, Phones
from tests.live.telephone import Telephone

pytestmark = [pytest.mark.live, pytest.mark.asyncio(loop_scope="module")]


async def transfer(app: Api, call: str, to: Telephone) -> str:
    """Order a transfer; the channel of the new leg."""
    reply = await order(app, call, "transfer", **{"from": FROM, "transfer_to": to.uri})
    assert (reply["status"], reply["from"], reply["to"]) == ("initiated", FROM, to.uri)
    return str(reply["channel_id"])


async def forward(app: Api, call: str, to: Telephone | str) -> None:
    """Order a forward."""
    to = to if isinstance(to, str) else to.uri
    reply = await order(app, call, "forward", **{"from": FROM, "to": to})
    assert (reply["status"], reply["to"]) == ("success", to)


def begun(party: Telephone) -> list[tuple[str, str]]:
    """What was told of the first bridge."""
    return [("bridging", party.uri), ("bridged", party.uri)]


@pytest.mark.contract("enablex-voice", "transfer.request", "transfer.reply")
async def test_transfer(app: Api, phones: Phones) -> None:
    """Music for the caller while the two others talk; then the caller has the new party."""
    caller, party = await phones(CALLER), await phones(PARTY)
    target = await phones(TARGET, answers=False)
    call = await bridged(app, caller, party)
    channel = await transfer(app, call, target)
    await asyncio.gather(caller.hears("music"), party.hears("ringing"))
    for verb in ("transfer", "forward", "connect", "hold"):
        body = {"from": FROM, "to": target.uri, "transfer_to": target.uri, "hold": True}
        assert (await app.request("PUT", f"/call/{call}/{verb}", body))[0] == 409
    assert (await told(app, call, "bridging", target))["channel_id"] == channel
    target.answer()
    await talking(party, target)
    await asyncio.gather(
        party.keeps_hearing(TARGET), target.keeps_hearing(PARTY), caller.keeps_hearing("music")
    )
    await target.press("7#")
    assert (await told(app, call, "dtmfcollected"))["channel_id"] == channel
    assert party.keys == "7#"
    party.hang_up()
    await told(app, call, "bridged", target)
    await talking(caller, target)
    await asyncio.gather(caller.keeps_hearing(TARGET), target.keeps_hearing(CALLER))
    assert await over(app, call) == [
        *begun(party),
        ("bridging", target.uri),
        ("dtmfcollected", caller.uri),
        ("bridge_disconnected", party.uri),
        ("bridged", target.uri),
    ]
    await target.wait(target.over)


@pytest.mark.contract("enablex-voice", "transfer.request")
async def test_transfer_that_fails(app: Api, phones: Phones) -> None:
    """The target is busy, or leaves first: the two are joined again, and a third try is good."""
    caller, party = await phones(CALLER), await phones(PARTY)
    busy, leaves = await phones(TARGET, refuses=486), await phones(TARGET)
    target = await phones(TARGET)
    call = await bridged(app, caller, party)
    await transfer(app, call, busy)
    assert (await told(app, call, "bridging_failed", busy))["sip_code"] == 486
    await talking(caller, party)
    await transfer(app, call, leaves)
    await talking(party, leaves)
    await caller.hears("music")
    leaves.hang_up()
    await told(app, call, "bridging_failed", leaves)
    await talking(caller, party)
    await asyncio.gather(caller.keeps_hearing(PARTY), party.keeps_hearing(CALLER))
    await transfer(app, call, target)
    await talking(party, target)
    party.hang_up()
    await talking(caller, target)
    assert await over(app, call) == [
        *begun(party),
        ("bridging_failed", busy.uri),
        ("bridging", leaves.uri),
        ("bridging_failed", leaves.uri),
        ("bridging", target.uri),
        ("bridge_disconnected", party.uri),
        ("bridged", target.uri),
    ]


@pytest.mark.parametrize("answers", [False, True])
@pytest.mark.parametrize("deleted", [False, True])
async def test_end_of_a_transfer(app: Api, phones: Phones, answers: bool, deleted: bool) -> None:
    """The caller leaves, or DELETE: all legs are gone, and only `disconnected` is told."""
    caller, party = await phones(CALLER), await phones(PARTY)
    target = await phones(TARGET, answers=answers)
    call = await bridged(app, caller, party)
    await transfer(app, call, target)
    await party.hears(TARGET if answers else "ringing")
    if not deleted:
        caller.hang_up()
    events = await (over if deleted else ended)(app, call)
    assert events == [*begun(party), ("bridging", target.uri)]
    await party.wait(party.over)
    await target.wait(target.over)


async def test_party_leaves_while_the_target_rings(app: Api, phones: Phones) -> None:
    """The caller hears the target ring in place of the music, and then the target."""
    caller, party = await phones(CALLER), await phones(PARTY)
    target = await phones(TARGET, answers=False)
    call = await bridged(app, caller, party)
    await transfer(app, call, target)
    await told(app, call, "bridging", target)
    await caller.hears("music")
    party.hang_up()
    await told(app, call, "bridge_disconnected", party)
    await caller.hears("ringing")
    target.answer()
    await told(app, call, "bridged", target)
    await talking(caller, target)
    await asyncio.gather(caller.keeps_hearing(TARGET), target.keeps_hearing(CALLER))
    assert await over(app, call) == [
        *begun(party),
        ("bridging", target.uri),
        ("bridge_disconnected", party.uri),
        ("bridged", target.uri),
    ]


@pytest.mark.contract("enablex-voice", "forward.request", "forward.reply")
async def test_forward(app: Api, phones: Phones) -> None:
    """The two talk while the target rings; it answers, and the party is released."""
    caller, party = await phones(CALLER), await phones(PARTY)
    target = await phones(TARGET, answers=False)
    call = await bridged(app, caller, party)
    await forward(app, call, target)
    await told(app, call, "bridging", target)
    await asyncio.gather(caller.keeps_hearing(PARTY), party.keeps_hearing(CALLER))
    target.answer()
    await told(app, call, "bridged", target)
    await party.wait(party.over)
    await talking(caller, target)
    await asyncio.gather(caller.keeps_hearing(TARGET), target.keeps_hearing(CALLER))
    assert await over(app, call) == [
        *begun(party),
        ("bridging", target.uri),
        ("bridge_disconnected", party.uri),
        ("bridged", target.uri),
    ]


@pytest.mark.contract("enablex-voice", "forward.request")
async def test_forward_that_fails(app: Api, phones: Phones) -> None:
    """The target is busy: the two go on talking, and that it failed is all that is told."""
    caller, party = await phones(CALLER), await phones(PARTY)
    call = await bridged(app, caller, party)
    listening = [caller.keeps_hearing(PARTY), party.keeps_hearing(CALLER)]
    await asyncio.gather(forward(app, call, numbers.BUSY), *listening)
    assert (await told(app, call, "bridging_failed", numbers.BUSY))["sip_code"] == 486
    assert await over(app, call) == [*begun(party), ("bridging_failed", numbers.BUSY)]


async def test_party_leaves_while_the_target_of_a_forward_rings(app: Api, phones: Phones) -> None:
    """The caller hears the ringing tone, and then the target."""
    caller, party = await phones(CALLER), await phones(PARTY)
    target = await phones(TARGET, answers=False)
    call = await bridged(app, caller, party)
    await forward(app, call, target)
    await told(app, call, "bridging", target)
    party.hang_up()
    await told(app, call, "bridge_disconnected", party)
    await caller.hears("ringing")
    target.answer()
    await told(app, call, "bridged", target)
    await talking(caller, target)
    await asyncio.gather(caller.keeps_hearing(TARGET), target.keeps_hearing(CALLER))
    assert await over(app, call) == [
        *begun(party),
        ("bridging", target.uri),
        ("bridge_disconnected", party.uri),
        ("bridged", target.uri),
    ]


async def test_forward_of_a_held_call(app: Api, phones: Phones) -> None:
    """On hold the caller goes on hearing music until the target answers; then they talk."""
    caller, party = await phones(CALLER), await phones(PARTY)
    target = await phones(TARGET, answers=False)
    call = await bridged(app, caller, party)
    await order(app, call, "hold", hold=True)
    await caller.hears("music")
    await forward(app, call, target)
    await told(app, call, "bridging", target)
    before = party.packets
    await asyncio.gather(caller.keeps_hearing("music"), party.keeps_hearing())
    assert party.packets - before > 40
    target.answer()
    await told(app, call, "bridged", target)
    await talking(caller, target)
    caller.hang_up()
    await ended(app, call)
    await target.wait(target.over)
