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


def too_many_attempts(retry_after: int) -> Problem:
    """429: credentials were wrong too often; these were not looked at."""
    return _later("Too many failed authentications", retry_after)


def limit_reached(limit: str, retry_after: int) -> Problem:
    """429: the app has as many calls as it may have, or dials faster than it may."""
    return _later(_LIMITS[limit], retry_after)


_LIMITS: Mapping[str, str] = {
    "concurrent": "Too many concurrent calls of this application",
    "rate": "Too many calls per second of this application",
}


def _later(msg: str, retry_after: int) -> Problem:
    return Problem(429, 429, msg, headers={"Retry-After": str(retry_after)})


def suspended() -> Problem:
    """403: the operator has suspended the app; it may look at its calls and end them."""
    return Problem(403, 403, "Application is suspended")


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


def number_not_found() -> Problem:
    """404 with 6118: the caller id of a further party is not a number of this app."""
    return Problem(404, "6118", "Phone number not found for the service")


def not_bridged_for_recording() -> Problem:
    """409: nothing to record yet, in the words that the document has for it."""
    return Problem(409, "409", "Call is not bridged yet")


def recording_failed() -> Problem:
    """500 with 6119: nothing can be recorded now."""
    return Problem(500, "6119", "Failed to start recording on bridge")


def recording_name_taken() -> Problem:
    """409: the app has a recording of this name."""
    return Problem(409, "409", "Recording name is in use")


def internal_error() -> Problem:
    """500: what transfer and forward answer while Asterisk can't be reached."""
    return Problem(500, 500, "Internal Server Error")


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
    core.Bridged: (405, 6112, "Call is in bridged mode, can't play media"),
    core.AlreadyBridged: (409, 409, "Call is already bridged"),
    core.NotBridged: (409, 409, "Call is not bridged yet"),
    core.BridgeBusy: (409, 409, "Another party is being called"),
    core.AlreadyRecording: (408, "408", "Call is already recording"),
    core.NotRecording: (409, "409", "Call is not recording"),
}

FAULTS: Mapping[type[Fault], tuple[int, int | str, str]] = {
    StoreFailed: (503, 503, "Service Unavailable"),
    AsteriskDown: (503, 503, "Service Unavailable"),
    MediaUnavailable: (503, 6107, "Error doing text to speech conversion"),
    NoAnswer: (503, 503, "Service Unavailable"),
    RecordingFailed: (500, "6119", "Failed to start recording on bridge"),
    ListeningFailed: (503, 503, "Service Unavailable"),
}


def problem_of(error: core.CoreError | Fault, extra: Mapping[str, Any] | None = None) -> Problem:
    """The engine's refusal in the contract's words, with further keys of the reply."""
    words: Mapping[type, tuple[int, int | str, str]] = {**CORE_ERRORS, **FAULTS}
    return Problem(*next(words[kind] for kind in type(error).__mro__ if kind in words), extra)
