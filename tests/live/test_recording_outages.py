"""Recording while AMI is away, and calls go on: the wire to it alone is cut.

An adapter of this module's own reaches AMI through a relay; ARI it reaches directly.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing

import pytest
import pytest_asyncio

from tests.fakes.webhook_sink import WebhookSink
from tests.live.adapter_process import AdapterProcess
from tests.live.asterisk import Carrier, Instance
from tests.live.audio import sides, story
from tests.live.bridged_calls import CALLER, answered, order, over, told
from tests.live.conftest import Api, Phones, of_a_module
from tests.live.wire import Wire

pytestmark = [pytest.mark.live, pytest.mark.asyncio(loop_scope="module")]

SETTLE = 1.0  # seconds of sound
PATIENCE = 20.0  # until `failed`, and until AMI is connected again


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def ami(shared_asterisk: Instance) -> AsyncIterator[Wire]:
    """What the adapter reaches AMI through."""
    if not shared_asterisk.running:
        shared_asterisk.restart()
    wire = Wire(shared_asterisk.ami_port)
    await wire.start()
    yield wire
    await wire.stop()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def joining_adapter(
    shared_asterisk: Instance,
    carrier: Carrier,
    ami: Wire,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[tuple[AdapterProcess, WebhookSink]]:
    """The adapter of all tests here, and its application."""
    folder = tmp_path_factory.mktemp("adapter")
    async with of_a_module(folder, shared_asterisk, carrier, ami.port) as both:
        yield both


@pytest.fixture
def adapter(joining_adapter: tuple[AdapterProcess, WebhookSink]) -> AdapterProcess:
    """The adapter."""
    return joining_adapter[0]


@asynccontextmanager
async def away(ami: Wire, adapter: AdapterProcess) -> AsyncIterator[None]:
    """AMI is away during the block, and behind it the adapter is logged in again."""
    async with ami.cut():
        yield
        logins = adapter.log().count("AMI connected")
    async with asyncio.timeout(PATIENCE):
        while adapter.log().count("AMI connected") == logins:
            await asyncio.sleep(0.05)


async def recorded(app: Api, phones: Phones) -> tuple[str, str]:
    """A call that has been recorded for a moment; its id, and the recording's."""
    call = await answered(app, await phones(CALLER))
    await order(app, call, "recording", start=True)
    recording = str((await told(app, call, "started"))["recording_id"])
    await asyncio.sleep(SETTLE)
    return call, recording


def state(adapter: AdapterProcess, recording: str) -> str:
    """What the row of a recording says."""
    database = adapter.folder / "var" / "ari-voice.db"
    with closing(sqlite3.connect(database)) as connection:
        wanted = "SELECT state FROM recording WHERE id = ?"
        return str(connection.execute(wanted, (recording,)).fetchone()[0])


def monitors(asterisk: Instance) -> int:
    """How many monitors all channels have."""
    lines = asterisk.cli("core show channels concise").splitlines()
    names = [line.split("!")[0] for line in lines]
    return sum(asterisk.cli(f"mixmonitor list {name}").count("0x") for name in names)


async def completed(app: Api, call: str) -> bytes:
    """The mixed file, once `completed` has come; its sound is the caller's."""
    event = await told(app, call, "completed", seconds=PATIENCE)
    status, _, file = await app.fetch(f"/recording/{event['recording_id']}")
    assert status == 200
    assert story(sides(file)[0]) == [{CALLER}]
    return file


@pytest.mark.parametrize("killed", [False, True])
async def test_stopped(
    app: Api, adapter: AdapterProcess, ami: Wire, phones: Phones, asterisk: Instance, killed: bool
) -> None:
    """It goes on until AMI is back, over a kill of the adapter too; then `completed` comes."""
    call, recording = await recorded(app, phones)
    async with away(ami, adapter):
        await order(app, call, "recording", stop=True)
        if killed:
            await adapter.kill()
            await adapter.start()
        await asyncio.sleep(SETTLE)
        assert (state(adapter, recording), monitors(asterisk)) == ("running", 1)
        assert app.names(call)[-1] == "started"
    file = await completed(app, call)
    assert (state(adapter, recording), monitors(asterisk)) == ("saved", 0)
    assert len(sides(file)[0]) / 8000 > 2 * SETTLE
    assert [name for name, _ in await over(app, call)] == ["started", "completed"]


async def test_hung_up(app: Api, adapter: AdapterProcess, ami: Wire, phones: Phones) -> None:
    """A stop that waits for AMI is over with the channel: the file is whole without it."""
    call, recording = await recorded(app, phones)
    async with away(ami, adapter):
        await order(app, call, "recording", stop=True)
        await asyncio.sleep(SETTLE)
        await app.hang_up(call)
        await completed(app, call)
        assert (await told(app, call, "disconnected"))["recording_url"].endswith(recording)
        assert state(adapter, recording) == "saved"


async def test_answered(
    app: Api, adapter: AdapterProcess, ami: Wire, phones: Phones, asterisk: Instance
) -> None:
    """A call that is to be recorded is answered without AMI: `failed`, and the row says so.

    Nothing is begun when AMI is back, but by the next order.
    """
    caller = await phones(CALLER, answers=False)
    call = await app.place(caller.uri, auto_record=True)
    await told(app, call, "ringing")
    async with away(ami, adapter):
        caller.answer()
        failed = await told(app, call, "failed", seconds=PATIENCE)
        assert state(adapter, failed["recording_id"]) == "failed"
    await asyncio.sleep(SETTLE)
    assert monitors(asterisk) == 0
    await order(app, call, "recording", start=True)
    again = await told(app, call, "started")
    assert again["recording_id"] != failed["recording_id"]
    await app.hang_up(call)
    assert (await told(app, call, "disconnected"))["recording_url"].endswith(again["recording_id"])
