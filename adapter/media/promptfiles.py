"""Prompt files, below the media folder: those of domains by their names, those of apps by content.

What a domain's application stores, lists, fetches and plays by name is kept as it was brought and
as Asterisk plays it (`adapter.media.decoding`)::

    domains/<domain>/<name>.wav          and <name>.wav16 where the source is wide
    domains/<domain>/files/<name>        as it was brought

A file's name with and without `.wav` is the same file; the later one wins, and is listed as it was
last brought. Names are escaped to one part of a path each, so that none leaves its folder
(`adapter.media.prompts`). Each of the two files is whole or not there; a crash between them leaves
a new original with the old audio, and a request that was not answered.

A prompt of an app is ``prompts/<first two of its digest>/<the rest>.wav``: a name made of the
content, so that storing one changes nothing that is in use. Which app calls it what is a row
(`adapter.store.provisioning`), not here.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import shutil
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Final
from urllib.parse import unquote

from adapter.core.faults import MediaUnavailable
from adapter.media import decoding, wav
from adapter.media.prompts import STORED, escaped

log = logging.getLogger(__name__)

FOLDER: Final = "domains"
"""Below the media folder."""

_ENDING = ".wav"


def keep(folder: Path, content: bytes, name: str = "") -> tuple[str, str]:
    """Keep a prompt of an app. Slow: call it in a thread.

    Args:
        folder: the media folder.
        content: an audio file.
        name: what the file is called; its ending tells raw G.711.

    Returns:
        The path of what is played, below the folder, and the SHA-256 of the file, in hex.

    Raises:
        ValueError: it is not audio that can be used; the text says why.
        OSError: it can't be written.
    """
    digest = hashlib.sha256(content).hexdigest()
    form = decoding.raw_format(name)  # the same bytes are something else in another raw format
    named = hashlib.sha256(content + form.encode()).hexdigest() if form else digest
    relative = f"{STORED}/{named[:2]}/{named[2:]}.wav"
    try:
        wav.seconds_of(folder / relative)
    except (OSError, wav.WavError):
        decoding.save(folder / relative, decoding.playable(content, name))
    return relative, digest


class AppPrompts:
    """The audio of apps' prompts, for a server.

    Args:
        folder: the media folder.

    Attributes:
        changing: held from `keep` to writing the row, and from removing a row to `drop`: else a
            removal could take what was just kept.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.changing = asyncio.Lock()

    async def keep(self, content: bytes, name: str) -> tuple[str, str]:
        """See `keep`."""
        return await asyncio.to_thread(keep, self._folder, content, name)

    async def drop(self, paths: Sequence[str]) -> None:
        """Remove audio that no row names any more; what can't be removed is logged."""
        for path in paths:
            try:
                await asyncio.to_thread(decoding.remove, self._folder / path)
            except OSError as error:
                log.warning("audio can't be removed", extra={"path": path, "error": str(error)})

    def best(self, path: str) -> Path | None:
        """The file of the best quality that is kept under a path; None when it is gone."""
        narrow = self._folder / path
        wide = decoding.wide_of(narrow)
        return wide if wide.is_file() else narrow if narrow.is_file() else None


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
        """Keep an audio file; one of the same name is replaced.

        Raises:
            ValueError: not audio that can be used, or not a name; the text says why.
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

    async def forget(self, domain: str) -> None:
        """Remove all files of a domain that is no more.

        Raises:
            OSError: one can't be removed.
        """
        folder = self._folder / _domain(domain)
        if folder.is_dir():
            await asyncio.to_thread(shutil.rmtree, folder)

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
        audio = decoding.playable(content, name)
        with self._replacing:
            wav.save(here, content)
            other.unlink(missing_ok=True)
            decoding.save(played, audio)

    def _delete(self, domain: str, name: str) -> bool:
        try:
            played = self._folder / _played(domain, name)
            originals = self._originals(domain, name)
        except ValueError:
            return False
        with self._replacing:
            there = any(path.is_file() for path in originals)
            for path in originals:
                path.unlink(missing_ok=True)
            decoding.remove(played)
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
