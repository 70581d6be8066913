# SPDX-License-Identifier: GPL-3.0-or-later
"""Headless: the worker without a window, as `blender -b --addons bender_worker_addon` or
`blender --command bender_worker`. Owns the command line."""

import argparse
import contextlib
import itertools
import logging
import math
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import bpy

from .. import __package__ as base_package
from . import online, preferences, versions
from .log import log_to_stderr

if TYPE_CHECKING:
    from ..worker.config import Resolved
    from ..worker.worker import Worker

log = logging.getLogger(__name__)

COMMAND = "bender_worker"
ENDED, TROUBLE, USAGE = 0, 1, 2  # exit codes

_handles: list[object] = []


def register() -> None:
    _handles.append(bpy.utils.register_cli_command(COMMAND, main))  # type: ignore[func-returns-value]


def unregister() -> None:
    while _handles:
        bpy.utils.unregister_cli_command(_handles.pop())


def run_if_asked() -> None:
    """Runs the worker, and ends Blender with its exit code, if this background Blender was started with
    `--addons bender_worker_addon`, by its short or its long name. What stands behind `--` are options of `run`."""
    assert base_package is not None
    names = {base_package, base_package.rpartition(".")[2]}
    if bpy.app.background and names.intersection(_addons_asked_for(sys.argv)):
        own = sys.argv[sys.argv.index("--") + 1 :] if "--" in sys.argv else []
        sys.exit(main(["run", *own]))


def main(arguments: Sequence[str]) -> int:
    """The command `bender_worker`; gives Blender's exit code."""
    from ..worker.config import resolve
    from ..worker.errors import ConfigError, WorkerError

    parser = _parser()
    words = list(arguments)
    if not words or (words[0].startswith("-") and words[0] not in ("-h", "--help")):
        words.insert(0, "run")
    try:
        options = vars(parser.parse_args(words))
    except SystemExit as end:  # argparse has said why
        return int(end.code or 0)
    command = options.pop("command")
    run_options = {name: options.pop(name) for name in ("max_tasks", "idle_exit", "verbose")}
    try:
        resolved = resolve(
            data_dir=versions.data_folder(),
            preferences=preferences.changed(),
            environment=os.environ,
            options=options,
        )
        if command == "config":
            _print_config(resolved)
            return ENDED
        return _run(resolved, **run_options)
    except ConfigError as error:
        print(f"{COMMAND}: {error}", file=sys.stderr)
        return USAGE
    except WorkerError as error:
        print(f"{COMMAND}: {error}", file=sys.stderr)
        return TROUBLE


def _run(resolved: "Resolved", *, max_tasks: int | None, idle_exit: float | None, verbose: bool) -> int:
    from ..worker.worker import Worker

    log_to_stderr(verbose=verbose)
    for name in resolved.unknown:
        log.warning("BENDER_WORKER_%s is not a setting; `config` lists those there are", name.upper())
    if not online.is_allowed(resolved.config.amqp_url, resolved.config.bender_url):
        print(f"{COMMAND}: the farm is on the internet: {online.ADVICE}", file=sys.stderr)
        return USAGE
    worker = Worker(
        resolved.config,
        child_command=versions.child_command(),
        max_tasks=max_tasks,
        idle_exit=idle_exit,
    )
    with _signals_stop(worker):
        worker.run()
    return ENDED


@contextlib.contextmanager
def _signals_stop(worker: "Worker") -> Iterator[None]:
    """SIGTERM and Ctrl-C ask the worker to stop; it decides what that means the second time."""
    from ..worker.worker import StopRequested

    signals = [signal.SIGTERM, signal.SIGINT]
    if hasattr(signal, "SIGBREAK"):  # Ctrl-Break, and what Windows has for a polite request to end
        signals.append(signal.SIGBREAK)
    before = {number: signal.signal(number, lambda *_: worker.inbox.put(StopRequested())) for number in signals}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)


def _addons_asked_for(arguments: Sequence[str]) -> set[str]:
    blenders = arguments[: arguments.index("--")] if "--" in arguments else arguments
    return {
        name.strip()
        for option, value in itertools.pairwise(blenders)
        if option == "--addons"
        for name in value.split(",")
    }


def _print_config(resolved: "Resolved") -> None:
    from ..worker.config import redacted, settings

    for setting in settings():
        value = getattr(resolved.config, setting.name)
        shown = redacted(value) if setting.name.endswith("_url") else value
        print(f"{setting.name} = {shown}  ({resolved.sources[setting.name]})")


def _parser() -> argparse.ArgumentParser:
    from ..worker.config import ENVIRONMENT_PREFIX, settings

    parser = argparse.ArgumentParser(
        prog=f"blender --command {COMMAND}",
        description="A worker of a bender render farm: takes tasks from RabbitMQ, renders them, stores the frames.",
        epilog="Without a command: run. Each setting can also be given as environment variable"
        f" {ENVIRONMENT_PREFIX}<SETTING>; there is the place for addresses with passwords, which other users of a"
        " machine can see on a command line."
        " Exit codes: 0 ended as asked, 1 could not start, 2 wrong usage or settings.",
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    run = commands.add_parser(
        "run",
        help="work until told to stop",
        description="Works until told to stop. SIGTERM or Ctrl-C finishes the frame in hand, gives back what is not"
        " begun and ends; a second one ends at once and gives everything back.",
    )
    config = commands.add_parser("config", help="show every setting, its value and where that came from")
    run.add_argument("--max-tasks", type=_at_least(int, 1), metavar="N", help="end after N tasks")
    run.add_argument("--idle-exit", type=_at_least(float, 0), metavar="SECONDS", help="end when idle for so long")
    run.add_argument("-v", "--verbose", action="store_true", help="say more")
    config.set_defaults(max_tasks=None, idle_exit=None, verbose=False)
    for command in (run, config):
        group = command.add_argument_group("settings")
        for setting in settings():
            default = f" (default: {setting.default})" if setting.default not in ("", Path()) else ""
            group.add_argument(
                f"--{setting.name.replace('_', '-')}",
                dest=setting.name,
                metavar="VALUE",
                help=(setting.metadata["help"] + default).replace("%", "%%"),
            )
    return parser


def _at_least(kind: type[int] | type[float], least: int) -> Callable[[str], int | float]:
    def read(text: str) -> int | float:
        with contextlib.suppress(ValueError):
            number = kind(text)
            if least <= number < math.inf:
                return number
        raise argparse.ArgumentTypeError(f"it should be a number of at least {least}, found {text!r}")

    return read
