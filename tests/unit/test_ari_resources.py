"""adapter.ari.resources: what is not tested through events and client."""

from __future__ import annotations

import msgspec
import pytest

from adapter.ari.resources import Channel, LiveRecording, Playback


def test_resources_are_immutable() -> None:
    """What Asterisk said can't be changed by a reader."""
    channel = Channel(id="c", name="PJSIP/t-00000001", state="Up")
    with pytest.raises(AttributeError):
        channel.state = "Down"  # type: ignore[misc]


def test_channel_variables_are_not_shared() -> None:
    """The default of channelvars is a new dict for each channel."""
    text = b'{"id":"c","name":"n","state":"Up"}'
    first, second = (msgspec.json.decode(text, type=Channel) for _ in range(2))
    assert first.channelvars is not second.channelvars


def test_targets_tell_channel_from_bridge() -> None:
    """A playback or recording on a bridge has no channel."""
    assert Playback(id="p", state="done", target_uri="channel:a:b").channel_id == "a:b"
    assert Playback(id="p", state="done", target_uri="bridge:b").channel_id is None
    recording = LiveRecording(name="r", format="wav", state="done", target_uri="channel:c")
    assert recording.channel_id == "c"
