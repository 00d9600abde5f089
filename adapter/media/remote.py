"""Audio files from http(s) addresses, fetched, made playable, and kept as copies.

A copy that is younger than the caller's `max_age` is played as it is; an older one is checked with
its server, which may say that it has not changed (RFC 9110, 13.1.2, If-None-Match). An address is
fetched once at a time: whoever asks meanwhile waits for the same fetch. When the fetch fails, an
old copy is not played: nobody knows whether it is still what should be heard.

Which addresses may be called is the session's business (`adapter.outbox.egress`).
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import logging
import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from aiohttp import ClientError, ClientResponse, ClientSession, ClientTimeout

from adapter.core.faults import MEDIA_LATE, MediaUnavailable
from adapter.media import decoding, wav

log = logging.getLogger(__name__)

REDIRECTS: Final = 3
KEEP: Final = 600.0
"""Seconds for which a copy that was handed out is not removed: it may be about to be played."""

_CHUNK = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one fetch, and all copies together, may take.

    Attributes:
        timeout: seconds for one fetch, the whole file.
        bytes: size of a file as it comes.
        kept: bytes of all copies.
    """

    timeout: float = 10.0
    bytes: int = 20 * 1024 * 1024
    kept: int = 1 << 30


@dataclass(frozen=True, slots=True)
class _Copy:
    """What stands beside a copy: when it was last known to be current, by the wall clock."""

    url: str
    checked_at: float
    etag: str = ""


class RemoteAudio:
    """Fetches and keeps.

    Args:
        session: checks every address, redirects included.
        folder: its own; made when missing. Another process must not use it.
        limits: see `Limits`.
        now: the wall clock.
    """

    def __init__(
        self,
        session: ClientSession,
        folder: Path,
        limits: Limits = Limits(),
        now: Callable[[], float] = time.time,
    ) -> None:
        self._session = session
        self._folder = folder
        self._limits = limits
        self._now = now
        self._fetches: dict[str, asyncio.Task[Path]] = {}
        folder.mkdir(parents=True, exist_ok=True)

    async def file(self, url: str, max_age: float) -> Path:
        """The copy of a file, fetched if need be. Cancelling this does not disturb others.

        Args:
            url: http or https.
            max_age: seconds for which a copy needs no check.

        Raises:
            MediaUnavailable: it can't be had, or is not audio that can be used; the text begins
                with `MEDIA_LATE` when it did not come in time.
            OSError: the copy can't be written.
        """
        path = self._path(url)
        copy = _read(path)
        age = self._now() - copy.checked_at if copy else 0.0
        if copy and 0 <= age < max_age:
            os.utime(path)
            return path
        task = self._fetches.get(url)
        if task is None:
            task = self._fetches[url] = asyncio.create_task(self._fetch(url, path, copy))
            task.add_done_callback(lambda done: self._fetched(url, done))
        return await asyncio.shield(task)

    async def close(self) -> None:
        """Give up what is being fetched."""
        tasks = [*self._fetches.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _path(self, url: str) -> Path:
        name = hashlib.sha256(url.encode(errors="surrogatepass")).hexdigest()
        return self._folder / name[:2] / f"{name[2:]}.wav"

    def _fetched(self, url: str, task: asyncio.Task[Path]) -> None:
        del self._fetches[url]
        if not task.cancelled():
            task.exception()  # who waited has it; perhaps nobody does any more

    async def _fetch(self, url: str, path: Path, copy: _Copy | None) -> Path:
        headers = {"Accept-Encoding": "identity"}
        if copy and copy.etag:
            headers["If-None-Match"] = copy.etag
        try:
            async with self._session.get(
                url,
                headers=headers,
                max_redirects=REDIRECTS,
                timeout=ClientTimeout(total=self._limits.timeout),
            ) as response:
                unchanged = response.status == 304 and copy is not None
                content = None if unchanged else await self._content(response)
                etag = response.headers.get("ETag", copy.etag if copy and unchanged else "")
        except TimeoutError as error:
            raise MediaUnavailable(f"{MEDIA_LATE}: {url}") from error
        except (ClientError, OSError, ValueError) as error:
            reason = str(error) or type(error).__name__
            raise MediaUnavailable(f"{url} could not be fetched: {reason}") from error
        known = _Copy(url, self._now(), etag)
        await asyncio.to_thread(self._keep, path, content, known)
        return path

    async def _content(self, response: ClientResponse) -> bytes:
        if response.status != 200:
            raise MediaUnavailable(f"{response.url} could not be fetched: HTTP {response.status}")
        content = bytearray()
        async for chunk in response.content.iter_chunked(_CHUNK):
            content += chunk
            if len(content) > self._limits.bytes:
                limit = self._limits.bytes >> 20
                raise MediaUnavailable(f"{response.url} is larger than {limit} MiB")
        return bytes(content)

    def _keep(self, path: Path, content: bytes | None, copy: _Copy) -> None:
        """Write a copy with what is known of it; the audio first. None: it is as it was."""
        if content is not None:
            try:
                audio = decoding.playable(content, urlsplit(copy.url).path)
            except decoding.AudioError as fault:
                raise MediaUnavailable(f"{copy.url}: {fault}") from fault
            _note(path).unlink(missing_ok=True)  # of the copy before: not of this one
            decoding.save(path, audio)
            self._make_room(path)
        os.utime(path)
        wav.save(_note(path), json.dumps(asdict(copy)).encode())

    def _make_room(self, just_written: Path) -> None:
        """Remove what was not handed out for longest, until the rest is within the limit."""
        found = []
        for path in self._folder.glob("*/*.wav"):
            with contextlib.suppress(FileNotFoundError):
                state = path.stat()
                size = state.st_size + _size(decoding.wide_of(path))
                found.append((state.st_mtime, size, path))
        total = sum(size for _, size, _ in found)
        for used, size, path in sorted(found):
            if total <= self._limits.kept or used > time.time() - KEEP:
                return
            if path != just_written:
                _note(path).unlink(missing_ok=True)
                decoding.remove(path)
                total -= size


def _note(path: Path) -> Path:
    return path.with_suffix(".json")


def _size(path: Path) -> int:
    """Bytes of a file; 0 when there is none."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _read(path: Path) -> _Copy | None:
    """What is known of a copy; None when there is none that can be played."""
    try:
        copy = _Copy(**json.loads(_note(path).read_bytes()))
        wav.seconds_of(path)
    except (OSError, ValueError, TypeError):
        return None
    return copy
