"""Compose files, Dockerfiles and .env.example as they are written, for tests."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[1]
DOCKER = ROOT / "docker"
DOCKERFILES = sorted(DOCKER.glob("*.Dockerfile"))
COMPOSE = [DOCKER / "compose.yaml", DOCKER / "compose.host.yaml"]

_VARIABLE = re.compile(r"\$\{([A-Z0-9_]+)(:?-)?((?:[^{}]|\$\{[^{}]*\})*)\}")


class _Loader(yaml.SafeLoader):
    """YAML with Compose's tag that takes away what an earlier file has; here it is what it says."""


_Loader.add_constructor("!reset", lambda loader, node: loader.construct_sequence(node))


def defaults(file: Path) -> dict[str, str]:
    """Each variable of a compose file with its default, as it is written."""
    return {found[1]: found[3] for found in _VARIABLE.finditer(file.read_text())}


def filled(text: str, environ: dict[str, str] | None = None) -> str:
    """Text with each ${NAME:-default} as Compose fills it in."""
    environ = environ or {}

    def value(found: re.Match[str]) -> str:
        name, operator, default = found.groups()
        given = environ.get(name)
        if given is None or (operator == ":-" and not given):
            return filled(default, environ)
        return given

    return _VARIABLE.sub(value, text)


def compose(file: Path, environ: dict[str, str] | None = None) -> dict[str, Any]:
    """A compose file with these variables, and the defaults of the others."""
    loaded: dict[str, Any] = yaml.load(filled(file.read_text(), environ), _Loader)  # noqa: S506
    return loaded


def services(name: str = "compose.yaml", environ: dict[str, str] | None = None) -> dict[str, Any]:
    """The services of a compose file."""
    found: dict[str, Any] = compose(DOCKER / name, environ)["services"]
    return found


def steps(dockerfile: Path) -> list[tuple[str, str]]:
    """The instructions of a Dockerfile and their arguments, each on one line."""
    lines = [line for line in dockerfile.read_text().splitlines() if not line.startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    pairs = [line.split(maxsplit=1) for line in joined.splitlines() if line.strip()]
    return [(instruction, arguments) for instruction, arguments in pairs]


def example() -> dict[str, str]:
    """Every variable of .env.example, as if its # had been taken away."""
    lines = re.findall(r"^#?([A-Z][A-Z0-9_]*)=(.*)$", (ROOT / ".env.example").read_text(), re.M)
    assert len({name for name, _ in lines}) == len(lines)
    return dict(lines)
