# SPDX-License-Identifier: GPL-3.0-or-later
"""The words of the command line `blender --command bender_worker`, a module each. Each has

NAME, HELP, DESCRIPTION    the word, a line and a paragraph about it
add_arguments(parser)      its own options; those of settings come by themselves
carry_out(options, settings) -> int    does it and gives Blender's exit code

`settings` is called for the settings in force; it raises ConfigError if one can't be used. A WorkerError that
`carry_out` raises is told to people and ends with TROUBLE. bpy may be used, but pika and requests are the worker's.
"""

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from ...settings.resolve import Resolved

PROGRAM = "bender_worker"
ENDED, TROUBLE, USAGE, NOT_RUNNING, INTERRUPTED = 0, 1, 2, 3, 130  # exit codes


class Command(Protocol):
    NAME: str
    HELP: str
    DESCRIPTION: str

    def add_arguments(self, parser: argparse.ArgumentParser) -> None: ...

    def carry_out(self, options: argparse.Namespace, settings: "Callable[[], Resolved]") -> int: ...


def all_commands() -> "tuple[Command, ...]":
    """In the order in which help lists them; the first is the default."""
    from . import (
        cancel,
        clean,
        config,
        configure,
        delete,
        doctor,
        fetch,
        get,
        jobs,
        join,
        logs,
        pause,
        priority,
        rename,
        resume,
        retry,
        run,
        serve,
        show,
        status,
        stop,
        submit,
        video,
        workers,
    )

    jobs_of = submit, jobs, show, cancel, retry, pause, resume, priority, rename, delete, fetch, video
    return run, status, stop, logs, *jobs_of, workers, serve, join, configure, config, get, clean, doctor


def one_line(name: str) -> str:
    """A name that people chose, as it can stand in a list."""
    return " ".join(name.split())
