"""Calls with further parties, for the tests of what joins and parts them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from tests.contract.stack import CALLEE, RINGS, Reply, Stack
from tests.fakes.ari_model import Callee

PARTY, TARGET = "+15559002", "+15559003"
Action = Callable[..., Awaitable[Reply]]
"""What is asked for of a call: `connect`, `transfer`, `forward`."""


def leg(call: str, number: int) -> str:
    """The channel of a call's n-th leg; the first is the call's own."""
    return f"{call}.leg{number}"


def of(call: str) -> dict[str, Any]:
    """The keys of an error about an outbound call."""
    return {"voice_id": call, "from_": RINGS, "to": CALLEE}


def rings(stack: Stack, *numbers: str) -> None:
    """Let these numbers ring until the test says more."""
    for number in numbers:
        stack.ari.callee(number, Callee.rings_out())


async def connect(stack: Stack, call: str, to: str = PARTY, **keys: Any) -> Reply:
    """`PUT /call/{id}/connect`."""
    return await stack.ask("PUT", f"/call/{call}/connect", {"from": RINGS, "to": to} | keys)


async def transfer(stack: Stack, call: str, to: str = TARGET, **keys: Any) -> Reply:
    """`PUT /call/{id}/transfer`."""
    body = {"from": RINGS, "transfer_to": to}
    return await stack.ask("PUT", f"/call/{call}/transfer", body | keys)


async def forward(stack: Stack, call: str, to: str = TARGET, **keys: Any) -> Reply:
    """`PUT /call/{id}/forward`."""
    return await stack.ask("PUT", f"/call/{call}/forward", {"from": RINGS, "to": to} | keys)


async def hold(stack: Stack, call: str, on: Any) -> Reply:
    """`PUT /call/{id}/hold`."""
    return await stack.ask("PUT", f"/call/{call}/hold", {"hold": on})


async def record(stack: Stack, call: str, **keys: Any) -> Reply:
    """`PUT /call/{id}/recording`."""
    return await stack.ask("PUT", f"/call/{call}/recording", keys)


async def recorded(stack: Stack, call: str, **keys: Any) -> str:
    """A recording of the call that runs; its id."""
    recording: str = (await record(stack, call, start=True, **keys))["recording_id"]
    await stack.event(call, "started")
    return recording


async def bridged(stack: Stack, **keys: Any) -> str:
    """A call that is bridged with PARTY, on its second leg; its id."""
    call = await stack.connected(**keys)
    assert (await connect(stack, call)).status == 200
    await stack.event(call, "bridged")
    await together(stack, leg(call, 1), leg(call, 2))
    return call


async def offered_and_bridged(stack: Stack) -> tuple[str, str]:
    """An inbound call that is bridged with PARTY, on its second leg; its id and channel."""
    call = await stack.offered()
    channel: str = (await stack.event(call, "incomingcall"))["channel_id"]
    await stack.ask("PUT", f"/call/{call}/accept")
    await stack.event(call, "connected")
    await connect(stack, call)
    await stack.event(call, "bridged")
    return call, channel


async def together(stack: Stack, *channels: str) -> None:
    """Wait until these are in one bridge, and nobody else with them."""
    bridges = stack.ari.world.bridges
    await stack.ari.wait_for(lambda: any(set(of) == {*channels} for of in bridges.values()))


async def exists(stack: Stack, channel: str) -> None:
    """Wait until there is a channel."""
    await stack.ari.wait_for(lambda: channel in stack.ari.channels)


async def gone(stack: Stack, *channels: str) -> None:
    """Wait until these channels are no more."""
    await stack.ari.wait_for(lambda: not {*channels} & {*stack.ari.channels})


async def nothing_left(stack: Stack) -> None:
    """Wait until Asterisk has neither a channel nor a bridge any more."""
    await stack.ari.wait_for(lambda: not stack.ari.channels and not stack.ari.world.bridges)
