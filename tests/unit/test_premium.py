"""Premium ranges: the table is sound, and no way of writing a number hides its range."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapter.core.destinations import Destinations, parse_destination
from adapter.core.premium import PLANS, SHORTEST, Plan, explicit_length

RANGES = [(plan, begin) for plan in PLANS for begin in plan.ranges]
# Written apart from the module: ways in which a carrier takes an international number.
PREFIXES = ["", "+", "00", "+00", "000", "011", "+011", "0011", "810"]
CODES = ["", "*31#", "#31#", "*67", "*82", "*31*", "*#31#", "*67*31#", "*310"]


def number(plan: Plan, begin: str, tail: str = "2345678") -> str:
    """A number of a range, in its international form without a plus."""
    return (plan.code + begin.replace("x", "2") + tail)[:15]


ranges = st.sampled_from(RANGES)
tails = st.from_regex(r"\A[0-9]{7}\Z")
broad = st.sampled_from(["*", "0", "1", "8", "9", "00", "011", "44", "+1", "+4"])


@pytest.mark.parametrize("plan", PLANS, ids=lambda plan: f"{plan.code}-{plan.source[:12]}")
def test_each_row_is_sound(plan: Plan) -> None:
    """Codes and ranges are digits, each range stands once and has a source."""
    assert plan.code.isdigit()
    assert plan.trunk == "" or plan.trunk.isdigit()
    assert plan.source
    assert plan.ranges
    assert len(set(plan.ranges)) == len(plan.ranges)
    for begin in plan.ranges:
        assert begin.replace("x", "0").isdigit() or begin == ""
        inside = [other for other in plan.ranges if other != begin and begin.startswith(other)]
        assert inside == [], "a longer range in a shorter one says nothing"


@pytest.mark.parametrize(
    "text",
    [
        *("+870773111111", "+8816123456789", "+88213123456", "+883510012345678", "+97911234567"),
        *("+80812345678", "+87810123456789", "+19005551234", "+12129761234", "+18765551234"),
        *("+449012345678", "+447012345678", "+448712345678", "+4990012345678", "+33891234567"),
        *("+34803123456", "+39899123456", "+43900123456", "+41900123456", "+31900123456"),
    ],
)
def test_what_everybody_knows(text: str) -> None:
    """The usual ranges are refused under `*`, with and without plus, and with 00."""
    for spelled in (text, text[1:], "00" + text[1:]):
        assert not Destinations(["*"]).allows(parse_destination(spelled))


@pytest.mark.parametrize(
    "text",
    [
        *("+12125551234", "+18005551234", "+442079460000", "+447700900123", "+498912345678"),
        *("+4915112345678", "+33123456789", "+33612345678", "+390891234567", "+393331234567"),
        *("+34912345678", "+34612345678", "+46812345678", "+46701234567", "+8190123456789"),
        *("+80012345678", "0187650000", "0701234567", "15551000", "112", "900", "1900", "0900123"),
    ],
)
def test_ordinary_numbers_are_left_alone(text: str) -> None:
    """Landlines, mobiles, freephone numbers, extensions and short codes follow the rules alone."""
    assert explicit_length(text.removeprefix("+")) == 0
    assert Destinations(["*"]).allows(parse_destination(text))


@given(chosen=ranges, tail=tails, prefix=st.sampled_from(PREFIXES), rule=broad)
def test_no_prefix_hides_a_range(
    chosen: tuple[Plan, str], tail: str, prefix: str, rule: str
) -> None:
    """However the international number is begun, a broad rule does not open the range."""
    plan, begin = chosen
    destination = parse_destination(prefix + number(plan, begin, tail))
    if len(rule) < len(plan.code + begin):
        assert not Destinations([rule]).allows(destination)


@given(chosen=ranges, code=st.sampled_from(CODES), prefix=st.sampled_from(["", "00", "011"]))
def test_no_service_code_hides_a_range(chosen: tuple[Plan, str], code: str, prefix: str) -> None:
    """`*31#` and the like in front change nothing."""
    destination = parse_destination(code + prefix + number(*chosen))
    assert not Destinations(["*", code] if code else ["*"]).allows(destination)


@given(chosen=ranges, tail=tails, data=st.data())
def test_no_star_or_hash_in_between_hides_a_range(
    chosen: tuple[Plan, str], tail: str, data: st.DataObject
) -> None:
    """A carrier may drop what is no digit; so do we."""
    plain = number(chosen[0], chosen[1], tail)
    at = data.draw(st.integers(0, len(plain)))
    mark = data.draw(st.sampled_from(["*", "#", "*#", "##"]))
    destination = parse_destination(plain[:at] + mark + plain[at:])
    assert not Destinations(["*"]).allows(destination)


@given(chosen=ranges.filter(lambda one: one[0].trunk != ""), prefix=st.sampled_from(PREFIXES))
def test_no_national_prefix_hides_a_range(chosen: tuple[Plan, str], prefix: str) -> None:
    """+44 (0) 909 is +44 909 to some carriers."""
    plan, begin = chosen
    text = f"{prefix}{plan.code}{plan.trunk}{begin.replace('x', '2')}2345678"
    assert not Destinations(["*"]).allows(parse_destination(text))


@given(chosen=ranges, tail=tails, marks=st.lists(st.sampled_from("-._~+"), min_size=15))
def test_no_sip_address_hides_a_range(
    chosen: tuple[Plan, str], tail: str, marks: list[str]
) -> None:
    """A number at an allowed host is that number, with separators too."""
    plain = number(chosen[0], chosen[1], tail)
    user = "".join(a + b for a, b in zip(plain, marks, strict=False))
    for spelled in (plain, "+" + plain, "00" + plain, user):
        destination = parse_destination(f"sip:{spelled}@carrier.example")
        assert not Destinations(["sip:carrier.example", "*"]).allows(destination)
        assert Destinations(["sip:carrier.example", spelled_rule(spelled)]).allows(destination)


def spelled_rule(user: str) -> str:
    """A rule that names the whole number of a SIP address."""
    return "".join(character for character in user if character.isdigit())


@given(chosen=ranges, tail=tails, prefix=st.sampled_from(["", "00", "011", "0011"]))
def test_a_rule_as_long_as_the_range_opens_it(
    chosen: tuple[Plan, str], tail: str, prefix: str
) -> None:
    """One character less does not; and a rule that forbids still does."""
    plan, begin = chosen
    text = prefix + number(plan, begin, tail)
    named = explicit_length(text)
    assert named >= len(prefix + plan.code + begin)
    destination = parse_destination(text)
    assert Destinations([text[:named]]).allows(destination)
    assert not Destinations(["*", text[: named - 1]]).allows(destination)
    assert not Destinations([text[:named], "!" + text[: named + 1]]).allows(destination)


@given(st.from_regex(r"\A[0-9*#]{1,32}\Z"))
def test_any_number_can_be_asked(text: str) -> None:
    """The answer is within the number, and short ones are in no range."""
    assert 0 <= explicit_length(text) <= len(text)
    if len(text) < SHORTEST:
        assert explicit_length(text) == 0
