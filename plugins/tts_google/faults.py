"""What Google refuses, in the words of `adapter.plugin_api.errors`.

Of a refused synthesis only the code is told: Google's message may quote the text that was to be
spoken ("Sentence starting with: ... is too long"). Sources: google.rpc `code.proto` and
`error_details.proto` (ErrorInfo, RetryInfo).
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from google.api_core import exceptions as google
from google.rpc.error_details_pb2 import RetryInfo

from adapter.plugin_api import (
    BadRequest,
    CannotStart,
    QuotaExceeded,
    SpeechError,
    SpeechRequest,
    Timeout,
    Unavailable,
    Unreachable,
    VoiceNotSupported,
)

_NO_VOICE = re.compile(r"""Voice (['"]).*\1 does not exist""")
_REASON = re.compile(r"[A-Z][A-Z0-9_]*")

_HOW_TO: Mapping[type[google.GoogleAPICallError], str] = {
    google.Unauthenticated: "the credentials are refused; GOOGLE_APPLICATION_CREDENTIALS names the"
    " key file of a service account that exists still",
    google.PermissionDenied: "the account may not use Cloud Text-to-Speech; enable"
    " texttospeech.googleapis.com in its project",
}


def of_synthesis(fault: google.GoogleAPICallError, request: SpeechRequest) -> SpeechError:
    """What a refused synthesis is to the host."""
    told = f"Google answered {_code(fault)}"
    match fault:
        case google.DeadlineExceeded():
            return Timeout(told)
        case google.ResourceExhausted():
            passing = any(isinstance(detail, RetryInfo) for detail in fault.details)
            return QuotaExceeded(told, retryable=passing)
        case google.InvalidArgument() if _NO_VOICE.match(fault.message or ""):
            return VoiceNotSupported(request.language, request.voice)  # gone since the start
        case google.InvalidArgument() | google.OutOfRange():
            return BadRequest(told)
        case google.ServerError() | google.Cancelled() | google.Aborted():
            return Unavailable(told)
        case _:  # the account: credentials, permission, billing
            return Unavailable(told, retryable=False)


def of_start(fault: google.GoogleAPICallError, endpoint: str) -> CannotStart:
    """What a refused list of voices is to the operator; no text of anybody is in it."""
    advice = _HOW_TO.get(type(fault), "is the endpoint reachable from here?")
    passing = isinstance(fault, google.ServerError | google.Cancelled | google.Aborted)
    kind = Unreachable if passing else CannotStart
    return kind(f"{endpoint} lists no voices: {advice} ({_code(fault)}: {fault.message})")


def _code(fault: google.GoogleAPICallError) -> str:
    """`UNAVAILABLE`, with the reason that Google gives in capitals when there is one."""
    code = fault.grpc_status_code
    name = code.name if code is not None else type(fault).__name__
    reason = fault.reason or ""
    return f"{name}, {reason}" if _REASON.fullmatch(reason) else name
