"""Wrong credentials are slowed down, right ones are not; in virtual time, so nobody sleeps."""

from __future__ import annotations

import asyncio
from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapter.contracts import throttle as module
from adapter.contracts.throttle import (
    ENTRIES,
    FREE,
    LONGEST,
    MEMORY,
    WAITING_EACH,
    Throttle,
    TooManyAttempts,
    Watcher,
    source_of,
)
from tests.fakes.virtual_time import runs_in_virtual_time

HERE, THERE = "192.0.2.1", "198.51.100.7"
KEY = "right"


class Noted(Watcher):
    """Notes what it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def failed(self) -> None:
        self.told.append("failed")

    def slowed(self) -> None:
        self.told.append("slowed")

    def turned_away(self) -> None:
        self.told.append("turned away")


class House:
    """A throttle on the loop's clock; `looked` is what was looked at."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.watcher = Noted()
        self.throttle = Throttle((), self.watcher, self.loop.time)
        self.looked: list[str] = []

    async def try_(self, key: str, user: str = "a", source: str = HERE) -> float:
        """One attempt; the seconds that it took."""

        def check() -> str | None:
            self.looked.append(key)
            return user if key == KEY else None

        begun = self.loop.time()
        found = await self.throttle.attempt(source, user, check)
        assert found == (user if key == KEY else None)
        return self.loop.time() - begun

    async def fail(self, times: int, user: str = "a", source: str = HERE) -> list[float]:
        return [await self.try_("wrong", user, source) for _ in range(times)]


@runs_in_virtual_time
async def test_the_delay_doubles() -> None:
    """Five failures are free; then half a second, doubled up to eight."""
    house = House()
    assert await house.fail(FREE) == [0.0] * FREE
    assert await house.fail(7) == [0.5, 1.0, 2.0, 4.0, 8.0, 8.0, 8.0]
    assert house.watcher.told.count("slowed") == 7
    assert house.watcher.told.count("failed") == FREE + 7


@runs_in_virtual_time
async def test_a_right_key_waits_like_a_wrong_one() -> None:
    """The time of the answer does not tell whether the key was right."""
    house = House()
    await house.fail(FREE + 2)
    assert await house.try_(KEY) == 2.0


@runs_in_virtual_time
async def test_success_begins_anew() -> None:
    """After a success five failures of that user are free again."""
    house = House()
    await house.fail(FREE + 1)
    await house.try_(KEY)
    assert await house.fail(FREE + 1) == [0.0] * FREE + [0.5]
    assert await house.try_(KEY) == 1.0
    assert await house.try_(KEY) == 0.0


@runs_in_virtual_time
async def test_a_minute_forgets() -> None:
    """What is a minute old does not count any more."""
    house = House()
    await house.fail(FREE + 3)
    await asyncio.sleep(MEMORY + 0.1)
    assert await house.fail(FREE) == [0.0] * FREE


@runs_in_virtual_time
async def test_failures_from_elsewhere_lock_nobody_out() -> None:
    """Whoever guesses a user's key from another address slows down himself alone."""
    house = House()
    await house.fail(30, source=THERE)
    assert await house.try_(KEY) == 0.0
    assert await house.fail(1, user="b") == [0.0]


@runs_in_virtual_time
async def test_many_users_from_one_address() -> None:
    """Guessing one key for many users counts as well: the address is slowed down."""
    house = House()
    waits = [(await house.fail(1, user=f"user{number}"))[0] for number in range(FREE + 2)]
    assert waits == [0.0] * FREE + [0.5, 1.0]


@runs_in_virtual_time
async def test_who_came_in_is_not_slowed_by_neighbours() -> None:
    """Behind one proxy or NAT: a user who came in from there has a count of its own."""
    house = House()
    await house.try_(KEY, user="good")
    await house.fail(30, user="bad")
    assert await house.try_(KEY, user="good") == 0.0
    assert await house.fail(FREE + 1, user="good") == [0.0] * FREE + [0.5]


@runs_in_virtual_time
async def test_a_key_of_ones_own_frees_no_guess_at_others() -> None:
    """Coming in with one's own key does not begin the address's count anew."""
    house = House()
    await house.fail(FREE + 3, user="victim")
    await house.try_(KEY, user="own")
    assert await house.fail(1, user="victim") == [4.0]


@runs_in_virtual_time
async def test_few_wait_at_a_time() -> None:
    """More attempts at once than may wait are turned away, unseen, with a Retry-After."""
    house = House()
    await house.fail(FREE + 4)
    house.looked.clear()
    attempts = [house.try_("wrong") for _ in range(WAITING_EACH + 20)]
    ends = await asyncio.gather(*attempts, return_exceptions=True)
    away = [end for end in ends if isinstance(end, TooManyAttempts)]
    assert len(away) == 20
    assert {one.retry_after for one in away} == {8}
    assert len(house.looked) == WAITING_EACH
    assert house.watcher.told.count("turned away") == 20


@runs_in_virtual_time
async def test_guesses_a_second_are_bounded() -> None:
    """However many try at once, in ten minutes no more than one guess a second is looked at."""
    house = House()

    async def guess() -> None:
        while house.loop.time() < 600:
            try:
                await house.try_("wrong")
            except TooManyAttempts as many:
                await asyncio.sleep(many.retry_after)

    await asyncio.gather(*(guess() for _ in range(100)))
    assert len(house.looked) <= FREE + WAITING_EACH * 10 + 600 * WAITING_EACH / LONGEST


@runs_in_virtual_time
async def test_all_that_wait_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Over all addresses so many wait, and then the next; who does not have to wait still may."""
    monkeypatch.setattr(module, "WAITING_TOGETHER", 3)
    house = House()
    sources = [f"192.0.2.{number}" for number in range(4)]
    for source in sources:
        await house.fail(FREE, source=source)
    waiting = [asyncio.create_task(house.fail(1, source=source)) for source in sources[:3]]
    await asyncio.sleep(0)
    with pytest.raises(TooManyAttempts):
        await house.fail(1, source=sources[3])
    assert await house.try_(KEY, source=THERE) == 0.0
    await asyncio.gather(*waiting)
    assert await house.fail(1, source=sources[3]) == [0.5]


@runs_in_virtual_time
async def test_who_gives_up_makes_room() -> None:
    """A cancelled attempt does not keep its place."""
    house = House()
    await house.fail(FREE)
    waiting = [asyncio.create_task(house.fail(1)) for _ in range(WAITING_EACH)]
    await asyncio.sleep(0)
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    assert await house.fail(1) == [0.5]


@runs_in_virtual_time
async def test_memory_is_bounded() -> None:
    """Ten thousand addresses are remembered, the ones used last."""
    house = House()
    await house.fail(FREE, source="last")
    for number in range(ENTRIES - 1):
        await house.fail(1, source=str(number))
    assert await house.fail(1, source="last") == [0.5]
    for number in range(ENTRIES):
        await house.fail(1, source=f"more {number}")
    assert await house.fail(1, source="last") == [0.0]
    assert len(house.throttle._counts) == ENTRIES


PROXIES = tuple(map(ip_network, ("10.0.0.0/8", "fd00::/8")))


@pytest.mark.parametrize(
    ("peer", "forwarded", "expected"),
    [
        (HERE, [], HERE),
        (HERE, ["203.0.113.9"], HERE),
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", ["203.0.113.9"], "203.0.113.9"),
        ("10.0.0.1", ["1.1.1.1, 203.0.113.9"], "203.0.113.9"),
        ("10.0.0.1", ["1.1.1.1", "203.0.113.9,10.0.0.2"], "203.0.113.9"),
        ("10.0.0.1", ["10.0.0.3"], "10.0.0.3"),
        ("10.0.0.1", ["203.0.113.9:4711"], "203.0.113.9"),
        ("10.0.0.1", ["203.0.113.9, unknown"], "10.0.0.1"),
        ("10.0.0.1", [""], "10.0.0.1"),
        ("::ffff:10.0.0.1", ["203.0.113.9"], "203.0.113.9"),
        ("fd00::1", ["[2001:db8:1:2:3:4:5:6]:443"], "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", [], "2001:db8:1:2::/64"),
        ("fe80::1%eth0", [], "fe80::/64"),
        ("", ["203.0.113.9"], ""),
    ],
)
def test_where_a_request_comes_from(peer: str, forwarded: list[str], expected: str) -> None:
    """The header counts as far as trusted proxies wrote it; an IPv6 subscriber is one source."""
    assert source_of(peer, forwarded, PROXIES) == expected


@given(peer=st.ip_addresses(v=4).map(str), lines=st.lists(st.text(max_size=80), max_size=5))
def test_who_is_no_proxy_is_what_it_is(peer: str, lines: list[str]) -> None:
    """No header moves an address that is not trusted, and none makes an error."""
    assert source_of(peer, lines, ()) == peer
    assert isinstance(source_of("10.0.0.1", lines, PROXIES), str)
