"""What the machines order and tell: effects are orders to the world, notices are past and ours.

An effect carries nothing that is not in the row, so that after a restart it can be made again from
the row alone.
"""

from __future__ import annotations

from dataclasses import dataclass

from adapter.core.model import Call
from adapter.core.outputs.effects import (
    AddToBridge,
    Admit,
    Answer,
    Ask,
    CreateBridge,
    CreateChannel,
    DestroyBridge,
    Dial,
    Effect,
    Hangup,
    HangupReason,
    JudgeAnswer,
    Play,
    PrepareMedia,
    Record,
    RemoveFromBridge,
    RenewRecording,
    Ring,
    SaveRecording,
    Sound,
    StartListening,
    StartSound,
    StopListening,
    StopPlayback,
    StopSound,
)
from adapter.core.outputs.notices import (
    CallAnswered,
    CallEnded,
    CallOffered,
    CallRang,
    KeysPressed,
    Notice,
    Outcome,
    PartyFailed,
    PartyJoined,
    PartyLeft,
    PartyRang,
    PromptOver,
    QuestionUnanswered,
    RecordingBegan,
    RecordingOver,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What one input made.

    Attributes:
        call: the new row.
        effects: to be run after the commit, in order.
        notices: to be worded by the contract, in order, in the same transaction.
        late: the input came too late (or said nothing new): the row did not change.
    """

    call: Call
    effects: tuple[Effect, ...] = ()
    notices: tuple[Notice, ...] = ()
    late: bool = False


__all__ = [
    "AddToBridge",
    "Admit",
    "Answer",
    "Ask",
    "CallAnswered",
    "CallEnded",
    "CallOffered",
    "CallRang",
    "CreateBridge",
    "CreateChannel",
    "DestroyBridge",
    "Dial",
    "Effect",
    "Hangup",
    "HangupReason",
    "JudgeAnswer",
    "KeysPressed",
    "Notice",
    "Outcome",
    "PartyFailed",
    "PartyJoined",
    "PartyLeft",
    "PartyRang",
    "Play",
    "PrepareMedia",
    "PromptOver",
    "QuestionUnanswered",
    "Record",
    "RecordingBegan",
    "RecordingOver",
    "RemoveFromBridge",
    "RenewRecording",
    "Ring",
    "SaveRecording",
    "Sound",
    "StartListening",
    "StartSound",
    "Step",
    "StopListening",
    "StopPlayback",
    "StopSound",
]
