"""What the tests of the EnableX contract expect of its bodies, key by key."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from tests.contract.stack import Reply

TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-00ff[0-9a-f]{8}")


def matches(body: Mapping[str, Any], **expected: Any) -> None:
    """The body has these keys and values and `timestamp`, and nothing else.

    A type stands for any value of it, a pattern for a text that it matches; ``from_`` is "from".
    """
    wanted = {key.removesuffix("_"): value for key, value in expected.items()}
    wanted["timestamp"] = TIMESTAMP
    assert set(body) == set(wanted), set(body) ^ set(wanted)
    for key, value in wanted.items():
        if isinstance(value, re.Pattern):
            assert isinstance(body[key], str), key
            assert value.fullmatch(body[key]), (key, body[key])
        elif isinstance(value, type):
            assert type(body[key]) is value, (key, body[key])
        else:
            assert (type(body[key]), body[key]) == (type(value), value), key


def refused(reply: Reply, status: int, result: int | str, *named: str, **expected: Any) -> None:
    """A failure with the keys that every failure has; `named` are texts in its message."""
    assert reply.status == status, reply
    matches(
        reply.body,
        **({"status": "failed", "state": "failed", "result": result, "msg": str} | expected),
    )
    assert reply["msg"]
    for text in named:
        assert text in reply["msg"], reply["msg"]
