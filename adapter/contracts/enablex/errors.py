"""EnableX errors: each refusal with the HTTP status and the body that the document gives it.

`result` has the type of the document's example: 6110 is a string, the others here are numbers; an
error that the document does not list has its HTTP status (enablex.md, "Base").
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

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
        result: the contract's code.
        msg: what is wrong, for people.
        extra: further keys of this error.
        headers: further headers of the reply.
    """

    def __init__(
        self,
        status: int,
        result: int | str,
        msg: str,
        extra: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(msg)
        self.status = status
        self.result = result
        self.msg = msg
        self.extra = dict(extra or {})
        self.headers = dict(headers or {})


def bad_request(msg: str) -> Problem:
    """400: the request itself is wrong."""
    return Problem(400, 400, msg)


def not_available(key: str) -> Problem:
    """400: documented, but not in this version; said clearly instead of ignored."""
    return Problem(400, 400, f"{key} is not available in this version")


def unauthorized() -> Problem:
    """401: no app id, or the wrong key."""
    challenge = 'Basic realm="voice", charset="UTF-8"'
    return Problem(401, 401, "Unauthorized", headers={"WWW-Authenticate": challenge})


def prompt_not_found(name: str) -> Problem:
    """404: no such prompt of this app."""
    return Problem(404, 404, f"Prompt not found: {name}")


def service_not_found() -> Problem:
    """404 with 6110: the number has no outbound service."""
    return Problem(404, "6110", "Application Not Found")


def foreign_number() -> Problem:
    """405 with 6133: the caller id is not a number of this app."""
    msg = "Service not associated with number"
    return Problem(
        405,
        6133,
        msg,
        {
            "event_code": "6133",
            "event_name": "service_not_associated_with_number",
            "description": "The phone number in 'from' does not belong to this application",
        },
    )


def forbidden_destination() -> Problem:
    """403: the app may not call this destination."""
    return Problem(403, 403, "Destination not allowed")


def voice_not_supported() -> Problem:
    """406 with 6117: no such voice or language."""
    return Problem(406, 6117, "Voice not supported for text-to-speech conversion")


def speech_failed() -> Problem:
    """503 with 6107: the text could not be spoken."""
    return Problem(503, 6107, "Error doing text to speech conversion")


def media_failed() -> Problem:
    """400: the stored prompt cannot be played."""
    return Problem(400, 400, "Media Request Failed")


def unavailable() -> Problem:
    """503: draining, or Asterisk cannot be reached."""
    return Problem(503, 503, "Service Unavailable", headers={"Retry-After": "5"})


CORE_ERRORS: Mapping[type[core.CoreError], tuple[int, int | str, str]] = {
    core.CallUnknown: (404, 404, "Call not found"),
    core.CallOver: (404, 404, "Call has ended"),
    core.CallNotUp: (409, 409, "Call is not connected yet"),
    core.NotOffered: (409, 409, "Call is not an incoming call"),
    core.PromptBusy: (408, 6114, "Play request pending"),
    core.NoPrompt: (409, 409, "No such prompt is playing"),
}

FAULTS: Mapping[type[Fault], tuple[int, int | str, str]] = {
    StoreFailed: (503, 503, "Service Unavailable"),
    AsteriskDown: (503, 503, "Service Unavailable"),
    MediaUnavailable: (503, 6107, "Error doing text to speech conversion"),
    NoAnswer: (503, 503, "Service Unavailable"),
    RecordingFailed: (500, "6119", "Failed to start recording on bridge"),
    ListeningFailed: (503, 503, "Service Unavailable"),
}


def problem_of(error: core.CoreError | Fault) -> Problem:
    """The engine's refusal in the contract's words."""
    words: Mapping[type, tuple[int, int | str, str]] = {**CORE_ERRORS, **FAULTS}
    return Problem(*next(words[kind] for kind in type(error).__mro__ if kind in words))
