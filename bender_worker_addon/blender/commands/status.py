# SPDX-License-Identifier: GPL-3.0-or-later
"""`status`: what a running worker is doing, asked from outside."""

import argparse
import json
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from . import ENDED, one_line

if TYPE_CHECKING:
    from ...settings.resolve import Resolved

NAME = "status"
HELP = "say what the running worker is doing"
DESCRIPTION = (
    "Asks the worker that runs on this data folder, in a window or without one, what it is doing. Exit code 3: none"
    " runs there."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="for scripts")


def carry_out(options: argparse.Namespace, settings: "Callable[[], Resolved]") -> int:
    from ...worker import control

    told = control.ask(settings().config.data_dir, control.STATUS)
    print(json.dumps(told, indent=2) if options.json else "\n".join(_in_words(told)))
    return ENDED


def _in_words(told: dict[str, Any]) -> Iterator[str]:
    yield f"worker {told['id']}, process {told['pid']}"
    yield told["state"] + (f": {told['detail']}" if told["detail"] else "")
    if task := told["task"]:
        left = "" if task["left"] is None else f", about {task['left']} s left"
        yield (
            f"{_called(task['job'], task['job_id'])}: frame {task['number']}, {task['position']} of {task['total']};"
            f" {task['part']:.0%} in {task['elapsed']} s{left}{task['doing'] and ', '}{task['doing']}"
        )
    if told["next_job_id"]:
        yield f"next: {_called(told['next_job'], told['next_job_id'])}"
    if told["uploading"]:
        yield f"{told['uploading']} tasks wait for their upload"
    disk = "" if told["free_disk"] is None else f"; {told['free_disk']:g} GB of disk free"
    speed = "" if told["an_hour"] is None else f", {told['an_hour']} an hour"
    yield f"since its start: {told['frames']} frames{speed}; {told['failures']} failures{disk}"


def _called(name: str, job_id: str) -> str:
    return f"job {job_id}" if name == job_id else f"{one_line(name)} (job {job_id})"
