"""What the demonstration prints: a line for each thing that happens, with the time of it."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterable, Mapping
from typing import Any

_SHOWN = ("from", "to", "digit", "prompt_ref", "disconnect_reason", "sip_code", "call_duration")


class Teller:
    """Writes to standard output; headings are bold on a terminal (not with NO_COLOR)."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._bold = sys.stdout.isatty() and "NO_COLOR" not in os.environ

    def heading(self, text: str) -> None:
        """Begin a part."""
        print(f"\n\033[1m{text}\033[0m" if self._bold else f"\n{text}", flush=True)

    def line(self, text: str) -> None:
        """Something that has happened now."""
        print(f"{time.monotonic() - self._began:7.2f} s  {text}", flush=True)

    def quote(self, lines: Iterable[str]) -> None:
        """What another program has printed, or what is to be copied."""
        for line in lines:
            print(f"    {line}", flush=True)

    def request(self, method: str, path: str, body: Mapping[str, Any], status: int) -> None:
        """A request of ours that was answered."""
        told = "  ".join(f"{key}={value}" for key, value in body.items())
        self.line(f"request  {method} {path}  {told}  -> HTTP {status}")

    def question(self, name: str, asked: Mapping[str, Any], answer: Mapping[str, Any]) -> None:
        """What the other application was asked or told, verified, and its answer."""
        known = {"from": asked.get("callingParty"), "to": asked.get("calledParty")}
        known |= {"digit": asked.get("dtmfParams", {}).get("dtmfMatch")}
        told = "  ".join(f"{key}={value}" for key, value in known.items() if value is not None)
        said = ", ".join(f"{key}={answer[key]}" for key in ("action", "hangup") if key in answer)
        said = said or ", ".join(answer) or "nothing"
        self.line(f"asked    {name:<16} {told}  -> {said}")

    def webhook(self, event: Mapping[str, Any]) -> None:
        """A webhook that came in, verified."""
        name = event.get("state") or event.get("playstate")
        told = "  ".join(f"{key}={event[key]}" for key in _SHOWN if key in event)
        self.line(f"webhook  {name:<15} {told}")
