"""The errors that the launcher shows to people."""

from __future__ import annotations


class LauncherError(Exception):
    """Something that the person who started us can put right; its text is one line."""


class NotDebian(LauncherError):
    """Packages cannot be had here at all: a tool or the archive of Debian is missing."""
