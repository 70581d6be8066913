# SPDX-License-Identifier: GPL-3.0-or-later
"""The worker's loop touches no disk: one that hangs would freeze it, and with it the window of whoever works there."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import bender_worker_addon

WORKER = Path(bender_worker_addon.__file__).parent / "worker"
LOOP = [
    WORKER / "worker.py",
    *sorted((WORKER / "life").glob("*.py")),
    *(WORKER / "blends" / name for name in ("blends.py", "cache.py", "shared.py")),
    WORKER / "frames" / "uploads.py",
    WORKER / "frames" / "storing.py",
]
# fmt: off
CALLS = {
    "chmod", "disk_usage", "exists", "fsync", "getsize", "glob", "is_dir", "is_file", "is_mount", "is_symlink",
    "iterdir", "listdir", "lstat", "makedirs", "mkdir", "mkdtemp", "mkstemp", "open", "read_bytes", "read_text",
    "readlink", "removedirs", "rename", "resolve", "rglob", "rmdir", "rmtree", "samefile", "scandir", "stat",
    "statvfs", "symlink_to", "touch", "truncate", "unlink", "utime", "write_bytes", "write_text",
}
# fmt: on


def touches_of_disk(module: Path) -> Iterator[str]:
    """Calls of what touches a disk, but for those in functions that are given to an executor, with `partial`."""
    tree = ast.parse(module.read_text(encoding="utf-8"))
    given = [call.args[0] for call in calls(tree) if called(call) == "partial"]
    beside = {ast.unparse(function) for function in given}
    for part in tree.body:
        if not (isinstance(part, ast.FunctionDef) and part.name in beside):
            found = [call for call in calls(part) if called(call) in CALLS]
            yield from (f"{module.name}:{call.lineno} {ast.unparse(call.func)}" for call in found)


def calls(tree: ast.AST) -> list[ast.Call]:
    return [node for node in ast.walk(tree) if isinstance(node, ast.Call)]


def called(call: ast.Call) -> str:
    return ast.unparse(call.func).rpartition(".")[2]


@pytest.mark.parametrize("module", LOOP, ids=lambda path: str(path.relative_to(WORKER)))
def test_the_loop_touches_no_disk(module: Path) -> None:
    assert list(touches_of_disk(module)) == []


def test_what_touches_a_disk_is_seen() -> None:
    assert len(list(touches_of_disk(WORKER / "blends" / "files.py"))) >= 5
