"""`kill -9` of the adapter, with calls in every state of the bridge machine, several at a time.

They go on as they were; what happened meanwhile is found out; each ends with one `disconnected`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
import pytest_asyncio

from tests.fakes.webhook_sink import WebhookSink
from tests.live.adapter_process import AdapterProcess
from tests.live.asterisk import Instance
from tests.live.bridged_calls import (
    CALLER,
    FROM,
    PARTY,
    TARGET,
    answered,
    bridged,
    connect,
    ended,
    order,
    over,
    talking,
    told,
    two_joined,
)
from tests.live.conftest import Api, Phones
from tests.live.outage import Outage, Story, live_through

pytestmark = [
    pytest.mark.live,
    pytest.mark.crash,
    pytest.mark.asyncio(loop_scope="module"),
]

RINGING, BRIDGED, FAILED, LEFT = "bridging", "bridged", "bridging_failed", "bridge_disconnected"


LiveThrough = Callable[..., Awaitable[None]]


@pytest_asyncio.fixture(loop_scope="module")
async def outage(
    app: Api,
    phones: Phones,
    joining_adapter: tuple[AdapterProcess, WebhookSink],
    shared_asterisk: Instance,
) -> LiveThrough:
    """`live_through` with all that is the same in these tests."""

    async def run(*stories: Story, freezes: bool = False) -> None:
        adapter, _ = joining_adapter
        await live_through(adapter, shared_asterisk, app, phones, *stories, freezes=freezes)

    return run


async def connecting_goes_on(app: Api, phones: Phones, outage: Outage) -> None:
    """The caller goes on hearing the ringing tone; the party answers later."""
    caller, party = await phones(CALLER), await phones(PARTY, answers=False)
    call = await answered(app, caller)
    await connect(app, call, party)
    await told(app, call, RINGING, party)
    async with outage.gap():
        pass
    await caller.hears("ringing")
    party.answer()
    await told(app, call, BRIDGED, party)
    await talking(caller, party)
    assert await over(app, call) == [(RINGING, party.uri), (BRIDGED, party.uri)]
    await party.wait(party.over)


async def bridged_goes_on(app: Api, phones: Phones, outage: Outage) -> None:
    """They hear one another all the time; keys from before the kill are told."""
    caller, party = await phones(CALLER), await phones(PARTY)
    call = await bridged(app, caller, party)
    await caller.press("12")
    async with outage.gap():
        await asyncio.gather(caller.keeps_hearing(PARTY), party.keeps_hearing(CALLER))
    await asyncio.gather(caller.keeps_hearing(PARTY), party.keeps_hearing(CALLER))
    assert (await told(app, call, "dtmfcollected"))["digit"] == "12"
    assert [name for name, _ in await over(app, call)] == [RINGING, BRIDGED, "dtmfcollected"]
    await party.wait(party.over)


async def held_goes_on(app: Api, phones: Phones, outage: Outage) -> None:
    """Music and silence, and then they talk again."""
    caller, party = await phones(CALLER), await phones(PARTY)
    call = await bridged(app, caller, party)
    await order(app, call, "hold", hold=True)
    await caller.hears("music")
    async with outage.gap():
        pass
    await asyncio.gather(caller.keeps_hearing("music"), party.keeps_hearing())
    await order(app, call, "hold", hold=False)
    await talking(caller, party)
    assert await over(app, call) == [(RINGING, party.uri), (BRIDGED, party.uri)]
    await party.wait(party.over)


async def transferring_goes_on(app: Api, phones: Phones, outage: Outage) -> None:
    """The target rings through the outage, answers, and gets the caller."""
    call, caller, party, target = await two_joined(app, phones, "transfer", answers=False)
    async with outage.gap():
        pass
    await asyncio.gather(caller.hears("music"), party.hears("ringing"))
    target.answer()
    await talking(party, target)
    party.hang_up()
    await told(app, call, BRIDGED, target)
    await talking(caller, target)
    assert (await over(app, call))[3:] == [(LEFT, party.uri), (BRIDGED, target.uri)]
    await target.wait(target.over)


async def consultation_goes_on(app: Api, phones: Phones, outage: Outage) -> None:
    """Party and target talk through the outage, the caller has its music."""
    call, caller, party, target = await two_joined(app, phones, "transfer", answers=True)
    async with outage.gap():
        await talking(party, target)
    await asyncio.gather(
        caller.keeps_hearing("music"), party.keeps_hearing(TARGET), target.keeps_hearing(PARTY)
    )
    target.hang_up()
    await told(app, call, FAILED, target)
    await talking(caller, party)
    assert (await over(app, call))[3:] == [(FAILED, target.uri)]


async def forwarding_goes_on(app: Api, phones: Phones, outage: Outage) -> None:
    """The two talk through the outage; then the target answers."""
    call, caller, party, target = await two_joined(app, phones, "forward")
    async with outage.gap():
        await talking(caller, party)
    await asyncio.gather(caller.keeps_hearing(PARTY), party.keeps_hearing(CALLER))
    target.answer()
    await told(app, call, BRIDGED, target)
    await talking(caller, target)
    await party.wait(party.over)
    assert (await over(app, call))[3:] == [(LEFT, party.uri), (BRIDGED, target.uri)]


async def party_answered(app: Api, phones: Phones, outage: Outage) -> None:
    """CONNECTING: the party answers meanwhile."""
    caller, party = await phones(CALLER), await phones(PARTY, answers=False)
    call = await answered(app, caller)
    await connect(app, call, party)
    await told(app, call, RINGING, party)
    async with outage.gap():
        party.answer()
        await talking(caller, party)
    await told(app, call, BRIDGED, party)
    await asyncio.gather(caller.keeps_hearing(PARTY), party.keeps_hearing(CALLER))
    assert await over(app, call) == [(RINGING, party.uri), (BRIDGED, party.uri)]


async def party_declined(app: Api, phones: Phones, outage: Outage) -> None:
    """CONNECTING: the party refuses meanwhile."""
    caller, party = await phones(CALLER), await phones(PARTY, answers=False)
    call = await answered(app, caller)
    await connect(app, call, party)
    await told(app, call, RINGING, party)
    async with outage.gap():
        party.decline()
    await told(app, call, FAILED, party)
    await caller.hears()
    assert await over(app, call) == [(RINGING, party.uri), (FAILED, party.uri)]


async def party_left(app: Api, phones: Phones, outage: Outage) -> None:
    """BRIDGED: the party hangs up meanwhile; then somebody else can be called."""
    caller, party, other = await phones(CALLER), await phones(PARTY), await phones(TARGET)
    call = await bridged(app, caller, party)
    async with outage.gap():
        party.hang_up()
    await told(app, call, LEFT, party)
    await connect(app, call, other)
    await talking(caller, other)
    assert (await over(app, call))[2:] == [
        (LEFT, party.uri),
        (RINGING, other.uri),
        (BRIDGED, other.uri),
    ]


async def held_caller_left(app: Api, phones: Phones, outage: Outage) -> None:
    """BRIDGED and held: the caller hangs up meanwhile."""
    caller, party = await phones(CALLER), await phones(PARTY)
    call = await bridged(app, caller, party)
    await order(app, call, "hold", hold=True)
    await caller.hears("music")
    async with outage.gap():
        caller.hang_up()
    assert await ended(app, call) == [(RINGING, party.uri), (BRIDGED, party.uri)]
    await party.wait(party.over)


async def party_left_to_target(app: Api, phones: Phones, outage: Outage) -> None:
    """TRANSFERRING: the party hands over meanwhile."""
    call, caller, party, target = await two_joined(app, phones, "transfer", answers=True)
    async with outage.gap():
        party.hang_up()
    await told(app, call, BRIDGED, target)
    await talking(caller, target)
    await asyncio.gather(caller.keeps_hearing(TARGET), target.keeps_hearing(CALLER))
    assert (await over(app, call))[3:] == [(LEFT, party.uri), (BRIDGED, target.uri)]


async def target_left(app: Api, phones: Phones, outage: Outage) -> None:
    """TRANSFERRING: the target hangs up meanwhile."""
    call, caller, party, target = await two_joined(app, phones, "transfer", answers=True)
    async with outage.gap():
        target.hang_up()
    await told(app, call, FAILED, target)
    await talking(caller, party)
    await asyncio.gather(caller.keeps_hearing(PARTY), party.keeps_hearing(CALLER))
    assert (await over(app, call))[3:] == [(FAILED, target.uri)]


async def caller_left(app: Api, phones: Phones, outage: Outage) -> None:
    """TRANSFERRING: the caller hangs up meanwhile, while the target rings."""
    call, caller, party, target = await two_joined(app, phones, "transfer", answers=False)
    async with outage.gap():
        caller.hang_up()
    assert (await ended(app, call))[3:] == []
    await party.wait(party.over)
    await target.wait(target.over)


async def target_answered(app: Api, phones: Phones, outage: Outage) -> None:
    """FORWARDING: the target answers meanwhile."""
    call, caller, party, target = await two_joined(app, phones, "forward")
    async with outage.gap():
        target.answer()
    await told(app, call, BRIDGED, target)
    await talking(caller, target)
    await asyncio.gather(caller.keeps_hearing(TARGET), target.keeps_hearing(CALLER))
    await party.wait(party.over)
    assert (await over(app, call))[3:] == [(LEFT, party.uri), (BRIDGED, target.uri)]


async def party_left_a_forward(app: Api, phones: Phones, outage: Outage) -> None:
    """FORWARDING: the party hangs up meanwhile; the target rings on."""
    call, caller, party, target = await two_joined(app, phones, "forward")
    async with outage.gap():
        party.hang_up()
    await told(app, call, LEFT, party)
    await caller.hears("ringing")
    target.answer()
    await told(app, call, BRIDGED, target)
    await talking(caller, target)
    assert (await over(app, call))[3:] == [(LEFT, party.uri), (BRIDGED, target.uri)]


async def connect_was_lost(app: Api, phones: Phones, outage: Outage) -> None:
    """The party is called all the same, once."""
    caller, party = await phones(CALLER), await phones(PARTY)
    call = await answered(app, caller)
    await outage.freeze()
    await connect(app, call, party)
    async with outage.gap():
        pass
    await told(app, call, BRIDGED, party)
    await talking(caller, party)
    assert await over(app, call) == [(RINGING, party.uri), (BRIDGED, party.uri)]


async def hold_was_lost(app: Api, phones: Phones, outage: Outage) -> None:
    """The caller is on hold all the same."""
    caller, party = await phones(CALLER), await phones(PARTY)
    call = await bridged(app, caller, party)
    await outage.freeze()
    await order(app, call, "hold", hold=True)
    async with outage.gap():
        pass
    await asyncio.gather(caller.keeps_hearing("music"), party.keeps_hearing())
    await over(app, call)


async def resuming_was_lost(app: Api, phones: Phones, outage: Outage) -> None:
    """They talk again all the same."""
    caller, party = await phones(CALLER), await phones(PARTY)
    call = await bridged(app, caller, party)
    await order(app, call, "hold", hold=True)
    await caller.hears("music")
    await outage.freeze()
    await order(app, call, "hold", hold=False)
    async with outage.gap():
        pass
    await talking(caller, party)
    await asyncio.gather(caller.keeps_hearing(PARTY), party.keeps_hearing(CALLER))
    await over(app, call)


async def transfer_was_lost(app: Api, phones: Phones, outage: Outage) -> None:
    """The target is called all the same, and the caller hears the music."""
    caller, party, target = await phones(CALLER), await phones(PARTY), await phones(TARGET)
    call = await bridged(app, caller, party)
    await outage.freeze()
    await order(app, call, "transfer", **{"from": FROM, "transfer_to": target.uri})
    async with outage.gap():
        pass
    await talking(party, target)
    await caller.keeps_hearing("music")
    assert await over(app, call) == [
        (RINGING, party.uri),
        (BRIDGED, party.uri),
        (RINGING, target.uri),
    ]


async def forward_was_lost(app: Api, phones: Phones, outage: Outage) -> None:
    """The target is called all the same, and takes the party's place."""
    caller, party, target = await phones(CALLER), await phones(PARTY), await phones(TARGET)
    call = await bridged(app, caller, party)
    await outage.freeze()
    await order(app, call, "forward", **{"from": FROM, "to": target.uri})
    async with outage.gap():
        pass
    await told(app, call, BRIDGED, target)
    await talking(caller, target)
    assert (await over(app, call))[2:] == [
        (RINGING, target.uri),
        (LEFT, party.uri),
        (BRIDGED, target.uri),
    ]


async def end_was_lost(app: Api, phones: Phones, outage: Outage) -> None:
    """The call ends all the same, with its further leg."""
    caller, party = await phones(CALLER), await phones(PARTY)
    call = await bridged(app, caller, party)
    await outage.freeze()
    await app.hang_up(call)
    async with outage.gap():
        pass
    assert await ended(app, call) == [(RINGING, party.uri), (BRIDGED, party.uri)]
    await caller.wait(caller.over)
    await party.wait(party.over)


async def test_calls_go_on_as_they_were(outage: LiveThrough) -> None:
    """Nobody does anything while the adapter is away: everybody hears what they heard before."""
    await outage(
        connecting_goes_on,
        bridged_goes_on,
        held_goes_on,
        transferring_goes_on,
        consultation_goes_on,
        forwarding_goes_on,
    )


async def test_calls_that_changed_meanwhile(outage: LiveThrough) -> None:
    """Somebody answered or left while the adapter was away: it is told, and acted upon."""
    await outage(
        party_answered,
        party_declined,
        party_left,
        held_caller_left,
        party_left_to_target,
        target_left,
        caller_left,
        target_answered,
        party_left_a_forward,
    )


async def test_orders_that_were_lost(outage: LiveThrough) -> None:
    """Killed between a reply and its orders: they are carried out after the restart."""
    await outage(
        connect_was_lost,
        hold_was_lost,
        resuming_was_lost,
        transfer_was_lost,
        forward_was_lost,
        end_was_lost,
        freezes=True,
    )
