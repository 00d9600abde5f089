"""The Mediaservice example, asked by the real callbacks over real HTTP: a menu with digits."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import ClientSession
from aiohttp.test_utils import TestServer

from adapter.contracts.mediaservice.callbacks import Applications
from adapter.contracts.mediaservice.ports import Asking
from adapter.core.faults import NoAnswer
from adapter.core.ids import ChannelId, question_of
from adapter.core.invite import Invite
from adapter.core.model import Barge, Call, CallState, CollectEnd, Direction, Topic
from adapter.core.outputs import Ask
from adapter.outbox import signing
from examples.mediaservice_ivr import ANSWERS, MENU, application
from tests.fakes import tokens as theirs
from tests.unit.build import dialogue
from tests.unit.mediaservice_house import Directory, call


async def nothing(channel: ChannelId) -> Invite:
    """An INVITE that cannot be read."""
    return Invite()


class House:
    """The example, running, and what asks it."""

    def __init__(self, session: ClientSession, url: str) -> None:
        self._session, self._url = session, url
        self.forged = False

    async def ask(self, row: Call, topic: Topic) -> Any:
        """Put a question."""
        asking = Asking(
            directory=Directory(),
            post=self._post,
            sign=signing.headers,
            headers=nothing,
            prompt_file=lambda domain, name: None,
            now=time.time,
            ivr_server="",
        )
        row = replace(row, context={**row.context, "callback_url": self._url})
        question = question_of(row.id, dialogue(row).asked)
        return await Applications(asking).ask(row, Ask(question=question, topic=topic))

    async def _post(
        self, url: str, body: bytes, headers: Mapping[str, str], timeout: float
    ) -> tuple[int, bytes]:
        sent = body + b" " if self.forged else body
        async with self._session.post(url, data=sent, headers=headers) as answer:
            return answer.status, await answer.read()


@pytest.fixture
async def house() -> AsyncIterator[House]:
    app = application(theirs.public_pem("ours"))
    async with TestServer(app) as server, ClientSession() as session:
        yield House(session, str(server.make_url("")))


def pressed(digits: str, end: CollectEnd) -> Call:
    """A call whose caller has pressed something."""
    talking = call(Direction.INBOUND, CallState.UP)
    asking = replace(dialogue(talking), collected=end, digits=digits)
    return replace(talking, dialogue=asking, keys=digits)


async def test_menu(house: House) -> None:
    """It takes the call, speaks its menu, says what was chosen, and hangs up."""
    offered = call(Direction.INBOUND, CallState.OFFERED)
    assert (await house.ask(offered, Topic.OFFER)).turn_away is None
    menu = await house.ask(call(Direction.INBOUND, CallState.UP), Topic.NEXT)
    assert menu.prompt.phrases[0].text == MENU
    assert (menu.prompt.barge, menu.prompt.collect.max_digits) == (Barge.ALL, 1)
    assert not menu.hang_up
    chosen = await house.ask(pressed("2", CollectEnd.MAX_DIGITS), Topic.NEXT)
    assert chosen.prompt.phrases[0].text == ANSWERS["2"]
    assert chosen.hang_up
    for digits, end in (("7", CollectEnd.MAX_DIGITS), ("", CollectEnd.FIRST_TIMEOUT)):
        again = await house.ask(pressed(digits, end), Topic.NEXT)
        assert again.prompt.phrases[0].text == MENU


async def test_forged_question(house: House) -> None:
    """A body that is not the signed one is refused."""
    house.forged = True
    with pytest.raises(NoAnswer, match="newCall request failed"):
        await house.ask(call(Direction.INBOUND, CallState.OFFERED), Topic.OFFER)
