# SPDX-License-Identifier: GPL-3.0-or-later
"""`join`: makes this machine a worker of a farm, by the line that the farm has printed."""

import argparse
import json
import platform
import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from . import ENDED, PROGRAM, TROUBLE, USAGE

if TYPE_CHECKING:
    from ...settings.resolve import Resolved

NAME = "join"
HELP = "make this machine a worker of a farm"
DESCRIPTION = (
    "Makes this machine a worker of the farm whose join link this is: asks it where RabbitMQ is and for a token of its"
    " own, checks both and writes them into config.toml, for its owner alone."
)
_TIMEOUT = 20.0  # seconds
_ANSWER = 65_536  # bytes
_SETTINGS = ("bender_url", "amqp_url", "upload")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("link", metavar="LINK", help="http://HOST:8000/join/CODE, as the farm has printed it")
    parser.add_argument("--yes", action="store_true", help="ask nothing")


def carry_out(options: argparse.Namespace, settings: "Callable[[], Resolved]") -> int:
    from ...settings import file as config_file
    from ...worker import checkup

    before = settings()
    if urlsplit(options.link).scheme not in ("http", "https"):
        print(f"{PROGRAM}: the link should be http://HOST:8000/join/CODE, found {options.link}", file=sys.stderr)
        return USAGE
    told = _asked(options.link)
    if not options.yes and not _agrees(before.config.tasks_from, before.file):
        return ENDED
    config_file.write(before.file, config_file.read_if_there(before.file).changed(told))
    print(f"{before.file} is written")
    well = True
    for name, test in checkup.of_settings(settings().config).items():
        trouble = test()
        well = well and not trouble
        print(f"{name}: {trouble or 'good'}", file=sys.stderr if trouble else sys.stdout)
    if well:
        print("This machine has joined the farm. Next:  blender --command bender_worker run")
    return ENDED if well else TROUBLE


def _asked(link: str) -> dict[str, str | int | float | bool]:
    """What the farm tells of itself. Raises WorkerError."""
    from ...core.errors import WorkerError

    name = json.dumps({"name": platform.node()}).encode()
    request = urllib.request.Request(link, data=name, method="POST", headers={"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT) as answer:
            told: Any = json.loads(answer.read(_ANSWER))
    except urllib.error.HTTPError as error:
        raise WorkerError(_said(error)) from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        raise WorkerError(f"the farm can't be asked at {urlsplit(link).netloc}: {reason}") from error
    if not isinstance(told, dict) or not isinstance(told.get("bender_url"), str):
        raise WorkerError(f"what answers at {urlsplit(link).netloc} is no farm")
    return {name: value for name in _SETTINGS if isinstance(value := told.get(name), str)}


def _said(error: urllib.error.HTTPError) -> str:
    try:
        told = json.loads(error.read(_ANSWER))
        return f"the farm says: {told['error']}"
    except (OSError, ValueError, KeyError, TypeError):
        return f"the farm's answer is {error.code} {error.reason}"


def _agrees(now: str, file: object) -> bool:
    answer = input(f"Tasks come from {now} now. Join this farm, and write that into {file}? [Y/n] ")
    return answer.strip().lower() in ("", "y", "yes")
