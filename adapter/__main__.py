"""`python -m adapter` is `ari-voice`."""

from adapter.cli import main

main(prog_name="ari-voice")
