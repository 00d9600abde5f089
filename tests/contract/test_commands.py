"""`ari-voice calls|why|replay|secret|outbox|openapi` beside a running server; what is forgotten."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from adapter.store.upkeep import CHECKPOINT_EVERY
from tests.contract.stack import APP, CALLEE, SECRET, Stack, eventually
from tests.fakes.webhook_sink import Reply


async def menu_call(stack: Stack) -> str:
    """A call in which somebody presses 4711."""
    call = await stack.connected()
    await stack.say(call, "your secret, please", dtmf=True)
    await stack.ari.wait_for(lambda: stack.ari.count("play") == 1)
    for key in "4711#":
        stack.ari.digit(f"{call}.leg1", key)
    await stack.event(call, "digitcollected")
    await stack.hang_up(call)
    await stack.over(call)
    return call


async def test_why_tells_the_whole_call(stack: Stack) -> None:
    """Requests, events, effects, the end and each webhook attempt are there, in order of time."""
    call = await menu_call(stack)

    async def written() -> bool:
        return " is pending" not in stack.command("why", call)[1]

    await eventually(written)  # deliveries are written down a moment later
    status, story = stack.command("why", call)
    assert status == 0
    words = ["PlaceCall", "CreateChannel", "ChannelRinging", "ringing", "ChannelUp", "StartPrompt"]
    for word in [*words, "DigitPressed", "digitcollected", "EndCall", "Hangup", "HTTP 200"]:
        assert word in story, word
    assert story.index("PlaceCall") < story.index("ChannelUp") < story.index("EndCall")


async def test_why_masks(stack: Stack) -> None:
    """Digits, spoken text and telephone numbers are not shown."""
    _, story = stack.command("why", await menu_call(stack))
    for private in ("4711", "your secret", CALLEE, CALLEE.removeprefix("+")):
        assert private not in story


async def test_replay(stack: Stack) -> None:
    """The journal of a call leads to its row."""
    status, said = stack.command("replay", await menu_call(stack))
    assert (status, said) == (0, "the journal leads to the row\n")


async def test_calls_are_listed(stack: Stack) -> None:
    """The latest calls, a line each, with their app and without whole numbers."""
    call = await stack.connected()
    status, listed = stack.command("calls", "--limit", "1")
    assert status == 0
    assert call in listed
    assert APP in listed
    assert CALLEE not in listed


@pytest.mark.parametrize("command", ["why", "replay"])
async def test_unknown_call(stack: Stack, command: str) -> None:
    """A call that is not there is exit code 1."""
    assert stack.command(command, "no-call")[0] == 1


async def test_secret(stack: Stack) -> None:
    """The webhook secret of an app; 1 for an app that is not there."""
    assert stack.command("secret", APP) == (0, f"{SECRET}\n")
    assert stack.command("secret", "nobody")[0] == 1


async def test_dead_letters_are_kept_and_sent_again(idle: Stack) -> None:
    """A webhook that was given up is listed as dead, and `outbox retry` delivers it."""
    idle.configure(retry=(0.01,))
    idle.sink.default = Reply(500)
    await idle.start()
    call = (await idle.place())["voice_id"]

    def dead() -> bool:
        return idle.command("outbox", "list", "--state", "dead", "--call", call)[1].count(call) == 2

    await eventually(dead)
    idle.sink.default = Reply(200)
    idle.sink.clear()
    assert idle.command("outbox", "retry", "--owner", APP) == (0, "2 due now\n")
    await idle.sink.wait_acknowledged(2, timeout=15)
    assert [body["state"] for body in idle.sink.bodies] == ["ringing", "connected"]
    await idle.stop()


async def test_gone_disables(stack: Stack) -> None:
    """410 ends deliveries to that URL, to no other, until `outbox retry`; nothing is lost."""
    stack.sink.script(410, path="/gone")
    call = (await stack.place(event_url=stack.sink.url("/gone")))["voice_id"]
    await stack.answered(call)
    await stack.connected()

    def dead() -> bool:
        return stack.command("outbox", "list", "--state", "dead")[1].count(call) == 2

    await eventually(dead)
    assert stack.names(call) == ["ringing"]
    assert stack.command("outbox", "retry", "--owner", APP)[0] == 0
    await stack.event(call, "connected")
    assert stack.names(call) == ["ringing", "connected"]


async def test_openapi(stack: Stack) -> None:
    """`ari-voice openapi` writes what the server serves."""
    served: Any = await (await stack.get("/openapi.json")).json()
    status, written = stack.command("openapi")
    assert status == 0
    assert json.loads(written) == served


async def test_old_calls_are_forgotten(stack: Stack) -> None:
    """After retention.calls_days an ended call is unknown; one that is up is kept."""
    old, live = await stack.connected(), await stack.connected()
    await stack.hang_up(old)
    await stack.over(old)
    await stack.sink.wait_acknowledged(len(stack.sink.received))
    await stack.kill()
    stack.configure("[retention]\ncalls_days = 1e-9")
    await stack.start()

    async def forgotten() -> bool:
        return (await stack.ask("GET", f"/call/{old}")).status == 404

    await eventually(forgotten)
    assert (await stack.ask("GET", f"/call/{live}")).status == 200


@pytest.mark.parametrize("checkpoint", ["true", "false"])
async def test_who_empties_the_log(idle: Stack, checkpoint: str) -> None:
    """What a call has written goes from the log into the file, unless another program does that."""
    settings = idle.folder / "ari-voice.toml"
    text = settings.read_text()
    settings.write_text(text.replace("[database]", f"[database]\ncheckpoint = {checkpoint}"))
    await idle.start()
    file = idle.folder / "ari-voice.db"
    written = file.stat().st_mtime_ns
    await idle.connected()
    await asyncio.sleep(1.5 * CHECKPOINT_EVERY)
    assert (file.stat().st_mtime_ns > written) is (checkpoint == "true")
    await idle.kill()
