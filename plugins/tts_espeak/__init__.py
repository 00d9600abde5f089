"""Speech from espeak-ng, on this machine, without a key: the synthesiser that always works."""

from __future__ import annotations

from plugins.tts_espeak.tts import EspeakTTS

__all__ = ["EspeakTTS"]
