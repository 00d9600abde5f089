"""The bridge machine: keys of both sides of a joined call, told burst by burst."""

from __future__ import annotations

import pytest

from adapter.core import inputs as i
from adapter.core.bridge import BURST_PAUSE
from adapter.core.call import step
from adapter.core.ids import ChannelId
from adapter.core.model import Call, LegState
from adapter.core.outputs import CallEnded, KeysPressed, PartyLeft
from tests.unit.build import INBOUND_CHANNEL, NOW, gone, key, run
from tests.unit.joined import (
    PARTY,
    TARGET,
    bridge,
    bridged,
    connecting,
    forwarding,
    held,
    leg_gone,
    name_of,
    transferring,
)


@pytest.mark.parametrize("channel", [INBOUND_CHANNEL, PARTY])
@pytest.mark.parametrize("call", [bridged(), held(), transferring(), forwarding()], ids=name_of)
def test_a_burst_of_keys(call: Call, channel: ChannelId) -> None:
    """Of either side: told whole after a pause, which each key begins anew."""
    made = step(call, i.DigitPressed(channel=channel, digit="1"), NOW)
    assert made.notices == ()
    (first,) = bridge(made.call).bursts
    made = step(made.call, i.DigitPressed(channel=channel, digit="*"), NOW + 1.5)
    assert step(made.call, i.BridgeDeadline(at=first.deadline), NOW + BURST_PAUSE).late
    made = step(made.call, i.BridgeDeadline(at=NOW + 1.5 + BURST_PAUSE), NOW + 3.5)
    assert made.notices == (KeysPressed(channel=channel, digits="1*"),)
    assert bridge(made.call).bursts == ()
    assert (made.call.keys, made.call.ahead) == ("", "")


def test_a_hash_ends_a_burst() -> None:
    """At once, and it is not part of it; alone it is all that there is to tell."""
    made = run(bridged(), key(bridged(), "4"), key(bridged(), "2"), key(bridged(), "#"))
    assert made.notices == (KeysPressed(channel=INBOUND_CHANNEL, digits="42"),)
    assert bridge(made.call).bursts == ()
    made = step(made.call, key(made.call, "#"), NOW)
    assert made.notices == (KeysPressed(channel=INBOUND_CHANNEL, digits="#"),)


def test_each_side_has_its_own_burst() -> None:
    """Keys of the two do not mix; those with one deadline are told together."""
    call = bridged()
    pressed = [i.DigitPressed(channel=one, digit=digit) for one, digit in zip_keys("12")]
    made = run(call, *pressed)
    assert len(bridge(made.call).bursts) == 2
    made = step(made.call, i.BridgeDeadline(at=NOW + BURST_PAUSE), NOW + BURST_PAUSE)
    assert made.notices == (
        KeysPressed(channel=INBOUND_CHANNEL, digits="12"),
        KeysPressed(channel=PARTY, digits="12"),
    )


def zip_keys(digits: str) -> list[tuple[ChannelId, str]]:
    """Keys that both sides press, alternately."""
    return [(one, digit) for digit in digits for one in (INBOUND_CHANNEL, PARTY)]


def test_a_burst_is_told_before_the_end() -> None:
    """Keys that wait for their pause are not lost when the party or the call goes."""
    call = step(bridged(), i.DigitPressed(channel=PARTY, digit="7"), NOW).call
    made = step(call, leg_gone(bridge(call).party), NOW)
    assert [type(one) for one in made.notices] == [KeysPressed, PartyLeft]
    made = step(call, gone(call), NOW)
    assert [type(one) for one in made.notices] == [KeysPressed, CallEnded]
    ending = step(call, i.EndCall(), NOW)
    assert ending.notices == (KeysPressed(channel=PARTY, digits="7"),)
    assert [type(one) for one in step(ending.call, gone(call), NOW).notices] == [CallEnded]


def test_a_burst_without_end_is_told_in_parts() -> None:
    """128 keys are told at once, none is lost, and the next begin a new burst."""
    call, told = bridged(), ""
    for _ in range(300):
        made = step(call, key(call, "5"), NOW)
        call, told = made.call, told + "".join(one.digits for one in keys_of(made.notices))
    made = step(call, i.BridgeDeadline(at=NOW + BURST_PAUSE), NOW)
    told += "".join(one.digits for one in keys_of(made.notices))
    assert told == "5" * 300


def keys_of(notices: tuple[object, ...]) -> list[KeysPressed]:
    """The bursts among what was told."""
    return [one for one in notices if isinstance(one, KeysPressed)]


@pytest.mark.parametrize(
    ("channel", "digit"), [(PARTY, "x"), (INBOUND_CHANNEL, ""), (TARGET, "1"), ("strange", "1")]
)
def test_keys_of_nobody_and_no_keys(channel: str, digit: str) -> None:
    """What is no key, or comes from a channel that is not in it, is not heard."""
    assert step(bridged(), i.DigitPressed(channel=ChannelId(channel), digit=digit), NOW).late


def test_keys_before_the_party_answers_are_kept_for_a_prompt() -> None:
    """While it is called the call's own keys are kept as ever; the party's are nobody's."""
    call = connecting(LegState.RINGING)
    made = step(call, key(call, "3"), NOW)
    assert (made.call.ahead, bridge(made.call).bursts) == ("3", ())
    assert step(call, i.DigitPressed(channel=PARTY, digit="3"), NOW).late
