# SPDX-License-Identifier: GPL-3.0-or-later
"""Node: a RabbitMQ of the farm's own, where one is installed and none is named: its own folder, user and password.
Started with the farm, started again when it dies, ended with the farm."""

import json
import logging
import os
import re
import secrets
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import quote

from ..core.errors import FarmError
from ..queues.rabbitmq.channels import why_unreachable
from ..system.durable import write_private
from ..system.platform import WINDOWS
from ..system.tether import Tether

log = logging.getLogger(__name__)

USER = "farm"

_KEPT = "node.json"
_PORT = 5672
_BREW = (Path("/usr/local"), Path("/opt/homebrew"))
_PREFIXES = (Path("/opt/local"), *_BREW)
_SCRIPTS = (Path("/usr/lib/rabbitmq/bin"),)
_START = 90.0  # seconds until it must answer
_END = 20.0  # seconds it may take to end
_WORDS = 300  # letters of what it says
_TOLD = 60.0  # seconds that `rabbitmqctl` may take
_LOOK = 1.0  # seconds between two looks at whether it lives
_AGAIN_FIRST, _AGAIN_LAST = 1.0, 60.0  # seconds until one that died is started again

_HELD = 'exec 3<&0; "$@" </dev/null 3<&- & own=$!; (cat <&3; kill "$own") >/dev/null 2>&1 & wait "$own"'
_LEASH = () if WINDOWS else ("sh", "-c", _HELD, "-")
"""Runs a program until its own input ends: when the farm has ended, however it has, so has its RabbitMQ."""

HOW_TO_GET_ONE = (
    "a farm of many machines needs RabbitMQ, and there is none here. Install it (Debian, Ubuntu: apt install"
    " rabbitmq-server; Fedora: dnf install rabbitmq-server; macOS: brew install rabbitmq; Windows: choco install"
    " rabbitmq), or name one that runs elsewhere: --amqp-url amqp://USER:PASSWORD@HOST"
)


@dataclass(frozen=True, slots=True)
class Programs:
    server: Path
    epmd: Path

    @property
    def ctl(self) -> Path:
        return self.server.with_name("rabbitmqctl").with_suffix(self.server.suffix)


@dataclass(frozen=True, slots=True)
class _Kept:
    """What a node keeps from one start to the next."""

    port: int
    dist_port: int
    epmd_port: int
    password: str


def programs(environment: Mapping[str, str] = os.environ) -> Programs | None:
    """RabbitMQ's on this machine; None if it is not installed. Debian's own `rabbitmq-server` on PATH insists on a user
    of its own, the script behind it doesn't: that is looked for first. What Windows' installers, Homebrew and MacPorts
    make is not on the PATH of a program that was started from a desktop."""
    servers, epmds = _windows_places(environment) if WINDOWS else _unix_places(environment.get("PATH", ""))
    server, epmd = _newest(servers), _newest(epmds)
    return Programs(server, epmd) if server and epmd else None


def _unix_places(path: str) -> tuple[list[Path], list[Path]]:
    """Where the two may be, the best last."""
    on_path = [Path(folder) for folder in reversed(path.split(os.pathsep)) if folder]
    versions = sorted(Path("/usr/lib/rabbitmq/lib").glob("rabbitmq_server-*/sbin"))
    servers = [*on_path, *versions, *(prefix / "opt" / "rabbitmq" / "sbin" for prefix in _BREW), *_SCRIPTS]
    epmds = [prefix / "bin" for prefix in _PREFIXES] + on_path
    return [folder / "rabbitmq-server" for folder in servers], [folder / "epmd" for folder in epmds]


def _windows_places(environment: Mapping[str, str]) -> tuple[list[Path], list[Path]]:
    """As the installers of RabbitMQ and of Erlang leave them."""
    folder = Path(environment.get("ProgramFiles") or r"C:\Program Files")
    erlangs = [*sorted(folder.glob("erl*")), folder / "Erlang OTP"]
    if environment.get("ERLANG_HOME"):
        erlangs.append(Path(environment["ERLANG_HOME"]))
    servers = sorted(folder.glob("RabbitMQ Server/rabbitmq_server-*/sbin"), key=_version)
    epmds = [found for erlang in erlangs for found in sorted(erlang.glob("erts-*/bin"), key=_version)]
    return [found / "rabbitmq-server.bat" for found in servers], [found / "epmd.exe" for found in epmds]


def _version(path: Path) -> list[int]:
    """The numbers in its last parts: rabbitmq_server-4.10.0 is newer than 4.9.1."""
    return [int(digits) for digits in re.findall(r"\d+", path.parent.name)]


def _newest(places: Sequence[Path]) -> Path | None:
    return next((place for place in reversed(places) if place.is_file()), None)


class Node:
    """From its making, when it answers, to `close`. `url` is for this machine; `starts` is how often it was started."""

    def __init__(self, found: Programs, folder: Path, *, host: str) -> None:
        """`folder` is the node's own; it listens on `host`. Raises FarmError if it can't be started."""
        self._programs = found
        self._folder = folder
        self._host = host
        self._processes: list[subprocess.Popen[bytes]] = []
        self._closing = threading.Event()
        self._tether = Tether()
        self.starts = 0
        try:
            self._start_first()
        except OSError as error:
            self._end()
            raise FarmError(f"RabbitMQ can't be run in {folder}: {error.strerror or error}") from error
        except FarmError:
            self._end()
            raise
        self._watch = threading.Thread(target=self._keep_alive, name="bender-rabbitmq", daemon=True)
        self._watch.start()

    @property
    def url(self) -> str:
        return f"amqp://{USER}:{quote(self._kept.password, safe='')}@127.0.0.1:{self._kept.port}/%2F"

    @property
    def can_be_told(self) -> bool:
        """Whether there is a program for `ctl`."""
        return self._programs.ctl.is_file()

    def ctl(self, *words: str) -> str:
        """What `rabbitmqctl` prints, given these words. Takes seconds. Raises FarmError."""
        command, nothing = [str(self._programs.ctl), "--quiet", *words], subprocess.DEVNULL
        try:
            ended = subprocess.run(
                command, env=self._environment(), stdin=nothing, capture_output=True, timeout=_TOLD, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise FarmError(f"RabbitMQ could not be told to {words[0]}: {error}") from error
        if ended.returncode:
            said = " ".join((ended.stderr or ended.stdout).decode("utf-8", "replace").split())
            raise FarmError(f"RabbitMQ could not be told to {words[0]}: {said[:_WORDS] or ended.returncode}")
        return ended.stdout.decode("utf-8", "replace")

    def close(self) -> None:
        self._closing.set()
        self._watch.join()
        self._end()

    def _start_first(self) -> None:
        """A port that was free a moment ago may be another farm's by now; one that workers know is kept."""
        kept = _kept(self._folder)
        self._kept = kept or _chosen(self._folder, self._host)
        self._write_config()
        try:
            self._start()
        except FarmError as error:
            self._end()
            if _is_free(self._host, self._kept.port):
                raise
            if kept:
                words = f"RabbitMQ can't listen on port {kept.port}: another program does, which is to end"
                raise FarmError(words) from error
            self._kept = _chosen(self._folder, self._host)
            self._write_config()
            self._start()

    def _start(self) -> None:
        self._run(self._programs.epmd, "-port", str(self._kept.epmd_port), "-address", "127.0.0.1")
        server = self._run(self._programs.server)
        deadline = time.monotonic() + _START
        while not self._answers():
            if server.poll() is not None or time.monotonic() > deadline:
                raise FarmError(f"RabbitMQ did not start; its last words are in {self._folder / 'output.log'}")
            time.sleep(0.1)
        self.starts += 1

    def _run(self, *command: str | Path) -> "subprocess.Popen[bytes]":
        with (self._folder / "output.log").open("ab") as output:
            process = subprocess.Popen(
                [*_LEASH, *map(str, command)],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=self._environment(),
                start_new_session=True,
            )
        self._processes.append(process)
        self._tether.tie(process.pid)
        return process

    def _keep_alive(self) -> None:
        again = _AGAIN_FIRST
        while not self._closing.wait(_LOOK):
            if all(process.poll() is None for process in self._processes):
                again = _AGAIN_FIRST
                continue
            log.warning("RabbitMQ has ended; it is started again in %.0f s", again)
            self._end()
            if self._closing.wait(again):
                return
            again = min(2 * again, _AGAIN_LAST)
            try:
                self._start()
                log.info("RabbitMQ runs again")
            except (FarmError, OSError) as error:
                log.error("RabbitMQ can't be started again: %s", error)

    def _end(self) -> None:
        """The server first: epmd has its name."""
        while self._processes:
            process = self._processes.pop()
            assert process.stdin is not None
            process.stdin.close()
            if WINDOWS:  # nothing there ends it gently; it is made to be killed
                self._tether.end()
            try:
                process.wait(_END)
            except subprocess.TimeoutExpired:
                _kill(process)
                process.wait()

    def _answers(self) -> bool:
        """This one, and not another that has its port: only this one knows the password."""
        return not why_unreachable(self.url)

    def _write_config(self) -> None:
        listen = "0.0.0.0" if self._host in ("0.0.0.0", "::") else self._host
        lines = [
            f"listeners.tcp.1 = {listen}:{self._kept.port}",
            *([] if listen in ("0.0.0.0", "127.0.0.1") else [f"listeners.tcp.2 = 127.0.0.1:{self._kept.port}"]),
            f"default_user = {USER}",
            f"default_pass = {self._kept.password}",
            "loopback_users = none",
        ]
        write_private(self._folder / "rabbitmq.conf", "\n".join(lines) + "\n")
        (self._folder / "enabled_plugins").write_text("[].", encoding="utf-8")

    def _environment(self) -> dict[str, str]:
        """Nothing of another RabbitMQ on this machine."""
        folder = self._folder
        kept = {name: value for name, value in os.environ.items() if not name.startswith("RABBITMQ_")}
        erlang = self._programs.epmd.parent  # RabbitMQ's script looks for it on PATH; on Windows, in ERLANG_HOME
        kept["PATH"] = os.pathsep.join(filter(None, (kept.get("PATH", ""), str(erlang))))
        if WINDOWS:
            kept.setdefault("ERLANG_HOME", str(erlang.parent.parent))
        return kept | {
            "HOME": str(folder),
            "ERL_EPMD_PORT": str(self._kept.epmd_port),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODENAME": f"bender-farm-{self._kept.port}@localhost",
            "RABBITMQ_DIST_PORT": str(self._kept.dist_port),
            "RABBITMQ_MNESIA_BASE": str(folder / "data"),
            "RABBITMQ_LOG_BASE": str(folder / "log"),
            "RABBITMQ_PID_FILE": str(folder / "pid"),
            "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.conf"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "enabled_plugins"),
            "RABBITMQ_FEATURE_FLAGS_FILE": str(folder / "feature_flags"),
            "RABBITMQ_CONF_ENV_FILE": str(folder / "absent.conf"),
        }


def _kill(process: "subprocess.Popen[bytes]") -> None:
    """With all that it has started."""
    if WINDOWS:
        process.kill()
    else:
        os.killpg(process.pid, signal.SIGKILL)


def _kept(folder: Path) -> _Kept | None:
    """None if the node is new."""
    path = folder / _KEPT
    if not path.is_file():
        return None
    try:
        return _Kept(**json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, TypeError) as error:
        raise FarmError(f"{path} can't be read: {error}") from error


def _chosen(folder: Path, host: str) -> _Kept:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    port = _PORT if _is_free(host, _PORT) else _free_port()
    fresh = _Kept(port, _free_port(), _free_port(), secrets.token_urlsafe(32))
    write_private(folder / _KEPT, json.dumps(asdict(fresh)))
    return fresh


def _is_free(host: str, port: int) -> bool:
    try:
        socket.create_server((host if not WINDOWS else "", port)).close()
    except OSError:
        return False
    return True


def _free_port() -> int:
    """One that stays free while the node is down: not of those that systems give to connections that go out."""
    while True:
        port = 20_000 + secrets.randbelow(12_000)
        if _is_free("127.0.0.1", port):
            return port
