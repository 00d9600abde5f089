"""The commands of `ari-voice`, one module each; `adapter.cli` registers them."""
