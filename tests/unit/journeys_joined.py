"""What journeys meet of further parties and recordings: inputs made from the row at hand."""

from __future__ import annotations

from collections.abc import Callable

from adapter.core import inputs as i
from adapter.core.ids import BridgeId, ChannelId, ListeningId, RecordingId, channel_of, listening_of
from adapter.core.layout import listening_now
from adapter.core.model import Bridge, Call, EndCause, Heard, LegState, Recording, RecordingState
from tests.unit.parties import SAVED, leg_order, recording_order

Dice = Callable[[int], int]
NEXT: dict[LegState, tuple[type, ...]] = {
    LegState.PLACING: (i.ChannelReady,),
    LegState.DIALING: (i.ChannelDialled, i.ChannelRinging, i.ChannelUp),
    LegState.TRYING: (i.ChannelRinging, i.ChannelUp),
    LegState.RINGING: (i.ChannelUp,),
    LegState.UP: (i.ChannelGone,),
}


def command(call: Call, dice: Dice) -> i.Input:
    """A command about further parties or the recording."""
    order = leg_order(1 + dice(5))
    commands: list[i.Input] = [
        i.ConnectCall(order=order),
        i.TransferCall(order=order),
        i.ForwardCall(order=order),
        i.HoldCall(on=True),
        i.HoldCall(on=False),
        i.StartRecording(order=recording_order(call.version)),
        i.StopRecording(),
    ]
    return commands[dice(len(commands))]


def in_bridge(call: Call, bridge: Bridge, dice: Dice) -> i.Input:
    """What a bridge waits for: the next of one of its legs, a command, a key."""
    leg = bridge.legs[dice(len(bridge.legs))]
    match dice(6):
        case 0:
            return command(call, dice)
        case 1:
            members = (call.channel, *(one.channel for one in bridge.legs))
            return i.DigitPressed(channel=members[dice(len(members))], digit="12#"[dice(3)])
        case 2:
            return bridge_deadline(call, dice)
        case _ if leg.state is LegState.UP and dice(3):
            return command(call, dice)
        case _:
            kinds = NEXT[leg.state]
            given: i.Input = kinds[dice(len(kinds))](channel=leg.channel)
            return given


def in_recording(recording: Recording, dice: Dice) -> i.Input:
    """What a recording waits for, or its failure."""
    mine = recording.order.id
    match recording.state:
        case RecordingState.STARTING if dice(4):
            return i.RecordingStarted(recording=mine)
        case RecordingState.RUNNING:
            return i.StopRecording()
        case RecordingState.SAVING if dice(4):
            return i.RecordingSaved(recording=mine, saved=SAVED)
        case _:
            return i.RecordingLost(recording=mine, reason="no space")


def in_ears(call: Call, dice: Dice) -> i.Input:
    """What whoever listens may say."""
    listening = listening_now(call) or ListeningId("nobody")
    heard = Heard(text=("yes", "")[dice(2)])
    facts: list[i.Input] = [
        i.SpeechBegan(listening=listening),
        i.SpeechHeard(listening=listening, heard=heard),
        i.SpeechLost(listening=listening, reason="gone"),
    ]
    return facts[dice(3)]


def bridge_deadline(call: Call, dice: Dice) -> i.Input:
    """A deadline of the bridge, or one that was replaced."""
    waits = call.bridge.deadlines if call.bridge else ()
    return i.BridgeDeadline(at=waits[dice(len(waits))] if waits else 1.0)


def anything_joined(call: Call, dice: Dice) -> i.Input:
    """An input of any type about further parties, recordings and ears; of this or another one."""
    leg = channel_of(call.id, max(2, call.legs - dice(3)))
    bridge = call.bridge.id if call.bridge and dice(3) else BridgeId("another")
    recording = call.recording.order.id if call.recording and dice(3) else RecordingId("another")
    at = call.recording.deadline if call.recording else None
    prompt = call.prompt
    listening = ListeningId("another")
    if prompt is not None:
        listening = listening_of(call.id, prompt.order.id, max(0, prompt.round - dice(2)))
    inputs: list[Callable[[], i.Input]] = [
        lambda: command(call, dice),
        lambda: i.ChannelReady(channel=leg),
        lambda: i.ChannelDialled(channel=leg),
        lambda: i.ChannelRinging(channel=leg),
        lambda: i.ChannelUp(channel=leg),
        lambda: i.ChannelGone(channel=leg, q850=dice(128), sip_code=(None, 486)[dice(2)]),
        lambda: i.ChannelRefused(channel=leg, cause=EndCause.FAILED, detail="no"),
        lambda: i.DigitPressed(channel=ChannelId(leg), digit="0123456789*#Ax"[dice(14)]),
        lambda: i.BridgeRefused(bridge=bridge, detail="no"),
        lambda: bridge_deadline(call, dice),
        lambda: i.RecordingStarted(recording=recording),
        lambda: i.RecordingSaved(recording=recording, saved=SAVED),
        lambda: i.RecordingLost(recording=recording, reason="gone"),
        lambda: i.RecordingDeadline(at=at if at and dice(4) else 1.0),
        lambda: i.SpeechBegan(listening=listening),
        lambda: i.SpeechHeard(listening=listening, heard=Heard(text="yes")),
        lambda: i.SpeechLost(listening=listening, reason="gone"),
        lambda: i.AnswerJudged(channel=call.channel, machine=(True, False, None)[dice(3)]),
    ]
    return inputs[dice(len(inputs))]()
