"""Values that a log must not show whole, masked by their type.

These are wrappers, not kinds of `str`: JSON encoders and `join` write a subclass of `str` as it is,
and the type checker lets it pass for text. Wrap what you log: ``log.info("%s", Digits(digits))``;
`reveal` is the one way back.
"""

from __future__ import annotations


class Masked:
    """A text that `str`, `repr`, f-strings, %-formatting and JSON encoders show only masked."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text itself."""
        return self._text

    def __str__(self) -> str:
        return "***"

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self}>"

    def __format__(self, spec: str) -> str:
        return format(str(self), spec)

    def __bool__(self) -> bool:
        return bool(self._text)

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and self._text == other._text

    def __hash__(self) -> int:
        return hash((type(self), self._text))

    def __reduce__(self) -> str | tuple[object, ...]:
        raise TypeError(f"a {type(self).__name__} is not to be written down")


class Secret(Masked):
    """A password or key: nothing of it is shown, not even its length."""

    __slots__ = ()


class Digits(Masked):
    """Keys that a caller pressed: perhaps a PIN or a card number. Only their count is shown."""

    __slots__ = ()

    def __str__(self) -> str:
        return f"{len(self._text)} digits"


class SpokenText(Masked):
    """What is spoken to a caller, or was understood. Only its length is shown."""

    __slots__ = ()

    def __str__(self) -> str:
        return f"{len(self._text)} characters"


class PhoneNumber(Masked):
    """A telephone number or SIP address: the last three characters are shown."""

    __slots__ = ()

    def __str__(self) -> str:
        return f"...{self._text[-3:]}" if len(self._text) > 5 else "..."
