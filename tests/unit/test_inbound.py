"""Whose an inbound call is, by its number or its PIN; on real provisioning."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path

import pytest

from adapter.contracts.enablex.greetings import Greetings
from adapter.contracts.enablex.guesses import MOST, Guesses
from adapter.contracts.enablex.inbound import ASK, ASK_AGAIN, GOODBYE, TRIES, Inbound
from adapter.core.inputs import Admitted, CallArrived, NotAdmitted, OfferCall
from adapter.core.model import Admission, Call, EndCause, Phrase
from adapter.core.outputs import Admit
from adapter.core.tenants import App, Declaration, Number, StoredPrompt
from adapter.store.provisioning import Directory, ProvisioningStore
from adapter.store.sqlite import open_database
from tests.unit.build import INBOUND_CHANNEL, call_id, offer, run
from tests.unit.test_store_provisioning import APP, NUMBER, apply

DEFAULT = Phrase(text="hello", language="en-US")
OTHER = replace(APP, id="other", event_url="http://other.example/")
MINE = replace(NUMBER, trunk=None, pin="007", greeting=None, event_url=None)
OTHERS = replace(MINE, pin="9", app="other", greeting="default", accept_timeout=5.0)
ALONE = replace(MINE, number="46999", pin="", event_url="http://number.example/")
PROMPT = StoredPrompt(app="other", name="ask", path="prompts/x.wav", sha256="5a")
ARRIVAL = CallArrived(
    channel=INBOUND_CHANNEL, endpoint="carrier", called="+46123", caller="+15557777"
)


@dataclass
class House:
    """One front end, and what it stands on."""

    store: ProvisioningStore
    directory: Directory
    refused: dict[str, EndCause] = field(default_factory=dict)
    open: bool = True

    def __post_init__(self) -> None:
        ids = count(1)
        self.inbound = Inbound(
            directory=self.directory,
            greetings=Greetings(self.directory, DEFAULT, lambda: call_id(next(ids))),
            guesses=Guesses(lambda: 0.0),
            turn_away=self.turn_away,
            open_for_calls=lambda: self.open,
            max_duration=3600.0,
        )

    def turn_away(self, app: App) -> EndCause | None:
        return self.refused.get(app.id)

    def declare(self, *numbers: Number, prompts: tuple[StoredPrompt, ...] = ()) -> None:
        apply(self.store, Declaration(numbers=numbers, prompts=prompts))
        self.directory.refresh()

    def admission(self, called: str = "+46123") -> Admission:
        """How a caller of a shared number is asked."""
        offered = self.inbound.receive(replace(ARRIVAL, called=called), call_id(1))
        assert isinstance(offered, OfferCall)
        assert offered.admission is not None
        return offered.admission

    def judged(self, code: str, caller: str = "+15557777") -> Admitted | NotAdmitted:
        """What comes of a code."""
        return self.inbound.admit(asking(caller), Admit(attempt=1, code=code))


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    opened = open_database(tmp_path / "p.db")
    yield opened
    opened.close()


@pytest.fixture
def house(connection: sqlite3.Connection) -> House:
    store = ProvisioningStore(connection)
    apply(store, Declaration(apps=(APP, OTHER), numbers=(MINE, OTHERS, ALONE)))
    return House(store, Directory(store))


def asking(caller: str = "+15557777") -> Call:
    """A call to the shared number."""
    return run(None, offer(owner="", caller=caller, callee="+46123")).call


def test_a_number_of_one_app(house: House) -> None:
    """Its app's call at once, with the number's webhook URL and time limit."""
    offered = house.inbound.receive(replace(ARRIVAL, called="46999"), call_id(1))
    assert isinstance(offered, OfferCall)
    assert (offered.owner, offered.admission, offered.auto_answer) == ("demo", None, False)
    assert offered.context == {"event_url": "http://number.example/"}
    assert offered.accept_timeout == ALONE.accept_timeout


def test_a_shared_number_is_nobodys_yet(house: House) -> None:
    """The caller is asked three times, each under an id of its own, with the shipped texts."""
    offered = house.inbound.receive(ARRIVAL, call_id(1))
    assert isinstance(offered, OfferCall)
    assert (offered.owner, offered.context, offered.on_answer) == ("", {}, ())
    asked = house.admission()
    said = [phrase for order in asked.asks for phrase in order.phrases]
    assert said == [ASK, *[ASK_AGAIN] * (TRIES - 1)]
    assert (asked.goodbye.phrases, asked.goodbye.hang_up) == ((GOODBYE,), True)
    assert len({order.id for order in (*asked.asks, asked.goodbye)}) == TRIES + 1


def test_prompts_of_the_number(house: House) -> None:
    """The first of the numbers that has a prompt of its own speaks for all of them."""
    own = replace(OTHERS, pin_prompt="ask", pin_retry_prompt="ask", pin_goodbye_prompt="ask")
    house.declare(own, prompts=(PROMPT,))
    asked = house.admission()
    file = Phrase(file="prompts/x.wav")
    assert {order.phrases for order in (*asked.asks, asked.goodbye)} == {(file,)}


def test_the_pin_says_whose_call_it_is(house: House) -> None:
    """As a call to a number of that app's own: its greeting, its webhook, its time limit."""
    mine, others = house.judged("007"), house.judged("9")
    assert mine == Admitted(attempt=1, owner="demo", accept_timeout=MINE.accept_timeout)
    assert isinstance(others, Admitted)
    assert (others.owner, others.auto_answer, others.accept_timeout) == ("other", True, 5.0)
    assert others.on_answer[0].phrases == (DEFAULT,)
    assert others.context == {"event_url": "http://other.example/"}


@pytest.mark.parametrize("code", ["7", "0070", "07", "9*", "*", ""])
def test_a_pin_that_is_nobodys(house: House, code: str) -> None:
    """Only the very digits are a PIN."""
    assert house.judged(code) == NotAdmitted(attempt=1)


def test_who_guesses_is_refused(house: House) -> None:
    """After too many wrong PINs also the right one is refused, and so is the next call."""
    for _ in range(MOST):
        assert house.judged("1") == NotAdmitted(attempt=1)
    assert house.judged("007") == NotAdmitted(attempt=1)
    assert house.inbound.receive(ARRIVAL, call_id(1)) is EndCause.REJECTED
    assert isinstance(house.judged("007", caller="+15558888"), Admitted)
    other = house.inbound.receive(replace(ARRIVAL, caller="+15558888"), call_id(1))
    assert isinstance(other, OfferCall)


def test_an_app_that_takes_no_call(house: House) -> None:
    """Suspended, or at its limit: no further try; the others' PINs are not concerned."""
    house.refused["demo"] = EndCause.BUSY
    assert house.judged("007") == NotAdmitted(attempt=1, again=False)
    assert isinstance(house.judged("9"), Admitted)
    assert house.inbound.receive(replace(ARRIVAL, called="46999"), call_id(1)) is EndCause.BUSY


def test_numbers_that_take_no_calls(house: House) -> None:
    """A PIN whose number is for outbound calls alone opens nothing; no such number, no question."""
    house.declare(replace(MINE, inbound=False))
    assert house.judged("007") == NotAdmitted(attempt=1)
    house.declare(replace(OTHERS, inbound=False))
    for called in ("+46123", "46123*9", "46777", ""):
        arrival = replace(ARRIVAL, called=called)
        assert house.inbound.receive(arrival, call_id(1)) is EndCause.NOT_FOUND


def test_while_draining(house: House) -> None:
    """Nothing new is begun."""
    house.open = False
    assert house.inbound.receive(ARRIVAL, call_id(1)) is EndCause.CONGESTION
