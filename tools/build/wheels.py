# SPDX-License-Identifier: GPL-3.0-or-later
"""The wheels that are shipped: fetched, pinned by their hashes in `wheels/lock.txt`, listed in the manifest."""

import hashlib
import re
import shutil
import sys
import tempfile
import tomllib
from pathlib import Path

from tools.build.pip import pip
from tools.errors import ToolError
from tools.places import PROJECT, cache_folder
from tools.process import run_logged

FOLDER = PROJECT / "wheels"
LOCK = FOLDER / "lock.txt"
MANIFEST = PROJECT / "blender_manifest.toml"
WANTED = ("pika~=1.4.4", "requests~=2.32", "tomlkit~=0.15.2", "starlette~=1.10", "uvicorn~=0.54", "multipart~=2.0")
OLDEST_PYTHON = "3.11"
HEADER = "# Made by `build.py wheels --update`; not for editing.\n"


def verified() -> list[Path]:
    """The wheels, after a check that they are those of the lock and that the manifest lists them all."""
    found = sorted(FOLDER.glob("*.whl"))
    locked = set(re.findall(r"sha256:([0-9a-f]{64})", LOCK.read_text(encoding="utf-8")))
    for wheel in found:
        if _sha256(wheel) not in locked:
            raise ToolError(f"{wheel} is not the one pinned in {LOCK}; run: build.py wheels")
    if len(found) != len(locked):
        raise ToolError(f"{FOLDER} holds {len(found)} wheels, but {LOCK} pins {len(locked)}; run: build.py wheels")
    if _listed() != {wheel.name for wheel in found}:
        raise ToolError(f"{MANIFEST} does not list the wheels of {FOLDER}; run: build.py wheels")
    return found


def importable() -> None:
    """Let this Python import pika, requests and tomlkit straight from the wheels; they are all pure Python."""
    for wheel in verified():
        if str(wheel) not in sys.path:
            sys.path.append(str(wheel))


def fetch() -> list[Path]:
    """Fetch the wheels that the lock pins, and list them in the manifest."""
    with tempfile.TemporaryDirectory() as folder:
        _download(Path(folder), "--no-deps", "--require-hashes", "--requirement", str(LOCK))
        _take_over(Path(folder))
    return verified()


def update() -> list[Path]:
    """Fetch the newest wheels that are wanted, and pin them anew."""
    with tempfile.TemporaryDirectory() as folder:
        _download(Path(folder), *WANTED)
        LOCK.write_text(HEADER + "".join(map(_pin, sorted(Path(folder).glob("*.whl")))), encoding="utf-8")
        _take_over(Path(folder))
    return verified()


def _download(folder: Path, *what: str) -> None:
    run_logged(
        [
            *pip(),
            "download",
            "--no-input",
            "--only-binary=:all:",
            "--platform=any",
            "--implementation=py",
            "--abi=none",
            f"--python-version={OLDEST_PYTHON}",
            f"--dest={folder}",
            *what,
        ],
        doing="fetching wheels",
        log=cache_folder() / "wheels.log",
        timeout=600,
    )


def _take_over(folder: Path) -> None:
    for old in FOLDER.glob("*.whl"):
        old.unlink()
    for wheel in folder.glob("*.whl"):
        shutil.copy(wheel, FOLDER)
    lines = "".join(f'  "./wheels/{wheel.name}",\n' for wheel in sorted(folder.glob("*.whl")))
    manifest = MANIFEST.read_text(encoding="utf-8")
    MANIFEST.write_text(re.sub(r"^wheels = \[.*?\]", f"wheels = [\n{lines}]", manifest, flags=re.M | re.S))


def _pin(wheel: Path) -> str:
    name, version = wheel.name.split("-")[:2]
    return f"{name.replace('_', '-')}=={version} \\\n    --hash=sha256:{_sha256(wheel)}\n"


def _listed() -> set[str]:
    manifest = tomllib.loads(MANIFEST.read_text(encoding="utf-8"))
    return {Path(wheel).name for wheel in manifest["wheels"]}


def _sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()
