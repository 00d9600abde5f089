"""The rows of the engine: a call and what runs on it. Values, never changed in place."""

from __future__ import annotations

from adapter.core.model.admission import Admission
from adapter.core.model.bridge import (
    Bridge,
    BridgeState,
    Burst,
    DialOrder,
    Leg,
    LegOrder,
    LegState,
)
from adapter.core.model.call import (
    Call,
    CallState,
    Detection,
    Direction,
)
from adapter.core.model.dialogue import (
    Dialogue,
    DialogueState,
    Instruction,
    Topic,
)
from adapter.core.model.ending import (
    EndCause,
    EndedBy,
    Ending,
)
from adapter.core.model.prompt import (
    Background,
    BackgroundOrder,
    BackgroundState,
    Barge,
    Collect,
    CollectEnd,
    Heard,
    Listen,
    Media,
    Phrase,
    Prompt,
    PromptOrder,
    PromptState,
)
from adapter.core.model.recording import (
    Recording,
    RecordingOrder,
    RecordingState,
    Saved,
)

__all__ = [
    "Admission",
    "Background",
    "BackgroundOrder",
    "BackgroundState",
    "Barge",
    "Bridge",
    "BridgeState",
    "Burst",
    "Call",
    "CallState",
    "Collect",
    "CollectEnd",
    "Detection",
    "DialOrder",
    "Dialogue",
    "DialogueState",
    "Direction",
    "EndCause",
    "EndedBy",
    "Ending",
    "Heard",
    "Instruction",
    "Leg",
    "LegOrder",
    "LegState",
    "Listen",
    "Media",
    "Phrase",
    "Prompt",
    "PromptOrder",
    "PromptState",
    "Recording",
    "RecordingOrder",
    "RecordingState",
    "Saved",
    "Topic",
]
