#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one command line of this repository. It only reads its arguments; the work is done in tools/."""

import argparse
import importlib
import os
import signal
import sys
from pathlib import Path

if sys.version_info < (3, 11):  # noqa: UP036  (said in a sentence, not in a traceback)
    sys.exit(f"build.py needs Python 3.11 or newer; this is {sys.version.split()[0]}.")

from tools.blenders import blenders
from tools.build import package, pyz, wheels
from tools.check import testing
from tools.errors import ToolError
from tools.process import say

DESCRIPTION = """\
Builds, installs, shows, measures and tests Bender Worker.

Needs nothing but Python 3.11. What else is needed, a Blender 4.2 or newer and a RabbitMQ, is looked for
and, on Debian and Ubuntu, made if it is missing: 1.1 GB and a minute or two, once, in a cache folder outside
the repository. The machine's own packages stay as they are.
"""
EPILOG = """\
Each has a --help of its own. Without a word: build. Progress goes to stderr, results to stdout.

environment:
  BLENDER               the Blender to use, if there is no --blender
  BENDER_WORKER_CACHE   where Blenders, RabbitMQ and the tests' environment are kept
                        (else the user's cache folder, bender-worker/)
"""

_TOLD_TO_STOP = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]


def main(arguments: list[str]) -> int:
    for number in _TOLD_TO_STOP:
        if signal.getsignal(number) != signal.SIG_IGN:  # as nohup does
            signal.signal(number, _stop)
    arguments = arguments or ["build"]
    try:
        chosen = _parsed(arguments)
        code: int = chosen.run(chosen)
    except ToolError as error:
        say(f"build.py: {error}")
        return 1
    except KeyboardInterrupt as stop:
        say("build.py: stopped")
        return 128 + int(*stop.args)
    except BrokenPipeError:  # who read our output has gone, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return code


def _stop(number: int, _frame: object) -> None:
    raise KeyboardInterrupt(number)  # whatever was begun is ended on its way up


def _parsed(arguments: list[str]) -> argparse.Namespace:
    parser = _parser(arguments[0])
    if arguments[0] not in ("test", "chaos", "load"):
        return parser.parse_args(arguments)
    chosen, others = parser.parse_known_args(arguments)
    chosen.pytest = others
    return chosen


def _parser(word: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="build.py",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    words = parser.add_subparsers(metavar="WORD", required=True)

    build = words.add_parser(
        "build", help="make dist/bender_worker_addon-<version>.zip and bender-farm.pyz; 3 s once Blender is there"
    )
    build.set_defaults(run=_build)
    _add_blender(build)

    install = words.add_parser("install", help="build, then install and enable it in your Blender")
    install.set_defaults(run=_install)
    _add_blender(install)

    demo = words.add_parser("demo", help="a whole farm on this machine renders 24 frames: 3 min at first, then 20 s")
    bench = words.add_parser("bench", help="speed and memory, against Blender alone: half an hour, or a case")
    pixels = words.add_parser("pixels", help="what Cycles may keep from frame to frame, tried on three Blenders; hours")
    for name, folder, added in (("demo", "demo", demo), ("bench", "bench", bench), ("pixels", "check", pixels)):
        if name == word:  # the others need not wait for what these import
            tool = importlib.import_module(f"tools.{folder}.{name}")
            tool.add_arguments(added)
            added.set_defaults(run=tool.run)

    test = words.add_parser(
        "test",
        help="everything: lint, types, all tests; half an hour; --quick: some minutes",
        usage="build.py test [-h] [--quick | [--windows] PYTEST-ARGUMENT ...]",
        description="Lint, types, and all tests. With arguments: only pytest, with these; what is in tests/blender"
        " runs inside each Blender.",
    )
    test.add_argument(
        "--quick", action="store_true", help="lint, types, what needs no Blender, and a few tests with one: two minutes"
    )
    test.add_argument(
        "--windows", action="store_true", help="on Windows' Python and bpy, under Wine: 15 min; or the arguments"
    )
    test.set_defaults(run=_test)

    chaos = words.add_parser(
        "chaos", add_help=False, help="500 tasks while workers, RabbitMQ and HTTP break at random; some minutes"
    )
    chaos.set_defaults(run=_chaos)

    load = words.add_parser("load", add_help=False, help="what many tasks, many workers and long queues cost; 10 min")
    load.set_defaults(run=_load)

    blender = words.add_parser("blender", help="find or make a Blender that runs here; the last line is its path")
    blender.set_defaults(run=_blender)
    _add_blender(blender)
    blender.add_argument("--version", metavar="X.Y", help="only this one; 4.3 and 5.2 can be made")

    fetch = words.add_parser("wheels", help="fetch the pinned wheels that are shipped; 5 s")
    fetch.set_defaults(run=_wheels)
    fetch.add_argument("--update", action="store_true", help="take the newest ones and pin them")
    return parser


def _add_blender(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--blender", metavar="PATH", help="the Blender to use; else $BLENDER, PATH, or one is made")


def _build(arguments: argparse.Namespace) -> int:
    print(pyz.build())
    print(package.build(blenders.find(arguments.blender)))
    return 0


def _install(arguments: argparse.Namespace) -> int:
    blender = blenders.find(arguments.blender)
    package.install(blender, package.build(blender))
    print(f"Installed and enabled in {blender}.")
    print(f"To work for a farm, set BENDER_WORKER_AMQP_URL and BENDER_WORKER_BENDER_URL, then run:\n  {_run(blender)}")
    return 0


def _run(blender: Path) -> str:
    return f"{blender} --command bender_worker run"


def _test(arguments: argparse.Namespace) -> int:
    if arguments.quick and arguments.pytest:
        raise ToolError(f"--quick is a choice of tests; it goes without {' '.join(arguments.pytest)}.")
    if arguments.quick and arguments.windows:
        raise ToolError("--quick and --windows are two choices of tests; take one.")
    return testing.run(arguments.pytest, quick=arguments.quick, on_windows=arguments.windows)


def _chaos(arguments: argparse.Namespace) -> int:
    return testing.by_command("tests.chaos.chaos", arguments.pytest)


def _load(arguments: argparse.Namespace) -> int:
    return testing.by_command("tests.load.load", arguments.pytest)


def _blender(arguments: argparse.Namespace) -> int:
    print(blenders.find(arguments.blender, arguments.version))
    return 0


def _wheels(arguments: argparse.Namespace) -> int:
    for wheel in wheels.update() if arguments.update else wheels.fetch():
        print(wheel)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
