"""What a plug-in may raise. The host retries what says `retryable`; a plug-in never retries itself.

::

    PluginError
    ├── CannotStart            settings, a missing program, a refused key
    └── SpeechError            one synthesis failed
        ├── Unavailable        retryable: the service or the program does not answer
        ├── Timeout            retryable: it took too long
        ├── QuotaExceeded      no more today; a rate limit that passes says `retryable=True`
        ├── BadRequest         this text can't be spoken: empty, too long, broken SSML
        └── VoiceNotSupported  no such voice in this language

A message is for the log: it never holds the text that was to be spoken, nor a credential.
"""

from __future__ import annotations


class PluginError(Exception):
    """The root of the family.

    Args:
        message: for people.
        retryable: whether the same request may succeed a moment later; None is the class's answer.
    """

    retryable: bool = False

    def __init__(self, message: str = "", *, retryable: bool | None = None) -> None:
        super().__init__(message)
        if retryable is not None:
            self.retryable = retryable


class CannotStart(PluginError):
    """The plug-in can't be used as it is configured; the adapter does not start."""


class SpeechError(PluginError):
    """One text could not be made speech."""


class Unavailable(SpeechError):
    """The service or program does not answer, or answered with a failure of its own."""

    retryable = True


class Timeout(SpeechError):
    """No speech within the time limit."""

    retryable = True


class QuotaExceeded(SpeechError):
    """The account has nothing left; a second try would only dig deeper."""


class BadRequest(SpeechError):
    """The request can't be served, now or later: the text is empty, too long or malformed."""


class VoiceNotSupported(SpeechError):
    """There is no such voice in that language, nor in one with the same primary tag.

    Attributes:
        language: as asked for.
        voice: as asked for.
    """

    def __init__(self, language: str, voice: str = "") -> None:
        super().__init__(f"no voice {voice!r} for language {language!r}")
        self.language = language
        self.voice = voice
