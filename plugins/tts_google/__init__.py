"""Speech from Google Cloud Text-to-Speech; the credentials come from the environment."""

from __future__ import annotations

from plugins.tts_google.tts import GoogleTTS

__all__ = ["GoogleTTS"]
