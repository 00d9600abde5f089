"""What the Mediaservice application is asked and told, and what it answers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from examples import mediaservice_ivr
from examples.demo.telling import Teller


@dataclass(frozen=True, slots=True)
class Question:
    """One of them: its name, such as ``newCall``, its body, and the answer."""

    name: str
    asked: dict[str, Any]
    answer: dict[str, Any]


class Questions:
    """Those that came, verified, and whoever waits for one."""

    def __init__(self, teller: Teller) -> None:
        self.received: list[Question] = []
        self._teller = teller
        self._more = asyncio.Condition()

    async def take(self, question: Question) -> None:
        """One has come, and was answered."""
        self._teller.question(question.name, question.asked, question.answer)
        async with self._more:
            self.received.append(question)
            self._more.notify_all()

    async def wait_for(self, name: str) -> Question:
        """The first of this name."""

        def found() -> Question | None:
            return next((one for one in self.received if one.name == name), None)

        async with self._more:
            question: Question | None = await self._more.wait_for(found)
        assert question is not None  # noqa: S101 - that was waited for
        return question

    def application(self, public_key: str) -> web.Application:
        """examples/mediaservice_ivr.py, with a look at what it gets and says."""

        @web.middleware
        async def watch(
            request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
        ) -> web.StreamResponse:
            response = await handler(request)  # verifies the token, or raises
            assert isinstance(response, web.Response)  # noqa: S101 - the example makes no other
            answer = json.loads(response.text or "{}")
            name = request.match_info["question"]
            await self.take(Question(name, await request.json(), answer))
            return response

        app = mediaservice_ivr.application(public_key)
        app.middlewares.append(watch)
        return app
