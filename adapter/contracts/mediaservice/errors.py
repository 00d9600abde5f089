"""Mediaservice errors: each refusal with its HTTP status and the words of the body.

The document gives the body (`success`, `reason`, `error`); the statuses are those of
mediaservice.md, "Base, methods, authentication". Beside them stand only HTTP's own 405,
429 and 500.
"""

from __future__ import annotations

from collections.abc import Mapping

from adapter.core import errors as core
from adapter.core.faults import (
    AsteriskDown,
    Fault,
    ListeningFailed,
    MediaUnavailable,
    NoAnswer,
    RecordingFailed,
    StoreFailed,
)


class Problem(Exception):
    """A refusal in the contract's words.

    Attributes:
        status: HTTP status.
        reason: what is wrong, for people.
        error: the whole error, of the part that had it.
        headers: further headers of the reply.
    """

    def __init__(
        self,
        status: int,
        reason: str,
        error: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason
        self.error = error or reason
        self.headers = dict(headers or {})

    @property
    def msg(self) -> str:
        """The reason, under the name that all contracts have for it."""
        return self.reason


def bad_request(reason: str, error: str = "") -> Problem:
    """400: the request itself is wrong."""
    return Problem(400, reason, error)


def not_available(what: str) -> Problem:
    """400: documented, but not in this version; said clearly instead of ignored."""
    return Problem(400, f"{what} is not available in this version")


def unauthorized(error: str = "") -> Problem:
    """401: no token, no API user, or a wrong one."""
    challenge = 'Bearer realm="mediaservice", Basic realm="mediaservice", charset="UTF-8"'
    return Problem(401, "Unauthorized", error, {"WWW-Authenticate": challenge})


def too_many_attempts(retry_after: int) -> Problem:
    """429: passwords were wrong too often; this one was not looked at."""
    headers = {"Retry-After": str(retry_after)}
    return Problem(429, "Too many failed authentications", headers=headers)


def domain_not_found() -> Problem:
    """404: no such domain."""
    return Problem(404, "Domain not found")


def file_not_found() -> Problem:
    """404: the domain has no such file."""
    return Problem(404, "File not found")


def storage_failed(error: str) -> Problem:
    """502: the disk did not do what it was asked."""
    return Problem(502, "The prompt store failed", error)


CORE_ERRORS: Mapping[type[core.CoreError], tuple[int, str]] = {
    core.CallUnknown: (404, "Session not found"),
    core.CallOver: (404, "Session has ended"),
    core.CallNotUp: (409, "Call is not answered yet"),
    core.NotOffered: (409, "Call is not an incoming call"),
    core.PromptBusy: (409, "An IVR command is already running"),
    core.NoPrompt: (409, "No such IVR command is running"),
    core.Bridged: (409, "The participant is connected with another one"),
    core.AlreadyBridged: (409, "The participant is connected with another one"),
    core.NotBridged: (409, "The participant is not connected with another one"),
    core.BridgeBusy: (409, "Another participant is being called"),
    core.AlreadyRecording: (409, "The session is being recorded"),
    core.NotRecording: (409, "The session is not being recorded"),
}

FAULTS: Mapping[type[Fault], tuple[int, str]] = {
    StoreFailed: (502, "The database took no write"),
    AsteriskDown: (502, "The media server does not answer"),
    MediaUnavailable: (502, "A phrase could not be played"),
    NoAnswer: (502, "The application gave no answer"),
    RecordingFailed: (502, "The recording failed"),
    ListeningFailed: (502, "Speech could not be recognised"),
}


def problem_of(error: core.CoreError | Fault) -> Problem:
    """The engine's refusal in the contract's words; `error` names its kind, and no more."""
    words: Mapping[type, tuple[int, str]] = {**CORE_ERRORS, **FAULTS}
    kind, (status, reason) = next(
        (kind, words[kind]) for kind in type(error).__mro__ if kind in words
    )
    return Problem(status, reason, kind.__name__)
