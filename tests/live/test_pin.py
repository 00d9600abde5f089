"""A number that several apps share: a caller with a telephone is asked for a PIN and presses it."""

from __future__ import annotations

import asyncio

import pytest
import pytest_asyncio

from tests.fakes.webhook_sink import WebhookSink
from tests.live.adapter_process import APP_ID, AdapterProcess
from tests.live.conftest import Api, Phones
from tests.live.telephone import Telephone

pytestmark = [pytest.mark.live, pytest.mark.asyncio(loop_scope="module")]

SHARED, TONE = "15551099", 500
NUMBERS = f"""
[[number]]
number = "{SHARED}"
pin = "0471"
app = "{APP_ID}"
[[number]]
number = "{SHARED}"
pin = "9"
app = "{APP_ID}"
greeting = "default"
"""
Server = tuple[AdapterProcess, WebhookSink]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(joining_adapter: Server) -> AdapterProcess:
    """The adapter, with the shared number."""
    process, _ = joining_adapter
    (process.folder / "numbers.toml").write_text(NUMBERS)
    await process.cli("apply", "numbers.toml")
    return process


async def asked(phones: Phones) -> Telephone:
    """A caller who was answered and hears the question, which is spoken."""
    caller = await phones(TONE)
    await caller.call(SHARED, "15557770001")
    await caller.wait(caller.up)
    await caller.hears("music")
    return caller


async def offered(app: Api, caller: Telephone, pin: str) -> str:
    """The call that the application was told of when the PIN was pressed."""
    before = app.names().count("incomingcall")
    await caller.press(f"{pin}#")
    await app.sink.wait_for(lambda _: app.names().count("incomingcall") > before, timeout=10)
    told = [event for event in app.events() if event.get("state") == "incomingcall"][-1]
    assert (told["from"], told["to"]) == ("15557770001", SHARED)
    return str(told["voice_id"])


async def over(app: Api, call: str, *names: str) -> None:
    """The call is over, and this is all that the application was told."""
    await app.sink.wait_for(lambda _: "disconnected" in app.names(call), timeout=10)
    assert app.names(call) == [*names, "disconnected"]


@pytest.mark.contract("enablex-voice", "incoming.pin")
async def test_ringback_until_accept(server: AdapterProcess, app: Api, phones: Phones) -> None:
    """A key ends the question; after the PIN there is ringback until accept, then speech."""
    caller = await asked(phones)
    assert app.events() == []
    call = await offered(app, caller, "0471")
    await caller.hears("ringing")
    assert (await app.request("GET", f"/call/{call}"))[1]["state"] == "In progress"
    assert (await app.request("PUT", f"/call/{call}/accept"))[0] == 200
    await caller.keeps_hearing()
    await app.play(call, text="Thank you for waiting. " * 3)
    await caller.hears("music")
    await app.hang_up(call)
    await caller.wait(caller.over)
    await over(app, call, "incomingcall", "connected", "failed")


@pytest.mark.contract("enablex-voice", "incoming.pin")
async def test_greeting_behind_another_pin(
    server: AdapterProcess, app: Api, phones: Phones
) -> None:
    """The PIN decides: this one's number has a greeting, which is heard at once."""
    caller = await asked(phones)
    call = await offered(app, caller, "9")
    await caller.hears("music")
    await app.sink.wait_for(lambda _: "playfinished" in app.names(call), timeout=10)
    caller.hang_up()
    await over(app, call, "incomingcall", "connected", "playfinished")


async def test_rejected_while_it_rings(server: AdapterProcess, app: Api, phones: Phones) -> None:
    """DELETE ends the answered channel; for the application it is a rejected call."""
    caller = await asked(phones)
    call = await offered(app, caller, "0471")
    await caller.hears("ringing")
    await app.hang_up(call)
    await caller.wait(caller.over)
    await over(app, call, "incomingcall")
    ended = app.events(call)[-1]
    assert (ended["sip_code"], ended["disconnect_reason"]) == (603, "Call rejected")


@pytest.mark.contract("enablex-voice", "incoming.pin")
async def test_wrong_three_times(server: AdapterProcess, app: Api, phones: Phones) -> None:
    """Each wrong PIN is followed by another question, the last one by a goodbye and the end."""
    caller, before = await asked(phones), len(app.events())
    for pin in ("1", "22", "333"):
        await caller.press(f"{pin}#")
        await caller.hears()
        await caller.hears("music")
    assert not caller.over.is_set()
    await caller.wait(caller.over, 15)
    assert len(app.events()) == before


async def test_killed_while_the_pin_is_asked(
    server: AdapterProcess, app: Api, phones: Phones
) -> None:
    """After `kill -9` and a start the PIN counts; after another one the ringback goes on."""
    caller = await asked(phones)
    await caller.press("04")
    await server.kill()
    await server.start()
    call = await offered(app, caller, "71")
    await caller.hears("ringing")
    await server.kill()
    await server.start()
    await caller.hears("ringing")
    assert (await app.request("PUT", f"/call/{call}/accept"))[0] == 200
    await caller.keeps_hearing()
    await app.hang_up(call)
    await over(app, call, "incomingcall", "connected")


async def test_caller_after_a_change_of_the_trunk(
    server: AdapterProcess, app: Api, phones: Phones
) -> None:
    """A trunk that is pushed once more, and changed, still tells who calls (see `Endpoints`)."""
    text = (server.folder / "provision.toml").read_text()
    header = 'caller_id_header = "p-asserted-identity"'
    (server.folder / "changed.toml").write_text(
        text.replace('name = "carrier"', f'name = "carrier"\n{header}')
    )
    await server.cli("apply", "changed.toml")
    await asyncio.sleep(1.5)  # pushed within a second
    caller = await asked(phones)
    call = await offered(app, caller, "0471")
    caller.hang_up()
    await over(app, call, "incomingcall")
    await server.cli("apply", "provision.toml")
