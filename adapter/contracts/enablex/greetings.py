"""EnableX: the prompts of numbers, which play by themselves: stored ones, and those we ship."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from adapter.core.ids import CallId, PromptId
from adapter.core.model import Phrase, PromptOrder
from adapter.core.tenants import DEFAULT_GREETING_NAME, App, StoredPrompt


class StoredPrompts(Protocol):
    """What was provisioned, as it is now."""

    def prompt(self, app: str, name: str) -> StoredPrompt | None:
        """A prompt of an app."""


class Greetings:
    """Makes orders of the names that numbers have for their prompts.

    Args:
        prompts: finds stored ones.
        default: what `DEFAULT_GREETING_NAME` says.
        new_id: public ids.
    """

    def __init__(
        self, prompts: StoredPrompts, default: Phrase, new_id: Callable[[], CallId]
    ) -> None:
        self._prompts = prompts
        self._default = default
        self._new_id = new_id

    def of(self, app: App, name: str | None) -> tuple[PromptOrder, ...]:
        """A number's greeting; a name that is gone since it was provisioned plays nothing."""
        if name is None:
            return ()
        phrase = self._default if name == DEFAULT_GREETING_NAME else self.stored(app.id, name)
        return () if phrase is None else (PromptOrder(id=self.new_id(), phrases=(phrase,)),)

    def stored(self, app_id: str, name: str) -> Phrase | None:
        """A prompt of an app; None when it is gone."""
        stored = self._prompts.prompt(app_id, name)
        return Phrase(file=stored.path) if stored else None

    def new_id(self) -> PromptId:
        """The id of a prompt that is about to be ordered."""
        return PromptId(self._new_id())
