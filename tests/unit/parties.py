"""Orders and inputs about further parties and recordings, for the unit tests: values only.

Calls that are joined with such parties are made in `tests.unit.joined`.
"""

from __future__ import annotations

from adapter.core import inputs as i
from adapter.core.ids import RecordingId, bridge_of, public_id
from adapter.core.model import Call, DialOrder, LegOrder, RecordingOrder, Saved

CELL = "00c1"
SAVED = Saved(seconds=1.5, size=24_044, sha256="00" * 32)


def recording_order(number: int = 1) -> RecordingOrder:
    """The n-th recording of a test."""
    identity = public_id(CELL, (2_000_000 + number).to_bytes(16, "big"))
    return RecordingOrder(id=RecordingId(identity), context={"n": number})


def leg_order(number: int = 1) -> LegOrder:
    """The n-th further party of a test."""
    callee = f"+493{number}"
    dial = DialOrder(endpoint=f"PJSIP/{callee}@trunk", caller_number="+4911", ring_timeout=30.0)
    return LegOrder(caller="+4911", callee=callee, dial=dial)


def bridge_inputs_of(call: Call) -> list[i.Input]:
    """One input of each type that is about the bridge."""
    bridge = call.bridge.id if call.bridge else bridge_of(call.id, 1)
    deadlines = call.bridge.deadlines if call.bridge else ()
    return [
        i.ConnectCall(order=leg_order()),
        i.TransferCall(order=leg_order(2)),
        i.ForwardCall(order=leg_order(2)),
        i.HoldCall(on=True),
        i.BridgeRefused(bridge=bridge, detail="no"),
        i.BridgeDeadline(at=min(deadlines, default=0.0)),
    ]


def recording_inputs_of(call: Call) -> list[i.Input]:
    """One input of each type that is about the recording."""
    recording = call.recording.order.id if call.recording else recording_order().id
    deadline = call.recording.deadline if call.recording else None
    return [
        i.StartRecording(order=recording_order(2)),
        i.StopRecording(),
        i.RecordingStarted(recording=recording),
        i.RecordingSaved(recording=recording, saved=SAVED),
        i.RecordingLost(recording=recording, reason="no space"),
        i.RecordingDeadline(at=deadline or 0.0),
    ]
