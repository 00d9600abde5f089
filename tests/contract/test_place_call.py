"""`POST /call` and the events of an outbound call (enablex-voice.txt, "Dial Out a Number")."""

from __future__ import annotations

from tests.contract.stack import CALLEE, RINGS, Stack


async def test_smoke(stack: Stack) -> None:
    """Smoke."""
    reply = await stack.place()
    print(reply)
    call = reply["voice_id"]
    await stack.event(call, "connected")
    await stack.hang_up(call)
    print(await stack.over(call))
    print(stack.sink.bodies)
