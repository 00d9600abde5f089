"""adapter.instruments: what each part of the metrics counts, and what a scrape reads."""

from __future__ import annotations

import math
import os
import platform
import shutil
import sqlite3
import time
from dataclasses import replace
from pathlib import Path

import pytest

from adapter import __version__, plugin_api
from adapter.audio_metrics import RECOGNITION_FAULTS, SPEECH_FAULTS
from adapter.core import inputs as i
from adapter.core.destinations import trunk_of
from adapter.core.ids import ChannelId
from adapter.core.model import (
    CallState,
    DialOrder,
    EndCause,
    EndedBy,
    Ending,
    LegOrder,
    RecordingState,
    Saved,
)
from adapter.core.outputs import (
    CreateChannel,
    Notice,
    PartyFailed,
    PartyJoined,
    PartyLeft,
    RecordingBegan,
    RecordingOver,
    Step,
)
from adapter.instruments import Instruments
from adapter.media.recordings import NO_ANSWER, NO_ROOM, NOT_WRITTEN
from adapter.plugin_api import BadRequest, PluginError, RecognitionError, SpeechError
from adapter.process_metrics import database_bytes, free_bytes
from adapter.settings import Database, Media, Plugins, Recordings, Settings
from adapter.store.sqlite import open_database
from tests.unit.build import NOW, gone, outbound, run, up
from tests.unit.parties import recording_order

PARTY = ChannelId("party")


class House:
    """Instruments as an adapter has them, with its folders."""

    def __init__(self, folder: Path) -> None:
        self.settings = Settings(
            database=Database(path=folder / "a.db"),
            media=Media(folder=folder),
            recordings=Recordings(folder=folder / "missing"),
            plugins=Plugins(tts=("google", "espeak"), asr=("google",)),
        )
        self.instruments = Instruments(self.settings, ["carrier"])
        self._watching = self.instruments.of_the_engine()

    def see(self, step: Step, given: i.Input | None = None) -> None:
        """The engine has made this step."""
        self._watching.stepped(step, given or i.AcceptCall(), NOW, 0.001)

    def told(self, *notices: Notice) -> None:
        """A call that is up was told this."""
        self.see(Step(call=outbound(CallState.UP), notices=notices))

    def value(self, name: str, **labels: str) -> float | None:
        """The value of a series; None when there is none."""
        return self.instruments.registry.get_sample_value(name, labels)

    def legs(self, trunk: str) -> dict[str, float]:
        """What came of the legs of a trunk, without what is 0."""
        found = {
            result: self.value("ari_voice_dialled_legs_total", trunk=trunk, result=result)
            for result in ("answered", *EndCause)
        }
        return {result: value for result, value in found.items() if value}


@pytest.fixture
def house(tmp_path: Path) -> House:
    """Instruments to which nothing has happened."""
    return House(tmp_path)


def order(endpoint: str) -> LegOrder:
    """A further party."""
    dial = DialOrder(endpoint=endpoint, caller_number="1")
    return LegOrder(caller="1", callee="2", dial=dial)


@pytest.mark.parametrize(
    ("endpoint", "trunk"),
    [
        ("PJSIP/+4930123@trunk-carrier", "carrier"),
        ("PJSIP/*31#@trunk-a_b-c", "a_b-c"),
        ("PJSIP/sip-uri/sip:me@trunk-7.example", ""),
        ("PJSIP/0003*210", ""),
    ],
)
def test_trunk_of_a_dial_string(endpoint: str, trunk: str) -> None:
    """Only a number goes through one; nobody gets a series of his own by the host that he calls."""
    assert trunk_of(endpoint) == trunk


def test_legs_are_counted_by_trunk(house: House) -> None:
    """Once each: at the answer, or at the end without one."""
    dial = DialOrder(endpoint="PJSIP/1@trunk-carrier", caller_number="1")
    ringing = replace(outbound(CallState.RINGING), dial=dial)
    answered = run(ringing, up(ringing))
    house.see(answered)
    assert house.legs("carrier") == {"answered": 1}
    house.see(run(answered.call, gone(answered.call, 16)))
    assert house.legs("carrier") == {"answered": 1}
    house.see(run(ringing, gone(ringing, 17, 486)))
    assert house.legs("carrier") == {"answered": 1, "busy": 1}
    assert house.legs("") == {}


def test_further_legs_are_counted_by_trunk(house: House) -> None:
    """Joined is answered, failed has its cause; that a party left says nothing new."""
    party = order("PJSIP/1@trunk-carrier")
    busy = Ending(cause=EndCause.BUSY, by=EndedBy.CALLEE)
    house.told(PartyJoined(order=party, channel=PARTY))
    house.told(PartyLeft(order=party, channel=PARTY, ending=busy))
    house.told(PartyFailed(order=party, channel=PARTY, ending=busy))
    house.told(PartyFailed(order=order("PJSIP/210"), channel=PARTY, ending=busy))
    assert house.legs("carrier") == {"answered": 1, "busy": 1}
    assert house.legs("") == {"busy": 1}


def test_party_that_nobody_called_blames_no_trunk(house: House) -> None:
    """An answering machine has answered the call: its party is declined, not dialled."""
    ending = Ending(cause=EndCause.CANCELLED, by=EndedBy.SYSTEM)
    house.told(PartyFailed(order=order("PJSIP/1@trunk-carrier"), channel=PARTY, ending=ending))
    assert house.legs("carrier") == {}


def test_new_trunk_begins_with_zero(house: House) -> None:
    """From the dialling on, so that its first leg is a growth; provisioned ones from the start."""
    name = "ari_voice_dialled_legs_total"
    assert house.value(name, trunk="carrier", result="congestion") == 0
    assert house.value(name, trunk="new", result="congestion") is None
    create = CreateChannel(
        channel=PARTY, endpoint="PJSIP/1@trunk-new", caller_number="1", caller_name=""
    )
    house.see(Step(call=outbound(CallState.PLACING), effects=(create,)))
    assert house.value(name, trunk="new", result="congestion") == 0


def test_recordings_are_counted(house: House) -> None:
    """Begun, saved with their length, of these repaired; failed by reason."""
    one = recording_order()
    saved = Saved(seconds=2.5, size=1, sha256="")
    house.told(RecordingBegan(order=one))
    house.told(RecordingOver(order=one, saved=saved))
    house.told(RecordingOver(order=one, saved=replace(saved, repaired=True)))
    away = f"{NO_ANSWER}: MixMonitor: closed"
    for reason in (NO_ROOM, NOT_WRITTEN, NO_ROOM, away, "StopMixMonitor: whatever 4711"):
        house.told(RecordingOver(order=one, reason=reason))
    assert house.value("ari_voice_recordings_started_total") == 1
    assert house.value("ari_voice_recordings_saved_total") == 2
    assert house.value("ari_voice_recordings_repaired_total") == 1
    assert house.value("ari_voice_recorded_seconds_total") == 5.0
    failed = "ari_voice_recordings_failed_total"
    words = ("no_room", "not_written", "no_answer", "other")
    assert [house.value(failed, reason=word) for word in words] == [2, 1, 1, 1]


def test_recording_of_a_call_is_counted(house: House) -> None:
    """The core's own steps, from the order to the end."""
    call = run(outbound(CallState.UP), i.StartRecording(order=recording_order())).call
    assert call.recording is not None
    assert call.recording.state is RecordingState.STARTING
    began = run(call, i.RecordingStarted(recording=recording_order().id))
    lost = run(call, i.RecordingLost(recording=recording_order().id, reason=NO_ROOM))
    house.see(began)
    house.see(lost)
    assert house.value("ari_voice_recordings_started_total") == 1
    assert house.value("ari_voice_recordings_failed_total", reason="no_room") == 1


def test_recognition_is_counted(house: House) -> None:
    """By recogniser: given, text or nothing with its time, failed by fault; a time limit is one."""
    metrics = house.instruments.recognition
    metrics.asr_started("google")
    metrics.asr_heard("google", 0.2, True)
    metrics.asr_heard("google", 0.4, False)
    metrics.asr_failed("google", BadRequest())
    metrics.asr_failed("google", TimeoutError())
    google = {"provider": "google"}
    assert house.value("ari_voice_asr_utterances_total", **google) == 1
    assert house.value("ari_voice_asr_results_total", result="text", **google) == 1
    assert house.value("ari_voice_asr_results_total", result="nothing", **google) == 1
    assert house.value("ari_voice_asr_seconds_sum", **google) == pytest.approx(0.6)
    assert house.value("ari_voice_asr_failures_total", fault="BadRequest", **google) == 1
    assert house.value("ari_voice_asr_failures_total", fault="Timeout", **google) == 1


def test_speech_that_is_lost_is_counted(house: House) -> None:
    """Once; not when the prompt was over already."""
    step = Step(call=outbound(CallState.UP))
    lost = i.SpeechLost(listening="x", reason="no audio")  # type: ignore[arg-type]
    house.see(step, lost)
    house.see(replace(step, late=True), lost)
    assert house.value("ari_voice_asr_lost_total") == 1


@pytest.mark.parametrize(
    ("kind", "names"), [(SpeechError, SPEECH_FAULTS), (RecognitionError, RECOGNITION_FAULTS)]
)
def test_all_faults_begin_with_zero(kind: type[PluginError], names: tuple[str, ...]) -> None:
    """Every class of the plug-in interface is a value of the label."""
    ours = [one for one in vars(plugin_api).values() if isinstance(one, type)]
    assert set(names) == {one.__name__ for one in ours if issubclass(one, kind)}


def test_free_space_is_read_when_asked_for(house: House, tmp_path: Path) -> None:
    """A folder that is missing has no number, and does not keep the others from theirs."""
    free = house.value("ari_voice_disk_free_bytes", folder="media")
    assert free == pytest.approx(shutil.disk_usage(tmp_path).free, rel=0.01)
    missing = house.value("ari_voice_disk_free_bytes", folder="recordings")
    assert missing is not None
    assert math.isnan(missing)
    (tmp_path / "missing").mkdir()
    there = house.value("ari_voice_disk_free_bytes", folder="recordings")
    assert there == pytest.approx(free_bytes(tmp_path), rel=0.01)


def test_database_has_a_size_with_its_log(house: House, tmp_path: Path) -> None:
    """What was written a moment ago is in the log, and counts."""
    path = tmp_path / "a.db"
    assert math.isnan(database_bytes(path))
    connection = open_database(path)
    log = tmp_path / "a.db-wal"
    assert log.stat().st_size > 0
    size = path.stat().st_size + log.stat().st_size
    assert house.value("ari_voice_database_bytes") == size
    connection.close()
    sqlite3.connect(path).close()
    assert database_bytes(path) == path.stat().st_size


def test_process_is_measured(house: House) -> None:
    """Under the names of Prometheus' own documentation; the build with both versions."""
    started = house.value("process_start_time_seconds")
    assert started is not None
    assert 0 < time.time() - started < 86400
    assert (house.value("process_resident_memory_bytes") or 0) > 1 << 20
    assert (house.value("process_cpu_seconds_total") or 0) > 0
    before = house.value("process_open_fds") or 0
    with open(os.devnull):
        assert house.value("process_open_fds") == before + 1
    version = {"version": __version__, "python": platform.python_version()}
    assert house.value("ari_voice_build_info", **version) == 1
