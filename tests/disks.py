# SPDX-License-Identifier: GPL-3.0-or-later
"""Disks that are small, full or read-only, for tests; they are skipped where none can be made."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def small(folder: Path, *, size: int) -> Iterator[Path]:
    """While it lasts the folder is a disk of its own, of so many bytes."""
    folder.mkdir()
    _mount("-t", "tmpfs", "-o", f"size={size}", "none", folder)
    try:
        yield folder
    finally:
        _unmount(folder)


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """While it lasts nothing can be made, changed or removed in the folder, not even by root."""
    _mount("--bind", folder, folder)
    try:
        _mount("-o", "remount,bind,ro", folder)
        yield
    finally:
        _unmount(folder)


def fill(disk: Path, *, but: int = 0) -> Path:
    """Leaves no byte free, or only some; gives what takes it all."""
    filler = disk / "filler"
    with filler.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, shutil.disk_usage(disk).free - but)
    return filler


def _mount(*words: str | Path) -> None:
    mounted = subprocess.run(["mount", *words], capture_output=True, text=True, timeout=30)
    if mounted.returncode:
        pytest.skip(f"no such disk can be made: {mounted.stderr.strip()}")


def _unmount(folder: Path) -> None:
    subprocess.run(["umount", "--lazy", folder], check=True, timeout=30)
