# SPDX-License-Identifier: GPL-3.0-or-later
"""Standalone: a farm on a machine without Blender, `python3 bender-farm.pyz serve`: owns that command line."""

import argparse
import logging
import os
import sys
from collections.abc import Sequence

from ..core.errors import ConfigError, WorkerError
from ..settings.config import help_on
from ..settings.resolve import resolve
from ..system.places import data_folder
from ..system.streams import print_anything
from . import command

PROGRAM = "bender-farm"
ENDED, TROUBLE, USAGE = 0, 1, 2
_SETTINGS = ("amqp_url", "farm_dir", "queue", "ca_file", "client_cert", "client_key")
_LOG = "%(asctime)s %(levelname)-7s %(message)s"


def main(arguments: Sequence[str]) -> int:
    """Gives the exit code."""
    print_anything()
    options = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format=_LOG, stream=sys.stderr)
    logging.getLogger("pika").setLevel(logging.CRITICAL)
    try:
        chosen = {name: getattr(options, name) for name in _SETTINGS}
        command.carry_out(options, resolve(data_dir=data_folder(PROGRAM), environment=os.environ, options=chosen))
    except ConfigError as error:
        print(f"{PROGRAM}: {error}", file=sys.stderr)
        return USAGE
    except WorkerError as error:
        print(f"{PROGRAM}: {error}", file=sys.stderr)
        return TROUBLE
    return ENDED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=PROGRAM, description="A bender render farm: its books, its jobs, its frames.")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    serve = commands.add_parser("serve", help="make this machine a farm that others can join")
    command.add_arguments(serve)
    for name in _SETTINGS:
        told = help_on(name).replace("%", "%%")
        serve.add_argument(f"--{name.replace('_', '-')}", dest=name, metavar="VALUE", help=told)
    return parser
