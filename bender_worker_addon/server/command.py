# SPDX-License-Identifier: GPL-3.0-or-later
"""Command: `serve` as people type it, in Blender and without one. Runs a server until it is told to stop."""

import argparse
import json
import logging
import signal
import sys
import threading
from contextlib import ExitStack
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ..core.errors import FarmError
from ..settings.config import RABBITMQ, WorkerConfig
from ..settings.resolve import Resolved
from .access import KEY_FILE

if TYPE_CHECKING:
    from .serve import Links

log = logging.getLogger(__name__)

LOOPBACK = "127.0.0.1"
_LOOK = 2.0  # seconds between two looks at the server
_LOOPBACK = frozenset({LOOPBACK, "::1", "localhost"})


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--host", default=LOOPBACK, help=f"the address to listen on; 0.0.0.0: on all ({LOOPBACK})")
    parser.add_argument("--port", type=int, default=8000, help="8000; 0: any")
    parser.add_argument("--cert", type=Path, metavar="FILE", help="for TLS: the certificate, with its chain")
    parser.add_argument("--key", type=Path, metavar="FILE", help="for TLS: its key")
    parser.add_argument("--json", action="store_true", help="the first line of the output is JSON: page, key, join")


def carry_out(options: argparse.Namespace, resolved: Resolved) -> None:
    """Serves until SIGTERM or Ctrl-C. Raises WorkerError if it can't."""
    from .serve import Server

    stopping = threading.Event()
    signals = [signal.SIGTERM, signal.SIGINT]
    before = {number: signal.signal(number, lambda *_: stopping.set()) for number in signals}
    try:
        with ExitStack() as parts:
            config = _with_a_queue(resolved, options.host, parts)
            server = Server(config, host=options.host, port=options.port, cert=options.cert, key=options.key)
            parts.callback(server.close)
            _say(server.links, config.farm_dir / KEY_FILE, as_json=options.json)
            while not stopping.wait(_LOOK) and server.is_running():
                server.look_after()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)
    log.info("stopped")


def _with_a_queue(resolved: Resolved, host: str, parts: ExitStack) -> WorkerConfig:
    """The settings with the RabbitMQ that is named; else with one of the farm's own, if one is installed here; else
    with the queue on this machine, which only its own workers reach. Raises FarmError where others are to reach it."""
    from . import node

    config = resolved.config
    if not config.is_local or not resolved.sources["queue"].startswith("default"):
        return config
    found = node.programs()
    if found is None and host in _LOOPBACK:
        return config
    if found is None:
        raise FarmError(node.HOW_TO_GET_ONE)
    own = node.Node(found, config.farm_dir / node.FOLDER, host=host)
    parts.callback(own.close)
    return replace(config, queue=RABBITMQ, amqp_url=own.url)


def _say(links: "Links", key: Path, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(asdict(links)), flush=True)
        return
    base = links.join.partition("/join/")[0]
    print(f"The farm answers at {base}; its key is in {key}.", flush=True)
    print(f"To let a machine join it, type there:  blender --command bender_worker join {links.join}", flush=True)
    print("Ctrl-C ends the farm; nothing is lost.", file=sys.stderr, flush=True)
