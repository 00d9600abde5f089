"""What is asked of a caller before the call is anybody's."""

from __future__ import annotations

from dataclasses import dataclass

from adapter.core.model.prompt import PromptOrder


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """A code (a PIN, say) that tells whose the call is.

    Attributes:
        asks: one prompt for each try; each collects digits.
        goodbye: played when all of them were in vain; it hangs up.
        tried: number of tries that were begun.
        code: of the latest try, while it is being judged; empty otherwise.
    """

    asks: tuple[PromptOrder, ...]
    goodbye: PromptOrder
    tried: int = 0
    code: str = ""
