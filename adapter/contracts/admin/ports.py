"""What the admin API works with; `adapter.front_ends` plugs the real things in."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from adapter.contracts.admin.known import Checks
from adapter.core import tenants
from adapter.core.ids import CallId
from adapter.core.inputs import Input
from adapter.core.kept import KeptRecording
from adapter.core.message import Attempt
from adapter.core.model import Call
from adapter.core.tenants import Change, Declaration, Kind, StoredPrompt
from adapter.engine.engine import Engine


class Store(Protocol):
    """What was provisioned: `adapter.store.provisioning.ProvisioningStore`, and its words."""

    def app(self, app_id: str) -> tenants.App | None: ...  # noqa: D102 - documented there
    def domain(self, name: str) -> tenants.Domain | None: ...  # noqa: D102
    def trunk(self, name: str) -> tenants.Trunk | None: ...  # noqa: D102
    def trunks(self) -> list[tenants.Trunk]: ...  # noqa: D102
    def number(self, digits: str, pin: str = "") -> tenants.Number | None: ...  # noqa: D102
    def numbers_at(self, digits: str) -> Sequence[tenants.Number]: ...  # noqa: D102
    def phone(self, extension: str) -> tenants.Phone | None: ...  # noqa: D102
    def prompt(self, app: str, name: str) -> StoredPrompt | None: ...  # noqa: D102
    def apply(  # noqa: D102
        self,
        declaration: Declaration,
        *,
        new_secret: Callable[[], str],
        new_signing_key: Callable[[], str],
    ) -> list[Change]: ...


class Inventory(Protocol):
    """The same as lists: `adapter.store.inventory.Inventory`, and its words."""

    def names(self, kind: Kind, after: str, limit: int) -> list[str]: ...  # noqa: D102
    def prompts(  # noqa: D102
        self, app: str | None, after: tuple[str, str], limit: int
    ) -> list[StoredPrompt]: ...
    def referring(self, kind: Kind, *name: str) -> list[str]: ...  # noqa: D102
    def remove(self, kind: Kind, *name: str, now: float) -> list[str]: ...  # noqa: D102


class Webhook(Protocol):
    """A row of the outbox: `adapter.store.history.Webhook`, and its words."""

    @property
    def id(self) -> str: ...  # noqa: D102 - documented there
    @property
    def call(self) -> str: ...  # noqa: D102
    @property
    def contract(self) -> str: ...  # noqa: D102
    @property
    def owner(self) -> str: ...  # noqa: D102
    @property
    def event(self) -> str: ...  # noqa: D102
    @property
    def url(self) -> str: ...  # noqa: D102
    @property
    def state(self) -> str: ...  # noqa: D102
    @property
    def attempts(self) -> int: ...  # noqa: D102
    @property
    def created_at(self) -> float: ...  # noqa: D102
    @property
    def next_at(self) -> float: ...  # noqa: D102
    @property
    def done_at(self) -> float | None: ...  # noqa: D102
    @property
    def error(self) -> str | None: ...  # noqa: D102


class History(Protocol):
    """Pages of calls and webhooks: `adapter.store.history.History`, and its words."""

    async def calls(  # noqa: D102 - documented there
        self,
        *,
        owner: str | None,
        live: bool | None,
        state: str | None,
        after: str | None,
        limit: int,
    ) -> Sequence[Call]: ...
    async def webhooks(  # noqa: D102
        self,
        *,
        state: str | None,
        owner: str | None,
        call: str | None,
        after: str | None,
        limit: int,
    ) -> Sequence[Webhook]: ...
    async def webhook(self, webhook: str) -> tuple[Webhook, Sequence[Attempt]] | None: ...  # noqa: D102


class Redelivery(Protocol):
    """Puts webhooks back: `adapter.store.redelivery.Redelivery`, and its words."""

    def one(self, webhook: str, now: float) -> bool: ...  # noqa: D102 - documented there
    def dead(  # noqa: D102
        self, now: float, *, owner: str | None = None, since: float = 0.0
    ) -> int: ...


class Line(Protocol):
    """A line of a call's journal: `adapter.store.calls.Line`, and its words."""

    @property
    def version(self) -> int: ...  # noqa: D102 - documented there
    @property
    def at(self) -> float: ...  # noqa: D102
    @property
    def given(self) -> Input: ...  # noqa: D102
    @property
    def state(self) -> str: ...  # noqa: D102
    @property
    def effects(self) -> tuple[str, ...]: ...  # noqa: D102
    @property
    def notices(self) -> tuple[str, ...]: ...  # noqa: D102


class Delivery(Protocol):
    """An attempt at one of a call's webhooks: `adapter.store.outbox.Delivery`, and its words."""

    @property
    def id(self) -> str: ...  # noqa: D102 - documented there
    @property
    def event(self) -> str: ...  # noqa: D102
    @property
    def attempt(self) -> int: ...  # noqa: D102
    @property
    def at(self) -> float: ...  # noqa: D102
    @property
    def duration(self) -> float: ...  # noqa: D102
    @property
    def status(self) -> int | None: ...  # noqa: D102
    @property
    def error(self) -> str | None: ...  # noqa: D102


class Suspensions(Protocol):
    """The kill switch of apps: `adapter.store.suspensions.Suspensions`, and its words."""

    def suspend(self, app_id: str, now: float, *, hang_up: bool) -> bool: ...  # noqa: D102
    def resume(self, app_id: str) -> bool: ...  # noqa: D102


class PromptAudio(Protocol):
    """The audio of apps' prompts: `adapter.media.promptfiles.AppPrompts`.

    Attributes:
        changing: held from keeping audio to writing its row, and from removing a row to dropping
            its audio: else a removal could take what was just kept.
    """

    changing: asyncio.Lock

    async def keep(self, content: bytes, name: str) -> tuple[str, str]:
        """Keep audio; its path below the media folder and its SHA-256. Raises ValueError."""

    async def drop(self, paths: Sequence[str]) -> None:
        """Remove audio that no prompt names any more."""

    def best(self, path: str) -> Path | None:
        """The file of the best quality; None when it is gone."""


class Recordings(Protocol):
    """What was recorded: `adapter.media.recordings.Recordings`, and its words."""

    def known(self, recording: str) -> KeptRecording | None: ...  # noqa: D102 - documented there
    def page(  # noqa: D102
        self,
        *,
        owner: str | None,
        call: str | None,
        state: str | None,
        after: str | None,
        limit: int,
    ) -> list[KeptRecording]: ...
    def file(self, recording: KeptRecording) -> Path: ...  # noqa: D102
    def remove(self, recording: KeptRecording) -> None: ...  # noqa: D102


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """What the API works with.

    Attributes:
        store: what was provisioned.
        inventory: the same as lists.
        history: calls and webhooks.
        redelivery: sends webhooks again.
        suspensions: of apps.
        journal: what one call was told.
        deliveries: each attempt at one call's webhooks.
        engine: ends calls.
        audio: of apps' prompts.
        recordings: of all calls.
        forget_files: removes the prompt files of a domain.
        checks: of what is declared.
        new_secret: makes webhook secrets.
        described: an input of a call for people, masked as `ari-voice why` does it.
        provisioned: called after each change of what was provisioned.
        put_back: called after webhooks were put back.
        now: seconds since the epoch.
    """

    store: Store
    inventory: Inventory
    history: History
    redelivery: Redelivery
    suspensions: Suspensions
    journal: Callable[[CallId], Sequence[Line]]
    deliveries: Callable[[str], Sequence[Delivery]]
    engine: Engine
    audio: PromptAudio
    recordings: Recordings
    forget_files: Callable[[str], Awaitable[None]]
    checks: Checks
    new_secret: Callable[[], str]
    described: Callable[[object], str]
    provisioned: Callable[[], None]
    put_back: Callable[[], None]
    now: Callable[[], float]
