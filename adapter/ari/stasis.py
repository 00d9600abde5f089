"""Waiting until a channel is in Stasis: what is asked of it before then is refused, and sent again.

A channel that was just created, or that a recovery has found, may be on its way still. Asterisk has
409 and 422 for that (22.10, seen), each with "Stasis" in its words; with other words it means no.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from adapter.ari.errors import Conflict, Unprocessable

TRIES, PAUSE = 20, 0.05  # seconds


async def once_in_stasis(request: Callable[[], Awaitable[None]], tries: int = TRIES) -> None:
    """Send a request until its channel is in Stasis.

    Args:
        request: sends it.
        tries: so often, with a pause of `PAUSE` seconds after each; then once more.

    Raises:
        AriError: what the request raises; Conflict or Unprocessable when the channel never came.
    """
    for _ in range(tries):
        try:
            return await request()
        except (Conflict, Unprocessable) as refusal:
            if "Stasis" not in refusal.message:
                raise
            await asyncio.sleep(PAUSE)
    return await request()
