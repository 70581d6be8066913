# SPDX-License-Identifier: GPL-3.0-or-later
"""Command: `serve` as people type it, in Blender and without one. Runs a server until it is told to stop."""

import argparse
import json
import logging
import shutil
import sys
import threading
from contextlib import ExitStack
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ..core.errors import FarmError
from ..settings.config import RABBITMQ, WorkerConfig
from ..settings.resolve import Resolved
from ..system import systemd
from ..system.ending import when_asked_to_end
from . import members
from .access import KEY_FILE

if TYPE_CHECKING:
    from .node import Node
    from .serve import Links, Server

log = logging.getLogger(__name__)

LOOPBACK = "127.0.0.1"
_LOOK = 2.0  # seconds between two looks at the server
_LOOPBACK = frozenset({LOOPBACK, "::1", "localhost"})


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--host", default=LOOPBACK, help=f"the address to listen on; 0.0.0.0: on all ({LOOPBACK})")
    parser.add_argument("--port", type=int, default=8000, help="the port; 0: any that is free (8000)")
    parser.add_argument("--cert", type=Path, metavar="FILE", help="for TLS: the certificate, with its chain")
    parser.add_argument("--key", type=Path, metavar="FILE", help="for TLS: its key")
    parser.add_argument(
        "--blender", type=Path, metavar="FILE", help="the Blender that looks into blends and makes films for the page"
    )
    parser.add_argument("--json", action="store_true", help="the first line of the output is JSON: page, key, join")
    others = parser.add_argument_group("instead of serving, for a farm that runs or not")
    one = others.add_mutually_exclusive_group()
    one.add_argument("--new-join", action="store_true", help="print another line by which machines can join")
    one.add_argument("--joined", action="store_true", help="list the machines that have joined, and the join codes")
    one.add_argument("--revoke", metavar="ID", help="a join code, or a machine's access, counts no more")


def carry_out(options: argparse.Namespace, resolved: Resolved, *, blender: Path | None = None) -> None:
    """Serves until SIGTERM or Ctrl-C, or says and changes who may join. `blender`: the one this runs in. Raises
    WorkerError if it can't."""
    folder = resolved.config.farm_dir
    if options.new_join:
        members.print_new_code(folder, as_json=options.json)
    elif options.joined:
        members.print_all(folder, as_json=options.json)
    elif options.revoke is not None:
        members.revoke(folder, options.revoke, as_json=options.json)
    else:
        _serve(options, resolved, _blender(options.blender, blender))


def _blender(named: Path | None, this: Path | None) -> Path | None:
    """Raises FarmError if what is named is none."""
    if named is not None and not named.expanduser().is_file():
        raise FarmError(f"--blender: {named} is no file")
    if named is not None:
        return named.expanduser().absolute()
    found = shutil.which("blender")
    return this or (None if found is None else Path(found))


def _serve(options: argparse.Namespace, resolved: Resolved, blender: Path | None) -> None:
    from .serve import Server

    service = systemd.Service()
    stopping = threading.Event()
    with when_asked_to_end(stopping.set), ExitStack() as parts:
        config, own = _with_a_queue(resolved, options.host, parts)
        tls = {"cert": options.cert, "key": options.key}
        where = {"host": options.host, "port": options.port}
        server = Server(config, **where, **tls, blender=blender, own_rabbitmq=own)
        parts.callback(server.close)
        parts.callback(service.notify, "STOPPING=1")
        _say(server.links, config.farm_dir / KEY_FILE, as_json=options.json, is_service=service.is_there)
        service.notify("READY=1", f"STATUS=Answers at {_base(server.links)}")
        _look_after(server, service, stopping)
    log.info("stopped")


def _look_after(server: "Server", service: systemd.Service, stopping: threading.Event) -> None:
    """Until it is told to stop. Raises FarmError if it comes to an end before."""
    pause = min(_LOOK, (service.watchdog or _LOOK) / 3)
    while not stopping.wait(pause):
        if not server.is_running():
            raise FarmError("what answers over HTTP has ended by itself; the lines above may say why. Start it again")
        server.look_after()
        service.notify("WATCHDOG=1")


def _with_a_queue(resolved: Resolved, host: str, parts: ExitStack) -> "tuple[WorkerConfig, Node | None]":
    """The settings with the RabbitMQ that is named; else with one of the farm's own, if one is installed here, and that
    one; else with the queue on this machine, which only its own workers reach. Raises FarmError where others are to
    reach it."""
    from . import node
    from .rabbit_users import FOLDER

    config = resolved.config
    if not config.is_local or not resolved.sources["queue"].startswith("default"):
        return config, None
    found = node.programs()
    if found is None and host in _LOOPBACK:
        return config, None
    if found is None:
        raise FarmError(node.HOW_TO_GET_ONE)
    own = node.Node(found, config.farm_dir / FOLDER, host=host)
    parts.callback(own.close)
    return replace(config, queue=RABBITMQ, amqp_url=own.url), own


def _say(links: "Links", key: Path, *, as_json: bool, is_service: bool) -> None:
    if as_json:
        print(json.dumps(asdict(links)), flush=True)
        return
    if not is_service and sys.stdout.isatty():  # nobody keeps it, and who types `serve` may have the key
        print(f"The farm's page, to be opened in a browser:  {links.page}")
    else:
        print(f"The farm's page is at {_base(links)}; its key is in {key}.", flush=True)
    if is_service:  # its journal keeps what is printed, for others too
        print("serve --new-join  prints a line by which machines can join", flush=True)
        return
    members.print_join_line(links.join)
    sys.stdout.flush()
    print("Ctrl-C ends the farm; nothing is lost.", file=sys.stderr, flush=True)


def _base(links: "Links") -> str:
    return links.join.partition("/join/")[0]
