"""What a plug-in may raise. The host retries what says `retryable`; a plug-in never retries itself.

::

    PluginError
    ├── CannotStart                 settings, a missing program, a refused key
    │   └── Unreachable             the service does not answer now
    ├── SpeechError                 one synthesis failed
    │   └── VoiceNotSupported       no such voice in this language
    └── RecognitionError            one recognition failed
        └── LanguageNotSupported    no such language

    SpeechError and RecognitionError, both:
        ├── Unavailable             retryable: the service or the program does not answer
        ├── Timeout                 retryable: it took too long
        ├── QuotaExceeded           no more today; a passing rate limit says `retryable=True`
        └── BadRequest              not with this text, these hints or so much audio

A message is for the log: it never holds the text that was to be spoken or was
understood, nor a credential.
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


class Unreachable(CannotStart):
    """Nothing is wrong here, but the service does not answer now.

    When another plug-in of the kind starts, the adapter starts without this one.
    """


class SpeechError(PluginError):
    """One text could not be made speech."""


class RecognitionError(PluginError):
    """One utterance could not be made text."""


class Unavailable(SpeechError, RecognitionError):
    """The service or program does not answer, or answered with a failure of its own."""

    retryable = True


class Timeout(SpeechError, RecognitionError):
    """No speech, or no text, within the time limit."""

    retryable = True


class QuotaExceeded(SpeechError, RecognitionError):
    """The account has nothing left; a second try would only dig deeper."""


class BadRequest(SpeechError, RecognitionError):
    """The request can't be served, now or later.

    A text that is empty, too long or malformed; hints that can't be listened for; too much audio.
    """


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


class LanguageNotSupported(RecognitionError):
    """There is no such language, nor one with the same primary tag.

    Attributes:
        language: as asked for.
    """

    def __init__(self, language: str) -> None:
        super().__init__(f"no recognition for language {language!r}")
        self.language = language
