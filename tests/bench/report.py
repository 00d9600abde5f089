"""The result of a run: as a table for people and as plain data for programs."""

from __future__ import annotations

import math
import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.bench.measure import Delay, Step

VOID_BELOW = 300.0
MEMORY_TARGET = 100_000.0
RATIO_TARGET = 0.4


@dataclass(frozen=True, slots=True)
class Report:
    """What a run found.

    Attributes:
        names: what each subject is, by its letter.
        best: the step at the highest rate that passed, by letter; None when none did.
        delay: from an event to its webhook.
        memory: bytes of resident memory a live call, by process of subject c.
    """

    names: Mapping[str, str]
    best: Mapping[str, Step | None]
    delay: Delay | None
    memory: Mapping[str, float]

    def rate(self, name: str) -> float:
        """Calls a second of a subject; 0 when it failed at any rate."""
        step = self.best.get(name)
        return step.outcome.rate if step else 0.0

    def ratio(self, name: str, to: str) -> float:
        """One rate as a share of another; 0 when there is no other."""
        return self.rate(name) / self.rate(to) if self.rate(to) else 0.0

    @property
    def is_void(self) -> bool:
        """Whether this machine was too slow, or too busy, for the run to say anything."""
        return self.rate("b") < VOID_BELOW

    def data(self) -> dict[str, Any]:
        """Everything, for JSON. Seconds and bytes."""
        return {
            "machine": {"cores": os.cpu_count(), "python": platform.python_version()},
            "void": self.is_void,
            "subjects": {name: self._subject(name) for name in self.names},
            "ratios": {"c/b": self.ratio("c", "b"), "b/a": self.ratio("b", "a")},
            "event_to_webhook": self.delay
            and {
                "rate": self.delay.rate,
                "p50": self.delay.p50,
                "p95": self.delay.p95,
                "count": self.delay.count,
            },
            "memory_per_live_call": dict(self.memory),
        }

    def table(self) -> str:
        """For people."""
        lines = [
            f"{'':26}{'calls/s':>8}{'succeeded':>11}{'answer p95':>12}"
            f"{'CPU ms a call':>15}  (Asterisk, server, application)"
        ]
        for name, what in self.names.items():
            lines.append(f"({name}) {what:22}{_row(self.best[name])}")
        lines.append("")
        lines.append(f"c/b {self.ratio('c', 'b'):.2f} (target {RATIO_TARGET} or better)")
        lines.append(f"b/a {self.ratio('b', 'a'):.2f}")
        if self.delay:
            lines.append(
                f"event to webhook, at {self.delay.rate:.0f} calls/s: p50 "
                f"{_ms(self.delay.p50)}, p95 {_ms(self.delay.p95)} ({self.delay.count} webhooks)"
            )
        if self.memory:
            slopes = ", ".join(f"{name} {size / 1000:.0f} kB" for name, size in self.memory.items())
            target = f"target for the server below {MEMORY_TARGET / 1000:.0f} kB"
            lines.append(f"memory a live call, 50 to 300 calls: {slopes} ({target})")
        if self.is_void:
            lines.append(f"VOID: (b) is below {VOID_BELOW:.0f} calls/s, the machine is too busy")
        return "\n".join(lines)

    def _subject(self, name: str) -> dict[str, Any]:
        step = self.best[name]
        if step is None:
            return {"what": self.names[name], "calls_per_second": 0.0}
        p95 = step.outcome.answer_p95
        return {
            "what": self.names[name],
            "calls_per_second": step.outcome.rate,
            "succeeded": step.outcome.share,
            "answer_p95": p95 if math.isfinite(p95) else None,
            "cpu_per_call": dict(step.cpu),
        }


def _row(step: Step | None) -> str:
    if step is None:
        return f"{'none':>8}"
    cpu = ", ".join(f"{seconds * 1000:.1f}" for seconds in step.cpu.values())
    outcome = step.outcome
    return (
        f"{outcome.rate:8.0f}{outcome.share:11.1%}{_ms(outcome.answer_p95):>12}"
        f"{sum(step.cpu.values()) * 1000:15.1f}  ({cpu})"
    )


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if math.isfinite(seconds) else "never"
