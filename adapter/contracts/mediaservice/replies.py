"""Bodies that all of the contract's endpoints share."""

from __future__ import annotations

from typing import Literal

from aiohttp import web
from msgspec import Struct

from adapter.contracts.http import json_response


class Success(Struct, kw_only=True):
    """Done, or accepted; also `{"success": true}` with more beside it."""

    success: Literal[True] = True


class Failure(Struct, kw_only=True):
    """Refused or failed."""

    success: Literal[False] = False
    reason: str
    error: str


class Nothing(Struct):
    """`{}`"""


def done() -> web.Response:
    """`{"success": true}`"""
    return json_response(Success())
