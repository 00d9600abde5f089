"""What can go wrong between us and Asterisk, as types.

The tree; `retryable` says whether the same request, sent again later, may succeed::

    AriError
    ├── InvalidArgument        our own mistake, nothing was sent            no
    ├── Unreachable            no connection, cut, or no answer in time     yes
    ├── BadAnswer              success, but not what ARI documents          no
    └── Refused                Asterisk answered with an error
        ├── BadRequest         400 a parameter is wrong                     no
        ├── Unauthorized       401 credentials                              no
        ├── Forbidden          403 read-only user, or a static object       no
        ├── NotFound           404 no such channel, playback, bridge...     no
        ├── Conflict           409 id in use, or channel not in Stasis      no
        ├── PreconditionFailed 412 media to a channel that has no media yet no
        ├── Unprocessable      422 not in this bridge, unknown format...    no
        ├── AllocationFailed   500 no channel could be made                 no
        ├── ServerFault        any other 5xx                                no
        └── Unavailable        503, or booting: ARI is not there yet        yes

After `Unreachable` the request may or may not have been carried out. Channel and bridge ids are
chosen by us, so a repeated create that had succeeded answers `Conflict`; a playback id may be used
twice in Asterisk, so look before playing again.
`Conflict` is not marked retryable although `dial` right after `create` can meet one: that goes
away with StasisStart, which the caller waits for anyway.

What Asterisk answers when: lab.md, sections 1 to 14; lab2.md, head and section 26.
"""

from __future__ import annotations

from typing import ClassVar


class AriError(Exception):
    """Anything that kept a verb from doing what it says."""

    retryable: ClassVar[bool] = False


class InvalidArgument(AriError):
    """An id or a value that must not go on the wire; nothing was sent."""


class Unreachable(AriError):
    """No answer: refused, reset, closed or too late. The request may have been carried out."""

    retryable = True

    def __init__(self, verb: str, reason: str) -> None:
        super().__init__(f"{verb}: {reason}")
        self.verb = verb
        self.reason = reason


class BadAnswer(AriError):
    """A success whose body is not what ARI documents."""


class Refused(AriError):
    """Asterisk answered with an HTTP error.

    `status` is the HTTP status, `message` Asterisk's own words (not for customers).
    """

    def __init__(self, verb: str, status: int, message: str) -> None:
        super().__init__(f"{verb}: {status} {message}")
        self.verb = verb
        self.status = status
        self.message = message


class BadRequest(Refused):
    """400: a parameter is missing or wrong."""


class Unauthorized(Refused):
    """401: wrong user or password."""


class Forbidden(Refused):
    """403: the object stands in a file, or the user may only read."""


class NotFound(Refused):
    """404: what the id names is not there (any more)."""


class Conflict(Refused):
    """409: the id is in use, or the channel is not (yet) in Stasis."""


class PreconditionFailed(Refused):
    """412: the channel's state does not allow it, such as media before any answer."""


class Unprocessable(Refused):
    """422: understood and not possible."""


class ServerFault(Refused):
    """5xx without a better name."""


class AllocationFailed(ServerFault):
    """500 "Allocation failed": unknown endpoint, no reachable contact, or no resources."""


class Unavailable(Refused):
    """503, or a 404 from before ARI is loaded: Asterisk boots or shuts down."""

    retryable = True


_BY_STATUS: dict[int, type[Refused]] = {
    400: BadRequest,
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    412: PreconditionFailed,
    422: Unprocessable,
    503: Unavailable,
}


def refusal(verb: str, status: int, message: str, *, from_ari: bool = True) -> Refused:
    """Return the error for an HTTP answer.

    `from_ari` is false when the body is not ARI's JSON: Asterisk's bare HTTP server answers 404
    by itself until ARI is loaded (lab2.md, head), which says nothing about the id.
    """
    if status == 404 and not from_ari:
        return Unavailable(verb, status, message)
    if status == 500 and message == "Allocation failed":
        return AllocationFailed(verb, status, message)
    fallback = ServerFault if status >= 500 else Refused
    return _BY_STATUS.get(status, fallback)(verb, status, message)
