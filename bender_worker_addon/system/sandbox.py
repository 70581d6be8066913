# SPDX-License-Identifier: GPL-3.0-or-later
"""Sandbox: what a Blender in the background gets to see of this machine. Only says how; starts nothing.

In a sandbox (Linux, by bubblewrap) a child sees the system's programs, Blender's own folder, its blend and the folder
for its frames, which alone it can write; no network, no home, no other process. Out of it, its environment is all that
is held back.
"""

import re
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from glob import escape
from pathlib import Path

from ..core import luggage, tile
from .platform import LINUX
from .printed import ADDRESS_WITH_PASSWORD

_SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/opt", "/nix", "/snap", "/sys")
_ETC = (
    "alternatives",
    "fonts",
    "glvnd",
    "ld.so.cache",
    "localtime",
    "nvidia",
    "OpenCL",
    "vulkan",
)  # the rest has secrets
_DEVICES = ("nvidia*", "dri", "kfd")  # graphics cards
_KERNEL = ("/proc/sys", "/proc/sysrq-trigger", "/proc/irq", "/proc/bus")  # root could write there, even without rights
_DESKTOP = re.compile(r"XDG_|DISPLAY$|WAYLAND_|XAUTHORITY$")

_SECRET = re.compile(
    r"^(BENDER|AWS|AZURE|SSH|GPG)_|^DBUS_SESSION|TOKEN|SECRET|PASSW|PASSPHRASE|CREDENTIAL|(^|_)(API_?|ACCESS_?)?KEY(_ID)?$",
    re.IGNORECASE,
)


def without_secrets(environment: Mapping[str, str]) -> dict[str, str]:
    """An environment without what is known to be secret by its name, or is an address with a password.

    The rest is kept: licence servers, colour configurations and plug-ins of a studio are named there, and nobody could
    list them all; a picture without them would be another.
    """
    return {
        name: value
        for name, value in environment.items()
        if not _SECRET.search(name) and not ADDRESS_WITH_PASSWORD.search(value)
    }


def environment_inside(environment: Mapping[str, str], *, home: Path) -> dict[str, str]:
    """An environment that doesn't lead to what a sandbox hasn't: the user's folders and the desktop."""
    return {name: value for name, value in environment.items() if not _DESKTOP.search(name)} | {"HOME": str(home)}


def why_impossible() -> str:
    """Why there can be no sandbox on this machine, as far as that can be seen without trying; empty if nothing is."""
    if not LINUX:
        return "only Linux has one"
    return "" if shutil.which("bwrap") else "the program bwrap is not there (package bubblewrap)"


@dataclass(frozen=True, slots=True)
class Sandbox:
    """`readable`: folders and files that are seen besides those every child needs."""

    readable: tuple[Path, ...] = ()

    def command(self, command: Sequence[str], *, folder: Path, blend: Path | None = None) -> list[str]:
        """`command` as it runs in the sandbox, with `folder` to write to and `blend` to read, and the folders that are
        called after it. A connection that it inherits stays open; when its parent dies, so does all that it has
        started."""
        seen = [*map(Path, _SYSTEM), *(Path("/etc", name) for name in _ETC), *_programs(command), *self.readable]
        devices = [path for pattern in _DEVICES for path in Path("/dev").glob(pattern)]
        return [
            shutil.which("bwrap") or "bwrap",
            *("--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try"),
            *("--die-with-parent", "--cap-drop", "ALL"),
            *("--proc", "/proc", *_each("--ro-bind-try", map(Path, _KERNEL))),
            *("--dev", "/dev", *_each("--dev-bind-try", devices)),
            *("--tmpfs", "/tmp"),
            *_each("--ro-bind-try", seen),
            *_each("--ro-bind", [] if blend is None else [blend, *_folders_of(blend)]),
            *_each("--bind", [folder]),
            *("--chdir", str(folder), "--"),
            *command,
        ]


def _folders_of(blend: Path) -> list[Path]:
    """What a job can't have in its blend and has beside it: files, caches of it and of its libraries, tiles."""
    names = (luggage.FOLDER, f"blendcache_{escape(blend.stem)}*", tile.FOLDER)
    return [folder for name in names for folder in blend.parent.glob(name)]


def _programs(command: Sequence[str]) -> list[Path]:
    """The folders of the files that a command line names, and Python's own if it is one; never the user's home."""
    files = [Path(word).resolve() for word in command if Path(word).is_absolute() and Path(word).is_file()]
    folders = [file if Path.home().is_relative_to(file.parent) else file.parent for file in files]
    return [*folders, Path(sys.prefix), Path(sys.base_prefix)]


def _each(option: str, paths: "Sequence[Path] | map[Path]") -> list[str]:
    return [word for path in paths for word in (option, str(path), str(path))]
