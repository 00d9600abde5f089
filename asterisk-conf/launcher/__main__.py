"""`python3 asterisk-conf/launcher COMMAND`; `--help` lists the commands."""

import sys
from pathlib import Path

if not __package__:  # started by its path: the parent folder makes `launcher` importable
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from launcher.cli import main

sys.exit(main())
