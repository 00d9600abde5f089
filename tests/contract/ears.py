"""The recogniser of the contract tests: a whole plug-in whose understanding is scripted.

What the far end of a call says comes from `FakeAri.say`; `said` makes it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

from tests.unit.media_house import ScriptedASR, silence, tone


class Ears(ScriptedASR):
    """Understands `text`, whatever was said."""

    @classmethod
    async def start(cls, settings: Mapping[str, object]) -> Self:
        """Setting `started`: a callable that is given the instance, for a test to script."""
        ears = cls("No, I'm not available.")
        started = settings.get("started")
        if callable(started):
            started(ears)
        return ears


def said(after: float = 3.0) -> bytes:
    """A second of voice, and enough silence behind it to be over."""
    return silence(0.6) + tone(1.0) + silence(after)


BEGUN = silence(0.6) + tone(1.0)
"""Voice that does not end: no more audio comes."""
