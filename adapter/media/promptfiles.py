"""Prompt files of domains: what a tenant's application stores, lists, fetches and plays by name.

Two files for each, below the media folder::

    domains/<domain>/<name>.wav          as Asterisk plays it: 8 kHz, mono, 16 bits
    domains/<domain>/files/<name>        as it was brought

A file's name with and without `.wav` is the same file; the later one wins, and is listed as it was
last brought. Names are escaped to one part of a path each, so that none leaves its folder
(`adapter.media.prompts`). Each of the two files is whole or not there; a crash between them leaves
a new original with the old audio, and a request that was not answered.

Not here: prompts of apps, which `ari-voice apply` stores (`adapter.commands.apply`).
"""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Final
from urllib.parse import unquote

from adapter.core.faults import MediaUnavailable
from adapter.media import wav
from adapter.media.prompts import escaped

FOLDER: Final = "domains"
"""Below the media folder."""

_ENDING = ".wav"


class PromptFiles:
    """The files of all domains.

    Args:
        folder: the media folder.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._replacing = threading.Lock()  # of the two files of a name, one writer at a time

    def path_of(self, domain: str, name: str) -> str | None:
        """What to play for a file, relative to the media folder; None when there is none.

        Args:
            domain: whose file.
            name: any text, with or without `.wav`.
        """
        try:
            relative = _played(domain, name)
        except ValueError:
            return None
        return relative if (self._folder / relative).is_file() else None

    def original(self, domain: str, name: str) -> Path | None:
        """The file as it was brought; None when there is none."""
        try:
            candidates = self._originals(domain, name)
        except ValueError:
            return None
        return next((path for path in candidates if path.is_file()), None)

    async def put(self, domain: str, name: str, content: bytes) -> None:
        """Keep a WAV file; one of the same name is replaced.

        Raises:
            ValueError: not a WAV file that can be used, or not a name; the text says why.
            OSError: it can't be written.
        """
        await asyncio.to_thread(self._put, domain, name, content)

    async def delete(self, domain: str, name: str) -> bool:
        """Remove a file. Who is hearing it hears it to its end.

        Returns:
            Whether there was one.

        Raises:
            OSError: it can't be removed.
        """
        return await asyncio.to_thread(self._delete, domain, name)

    async def listed(self, domain: str, after: str, limit: int) -> list[tuple[str, int]]:
        """Names and sizes in bytes, in the order of the names.

        Args:
            domain: whose.
            after: only names behind this one; empty for all.
            limit: at most so many.

        Raises:
            OSError: they can't be read.
        """
        return await asyncio.to_thread(self._listed, domain, after, limit)

    def _put(self, domain: str, name: str, content: bytes) -> None:
        played = self._folder / _played(domain, name)
        here, other = self._originals(domain, name)
        telephone = wav.to_telephone(content)
        with self._replacing:
            wav.save(here, content)
            other.unlink(missing_ok=True)
            wav.save(played, telephone)

    def _delete(self, domain: str, name: str) -> bool:
        try:
            played = self._folder / _played(domain, name)
            originals = self._originals(domain, name)
        except ValueError:
            return False
        with self._replacing:
            there = any(path.is_file() for path in originals)
            for path in (*originals, played):
                path.unlink(missing_ok=True)
        return there

    def _listed(self, domain: str, after: str, limit: int) -> list[tuple[str, int]]:
        found: list[tuple[str, int]] = []
        folder = self._folder / _domain(domain) / "files"
        names = sorted(_unescaped(path.name) for path in folder.glob("*") if not path.suffix)
        for name in names:
            if name > after and len(found) < limit:
                try:
                    found.append((name, (folder / escaped(name)).stat().st_size))
                except FileNotFoundError:
                    continue  # removed meanwhile
        return found

    def _originals(self, domain: str, name: str) -> tuple[Path, Path]:
        """The two names of one file: as it is given, and the other one."""
        folder = self._folder / _domain(domain) / "files"
        stem = _stem(name)
        other = stem if name.endswith(_ENDING) else stem + _ENDING
        return folder / _part(name), folder / _part(other)


def _played(domain: str, name: str) -> str:
    return f"{_domain(domain)}/{_part(_stem(name))}.wav"


def _domain(domain: str) -> str:
    return f"{FOLDER}/{_part(domain)}"


def _stem(name: str) -> str:
    stem = name.removesuffix(_ENDING)
    if stem.endswith(_ENDING):
        raise ValueError(f"the name ends in {_ENDING} twice")
    return stem


def _part(name: str) -> str:
    try:
        return escaped(name)
    except MediaUnavailable:
        raise ValueError("the name is empty or too long") from None


def _unescaped(part: str) -> str:
    return unquote(part.replace("=", "%"), errors="surrogatepass")
