"""What parts of the adapter know about a declaration: for `ari-voice apply` and the admin API."""

from __future__ import annotations

from pathlib import Path

from adapter.contracts.admin.known import Checks
from adapter.media import decoding
from adapter.outbox import signing
from adapter.outbox.egress import EgressRefused, Policy


def checks(policy: Policy) -> Checks:
    """The checks, with what webhooks may call."""

    def url(text: str) -> None:
        try:
            policy.check_url(text)
        except EgressRefused as refused:
            raise ValueError(f"{refused} (see the setting webhooks.allow)") from None

    return Checks(url=url, secret=signing.parse_secret, prompt=check_prompt)


def check_prompt(file: Path) -> None:
    """Whether a file is audio that can be played.

    Raises:
        ValueError: it is not; the text says why.
        OSError: it can't be read.
    """
    decoding.playable(read_prompt(file), file.name)


def read_prompt(file: Path) -> bytes:
    """An audio file, of which no more is read than is taken.

    Raises:
        OSError: it can't be read.
    """
    with file.open("rb") as opened:
        return opened.read(decoding.LARGEST + 1)
