# SPDX-License-Identifier: GPL-3.0-or-later
"""Serve: a farm's own side, put together and taken apart: its books, its end of RabbitMQ, and what it answers."""

import asyncio
import logging
import socket
import threading
import time
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import uvicorn

from ..core.errors import FarmError, FolderInUse
from ..farm.contents import Contents
from ..farm.database import SERVED
from ..queues.local.upkeep import Upkeep
from ..queues.rabbitmq.farm_link import FarmLink
from ..settings.config import WorkerConfig
from ..settings.tls import Tls
from ..system.error_words import strerror
from ..system.files import discard_folder, remove
from ..system.lock import Lock
from ..system.open_files import allow
from . import access as credentials
from . import members
from .access import Access, the_key
from .backstage import Backstage
from .book_keeper import BookKeeper
from .farm import Farm
from .rabbit_users import Node, RabbitUsers
from .web import connections
from .web.app import app
from .web.connections import Connections
from .web.reception import ARRIVING, INCOMING
from .webhook import Webhook

log = logging.getLogger(__name__)

_ALL = frozenset({"0.0.0.0", "::"})
_UNSENT = 3600.0  # seconds a job that was never sent to the end is kept, with what has come of it
_CLOSE = 5.0  # seconds each part may take to close
_OTHER_FILES = 1000  # open at once besides connections: blends and frames that come and go, the books
_BACKLOG = 512  # connections that wait to be taken, so that no more than these are taken at once


@dataclass(frozen=True, slots=True)
class Links:
    """What to open and to hand out: the page with its key, the key, and a line that lets a machine join."""

    page: str
    key: str
    join: str


class Server:
    """From its making to `close`. `links` has what it is reached by."""

    def __init__(
        self,
        config: WorkerConfig,
        *,
        host: str,
        port: int,
        cert: Path | None = None,
        key: Path | None = None,
        blender: Path | None = None,
        own_rabbitmq: Node | None = None,
    ) -> None:
        """`port`: 0 for any. `cert` and `key`: for TLS. `blender`: a program for what only that can do.
        `own_rabbitmq`: the farm's own, if it has one. Raises WorkerError if the farm's folder or the port can't be
        used, or another server has them."""
        config = self._config = _of_the_farm(config)
        self._told = False  # a trouble that lasts is told once
        with ExitStack() as parts:
            parts.enter_context(closing(_lock(config.farm_dir)))
            _remove_unsent(config)
            self._upkeep = _upkeep(config)
            parts.callback(lambda: self._upkeep.close())
            self.link: FarmLink | None = None
            farm = Farm(config, changed=self._changed, link=lambda: self.link)
            self._farm = farm
            backstage = parts.enter_context(closing(Backstage(blender, farm_dir=config.farm_dir)))
            people_key = the_key(config.farm_dir)
            access = Access(people_key)
            if not config.is_local:
                books = BookKeeper(config.farm_dir, changed=lambda: self._upkeep.notify())
                self.link = FarmLink(config.amqp_url, books, tls=Tls.of(config))
                parts.callback(self.link.close, timeout=_CLOSE)
                self.link.start()
            users = None
            if own_rabbitmq is not None and own_rabbitmq.can_be_told:
                users = parts.enter_context(closing(RabbitUsers(own_rabbitmq, config.farm_dir)))
            listening = parts.enter_context(_listening(host, port))
            scheme = "http" if cert is None else "https"
            shown_host = socket.gethostname() if host in _ALL else f"[{host}]" if ":" in host else host
            base = f"{scheme}://{shown_host}:{listening.getsockname()[1]}"
            members.remember_address(config.farm_dir, base)
            credentials.revoke(farm.database, credentials.JOIN, members.AT_THE_START)
            parts.callback(Webhook(farm, farm_dir=config.farm_dir, base=base).close)
            code = credentials.issue(farm.database, credentials.JOIN, members.AT_THE_START)
            self.links = Links(f"{base}/#key={people_key}", people_key, f"{base}/join/{code}")
            files = allow(connections.IN_ALL + _BACKLOG + _OTHER_FILES)
            seats = Connections(in_all=min(connections.IN_ALL, files // 2))
            self._web = uvicorn.Server(
                uvicorn.Config(
                    app(farm, access, config, backstage, users),
                    http=connections.as_protocol(seats),
                    ws="none",
                    lifespan="off",
                    log_config=None,
                    log_level="critical",  # the guard tells what goes wrong
                    access_log=False,
                    server_header=False,
                    backlog=_BACKLOG,
                    timeout_keep_alive=connections.IDLE,
                    timeout_graceful_shutdown=int(_CLOSE),
                    ssl_certfile=None if cert is None else str(cert),
                    ssl_keyfile=None if key is None else str(key),
                )
            )
            _load(self._web.config)
            # Not on the main thread: signals are the command's.
            self._thread = threading.Thread(target=self._answer, args=(listening,), name="bender-web", daemon=True)
            self._thread.start()
            parts.callback(self._end_web)
            self._parts = parts.pop_all()

    def is_running(self) -> bool:
        return self._thread.is_alive()

    def look_after(self) -> None:
        """To be called every few seconds: what a full disk, for one, has ended is begun again."""
        try:
            self._upkeep.check()
        except FarmError as error:
            log.log(logging.DEBUG if self._told else logging.WARNING, "%s; it is tried again", error)
            self._told = True
            self._upkeep.close()
            self._upkeep = _upkeep(self._config)

    def close(self) -> None:
        """What is being answered is answered, what was reported is entered; then it ends."""
        self._parts.close()

    def _answer(self, listening: socket.socket) -> None:
        with asyncio.Runner(loop_factory=connections.new_loop) as runner:
            runner.run(self._web.serve(sockets=[listening]))

    def _end_web(self) -> None:
        self._farm.is_closing = True
        self._web.should_exit = True
        self._thread.join(2 * _CLOSE)

    def _changed(self) -> None:
        """Something was changed over HTTP: the jobs' files follow, and there may be something to feed."""
        self._upkeep.notify()
        if self.link is not None:
            self.link.feed_soon()


def _of_the_farm(config: WorkerConfig) -> WorkerConfig:
    """The farm's jobs and frames are in its own folder, wherever a worker of this machine has its."""
    return replace(config, blendpath=config.farm_dir / "jobs", outpath=config.farm_dir / "frames")


def _lock(folder: Path) -> Lock:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return Lock(folder / SERVED)
    except FolderInUse as error:
        raise FarmError(f"a server of the farm in {folder} runs already") from error
    except OSError as error:
        raise FarmError(f"the farm's folder {folder} can't be used: {error.strerror}") from error


def _upkeep(config: WorkerConfig) -> Upkeep:
    return Upkeep(config.farm_dir, jobs=config.blendpath)


def _listening(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=_BACKLOG, reuse_port=False)
    except OSError as error:
        words = f"port {port} of {host} can't be used: {strerror(error.errno or 0)}; choose another: --port"
        raise FarmError(words) from error


def _load(config: uvicorn.Config) -> None:
    """So that what is wrong with a certificate is known before anybody is told where the farm answers."""
    try:
        config.load()
    except OSError as error:  # as ssl.SSLError is one, too
        files = [file for file in (config.ssl_certfile, config.ssl_keyfile) if file is not None]
        missing = next((f": {file} is not there" for file in files if not Path(file).is_file()), "")
        raise FarmError(f"--cert and --key can't be used{missing or f': {error.strerror or error}'}") from error


def _remove_unsent(config: WorkerConfig) -> None:
    """What came of jobs that were never sent to the end, and of frames. Who was sending a moment ago goes on."""
    for folder in (*filter(_is_old, config.blendpath.glob(".new-*")), config.outpath / INCOMING):
        discard_folder(folder)
    for path in config.blendpath.glob(".new-*/**/.*"):
        if ARRIVING.fullmatch(path.name):  # it would come into the job's folder with the rest
            with suppress(OSError):
                remove(path)
    Contents(config.blendpath).remove_unused()


def _is_old(folder: Path) -> bool:
    try:
        touched = max(path.stat().st_mtime for path in (folder, *folder.rglob("*")))
    except OSError:
        return True
    return touched + _UNSENT < time.time()
