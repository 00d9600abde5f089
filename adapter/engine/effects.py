"""Runs effects after their commit; what comes of them comes back as facts.

Commands to Asterisk go out one after the other for each call, in the order in which the machine
gave them; media are made ready beside that line, so that a hang-up never waits for speech. While a
call has nothing to run it has no task.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from adapter.core.faults import AsteriskDown, MediaUnavailable
from adapter.core.ids import CallId
from adapter.core.inputs import Input, MediaFailed, MediaReady
from adapter.core.outputs import Effect, PrepareMedia
from adapter.engine.ports import Asterisk, Speech

log = logging.getLogger(__name__)


class Effects:
    """The runner.

    Args:
        asterisk: carries out commands.
        speech: makes media ready.
        tell: takes the facts.
    """

    def __init__(
        self, asterisk: Asterisk, speech: Speech, tell: Callable[[CallId, Input], None]
    ) -> None:
        self._asterisk = asterisk
        self._speech = speech
        self._tell = tell
        self._lines: dict[CallId, deque[Effect]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._media: dict[CallId, set[asyncio.Task[None]]] = {}

    def run(self, call: CallId, effects: Sequence[Effect]) -> None:
        """Start effects of one call; returns at once."""
        for effect in effects:
            if isinstance(effect, PrepareMedia):
                self._start_media(call, effect)
                continue
            line = self._lines.get(call)
            if line is None:
                self._lines[call] = deque([effect])
                self._start(self._run_line(call))
            else:
                line.append(effect)

    def idle(self, call: CallId) -> bool:
        """Whether nothing of the call is on its way to Asterisk."""
        return call not in self._lines

    def preparing(self, call: CallId) -> bool:
        """Whether media of the call are being made."""
        return call in self._media

    def call_over(self, call: CallId) -> None:
        """Nobody will hear what is being made for this call any more."""
        for task in self._media.pop(call, ()):
            task.cancel()

    async def close(self) -> None:
        """Stop at once: the rows know what was ordered."""
        tasks = [*self._tasks]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _start_media(self, call: CallId, effect: PrepareMedia) -> None:
        task = self._start(self._prepare(call, effect))
        self._media.setdefault(call, set()).add(task)
        task.add_done_callback(lambda done: self._media_done(call, done))

    def _media_done(self, call: CallId, task: asyncio.Task[None]) -> None:
        running = self._media.get(call)
        if running is not None:
            running.discard(task)
            if not running:
                del self._media[call]

    async def _run_line(self, call: CallId) -> None:
        line = self._lines[call]
        try:
            while line:
                await self._perform(call, line.popleft())
        finally:
            del self._lines[call]

    async def _perform(self, call: CallId, effect: Effect) -> None:
        try:
            fact = await self._asterisk.perform(effect)
            if fact is not None:
                self._tell(call, fact)
        except AsteriskDown as down:
            # No fact: the row says what was ordered; the reconnect or a deadline goes on from it
            detail = {"call": call, "effect": type(effect).__name__, "error": str(down)}
            log.warning("no answer from Asterisk", extra=detail)
        except Exception:
            log.exception("effect failed", extra={"call": call, "effect": type(effect).__name__})

    async def _prepare(self, call: CallId, effect: PrepareMedia) -> None:
        try:
            media = await self._speech.prepare(effect.phrases)
        except MediaUnavailable as unavailable:
            fact: Input = MediaFailed(prompt=effect.prompt, reason=str(unavailable))
        except Exception:
            log.exception("media could not be made", extra={"call": call})
            fact = MediaFailed(prompt=effect.prompt, reason="internal error")
        else:
            fact = MediaReady(prompt=effect.prompt, media=media)
        self._tell(call, fact)
