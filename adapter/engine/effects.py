"""Runs effects after their commit; what comes of them comes back as facts.

Commands to Asterisk go out one after the other for each call, in the order in which the machine
gave them. What may be slow, making media and asking the application, runs beside that line, so that
a hang-up never waits for it; the same slow effect is never under way twice, so it may be ordered
again at a reconnect. While a call has nothing to run it has no task.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from adapter.core.faults import AsteriskDown, MediaUnavailable, NoAnswer
from adapter.core.ids import CallId
from adapter.core.inputs import Input, Instructed, MediaFailed, MediaReady, QuestionFailed
from adapter.core.model import Call
from adapter.core.outputs import Ask, Effect, PrepareMedia
from adapter.engine.ports import Applications, Asterisk, Speech

log = logging.getLogger(__name__)


class Effects:
    """The runner.

    Args:
        asterisk: carries out commands.
        speech: makes media ready.
        applications: answer questions.
        row: a live call as it is now.
        tell: takes the facts.
    """

    def __init__(
        self,
        asterisk: Asterisk,
        speech: Speech,
        applications: Applications,
        row: Callable[[CallId], Call | None],
        tell: Callable[[CallId, Input], None],
    ) -> None:
        self._asterisk = asterisk
        self._speech = speech
        self._applications = applications
        self._row = row
        self._tell = tell
        self._lines: dict[CallId, deque[Effect]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._slow: dict[CallId, dict[Effect, asyncio.Task[None]]] = {}

    def run(self, call: CallId, effects: Sequence[Effect]) -> None:
        """Start effects of one call; returns at once."""
        for effect in effects:
            if isinstance(effect, PrepareMedia):
                self._start_slow(call, effect, self._prepare(call, effect))
            elif isinstance(effect, Ask):
                self._start_slow(call, effect, self._ask(call, effect))
            elif (line := self._lines.get(call)) is None:
                self._lines[call] = deque([effect])
                self._start(self._run_line(call))
            else:
                line.append(effect)

    def idle(self, call: CallId) -> bool:
        """Whether nothing of the call is on its way to Asterisk."""
        return call not in self._lines

    def call_over(self, call: CallId) -> None:
        """Nobody waits for what is slow any more."""
        for task in self._slow.pop(call, {}).values():
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

    def _start_slow(self, call: CallId, effect: Effect, work: Coroutine[Any, Any, None]) -> None:
        running = self._slow.setdefault(call, {})
        if effect in running:
            work.close()
            return
        task = running[effect] = self._start(work)
        task.add_done_callback(lambda done: self._slow_done(call, effect, done))

    def _slow_done(self, call: CallId, effect: Effect, task: asyncio.Task[None]) -> None:
        running = self._slow.get(call, {})
        if running.get(effect) is task:
            del running[effect]
            if not running:
                del self._slow[call]

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

    async def _ask(self, call: CallId, effect: Ask) -> None:
        row = self._row(call)
        if row is None:
            return
        try:
            instruction = await self._applications.ask(row, effect)
        except NoAnswer as none:
            fact: Input = QuestionFailed(question=effect.question, reason=str(none))
        except Exception:
            log.exception("the application could not be asked", extra={"call": call})
            fact = QuestionFailed(question=effect.question, reason="internal error")
        else:
            fact = Instructed(question=effect.question, instruction=instruction)
        self._tell(call, fact)
