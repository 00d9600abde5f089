"""EnableX: `play`, and the prompts that play by themselves (greetings, `action_on_connect`).

Source: enablex-voice.txt ("Play Voice Prompt") with enablex.md, "play".
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import msgspec
from aiohttp import web

from adapter.contracts.enablex import errors as problems
from adapter.contracts.enablex import parse, words
from adapter.contracts.enablex.action import Action, act, give
from adapter.contracts.enablex.ports import Ports, must_be_reachable
from adapter.core.errors import NoPrompt
from adapter.core.faults import MediaUnavailable
from adapter.core.ids import PromptId
from adapter.core.inputs import StartPrompt, StopPrompt
from adapter.core.model import Call, Listen, Media, Phrase, PromptOrder
from adapter.core.tenants import App

SYNTHESIS_WAIT = 2.0  # how long the reply to play waits for speech (enablex.md, "play")
URL_MAX_AGE = 60.0  # seconds for which a fetched prompt is played without asking for a new one
DEFAULT_LANGUAGE = "en-US"

_play_request = msgspec.json.Decoder(parse.PlayRequest)


class Playing:
    """The play route, and orders to play."""

    def __init__(self, ports: Ports) -> None:
        self._ports = ports
        self._engine = ports.engine

    async def play(self, request: web.Request) -> web.StreamResponse:
        """`PUT /call/{voice_id}/play`: start or stop a prompt."""
        return await act(request, self._ports, _play_request, self.do_play)

    async def do_play(self, action: Action, body: parse.PlayRequest) -> web.StreamResponse:
        """What `play` does, wherever its body stood."""
        if body.stop:
            return self._stop(action, body)
        order = self.order(action.app, body)
        must_be_reachable(self._ports)
        self._engine.would(action.call.id, StartPrompt(order=order))
        media = await self._media(order.phrases[0])
        start = StartPrompt(order=order, media=media)
        return await give(action, self._ports, start, self._word(order.id, "initiated"))

    def order(self, app: App, play: parse.Play, outer: parse.Timeouts | None = None) -> PromptOrder:
        """The order that a play object makes, with the time-outs that stood beside it.

        Raises:
            Problem: it can't be played.
        """
        parse.check_play(play)
        phrase = self._phrase(app, play)
        prompt = PromptId(self._ports.new_id())
        return parse.order_of(play, prompt, phrase, self._listen(play, outer), outer)

    def _phrase(self, app: App, play: parse.Play) -> Phrase:
        if play.prompt_name is not None and parse.is_url(play.prompt_name):
            try:
                self._ports.check_url(play.prompt_name)
            except ValueError as refused:
                raise problems.bad_request(f"prompt_name: {refused}") from refused
            return Phrase(url=play.prompt_name, max_age=URL_MAX_AGE)
        if play.prompt_name is not None:
            stored = self._ports.directory.prompt(app.id, play.prompt_name)
            if stored is None:
                raise problems.prompt_not_found(play.prompt_name)
            return Phrase(file=stored.path)
        if not self._ports.speech.supports(play.language, play.voice):
            raise problems.voice_not_supported()
        return Phrase(text=play.text, language=play.language, voice=play.voice)

    def _listen(self, play: parse.Play, outer: parse.Timeouts | None) -> Listen | None:
        if not parse.truthy(play.asr):
            return None
        listen = parse.listen_of(play, play.language or DEFAULT_LANGUAGE, outer)
        if not self._ports.recognises(listen.language):
            raise problems.voice_not_supported()
        return listen

    async def _media(self, phrase: Phrase) -> tuple[Media, ...]:
        """The audio, when it is there while the reply waits; nothing while it is still made.

        What takes longer is not given up: the prompt machine asks for the same, and joins it.
        """
        task = asyncio.ensure_future(self._ports.speech.prepare((phrase,)))
        task.add_done_callback(_look_at)
        done, _ = await asyncio.wait([task], timeout=SYNTHESIS_WAIT)
        if not done:
            return ()
        try:
            return task.result()
        except MediaUnavailable as failed:
            spoken = phrase.text is not None
            raise (problems.speech_failed() if spoken else problems.media_failed()) from failed

    def _stop(self, action: Action, body: parse.PlayRequest) -> web.Response:
        running = action.call.prompt.order.id if action.call.prompt else ""
        prompt = PromptId(body.play_id or running)
        reply = action.answer.worded(self._word(prompt, "stopped"))
        try:
            self._engine.apply(action.call.id, StopPrompt(prompt=prompt), reply)
        except NoPrompt as error:
            raise problems.problem_of(error, {"play_id": prompt} if prompt else {}) from error
        return action.answer.response()

    def _word(self, prompt: PromptId, state: words.PlayState) -> Callable[[Call], object]:
        return lambda call: words.play_reply(call, prompt, state, self._ports.now())


def _look_at(task: asyncio.Future[tuple[Media, ...]]) -> None:
    """Nobody may be waiting any more when it fails."""
    if not task.cancelled():
        task.exception()
