# SPDX-License-Identifier: GPL-3.0-or-later
"""A private RabbitMQ node: own epmd, own folder, free ports, loopback only, gone afterwards. Never a system service."""

import os
import random
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from tools.debian import Root
from tools.errors import ToolError
from tools.leash import Leashed
from tools.process import last_lines

ROOTS = {
    "3.10": Root(name="rabbitmq-3.10", suite="bookworm", packages=("rabbitmq-server",), megabytes=230),
    "4.0": Root(name="rabbitmq-4.0", suite="trixie", packages=("rabbitmq-server",), megabytes=230),
    "4.3": Root(name="rabbitmq-4.3", suite="sid", packages=("rabbitmq-server",), megabytes=250),
}
DEFAULT = "3.10"
INSTALLED = Path("/usr/lib/rabbitmq")
NODE_FOLDER = "bender-worker-rabbitmq-"
PROTOCOL_HEADER = b"AMQP\x00\x00\x09\x01"


class RabbitNode:
    """One node. `start` and `stop` as often as you like: port and data stay the same until `close`.

    `version` is "3.10", "4.0" or "4.3"; without it the machine's own, or 3.10 from a private Debian.
    `config` is the text of its rabbitmq.conf. `address` is where it listens.
    """

    def __init__(self, *, version: str | None = None, config: str = "", address: str = "127.0.0.1") -> None:
        self.version = version
        self._address = address
        self._programs = _Programs(version)
        _remove_stale_folders()
        self.folder = Path(tempfile.mkdtemp(prefix=f"{NODE_FOLDER}{os.getpid()}-"))
        self.port, self._dist_port, self._epmd_port = _free_ports(3)
        self._epmd: Leashed | None = None
        self._server: Leashed | None = None
        self._log = self.folder / "output.log"
        (self.folder / "rabbitmq.conf").write_text(config)
        (self.folder / "enabled_plugins").write_text("[].")

    @property
    def url(self) -> str:
        return self.url_of("%2F")

    def url_of(self, vhost: str) -> str:
        return f"amqp://guest:guest@{self._address}:{self.port}/{vhost}"

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def start(self, timeout: float = 60.0) -> None:
        """Start it and wait until it answers AMQP. Raises ToolError with its last words if it doesn't."""
        if self._epmd is None:
            epmd = [self._programs.epmd, "-port", self._epmd_port, "-address", "127.0.0.1"]
            self._epmd = Leashed([str(word) for word in epmd], env=self._env(), log=self._log)
        self._server = Leashed([self._programs.server], env=self._env(), log=self._log)
        deadline = time.monotonic() + timeout
        while not self._answers():
            if self._server.ended() or time.monotonic() > deadline:
                why = "ended" if self._server.ended() else f"did not answer within {timeout:.0f} s"
                raise ToolError(f"RabbitMQ {why}. Its last words:\n{last_lines(self._log, 15)}")
            time.sleep(0.1)

    def stop(self) -> None:
        """Shut it down as an administrator would."""
        if self._server:
            self._server.end()
            self._server = None

    def kill(self) -> None:
        """SIGKILL, as a power cut would."""
        if self._server:
            self._server.kill()
            self._server = None

    def close(self) -> None:
        """Stop it and remove its folder."""
        self.stop()
        if self._epmd:
            self._epmd.kill()
            self._epmd = None
        shutil.rmtree(self.folder, ignore_errors=True)

    def ctl(self, *arguments: str, timeout: float = 60.0) -> str:
        """What `rabbitmqctl ARGUMENTS` prints. Raises ToolError if it fails."""
        answer = subprocess.run(
            [self._programs.ctl, "--quiet", *arguments],
            env=self._env(),
            capture_output=True,
            text=True,
            timeout=timeout,
        )
        if answer.returncode:
            raise ToolError(f"rabbitmqctl {' '.join(arguments)} failed: {(answer.stderr or answer.stdout).strip()}")
        return answer.stdout

    def ctl_command(self) -> tuple[Path, dict[str, str]]:
        """The node's own rabbitmqctl, and the environment it wants."""
        return self._programs.ctl, self._env()

    def add_vhosts(self, *names: str) -> None:
        """Make virtual hosts for guest, all in one call of rabbitmqctl."""
        made = ", ".join(f'<<"{name}">>' for name in names)
        add = 'rabbit_vhost:add(V, <<"tests">>)'
        permit = (
            'rabbit_auth_backend_internal:set_permissions(<<"guest">>, V, <<".*">>, <<".*">>, <<".*">>, <<"tests">>)'
        )
        self.ctl("eval", f"[begin ok = {add}, ok = {permit} end || V <- [{made}]].")

    def _answers(self) -> bool:
        try:
            with socket.create_connection((self._address, self.port), timeout=1) as connection:
                connection.sendall(PROTOCOL_HEADER)
                return bool(connection.recv(1))
        except OSError:
            return False

    def _env(self) -> dict[str, str]:
        folder = self.folder
        kept = {name: value for name, value in os.environ.items() if not name.startswith("RABBITMQ_")}
        return kept | {
            "HOME": str(folder),
            "ERL_EPMD_PORT": str(self._epmd_port),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODENAME": f"bender-worker-{self.port}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": self._address,
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(self._dist_port),
            "RABBITMQ_MNESIA_BASE": str(folder / "data"),
            "RABBITMQ_LOG_BASE": str(folder / "log"),
            "RABBITMQ_PID_FILE": str(folder / "pid"),
            "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.conf"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "enabled_plugins"),
            "RABBITMQ_FEATURE_FLAGS_FILE": str(folder / "feature_flags"),
            "RABBITMQ_CONF_ENV_FILE": str(folder / "absent.conf"),
        }


def programs(version: str | None = None) -> "_Programs":
    """RabbitMQ's on this machine, or of a private Debian, which is made if it is missing. Raises ToolError."""
    return _Programs(version)


class _Programs:
    """Where the server, its control program and epmd come from."""

    def __init__(self, version: str | None) -> None:
        if version not in (None, *ROOTS):
            raise ToolError(f"There is no RabbitMQ {version} to be had; choose one of {', '.join(ROOTS)}.")
        epmd = shutil.which("epmd")
        if epmd and version in (None, _installed_version()) and _installed_version():
            self.epmd = Path(epmd)
            self.server = INSTALLED / "bin" / "rabbitmq-server"
            self.ctl = INSTALLED / "bin" / "rabbitmqctl"
        else:
            root = ROOTS[version or DEFAULT]
            self.epmd = root.program("/usr/bin/epmd")
            self.server = root.program("/usr/lib/rabbitmq/bin/rabbitmq-server")
            self.ctl = root.program("/usr/lib/rabbitmq/bin/rabbitmqctl")


def _installed_version() -> str | None:
    for folder in (INSTALLED / "lib").glob("rabbitmq_server-*"):
        return ".".join(folder.name.removeprefix("rabbitmq_server-").split(".")[:2])
    return None


def _free_ports(count: int) -> list[int]:
    """Ports that stay free while the node is down: not of those that systems give to connections that go out."""
    ports: list[int] = []
    while len(ports) < count:
        port = random.randrange(20_000, 32_000)
        try:
            socket.create_server(("127.0.0.1", port)).close()
        except OSError:
            continue  # somebody else's
        if port not in ports:
            ports.append(port)
    return ports


def _remove_stale_folders() -> None:
    for folder in Path(tempfile.gettempdir()).glob(f"{NODE_FOLDER}*"):
        owner = int(folder.name.removeprefix(NODE_FOLDER).split("-")[0])
        if not _alive(owner):
            shutil.rmtree(folder, ignore_errors=True)


def _alive(process_id: int) -> bool:
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
