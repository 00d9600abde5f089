"""Runs effects after their commit; what comes of them comes back as facts.

Commands to Asterisk go out one after the other for each call, in the order in which the machine
gave them. What may be slow, making media and asking the application, runs beside that line, so that
a hang-up never waits for it; the same slow effect is never under way twice, so it may be ordered
again at a reconnect. While a call has nothing to run it has no task.

An offered call rings a moment later: an application that answers at once, as most do, spares its
caller a ringing tone of an instant, and everybody a request and a SIP message.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any

from adapter.core.faults import (
    AsteriskDown,
    ListeningFailed,
    MediaUnavailable,
    NoAnswer,
    RecordingFailed,
    StoreFailed,
)
from adapter.core.ids import CallId, RecordingId
from adapter.core.inputs import (
    Input,
    Instructed,
    MediaFailed,
    MediaReady,
    NotAdmitted,
    QuestionFailed,
    RecordingLost,
    RecordingSaved,
    RecordingStarted,
    SpeechBegan,
    SpeechHeard,
    SpeechLost,
)
from adapter.core.model import Call, CallState, Heard
from adapter.core.outputs import (
    Admit,
    Ask,
    Effect,
    PrepareMedia,
    Record,
    RenewRecording,
    Ring,
    SaveRecording,
    StartListening,
    StopListening,
)
from adapter.engine.ports import World

log = logging.getLogger(__name__)

RING_AFTER = 0.2  # seconds


class Effects:
    """The runner.

    Args:
        world: carries them out.
        row: a live call as it is now.
        tell: takes the facts.
    """

    def __init__(
        self,
        world: World,
        row: Callable[[CallId], Call | None],
        tell: Callable[[CallId, Input], None],
    ) -> None:
        self._world = world
        self._row = row
        self._tell = tell
        self._lines: dict[CallId, deque[Effect]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._slow: dict[CallId, dict[Effect, asyncio.Task[None]]] = {}

    def run(self, call: CallId, effects: Sequence[Effect]) -> None:
        """Start effects of one call; returns at once."""
        for effect in effects:
            if (work := self._slowly(call, effect)) is not None:
                self._start_slow(call, effect, work)
            else:
                self._queue(call, effect)

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

    def _slowly(self, call: CallId, effect: Effect) -> Coroutine[Any, Any, None] | None:
        """The work of an effect that others do not wait for; None when it has its turn."""
        match effect:
            case PrepareMedia():
                return self._prepare(call, effect)
            case Ask():
                return self._ask(call, effect)
            case Admit():
                return self._admit(call, effect)
            case Ring():
                return self._ring(call, effect)
            case Record():
                return self._record(call, effect)
            case RenewRecording():
                return self._renew(call, effect)
            case SaveRecording():
                return self._save(call, effect)
            case StartListening():
                return self._listen(call, effect)
            case _:
                return None

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

    def _queue(self, call: CallId, effect: Effect) -> None:
        if (line := self._lines.get(call)) is None:
            self._lines[call] = deque([effect])
            self._start(self._run_line(call))
        else:
            line.append(effect)

    async def _run_line(self, call: CallId) -> None:
        line = self._lines[call]
        try:
            while line:
                await self._perform(call, line.popleft())
        finally:
            del self._lines[call]

    async def _perform(self, call: CallId, effect: Effect) -> None:
        try:
            if isinstance(effect, StopListening):
                await self._leave(call, effect)
            fact = await self._world.asterisk.perform(effect)
            if fact is not None:
                self._tell(call, fact)
        except AsteriskDown as down:
            # No fact: the row says what was ordered; the reconnect or a deadline goes on from it
            detail = {"call": call, "effect": type(effect).__name__, "error": str(down)}
            log.warning("no answer from Asterisk", extra=detail)
        except Exception:
            log.exception("effect failed", extra={"call": call, "effect": type(effect).__name__})

    async def _ring(self, call: CallId, effect: Ring) -> None:
        await asyncio.sleep(RING_AFTER)
        row = self._row(call)
        if row is not None and row.state is CallState.OFFERED:
            self._queue(call, effect)

    async def _prepare(self, call: CallId, effect: PrepareMedia) -> None:
        try:
            media = await self._world.speech.prepare(effect.phrases)
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
            instruction = await self._world.applications.ask(row, effect)
        except NoAnswer as none:
            fact: Input = QuestionFailed(question=effect.question, reason=str(none))
        except Exception:
            log.exception("the application could not be asked", extra={"call": call})
            fact = QuestionFailed(question=effect.question, reason="internal error")
        else:
            fact = Instructed(question=effect.question, instruction=instruction)
        self._tell(call, fact)

    async def _admit(self, call: CallId, effect: Admit) -> None:
        row = self._row(call)
        if row is None:
            return
        try:
            fact: Input = self._world.admissions.admit(row, effect)
        except Exception:
            log.exception("a code could not be judged", extra={"call": call})
            fact = NotAdmitted(attempt=effect.attempt)
        self._tell(call, fact)

    async def _record(self, call: CallId, effect: Record) -> None:
        async def start() -> Input:
            if (row := self._row(call)) is not None:
                self._world.recorder.keep(row, effect.recording)
            await self._world.recorder.start(effect.channel, effect.recording)
            return RecordingStarted(recording=effect.recording)

        await self._tell_of_recording(call, effect.recording, start())

    async def _renew(self, call: CallId, effect: RenewRecording) -> None:
        """No fact: the recording ends as it would have; only what it holds is at stake."""
        await self._earlier(call, effect)
        try:
            await self._world.recorder.renew(effect.channel, effect.recording)
        except (RecordingFailed, AsteriskDown) as failed:
            detail = {"call": call, "recording": effect.recording, "error": str(failed)}
            log.warning("a further party may be missing in a recording", extra=detail)
        except Exception:
            log.exception("a recording could not be renewed", extra={"call": call})

    async def _save(self, call: CallId, effect: SaveRecording) -> None:
        async def save() -> Input:
            saved = await self._world.recorder.save(effect.channel, effect.recording)
            return RecordingSaved(recording=effect.recording, saved=saved)

        await self._earlier(call, effect, over=effect.channel is None)
        await self._tell_of_recording(call, effect.recording, save())

    async def _tell_of_recording(
        self, call: CallId, recording: RecordingId, order: Awaitable[Input]
    ) -> None:
        """The fact that an order has made, or that it has failed."""
        try:
            fact = await order
        except RecordingFailed as failed:
            fact = RecordingLost(recording=recording, reason=str(failed))
        except StoreFailed as failed:
            # No fact: nothing is told that is not written down; its deadline orders it again
            log.warning("the recorder can't write", extra={"call": call, "error": str(failed)})
            return
        except Exception:
            log.exception("the recorder has failed", extra={"call": call})
            fact = RecordingLost(recording=recording, reason="internal error")
        self._tell(call, fact)

    async def _earlier(
        self, call: CallId, effect: RenewRecording | SaveRecording, *, over: bool = False
    ) -> None:
        """Wait for the earlier orders about its recording; when its channel is gone, end them."""
        for other, task in list(self._slow.get(call, {}).items()):
            if other == effect:
                return
            match other:
                case (
                    Record(recording=recording)
                    | RenewRecording(recording=recording)
                    | SaveRecording(recording=recording)
                ) if recording == effect.recording:
                    if over:
                        task.cancel()
                    await asyncio.wait([task])

    async def _listen(self, call: CallId, effect: StartListening) -> None:
        listening = effect.listening
        fact: Input = SpeechLost(listening=listening, reason="internal error")
        try:
            fact = SpeechHeard(listening=listening, heard=await self._heard(call, effect))
        except* (ListeningFailed, AsteriskDown) as failed:
            fact = SpeechLost(listening=listening, reason=str(failed.exceptions[0]))
        except* Exception:
            log.exception("nobody could listen", extra={"call": call})
        self._tell(call, fact)

    async def _heard(self, call: CallId, effect: StartListening) -> Heard:
        asterisk, listening = self._world.asterisk, effect.listening

        def began() -> None:
            self._tell(call, SpeechBegan(listening=listening))

        connection = await asterisk.open_audio(effect.channel, listening)
        async with asyncio.TaskGroup() as group:
            group.create_task(asterisk.join_audio(listening))
            ears = group.create_task(self._world.ears.listen(connection, effect.listen, began))
        return ears.result()

    async def _leave(self, call: CallId, effect: StopListening) -> None:
        """Whoever listens is gone before what he listens to is taken away."""
        for other, task in list(self._slow.get(call, {}).items()):
            if isinstance(other, StartListening) and other.listening == effect.listening:
                task.cancel()
                await asyncio.wait([task])
