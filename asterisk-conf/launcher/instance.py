"""An instance's life: start, run, restart, stop, kill, and its command line.

`DIR/instance.json` (mode 0600) is all that is remembered: settings, process id, and when that
process was born. It is there from the first start on, also while the instance is down.
"""

from __future__ import annotations

import json
import os
import pwd
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from launcher import ari, ports, process, render
from launcher.errors import LauncherError
from launcher.settings import Settings
from launcher.tree import Layout

START_LIMIT = (
    60.0  # seconds; a start takes half of one, but not on a machine that is building images
)
STOP_PATIENCE = 5.0
_LOOK_AGAIN = 0.02


@dataclass(frozen=True, slots=True)
class Instance:
    """What instance.json says: the settings, and the process (pid 0: none)."""

    settings: Settings
    pid: int
    born: str
    program: str

    @property
    def is_up(self) -> bool:
        """Whether the process lives."""
        return process.lives(self.pid, self.born)

    def report(self) -> dict[str, Any]:
        """What the launcher prints, and what instance.json holds."""
        return {
            **self.settings.to_json(),
            "pid": self.pid,
            "born": self.born,
            "program": self.program,
            "ari_url": f"http://{self.settings.reach}:{self.settings.http_port}/ari",
        }


def load(folder: Path) -> Instance:
    """Read DIR/instance.json. Raises LauncherError when there is none."""
    try:
        values = json.loads((folder / "instance.json").read_text())
        return Instance(
            Settings.from_json(values), values["pid"], values["born"], values["program"]
        )
    except FileNotFoundError:
        raise LauncherError(f"no instance in {folder}") from None
    except (ValueError, KeyError, TypeError) as reason:
        raise LauncherError(f"{folder}/instance.json is damaged: {reason}") from reason


def refuse_running(folder: Path) -> None:
    """Raises LauncherError when the folder's instance is up."""
    if (folder / "instance.json").exists() and load(folder).is_up:
        raise LauncherError(f"the instance in {folder} is running already")


def start(settings: Settings, layout: Layout, held: list[socket.socket]) -> Instance:
    """Render, start in the background, and wait until ARI answers 200.

    Asterisk inherits the reserved ports (`held`). Raises LauncherError with the log's last line
    when it does not come up.
    """
    root = render.render(settings, layout)
    account = _hand_over(settings)
    with (root / "log/console.log").open("ab") as log:
        child = subprocess.Popen(
            _command(layout.program, root),
            cwd=root,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            pass_fds=[holder.fileno() for holder in held],
            **account,
        )
    instance = Instance(settings, child.pid, process.birth(child.pid), str(layout.program))
    _save(instance)
    limit = time.monotonic() + START_LIMIT
    while not ari.is_ready(settings):
        if child.poll() is not None or time.monotonic() > limit:
            child.kill()
            child.wait()
            raise LauncherError(f"Asterisk did not start: {_last_words(root)}")
        time.sleep(_LOOK_AGAIN)
    child.returncode = 0  # it is meant to outlive us: no complaint that it still runs
    return instance


def run(settings: Settings, layout: Layout, held: list[socket.socket]) -> None:
    """Render and become Asterisk, in the foreground. Does not return."""
    root = render.render(settings, layout)
    account = _hand_over(settings)
    _save(Instance(settings, os.getpid(), process.birth(os.getpid()), str(layout.program)))
    for holder in held:
        holder.set_inheritable(True)
    if account:
        os.setgroups([])
        os.setgid(account["group"])
        os.setuid(account["user"])
    os.chdir(root)
    command = _command(layout.program, root)
    os.execv(command[0], command)


def restart(folder: Path, layout: Layout) -> Instance:
    """Start again with the settings that the instance had, ports and passwords included."""
    instance = load(folder)
    process.end(instance.pid, instance.born, STOP_PATIENCE)
    kept = instance.settings
    wish = ports.Wish(
        *(kept.http_port, kept.sip_port, kept.rtp_start, kept.rtp_end, kept.ami_port),
        kept.tls_port,
    )
    _, held = ports.choose(wish, kept.bind, kept.http_bind)
    return start(kept, layout, held)


def end(folder: Path, patience: float) -> bool:
    """Stop (or, with no patience, kill) the instance; returns whether it was up."""
    instance = load(folder)
    return process.end(instance.pid, instance.born, patience)


def command_line(folder: Path, command: str) -> str:
    """Run a command of Asterisk's own command line and return what it prints."""
    instance = load(folder)
    if not instance.is_up:
        raise LauncherError(f"the instance in {folder} is not running")
    done = subprocess.run(
        [instance.program, "-C", f"{folder}/etc/asterisk.conf", "-rx", command],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    if done.returncode:
        raise LauncherError(f"asterisk -rx failed: {(done.stderr or done.stdout).strip()}")
    return done.stdout


def _command(program: Path, root: Path) -> list[str]:
    # -f: stay in the foreground; -n: no colours in the log
    return [str(program), "-C", f"{root}/etc/asterisk.conf", "-f", "-n"]


def _hand_over(settings: Settings) -> dict[str, Any]:
    """Give the folder to the user that Asterisk shall run as; arguments of Popen for it."""
    if not settings.user:
        return {}
    if os.geteuid() != 0:
        raise LauncherError("--user needs root")
    try:
        account = pwd.getpwnam(settings.user)
    except KeyError:
        raise LauncherError(f"no such user: {settings.user}") from None
    for path, folders, files in os.walk(settings.dir):
        for name in (".", *folders, *files):
            os.chown(Path(path, name), account.pw_uid, account.pw_gid, follow_symlinks=False)
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}


def _save(instance: Instance) -> None:
    text = json.dumps(instance.report(), indent=2) + "\n"
    render.write_private(Path(instance.settings.dir, "instance.json"), text)


def _last_words(root: Path) -> str:
    lines = (root / "log/console.log").read_text(errors="replace").strip().splitlines()
    errors = [line for line in lines if "ERROR" in line]
    return (errors or lines or ["it said nothing"])[-1]
