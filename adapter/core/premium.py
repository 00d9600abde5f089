"""Ranges of numbers that toll fraud lives on: premium rate, satellite, shared cost and the like.

Data, and how a number is recognised however it is written. What follows from it is decided in
`adapter.core.destinations`: such a number is refused unless a rule names its range.

Not here: short numbers (118, 112), which have no international form; national spellings such as
0900..., which mean different things in different countries; countries that are merely expensive.

Sources: in `PLANS`, a row each; national ranges were compared with the metadata of Google's
libphonenumber 9.0 (types PREMIUM_RATE, SHARED_COST, PERSONAL_NUMBER). How that was done, and what
was left out: adapter/decisions/0012-premium-ranges.md.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

SHORTEST: Final = 8
"""Digits of the shortest international number that is looked at: extensions are no premium rate."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The ranges of one numbering plan.

    Attributes:
        code: country code.
        trunk: national prefix that some carriers drop when it follows the country code, as in
            +44 (0) 909; empty when there is none, or when it belongs to the number.
        ranges: how the national numbers begin; ``x`` is any digit, empty is the whole code.
        source: who says so.
    """

    code: str
    trunk: str
    ranges: tuple[str, ...]
    source: str


_ITU: Final = "ITU-T, List of E.164 assigned country codes (annex to Operational Bulletin 1114)"
_CARIBBEAN: Final = (
    *("242", "246", "264", "268", "284", "345", "441", "473", "649", "658", "664"),
    *("721", "758", "767", "784", "809", "829", "849", "868", "869", "876"),
)

PLANS: Final = (
    Plan("808", "", ("",), f"{_ITU}: International Shared Cost Service"),
    Plan("870", "", ("",), f"{_ITU}: Inmarsat SNAC"),
    Plan("878", "", ("",), f"{_ITU}: Universal Personal Telecommunications"),
    Plan("881", "", ("",), f"{_ITU}: Global Mobile Satellite System"),
    Plan("882", "", ("",), f"{_ITU}: International Networks"),
    Plan("883", "", ("",), f"{_ITU}: International Networks"),
    Plan("888", "", ("",), f"{_ITU}: Telecommunications for Disaster Relief, since withdrawn"),
    Plan("979", "", ("",), f"{_ITU}: International Premium Rate Service"),
    Plan("1", "", ("900", "xxx976"), "NANPA: N00 codes, pay-per-call; FCC, 47 CFR 64.1501"),
    Plan("1", "", _CARIBBEAN, "NANPA, NPAs outside the US; FCC, One Ring Phone Scam"),
    Plan("27", "0", ("86", "90"), "ICASA, Numbering Plan Regulations"),
    Plan("30", "", ("801", "806", "812", "825", "850", "875", "90", "70"), "EETT"),
    Plan("31", "0", ("84", "87", "900", "906", "909"), "ACM, Nummerplan telefoon- en ISDN"),
    Plan("32", "0", ("70", "77", "78", "90"), "BIPT, Royal Decree on numbering"),
    Plan("33", "0", ("81", "82", "83", "84", "88", "89"), "ARCEP, plan de numérotation"),
    Plan("34", "", ("70", "803", "806", "807", "901", "902", "905", "907"), "CNMC, PNN"),
    Plan(
        "351",
        "",
        ("601", "607", "608", "646", "648", "707", "708", "76", "808", "809", "884"),
        "ANACOM",
    ),
    Plan("352", "", ("801", "900", "901", "905"), "ILR, plan de numérotation"),
    Plan("358", "0", ("600", "700"), "Traficom, Regulation 32"),
    Plan("359", "0", ("700", "90"), "CRC, national numbering plan"),
    Plan("36", "06", ("90", "91"), "NMHH, national numbering plan"),
    Plan("370", "0", ("700", "808", "900", "902", "903", "909"), "RRT, numbering plan"),
    Plan("371", "", ("81", "90"), "national numbering plan of Latvia"),
    Plan("372", "", ("70", "900"), "TTJA, numbering plan"),
    Plan("385", "0", ("60", "61", "64", "65", "69"), "HAKOM, numbering plan"),
    Plan("386", "0", ("89", "90"), "AKOS, numbering plan"),
    # No trunk prefix: in Italy the zero is part of the number, and +39 089 is Salerno.
    Plan("39", "", ("144", "163", "164", "166", "178", "199", "84", "89"), "AGCOM, 8/15/CIR"),
    Plan("40", "0", ("801", "90"), "ANCOM, national numbering plan"),
    Plan("41", "0", ("84", "878", "900", "901", "906"), "OFCOM (CH), E.164 numbering plan"),
    Plan("420", "", ("700", "701", "81", "83", "84", "90", "976"), "CTU, numbering plan"),
    Plan("421", "0", ("85", "900", "97", "98"), "national numbering plan of Slovakia"),
    Plan("43", "0", ("810", "82", "900", "901", "930", "931", "939"), "RTR, KEM-V 2009"),
    Plan("44", "0", ("70", "84", "87", "9"), "Ofcom, National Telephone Numbering Plan"),
    Plan("45", "", ("90",), "SDFI, Danish numbering plan"),
    Plan("46", "0", ("75", "77", "900", "939", "944", "99"), "PTS, Swedish numbering plan"),
    Plan("47", "", ("810", "820", "829", "880"), "Nkom, E.164 numbering plan"),
    Plan("48", "", ("70", "801"), "UKE, national numbering plan"),
    Plan("49", "0", ("118", "137", "138", "180", "190", "700", "900"), "BNetzA, Nummernplan"),
    Plan("52", "", ("300", "900"), "IFT, plan de numeración"),
    Plan("55", "0", ("300", "303", "500", "900"), "Anatel, numbering plan"),
    Plan("61", "0", ("190",), "ACMA, Telecommunications Numbering Plan 2015"),
    Plan("64", "0", ("90",), "NAD, numbering plan of New Zealand"),
    Plan("7", "8", ("803", "808", "809"), "national numbering plan of Russia"),
    Plan("81", "0", ("570", "990"), "MIC, Telecommunications Numbering Plan"),
    Plan("82", "0", ("60",), "numbering plan of Korea"),
    Plan("90", "0", ("900",), "BTK, numbering plan"),
    Plan("972", "0", ("1200", "1700", "19"), "Ministry of Communications, numbering plan"),
)


def explicit_length(number: str) -> int:
    """How much of a number a rule has to name so that it names the number's range.

    Looked at are all ways of writing an international number that a carrier may understand: with
    the prefixes 00, 011, 0011 and 810 and without, behind a service code such as ``*31#``, and with
    the national prefix behind the country code. A ``*`` or ``#`` in between does not hide it.

    Args:
        number: digits, ``*`` and ``#``, without a plus.

    Returns:
        Number of leading characters up to the end of the range; 0 when it is in none.
    """
    marks = [index for index, character in enumerate(number) if character in "*#"]
    starts = {0, *(mark + 1 + skipped for mark in marks for skipped in range(_LONGEST_CODE + 1))}
    needed = 0
    for start in starts:
        places = [at for at in range(start, len(number)) if number[at] not in "*#"]
        digits = "".join(number[at] for at in places)
        for skipped, rest in _readings(digits):
            found = _RANGE.match(rest) if len(rest) >= SHORTEST else None
            if found:
                needed = max(needed, places[skipped + found.end() - 1] + 1)
    return needed


_LONGEST_CODE = 3  # digits of a service code (ETSI TS 122 030, 6.5.2: two or three)
_ESCAPES = ("011", "0011", "810")  # NANP, Australia, Russia and neighbours; 00 is all others'


def _readings(digits: str) -> Iterator[tuple[int, str]]:
    """What may be the international number, each with how many digits stand before it."""
    yield 0, digits
    for escape in _ESCAPES:
        if digits.startswith(escape):
            yield len(escape), digits[len(escape) :]
    if digits.startswith("00"):
        rest = digits.lstrip("0")
        yield len(digits) - len(rest), rest


def _pattern() -> re.Pattern[str]:
    """All ranges, the longest first: where two match, a rule must name the longer."""
    spelled = [
        (len(plan.code + begin), f"{plan.code}(?:{plan.trunk})?{begin.replace('x', '[0-9]')}")
        for plan in PLANS
        for begin in plan.ranges
    ]
    return re.compile("|".join(pattern for _, pattern in sorted(spelled, reverse=True)))


_RANGE: Final = _pattern()
