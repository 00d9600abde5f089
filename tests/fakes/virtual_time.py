"""A loop whose clock jumps to the next timer when nothing else is to do.

Seconds of deadlines pass in no time, in their order, and a test that waits for what will never come
fails at once. For code without sockets and threads. `runs_in_virtual_time` makes an async test one.
"""

from __future__ import annotations

import asyncio
import functools
import selectors
from collections.abc import Callable, Coroutine
from typing import Any, ParamSpec

P = ParamSpec("P")


class _Selector(selectors.DefaultSelector):
    """Does not wait: lets the clock jump instead."""

    def __init__(self, jump: Callable[[float], None]) -> None:
        super().__init__()
        self._jump = jump

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready or timeout == 0:
            return ready
        if timeout is None:
            raise RuntimeError("everything waits, and nothing will ever happen")
        self._jump(timeout)
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop with its own time, which begins at 0."""

    def __init__(self) -> None:
        self._virtual = 0.0
        super().__init__(_Selector(self._jump))

    def time(self) -> float:
        """Seconds since the loop began."""
        return self._virtual

    def stand_still(self, seconds: float) -> None:
        """As when something blocks it: time passes, and what is due then comes late."""
        self._jump(seconds)

    def _jump(self, seconds: float) -> None:
        self._virtual += seconds


def runs_in_virtual_time(test: Callable[P, Coroutine[Any, Any, None]]) -> Callable[P, None]:
    """Run an async test on a VirtualLoop of its own."""

    @functools.wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        with asyncio.Runner(loop_factory=VirtualLoop) as runner:
            runner.run(test(*args, **kwargs))

    return run
