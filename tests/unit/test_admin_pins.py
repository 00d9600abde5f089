"""Provisioning of shared numbers: which PINs and prompts a file may declare."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from adapter.contracts.admin.known import NothingKnown
from adapter.core.tenants import Declaration, Number
from tests.unit.test_admin_models import KEY, faults, read
from tests.unit.test_store_provisioning import NUMBER

APPS = "".join(f'[[app]]\nid = "{app}"\nkey = "{KEY}"\n' for app in ("demo", "other"))
PROMPT = '[[prompt]]\napp = "demo"\nname = "ask"\nfile = "ask.wav"\n'


def number(*lines: str, app: str = "demo") -> str:
    return "\n".join(['[[number]]\nnumber = "46"', f'app = "{app}"', *lines, ""])


def declared(folder: Path, text: str) -> Declaration:
    return read(folder, text).declaration(lambda file: (str(file), "5a"))


def test_several_apps_share_a_number(tmp_path: Path) -> None:
    """The same digits with different PINs are different numbers, each with its own settings."""
    text = number('pin = "007"', 'pin_prompt = "ask"') + number('pin = "7"', app="other")
    first, second = declared(tmp_path, APPS + PROMPT + text).numbers
    assert (first.name, first.app, first.pin_prompt) == ("46*007", "demo", "ask")
    assert (second.name, second.app, second.pin_prompt) == ("46*7", "other", None)


def test_voicemail_detection_is_off_unless_declared(tmp_path: Path) -> None:
    """The number's default for its outbound calls."""
    (switched,) = declared(tmp_path, APPS + number("voicemail_detection = true")).numbers
    (plain,) = declared(tmp_path, APPS + number()).numbers
    assert (switched.voicemail_detection, plain.voicemail_detection) == (True, False)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (number('pin = ""'), "number[0].pin: not of the right form"),
        (number('pin = "12a"'), "number[0].pin: not of the right form"),
        (number('pin = "12345678901234567"'), "number[0].pin: not of the right form"),
        (number("pin = 1234"), "number[0].pin: expected `str`"),
        (number('pin = "1"') * 2, "number[1].number: is declared already by number[0]"),
        (number('pin = "1"') + number(app="other"), "number[1].pin: number[0] has a PIN"),
        (number() + number('pin = "1"', app="other"), "number[1].pin: number[0] has no PIN"),
        (PROMPT + number('pin_prompt = "ask"'), "number[0].pin_prompt: is for numbers with"),
        (number('pin = "1"', 'pin_prompt = "no"'), "number[0].pin_prompt: app 'demo' has no"),
        (number('pin = "1"', 'pin_retry_prompt = "no"'), "number[0].pin_retry_prompt: app"),
        (number('pin = "1"', 'pin_goodbye_prompt = "no"'), "number[0].pin_goodbye_prompt: app"),
    ],
)
def test_what_is_wrong_with_a_pin(tmp_path: Path, text: str, fault: str) -> None:
    """One fault, one finding, which never repeats the PIN."""
    found = faults(tmp_path, APPS + text)
    assert [line for line in found if line.startswith(fault)], found
    assert "1234" not in "".join(found)


def test_a_number_of_a_domain_has_no_pin(tmp_path: Path) -> None:
    """Only apps share numbers, and only their calls look for answering machines."""
    text = '[[number]]\nnumber = "46"\ndomain = "d"\npin = "1"\nvoicemail_detection = true\n'
    found = faults(tmp_path, text)
    for key in ("pin", "voicemail_detection"):
        assert f"number[0].{key}: is for numbers of an app" in found


class Stored(NothingKnown):
    """A database with one number of these digits."""

    def __init__(self, pin: str) -> None:
        self._number = replace(NUMBER, number="46", pin=pin)

    def numbers_at(self, digits: str) -> Sequence[Number]:
        return (self._number,) if digits == "46" else ()


@pytest.mark.parametrize(("stored", "pin"), [("", 'pin = "1"'), ("9", "")])
def test_a_stored_number_stays_as_it_is_shared(tmp_path: Path, stored: str, pin: str) -> None:
    """A number that one app has alone is not shared by another one, nor the other way round."""
    (found,) = faults(tmp_path, APPS + number(pin), Stored(stored))
    assert found.startswith("number[0].pin: the stored one has")
    assert read(tmp_path, APPS + number('pin = "1"'), Stored("9")).rows["number"]
