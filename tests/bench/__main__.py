"""`make bench`: calls a second, side by side: pure dialplan, the smallest ARI script, the adapter.

    python -m tests.bench [--json FILE] [--seconds N] [--only abc]

Each has an Asterisk of its own, of the same kind, and the same callers on the same machine; what
counts is the ratios of one run, in which they take turns, rate by rate. Exit status: 0, or 2 when
the run is void because the machine was too slow or too busy. What is measured how:
`tests.bench.measure`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import sys
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path

from tests.bench import measure
from tests.bench.report import Report
from tests.bench.stage import AdapterSubject, DialplanSubject, SmallestSubject, Subject
from tests.live.asterisk import launch

SUBJECTS: tuple[type[Subject], ...] = (DialplanSubject, SmallestSubject, AdapterSubject)
FIRST = {"a": 700.0, "b": 350.0, "c": 150.0}
LOWEST, MOST = 20.0, 1500.0
DELAY_AT = 0.8  # of the best rate
VOID = 2


def main() -> int:
    """Run and print; returns the exit status."""
    options = _options()
    _allow_many_files()
    with tempfile.TemporaryDirectory(prefix="avb-", dir="/tmp") as name:  # a short path: sockets
        report = asyncio.run(run(Path(name), options.seconds, options.only))
    print(report.table())
    if options.json:
        options.json.write_text(json.dumps(report.data(), indent=2) + "\n")
    return VOID if report.is_void else 0


async def run(folder: Path, seconds: float, only: str = "abc") -> Report:
    """Measure the subjects in turns, `seconds` for each step, so that all have the same minutes."""
    sipp = str(json.loads(await asyncio.to_thread(launch, "tools", "--only", "sipp"))["sipp"])
    best: dict[str, measure.Step | None] = {kind.name: None for kind in SUBJECTS}
    delay: measure.Delay | None = None
    memory: dict[str, float] = {}
    turns = asyncio.Lock()  # given to who has waited longest

    async def find(subject: Subject) -> None:
        name = subject.name
        best[name] = await measure.highest(
            subject, turns, first=FIRST[name], lowest=LOWEST, most=MOST, seconds=seconds
        )

    async with AsyncExitStack() as stack:
        subjects = [
            await stack.enter_async_context(kind(folder / kind.name, sipp))
            for kind in SUBJECTS
            if kind.name in only
        ]
        async with asyncio.TaskGroup() as searches:
            for subject in subjects:
                print(f"({subject.name}) {subject.what}", file=sys.stderr, flush=True)
                searches.create_task(find(subject))
        for subject in subjects:
            if isinstance(subject, AdapterSubject) and (found := best[subject.name]):
                delay = await measure.delay(subject, found.outcome.rate * DELAY_AT, seconds)
    if "c" in only:
        fresh = AdapterSubject(folder / "m", sipp)
        async with fresh:
            memory = dict(await measure.memory(fresh))
    return Report({kind.name: kind.what for kind in SUBJECTS}, best, delay, memory)


def _allow_many_files() -> None:
    """Up to the hard limit, for this process and all that it starts: a call takes some sockets."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tests.bench", description=__doc__)
    parser.add_argument("--json", type=Path, help="write the results to this file as well")
    parser.add_argument("--seconds", type=float, default=8.0, help="length of each step")
    parser.add_argument("--only", default="abc", help="some of the subjects, by letter")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
