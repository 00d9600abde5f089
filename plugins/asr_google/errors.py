"""What Google's client raises, as errors of the family.

The codes are those of gRPC (google/rpc/code.proto); what a stream ends with for a bad time is from
"Speech-to-Text: error messages". A text of Google's is not passed on: it may quote the hints.

grpc.aio says INTERNAL in place of the service's own status when that crosses a write of ours, so
any failure may now and then look like Unavailable.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from google.api_core.exceptions import GoogleAPICallError
from google.rpc.error_details_pb2 import RetryInfo
from grpc import StatusCode

from adapter.plugin_api import (
    BadRequest,
    QuotaExceeded,
    RecognitionError,
    Timeout,
    Unavailable,
)

_BY_NUMBER: Final = {code.value[0]: code for code in StatusCode}
_LATE: Final = (StatusCode.DEADLINE_EXCEEDED, StatusCode.ABORTED)  # or no audio came in time
_BAD: Final = (
    StatusCode.INVALID_ARGUMENT,
    StatusCode.FAILED_PRECONDITION,
    StatusCode.OUT_OF_RANGE,  # more audio than Google takes, or not in real time
    StatusCode.NOT_FOUND,
)
_REFUSED: Final = (StatusCode.UNAUTHENTICATED, StatusCode.PERMISSION_DENIED)


def error_of_call(fault: GoogleAPICallError) -> RecognitionError:
    """The error of a call that failed."""
    return _error(fault.grpc_status_code, fault.details)


def error_of_number(number: int) -> RecognitionError:
    """The error that a response carries, by its number in google/rpc/code.proto."""
    return _error(_BY_NUMBER.get(number), ())


def _error(code: StatusCode | None, details: Iterable[object]) -> RecognitionError:
    said = f"Google answered {code.name if code is not None else 'without a code'}"
    if code in _LATE:
        return Timeout(said)
    if code is StatusCode.RESOURCE_EXHAUSTED:
        passing = any(isinstance(detail, RetryInfo) for detail in details)
        return QuotaExceeded(said, retryable=passing)
    if code in _BAD:
        return BadRequest(said)
    if code in _REFUSED:
        return Unavailable(f"{said}: are the credentials good?", retryable=False)
    return Unavailable(said)
