"""Admission through the engine: nobody is told before there is an owner; restarts; failures."""

from __future__ import annotations

from pathlib import Path

from adapter.core import outputs as o
from adapter.core.model import Call, CallState
from adapter.core.outputs import Sound
from tests.fakes.virtual_time import runs_in_virtual_time
from tests.unit.build import INBOUND_CHANNEL, admission, key
from tests.unit.test_reconcile import live, restarted
from tests.unit.wiring import Adapter, adapter

RINGBACK = {(INBOUND_CHANNEL, Sound.RINGING)}


async def asked(made: Adapter) -> Call:
    """A caller who hears the question."""
    made.desk.admission = admission()
    call = await made.offered()
    assert (call.state, call.owner) == (CallState.ADMITTING, "")
    return call


async def presses(made: Adapter, keys: str) -> None:
    """The caller names a code."""
    made.asterisk.presses(INBOUND_CHANNEL, keys)
    await made.settle()


@runs_in_virtual_time
async def test_the_code_finds_the_owner(tmp_path: Path) -> None:
    """A wrong try is told to nobody; the first webhook is the offer, while ringback is heard."""
    async with adapter(tmp_path) as made:
        made.admissions.owners["12"] = "t2"
        call = await asked(made)
        await presses(made, "13#")
        assert (made.webhooks(), live(made, call).state) == ([], CallState.ADMITTING)
        await presses(made, "12#")
        assert made.admissions.judged == ["13", "12"]
        assert (made.webhooks(), made.asterisk.sounds) == (["CallOffered"], RINGBACK)
        assert (live(made, call).owner, live(made, call).state) == ("t2", CallState.WAITING)
        made.asterisk.hangs_up(INBOUND_CHANNEL)
        await made.settle()
        assert made.webhooks() == ["CallOffered", "CallEnded"]


@runs_in_virtual_time
async def test_a_call_without_an_owner_ends_without_a_word(tmp_path: Path) -> None:
    """A caller who hangs up while he is asked: the row has its ending, and nobody is told."""
    async with adapter(tmp_path) as made:
        call = await asked(made)
        made.asterisk.hangs_up(INBOUND_CHANNEL)
        await made.settle()
        assert (made.row(call.id).state, made.webhooks()) == (CallState.ENDED, [])


@runs_in_virtual_time
async def test_killed_while_the_caller_is_asked(tmp_path: Path) -> None:
    """The question goes on, and the code that follows is judged."""
    async with adapter(tmp_path) as first:
        call = await asked(first)
        async with restarted(tmp_path, first) as made:
            assert live(made, call).state is CallState.ADMITTING
            assert made.asterisk.done(o.Hangup) == []
            made.admissions.owners["12"] = "t2"
            await presses(made, "12#")
            assert live(made, call).owner == "t2"


@runs_in_virtual_time
async def test_killed_while_a_code_is_judged(tmp_path: Path) -> None:
    """The code is in the row: it is judged again."""
    async with adapter(tmp_path) as first:
        call = await asked(first)
        for digit in "12#":
            first.engine.tell(call.id, key(call, digit))
        assert first.admissions.judged == []
        async with restarted(tmp_path, first) as made:
            assert made.admissions.judged == ["12"]


@runs_in_virtual_time
async def test_a_judge_that_fails_is_a_try_in_vain(tmp_path: Path) -> None:
    """The call does not hang: the caller is asked again."""
    async with adapter(tmp_path) as made:
        made.admissions.broken = True
        call = await asked(made)
        await presses(made, "12#")
        again = live(made, call).prompt
        assert again is not None
        assert again.order == admission().asks[1]


@runs_in_virtual_time
async def test_killed_while_the_call_waits(tmp_path: Path) -> None:
    """The ringback is ordered again, once more does no harm; nothing is told again."""
    async with adapter(tmp_path) as first:
        first.admissions.owners["12"] = "t2"
        call = await asked(first)
        await presses(first, "12#")
        async with restarted(tmp_path, first) as made:
            assert live(made, call).state is CallState.WAITING
            assert len(made.asterisk.done(o.StartSound)) == 1
            assert made.webhooks() == ["CallOffered"]
