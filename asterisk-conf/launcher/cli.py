"""The launcher's command line: JSON on stdout; for a failure one line on stderr and status 1."""

from __future__ import annotations

import argparse
import json
import os
import secrets
import socket
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from launcher import carrier, instance, ports, render, tree
from launcher.errors import LauncherError
from launcher.settings import ADAPTER, CARRIER, ROLES, Settings

PASSWORD = "ARI_VOICE_ARI_PASSWORD"  # noqa: S105 - the name of a variable
TRUNK_PASSWORD = "ARI_VOICE_TRUNK_PASSWORD"  # noqa: S105
AUTHORITIES = "/etc/ssl/certs/ca-certificates.crt"  # of Debian's package ca-certificates
LOCAL_NET = "10.0.0.0/8,172.16.0.0/12,192.168.0.0/16"  # RFC 1918


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status."""
    options = _parser().parse_args(arguments)
    try:
        _COMMANDS[options.command](options)
    except (LauncherError, OSError) as reason:
        print(f"launcher: {reason}", file=sys.stderr)
        return 1
    return 0


def _tools(options: argparse.Namespace) -> None:
    _show(tree.tools(options.cache, options.only or tree.TOOLS))


def _render(options: argparse.Namespace) -> None:
    settings, held = _settings(options)
    render.render(settings, tree.layout(options.cache))
    for holder in held:
        holder.close()
    _show(settings.to_json())


def _start(options: argparse.Namespace) -> None:
    layout = tree.layout(options.cache)
    settings, held = _settings(options)
    _show(instance.start(settings, layout, held).report())


def _run(options: argparse.Namespace) -> None:
    layout = tree.layout(options.cache)
    settings, held = _settings(options)
    instance.run(settings, layout, held)


def _restart(options: argparse.Namespace) -> None:
    _show(instance.restart(options.dir, tree.layout(options.cache)).report())


def _stop(options: argparse.Namespace) -> None:
    _show({"was_up": instance.end(options.dir, instance.STOP_PATIENCE)})


def _kill(options: argparse.Namespace) -> None:
    _show({"was_up": instance.end(options.dir, 0.0)})


def _cli(options: argparse.Namespace) -> None:
    print(instance.command_line(options.dir, " ".join(options.words)), end="")


def _call(options: argparse.Namespace) -> None:
    channel = carrier.call(
        instance.load(options.dir),
        options.to,
        options.caller,
        options.behave,
        carrier.headers(options.header),
        options.name,
        options.via,
        options.timeout,
    )
    _show({"channel": channel})


def _cancel(options: argparse.Namespace) -> None:
    _show({"was_up": carrier.cancel(instance.load(options.dir), options.channel)})


def _heard(options: argparse.Namespace) -> None:
    _show([str(file) for file in carrier.heard(options.dir, options.number)])


_COMMANDS = {
    "tools": _tools,
    "render": _render,
    "start": _start,
    "run": _run,
    "restart": _restart,
    "stop": _stop,
    "kill": _kill,
    "cli": _cli,
    "call": _call,
    "cancel": _cancel,
    "heard": _heard,
}


def _settings(options: argparse.Namespace) -> tuple[Settings, list[socket.socket]]:
    """Settings from the options, with free ports and fresh passwords where none are given."""
    instance.refuse_running(options.dir)
    http_bind = options.http_bind or options.bind
    wish = ports.Wish(
        *(options.http_port, options.sip_port, options.rtp_start, options.rtp_end),
        options.ami_port,
        options.tls_port if options.tls_cert else 0,
    )
    chosen, held = ports.choose(wish, options.bind, http_bind)
    settings = Settings(
        role=options.role,
        dir=str(options.dir),
        name=options.name or options.role,
        app=options.app,
        bind=options.bind,
        http_bind=http_bind,
        http_port=chosen.http,
        ami_port=chosen.ami,
        sip_port=chosen.sip,
        rtp_start=chosen.rtp_start,
        rtp_end=chosen.rtp_end,
        ari_user=options.ari_user,
        ari_password=_password(options.ari_password_file, PASSWORD),
        adapter_sip=options.adapter_sip or "",
        trunk_password=_password(None, TRUNK_PASSWORD) if options.role == CARRIER else "",
        user=options.user or "",
        external_address=options.external_address,
        local_net=tuple(filter(None, options.local_net.split(","))),
        tls_port=chosen.tls,
        tls_cert=options.tls_cert,
        tls_key=options.tls_key,
        tls_ca=options.tls_ca or AUTHORITIES,
        adapter_tls=options.adapter_tls or "",
    )
    return settings.checked(), held


def _password(file: Path | None, variable: str) -> str:
    """From a file, the environment, or new. Never an argument: all users can read those."""
    if file is not None:
        return file.read_text().strip()
    return os.environ.get(variable) or secrets.token_urlsafe(24)


def _show(value: Any) -> None:
    print(json.dumps(value, indent=2))


def _folder(text: str) -> Path:
    return Path(text).absolute()


def _file(text: str) -> str:
    """Empty is not given: compose.yaml can't leave an option out."""
    return str(Path(text).absolute()) if text else ""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="launcher", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    tools = commands.add_parser("tools", help=f"find or unpack {', '.join(tree.TOOLS)}")
    tools.add_argument(
        "--only",
        nargs="+",
        choices=tree.TOOLS + tree.OPTIONAL,
        help=f"what is needed; default: {', '.join(tree.TOOLS)}",
    )
    for name, text in (
        ("render", "write an instance's folder"),
        ("start", "render, start in the background, wait until ARI answers"),
        ("run", "render and run in the foreground"),
    ):
        _instance_options(commands.add_parser(name, help=text))
    for name, text in (
        ("restart", "start again with the same settings and ports"),
        ("stop", "SIGTERM, wait, SIGKILL after 5 s"),
        ("kill", "SIGKILL"),
    ):
        commands.add_parser(name, help=text)
    commands.add_parser("cli", help="run a command of Asterisk's").add_argument("words", nargs="+")
    _carrier_commands(commands)
    for name, command in commands.choices.items():
        if name != "tools":
            command.add_argument("--dir", type=_folder, required=True, help="the instance's folder")
        if name in {"tools", "render", "start", "run", "restart"}:
            command.add_argument("--cache", type=_folder, default=tree.default_cache())
    return parser


def _instance_options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--role", choices=ROLES, default=ADAPTER)
    add("--name", help="prefix of channel ids; default: the role")
    add("--app", default="ari-voice", help="the Stasis application that gets the calls")
    add("--bind", default="127.0.0.1", help="IPv4 address of SIP and RTP")
    add("--http-bind", help="IPv4 address of ARI and AMI; default: --bind")
    add("--http-port", type=int, help="default: a free one, as for all ports")
    add("--ami-port", type=int)
    add("--sip-port", type=int)
    add("--rtp-start", type=int)
    add("--rtp-end", type=int)
    add("--ari-user", default="ari-voice")
    add("--ari-password-file", type=Path, help=f"else ${PASSWORD}, else a new one is made")
    add("--tls-cert", type=_file, default="", help="PEM, with its chain: turns SIP over TLS on")
    add("--tls-key", type=_file, default="", help="PEM, its private key without a password")
    add("--tls-ca", type=_file, default="", help=f"who signs others' certificates: {AUTHORITIES}")
    add("--tls-port", type=int)
    add("--adapter-sip", metavar="HOST:PORT", help="where the carrier calls in")
    add("--adapter-tls", metavar="HOST:PORT", help="the same over TLS, of a carrier with TLS")
    add("--user", help="as root: run Asterisk as this user")
    add("--external-address", default="", help="IPv4 address that others see, behind NAT")
    add("--local-net", default=LOCAL_NET, help="networks that see --bind instead, a,b,...")


def _carrier_commands(commands: Any) -> None:
    call = commands.add_parser("call", help="the carrier calls the adapter")
    call.add_argument("--to", required=True)
    call.add_argument("--from", dest="caller", required=True)
    call.add_argument("--name", default="", help="the caller's name")
    call.add_argument("--behave", default="", help="steps once answered: wait:2,press:12#,hangup")
    call.add_argument("--header", action="append", default=[], metavar="'Name: value'")
    call.add_argument("--via", choices=carrier.VIA, default=carrier.VIA[0])
    call.add_argument("--timeout", type=float, default=60.0, help="seconds to ring")
    cancel = commands.add_parser("cancel", help="end a call of the carrier's")
    cancel.add_argument("--channel", required=True)
    heard = commands.add_parser("heard", help="recordings of what the carrier heard")
    heard.add_argument("--number", required=True)
