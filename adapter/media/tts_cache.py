"""Speech that was rendered once is kept as a file, and played from there.

The key is the whole request with the provider's name and version (sha256), so another voice, rate
or engine can never play the wrong audio. One key is rendered once at a time: whoever asks
meanwhile waits for the same render, which is given up when nobody waits any more.

The folder is ours alone and its index is in memory: at start it is read from the disk, where the
files' modification times say when each was last handed out. Files are validated at first use.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import logging
import os
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, Protocol

from adapter.media import wav
from adapter.plugin_api import TTS, Speech, SpeechError, SpeechRequest, Timeout, Unavailable

KEEP: Final = 600.0
"""Seconds for which a file that was handed out is not evicted: it may be about to be played."""

_FORMAT = "wav 8000 Hz mono 16 bit, 1"
_TOUCH_AFTER = 30.0

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Rendered:
    """A file that Asterisk can play, and its length in seconds."""

    path: Path
    seconds: float


class Observer(Protocol):
    """Counts for /metrics; must not raise and must be quick."""

    def tts_hit(self, provider: str) -> None:
        """Speech was there already, or being rendered for somebody else."""

    def tts_rendered(self, provider: str, seconds: float, size: int) -> None:
        """Speech of `size` bytes was rendered in `seconds`."""

    def tts_failed(self, provider: str, fault: SpeechError) -> None:
        """A try failed."""

    def tts_kept(self, size: int) -> None:
        """So many bytes are in the cache now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one render, and the whole cache, may take.

    Attributes:
        bytes: size of all files; exceeded only by what was handed out in the last 10 minutes.
        timeout: seconds for one render with all its tries.
        tries: how often a retryable error is tried, the first included.
        pause: seconds between two tries.
    """

    bytes: int = 1 << 30
    timeout: float = 20.0
    tries: int = 2
    pause: float = 0.2


@dataclass(slots=True)
class _File:
    size: int
    used: float  # as in the modification time
    seconds: float | None = None  # None: not validated since the start


@dataclass(slots=True)
class _Render:
    task: asyncio.Task[Rendered]
    waiting: int = 0


def key_of(provider: TTS, request: SpeechRequest) -> str:
    """The name of a request's file, below the folder and without the ending."""
    whole = [_FORMAT, provider.name, provider.version, asdict(request)]
    text = json.dumps(whole, sort_keys=True, separators=(",", ":"))
    digest = hashlib.sha256(text.encode()).hexdigest()
    return f"{digest[:2]}/{digest[2:]}"


class TtsCache:
    """The cache.

    Args:
        folder: its own; made when missing. Another process must not use it.
        limits: see `Limits`.
        observer: counts.
        now: the wall clock, as the files' times.
    """

    def __init__(
        self,
        folder: Path,
        limits: Limits,
        observer: Observer,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._folder = folder
        self._limits = limits
        self._observer = observer
        self._now = now
        self._files: OrderedDict[str, _File] = OrderedDict()  # the longest unused first
        self._size = 0
        self._renders: dict[str, _Render] = {}
        self._writing: set[str] = set()
        folder.mkdir(parents=True, exist_ok=True)
        for key, file in sorted(_found(folder), key=lambda found: found[1].used):
            self._keep(key, file)
        self._evict()

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return self._size

    def ready(self, provider: TTS, request: SpeechRequest) -> Rendered | None:
        """The file of a request when it is there already; nothing is rendered for it.

        Raises:
            SpeechError: the provider does not take such a request.
        """
        return self._ready(provider, key_of(provider, provider.capabilities.resolve(request)))

    async def speech(self, provider: TTS, request: SpeechRequest) -> Rendered:
        """The file of a request, rendered if need be.

        Cancelling this does not disturb others who wait for the same.

        Raises:
            SpeechError: as the provider says, or Timeout, or Unavailable when closing.
            OSError: the file can't be written.
        """
        request = provider.capabilities.resolve(request)
        key = key_of(provider, request)
        render = self._renders.get(key)
        if render is None:
            ready = self._ready(provider, key)
            if ready is not None:
                return ready
            task = asyncio.create_task(self._render(provider, request, key), name=f"tts {key}")
            render = self._renders[key] = _Render(task)
            task.add_done_callback(lambda _: self._rendered(key, render))
        else:
            self._observer.tts_hit(provider.name)
        return await self._wait(key, render)

    async def close(self) -> None:
        """Give up what is being rendered."""
        tasks = [render.task for render in self._renders.values()]
        self._renders.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _wait(self, key: str, render: _Render) -> Rendered:
        render.waiting += 1
        try:
            await asyncio.wait([render.task])  # unlike await, this cancel stays here
        finally:
            render.waiting -= 1
            # A thread that writes can't be cancelled, and is worth waiting for
            if not render.waiting and key not in self._writing:
                render.task.cancel()
                self._forget(key, render)
        if render.task.cancelled():
            raise Unavailable("speech is not rendered any more: closing")
        return render.task.result()

    async def _render(self, provider: TTS, request: SpeechRequest, key: str) -> Rendered:
        started = time.monotonic()
        try:
            async with asyncio.timeout(self._limits.timeout):
                speech = await self._try(provider, request)
        except TimeoutError:
            fault = Timeout(f"no speech from {provider.name} in {self._limits.timeout:g} s")
            self._observer.tts_failed(provider.name, fault)
            raise fault from None
        path, now = self._path(key), self._now()
        self._writing.add(key)
        try:
            size = await asyncio.to_thread(_store, path, speech, now)
        finally:
            self._writing.discard(key)
        seconds = (size - wav.HEADER_SIZE) / 2 / wav.RATE
        self._keep(key, _File(size, now, seconds))
        self._evict()
        self._observer.tts_rendered(provider.name, time.monotonic() - started, size)
        return Rendered(path, seconds)

    def _rendered(self, key: str, render: _Render) -> None:
        self._forget(key, render)
        if not render.task.cancelled():
            render.task.exception()  # seen, also when the last one who waited has just left

    def _forget(self, key: str, render: _Render) -> None:
        if self._renders.get(key) is render:
            del self._renders[key]

    async def _try(self, provider: TTS, request: SpeechRequest) -> Speech:
        left = self._limits.tries
        while True:
            left -= 1
            try:
                return await provider.synthesize(request)
            except SpeechError as fault:
                self._observer.tts_failed(provider.name, fault)
                if not fault.retryable or not left:
                    raise
                log.warning("speech is tried again", extra={"provider": provider.name})
            await asyncio.sleep(self._limits.pause)

    def _ready(self, provider: TTS, key: str) -> Rendered | None:
        ready = self._hand_out(key)
        if ready is not None:
            self._observer.tts_hit(provider.name)
        return ready

    def _hand_out(self, key: str) -> Rendered | None:
        """The file, if it is there and as it was; else it is forgotten."""
        file = self._files.get(key)
        if file is None:
            return None
        path = self._path(key)
        try:
            if file.seconds is None:
                file.seconds = wav.seconds_of(path)
            if path.stat().st_size != file.size:
                raise wav.WavError(f"{path.name} has changed")
        except (OSError, wav.WavError) as fault:
            log.warning("cached speech is unusable", extra={"key": key}, exc_info=fault)
            self._drop(key)
            return None
        self._used(key, file, path)
        return Rendered(path, file.seconds)

    def _used(self, key: str, file: _File, path: Path) -> None:
        now = self._now()
        self._files.move_to_end(key)
        if not 0 <= now - file.used < _TOUCH_AFTER:
            file.used = now
            with contextlib.suppress(OSError):
                os.utime(path, (now, now))

    def _keep(self, key: str, file: _File) -> None:
        replaced = self._files.pop(key, None)
        self._size += file.size - (replaced.size if replaced else 0)
        self._files[key] = file

    def _drop(self, key: str) -> None:
        self._size -= self._files.pop(key).size
        with contextlib.suppress(OSError):
            self._path(key).unlink()

    def _evict(self) -> None:
        """Delete what was unused longest until the size is right."""
        while self._size > self._limits.bytes:
            key, file = next(iter(self._files.items()))
            if self._now() - file.used < KEEP + _TOUCH_AFTER:
                break
            self._drop(key)
        self._observer.tts_kept(self._size)

    def _path(self, key: str) -> Path:
        return self._folder / f"{key}.wav"


def _found(folder: Path) -> Iterator[tuple[str, _File]]:
    """What an earlier run left; its unfinished files are deleted."""
    for path in folder.glob("[0-9a-f][0-9a-f]/*"):
        if path.suffix == ".wav":
            stat = path.stat()
            yield f"{path.parent.name}/{path.stem}", _File(stat.st_size, stat.st_mtime)
        elif path.suffix == ".tmp":
            path.unlink()


def _store(path: Path, speech: Speech, now: float) -> int:
    content = wav.write(wav.telephone(speech.pcm, speech.sample_rate))
    wav.save(path, content)
    os.utime(path, (now, now))
    return len(content)
