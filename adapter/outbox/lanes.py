"""Which lane may go next: due times, holds, and fair shares of the room for each customer.

Pure book-keeping, no clock and no I/O. A lane is one call; its messages go one after the other.
Lanes wait for their time in a heap, then in the queue of their origin (the customer's scheme, host
and port); origins take turns. What is kept of a lane is its name, origin and time; a message itself
only for a few lanes that are about to go, so that the memory does not grow with the bodies of the
backlog.

A lane moves so::

    IDLE --message--> WAITING --due--> READY --take--> RUNNING --finish--> (the same, or forgotten)
                                         |  ^
                                    held |  | release
                                         v  |
                                         HELD

Where what is remembered and the store differ (another process wrote), the store is right: who takes
a lane without a message reads the head from the store and, if it is not what was taken, gives the
lane back with `put_back`.
"""

from __future__ import annotations

import heapq
from collections import deque
from enum import Enum, auto
from urllib.parse import urlsplit

from adapter.core.message import Head, Queued


class _State(Enum):
    IDLE = auto()
    WAITING = auto()
    READY = auto()
    HELD = auto()
    RUNNING = auto()


class _Origin:
    __slots__ = ("failing", "in_turn", "lanes", "name", "ready", "running")

    def __init__(self, name: str) -> None:
        self.name = name
        self.lanes = 0
        self.ready: deque[Lane] = deque()
        self.running = 0
        self.in_turn = False
        self.failing = False


class Lane:
    """One lane. `row` is its next message when that is at hand; `unread` says that the store may
    have more than that."""

    __slots__ = ("due", "holds", "name", "origin", "row", "state", "unread")

    def __init__(self, name: str) -> None:
        self.name = name
        self.origin: _Origin | None = None
        self.due = 0.0
        self.state = _State.IDLE
        self.holds = 0
        self.unread = False
        self.row: Queued | None = None

    def heads_for(self, url: str) -> bool:
        """Whether this lane was taken with the room of that URL's origin."""
        return self.origin is not None and self.origin.name == origin_of(url)


def origin_of(url: str) -> str:
    """Scheme, host and port, without credentials; "" when the URL has none."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2].lower()}"


class Lanes:
    """All lanes that have pending messages or holds.

    Args:
        concurrency: messages under way at a time.
        per_origin: of these, to one origin.
        per_failing_origin: to one origin that did not answer last time; it takes its full share
            again after its first answer.
    """

    def __init__(
        self, concurrency: int = 64, per_origin: int = 16, per_failing_origin: int = 2
    ) -> None:
        self._concurrency = concurrency
        self._per_origin = per_origin
        self._per_failing = min(per_failing_origin, per_origin)
        self._running = 0
        self._at_hand = 0
        self._lanes: dict[str, Lane] = {}
        self._origins: dict[str, _Origin] = {}
        self._turns: deque[_Origin] = deque()
        self._heap: list[tuple[float, int, Lane]] = []
        self._pushed = 0

    def __len__(self) -> int:
        return len(self._lanes)

    def add(self, row: Queued) -> None:
        """A message was written. It is the only one of its lane if that is not known.

        So all lanes of the store must be `found` before the first is taken, in whatever order that
        and `add` come.
        """
        lane = self._lane(row.message.lane)
        if lane.state is not _State.IDLE:
            lane.unread = True
            return
        lane.unread = False
        self._aim(lane, row.message.url, row.next_at, row)

    def found(self, head: Head) -> None:
        """The store has this as the oldest pending message of a lane."""
        lane = self._lane(head.lane)
        lane.unread = True
        self._drop(lane)
        if lane.state is _State.IDLE or (lane.state is _State.WAITING and lane.due != head.next_at):
            self._aim(lane, head.url, head.next_at, None)

    def take(self, now: float) -> Lane | None:
        """The next lane whose message may go now; it must be given back. None: none may."""
        while self._heap and self._heap[0][0] <= now:
            due, _, lane = heapq.heappop(self._heap)
            if lane.state is _State.WAITING and lane.due == due:
                self._make_ready(lane)
        while self._turns and self._running < self._concurrency:
            origin = self._turns.popleft()
            origin.in_turn = False
            if origin.running >= self._share(origin):
                continue
            lane = origin.ready.popleft()
            if lane.holds:
                lane.state = _State.HELD
                self._offer(origin)
                continue
            lane.state = _State.RUNNING
            origin.running += 1
            self._running += 1
            self._offer(origin)
            return lane
        return None

    def row_of(self, lane: Lane) -> Queued | None:
        """The message at hand of a lane that was taken; it is handed out once."""
        row = lane.row
        self._drop(lane)
        return row

    def finish(self, lane: Lane, following: Queued | None) -> None:
        """The message of a lane was settled.

        Args:
            lane: the lane that was taken.
            following: its next message; None when there is none.
        """
        self._leave(lane)
        if following is not None:
            lane.unread = True
            self._aim(lane, following.message.url, following.next_at, following)
        else:
            self._turn_to(lane, None)
            if not lane.holds:
                del self._lanes[lane.name]

    def put_back(self, lane: Lane, due: float, url: str | None = None) -> None:
        """The message of a lane is still to be sent, at a time; the store has it.

        Args:
            lane: the lane that was taken.
            due: not before.
            url: where it goes, if that is not where the lane was thought to go.
        """
        self._leave(lane)
        lane.unread = True
        if url is None:
            self._wait(lane, due)
        else:
            self._aim(lane, url, due, None)

    def judge(self, lane: Lane, *, answered: bool) -> None:
        """Whether the origin of a lane that is running answered at all."""
        if lane.origin is not None:
            lane.origin.failing = not answered

    def hold(self, name: str) -> None:
        """Send nothing of this lane until as many `release`; what is under way is not stopped."""
        self._lane(name).holds += 1

    def release(self, name: str) -> None:
        """Take one hold back; without a hold, nothing happens."""
        lane = self._lanes.get(name)
        if lane is None or not lane.holds:
            return
        lane.holds -= 1
        if lane.holds:
            return
        if lane.state is _State.IDLE:
            del self._lanes[name]
        elif lane.state is _State.HELD:
            self._make_ready(lane)

    def next_due(self) -> float | None:
        """When the next lane comes due that is not due yet; None: nothing waits."""
        return self._heap[0][0] if self._heap else None

    def _lane(self, name: str) -> Lane:
        lane = self._lanes.get(name)
        if lane is None:
            lane = self._lanes[name] = Lane(name)
        return lane

    def _aim(self, lane: Lane, url: str, due: float, row: Queued | None) -> None:
        """Let an idle lane wait for its next message; keep that if there is room for it."""
        name = origin_of(url)
        origin = self._origins.get(name)
        if origin is None:
            origin = self._origins[name] = _Origin(name)
        self._turn_to(lane, origin)
        self._drop(lane)
        if row is not None and self._at_hand < 2 * self._concurrency:
            lane.row = row
            self._at_hand += 1
        elif row is not None:
            lane.unread = True
        self._wait(lane, due)

    def _wait(self, lane: Lane, due: float) -> None:
        lane.due = due
        lane.state = _State.WAITING
        self._pushed += 1
        heapq.heappush(self._heap, (due, self._pushed, lane))

    def _turn_to(self, lane: Lane, origin: _Origin | None) -> None:
        """Count the lanes of each origin, and forget an origin without any."""
        before, lane.origin = lane.origin, origin
        if origin is not None:
            origin.lanes += 1
        if before is not None:
            before.lanes -= 1
            if not before.lanes:
                del self._origins[before.name]

    def _drop(self, lane: Lane) -> None:
        if lane.row is not None:
            lane.row = None
            self._at_hand -= 1

    def _make_ready(self, lane: Lane) -> None:
        assert lane.origin is not None  # noqa: S101 - it was aimed
        lane.state = _State.READY
        lane.origin.ready.append(lane)
        self._offer(lane.origin)

    def _leave(self, lane: Lane) -> None:
        origin = lane.origin
        assert origin is not None  # noqa: S101 - it was taken
        lane.state = _State.IDLE
        origin.running -= 1
        self._running -= 1
        self._drop(lane)
        self._offer(origin)

    def _share(self, origin: _Origin) -> int:
        return self._per_failing if origin.failing else self._per_origin

    def _offer(self, origin: _Origin) -> None:
        """Give an origin a turn if it can use one."""
        if origin.ready and not origin.in_turn and origin.running < self._share(origin):
            origin.in_turn = True
            self._turns.append(origin)
