"""What a telephone does by itself: it transfers nobody, and a dead one is noticed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from tests.fakes.webhook_sink import WebhookSink
from tests.live.adapter_process import APP_ID, APP_KEY, AdapterProcess
from tests.live.asterisk import Carrier, Instance
from tests.live.conftest import Api, Eventually
from tests.live.numbers import ANSWERS
from tests.live.telephone import Telephone

pytestmark = pytest.mark.live

TONE = 500
RTP_TIMEOUT = 2  # seconds


@pytest.fixture
async def phone(asterisk: Instance) -> AsyncIterator[Telephone]:
    """A telephone that says a tone, and answers at once."""
    made = Telephone(TONE, ("127.0.0.1", asterisk.sip_port))
    await made.open()
    yield made
    made.close()


async def test_a_telephone_cannot_transfer(
    api: Api, asterisk: Instance, phone: Telephone, eventually: Eventually
) -> None:
    """Its REFER is declined (603), whomever it names; nobody is dialled, and the call goes on."""
    await phone.call("+15551000", "+15557770042")
    call = (await api.event("incomingcall"))["voice_id"]
    await api.request("PUT", f"/call/{call}/accept")
    await phone.wait(phone.up)
    for number in (ANSWERS, "+15551001"):
        phone.referred = 0
        phone.refer(f"sip:{number}@127.0.0.1:{asterisk.sip_port}")
        await eventually(lambda: phone.referred > 0, 5)
        assert phone.referred == 603
    await asyncio.sleep(1)
    assert len(asterisk.cli("core show channels concise").splitlines()) == 1
    assert (await api.request("GET", f"/call/{call}"))[1]["state"] == "connected"
    assert api.names() == ["incomingcall", "connected"]
    await api.hang_up(call)
    await api.over()
    await phone.wait(phone.over)


@pytest.fixture
async def impatient(
    tmp_path: Path, asterisk: Instance, carrier: Carrier, sink: WebhookSink
) -> AsyncIterator[Api]:
    """The API of an adapter that ends a leg after two silent seconds."""
    process = AdapterProcess(
        tmp_path / "adapter",
        asterisk=asterisk,
        carrier_sip_port=carrier.sip_port,
        event_url=sink.url(),
        webhook_port=sink.port,
        extra=f"[calls]\nrtp_timeout = {RTP_TIMEOUT}\n",
    )
    await process.cli("apply", "provision.toml")
    await process.start()
    headers = {"Authorization": aiohttp.encode_basic_auth(APP_ID, APP_KEY)}
    async with aiohttp.ClientSession(process.base, headers=headers) as session:
        yield Api(session, sink)
    await process.stop()


async def test_a_dead_telephone(impatient: Api, phone: Telephone) -> None:
    """While it sends audio the call goes on; once it sends none the call ends: media timeout."""
    call = await impatient.place(phone.uri)
    await impatient.event("connected")
    await asyncio.sleep(RTP_TIMEOUT + 1.5)
    assert (await impatient.request("GET", f"/call/{call}"))[1]["state"] == "connected"
    phone.fall_silent()
    ended = await impatient.event("disconnected", RTP_TIMEOUT + 5)
    assert ended["disconnect_reason"] == "Media timeout"
    await phone.wait(phone.over)
    assert (await impatient.over()).count("disconnected") == 1
