# SPDX-License-Identifier: GPL-3.0-or-later
"""Windows here: a CPython made for Windows, and with it the tests' packages, under Wine. Knows nothing of the tests.

All of it is in the cache: Wine in a private Debian, CPython as Maven has it, packages by pip. Nothing is installed.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from tools.blenders import bpy_wheel
from tools.build import wheels
from tools.build.pip import pip
from tools.debian import Root
from tools.errors import ToolError
from tools.places import PROJECT, cache_folder, locked
from tools.process import run_logged

PYTHON = "3.11.3"
ARTIFACT = f"org.bytedeco:cpython:{PYTHON}-1.5.9:jar:windows-x86_64"
SHA256 = "3263a50b256447bb7b9e604d6587627e419891370fc33b94469e6a06ff4de834"
COPY = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy"
INSIDE_JAR = "org/bytedeco/cpython/windows-x86_64/"
TEST_PACKAGES = ("hypothesis", "pytest", "pytest-timeout")  # of those pinned for the tests
ROOT = Root(name="wine-10", suite="trixie", packages=("wine64",), megabytes=1000)
DESKTOP = ("DISPLAY", "WAYLAND_DISPLAY")
LINGERS = "600"  # seconds the Wine server waits for the next program, unless it is ended before

_AT_HOME = "import ctypes, sys; ctypes.windll.user32.GetDesktopWindow(); print(flush=True); sys.stdin.read()"
_LONG_ENOUGH = 120.0  # seconds for Wine to end
_OPTIONS = ("--platform=win_amd64", "--only-binary=:all:", "--implementation=cp", "--python-version=3.11")


if sys.platform == "linux":
    import fcntl


class Windows:
    """One that is ready to run Windows programs, one after the other or several at once: see `windows`."""

    def __init__(self, wine: Path, python: Path, packages: Path, prefix: Path) -> None:
        self._wine = wine
        self._python = python
        self._packages = packages
        self.prefix = prefix
        """The folder of its drive C:, `drive_c`. Its drive Z: is the root of this machine."""

    def command(self, *words: str | Path) -> list[str]:
        """The command line of Windows' Python with these words. Run it in a folder of this machine: then its paths,
        which are on the same drive, hold for Windows' Python too."""
        return [str(self._wine), str(self._python), *map(str, words)]

    def environment(self) -> dict[str, str]:
        """What it is to be run with."""
        return _wine_environment(self.prefix) | self.settings()

    def settings(self, *more_packages: Path) -> dict[str, str]:
        """The same without what else is there. `more_packages`: folders to import from, before the tests' own."""
        paths = ";".join(map(drive_z, (*more_packages, self._packages)))
        return _settings(self.prefix) | {"PYTHONPATH": paths, "PYTHONDONTWRITEBYTECODE": "1"}


@contextmanager
def windows() -> Iterator[Windows]:
    """Windows, made if it is not there. Others may have it at the same time; with the last of them all its programs
    end.

    Raises ToolError with the reason where there can be none.
    """
    if sys.platform != "linux":
        raise ToolError("this is done on Linux only")
    with locked("windows-python"):
        python, packages = _python(), _packages()
        wine, server = (ROOT.program(f"/usr/lib/wine/{name}") for name in ("wine64", "wineserver64"))
        prefix = _prefix(wine, server)
    with (cache_folder() / "windows-in-use.lock").open("a+") as users:
        fcntl.flock(users, fcntl.LOCK_SH)
        _serve(server, prefix)
        place = Windows(wine, python, packages, prefix)
        try:
            with _at_home(place):
                yield place
        finally:
            with suppress(BlockingIOError):  # somebody else has it
                fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
                _serve(server, prefix, end=True)


@contextmanager
def _at_home(place: Windows) -> Iterator[None]:
    """While it lasts a program is there that does nothing. The first one has Wine start its services and its desktop,
    which live on with the environment of that program and with its pipes: whoever reads from them would wait."""
    command = place.command("-c", _AT_HOME)
    keeper = subprocess.Popen(
        command, env=place.environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    assert keeper.stdin is not None and keeper.stdout is not None
    with keeper.stdin, keeper.stdout:
        keeper.stdout.readline()
        yield
    with suppress(subprocess.TimeoutExpired):
        keeper.wait(_LONG_ENOUGH)


def drive_z(path: Path) -> str:
    """A path of this machine as Windows programs see it under Wine."""
    return "Z:" + str(path).replace("/", "\\")


def install(packages: Path, wanted: Sequence[str], *, doing: str) -> None:
    """Install what is made for Windows, or for any system, into the folder `packages`."""
    shutil.rmtree(packages, ignore_errors=True)
    run_logged(
        [*pip(), "install", "--no-input", *_OPTIONS, f"--target={packages}", *wanted],
        doing=doing,
        log=packages.with_suffix(".log"),
        timeout=1800,
    )


def bpy_packages() -> Path:
    """The folder of the bpy for Windows, and of what it needs. Raises ToolError where it can't be had."""
    folder = cache_folder() / f"windows-bpy-{bpy_wheel.VERSION}"
    with locked("windows-bpy"):
        if not folder.is_dir():
            fresh = folder.with_suffix(".part")
            install(fresh, [f"bpy=={bpy_wheel.VERSION}"], doing="fetching bpy for Windows, 350 MB")
            fresh.rename(folder)
    return folder


def _python() -> Path:
    """Windows' python.exe."""
    folder = cache_folder() / f"windows-python-{PYTHON}"
    if not folder.is_dir():
        if not shutil.which("mvn"):
            raise ToolError("Windows' Python is fetched by the program mvn (package maven), which is missing")
        work = folder.with_suffix(".part")
        shutil.rmtree(work, ignore_errors=True)
        run_logged(
            ["mvn", "-q", "-B", COPY, f"-DoutputDirectory={work}", f"-Dartifact={ARTIFACT}"],
            doing="fetching Windows' Python",
            log=folder.with_suffix(".log"),
            timeout=600,
        )
        _unpack(next(work.glob("*.jar")), work)
        (work / INSIDE_JAR).rename(folder)
        shutil.rmtree(work)
    return folder / "python.exe"


def _unpack(jar: Path, work: Path) -> None:
    if hashlib.sha256(jar.read_bytes()).hexdigest() != SHA256:
        raise ToolError(f"{jar} is not the Windows' Python that is pinned")
    with zipfile.ZipFile(jar) as archive:
        wanted = [name for name in archive.namelist() if name.startswith(INSIDE_JAR) and "/include/" not in name]
        archive.extractall(work, wanted)
    for runtime in (work / INSIDE_JAR / "lib").glob("vcruntime140*.dll"):
        shutil.copy(runtime, work / INSIDE_JAR)


def _packages() -> Path:
    """The folder of the packages that the tests and what they test need."""
    wanted = [*_pinned(), "colorama", *map(str, wheels.verified())]
    folder = cache_folder() / f"windows-packages-{hashlib.sha256(repr(wanted).encode()).hexdigest()[:12]}"
    if not folder.is_dir():
        fresh = folder.with_suffix(".part")
        install(fresh, wanted, doing="fetching packages for Windows' Python")
        fresh.rename(folder)
    return folder


def _pinned() -> list[str]:
    groups = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["dependency-groups"]
    return [pin for pin in groups["dev"] if pin.partition("==")[0] in TEST_PACKAGES]


def _prefix(wine: Path, server: Path) -> Path:
    """Wine's folder, with a drive C: as of a fresh Windows 10."""
    prefix = cache_folder() / f"windows-{ROOT.name}"
    if not prefix.is_dir():
        fresh = prefix.with_suffix(".part")
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir()
        run_logged(
            [wine, "wineboot", "-i"],
            doing="making a drive C: for Windows",
            log=prefix.with_suffix(".log"),
            timeout=300,
            env=_wine_environment(fresh),
        )
        _serve(server, fresh, end=True)
        for port in (fresh / "dosdevices").glob("com*"):
            port.unlink()  # else to open a file named "aux" waits for a serial port
        fresh.rename(prefix)
    return prefix


def _serve(server: Path, prefix: Path, *, end: bool = False) -> None:
    """Starts Wine's server apart from its programs, whose pipes it would keep open; or ends it and all of them."""
    with suppress(subprocess.TimeoutExpired):  # what can't be ended now is in nobody's way
        subprocess.run(
            [server, *(("-k", "-w") if end else (f"-p{LINGERS}",))],
            env=_wine_environment(prefix),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=_LONG_ENOUGH,
        )


def _wine_environment(prefix: Path) -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name not in DESKTOP} | _settings(prefix)


def _settings(prefix: Path) -> dict[str, str]:
    return {
        "WINEPREFIX": str(prefix),
        "WINEARCH": "win64",
        "WINEDEBUG": "-all",
        "LC_ALL": "C.UTF-8",
        "WINEDLLOVERRIDES": "mscoree=;mshtml=;winemenubuilder.exe=",
    }
