"""The compose files keep to Compose's own schema (compose-spec), as Docker checks it."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.container_files import COMPOSE, compose


def checked(loaded: dict[str, Any], folder: Path) -> tuple[int, str]:
    """Status and output of check-jsonschema, which has a copy of the schema."""
    file = folder / "compose.json"
    file.write_text(json.dumps(loaded))
    program = Path(sys.executable).with_name("check-jsonschema")
    command = [program, "--builtin-schema", "vendor.compose-spec", file]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("file", COMPOSE, ids=lambda file: file.name)
def test_compose_file_keeps_to_the_schema(file: Path, tmp_path: Path) -> None:
    """Each file alone is valid, and what is not in the schema is found in it."""
    loaded = compose(file)
    status, output = checked(loaded, tmp_path)
    assert status == 0, output
    for planted in ({"restrat": "always"}, {"ports": "8080:8080"}):
        broken = copy.deepcopy(loaded)
        broken["services"]["adapter"].update(planted)
        status, output = checked(broken, tmp_path)
        assert status == 1
        assert "services.adapter" in output
