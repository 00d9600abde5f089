"""EnableX: whose an inbound call is, by its number, or by its PIN when the number is shared.

Source: enablex-voice.txt, "Handle Incoming Call Events", with enablex.md, "Inbound". A shared
number is one that several apps have, each with a PIN. Its calls are answered and asked for the PIN
before they are anybody's (`adapter.core.admission`). Whoever guesses is slowed down: a caller who
named too many wrong PINs of a number is refused there for a while.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from adapter.contracts.enablex import NAME
from adapter.contracts.enablex.greetings import Greetings
from adapter.contracts.enablex.guesses import Guesses
from adapter.core.ids import CallId
from adapter.core.inputs import Admitted, CallArrived, NotAdmitted, OfferCall
from adapter.core.model import Admission, Call, Collect, EndCause, Phrase, PromptOrder
from adapter.core.outputs import Admit
from adapter.core.tenants import App, Number
from adapter.engine.ports import Admissions, Reception

TRIES: Final = 3
LONGEST_PIN: Final = 16
COLLECT: Final = Collect(first_timeout=10.0, between_timeout=5.0, max_digits=LONGEST_PIN)

_ENGLISH: Final = "en-US"
ASK: Final = Phrase(text="Please enter your PIN, followed by the hash key.", language=_ENGLISH)
ASK_AGAIN: Final = Phrase(
    text="This PIN is not right. Please enter your PIN, followed by the hash key.",
    language=_ENGLISH,
)
GOODBYE: Final = Phrase(text="Sorry, your call can not be connected. Goodbye.", language=_ENGLISH)


class Directory(Protocol):
    """What was provisioned, as it is now."""

    def app(self, app_id: str) -> App | None:
        """An app by its id."""

    def numbers_at(self, digits: str) -> Sequence[Number]:
        """All numbers of these digits, in the order of their PINs; a plus makes no difference."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Inbound(Reception, Admissions):
    """Receives inbound calls, and judges PINs.

    Attributes:
        directory: apps and numbers.
        greetings: prompts of numbers.
        guesses: wrong PINs.
        turn_away: why an app takes no call now; None when it does.
        open_for_calls: false while draining or when Asterisk is away.
        max_duration: longest call, in seconds.
    """

    directory: Directory
    greetings: Greetings
    guesses: Guesses
    turn_away: Callable[[App], EndCause | None]
    open_for_calls: Callable[[], bool]
    max_duration: float

    def receive(self, arrival: CallArrived, call: CallId) -> OfferCall | EndCause:
        """Whose an inbound call is: the app of the number that was called."""
        numbers = [one for one in self.directory.numbers_at(arrival.called) if one.inbound]
        if not numbers:
            return EndCause.NOT_FOUND
        if not self.open_for_calls():
            return EndCause.CONGESTION
        if numbers[0].pin:
            return self._ask(arrival, call, numbers)
        return self._offer(arrival, call, numbers[0])

    def admit(self, call: Call, order: Admit) -> Admitted | NotAdmitted:
        """Whose a call to a shared number is: the app's that has the PIN."""
        if self.guesses.too_many(call.caller, call.callee):
            return NotAdmitted(attempt=order.attempt)
        numbers = self.directory.numbers_at(call.callee)
        number = next((one for one in numbers if one.inbound and one.pin == order.code), None)
        app = self.directory.app(number.app) if number else None
        if number is None or app is None:
            self.guesses.wrong(call.caller, call.callee)
            return NotAdmitted(attempt=order.attempt)
        if self.turn_away(app) is not None:
            return NotAdmitted(attempt=order.attempt, again=False)
        greeting = self.greetings.of(app, number.greeting)
        return Admitted(
            attempt=order.attempt,
            owner=app.id,
            accept_timeout=number.accept_timeout,
            auto_answer=bool(greeting),
            on_answer=greeting,
            context=context_of(number.event_url or app.event_url),
        )

    def _offer(self, arrival: CallArrived, call: CallId, number: Number) -> OfferCall | EndCause:
        app = self.directory.app(number.app)
        if app is None:
            return EndCause.NOT_FOUND
        if (reason := self.turn_away(app)) is not None:
            return reason
        greeting = self.greetings.of(app, number.greeting)
        return OfferCall(
            id=call,
            contract=NAME,
            owner=app.id,
            caller=arrival.caller,
            callee=arrival.called,
            channel=arrival.channel,
            max_duration=self.max_duration,
            accept_timeout=number.accept_timeout,
            auto_answer=bool(greeting),
            on_answer=greeting,
            context=context_of(number.event_url or app.event_url),
        )

    def _ask(
        self, arrival: CallArrived, call: CallId, numbers: Sequence[Number]
    ) -> OfferCall | EndCause:
        if self.guesses.too_many(arrival.caller, arrival.called):
            return EndCause.REJECTED
        ask = self._prompt(numbers, "pin_prompt", ASK)
        again = self._prompt(numbers, "pin_retry_prompt", ASK_AGAIN)
        goodbye = self._prompt(numbers, "pin_goodbye_prompt", GOODBYE)
        admission = Admission(
            asks=tuple(
                PromptOrder(id=self.greetings.new_id(), phrases=(phrase,), collect=COLLECT)
                for phrase in (ask, *(again,) * (TRIES - 1))
            ),
            goodbye=PromptOrder(id=self.greetings.new_id(), phrases=(goodbye,), hang_up=True),
        )
        return OfferCall(
            id=call,
            contract=NAME,
            owner="",
            caller=arrival.caller,
            callee=arrival.called,
            channel=arrival.channel,
            max_duration=self.max_duration,
            accept_timeout=0.0,
            admission=admission,
        )

    def _prompt(self, numbers: Sequence[Number], key: str, shipped: Phrase) -> Phrase:
        """What the first of these numbers that has a prompt of its own says, or the shipped one."""
        for number in numbers:
            name = getattr(number, key)
            phrase = self.greetings.stored(number.app, name) if name else None
            if phrase is not None:
                return phrase
        return shipped


def context_of(event_url: str | None) -> dict[str, object]:
    """The context of a call whose webhooks go to this URL."""
    return {"event_url": event_url} if event_url else {}
