"""Why a command cannot be carried out. Nothing was written when one of these is raised.

::

    CoreError
    ├── CallUnknown        no such call, or another tenant's
    ├── CallOver           the call has ended or is ending
    ├── CallNotUp          it is not answered yet
    ├── NotOffered         there is nothing to accept: it is our own outbound call
    ├── PromptBusy         a prompt is already running
    ├── NoPrompt           there is no (such) prompt to stop
    ├── Bridged            it is joined with another party, or about to be: nothing can be played
    ├── AlreadyBridged     it is joined with another party already
    ├── NotBridged         it is not joined with another party
    ├── BridgeBusy         another party is being called for it
    ├── AlreadyRecording   it is being recorded
    └── NotRecording       it is not being recorded

Every contract words every one of them (`tests/test_house.py`). Facts never raise.
"""

from __future__ import annotations


class CoreError(Exception):
    """A command that cannot be, in the state in which the call is."""


class CallUnknown(CoreError):
    """No such call, or another tenant's: the two cannot be told apart from outside."""


class CallOver(CoreError):
    """The call has ended or is ending."""


class CallNotUp(CoreError):
    """The call is not answered yet."""


class NotOffered(CoreError):
    """There is nothing to accept: the call is outbound."""


class PromptBusy(CoreError):
    """A prompt is already running on the call."""


class NoPrompt(CoreError):
    """There is no prompt, or not the named one, to stop."""


class Bridged(CoreError):
    """The call is joined with another party, or about to be: nothing can be played to it."""


class AlreadyBridged(CoreError):
    """The call is joined with another party already."""


class NotBridged(CoreError):
    """The call is not joined with another party."""


class BridgeBusy(CoreError):
    """Another party is being called for the call: by connect, transfer or forward."""


class AlreadyRecording(CoreError):
    """The call is being recorded."""


class NotRecording(CoreError):
    """The call is not being recorded."""
