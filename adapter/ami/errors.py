"""What can go wrong between us and AMI, as types.

::

    AmiError
    ├── InvalidValue     our own mistake, nothing was sent
    ├── NoAnswer         no connection, cut, or too late: it may or may not have been carried out
    └── Refused          Asterisk answered with an error; the text is its own
"""

from __future__ import annotations


class AmiError(Exception):
    """Anything that kept an action from being carried out."""


class InvalidValue(AmiError):
    """A value that must not go into a line of AMI; nothing was sent."""


class NoAnswer(AmiError):
    """No answer: not connected, closed, or too late. The action may have been carried out."""

    def __init__(self, action: str, reason: str) -> None:
        super().__init__(f"{action}: {reason}")


class Refused(AmiError):
    """Asterisk answered with an error.

    Attributes:
        message: Asterisk's own words (not for customers).
    """

    def __init__(self, action: str, message: str) -> None:
        super().__init__(f"{action}: {message}")
        self.message = message
