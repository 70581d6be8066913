# SPDX-License-Identifier: GPL-3.0-or-later
"""A private Debian in a folder, and scripts that run its programs. The machine's own packages stay as they are."""

import os
import shlex
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tools.errors import ToolError
from tools.places import cache_folder, locked
from tools.process import run_logged, say

MAKING_TIMEOUT = 1800.0
UNNEEDED = ("doc", "info", "locale", "man")
KEYRING = Path("usr/share/keyrings/debian-archive-keyring.gpg")

# One process all the way, so that signals and exit codes pass; the mounts live and die with it. The private
# Debian lends only /usr and /etc: every other folder, and the current one, are the machine's own.
SCRIPT = """\
#!/bin/sh
set -eu
private="unshare --mount --propagation private"
[ "$(id -u)" = 0 ] || private="$private --user --map-root-user"
exec $private sh -euc '
root=$1 program=$2; shift 2
for file in passwd group hosts resolv.conf; do
    [ ! -e "/etc/$file" ] || mount --bind "/etc/$file" "$root/etc/$file"
done
mount --rbind /usr/src "$root/usr/src"
mount --rbind "$root/etc" /etc
mount --rbind "$root/usr" /usr
export PATH="/usr/sbin:/usr/bin:/sbin:/bin:$PATH"
exec "$program" "$@"
' sh {root} {program} "$@"
"""


@dataclass(frozen=True, kw_only=True)
class Root:
    """A Debian of its own: which suite, with which packages, and how large it becomes."""

    name: str
    suite: str
    packages: tuple[str, ...]
    megabytes: int

    @property
    def folder(self) -> Path:
        return cache_folder() / self.name

    def program(self, path: str) -> Path:
        """The script that runs the root's program `path`; makes the root first if it is not there.

        Raises ToolError where no private Debian can be had.
        """
        self.make()
        script = self.folder / Path(path).name
        text = SCRIPT.format(root=shlex.quote(str(self.folder / "root")), program=shlex.quote(path))
        if not script.is_file() or script.read_text() != text:
            fresh = script.with_suffix(f".{os.getpid()}")
            fresh.write_text(text)
            fresh.chmod(0o755)
            fresh.replace(script)
        return script

    def made(self) -> bool:
        return self._stamp.is_file() and self._stamp.read_text() == self._recipe

    def make(self) -> None:
        """Make the root unless it is there; what an interrupted run or an older list left is made again."""
        if self.made():
            return
        why_not = why_not_here()
        if why_not:
            raise ToolError(f"{self.name} can't be made here: {why_not}")
        with locked(self.name):
            if not self.made():
                self._make()

    def _make(self) -> None:
        say(
            f"Making {self.name} from Debian {self.suite} in {self.folder}: about {self.megabytes} MB "
            "and 1 to 3 minutes, only this once."
        )
        mmdebstrap = _mmdebstrap()
        self._stamp.unlink(missing_ok=True)
        root = self.folder / "root"
        _remove(root, mmdebstrap)
        run_logged(
            [
                # As root its mounts are kept to itself, so that none can stay behind.
                *(("unshare", "--mount", "--propagation", "private") if _is_root() else ()),
                mmdebstrap,
                f"--mode={'root' if _is_root() else 'unshare'}",
                "--variant=apt",
                f"--keyring={_keyring()}",
                # A mirror may lag behind; its signature is checked all the same.
                '--aptopt=Acquire::Check-Valid-Until "false"',
                *(f"--dpkgopt=path-exclude=/usr/share/{folder}/*" for folder in UNNEEDED),
                '--customize-hook=ln -sfn /proc/self/mounts "$1/etc/mtab"',
                '--customize-hook=cd "$1/etc" && touch passwd group hosts resolv.conf',
                f"--include={','.join(self.packages)}",
                self.suite,
                root,
            ],
            doing=f"making {self.name}",
            log=self.folder / "log",
            timeout=MAKING_TIMEOUT,
            env=os.environ | {"PATH": f"{Path(mmdebstrap).parent}:{os.environ['PATH']}"},  # it has a helper beside it
        )
        self._stamp.write_text(self._recipe)

    @property
    def _stamp(self) -> Path:
        return self.folder / "made"

    @property
    def _recipe(self) -> str:
        return "\n".join((self.suite, *self.packages))


def why_not_here() -> str:
    """Why this machine can have no private Debian, in a sentence; empty if it can."""
    if not shutil.which("apt-get") or not Path("/bin").is_symlink():
        return "this is no Debian or Ubuntu of today"
    if not shutil.which("unshare"):
        return "the program unshare (package util-linux) is missing"
    if not _is_root() and not shutil.which("newuidmap"):
        return "for anyone but root that takes the package uidmap"
    user = () if _is_root() else ("--user", "--map-root-user")
    test = subprocess.run(
        ["unshare", "--mount", "--propagation", "private", *user, "mount", "-t", "tmpfs", "none", "/mnt"],
        capture_output=True,
        text=True,
        timeout=30,
    )
    return f"it allows no private mounts ({test.stderr.strip()})" if test.returncode else ""


def fetch_package(name: str) -> Path:
    """Download one Debian package and unpack it in the cache; the folder it was unpacked into."""
    folder = cache_folder() / "packages" / name
    if not folder.is_dir():
        with locked("packages"):
            if not folder.is_dir():
                _fetch_package(name, folder)
    return folder


def _fetch_package(name: str, folder: Path) -> None:
    work = folder.with_name(f"{name}.part")
    shutil.rmtree(work, ignore_errors=True)
    for part in ("lists/partial", "archives/partial", "unpacked"):
        (work / part).mkdir(parents=True)
    apt = [
        "apt-get",
        f"-oDir::State::Lists={work / 'lists'}",
        f"-oDir::Cache::Archives={work / 'archives'}",
        "-oAPT::Sandbox::User=",
        "-oAcquire::Check-Valid-Until=false",
    ]
    commands = (
        f"{shlex.join(apt)} update || echo 'Some package lists could not be had.'",
        f"{shlex.join(apt)} download {name}",
        f"dpkg -x {name}_*.deb unpacked",
    )
    run_logged(
        ["sh", "-ec", f"cd {shlex.quote(str(work))}\n" + "\n".join(commands)],
        doing=f"fetching {name}",
        log=folder.with_name(f"{name}.log"),
        timeout=600,
    )
    (work / "unpacked").rename(folder)
    shutil.rmtree(work)


def _mmdebstrap() -> str:
    if installed := shutil.which("mmdebstrap"):
        return installed
    private = fetch_package("mmdebstrap") / "usr" / "bin" / "mmdebstrap"
    test = subprocess.run([private, "--version"], capture_output=True, text=True, timeout=60)
    if test.returncode:
        raise ToolError(f"mmdebstrap does not run here; install it (apt install mmdebstrap).\n{test.stderr.strip()}")
    return str(private)


def _keyring() -> Path:
    installed = Path("/") / KEYRING
    return installed if installed.is_file() else fetch_package("debian-archive-keyring") / KEYRING


def _remove(root: Path, mmdebstrap: str) -> None:
    if root.exists():
        # Made by a plain user, the files belong to users whom only mmdebstrap's helper can be.
        helper = () if _is_root() else (mmdebstrap, "--unshare-helper")
        run_logged(
            [*helper, "find", root, "-xdev", "-mindepth", "1", "-delete"],
            doing=f"removing {root}",
            log=root.with_name("removing.log"),
            timeout=300,
        )
        root.rmdir()


def _is_root() -> bool:
    return os.geteuid() == 0
