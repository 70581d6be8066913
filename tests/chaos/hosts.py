# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts on one machine: network namespaces with an address each, linked by a switch whose links can be cut and slowed,
and none sees another's files. For root on Linux."""

import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tools.errors import ToolError

_PRIVATE = (
    'set -e; mount --make-rprivate /; mount --rbind "$1" "$2"; mount -t tmpfs none "$3"; mkdir -p "$1";'
    ' mount --move "$2" "$1"; shift 3; exec "$@"'
)
"""In a mount namespace of its own: of the folder of all hosts nothing is there but this one's."""


class Host:
    """`folder` is its disk, and nothing else of the others' is there for its programs."""

    def __init__(self, network: str, name: str, number: int, folder: Path) -> None:
        self.name, self.address = name, f"10.77.0.{number}"
        self.folder = folder / name
        self._all, self._way = folder, folder.parent / f"way-{name}"
        self._namespace, self._switch, self._port = f"{network}-{name}", f"{network}-switch", f"to-{name}"[:15]

    def make(self, stack: ExitStack) -> None:
        self.folder.mkdir(parents=True)
        self._way.mkdir()
        _run("ip", "netns", "add", self._namespace)
        stack.callback(_run, "ip", "netns", "del", self._namespace)
        _run(
            "ip",
            "-n",
            self._switch,
            "link",
            "add",
            self._port,
            "type",
            "veth",
            "peer",
            "eth0",
            "netns",
            self._namespace,
        )
        _run("ip", "-n", self._switch, "link", "set", self._port, "master", "bridge", "up")
        for words in (
            ("addr", "add", f"{self.address}/24", "dev", "eth0"),
            ("link", "set", "eth0", "up"),
            ("link", "set", "lo", "up"),
        ):
            _run("ip", "-n", self._namespace, *words)

    def command(self, program: Sequence[str | Path]) -> list[str]:
        """The same program there."""
        inside = ["sh", "-c", _PRIVATE, "-", str(self.folder), str(self._way), str(self._all), *map(str, program)]
        return ["ip", "netns", "exec", self._namespace, "unshare", "--mount", *inside]

    def cut(self) -> None:
        _run("ip", "-n", self._switch, "link", "set", self._port, "down")

    def slow(self, rate: str) -> None:
        """To so much in either direction, `1mbit`: what is too much waits, then is lost."""
        shape = ("root", "tbf", "rate", rate, "burst", "16kb", "latency", "300ms")
        _run("tc", "-n", self._switch, "qdisc", "replace", "dev", self._port, *shape)
        _run("tc", "-n", self._namespace, "qdisc", "replace", "dev", "eth0", *shape)

    def heal(self) -> None:
        _run("ip", "-n", self._switch, "link", "set", self._port, "up")
        for namespace, device in ((self._switch, self._port), (self._namespace, "eth0")):
            subprocess.run(["tc", "-n", namespace, "qdisc", "del", "dev", device, "root"], capture_output=True)


@contextmanager
def network(folder: Path, names: Sequence[str]) -> Iterator[Mapping[str, Host]]:
    """Hosts of these names, whose disks are folders in `folder`. Raises ToolError if there can be none."""
    if os.name != "posix" or os.geteuid() != 0:
        raise ToolError("network namespaces are for root on Linux")
    called = f"bw{os.getpid()}"
    with ExitStack() as stack:
        _run("ip", "netns", "add", f"{called}-switch")
        stack.callback(_run, "ip", "netns", "del", f"{called}-switch")
        _run("ip", "-n", f"{called}-switch", "link", "add", "bridge", "type", "bridge")
        _run("ip", "-n", f"{called}-switch", "link", "set", "bridge", "up")
        hosts = {name: Host(called, name, number, folder / "hosts") for number, name in enumerate(names, start=1)}
        for host in hosts.values():
            host.make(stack)
        yield hosts


def _run(*words: str) -> None:
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=30)
    except OSError as error:
        raise ToolError(f"{words[0]} can't be run: {error.strerror}") from error
    if done.returncode:
        raise ToolError(f"no network namespaces here: {' '.join(words)}: {done.stderr.strip()}")
