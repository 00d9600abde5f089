"""Monitors on a fake AMI: one monitor for each recording, whatever is lost on the way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from adapter.ami.client import AmiClient, Times
from adapter.ami.monitors import Monitors
from adapter.core.faults import AsteriskDown, RecordingFailed
from tests.fakes.ami import FakeAmi

CHANNEL = "00000000-0000-4000-8000-00ff00000001.leg1"
ONE = "11111111-0000-4000-8000-00ff00000001"
TWO = "22222222-0000-4000-8000-00ff00000001"


@pytest.fixture
async def ami() -> AsyncIterator[FakeAmi]:
    async with FakeAmi() as ami:
        ami.channels[CHANNEL] = {}
        yield ami


@pytest.fixture
async def monitors(ami: FakeAmi) -> AsyncIterator[Monitors]:
    times = Times(answer=0.4, ping=10.0, delays=(0.01,))
    client = AmiClient("127.0.0.1", ami.port, ami.username, ami.secret, times)
    client.start()
    yield Monitors(client, again=0.01)
    await client.close()


async def test_starts_three_files(ami: FakeAmi, monitors: Monitors, tmp_path: Path) -> None:
    """The mixed file, the caller's side, our side, and the id in a variable of the recording."""
    await monitors.start(CHANNEL, ONE, f"{tmp_path}/one")
    [sent] = [fields for fields in ami.actions if fields["Action"] == "MixMonitor"]
    variable = "MONITOR_11111111_0000_4000_8000_00ff00000001"
    assert sent["File"] == f"{tmp_path}/one.wav"
    assert sent["Options"] == f"r({tmp_path}/one-rx.wav)t({tmp_path}/one-tx.wav)i({variable})"
    assert ami.channels[CHANNEL][variable] in ami.monitors


async def test_started_twice_is_one_monitor(
    ami: FakeAmi, monitors: Monitors, tmp_path: Path
) -> None:
    """As after a restart of the adapter."""
    await monitors.start(CHANNEL, ONE, f"{tmp_path}/one")
    await monitors.start(CHANNEL, ONE, f"{tmp_path}/one")
    assert ami.names().count("MixMonitor") == 1


async def test_renewed(ami: FakeAmi, monitors: Monitors, tmp_path: Path) -> None:
    """The old monitor is ended, and a new one goes on in the same files, which stop ends."""
    await monitors.start(CHANNEL, ONE, f"{tmp_path}/one")
    await monitors.renew(CHANNEL, ONE, f"{tmp_path}/one")
    first, second = [fields for fields in ami.actions if fields["Action"] == "MixMonitor"]
    assert second["File"] == first["File"]
    assert second["Options"] == f"a{first['Options']}"
    assert len(ami.monitors) == 1
    await monitors.stop(CHANNEL, ONE)
    assert not ami.monitors


async def test_renewed_without_a_monitor(ami: FakeAmi, monitors: Monitors, tmp_path: Path) -> None:
    """As after a crash between the two orders: there is one again. A channel that is gone: none."""
    await monitors.start(CHANNEL, ONE, f"{tmp_path}/one")
    ami.monitors.clear()
    await monitors.renew(CHANNEL, ONE, f"{tmp_path}/one")
    assert len(ami.monitors) == 1
    await monitors.renew("gone", ONE, f"{tmp_path}/one")
    assert len(ami.monitors) == 1


async def test_renewal_that_is_refused(ami: FakeAmi, monitors: Monitors, tmp_path: Path) -> None:
    """An answer is an answer: it says so at once."""
    ami.fail("MixMonitor", "Permission denied")
    with pytest.raises(RecordingFailed, match="Permission denied"):
        await monitors.renew(CHANNEL, ONE, f"{tmp_path}/one")
    with pytest.raises(RecordingFailed, match="do not belong"):
        await monitors.renew(CHANNEL, ONE, "/x)y")


@pytest.mark.parametrize("after", [False, True])
async def test_lost_answer(ami: FakeAmi, monitors: Monitors, tmp_path: Path, after: bool) -> None:
    """Asked again after a lost answer, there is one monitor, whether or not it had been started."""
    ami.cut("MixMonitor", after=after)
    with pytest.raises(AsteriskDown):
        await monitors.start(CHANNEL, ONE, f"{tmp_path}/one")
    await monitors.start(CHANNEL, ONE, f"{tmp_path}/one")
    assert len(ami.monitors) == 1


async def test_stops_its_own(ami: FakeAmi, monitors: Monitors, tmp_path: Path) -> None:
    """Without an id Asterisk would stop the last one that was started."""
    await monitors.start(CHANNEL, ONE, f"{tmp_path}/one")
    await monitors.start(CHANNEL, TWO, f"{tmp_path}/two")
    await monitors.stop(CHANNEL, ONE)
    [(_, files)] = ami.monitors.values()
    assert files[0] == tmp_path / "two.wav"


async def test_nothing_to_stop(ami: FakeAmi, monitors: Monitors, tmp_path: Path) -> None:
    """A gone channel, a channel without this recording and one stopped before are successes."""
    await monitors.stop("gone", ONE)
    await monitors.stop(CHANNEL, ONE)
    await monitors.start(CHANNEL, ONE, f"{tmp_path}/one")
    await monitors.stop(CHANNEL, ONE)
    await monitors.stop(CHANNEL, ONE)
    assert ami.names().count("StopMixMonitor") == 2


async def test_no_such_channel(monitors: Monitors, tmp_path: Path) -> None:
    """A channel that has gone cannot be recorded."""
    with pytest.raises(RecordingFailed, match="No such channel"):
        await monitors.start("gone", ONE, f"{tmp_path}/one")


@pytest.mark.parametrize("action", ["Getvar", "MixMonitor"])
async def test_refused_start(ami: FakeAmi, monitors: Monitors, tmp_path: Path, action: str) -> None:
    """An account without the rights starts nothing, and it is told."""
    ami.fail(action, "Permission denied")
    with pytest.raises(RecordingFailed, match="Permission denied"):
        await monitors.start(CHANNEL, ONE, f"{tmp_path}/one")


async def test_refused_stop(ami: FakeAmi, monitors: Monitors, tmp_path: Path) -> None:
    """A stop that is not allowed is no success: the recording goes on."""
    await monitors.start(CHANNEL, ONE, f"{tmp_path}/one")
    ami.fail("StopMixMonitor", "Permission denied")
    with pytest.raises(RecordingFailed, match="Permission denied"):
        await monitors.stop(CHANNEL, ONE)


async def test_end_that_is_refused_at_first(
    ami: FakeAmi, monitors: Monitors, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It is tried again and again, and logged once, until it is ended."""
    await monitors.start(CHANNEL, ONE, f"{tmp_path}/one")
    ami.fail("StopMixMonitor", "Permission denied")
    ending = asyncio.create_task(monitors.end(CHANNEL, ONE))
    async with asyncio.timeout(5):
        while ami.names().count("StopMixMonitor") < 3:
            await asyncio.sleep(0.01)
    ami.fail("StopMixMonitor", "Could not stop monitoring channel")
    await ending
    assert caplog.messages.count("a recording waits for Asterisk") == 1


async def test_renewed_when_asterisk_is_back(
    ami: FakeAmi, monitors: Monitors, tmp_path: Path
) -> None:
    """The old one was ended: nothing would be recorded if it were not tried again."""
    await monitors.start(CHANNEL, ONE, f"{tmp_path}/one")
    await ami.close()
    renewing = asyncio.create_task(monitors.renew(CHANNEL, ONE, f"{tmp_path}/one"))
    await asyncio.sleep(0.5)
    assert not renewing.done()
    await ami.listen()
    await renewing
    assert len(ami.monitors) == 1


async def test_asterisk_is_away(ami: FakeAmi, monitors: Monitors, tmp_path: Path) -> None:
    """No answer is AsteriskDown, for start and stop."""
    await ami.close()
    with pytest.raises(AsteriskDown):
        await monitors.start(CHANNEL, ONE, f"{tmp_path}/one")
    with pytest.raises(AsteriskDown):
        await monitors.stop(CHANNEL, ONE)
    await ami.listen()


@pytest.mark.parametrize("bad", ["x\r\nAction: Originate", "a,b", "a(b", "a)b", "a b", "a\x00", ""])
async def test_nothing_hostile_reaches_a_line(ami: FakeAmi, monitors: Monitors, bad: str) -> None:
    """Ids and paths with line ends, commas or brackets are refused before anything is sent."""
    for channel, recording, stem in (
        (CHANNEL, bad, "/srv/x"),
        (CHANNEL, ONE, f"/{bad}"),
        (bad, ONE, "/srv/x"),
    ):
        with pytest.raises(RecordingFailed):
            await monitors.start(channel, recording, stem)
    for channel, recording in ((CHANNEL, bad), (bad, ONE)):
        with pytest.raises(RecordingFailed):
            await monitors.stop(channel, recording)
    assert ami.actions == []
