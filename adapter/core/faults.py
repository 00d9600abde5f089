"""What can be wrong with the world around the core, as the parts tell it to the engine.

::

    Fault
    ├── StoreFailed        the database did not take a transaction: nothing of it was written
    ├── AsteriskDown       no answer; the command may or may not have been carried out
    ├── MediaUnavailable   a phrase can't be rendered or found; the text says why
    ├── NoAnswer           the application gave no answer that can be used
    ├── RecordingFailed    a recording could not be started, or has no file; the text says why
    └── ListeningFailed    speech could not be recognised; the text says why
"""

from __future__ import annotations

from typing import Final

MEDIA_LATE: Final = "not fetched in time"
"""How the text of MediaUnavailable begins when a remote file did not come within its time limit."""


class Fault(Exception):
    """Something outside did not do what it was asked."""


class StoreFailed(Fault):
    """The database did not take a transaction: nothing of it was written."""


class AsteriskDown(Fault):
    """Asterisk does not answer; the command may or may not have been carried out."""


class MediaUnavailable(Fault):
    """A phrase can't be rendered or found; the text says why."""


class NoAnswer(Fault):
    """The application gave no answer that can be used; the text is the front end's word for it."""


class RecordingFailed(Fault):
    """A recording could not be started, or has left no file; the text says why."""


class ListeningFailed(Fault):
    """Speech could not be recognised; the text says why, and never what was said."""
