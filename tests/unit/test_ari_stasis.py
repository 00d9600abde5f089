"""adapter.ari.stasis with the dialling of a channel; bridges and listening have their own tests."""

from __future__ import annotations

import pytest

from adapter.ari.client import AriClient
from adapter.ari.commands import Commands
from adapter.core import outputs as o
from adapter.core.ids import ChannelId
from adapter.core.inputs import ChannelDialled
from tests.fakes.ari_server import FakeAri

CHANNEL = ChannelId("call.leg1")
DIAL = o.Dial(channel=CHANNEL, timeout=30.0)


@pytest.mark.parametrize(
    ("message", "times"), [("Channel not in Stasis application", 4), ("Channel is up", 1)]
)
async def test_dialling_waits_for_stasis(message: str, times: int) -> None:
    """A new channel is dialled once it is with us; one that was dialled is not waited for."""
    async with (
        FakeAri() as ari,
        AriClient(ari.base_url, ari.username, ari.password, app="voice", timeout=2) as client,
    ):
        await client.create_channel("PJSIP/100@carrier", CHANNEL)
        await ari.wait_for(lambda: CHANNEL in ari.channels)
        ari.fail("dial", 409, times=3, message=message)
        assert await Commands(client).perform(DIAL) == ChannelDialled(channel=CHANNEL)
        assert ari.count("dial") == times
