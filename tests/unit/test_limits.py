"""Limits of an owner: the token bucket, the count of live calls, and ending all of them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapter.contracts.limits import Bucket, Limit, LimitReached, Limits, hang_up_all
from adapter.core import inputs as i
from adapter.core.call import step
from adapter.core.model import Call, CallState
from adapter.core.outputs import Step
from tests.fakes.virtual_time import runs_in_virtual_time
from tests.unit import wiring
from tests.unit.build import NOW, admission, admitted, naming, offer, place, up
from tests.unit.joined import every_bridge, name_of


@dataclass(frozen=True)
class Owner:
    """Somebody with limits."""

    id: str
    max_concurrent_calls: int | None = None
    calls_per_second: float | None = None


class House:
    """Limits with a clock that the test sets."""

    def __init__(self) -> None:
        self.now = 0.0
        self.refused: list[Limit] = []
        self.limits = Limits(lambda: self.now, self.refused.append)

    def saw(self, made: Step) -> Step:
        self.limits.stepped(made, i.EndCall(), NOW, 0.0)
        return made

    def admitted(self, owner: Owner) -> bool:
        try:
            self.limits.admit(owner)
        except LimitReached:
            return False
        return True


OWNER = place(1).owner


def ended(made: Step) -> Step:
    """The same call, ended."""
    ending = step(made.call, i.EndCall(), NOW).call
    return step(ending, i.ChannelGone(channel=ending.channel, q850=16), NOW)


@pytest.mark.parametrize("opening", [place, offer])
def test_live_calls_count_from_their_beginning_to_their_end(opening: type) -> None:
    """Each input of a call leaves the count right, outbound or inbound."""
    house = House()
    made = house.saw(step(None, opening(1), NOW))
    assert house.limits.live(OWNER) == 1
    house.saw(step(made.call, i.EndCall(), NOW))
    assert house.limits.live(OWNER) == 1
    house.saw(ended(made))
    house.saw(ended(made))
    assert house.limits.live(OWNER) == 0


def test_a_call_that_finds_its_owner_later_counts_from_then_on() -> None:
    """A caller who is asked for a PIN is nobody's live call; then the owner's."""
    house = House()
    call = house.saw(step(None, offer(owner="", admission=admission()), NOW)).call
    assert house.limits.live(OWNER) == 0
    call = naming("12", house.saw(step(call, up(call), NOW)).call)
    made = house.saw(step(call, admitted(call, owner=OWNER), NOW))
    assert (house.limits.live(OWNER), house.limits.live("")) == (1, 0)
    house.saw(ended(made))
    assert house.limits.live(OWNER) == 0


@pytest.mark.parametrize("call", every_bridge(), ids=name_of)
def test_further_parties_count(call: Call) -> None:
    """Each leg of a bridge is one more, until it or the call ends; so too after a restart."""
    house = House()
    house.limits.load([call])
    assert call.bridge is not None
    parties = 1 if call.bridge.target is None else 2
    assert house.limits.live(OWNER) == 1 + parties
    leg = call.bridge.legs[-1]
    house.saw(step(call, i.ChannelGone(channel=leg.channel, q850=16), NOW))
    assert house.limits.live(OWNER) == parties
    house.saw(ended(step(call, i.EndCall(), NOW)))
    assert house.limits.live(OWNER) == 0


def test_the_count_is_right_after_a_restart() -> None:
    """It begins with the live rows; their ends count it down."""
    house = House()
    made = [step(None, place(number), NOW) for number in (1, 2)]
    house.limits.load(one.call for one in made)
    assert house.limits.live(OWNER) == 2
    house.saw(ended(made[0]))
    assert house.limits.live(OWNER) == 1


def test_concurrent_calls() -> None:
    """The limit is how many may be live; it says so, and another owner is not touched."""
    house = House()
    owner = Owner(OWNER, max_concurrent_calls=2)
    first = house.saw(step(None, place(1), NOW))
    house.limits.admit(owner)
    house.saw(step(None, place(2), NOW))
    with pytest.raises(LimitReached) as reached:
        house.limits.admit(owner)
    assert (reached.value.limit, reached.value.retry_after) == ("concurrent", 1)
    assert house.limits.full(owner)
    assert house.refused == ["concurrent"] * 2
    house.limits.admit(Owner("other", max_concurrent_calls=1))
    house.saw(ended(first))
    house.limits.admit(owner)


def test_no_limits() -> None:
    """An owner without limits may always call."""
    house = House()
    house.limits.load(step(None, place(number), NOW).call for number in range(50))
    for _ in range(1000):
        house.limits.admit(Owner(OWNER))
    assert not house.limits.full(Owner(OWNER))
    assert house.refused == []


def test_rate() -> None:
    """A burst of one second's calls, then as many as the rate gives; it says how long to wait."""
    house = House()
    owner = Owner(OWNER, calls_per_second=2.0)
    assert [house.admitted(owner) for _ in range(3)] == [True, True, False]
    house.now = 0.5
    assert [house.admitted(owner) for _ in range(2)] == [True, False]
    house.now = 100.0
    assert [house.admitted(owner) for _ in range(3)] == [True, True, False]


def test_slow_rate() -> None:
    """Less than one a second: one at once, and Retry-After is the time until the next."""
    house = House()
    owner = Owner(OWNER, calls_per_second=0.1)
    house.limits.admit(owner)
    house.now = 2.5
    with pytest.raises(LimitReached) as reached:
        house.limits.admit(owner)
    assert (reached.value.limit, reached.value.retry_after) == ("rate", 8)
    house.now += 8
    house.limits.admit(owner)


def test_a_full_house_takes_no_token() -> None:
    """Who is refused for the number of calls keeps the token of the rate."""
    house = House()
    both = Owner(OWNER, max_concurrent_calls=1, calls_per_second=1.0)
    made = house.saw(step(None, place(1), NOW))
    assert not house.admitted(both)
    house.saw(ended(made))
    assert house.admitted(both)


def test_a_changed_rate_holds_at_once() -> None:
    """A burst that was saved under the old rate is cut to the new one."""
    house = House()
    house.limits.admit(Owner(OWNER, calls_per_second=100.0))
    slow = Owner(OWNER, calls_per_second=1.0)
    assert [house.admitted(slow) for _ in range(2)] == [True, False]


@given(
    rate=st.floats(0.01, 1000.0),
    pauses=st.lists(st.floats(0.0, 10.0), max_size=200),
)
def test_never_more_than_the_rate(rate: float, pauses: list[float]) -> None:
    """In any time: not more calls than a burst and the rate times that time."""
    bucket, now, taken = Bucket(max(1.0, rate), 0.0), 0.0, 0
    for pause in pauses:
        now += pause
        taken += bucket.take(rate, now) == 0.0
        assert taken <= max(1.0, rate) + now * rate + 1e-6


@given(rate=st.floats(0.01, 1000.0), share=st.floats(0.0, 0.9))
def test_who_waits_as_told_gets_in(rate: float, share: float) -> None:
    """After Retry-After there is a token, and that is no longer than one token takes."""
    house = House()
    owner = Owner(OWNER, calls_per_second=rate)
    house.limits._buckets[OWNER] = Bucket(share, 0.0)
    with pytest.raises(LimitReached) as reached:
        house.limits.admit(owner)
    assert reached.value.retry_after <= math.ceil(1.0 / rate)
    house.now += reached.value.retry_after
    house.limits.admit(owner)


@runs_in_virtual_time
async def test_all_calls_of_an_owner_end(tmp_path: Path) -> None:
    """Those of the named owners of that contract, once; without owners nothing is looked at."""
    async with wiring.adapter(tmp_path) as adapter:
        call = await adapter.call_up(1)
        offered = await adapter.offered(2)
        owner, contract = call.owner, call.contract
        assert hang_up_all(adapter.engine, contract, ()) == 0
        assert hang_up_all(adapter.engine, "another", {owner}) == 0
        assert hang_up_all(adapter.engine, contract, {"somebody"}) == 0
        ours = {call.owner, offered.owner}
        assert hang_up_all(adapter.engine, contract, ours) == 2
        assert hang_up_all(adapter.engine, contract, ours) == 0
        await adapter.settle()
        assert adapter.row(call.id).state is CallState.ENDED
        assert not adapter.engine.live
