# SPDX-License-Identifier: GPL-3.0-or-later
"""strace, from Debian: what a process asks of the kernel, in the order in which it does."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tools.debian import fetch_package

_CALL = re.compile(r"(?P<process>\d+) +(?P<name>\w+)\((?P<arguments>.*)\) += (?P<result>-?\d+).*")
_BEGUN = re.compile(r"(?P<process>\d+) +(?P<name>\w+)\((?P<arguments>.*) <unfinished \.\.\.>")
_ENDED = re.compile(r"(?P<process>\d+) +<\.\.\. \w+ resumed>(?P<arguments>.*)\) += (?P<result>-?\d+).*")


@dataclass(frozen=True, slots=True)
class Call:
    """A call that went well: `begun` and `ended` say when, in lines of the trace."""

    name: str
    arguments: str
    begun: int
    ended: int


def command(trace: Path, *, calls: str) -> list[str]:
    """What stands before a command so that these calls of it, and of all that it starts, are written to `trace`."""
    what = ["-y", "-s", "65536", "-e", f"trace={calls}", "-e", "signal=none"]
    return [*_strace(), "-E", "LD_LIBRARY_PATH", "-f", *what, "-o", str(trace)]


def failing(process: int, paths: Iterable[Path], *, calls: str, error: str, trace: Path) -> list[str]:
    """A command that lets these calls of a process fail where they concern one of these files, until it is interrupted.
    `error`: with which, ESTALE for example. Which did is written to `trace`."""
    where = [word for path in paths for word in ("-P", str(path))]
    what = ["-e", f"trace={calls}", "-e", f"inject={calls}:error={error}", "-e", "signal=none"]
    return [*_strace(), "-f", "-p", str(process), *where, *what, "-o", str(trace)]


def _strace() -> list[str]:
    strace = fetch_package("strace") / "usr/bin/strace"
    libraries = [str(path.parent) for path in (fetch_package("libunwind8") / "usr/lib").glob("*/libunwind.so.8")]
    return ["env", f"LD_LIBRARY_PATH={':'.join(libraries)}", str(strace)]


def calls(trace: Path) -> Iterator[Call]:
    """The calls in the order in which they ended."""
    begun: dict[str, tuple[int, re.Match[str]]] = {}
    for number, line in enumerate(trace.read_text(errors="replace").splitlines()):
        if match := _BEGUN.fullmatch(line):
            begun[match["process"]] = number, match
        elif match := _ENDED.fullmatch(line):
            since, beginning = begun.pop(match["process"])
            if int(match["result"]) >= 0:
                yield Call(beginning["name"], beginning["arguments"] + match["arguments"], since, number)
        elif (match := _CALL.fullmatch(line)) and int(match["result"]) >= 0:
            yield Call(match["name"], match["arguments"], number, number)
