"""Renders an instance: the templates of this folder's parent, and the folders Asterisk wants.

A template is a `.conf` of `both/` and of the role's folder (which wins), with settings written as
%%{name}: neither `$` nor `@` would do, the dialplan uses both.
"""

from __future__ import annotations

import re
import string
from pathlib import Path

from launcher import sound
from launcher.errors import LauncherError
from launcher.settings import CARRIER, Settings
from launcher.tree import Layout

TEMPLATES = Path(__file__).resolve().parent.parent

# Asterisk logs an error, or a module declines, unless these exist; there is nothing to say in them.
_EMPTY = (
    "acl.conf",
    "chan_websocket.conf",
    "pjproject.conf",
    "res_curl.conf",
    "stasis.conf",
    "websocket_client.conf",
)
_GENERAL_ONLY = ("ccss.conf", "features.conf", "res_http_media_cache.conf", "udptl.conf")
_FOLDERS = (
    "cache",
    "data",
    "etc",
    "heard",
    "lib/keys",
    "log",
    "moh",
    "run",
    "spool/monitor",
    "spool/recording",  # ARI's record answers 500 without it
)
_SHARED_DATA = ("documentation", "rest-api", "static-http")


class Template(string.Template):
    """A configuration file with settings as %%{name}."""

    delimiter = "%%"


def render(settings: Settings, layout: Layout) -> Path:
    """Write the instance's folder, mode 0700, and return it. What calls left behind in it stays.

    Raises LauncherError when a setting is unfit, or Asterisk lacks a module or the prompts.
    """
    settings.checked()
    root = Path(settings.dir)
    root.mkdir(parents=True, exist_ok=True)
    root.chmod(0o700)
    for name in _FOLDERS:
        (root / name).mkdir(parents=True, exist_ok=True)
    for name, text in configuration(settings, layout).items():
        write_private(root / "etc" / name, text)
    _link_data(root, settings, layout)
    _music(root / "moh", layout)
    return root


def configuration(settings: Settings, layout: Layout) -> dict[str, str]:
    """All configuration files of an instance, by name."""
    names = {
        **settings.names,
        "modules": str(layout.modules),
        "program_dir": str(layout.program.parent),
    }
    files = dict.fromkeys(_EMPTY, "") | dict.fromkeys(_GENERAL_ONLY, "[general]\n")
    for folder in (TEMPLATES / "both", TEMPLATES / settings.role):
        for template in sorted(folder.glob("*.conf")):
            try:
                files[template.name] = Template(template.read_text()).substitute(names)
            except (KeyError, ValueError) as reason:
                raise LauncherError(
                    f"{template}: unknown or malformed setting: {reason}"
                ) from reason
    if not settings.tls_cert:
        files["pjsip_tls.conf"] = ""
    files["modules.conf"] = _modules(settings.role, layout.modules)
    return files


def write_private(file: Path, text: str) -> None:
    """Write a file that nobody else may read (it can hold a password), in one rename."""
    fresh = file.with_name(f".{file.name}.new")
    fresh.unlink(missing_ok=True)
    fresh.touch(mode=0o600)
    fresh.write_text(text)
    fresh.rename(file)


def _modules(role: str, folder: Path) -> str:
    lines = ["[modules]", "autoload=no"]
    for listing in (TEMPLATES / "both/modules.txt", TEMPLATES / role / "modules.txt"):
        for name in re.findall(r"^\??\w+\.so$", listing.read_text(), re.MULTILINE):
            if (folder / name.lstrip("?")).is_file():
                lines.append(f"load={name.lstrip('?')}")
            elif not name.startswith("?"):
                raise LauncherError(f"Asterisk has no module {name} in {folder}")
    return "\n".join(lines) + "\n"


def _link_data(root: Path, settings: Settings, layout: Layout) -> None:
    """Link Asterisk's shared data. Without its documentation it does not even start."""
    links = {name: layout.data / name for name in _SHARED_DATA if (layout.data / name).is_dir()}
    (root / "data/sounds").mkdir(exist_ok=True)
    try:
        links["sounds/en"] = layout.prompts
    except LauncherError:
        if settings.role == CARRIER:  # it speaks with them; the adapter brings its own speech
            raise
    for name, target in links.items():
        link = root / "data" / name
        link.unlink(missing_ok=True)
        link.symlink_to(target)


def _music(folder: Path, layout: Layout) -> None:
    """Fill an empty music folder: the package's pieces, else a soft chord of our own."""
    if any(folder.iterdir()):
        return
    pieces = sorted((layout.data / "moh").glob("*.wav"))
    for piece in pieces:
        (folder / piece.name).symlink_to(piece)
    if not pieces:
        sound.chord(folder / "chord.wav", (220.0, 277.2, 329.6), seconds=8.0)
