"""Events as facts: what each type becomes, and that Asterisk is asked for just these."""

from __future__ import annotations

import json
from typing import Any

import pytest

from adapter.ari.events import EVENT_TYPES, decode
from adapter.ari.facts import EVENTS_READ, Facts
from adapter.core import inputs as i
from adapter.core.ids import ChannelId

CALL = "3d561239-a1e8-43dd-bd6d-0001f60b027a"
OURS = {"id": f"{CALL}.leg1", "name": "PJSIP/trunk-a-00000001", "state": "Down"}
INBOUND = {
    "id": "adapter-1.0",
    "name": "PJSIP/trunk-a-00000002",
    "state": "Ring",
    "protocol_id": "abc@host",
    "caller": {"name": "Ann", "number": "+15557770001"},
    "dialplan": {"context": "inbound", "exten": "+15551000"},
}


def event(kind: str, **fields: Any) -> i.Input | i.CallArrived | None:
    """The fact of an event of this type."""
    return Facts().of(decode(json.dumps({"type": kind, **fields})))


def test_an_inbound_channel_is_an_arrival() -> None:
    """Number, caller, trunk and SIP Call-ID are read; a phone's call says so."""
    arrival = event("StasisStart", channel=INBOUND, args=["inbound"])
    assert arrival == i.CallArrived(
        channel=ChannelId("adapter-1.0"),
        endpoint="trunk-a",
        called="+15551000",
        caller="+15557770001",
        caller_name="Ann",
        sip_call_id="abc@host",
    )
    phone = event("StasisStart", channel=INBOUND, args=["phone"])
    assert isinstance(phone, i.CallArrived)
    assert phone.from_phone
    assert event("StasisStart", channel=INBOUND, args=["elsewhere"]) is None


@pytest.mark.parametrize(
    ("kind", "fields", "fact"),
    [
        ("StasisStart", {"channel": OURS}, i.ChannelReady),
        ("ChannelStateChange", {"channel": {**OURS, "state": "Ringing"}}, i.ChannelRinging),
        ("ChannelStateChange", {"channel": {**OURS, "state": "Up"}}, i.ChannelUp),
        ("Dial", {"peer": OURS, "dialstatus": "RINGING"}, i.ChannelRinging),
        ("ChannelDestroyed", {"channel": OURS, "cause": 17, "tech_cause": 486}, i.ChannelGone),
        ("ChannelDtmfReceived", {"channel": OURS, "digit": "5"}, i.DigitPressed),
        ("PlaybackStarted", {"playback": {"id": "p", "state": "playing"}}, i.PlaybackStarted),
        ("PlaybackFinished", {"playback": {"id": "p", "state": "failed"}}, i.PlaybackFinished),
    ],
)
def test_each_event_is_its_fact(kind: str, fields: dict[str, Any], fact: type) -> None:
    """Each type that is read becomes the fact that the core knows."""
    assert type(event(kind, **fields)) is fact
    assert kind in EVENTS_READ


def test_codes_and_failures_are_kept() -> None:
    """Q.850 and SIP codes of an end, and whether a playback failed."""
    gone = event("ChannelDestroyed", channel=OURS, cause=17, tech_cause=486)
    assert isinstance(gone, i.ChannelGone)
    assert (gone.q850, gone.sip_code, gone.lost) == (17, 486, False)
    failed = event("PlaybackFinished", playback={"id": "p", "state": "failed"})
    assert isinstance(failed, i.PlaybackFinished)
    assert failed.failed


def test_an_inbound_channel_ends_when_it_leaves_us() -> None:
    """StasisEnd is its end, with the codes that the far end's hang-up gave; ours has none."""
    facts = Facts()

    def tell(kind: str, **fields: Any) -> Any:
        return facts.of(decode(json.dumps({"type": kind, "channel": INBOUND, **fields})))

    assert tell("ChannelHangupRequest", cause=127, tech_cause=487) is None
    assert tell("ChannelHangupRequest", cause=32, soft=True) is None
    gone = i.ChannelGone(channel=ChannelId("adapter-1.0"), q850=127, sip_code=487)
    assert tell("StasisEnd") == gone
    assert tell("StasisEnd") == i.ChannelGone(channel=ChannelId("adapter-1.0"))
    tell("ChannelHangupRequest", cause=16)
    facts.forget()
    assert tell("StasisEnd") == i.ChannelGone(channel=ChannelId("adapter-1.0"))


def test_a_channel_of_ours_ends_when_it_is_destroyed() -> None:
    """It may leave the application and come back; its end is ChannelDestroyed."""
    assert event("StasisEnd", channel=OURS) is None
    assert event("ChannelHangupRequest", channel=OURS, cause=17) is None


def test_only_what_is_read_is_asked_for() -> None:
    """All other known types say nothing to a call, and Asterisk does not send them."""
    assert set(EVENTS_READ) < set(EVENT_TYPES)
    assert event("Dial", peer=OURS, dialstatus="PROGRESS") is None
    assert event("ChannelStateChange", channel={**OURS, "state": "Down"}) is None
