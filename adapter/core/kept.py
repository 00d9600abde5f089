"""A recording as it is kept: whose it is, where its files are, and what came of it.

Values only. How rows are stored is `adapter.store.recordings`, what is done with the files
`adapter.media.recordings`; the recording that a call is making is `adapter.core.model.recording`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from adapter.core.ids import CallId, RecordingId
from adapter.core.model import Saved


class KeptState(StrEnum):
    """RUNNING from its order on; it ends as SAVED or FAILED."""

    RUNNING = "running"
    SAVED = "saved"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptRecording:
    """One recording.

    Attributes:
        id: public id.
        contract: front end of its call.
        owner: tenant of that front end.
        call: its call.
        name: the customer's name for it, used once by an owner; None when it gave none.
        created_at: when it was ordered, in seconds since the epoch.
        state: what came of it.
        stem: path of its files without their endings, relative to the folder of recordings; None
            before it was started.
        saved: length, size and digest once it is SAVED.
    """

    id: RecordingId
    contract: str
    owner: str
    call: CallId
    name: str | None
    created_at: float
    state: KeptState = KeptState.RUNNING
    stem: str | None = None
    saved: Saved | None = None
