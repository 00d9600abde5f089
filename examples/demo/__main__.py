"""`python -m examples.demo [--stay]`: the command."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from collections.abc import Coroutine
from typing import Any

from examples.demo import acts, hints
from examples.demo.errors import DemoFailed
from examples.demo.stage import Stage, find_tools
from examples.demo.telling import Teller

LIMIT = 50.0
"""Seconds for the calls; they take about 30. Start and end have limits of their own."""
INTERRUPTED = 130


async def show(teller: Teller) -> None:
    """All calls, once. Raises DemoFailed."""
    async with await _stage(teller) as stage:
        try:
            async with asyncio.timeout(LIMIT):
                await acts.play(stage, teller)
        except TimeoutError:
            raise DemoFailed(f"the calls were not done within {LIMIT:.0f} s") from None
        teller.heading("Ending")
    teller.heading("Done: three calls, two contracts; each spoken to, a key pressed, hung up.")


async def stay(teller: Teller) -> None:
    """Up until somebody ends it. Raises DemoFailed."""
    async with await _stage(teller) as stage:
        hints.tell(stage, teller)
        teller.heading("Webhooks, as they come. Ctrl-C ends everything.")
        await asyncio.Event().wait()


async def _stage(teller: Teller) -> Stage:
    tools = await find_tools()
    teller.heading(f"Starting, with {tools['asterisk']}")
    return Stage(teller, tools)


async def run(work: Coroutine[Any, Any, None]) -> int:
    """Run it until its end, or until the first Ctrl-C or SIGTERM; returns the exit status."""
    task = asyncio.ensure_future(work)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        # Once only: the second must not interrupt the tidying up
        loop.add_signal_handler(number, lambda: task.cancelling() or task.cancel())
    try:
        await task
    except asyncio.CancelledError:
        return INTERRUPTED
    except DemoFailed as failed:
        print(f"\nFAILED: {failed}", file=sys.stderr)
        return 1
    return 0


def main() -> int:
    """The command; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m examples.demo", description=__doc__)
    parser.add_argument("--stay", action="store_true", help="stay up, for use by hand")
    options = parser.parse_args()
    teller = Teller()
    status = asyncio.run(run(stay(teller) if options.stay else show(teller)))
    return 0 if options.stay and status == INTERRUPTED else status


if __name__ == "__main__":
    sys.exit(main())
