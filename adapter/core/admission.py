"""The admission machine: an answered caller is asked for a code that tells whose the call is.

::

    the call is up --> asking --digits--> judging --Admitted--> the call goes to its owner
                         ^   |               |
                         |   | no digits     | NotAdmitted
                         +---+---------------+  while tries are left, else goodbye, and the end

Until then the call has no owner: nobody is told of it and nobody can command it. Which codes there
are is the front end's to say (`adapter.engine.ports.Admissions`). The code that is being judged is
in the row, so that a restart asks again. Not here: what happens to a call that was let in
(`adapter.core.call`).
"""

from __future__ import annotations

from dataclasses import replace

from adapter.core import inputs as i
from adapter.core import prompt as prompts
from adapter.core.dialogue import Outcomes
from adapter.core.model import Admission, Call, CallState, EndCause, EndedBy, Ending
from adapter.core.outputs import Admit, Effect, Outcome
from adapter.core.turn import Turn

TIMEOUT = 300.0  # for all tries together; each prompt has its own limits


def begin(call: Call, now: float) -> Outcomes:
    """The caller is there: ask."""
    call = replace(call, state=CallState.ADMITTING, deadline=now + TIMEOUT)
    return _next(call, _of(call), now)


def advance(call: Call, given: i.PromptInput, now: float) -> Outcomes | None:
    """A fact about the prompt that asks; None when it is late."""
    turn = prompts.advance(call, given, now)
    return _after(turn, now) if turn else None


def admitted(call: Call, given: i.Admitted) -> Call | None:
    """The row with its owner; None when this is not about the code that is being judged."""
    if not _judging(call, given.attempt):
        return None
    return replace(
        call,
        owner=given.owner,
        context={**call.context, **given.context},
        on_answer=given.on_answer,
        admission=None,
    )


def refused(call: Call, given: i.NotAdmitted, now: float) -> Outcomes | None:
    """Ask again, or say goodbye; None when this is not about the code that is being judged."""
    if not _judging(call, given.attempt):
        return None
    admission = _of(call)
    if not given.again:
        admission = replace(admission, tried=len(admission.asks))
    return _next(call, admission, now)


def order_again(call: Call) -> tuple[Effect, ...]:
    """The order to judge, when that is open."""
    admission = call.admission
    if admission is None or not admission.code:
        return ()
    return (Admit(attempt=admission.tried, code=admission.code),)


def _of(call: Call) -> Admission:
    assert call.admission is not None  # noqa: S101 - the state says so
    return call.admission


def _judging(call: Call, attempt: int) -> bool:
    admission = _of(call)
    return bool(admission.code) and admission.tried == attempt


def _next(call: Call, admission: Admission, now: float) -> Outcomes:
    """The next prompt; what was pressed for the one before is forgotten."""
    tried = admission.tried
    order = admission.asks[tried] if tried < len(admission.asks) else admission.goodbye
    admission = replace(admission, tried=tried + 1, code="")
    call = replace(call, admission=admission, keys="", ahead="")
    return _after(prompts.start(call, order, (), now), now)


def _after(turn: Turn, now: float) -> Outcomes:
    over, call = turn.over, turn.call
    made = Outcomes(call, turn.effects, (over,) if over else ())
    if over is None:
        return made
    if over.order.hang_up:
        detail = "no valid code"
        ending = Ending(cause=EndCause.REJECTED, by=EndedBy.SYSTEM, detail=detail)
        return replace(made, end=ending)
    if over.outcome is Outcome.COLLECTED and over.digits:
        judging = replace(_of(call), code=over.digits)
        call = replace(call, admission=judging, keys="", ahead="")
        return replace(made, call=call, effects=made.effects + order_again(call))
    following = _next(call, _of(call), now)
    return replace(
        following,
        effects=made.effects + following.effects,
        notices=made.notices + following.notices,
    )
