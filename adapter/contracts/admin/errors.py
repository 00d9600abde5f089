"""Errors of the admin API: a status, a code for programs, and words for people.

::

    {"error": {"code": "invalid", "message": "no trunk 'x' in the database", "field": "trunk"}}

`field` is there when one field of the body or the query is to blame.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec import UNSET, Struct, UnsetType

from adapter.core import errors as core
from adapter.core import faults


class ErrorDetail(Struct, kw_only=True, omit_defaults=True):
    """What went wrong."""

    code: str
    message: str
    field: str | UnsetType = UNSET


class AdminError(Struct, kw_only=True):
    """A request that was refused, or failed."""

    error: ErrorDetail


class Problem(Exception):
    """A refusal in the API's words.

    Attributes:
        status: HTTP status.
        code: in one word.
        msg: what is wrong, for people.
        field: of the body or query that is to blame; empty for none.
        headers: further headers of the reply.
    """

    def __init__(
        self,
        status: int,
        code: str,
        msg: str,
        field: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(msg)
        self.status = status
        self.code = code
        self.msg = msg
        self.field = field
        self.headers = dict(headers or {})

    def body(self) -> AdminError:
        """As it goes over the wire."""
        detail = ErrorDetail(code=self.code, message=self.msg, field=self.field or UNSET)
        return AdminError(error=detail)


def invalid(msg: str, field: str = "") -> Problem:
    """400: the request itself is wrong."""
    return Problem(400, "invalid", msg, field)


def unauthorized() -> Problem:
    """401: no token, or another one."""
    headers = {"WWW-Authenticate": 'Bearer realm="admin"'}
    return Problem(401, "unauthorized", "the admin token is missing or wrong", headers=headers)


def too_many_attempts(retry_after: int) -> Problem:
    """429: tokens were wrong too often; this one was not looked at."""
    headers = {"Retry-After": str(retry_after)}
    return Problem(429, "too_many_attempts", "too many wrong admin tokens", headers=headers)


def switched_off() -> Problem:
    """404: there is no token, so there is no API."""
    return Problem(404, "not_found", "the admin API is switched off")


def not_found(what: str) -> Problem:
    """404: no such object."""
    return Problem(404, "not_found", f"there is no {what}")


def in_use(what: str, by: Iterable[str]) -> Problem:
    """409: something refers to it."""
    return Problem(409, "in_use", f"{what} is used by {', '.join(by)}")


def conflict(msg: str) -> Problem:
    """409: not in the state in which it is."""
    return Problem(409, "conflict", msg)


def too_large(limit: int) -> Problem:
    """413: more bytes than are taken."""
    return Problem(413, "too_large", f"larger than {limit >> 20} MiB")


def storage_failed(reason: str) -> Problem:
    """503: the disk does not do its part."""
    return Problem(503, "unavailable", f"the media folder: {reason}")


CORE_ERRORS: Mapping[type[core.CoreError], tuple[int, str, str]] = {
    core.CallUnknown: (404, "not_found", "there is no such call"),
    core.CallOver: (409, "conflict", "the call has ended"),
    core.CallNotUp: (409, "conflict", "the call is not answered yet"),
    core.NotOffered: (409, "conflict", "the call is outbound"),
    core.PromptBusy: (409, "conflict", "a prompt is running"),
    core.NoPrompt: (409, "conflict", "there is no such prompt"),
    core.Bridged: (409, "conflict", "the call is joined with another party"),
    core.AlreadyBridged: (409, "conflict", "the call is joined already"),
    core.NotBridged: (409, "conflict", "the call is not joined with another party"),
    core.BridgeBusy: (409, "conflict", "another party is being called"),
    core.AlreadyRecording: (409, "conflict", "the call is being recorded already"),
    core.NotRecording: (409, "conflict", "the call is not being recorded"),
}

FAULTS: Mapping[type[faults.Fault], tuple[int, str, str]] = {
    faults.StoreFailed: (503, "unavailable", "the database took no write"),
    faults.AsteriskDown: (503, "unavailable", "Asterisk does not answer"),
    faults.MediaUnavailable: (503, "unavailable", "the audio can't be had"),
    faults.NoAnswer: (503, "unavailable", "the application gives no answer"),
    faults.RecordingFailed: (503, "unavailable", "the recording can't be made"),
    faults.ListeningFailed: (503, "unavailable", "speech can't be recognised"),
}


def problem_of(error: core.CoreError | faults.Fault) -> Problem:
    """The engine's refusal in the API's words."""
    words: Mapping[type, tuple[int, str, str]] = {**CORE_ERRORS, **FAULTS}
    return Problem(*next(words[kind] for kind in type(error).__mro__ if kind in words))
