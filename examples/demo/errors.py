"""The one failure that the demonstration tells people of."""

from __future__ import annotations


class DemoFailed(Exception):
    """A step did not happen; the text says which, and what was seen instead."""
