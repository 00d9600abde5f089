"""Recognition by pocketsphinx, on this machine, without a key: the recogniser that always works."""

from __future__ import annotations

from plugins.asr_pocketsphinx.asr import PocketsphinxASR

__all__ = ["PocketsphinxASR"]
