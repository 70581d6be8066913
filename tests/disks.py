# SPDX-License-Identifier: GPL-3.0-or-later
"""Disks that are small, full, read-only or have a hiccup, for tests; they are skipped where none can be made."""

import errno
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tools.check import strace
from tools.debian import fetch_package
from tools.errors import ToolError


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


@contextmanager
def of_windows(folder: Path) -> Iterator[Path]:
    """While it lasts the folder is a disk with the names of Windows, NTFS itself: none that Windows keeps for itself,
    capitals and small letters are the same; in lists all letters are small, which they are in no other system."""
    try:
        tools = fetch_package("ntfs-3g")
        library = next(fetch_package("libntfs-3g89").rglob("libntfs-3g.so.*")).parent
    except (ToolError, StopIteration) as missing:
        pytest.skip(f"no NTFS can be had: {missing}")
    environment = {**os.environ, "LD_LIBRARY_PATH": str(library)}
    image = folder.with_suffix(".image")
    with image.open("wb") as file:
        file.truncate(64 << 20)
    folder.mkdir()
    for program, *words in (
        ("sbin/mkntfs", "-F", "-Q", str(image)),
        ("bin/lowntfs-3g", "-o", "ignore_case,windows_names", str(image), str(folder)),
    ):
        made = subprocess.run([tools / program, *words], env=environment, capture_output=True, text=True, timeout=60)
        if made.returncode:
            pytest.skip(f"no NTFS can be made: {made.stderr.strip()}")
    try:
        yield folder
    finally:
        _unmount(folder)


@contextmanager
def hiccup(process: int, folder: Path, *, error: str) -> Iterator[None]:
    """While it lasts whatever a process asks of a folder and of what lies in it now fails, as on a shared disk: with
    ESTALE, EIO or another such error."""
    calls = "openat,newfstatat,getdents64,unlink,pread64,pwrite64,fsync,fdatasync,ftruncate"
    with tempfile.TemporaryDirectory() as scratch:
        try:
            command = strace.failing(
                process, [folder, *folder.rglob("*")], calls=calls, error=error, trace=Path(scratch, "trace")
            )
        except ToolError as missing:
            pytest.skip(f"no strace can be had: {missing}")
        tracer = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        assert tracer.stderr is not None
        with tracer.stderr:
            attached = tracer.stderr.readline()
            if "attached" not in attached:
                pytest.skip(f"no call can be made to fail: {attached.strip()}")
            try:
                yield
            finally:
                tracer.send_signal(signal.SIGINT)
                tracer.stderr.read()
                tracer.wait(30)


def fill(disk: Path, *, but: int = 0) -> Path:
    """Leaves no byte free, or only some; gives what takes it all."""
    filler = disk / "filler"
    with filler.open("wb") as file:
        while file.seek(0, os.SEEK_END) == 0:
            try:
                os.posix_fallocate(file.fileno(), 0, shutil.disk_usage(disk).free - but)
            except OSError as error:  # others write there meanwhile
                if error.errno != errno.ENOSPC:
                    raise
    return filler


def _mount(*words: str | Path) -> None:
    if not shutil.which("mount"):
        pytest.skip("no such disk can be made: there is no program mount")
    mounted = subprocess.run(["mount", *words], capture_output=True, text=True, timeout=30)
    if mounted.returncode:
        pytest.skip(f"no such disk can be made: {mounted.stderr.strip()}")


def _unmount(folder: Path) -> None:
    subprocess.run(["umount", "--lazy", folder], check=True, timeout=30)
