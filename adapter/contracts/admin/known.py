"""What reading a declaration needs of other parts: what is stored already, and checks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from adapter.core import tenants
from adapter.core.tenants import StoredPrompt

ImportPrompt = Callable[[Path], tuple[str, str]]
"""Stores a WAV file; returns its path below the media folder and the SHA-256 of the file as it
came. What was stored before stays as it is. Raises ValueError or OSError."""


class Known(Protocol):
    """What is stored already: `adapter.store.provisioning.ProvisioningStore` has it."""

    def app(self, app_id: str) -> tenants.App | None: ...  # noqa: D102 - documented there
    def domain(self, name: str) -> tenants.Domain | None: ...  # noqa: D102
    def trunk(self, name: str) -> tenants.Trunk | None: ...  # noqa: D102
    def trunks(self) -> list[tenants.Trunk]: ...  # noqa: D102
    def numbers_at(self, digits: str) -> Sequence[tenants.Number]: ...  # noqa: D102
    def prompt(self, app: str, name: str) -> StoredPrompt | None: ...  # noqa: D102


class NothingKnown:
    """No database yet."""

    def app(self, app_id: str) -> tenants.App | None:
        """None."""
        return None

    def domain(self, name: str) -> tenants.Domain | None:
        """None."""
        return None

    def trunk(self, name: str) -> tenants.Trunk | None:
        """None."""
        return None

    def trunks(self) -> list[tenants.Trunk]:
        """None at all."""
        return []

    def numbers_at(self, digits: str) -> Sequence[tenants.Number]:
        """None at all."""
        return ()

    def prompt(self, app: str, name: str) -> StoredPrompt | None:
        """None."""
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Checks:
    """What other parts know. Each raises ValueError with a reason.

    Attributes:
        url: may webhooks go there; syntax and literal addresses.
        secret: is it a webhook secret.
        prompt: is this file one that can be played. OSError is caught as well.
    """

    url: Callable[[str], object]
    secret: Callable[[str], object]
    prompt: Callable[[Path], object]
