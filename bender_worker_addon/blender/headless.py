# SPDX-License-Identifier: GPL-3.0-or-later
"""Headless: the worker without a window, as `blender -b --addons bender_worker_addon` or
`blender --command bender_worker`. Owns the command line; what its words do stands in `commands/`."""

import argparse
import itertools
import json
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import bpy

from .. import __package__ as base_package
from . import data_folder, in_force
from .commands import INTERRUPTED, NOT_RUNNING, PROGRAM, TROUBLE, USAGE, all_commands

_handles: list[object] = []


def register() -> None:
    _handles.append(bpy.utils.register_cli_command(PROGRAM, main))  # type: ignore[func-returns-value]


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


def main_when_told() -> int:
    """As `main`, of arguments that come as a line of JSON on stdin; meanwhile what most need is loaded. Without any it
    ends well."""
    from ..sites import local  # noqa: F401
    from .commands import submit  # noqa: F401
    from .farm import packing, preflight  # noqa: F401

    told = sys.stdin.readline()
    return main(json.loads(told)) if told.strip() else 0


def main(arguments: Sequence[str]) -> int:
    """The command `bender_worker`; gives Blender's exit code."""
    from ..core.errors import ConfigError, NotRunning, WorkerError
    from ..settings.config import settings
    from ..settings.resolve import Resolved, resolve
    from ..system.streams import print_anything

    print_anything()
    words = list(arguments)
    if not words or (words[0].startswith("-") and words[0] not in ("-h", "--help")):
        words.insert(0, all_commands()[0].NAME)
    try:
        options = _parser(words[0]).parse_args(words)
    except SystemExit as end:  # argparse has said why
        return int(end.code or 0)

    def resolved() -> Resolved:
        return resolve(
            data_dir=data_folder.path(),
            preferences=in_force.changed(),
            environment=os.environ,
            options={setting.name: getattr(options, setting.name) for setting in settings()},
        )

    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # Blender's own lets Ctrl-C go unheard
    try:
        code: int = options.carry_out(options, resolved)
    except ConfigError as error:
        print(f"{PROGRAM}: {error}", file=sys.stderr)
        return USAGE
    except NotRunning as error:
        print(f"{PROGRAM}: {error}", file=sys.stderr)
        return NOT_RUNNING
    except WorkerError as error:
        print(f"{PROGRAM}: {error}", file=sys.stderr)
        return TROUBLE
    except (KeyboardInterrupt, EOFError):  # Ctrl-C, or Ctrl-D instead of an answer
        return INTERRUPTED
    except BrokenPipeError:  # who read our output has gone, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return TROUBLE
    finally:
        signal.signal(signal.SIGINT, before if before is not None else signal.SIG_DFL)
    return code


def _addons_asked_for(arguments: Sequence[str]) -> set[str]:
    blenders = arguments[: arguments.index("--")] if "--" in arguments else arguments
    return {
        name.strip()
        for option, value in itertools.pairwise(blenders)
        if option == "--addons"
        for name in value.split(",")
    }


def _parser(asked: str) -> argparse.ArgumentParser:
    """Knows every command, and of the one that is `asked` for its options: those of all of them take time to make."""
    from ..settings.config import ENVIRONMENT_PREFIX

    parser = argparse.ArgumentParser(
        prog=f"blender --command {PROGRAM}",
        description="A worker of a bender render farm: takes tasks from RabbitMQ, renders them, stores the frames.",
        epilog="Without a command: run. Each setting can also be given as environment variable"
        f" {ENVIRONMENT_PREFIX}<SETTING>; there is the place for addresses with passwords, which other users of a"
        " machine can see on a command line."
        " Exit codes: 0 ended as asked, 1 something went wrong, 2 wrong usage or settings, 3 there is no worker to be"
        " asked, 130 ended by Ctrl-C.",
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for command in all_commands():
        added = commands.add_parser(command.NAME, help=command.HELP, description=command.DESCRIPTION)
        added.set_defaults(carry_out=command.carry_out)
        if asked == command.NAME:
            command.add_arguments(added)
            _add_settings(added)
    return parser


def _add_settings(parser: argparse.ArgumentParser) -> None:
    from ..settings.config import settings

    group = parser.add_argument_group("settings")
    for setting in settings():
        default = f" (default: {setting.default})" if setting.default not in ("", Path()) else ""
        group.add_argument(
            f"--{setting.name.replace('_', '-')}",
            dest=setting.name,
            metavar="VALUE",
            help=(setting.metadata["help"] + default).replace("%", "%%"),
        )
