"""ari-voice-adapter: the contracts of hosted voice platforms, served from your own Asterisk."""

__version__ = "0.1.0"
