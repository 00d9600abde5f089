"""Worker processes: a few at most, each for one utterance at a time, replaced when one dies.

A process is not asked again once it was interrupted in its work: it is killed, and the next
utterance starts another one.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from adapter.plugin_api import Unavailable

_PROGRAM = Path(__file__).with_name("worker.py")
_START_TIMEOUT = 30.0
_MAX_LINE = 1 << 20


class Pool:
    """At most `size` workers. Belongs to the event loop that it is first used in.

    Args:
        config: of the decoder, by pocketsphinx's own names.
        size: how many.
    """

    def __init__(self, config: dict[str, str | int], size: int) -> None:
        self._command = [sys.executable, "-P", str(_PROGRAM), json.dumps(config)]
        self._size = size
        self._slots = asyncio.Semaphore(size)
        self._idle: list[Process] = []
        self._decoding: set[asyncio.Task[str]] = set()

    async def start(self) -> None:
        """Start the first, so that the first caller does not wait; the others when they are needed.

        Raises:
            Unavailable: it does not start.
        """
        self._idle.append(await self._start())

    def decode(self, pcm: bytes, jsgf: str | None) -> asyncio.Task[str]:
        """Decode one utterance, as soon as a worker is free.

        Args:
            pcm: 16-bit samples at the rate of the model.
            jsgf: the grammar; None for the language model.

        Returns:
            What was understood, as the decoder writes it, maybe nothing; or Unavailable when the
            worker died. Cancelled, it kills the worker.
        """
        task = asyncio.create_task(self._decode(pcm, jsgf))
        self._decoding.add(task)
        task.add_done_callback(self._decoding.discard)
        return task

    async def close(self) -> None:
        """End all; what is being decoded is cancelled."""
        for task in self._decoding:
            task.cancel()
        await asyncio.gather(*self._decoding, return_exceptions=True)
        while self._idle:
            await _kill(self._idle.pop())

    async def _decode(self, pcm: bytes, jsgf: str | None) -> str:
        async with self._slots:
            worker = self._idle.pop() if self._idle else await self._start()
            try:
                text = await _ask(worker, pcm, jsgf)
            except BaseException:
                await _surely(_kill(worker))
                raise
            self._idle.append(worker)
            return text

    async def _start(self) -> Process:
        # In a task of its own: a cancel inside would leave the process to nobody
        starting = asyncio.create_task(
            asyncio.create_subprocess_exec(
                *self._command,
                stdin=PIPE,
                stdout=PIPE,
                limit=_MAX_LINE,
                start_new_session=True,  # an interrupt at the terminal is for the adapter
            )
        )
        try:
            worker = await asyncio.shield(starting)
        except OSError as fault:
            raise Unavailable(f"a worker can't be started: {fault}") from fault
        except asyncio.CancelledError:
            await _surely(_abandon(starting))
            raise
        try:
            async with asyncio.timeout(_START_TIMEOUT):
                await _answer(worker)
        except BaseException as fault:
            await _surely(_kill(worker))
            if isinstance(fault, TimeoutError):
                raise Unavailable(f"a worker was not ready in {_START_TIMEOUT:g} s") from fault
            raise
        return worker


async def _ask(worker: Process, pcm: bytes, jsgf: str | None) -> str:
    assert worker.stdin is not None  # noqa: S101 - it was made with a pipe
    job = json.dumps({"bytes": len(pcm), "jsgf": jsgf}).encode()
    try:
        worker.stdin.write(job + b"\n" + pcm)
        await worker.stdin.drain()
    except OSError as fault:
        raise Unavailable("the worker is gone") from fault
    return str(await _answer(worker))


async def _answer(worker: Process) -> object:
    assert worker.stdout is not None  # noqa: S101 - it was made with a pipe
    line = await worker.stdout.readline()
    if not line.endswith(b"\n"):
        raise Unavailable("the worker died")
    return json.loads(line)


async def _kill(worker: Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        worker.kill()
    await worker.communicate()


async def _abandon(starting: asyncio.Task[Process]) -> None:
    with contextlib.suppress(OSError):
        await _kill(await starting)


async def _surely(work: Coroutine[Any, Any, None]) -> None:
    """Do it to its end, also when this is cancelled meanwhile."""
    task = asyncio.create_task(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await task
        raise
