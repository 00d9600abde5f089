"""What a plug-in may import of the adapter, and all that it may import.

`tts.py` is the interface of a speech synthesiser, `errors.py` what a plug-in may raise, `kit.py`
the tests that every plug-in inherits (it needs pytest, so it is not imported here).

A plug-in is a class behind an entry point::

    [project.entry-points."ari_voice.tts"]
    myvoice = "my_package:MyTTS"
"""

from __future__ import annotations

from adapter.plugin_api.errors import (
    BadRequest,
    CannotStart,
    PluginError,
    QuotaExceeded,
    SpeechError,
    Timeout,
    Unavailable,
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
    "TTS",
    "BadRequest",
    "CannotStart",
    "Capabilities",
    "Gender",
    "PluginError",
    "QuotaExceeded",
    "Speech",
    "SpeechError",
    "SpeechRequest",
    "Timeout",
    "Unavailable",
    "Voice",
    "VoiceNotSupported",
]
