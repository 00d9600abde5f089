"""Recognition by Google Cloud Speech-to-Text, over the network, with an account of one's own."""

from __future__ import annotations

from plugins.asr_google.asr import GoogleASR

__all__ = ["GoogleASR"]
