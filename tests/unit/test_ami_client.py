"""The AMI client against a real TCP server: answers, refusals, cuts, and coming back."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from adapter.ami.client import AmiClient, Times
from adapter.ami.connection import LONGEST
from adapter.ami.errors import InvalidValue, NoAnswer, Refused
from tests.fakes.ami import FakeAmi

QUICK = Times(answer=0.5, ping=0.05, delays=(0.01, 0.02))


@pytest.fixture
async def ami() -> AsyncIterator[FakeAmi]:
    async with FakeAmi() as ami:
        ami.channels["chan-1"] = {"COLOUR": "red"}
        yield ami


@pytest.fixture
async def client(ami: FakeAmi) -> AsyncIterator[AmiClient]:
    client = client_of(ami)
    client.start()
    yield client
    await client.close()


def client_of(ami: FakeAmi, secret: str = FakeAmi.secret, times: Times = QUICK) -> AmiClient:
    return AmiClient("127.0.0.1", ami.port, ami.username, secret, times)


async def connected(client: AmiClient) -> None:
    async with asyncio.timeout(20):
        while not client.connected:
            await asyncio.sleep(0.005)


async def test_action_waits_for_the_connection(client: AmiClient) -> None:
    """An action right after the start is answered, once it is connected."""
    assert not client.connected
    assert await client.getvar("chan-1", "COLOUR") == "red"
    assert client.connected


async def test_variable_that_is_not_set_is_empty(client: AmiClient) -> None:
    """Asterisk answers with an empty value, of which panoramisk makes no header at all."""
    assert await client.getvar("chan-1", "SHAPE") == ""


async def test_actions_at_once_get_their_own_answers(client: AmiClient, ami: FakeAmi) -> None:
    """Answers are matched by their ids."""
    ami.channels |= {f"c{n}": {"N": str(n)} for n in range(20)}
    values = await asyncio.gather(*(client.getvar(f"c{n}", "N") for n in range(20)))
    assert values == [str(n) for n in range(20)]


async def test_refusal_has_asterisks_words(client: AmiClient) -> None:
    """An error is an answer, and the connection stays."""
    with pytest.raises(Refused, match="No such channel") as refused:
        await client.getvar("chan-2", "COLOUR")
    assert refused.value.message == "No such channel"
    assert client.connected


async def test_not_started_is_no_answer(ami: FakeAmi) -> None:
    """A client that nobody started says so at once."""
    with pytest.raises(NoAnswer, match="not started"):
        await client_of(ami).ping()


@pytest.mark.parametrize("bad", ["a\r\nAction: Command", "a\n", "a,b", "a b", "", "ä", "${X}"])
async def test_values_that_would_be_more_than_a_value(
    client: AmiClient, ami: FakeAmi, bad: str
) -> None:
    """A line end or separator in any value goes nowhere."""
    for call in (
        client.getvar(bad, "COLOUR"),
        client.getvar("chan-1", bad),
        client.mix_monitor("chan-1", bad, "r(/x)"),
        client.mix_monitor("chan-1", "/x", bad),
        client.stop_mix_monitor("chan-1", bad),
    ):
        with pytest.raises(InvalidValue):
            await call
    assert set(ami.names()) <= {"Ping"}


async def test_wrong_password_is_tried_again(ami: FakeAmi) -> None:
    """A refused login ends no task: the file may be put right; actions get NoAnswer meanwhile."""
    client = client_of(ami, "wrong-secret-of-a-test")
    client.start()
    with pytest.raises(NoAnswer):
        await client.ping()
    assert not client.connected
    ami.secret = "wrong-secret-of-a-test"
    await client.ping()
    await client.close()


async def test_nobody_listens_then_somebody_does(ami: FakeAmi) -> None:
    """The adapter may start before Asterisk."""
    await ami.close()
    client = client_of(ami)
    client.start()
    begun = time.monotonic()
    with pytest.raises(NoAnswer, match="no answer in time"):
        await client.ping()
    assert time.monotonic() - begun < 10
    await ami.listen()
    await client.ping()
    await client.close()


async def test_comes_back_after_a_cut(client: AmiClient, ami: FakeAmi) -> None:
    """A lost connection is made again by itself."""
    await client.ping()
    ami.drop()
    async with asyncio.timeout(20):
        while ami.logins < 2:
            await asyncio.sleep(0.005)
    await client.ping()


@pytest.mark.parametrize("after", [False, True])
async def test_cut_action_is_not_sent_again(client: AmiClient, ami: FakeAmi, after: bool) -> None:
    """An action without an answer is over: a second MixMonitor would be a second recording."""
    ami.cut("Getvar", after=after)
    with pytest.raises(NoAnswer, match="closed"):  # not "no answer in time"
        await client.getvar("chan-1", "COLOUR")
    await connected(client)
    await client.ping()
    assert ami.names().count("Getvar") == 1


async def test_unanswered_ping_is_a_lost_connection(client: AmiClient, ami: FakeAmi) -> None:
    """A peer that went silent is noticed without any action."""
    await client.ping()
    ami.mute = True
    async with asyncio.timeout(20):
        while client.connected:
            await asyncio.sleep(0.005)
    ami.mute = False
    await connected(client)


async def test_endless_message_closes_the_connection(client: AmiClient, ami: FakeAmi) -> None:
    """What has no end is not collected without end."""
    await client.ping()
    ami.send(b"x" * (LONGEST + 2))
    async with asyncio.timeout(20):
        while ami.logins < 2:
            await asyncio.sleep(0.005)
    await client.ping()


async def test_events_and_garbage_are_left_aside(client: AmiClient, ami: FakeAmi) -> None:
    """What nobody asked for disturbs nothing."""
    await client.ping()
    ami.send(b"Event: Newchannel\r\nChannel: x\r\n\r\n\x00\xff\r\n\r\nResponse: Success\r\n\r\n")
    assert await client.getvar("chan-1", "COLOUR") == "red"
    assert ami.logins == 1


async def test_close_ends_what_waits(ami: FakeAmi) -> None:
    """After close nothing connects again, and whoever waits is told."""
    client = client_of(ami)
    client.start()
    await client.ping()
    ami.mute = True
    waiting = asyncio.create_task(client.getvar("chan-1", "COLOUR"))
    await asyncio.sleep(0.01)
    await client.close()
    with pytest.raises(NoAnswer):
        await waiting
    ami.mute = False
    await asyncio.sleep(0.1)
    assert ami.logins == 1


async def test_work_at_each_login(ami: FakeAmi) -> None:
    """Begun when actions are answered, at the first login and after each loss, beside the pings."""
    client, seen = client_of(ami), asyncio.Semaphore(0)

    async def work() -> None:
        assert await client.getvar("chan-1", "COLOUR") == "red"
        seen.release()

    client.at_login(work)
    client.start()
    async with asyncio.timeout(20):
        await seen.acquire()
        ami.drop()
        await seen.acquire()
    await client.close()


async def test_work_ends_with_the_connection(ami: FakeAmi) -> None:
    """It is not under way twice, nor when the client is closed."""
    client, begun = client_of(ami), 0
    running: set[int] = set()

    async def work() -> None:
        nonlocal begun
        begun += 1
        running.add(begun)
        try:
            await asyncio.Event().wait()
        finally:
            running.discard(begun)

    client.at_login(work)
    client.start()
    for login in (1, 2):
        async with asyncio.timeout(20):
            while running != {login}:
                await asyncio.sleep(0.005)
        ami.drop()
    await client.close()
    await asyncio.sleep(0)
    assert running == set()
