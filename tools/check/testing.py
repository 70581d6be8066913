# SPDX-License-Identifier: GPL-3.0-or-later
"""`build.py test`: lint, types, and all tests, the add-on's own inside each real Blender. Holds no test."""

import itertools
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path

from tools.blenders import blenders, bpy_wheel
from tools.build import package
from tools.check import browser, environment, windows
from tools.check.desktop import Desktop
from tools.check.steps import Step, Tally, beside, take, take_side_by_side
from tools.errors import ToolError
from tools.places import PROJECT
from tools.process import run_shown
from tools.servers.rabbitmq import RabbitNode

INSIDE = "tests/blender"
UNIT = "tests/unit"
WITH_WINDOWS = "tests/windows"
TELLING_ON_WINDOWS = ("tests/unit/system", "tests/unit/worker/children/test_process.py")
"""Of those, what is most often otherwise there: disks, locks, files that others have open, processes."""
SAME_ON_WINDOWS = ("tests/unit/test_architecture.py",)
"""Read what is written, which is so on any system."""
PARTS_ON_WINDOWS = 24
OUTSIDE = (
    *("tests/window", "tests/pixels", "tests/farm", "tests/page"),
    *("tests/faults", "tests/chaos", "tests/hostile", "tests/tools", UNIT),
)
"""Those that take longest come first, so that at the end no processor waits for the others."""
VERSIONS = (blenders.DEFAULT, "5.2")
LINT_TIMEOUT = 300.0
TESTS_TIMEOUT = 3600.0
ON_WINDOWS_TIMEOUT = 1200.0  # for a part of them: one that Wine itself holds ends by no timeout of its own
TEST_TIMEOUT = 300  # seconds; on a busy machine everything takes its time
AT_ONCE = 4  # modules of tests: they wait for Blenders to start, for what is seen and clicked, and share that time

_reports = itertools.count(1)


def run(arguments: Sequence[str], *, quick: bool = False, on_windows: bool = False) -> int:
    """Run everything; `quick`: only what takes two minutes; `on_windows`: only what Windows' Python runs, and
    what its bpy is tried with; with arguments: only pytest with these.

    Returns the first failure's exit code, else 0.
    """
    os.chdir(PROJECT)
    python = environment.python()
    tally = Tally()
    with tempfile.TemporaryDirectory(prefix="bender-worker-test-") as folder:
        scratch = Path(folder)
        if quick:
            _run_quick(python, scratch, tally)
        elif on_windows:
            _run_on_windows(python, arguments, scratch, tally)
        elif not arguments:
            _run_all(python, scratch, tally)
        elif _are_inside(arguments):
            for step in _inside(python, arguments, scratch, tally):
                take(step, tally)
        else:
            take(_outside(python, arguments, scratch), tally)
    for remark in dict.fromkeys(tally.remarks):
        print(f"Skipped: {remark}")
    print(f"{tally.passed} passed, {tally.failed} failed, {tally.skipped} skipped", flush=True)
    return tally.code


def by_command(module: str, arguments: Sequence[str]) -> int:
    """Run what is too long for every day, a module with a command line of its own, and give its exit code."""
    os.chdir(PROJECT)
    return run_shown([environment.python(), "-m", module, *arguments], timeout=TESTS_TIMEOUT)


def blender_for(version: str) -> Path:
    """The Blender in which what is asked for `version` is tested.

    For the default one $BLENDER comes first, and where 4.3 can't be had, any will do. Raises ToolError.
    """
    if version != blenders.DEFAULT:
        return blenders.find(version=version)
    if os.environ.get("BLENDER"):
        return blenders.find()
    try:
        return blenders.find(version=version)
    except ToolError:
        return blenders.find()


def _run_all(python: Path, scratch: Path, tally: Tally) -> None:
    for step in _lint(python):
        take(step, tally)
    _get_what_is_missing()
    with ExitStack() as stack:
        for number, step in enumerate(_inside(python, [INSIDE], scratch, tally)):
            stack.enter_context(beside(step, tally, log=scratch / f"beside-{number}.log"))
        take(_outside(python, OUTSIDE, scratch, at_once=AT_ONCE), tally)
    _run_on_windows(python, TELLING_ON_WINDOWS, scratch, tally)


def _run_quick(python: Path, scratch: Path, tally: Tally) -> None:
    for step in _lint(python):
        take(step, tally)
    take(_outside(python, [UNIT], scratch, at_once=AT_ONCE), tally)
    take(_outside(python, ["tests/farm", "-m", "quick", "-k", blenders.DEFAULT], scratch), tally)
    left_out = [folder for folder in (*OUTSIDE, INSIDE) if folder != UNIT]
    print(f"\nLeft out, but for the few tests marked quick: {', '.join(left_out)}, and all in Blender {VERSIONS[1]}.")


def _run_on_windows(python: Path, arguments: Sequence[str], scratch: Path, tally: Tally) -> None:
    """Side by side, and what needs bpy beside them: a test that hangs there takes only those of its process with it."""
    try:
        with windows.windows() as place:
            if arguments:
                take(_on_windows(place, arguments, scratch), tally)
                return
            modules = sorted(PROJECT.glob(f"{UNIT}/**/test_*.py"), key=lambda path: path.stat().st_size, reverse=True)
            names = [path.relative_to(PROJECT).as_posix() for path in modules]
            wanted = [name for name in names if name not in SAME_ON_WINDOWS]
            parts = [wanted[first::PARTS_ON_WINDOWS] for first in range(PARTS_ON_WINDOWS)]
            steps = [_outside(python, [WITH_WINDOWS], scratch)]
            steps += [_on_windows(place, part, scratch) for part in parts]
            take_side_by_side(steps, tally, logs=scratch / "side-by-side", at_once=AT_ONCE)
    except ToolError as error:
        tally.skip(f"tests on Windows' Python: {error}")


def _on_windows(place: windows.Windows, arguments: Sequence[str], scratch: Path) -> Step:
    number = next(_reports)
    report = scratch / f"windows-{number}.xml"
    words = [
        *("-m", "pytest", "-p", "no:cacheprovider", "--durations=10", f"--junitxml={report}"),
        *(f"--timeout={TEST_TIMEOUT}", "--timeout-method=thread", f"--basetemp={scratch / f'on-windows-{number}'}"),
        *arguments,
    ]
    return Step(
        title=f"tests on Windows' Python: {' '.join(arguments)}",
        command=place.command(*words),
        timeout=ON_WINDOWS_TIMEOUT,
        env=place.environment(),
        report=report,
    )


def _get_what_is_missing() -> None:
    """Makes Blenders, RabbitMQ and the rest before the first test's time runs.

    Raises ToolError without a Blender or RabbitMQ; the tests that want anything else say that it could not be had.
    """
    blender_for(blenders.DEFAULT)
    RabbitNode().close()
    optional: list[Callable[[], object]] = [partial(blender_for, version) for version in VERSIONS]
    for get in [*optional, Desktop, bpy_wheel.python, browser.chromium]:
        with suppress(ToolError):
            get()


def _lint(python: Path) -> Iterator[Step]:
    for title, words in (
        ("ruff check", ["ruff", "check", "."]),
        ("ruff format", ["ruff", "format", "--check", "."]),
        ("mypy", ["mypy"]),
    ):
        yield Step(title=title, command=[python, "-m", *words], timeout=LINT_TIMEOUT, env=dict(os.environ))


def _outside(python: Path, arguments: Sequence[str], scratch: Path, *, at_once: int = 1) -> Step:
    report = scratch / f"outside-{next(_reports)}.xml"
    side_by_side = ("-n", str(at_once), "--dist", "loadscope", "--no-loadscope-reorder") if at_once > 1 else ()
    return Step(
        title=f"tests: {' '.join(arguments)}",
        command=[
            *(python, "-m", "pytest", "-p", "no:pytest-blender"),
            *("--durations=10", f"--timeout={TEST_TIMEOUT}", f"--junitxml={report}"),
            *side_by_side,
            *arguments,
        ],
        timeout=TESTS_TIMEOUT,
        env=dict(os.environ),
        report=report,
    )


def _inside(python: Path, arguments: Sequence[str], scratch: Path, tally: Tally) -> Iterator[Step]:
    archive = None
    for version in VERSIONS:
        try:
            blender = blender_for(version)
        except ToolError as error:
            tally.skip(f"{INSIDE} in Blender {version}: {error}")
            continue
        archive = archive or package.build(blender, folder=scratch)
        report = scratch / f"inside-{version}.xml"
        yield Step(
            title=f"tests inside {blender}",
            command=[
                *(python, "-m", "pytest", "--blender-executable", blender),
                *(f"--confcutdir={INSIDE}", f"--junitxml={report}", *arguments),
            ],
            timeout=TESTS_TIMEOUT,
            env=package.install(blender, archive, scratch / f"user-{version}"),
            report=report,
        )


def _are_inside(arguments: Sequence[str]) -> bool:
    return any(Path(argument).as_posix().startswith(INSIDE) for argument in arguments)
