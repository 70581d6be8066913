# SPDX-License-Identifier: GPL-3.0-or-later
"""`logs`: what the worker has logged, or what Blender printed for one task."""

import argparse
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ..log import log_path
from . import ENDED

if TYPE_CHECKING:
    from ...settings.resolve import Resolved

NAME = "logs"
HELP = "show the worker's log"
DESCRIPTION = "Shows the end of the worker's log, or what Blender printed for one task."

_LOOK_EVERY = 0.25  # seconds between two looks at whether there is more


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-f", "--follow", action="store_true", help="show what comes, until Ctrl-C")
    parser.add_argument("-n", "--lines", type=int, default=50, metavar="N", help="how many lines (default: 50)")
    parser.add_argument("--task", metavar="ID", help="what Blender printed for this task")


def carry_out(options: argparse.Namespace, settings: "Callable[[], Resolved]") -> int:
    from ...core.errors import WorkerError
    from ...worker.state.task_logs import TaskLogs

    folder = settings().config.data_dir
    path = TaskLogs(folder / "logs").path(Path(options.task).name) if options.task else log_path(folder)
    try:
        content, file = _read(path)
    except OSError as error:
        raise WorkerError(f"there is no log {path}: {error.strerror}") from error
    for line in content.splitlines()[-options.lines :] if options.lines > 0 else ():
        print(line.decode("utf-8", "replace"), flush=True)
    if options.follow:
        for more in _what_comes(path, file, len(content)):
            print(more.decode("utf-8", "replace"), end="", flush=True)
    return ENDED


def _what_comes(path: Path, file: int, position: int) -> Iterator[bytes]:
    """All that is written from `position` on to the log that was `file` when it was read last. It is not kept open:
    Windows would not let it be rotated."""
    while True:
        time.sleep(_LOOK_EVERY)
        try:
            content, found = _read(path, position)
            if found != file:  # it was rotated: the end of the old one is beside it
                yield _read(path.with_name(f"{path.name}.1"), position)[0]
                file, position = found, 0
                continue
        except FileNotFoundError:
            continue  # just being rotated
        position += len(content)
        yield content


def _read(path: Path, position: int = 0) -> tuple[bytes, int]:
    """What stands in the file from there on, and which file it is."""
    with path.open("rb") as file:
        file.seek(position)
        return file.read(), os.fstat(file.fileno()).st_ino
