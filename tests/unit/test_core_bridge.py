"""The bridge machine: its table, connect and hold, and what is refused."""

from __future__ import annotations

from typing import get_args

import pytest

from adapter.core import inputs as i
from adapter.core.bridge import LATE, TABLE
from adapter.core.call import step
from adapter.core.errors import (
    AlreadyBridged,
    BridgeBusy,
    Bridged,
    CallNotUp,
    CallOver,
    CoreError,
    NotBridged,
)
from adapter.core.ids import BridgeId
from adapter.core.model import (
    BridgeState,
    Call,
    CallState,
    EndCause,
    EndedBy,
    LegState,
    PromptState,
)
from adapter.core.outputs import (
    CallAnswered,
    CallEnded,
    Hangup,
    HangupReason,
    Outcome,
    PartyFailed,
    PartyJoined,
    PartyLeft,
    PartyRang,
    PromptOver,
)
from tests.unit.build import (
    COLLECT,
    NOW,
    asking,
    dialogue,
    doing,
    gone,
    inbound,
    inputs_of,
    media_ready,
    order,
    outbound,
    place,
    prompt_id,
    prompting,
    ready,
    run,
    running,
    up,
)
from tests.unit.joined import (
    BEFORE_UP,
    BRIDGE,
    BUSY,
    PARTY,
    TARGET,
    bridge,
    bridged,
    connecting,
    every_bridge,
    forwarding,
    held,
    leg_deadline,
    leg_gone,
    name_of,
    party_notices,
    transferring,
)
from tests.unit.parties import leg_order

INPUTS = (*get_args(i.BridgeInput), i.DigitPressed)
PAIRS = [(state, given) for state in BridgeState for given in INPUTS]
TO, NEXT = leg_order(1).callee, leg_order(2).callee
CONNECT = i.ConnectCall(order=leg_order())
COMMANDS: dict[str, i.Input] = {
    "connect": CONNECT,
    "transfer": i.TransferCall(order=leg_order(2)),
    "forward": i.ForwardCall(order=leg_order(2)),
    "hold": i.HoldCall(on=True),
    "resume": i.HoldCall(on=False),
}
HANG_UP_PARTY = Hangup(channel=PARTY, reason=HangupReason.NORMAL)
HANG_UP_TARGET = Hangup(channel=TARGET, reason=HangupReason.NORMAL)


@pytest.mark.parametrize(("state", "given"), PAIRS)
def test_each_pair_is_handled_or_late(state: BridgeState, given: type) -> None:
    """A state either handles an input or lists it as late, never neither, never both."""
    assert (given in TABLE[state]) != ((state, given) in LATE)


def test_the_tables_hold_nothing_else() -> None:
    """No line of TABLE or LATE is about something that cannot come."""
    assert set(TABLE) == set(BridgeState)
    assert {(state, given) for state in TABLE for given in TABLE[state]} | LATE == set(PAIRS)


@pytest.mark.parametrize("call", every_bridge(), ids=name_of)
def test_every_input_can_be_fed_in_every_state(call: Call) -> None:
    """A fact never raises, a command raises only a CoreError, and late leaves the very row."""
    facts = [kind(channel=leg) for kind in get_args(i.LegInput)[:5] for leg in (PARTY, TARGET)]
    refusals = [
        i.ChannelRefused(channel=leg, cause=EndCause.FAILED, detail="no") for leg in (PARTY, TARGET)
    ]
    for given in [*inputs_of(call), *facts, *refusals]:
        try:
            made = step(call, given, NOW)
        except CoreError:
            assert isinstance(given, i.COMMANDS)
        else:
            assert made.late == (made.call is call)
            assert not made.late or (made.effects, made.notices) == ((), ())


# connect


def test_connect_from_the_order_to_the_end() -> None:
    """Told: it rings, it is joined, it has left; the call itself lives on."""
    call = connecting(LegState.TRYING)
    made = step(call, i.ChannelRinging(channel=PARTY), NOW)
    assert made.notices == (PartyRang(order=leg_order(), channel=PARTY),)
    made = step(made.call, i.ChannelUp(channel=PARTY), NOW)
    assert made.notices == (PartyJoined(order=leg_order(), channel=PARTY),)
    assert bridge(made.call).state is BridgeState.BRIDGED
    made = step(made.call, leg_gone(bridge(made.call).party), NOW)
    (left,) = made.notices
    assert isinstance(left, PartyLeft)
    assert (left.order, left.channel) == (leg_order(), PARTY)
    assert (left.ending.cause, left.ending.by) == (EndCause.HANGUP, EndedBy.CALLEE)
    assert (made.call.state, made.call.bridge) == (CallState.UP, None)
    assert not [one for one in made.effects if isinstance(one, Hangup)]


@pytest.mark.parametrize("state", [LegState.DIALING, LegState.TRYING])
def test_a_party_that_answers_without_ringing_is_joined(state: LegState) -> None:
    """Nothing rang, so nothing says so."""
    made = step(connecting(state), i.ChannelUp(channel=PARTY), NOW)
    assert party_notices(made) == [(PartyJoined, TO)]


@pytest.mark.parametrize(
    ("given", "cause"),
    [
        (BUSY, EndCause.BUSY),
        (i.ChannelGone(channel=PARTY, q850=21, sip_code=603), EndCause.REJECTED),
        (i.ChannelGone(channel=PARTY, q850=19, sip_code=480), EndCause.NO_ANSWER),
        (i.ChannelGone(channel=PARTY, q850=1, sip_code=404), EndCause.NOT_FOUND),
        (i.ChannelGone(channel=PARTY, lost=True), EndCause.LOST),
        (
            i.ChannelRefused(channel=PARTY, cause=EndCause.CONGESTION, detail="full"),
            EndCause.CONGESTION,
        ),
    ],
)
@pytest.mark.parametrize("state", BEFORE_UP)
def test_a_party_that_cannot_be_joined(state: LegState, given: i.Input, cause: EndCause) -> None:
    """Busy, rejected, unreachable: one notice says why; the call is alone and can be played to."""
    made = step(connecting(state), given, NOW)
    (failed,) = made.notices
    assert isinstance(failed, PartyFailed)
    assert (failed.order, failed.channel, failed.ending.cause) == (leg_order(), PARTY, cause)
    assert (made.call.state, made.call.bridge) == (CallState.UP, None)
    assert not step(made.call, i.StartPrompt(order=order()), NOW).late
    again = step(made.call, CONNECT, NOW)
    assert bridge(again.call).id != BRIDGE
    assert bridge(again.call).party.channel == TARGET  # the next leg: no id is used twice


@pytest.mark.parametrize("state", BEFORE_UP)
def test_a_party_that_takes_too_long(state: LegState) -> None:
    """The deadline of its leg: it is hung up, and has failed; later words of it are late."""
    call = connecting(state)
    made = step(call, leg_deadline(bridge(call).party), NOW)
    (failed,) = made.notices
    assert isinstance(failed, PartyFailed)
    placing = state is LegState.PLACING
    assert failed.ending.cause is (EndCause.FAILED if placing else EndCause.NO_ANSWER)
    assert HANG_UP_PARTY in made.effects
    assert step(made.call, i.ChannelUp(channel=PARTY), NOW).late
    assert step(made.call, BUSY, NOW).late


@pytest.mark.parametrize("state", list(PromptState))
@pytest.mark.parametrize("collect", [None, COLLECT])
def test_connect_while_a_prompt_runs_leaves_the_prompt(state: PromptState, collect: object) -> None:
    """The prompt has its ending before anything is told of the party; nothing plays any more."""
    if state is PromptState.COLLECTING and collect is None:
        collect = COLLECT
    call = prompting(state, order(collect=COLLECT if collect else None))
    made = step(call, CONNECT, NOW)
    (over,) = made.notices
    assert isinstance(over, PromptOver)
    assert over.outcome is (Outcome.COLLECTED if collect else Outcome.STOPPED)
    assert made.call.prompt is None
    assert step(made.call, i.MediaReady(prompt=prompt_id(1), media=()), NOW).late


def test_connect_leaves_a_greeting_that_waits() -> None:
    """Neither the greeting that plays nor the prompt behind it comes back afterwards."""
    call = inbound(CallState.UP, on_answer=(order(1), order(2)))
    made = step(call, CONNECT, NOW)
    assert [type(one) for one in made.notices] == [PromptOver]
    assert made.call.on_answer == ()
    made = step(made.call, BUSY, NOW)
    assert (made.call.prompt, party_notices(made)) == (None, [(PartyFailed, TO)])


@pytest.mark.parametrize(
    "call", [inbound(CallState.OFFERED), inbound(CallState.ANSWERING), outbound(CallState.RINGING)]
)
def test_connect_before_the_answer_is_kept(call: Call) -> None:
    """It is carried out on the answer, once; a second one before that is refused."""
    made = step(call, CONNECT, NOW)
    assert (made.call.bridge, made.effects, made.notices) == (None, (), ())
    with pytest.raises(BridgeBusy):
        step(made.call, CONNECT, NOW)
    accept = [i.AcceptCall()] if call.state is CallState.OFFERED else []
    made = run(made.call, *accept, up(call))
    assert [type(one) for one in made.notices] == [CallAnswered]
    assert bridge(made.call).party.order == leg_order()
    assert made.call.connect_kept is None


def test_a_kept_connect_that_waits_for_a_prompt_is_the_one() -> None:
    """Answered, and the prompt of the answer plays: a further one is refused, none gets lost."""
    call = run(None, place(on_answer=(order(1),))).call
    call = run(call, CONNECT, ready(call), up(call)).call
    assert (running(call).order, call.bridge) == (order(1), None)
    with pytest.raises(BridgeBusy):
        step(call, i.ConnectCall(order=leg_order(2)), NOW)
    made = run(call, i.MediaFailed(prompt=prompt_id(1), reason="no voice"))
    assert bridge(made.call).party.order == leg_order()
    assert made.call.connect_kept is None


def test_connect_leaves_the_one_of_the_answer() -> None:
    """What was ordered with the call has no outcome of its own: a command takes its place."""
    call = run(None, place(on_answer=(order(1),), connect_on_answer=leg_order())).call
    call = run(call, ready(call), up(call)).call
    made = step(call, i.ConnectCall(order=leg_order(2)), NOW)
    assert bridge(made.call).party.order == leg_order(2)
    assert (made.call.connect_on_answer, made.call.connect_kept) == (None, None)


def test_connect_on_answer_comes_after_the_prompts_of_the_answer() -> None:
    """First what is to be heard, then the party."""
    call = inbound(CallState.UP, on_answer=(order(1),))
    assert call.prompt is not None
    call = run(None, place(on_answer=(order(1),), connect_on_answer=leg_order())).call
    call = run(call, ready(call), up(call)).call
    assert (running(call).order, call.bridge) == (order(1), None)
    made = run(call, i.MediaFailed(prompt=prompt_id(1), reason="no voice"))
    assert [type(one) for one in made.notices] == [PromptOver]
    assert bridge(made.call).state is BridgeState.CONNECTING


@pytest.mark.parametrize("state", [CallState.PLACING, CallState.RINGING])
def test_a_call_that_asks_is_not_connected_before_its_answer(state: CallState) -> None:
    """Its application says what comes next when it is asked, and not before."""
    with pytest.raises(CallNotUp):
        step(outbound(state, asks=True), CONNECT, NOW)
    call = outbound(CallState.UP, asks=True, connect_on_answer=leg_order())
    assert (call.connect_on_answer, call.bridge) == (None, None)


# What is refused


@pytest.mark.parametrize(
    ("call", "command", "error"),
    [
        (inbound(CallState.UP), "transfer", NotBridged),
        (inbound(CallState.UP), "forward", NotBridged),
        (inbound(CallState.UP), "hold", NotBridged),
        (inbound(CallState.UP), "resume", NotBridged),
        (connecting(), "connect", BridgeBusy),
        (connecting(), "transfer", BridgeBusy),
        (connecting(), "forward", BridgeBusy),
        (connecting(), "hold", NotBridged),
        (bridged(), "connect", AlreadyBridged),
        (held(), "connect", AlreadyBridged),
        *[(transferring(), command, BridgeBusy) for command in COMMANDS],
        *[(forwarding(), command, BridgeBusy) for command in COMMANDS],
        *[(inbound(CallState.ENDING), command, CallOver) for command in COMMANDS],
        *[(inbound(CallState.OFFERED), one, CallNotUp) for one in COMMANDS if one != "connect"],
    ],
)
def test_a_command_that_cannot_be(call: Call, command: str, error: type[CoreError]) -> None:
    """Each command in each state in which it makes no sense: refused, by its own error."""
    with pytest.raises(CoreError) as raised:
        step(call, COMMANDS[command], NOW)
    assert type(raised.value) is error


@pytest.mark.parametrize("call", every_bridge(), ids=name_of)
def test_nothing_can_be_played_to_a_joined_call(call: Call) -> None:
    """Nor while the party is called; its application is not asked anew either."""
    commands: list[i.Input] = [i.StartPrompt(order=order(9)), i.AskAnew()]
    for given in commands:
        with pytest.raises(Bridged):
            step(call, given, NOW)


# hold


def test_hold_and_resume() -> None:
    """On, on again, off, off again: what is so already changes nothing, and nothing is told."""
    call = bridged()
    assert step(call, i.HoldCall(on=False), NOW).late
    made = step(call, i.HoldCall(on=True), NOW)
    assert (bridge(made.call).held, made.notices) == (True, ())
    assert step(made.call, i.HoldCall(on=True), NOW).late
    back = step(made.call, i.HoldCall(on=False), NOW)
    assert (back.call.bridge, back.notices) == (call.bridge, ())


def test_a_party_that_leaves_while_the_call_is_held() -> None:
    """The same as ever: it is told, and the call is alone."""
    made = step(held(), leg_gone(bridge(held()).party), NOW)
    assert (party_notices(made), made.call.bridge) == ([(PartyLeft, TO)], None)


# Asterisk's refusal


@pytest.mark.parametrize("call", every_bridge(), ids=name_of)
def test_a_bridge_that_asterisk_refuses(call: Call) -> None:
    """All legs go, each has its one ending, the call lives on; another bridge's refusal is late."""
    assert step(call, i.BridgeRefused(bridge=BridgeId("other"), detail="no"), NOW).late
    made = step(call, i.BridgeRefused(bridge=BRIDGE, detail="no"), NOW)
    assert (made.call.state, made.call.bridge) == (CallState.UP, None)
    hung_up = {one.channel for one in made.effects if isinstance(one, Hangup)}
    assert hung_up == {leg.channel for leg in bridge(call).legs}
    joined = bridge(call).state is not BridgeState.CONNECTING
    party = (PartyLeft if joined else PartyFailed, bridge(call).party.order.callee)
    failed = [(PartyFailed, NEXT)] if bridge(call).target else []
    assert party_notices(made) == [*failed, party]


# The end of the call


@pytest.mark.parametrize("call", every_bridge(), ids=name_of)
@pytest.mark.parametrize("ours", [True, False])
def test_the_end_of_the_call_takes_all_with_it(call: Call, ours: bool) -> None:
    """Every leg is hung up, once, and of the parties nothing is told: only the end of the call."""
    legs = sorted(leg.channel for leg in bridge(call).legs)
    notices: list[object] = []
    effects: list[object] = []
    given_in_order: list[i.Input] = [i.EndCall(), gone(call)] if ours else [gone(call)]
    for given in given_in_order:
        made = step(call, given, NOW)
        call = made.call
        notices += made.notices
        effects += made.effects
    hung_up = [one.channel for one in effects if isinstance(one, Hangup)]
    assert sorted(one for one in hung_up if one != call.channel) == legs
    assert [type(one) for one in notices] == [CallEnded]
    assert (call.state, call.bridge) == (CallState.ENDED, None)


def test_what_the_legs_say_after_the_end_is_late() -> None:
    """The channel of a party that was told to go says so; nobody waits for it."""
    call = step(bridged(), i.EndCall(), NOW).call
    for given in (i.ChannelUp(channel=PARTY), BUSY, i.DigitPressed(channel=PARTY, digit="1")):
        assert step(call, given, NOW).late


# With a dialogue


def test_an_application_that_is_asked_is_asked_when_the_call_is_alone_again() -> None:
    """Connected, the open question is closed; when the party leaves, it is asked what is next."""
    call = doing()
    call = run(call, media_ready(call)).call
    made = step(call, CONNECT, NOW)
    asked = dialogue(made.call).asked
    joined = bridged(asking())
    assert dialogue(joined).asked == asked
    alone = step(joined, leg_gone(bridge(joined).party), NOW)
    assert dialogue(alone.call).asked == asked + 1
