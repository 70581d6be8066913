# SPDX-License-Identifier: GPL-3.0-or-later
"""Steps: the commands that a run of the tests is made of, one after another or side by side, and what comes of them."""

import signal
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

from tools.leash import Leashed
from tools.process import run_shown

_LOOK = 0.2  # seconds
_TOO_LONG = 124  # exit code, as of the program timeout


@dataclass(frozen=True, kw_only=True)
class Step:
    """One command of the run. `report`: where it leaves its JUnit figures, if it is a pytest."""

    title: str
    command: Sequence[str | Path]
    timeout: float
    env: dict[str, str]
    report: Path | None = None


@dataclass(kw_only=True)
class Tally:
    """What the steps came to. A step without figures of its own counts as one."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0
    code: int = 0
    remarks: list[str] = field(default_factory=list)

    def add(self, step: Step, code: int) -> None:
        self.code = self.code or code
        failed_before = self.failed
        if step.report is None:
            self.passed += not code
        elif step.report.is_file():
            self._add_report(step.report)
        if code and self.failed == failed_before:
            self.failed += 1

    def skip(self, remark: str) -> None:
        self.skipped += 1
        self.remarks.append(remark.partition("\n")[0])

    def _add_report(self, report: Path) -> None:
        for case in ElementTree.parse(report).iter("testcase"):
            skip = case.find("skipped")
            if case.find("failure") is not None or case.find("error") is not None:
                self.failed += 1
            elif skip is not None:
                self.skip(skip.get("message", ""))
            else:
                self.passed += 1


def take(step: Step, tally: Tally) -> None:
    """Shows its words as they come."""
    print(f"\n── {step.title} ──", flush=True)
    started = time.monotonic()
    code = run_shown(step.command, timeout=step.timeout, env=step.env)
    tally.add(step, code)
    print(f"── {step.title}: {'failed' if code else 'ok'}, {time.monotonic() - started:.1f} s", flush=True)


@contextmanager
def beside(step: Step, tally: Tally, *, log: Path) -> Iterator[None]:
    """Takes a step while others are taken, and shows its words after theirs."""
    print(f"\n── {step.title}: they run beside the next, their words come last ──", flush=True)
    aside = _Aside(step, log)
    try:
        yield
        aside.wait()
    finally:
        aside.end()
    aside.show(tally)


def take_side_by_side(steps: Sequence[Step], tally: Tally, *, logs: Path, at_once: int) -> None:
    """Takes so many at once, in their order, and shows the words of each when it is over. `logs`: a folder."""
    logs.mkdir()
    waiting = deque(enumerate(steps))
    running: list[_Aside] = []
    try:
        while waiting or running:
            while waiting and len(running) < at_once:
                number, step = waiting.popleft()
                running.append(_Aside(step, logs / f"{number}.log"))
            time.sleep(_LOOK)
            for aside in [aside for aside in running if aside.is_over()]:
                aside.end()
                running.remove(aside)
                aside.show(tally)
    finally:
        for aside in running:
            aside.end()


class _Aside:
    """A step that is being taken; its words go into a log."""

    def __init__(self, step: Step, log: Path) -> None:
        self._step = step
        self._log = log
        self._started = time.monotonic()
        self._process = Leashed(step.command, env=step.env, log=log, orphans=True)

    def is_over(self) -> bool:
        """Whether it has ended, or is to be ended: its time is up."""
        return self._process.ended() or time.monotonic() > self._started + self._step.timeout

    def wait(self) -> None:
        self._process.wait(max(0.0, self._started + self._step.timeout - time.monotonic()))

    def end(self) -> None:
        self._code = self._process.wait(0)
        self._process.end(by=signal.SIGINT)

    def show(self, tally: Tally) -> None:
        code = _TOO_LONG if self._code is None else self._code
        tally.add(self._step, code)
        title = self._step.title
        print(f"\n── {title} ──\n{self._log.read_text(encoding='utf-8', errors='replace')}")
        print(f"── {title}: {'failed' if code else 'ok'}, {time.monotonic() - self._started:.1f} s", flush=True)
