"""adapter.ari.events and resources: text becomes typed events, whatever the text is."""

from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapter.ari.events import (
    EVENT_CLASSES,
    EVENT_TYPES,
    ApplicationReplaced,
    ChannelDestroyed,
    ChannelDtmfReceived,
    ChannelHangupRequest,
    ChannelTransfer,
    ContactStatusChange,
    Dial,
    MalformedEvent,
    PlaybackFinished,
    StasisStart,
    UnknownEvent,
    decode,
)
from adapter.ari.resources import Channel

CHANNEL = {
    "id": "a-1795254970.0",
    "name": "PJSIP/sip-trunk-00000000",
    "state": "Ring",
    "protocol_id": "a9c7@lab",
    "caller": {"name": "Alice PAI", "number": "+15551234"},
    "connected": {"name": "", "number": ""},
    "dialplan": {"context": "inbound", "exten": "1001", "priority": 1},
    "creationtime": "2026-11-21T12:00:00.000+0000",
    "language": "en",
    "caller_rdnis": "999",
}


def _text(kind: str, **fields: object) -> str:
    return json.dumps({"type": kind, "timestamp": "t", "application": "voice", **fields})


def _channel() -> Channel:
    return msgspec.convert(CHANNEL, Channel)


def test_a_stasis_start_as_the_lab_saw_it_is_read() -> None:
    """The fields an inbound call needs come through; unknown ones do not disturb."""
    event = decode(_text("StasisStart", args=["inbound"], channel=CHANNEL))
    assert isinstance(event, StasisStart)
    assert event.args == ("inbound",)
    channel = event.channel
    assert (channel.id, channel.state, channel.endpoint) == ("a-1795254970.0", "Ring", "sip-trunk")
    assert (channel.caller.number, channel.caller_rdnis) == ("+15551234", "999")
    assert (channel.dialplan.context, channel.dialplan.extension) == ("inbound", "1001")
    assert channel.protocol_id == "a9c7@lab"


def test_causes_are_read_and_may_be_absent() -> None:
    """A caller's BYE without Reason gives no cause; a refusal gives Q.850 and the SIP status."""
    assert decode(_text("ChannelHangupRequest", channel=CHANNEL)) == ChannelHangupRequest(
        timestamp="t", channel=_channel(), cause=None, soft=False, tech_cause=None
    )
    gone = decode(
        _text("ChannelDestroyed", channel=CHANNEL, cause=17, cause_txt="User busy", tech_cause=486)
    )
    assert isinstance(gone, ChannelDestroyed)
    assert (gone.cause, gone.cause_txt, gone.tech_cause) == (17, "User busy", 486)


def test_events_without_a_top_level_channel_are_read() -> None:
    """Dial has a peer, playback and transfer have objects of their own."""
    dial = decode(_text("Dial", peer=CHANNEL, dialstatus="RINGING", dialstring="x", forward=""))
    assert isinstance(dial, Dial)
    assert dial.peer.id == CHANNEL["id"]
    over = decode(
        _text(
            "PlaybackFinished",
            playback={
                "id": "p",
                "media_uri": "sound:x",
                "target_uri": "channel:c",
                "state": "done",
            },
        )
    )
    assert isinstance(over, PlaybackFinished)
    assert (over.playback.channel_id, over.playback.state) == ("c", "done")
    refer = decode(
        _text(
            "ChannelTransfer",
            refer_to={"requested_destination": {"destination": "1051"}},
            referred_by={"source_channel": CHANNEL},
        )
    )
    assert isinstance(refer, ChannelTransfer)
    assert refer.refer_to.requested_destination.destination == "1051"


def test_a_contact_status_is_read() -> None:
    """Reachability of a trunk comes through."""
    event = decode(
        _text(
            "ContactStatusChange",
            endpoint={"technology": "PJSIP", "resource": "t", "state": "online", "channel_ids": []},
            contact_info={"uri": "sip:x", "contact_status": "Reachable", "aor": "t"},
        )
    )
    assert isinstance(event, ContactStatusChange)
    assert event.contact_info.contact_status == "Reachable"


def test_an_unknown_type_is_kept_by_name() -> None:
    """A later Asterisk's event is not an error."""
    assert decode('{"type":"ChannelSang","channel":5}') == UnknownEvent("ChannelSang")


@pytest.mark.parametrize(
    "junk",
    [
        "",
        "nonsense",
        "[]",
        "null",
        "{}",
        '{"type":5}',
        '{"type":"StasisStart"}',
        '{"type":"StasisStart","channel":"c"}',
        '{"type":"ChannelDtmfReceived","digit":5,"channel":null}',
        '{"type":"\ud800"}',
        b"\xff\xfe",
        b'{"type":"\xff"}',
        b"[" * 200_000,
        b'{"a":' * 200_000,
        json.dumps({"type": "ChannelDestroyed", "channel": CHANNEL, "cause": 10**30}),
    ],
)
def test_junk_is_malformed_and_never_raises(junk: str | bytes) -> None:
    """Each kind of junk becomes MalformedEvent with a reason."""
    event = decode(junk)
    assert isinstance(event, MalformedEvent)
    assert event.reason


def test_a_reason_never_quotes_what_was_sent() -> None:
    """Digits and numbers of callers must not reach a log through an error text."""
    bad = {**CHANNEL, "state": {"secret": "+4915112345"}}
    event = decode(_text("ChannelDtmfReceived", digit="7", channel=bad))
    assert isinstance(event, MalformedEvent)
    assert "+49151" not in event.reason


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(st.binary() | st.text())
def test_any_text_is_decoded_to_something(text: str | bytes) -> None:
    """No input raises."""
    assert decode(text) is not None


@given(
    st.sampled_from(EVENT_TYPES),
    st.dictionaries(
        st.sampled_from(["channel", "peer", "playback", "bridge", "digit", "cause", "recording"]),
        _json | st.just(CHANNEL),
    ),
)
def test_known_types_with_any_fields_are_decoded(kind: str, fields: dict[str, object]) -> None:
    """A known type is either itself or malformed, never unknown."""
    event = decode(json.dumps({**fields, "type": kind}))
    assert type(event).__name__ in (kind, "MalformedEvent")


def test_event_types_are_the_class_names() -> None:
    """What the event filter allows is what decode knows, the fatal one included."""
    assert len(EVENT_TYPES) == len(set(EVENT_TYPES)) == len(EVENT_CLASSES)
    assert ApplicationReplaced.__name__ in EVENT_TYPES
    assert ChannelDtmfReceived.__name__ in EVENT_TYPES


@pytest.mark.parametrize(
    ("name", "technology", "endpoint"),
    [
        ("PJSIP/trunk-00000001", "PJSIP", "trunk"),
        ("PJSIP/my-trunk-00000001", "PJSIP", "my-trunk"),
        ("PJSIP/t-00000001-0000000a", "PJSIP", "t-00000001"),
        ("PJSIP/trunk", "PJSIP", "trunk"),
        ("Local/1001@inbound-00000003;2", "Local", "1001@inbound"),
        ("WebSocket/media-out/0x7f00", "WebSocket", "media-out/0x7f00"),
        ("PJSIP/-00000001", "PJSIP", ""),
        ("odd", "", ""),
        ("", "", ""),
    ],
)
def test_endpoint_names_are_cut_from_channel_names(
    name: str, technology: str, endpoint: str
) -> None:
    """Only the counter at the end goes; names may contain '-'."""
    channel = Channel(id="c", name=name, state="Up")
    assert (channel.technology, channel.endpoint) == (technology, endpoint)
