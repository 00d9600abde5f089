"""What a plug-in may import of the adapter, and all that it may import.

`tts.py` is the interface of a speech synthesiser, `asr.py` that of a speech recogniser,
`errors.py` what a plug-in may raise, `kit.py` and `asr_kit.py` the tests that every plug-in
inherits (they need pytest, so they are not imported here).

A plug-in is a class behind an entry point::

    [project.entry-points."ari_voice.tts"]
    myvoice = "my_package:MyTTS"

    [project.entry-points."ari_voice.asr"]
    myears = "my_package:MyASR"
"""

from __future__ import annotations

from adapter.plugin_api.asr import (
    ASR,
    MAX_HINT_CHARS,
    MAX_HINTS,
    Partial,
    Recognition,
    RecognitionCapabilities,
    RecognitionRequest,
    Transcript,
)
from adapter.plugin_api.errors import (
    BadRequest,
    CannotStart,
    LanguageNotSupported,
    PluginError,
    QuotaExceeded,
    RecognitionError,
    SpeechError,
    Timeout,
    Unavailable,
    Unreachable,
    VoiceNotSupported,
)
from adapter.plugin_api.tts import (
    API_VERSION,
    TTS,
    Capabilities,
    Gender,
    Speech,
    SpeechRequest,
    Voice,
)

__all__ = [
    "API_VERSION",
    "ASR",
    "MAX_HINTS",
    "MAX_HINT_CHARS",
    "TTS",
    "BadRequest",
    "CannotStart",
    "Capabilities",
    "Gender",
    "LanguageNotSupported",
    "Partial",
    "PluginError",
    "QuotaExceeded",
    "Recognition",
    "RecognitionCapabilities",
    "RecognitionError",
    "RecognitionRequest",
    "Speech",
    "SpeechError",
    "SpeechRequest",
    "Timeout",
    "Transcript",
    "Unavailable",
    "Unreachable",
    "Voice",
    "VoiceNotSupported",
]
