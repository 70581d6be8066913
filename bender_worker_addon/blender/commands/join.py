# SPDX-License-Identifier: GPL-3.0-or-later
"""`join`: makes this machine a worker of a farm, by the line that the farm has printed."""

import argparse
import platform
import sys
from collections.abc import Callable
from contextlib import closing
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from .. import online
from . import ENDED, PROGRAM, TROUBLE, USAGE

if TYPE_CHECKING:
    from ...settings.config import WorkerConfig
    from ...settings.resolve import Resolved

NAME = "join"
HELP = "make this machine a worker of a farm"
DESCRIPTION = (
    "Makes this machine a worker of the farm whose join link this is: asks it where RabbitMQ is and for a token of its"
    " own, checks both and writes them into config.toml, for its owner alone."
)
_SETTINGS = ("bender_url", "amqp_url", "upload")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("link", metavar="LINK", help="http://HOST:8000/join/CODE, as the farm has printed it")
    parser.add_argument("--yes", action="store_true", help="ask nothing")


def carry_out(options: argparse.Namespace, settings: "Callable[[], Resolved]") -> int:
    from ...settings import file as config_file
    from ...worker import checkup

    before = settings()
    if not _is_address(options.link):
        print(f"{PROGRAM}: the link should be http://HOST:8000/join/CODE, found {options.link}", file=sys.stderr)
        return USAGE
    if not online.is_allowed(options.link):
        print(f"{PROGRAM}: the farm is on the internet: {online.ADVICE}", file=sys.stderr)
        return USAGE
    if not options.yes and not _agrees(before.config.tasks_from, before.file):
        return ENDED
    told = _asked(options.link, before.config)
    config_file.write(before.file, config_file.read_if_there(before.file).changed(told))
    print(f"{before.file} is written")
    if "amqp_url" not in told:
        print(
            "The farm's tasks stay on its own machine: this one can send jobs and fetch frames, but render none of them"
        )
        print("until the farm has a RabbitMQ. Next:  blender --command bender_worker submit FILE.blend")
        return ENDED
    well = True
    for name, test in checkup.of_settings(settings().config).items():
        trouble = test()
        well = well and not trouble
        print(f"{name}: {trouble or 'good'}", file=sys.stderr if trouble else sys.stdout)
    if well:
        print("This machine has joined the farm. Next:  blender --command bender_worker run")
    return ENDED if well else TROUBLE


def _asked(link: str, config: "WorkerConfig") -> dict[str, str | int | float | bool]:
    """What the farm tells of itself. Raises WorkerError."""
    from ...core.errors import FarmError
    from ...settings.tls import Tls
    from ...sites.client import Client

    parts = urlsplit(link)
    with closing(Client(f"{parts.scheme}://{parts.netloc}", Tls.of(config))) as farm:
        told = farm.ask("POST", parts.path, {"name": platform.node(), "id": config.id})
    if not isinstance(told, dict) or not isinstance(told.get("bender_url"), str):
        raise FarmError(f"what answers at {parts.netloc} is no farm")
    return {name: value for name in _SETTINGS if isinstance(value := told.get(name), str)}


def _is_address(link: str) -> bool:
    from ...settings.values import Url

    try:
        Url(("http", "https"))(link)
    except ValueError:
        return False
    return True


def _agrees(now: str, file: object) -> bool:
    answer = input(f"Tasks come from {now} now. Join this farm, and write that into {file}? [Y/n] ")
    return answer.strip().lower() in ("", "y", "yes")
