"""Wrong PINs are counted for each caller and number, for a while, in bounded memory."""

from __future__ import annotations

from adapter.contracts.enablex.guesses import ENTRIES, MOST, WITHIN, Guesses

CALLER, CALLED = "+15557777", "15551000"


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def guessed(times: int, clock: Clock) -> Guesses:
    guesses = Guesses(clock)
    for _ in range(times):
        clock.now += 1.0
        guesses.wrong(CALLER, CALLED)
    return guesses


def test_too_many_wrong_ones() -> None:
    """The last wrong PIN that is allowed still is; with and without a plus is the same caller."""
    assert not guessed(MOST - 1, Clock()).too_many(CALLER, CALLED)
    guesses = guessed(MOST, Clock())
    assert guesses.too_many(CALLER, CALLED)
    assert guesses.too_many(CALLER.removeprefix("+"), "+" + CALLED)


def test_others_are_not_refused() -> None:
    """Another caller of the number, and another number of the caller, go on."""
    guesses = guessed(MOST, Clock())
    assert not guesses.too_many("+15558888", CALLED)
    assert not guesses.too_many(CALLER, "15552000")


def test_a_while_later() -> None:
    """When the oldest of them is old enough there is one more guess, and then again none."""
    clock = Clock()
    guesses = guessed(MOST, clock)
    clock.now += WITHIN - MOST + 1.0
    assert not guesses.too_many(CALLER, CALLED)
    guesses.wrong(CALLER, CALLED)
    assert guesses.too_many(CALLER, CALLED)


def test_memory_is_bounded() -> None:
    """However many callers guess, the oldest pairs are forgotten."""
    guesses = guessed(MOST, Clock())
    for number in range(ENTRIES):
        guesses.wrong(str(number), CALLED)
    assert len(guesses._wrong) == ENTRIES
    assert not guesses.too_many(CALLER, CALLED)
