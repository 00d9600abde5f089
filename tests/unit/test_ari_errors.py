"""adapter.ari.errors: statuses become types."""

from __future__ import annotations

import pytest

from adapter.ari import errors
from adapter.ari.errors import AriError, Refused, refusal


@pytest.mark.parametrize(
    ("status", "message", "kind"),
    [
        (400, "x", errors.BadRequest),
        (401, "x", errors.Unauthorized),
        (403, "x", errors.Forbidden),
        (404, "Channel not found", errors.NotFound),
        (409, "x", errors.Conflict),
        (412, "x", errors.PreconditionFailed),
        (422, "x", errors.Unprocessable),
        (500, "Allocation failed", errors.AllocationFailed),
        (500, "Unable to read provided function", errors.ServerFault),
        (501, "x", errors.ServerFault),
        (503, "x", errors.Unavailable),
        (418, "x", Refused),
    ],
)
def test_each_status_has_its_type(status: int, message: str, kind: type[Refused]) -> None:
    """The table in the module's docstring holds."""
    error = refusal("play", status, message)
    assert type(error) is kind
    assert (error.verb, error.status, error.message) == ("play", status, message)


def test_a_bare_404_says_that_ari_is_not_there_yet() -> None:
    """While Asterisk boots, a 404 must not be taken for "no such channel"."""
    assert type(refusal("hangup", 404, "", from_ari=False)) is errors.Unavailable


def test_only_what_may_go_away_by_itself_is_retryable() -> None:
    """retryable is true for Unreachable and Unavailable and nothing else."""
    kinds = {
        value
        for value in vars(errors).values()
        if isinstance(value, type) and issubclass(value, AriError)
    }
    assert {kind for kind in kinds if kind.retryable} == {errors.Unreachable, errors.Unavailable}
