# SPDX-License-Identifier: GPL-3.0-or-later
"""The bench: case by case, this worker against what a farm does without it. Measures and tells; asserts nothing."""

import argparse
import dataclasses
import json
import tempfile
from pathlib import Path

from tools.bench import bars, machine
from tools.bench import cases as bench_cases
from tools.bench import gui as bench_gui
from tools.bench import queue as bench_queue
from tools.bench.cases.yard import Bench, Figure
from tools.blenders import blenders
from tools.build import package
from tools.check import testing
from tools.errors import ToolError
from tools.places import PROJECT
from tools.process import say
from tools.servers.small_farm import SmallFarm

_READ = "finish.*"  # of the reports: to read them all takes the processors from what is measured
_SPENT = "what the milliseconds of a task went into"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "what",
        nargs="?",
        choices=("frames", "gui", "queue", "page", "pieces"),
        default="frames",
        help="frames: the cases below; gui: what the worker costs an artist in her window (7 min, --quick 3);"
        " queue: the queue on this machine with 100 000 tasks (a minute); page: the farm's page in a browser (3 min,"
        " --hour: what an hour of changes leaves there, 20 min);"
        " pieces: what a scene costs that is sent again (30 min, --quick 5; --mbit: over a line of so many, --part:"
        " only first, changes, workers, small, shared or window)",
    )
    cases = ", ".join(f"{name} ({case.what})" for name, case in bench_cases.ALL.items())
    parser.add_argument(
        "--case", action="append", choices=bench_cases.ALL, metavar="CASE", help=f"only this one, or these: {cases}"
    )
    parser.add_argument("--repeat", type=int, default=3, metavar="N", help="medians of so many (default: 3)")
    parser.add_argument("--blender", metavar="PATH", help="the Blender to work in; else $BLENDER, PATH, or one is made")
    parser.add_argument("--quick", action="store_true", help="once each, and fewer frames")
    for name, action in (("--hour", "store_true"), ("--mbit", "store"), ("--part", "append")):
        parser.add_argument(name, action=action, help=argparse.SUPPRESS)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    parser.add_argument(
        "--picture",
        type=Path,
        metavar="FILE",
        default=PROJECT / "dist" / "bench.png",
        help="where to draw what the milliseconds of a task went into (default: dist/bench.png)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Gives 0 if every case could be measured."""
    if arguments.what == "gui":
        return bench_gui.run(arguments)
    if arguments.what == "queue":
        return bench_queue.run(arguments)
    if arguments.what == "page":
        options = [
            *(["--quick"] if arguments.quick else []),
            *(["--hour"] if arguments.hour else []),
            *(["--json", str(arguments.json)] if arguments.json else []),
        ]
        return testing.by_command("tools.bench.page", options)
    blender = blenders.find(arguments.blender)
    if arguments.what == "pieces":
        options = [
            *("--blender", str(blender)),
            *(["--quick"] if arguments.quick else []),
            *(["--mbit", arguments.mbit] if arguments.mbit else []),
            *(word for part in arguments.part or () for word in ("--part", part)),
            *(["--json", str(arguments.json)] if arguments.json else []),
        ]
        return testing.by_command("tools.bench.pieces", options)
    with tempfile.TemporaryDirectory(prefix="bender-worker-bench-") as folder, SmallFarm(reads=_READ) as farm:
        scratch = Path(folder)
        env = package.install(blender, package.build(blender, folder=scratch), scratch / "user")
        repeat = 1 if arguments.quick else arguments.repeat
        bare = package.environment_of(scratch / "bare")
        bench = Bench(farm, blender, env, bare, scratch, repeat=repeat, quick=arguments.quick)
        words = machine.in_words(blender, farm.node)
        figures = {name: _measured(name, bench) for name in arguments.case or bench_cases.ALL}
    print(_table(words, figures, bench))
    if bench.spent:
        title = f"{_SPENT.capitalize()}, once it is its turn"
        print(f"  drawn, without the queue: {bars.make(blender, title, _drawn(bench.spent), 'ms', arguments.picture)}")
    if arguments.json:
        told = {name: [dataclasses.asdict(figure) for figure in found or []] for name, found in figures.items()}
        all_figures = {"machine": words, "cases": told, "spent": bench.spent}
        arguments.json.write_text(json.dumps(all_figures, indent=2) + "\n", encoding="utf-8")
    return 1 if None in figures.values() else 0


def _measured(name: str, bench: Bench) -> list[Figure] | None:
    """None if it could not be measured; why is said."""
    say(f"{name}: {bench_cases.ALL[name].what} …")
    try:
        return bench_cases.ALL[name].measure(bench)
    except ToolError as error:
        say(f"  failed: {error}")
        return None


def _table(words: str, figures: dict[str, list[Figure] | None], bench: Bench) -> str:
    lines = [words]
    for name, found in figures.items():
        lines += ["", f"{name}: {bench_cases.ALL[name].what}", *map(_row, found or [])]
        if found is None:
            lines.append("  could not be measured")
    if bench.spent:
        lines += ["", f"{_SPENT}, on average", *_spent(bench.spent)]
    return "\n".join(lines)


def _row(figure: Figure) -> str:
    ratio = "" if figure.ratio is None else f"{figure.ratio:8.2f} times"
    goal = "" if figure.goal is None else f"   (goal: {figure.goal:g}{'' if figure.ratio else f' {figure.unit}'})"
    return f"  {figure.name:40}{figure.value:10.1f} {figure.unit:5}{ratio:>14}{goal}"


def _spent(spent: dict[str, dict[str, float]]) -> list[str]:
    parts = list(dict.fromkeys(part for of_one in spent.values() for part in of_one))
    head = f"  {'':16}" + "".join(f"{part:>10}" for part in parts)
    rows = [
        f"  {name:16}" + "".join(f"{1000 * of_one.get(part, 0.0):10.1f}" for part in parts)
        for name, of_one in spent.items()
    ]
    return [head, *rows]


def _drawn(spent: dict[str, dict[str, float]]) -> dict[str, dict[str, float]]:
    """Milliseconds, without those in which a task that is here already waits for its turn."""
    return {
        name: {part: 1000 * seconds for part, seconds in of_one.items() if part != "queue"}
        for name, of_one in spent.items()
    }
