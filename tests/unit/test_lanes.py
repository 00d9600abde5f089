"""Which lane goes next: pure book-keeping, so without loop, clock and store."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from adapter.core.message import Head, Message, Queued
from adapter.outbox.lanes import Lane, Lanes, origin_of


def row(seq: int, lane: str = "a", url: str = "http://c/", next_at: float = 0.0) -> Queued:
    return Queued(seq, Message(f"m{seq}", lane, "x", "o", "e", url, "{}"), 0, next_at, 0.0)


def taken(lanes: Lanes, now: float = 1.0) -> list[Lane]:
    result = []
    while (lane := lanes.take(now)) is not None:
        result.append(lane)
    return result


def names(lanes: list[Lane]) -> list[str]:
    return [lane.name for lane in lanes]


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("http://u:p@Host:80/x?y", "http://host:80"),
        ("https://host", "https://host"),
        ("http://host?a@b", "http://host"),
        ("http://[::1", ""),
    ],
)
def test_origin_has_no_secrets(url: str, origin: str) -> None:
    """The origin is scheme, host and port, fit for logs."""
    assert origin_of(url) == origin


def test_one_at_a_time_in_a_lane() -> None:
    """While a lane is under way its next message is not taken, and is known to be there after."""
    lanes = Lanes()
    lanes.add(row(1))
    lanes.add(row(2))
    (lane,) = taken(lanes)
    assert lanes.row_of(lane) == row(1)
    assert lane.unread
    lanes.finish(lane, row(2))
    assert names(taken(lanes)) == ["a"]


def test_a_finished_lane_is_forgotten() -> None:
    """Nothing is kept of a lane without pending messages, and of an origin without lanes."""
    lanes = Lanes()
    lanes.add(row(1))
    (lane,) = taken(lanes)
    assert not lane.unread
    lanes.finish(lane, None)
    assert len(lanes) == 0
    assert lanes._origins == {}


def test_what_is_found_replaces_what_was_added() -> None:
    """When the store has an older message in that lane, the new one is not the first."""
    lanes = Lanes()
    lanes.add(row(2, next_at=1.0))
    lanes.found(Head("a", "http://c/", 1.0))
    (lane,) = taken(lanes)
    assert lanes.row_of(lane) is None
    assert lane.unread


def test_due_times_are_kept() -> None:
    """A lane is taken when it is due, not before, and the next due time is told."""
    lanes = Lanes()
    lanes.found(Head("late", "http://c/", 9.0))
    lanes.found(Head("soon", "http://c/", 5.0))
    assert lanes.next_due() == 5.0
    assert taken(lanes, 4.9) == []
    assert names(taken(lanes, 5.0)) == ["soon"]
    assert names(taken(lanes, 9.0)) == ["late"]
    assert lanes.next_due() is None


def test_found_again_moves_the_due_time_once() -> None:
    """A row made due by hand goes at its new time, and the old time wakes nobody."""
    lanes = Lanes()
    lanes.found(Head("a", "http://c/", 1000.0))
    lanes.found(Head("a", "http://c/", 2.0))
    (lane,) = taken(lanes, 3.0)
    lanes.finish(lane, None)
    assert taken(lanes, 2000.0) == []


def test_found_while_under_way_is_not_lost() -> None:
    """A row that appears while its lane is under way makes the lane look again."""
    lanes = Lanes()
    lanes.add(row(1))
    (lane,) = taken(lanes)
    lanes.found(Head("a", "http://c/", 0.0))
    assert lane.unread


def test_concurrency_and_share_of_an_origin() -> None:
    """No more than the limit go at a time, no more than its share to one origin."""
    lanes = Lanes(concurrency=5, per_origin=3)
    for n in range(10):
        lanes.add(row(n, lane=f"a{n}", url="http://a/"))
        lanes.add(row(n, lane=f"b{n}", url="http://b/"))
    under_way = taken(lanes)
    assert names(under_way) == ["a0", "b0", "a1", "b1", "a2"]
    lanes.finish(under_way[0], None)
    assert names(taken(lanes)) == ["b2"]


def test_origins_take_turns() -> None:
    """A customer with one message waits for one turn, not for another's backlog."""
    lanes = Lanes(concurrency=1)
    for n in range(100):
        lanes.add(row(n, lane=f"a{n}", url="http://a/"))
    (first,) = taken(lanes)
    lanes.add(row(100, lane="b", url="http://b/"))
    lanes.finish(first, None)
    (second,) = taken(lanes)
    lanes.finish(second, None)
    assert "b" in (second.name, *names(taken(lanes)))


def test_an_origin_that_does_not_answer_has_a_small_share() -> None:
    """After no answer an origin holds two places; after an answer its share again."""
    lanes = Lanes(concurrency=64, per_origin=16)
    for n in range(40):
        lanes.add(row(n, lane=f"a{n}"))
    under_way = taken(lanes)
    assert len(under_way) == 16
    for lane in under_way:
        lanes.judge(lane, answered=False)
        lanes.put_back(lane, 100.0)
    again = taken(lanes)
    assert len(again) == 2
    lanes.judge(again[0], answered=True)
    lanes.finish(again[0], None)
    assert len(taken(lanes)) == 15


def test_a_share_that_shrinks_holds_at_once() -> None:
    """An origin that stops answering begins nothing more, though it had a turn coming."""
    lanes = Lanes(per_origin=3, per_failing_origin=2)
    for n in range(5):
        lanes.add(row(n, lane=f"a{n}"))
    first, second = lanes.take(1.0), lanes.take(1.0)
    assert first is not None
    assert second is not None
    lanes.judge(first, answered=False)
    assert lanes.take(1.0) is None


def test_holds_add_up() -> None:
    """A lane goes when its last hold has ended; an end too many does nothing."""
    lanes = Lanes()
    lanes.hold("a")
    lanes.hold("a")
    lanes.add(row(1))
    assert taken(lanes) == []
    lanes.release("a")
    assert taken(lanes) == []
    lanes.release("a")
    lanes.release("a")
    assert names(taken(lanes)) == ["a"]


def test_a_hold_of_nothing_leaves_nothing() -> None:
    """Hold and release of a lane without messages keep no memory of it."""
    lanes = Lanes()
    lanes.release("a")
    lanes.hold("a")
    lanes.release("a")
    assert len(lanes) == 0


def test_a_hold_outlives_the_message_under_way() -> None:
    """A lane that is held while under way finishes that message and stops there."""
    lanes = Lanes()
    lanes.add(row(1))
    (lane,) = taken(lanes)
    lanes.hold("a")
    lanes.finish(lane, None)
    lanes.add(row(2))
    assert taken(lanes) == []
    lanes.release("a")
    assert names(taken(lanes)) == ["a"]


def test_a_held_lane_takes_no_place() -> None:
    """Lanes that are held let the others of their origin pass."""
    lanes = Lanes(concurrency=1)
    lanes.hold("a")
    lanes.add(row(1))
    lanes.add(row(2, lane="b"))
    assert names(taken(lanes)) == ["b"]


def test_few_messages_are_kept_at_hand() -> None:
    """A flood of new messages is remembered by lane; the messages stay in the store."""
    lanes = Lanes(concurrency=2)
    for n in range(100):
        lanes.add(row(n, lane=f"a{n}"))
    kept = [lane for lane in lanes._lanes.values() if lane.row is not None]
    assert len(kept) == 4
    assert all(lane.unread for lane in lanes._lanes.values() if lane.row is None)


class Model(RuleBasedStateMachine):
    """Any order of what can happen: nothing is lost, doubled, or out of order."""

    LANES = ("a", "b", "c", "d")
    URLS = ("http://x/", "http://y/")

    def __init__(self) -> None:
        super().__init__()
        self.lanes = Lanes(concurrency=3, per_origin=2, per_failing_origin=1)
        self.store: dict[str, list[Queued]] = {name: [] for name in self.LANES}
        self.under_way: dict[str, Lane] = {}
        self.holds: Counter[str] = Counter()
        self.seq = 0
        self.now = 0.0

    @rule(name=st.sampled_from(LANES), url=st.sampled_from(URLS))
    def write(self, name: str, url: str) -> None:
        self.seq += 1
        new = row(self.seq, name, url, self.now)
        self.store[name].append(new)
        self.lanes.add(new)

    @rule()
    def take(self) -> None:
        lane = self.lanes.take(self.now)
        if lane is None:
            return
        assert lane.name not in self.under_way
        assert not self.holds[lane.name]
        head = self.store[lane.name][0] if self.store[lane.name] else None
        kept = self.lanes.row_of(lane)
        assert kept is None or kept == head
        if head is None:
            self.lanes.finish(lane, None)
        elif head.next_at > self.now or not lane.heads_for(head.message.url):
            self.lanes.put_back(lane, head.next_at, head.message.url)
        else:
            self.under_way[lane.name] = lane

    @precondition(lambda self: self.under_way)
    @rule(data=st.data(), answered=st.booleans(), settled=st.booleans())
    def end(self, data: st.DataObject, answered: bool, settled: bool) -> None:
        lane = self.under_way.pop(data.draw(st.sampled_from(sorted(self.under_way))))
        self.lanes.judge(lane, answered=answered)
        rows = self.store[lane.name]
        if settled:
            rows.pop(0)
            following = rows[0] if rows else None
            assert lane.unread or following is None
            self.lanes.finish(lane, following if lane.unread else None)
        else:
            rows[0] = row(rows[0].seq, lane.name, rows[0].message.url, self.now + 2)
            self.lanes.put_back(lane, self.now + 2)

    @rule(name=st.sampled_from(LANES))
    def hold(self, name: str) -> None:
        self.holds[name] += 1
        self.lanes.hold(name)

    @rule(name=st.sampled_from(LANES))
    def release(self, name: str) -> None:
        self.holds[name] = max(0, self.holds[name] - 1)
        self.lanes.release(name)

    @rule(seconds=st.sampled_from([0.5, 3.0]))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @rule(name=st.sampled_from(LANES))
    def by_hand(self, name: str) -> None:
        """Another process makes the head due, and the store is searched again."""
        if self.store[name] and name not in self.under_way:
            old = self.store[name][0]
            self.store[name][0] = row(old.seq, name, old.message.url, self.now)
        for rows in self.store.values():
            if rows:
                head = rows[0]
                self.lanes.found(Head(head.message.lane, head.message.url, head.next_at))

    @invariant()
    def shares(self) -> None:
        assert len(self.under_way) <= 3
        to = Counter(self.store[name][0].message.url for name in self.under_way)
        assert all(count <= 2 for count in to.values())

    def teardown(self) -> None:
        """Whatever happened, with all holds gone everything is taken in the end, in order."""
        for lane in self.under_way.values():
            self.lanes.put_back(lane, self.now)
        self.under_way = {}
        for name in self.LANES:
            while self.holds[name]:
                self.release(name)
        self.now += 10
        for _ in range(1000):
            self.take()
            for lane in list(self.under_way.values()):
                del self.under_way[lane.name]
                rows = self.store[lane.name]
                rows.pop(0)
                self.lanes.finish(lane, rows[0] if rows and lane.unread else None)
        assert not any(self.store.values())
        assert len(self.lanes) == 0
        assert self.lanes._origins == {}
        assert self.lanes._at_hand == 0


Model.TestCase.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
TestModel = Model.TestCase
