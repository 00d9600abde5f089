"""What the call machine is told: commands are orders, facts are past.

A command comes from an application and may be refused (`adapter.core.errors`); a fact comes from
Asterisk, a clock or an effect and never raises: one that comes too late changes nothing.
"""

from __future__ import annotations

from typing import TypeAlias

from adapter.core.inputs.commands import (
    AcceptCall,
    AskAnew,
    ConnectCall,
    EndCall,
    ForwardCall,
    HoldCall,
    OfferCall,
    PlaceCall,
    StartPrompt,
    StartRecording,
    StopPrompt,
    StopRecording,
    TransferCall,
)
from adapter.core.inputs.facts import (
    Admitted,
    AnswerJudged,
    BackgroundDeadline,
    BridgeDeadline,
    BridgeRefused,
    CallArrived,
    CallDeadline,
    ChannelDialled,
    ChannelGone,
    ChannelReady,
    ChannelRefused,
    ChannelRinging,
    ChannelUp,
    DialogueDeadline,
    DigitPressed,
    Instructed,
    MediaFailed,
    MediaReady,
    NotAdmitted,
    PlaybackFinished,
    PlaybackRefused,
    PlaybackStarted,
    PromptDeadline,
    QuestionFailed,
    RecordingDeadline,
    RecordingLost,
    RecordingSaved,
    RecordingStarted,
    Resumed,
    SpeechBegan,
    SpeechHeard,
    SpeechLost,
)

Opening: TypeAlias = PlaceCall | OfferCall
CallInput: TypeAlias = (
    AcceptCall
    | EndCall
    | ChannelReady
    | ChannelDialled
    | ChannelRinging
    | ChannelUp
    | ChannelGone
    | ChannelRefused
    | AnswerJudged
    | Admitted
    | NotAdmitted
    | CallDeadline
)
PromptInput: TypeAlias = (
    StartPrompt
    | StopPrompt
    | MediaReady
    | MediaFailed
    | PlaybackStarted
    | PlaybackFinished
    | PlaybackRefused
    | DigitPressed
    | PromptDeadline
    | SpeechBegan
    | SpeechHeard
    | SpeechLost
    | Resumed
)
BridgeInput: TypeAlias = (
    ConnectCall | TransferCall | ForwardCall | HoldCall | BridgeRefused | BridgeDeadline
)
LegInput: TypeAlias = (
    ChannelReady | ChannelDialled | ChannelRinging | ChannelUp | ChannelGone | ChannelRefused
)
RecordingInput: TypeAlias = (
    StartRecording
    | StopRecording
    | RecordingStarted
    | RecordingSaved
    | RecordingLost
    | RecordingDeadline
)
DialogueInput: TypeAlias = Instructed | QuestionFailed | AskAnew | DialogueDeadline
Input: TypeAlias = (
    Opening
    | CallInput
    | PromptInput
    | DialogueInput
    | BackgroundDeadline
    | BridgeInput
    | RecordingInput
)

COMMANDS = (
    PlaceCall,
    OfferCall,
    AcceptCall,
    EndCall,
    StartPrompt,
    StopPrompt,
    AskAnew,
    ConnectCall,
    TransferCall,
    ForwardCall,
    HoldCall,
    StartRecording,
    StopRecording,
)

__all__ = [
    "COMMANDS",
    "AcceptCall",
    "Admitted",
    "AnswerJudged",
    "AskAnew",
    "BackgroundDeadline",
    "BridgeDeadline",
    "BridgeRefused",
    "CallArrived",
    "CallDeadline",
    "ChannelDialled",
    "ChannelGone",
    "ChannelReady",
    "ChannelRefused",
    "ChannelRinging",
    "ChannelUp",
    "ConnectCall",
    "DialogueDeadline",
    "DigitPressed",
    "EndCall",
    "ForwardCall",
    "HoldCall",
    "Instructed",
    "MediaFailed",
    "MediaReady",
    "NotAdmitted",
    "OfferCall",
    "Opening",
    "PlaceCall",
    "PlaybackFinished",
    "PlaybackRefused",
    "PlaybackStarted",
    "PromptDeadline",
    "QuestionFailed",
    "RecordingDeadline",
    "RecordingLost",
    "RecordingSaved",
    "RecordingStarted",
    "Resumed",
    "SpeechBegan",
    "SpeechHeard",
    "SpeechLost",
    "StartPrompt",
    "StartRecording",
    "StopPrompt",
    "StopRecording",
    "TransferCall",
]
