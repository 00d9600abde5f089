"""The one error that the launcher shows to people."""

from __future__ import annotations


class LauncherError(Exception):
    """Something that the person who started us can put right; its text is one line."""
