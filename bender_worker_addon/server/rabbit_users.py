# SPDX-License-Identifier: GPL-3.0-or-later
"""RabbitUsers: of the farm's own RabbitMQ each machine that has joined is a user of its own, with its token as the
password, who may do there what a worker does and no more. The farm's books say who has joined: whose token counts no
more is deleted there, which ends its connections too, however and wherever it was revoked."""

import base64
import hashlib
import json
import logging
import secrets
import threading
from collections.abc import Collection, Iterable
from contextlib import closing, suppress
from pathlib import Path
from typing import Protocol
from urllib.parse import quote, urlsplit

from ..core.errors import FarmError
from ..farm.database import Database
from ..system.durable import write_private
from ..system.files import remove
from . import access

log = logging.getLogger(__name__)

FOLDER = "rabbitmq"  # in the farm's: that of its own RabbitMQ
_KEPT = "users.json"
_PREFIX = "worker-"
_LOOK = 2.0  # seconds between two looks at who has been revoked
_AGAIN = 30.0  # seconds until what failed is tried again
_VHOST = "/"
_OWN = r"bender-(control|lease|worker)\..*"
_MAY = {  # bender's workers declare what is there already; leases go through the default exchange
    "configure": rf"^(work|bender-tiles(\..*)?|worker-topic|{_OWN})$",
    "write": rf"^(amq\.default|worker-topic|bender-hello|{_OWN})$",
    "read": rf"^(work|bender-tiles(\..*)?|bender-control|{_OWN})$",
}


class Node(Protocol):
    """A RabbitMQ that is the farm's own."""

    @property
    def url(self) -> str:
        """For this machine."""

    @property
    def can_be_told(self) -> bool:
        """Whether `ctl` can do anything."""

    @property
    def starts(self) -> int:
        """How often it was started."""

    def ctl(self, *words: str) -> str:
        """What `rabbitmqctl` prints. Takes seconds. Raises FarmError."""


class RabbitUsers:
    """From its making to `close` a thread deletes who has been revoked."""

    def __init__(self, node: Node, folder: Path) -> None:
        """`folder` is the farm's."""
        self._node = node
        self._folder = folder
        self._lock = threading.Lock()
        self._there: set[str] | None = None  # users that RabbitMQ knows; None before it was asked
        self._starts = 0  # of RabbitMQ before it was asked
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="bender-rabbitmq-users", daemon=True)
        self._thread.start()

    def add(self, token: str) -> str:
        """Makes the user of a token that counts; gives RabbitMQ's address for it. Takes seconds. Raises FarmError."""
        name = _PREFIX + access.id_of(token)
        with self._lock:
            known = kept(self._folder) | {name: _hash(token)}
            self._keep(known)
            self._make({name: known[name]})
            if self._there is not None:
                self._there.add(name)
        own = urlsplit(self._node.url)
        place = own.netloc.rpartition("@")[2]
        return own._replace(netloc=f"{name}:{quote(token, safe='')}@{place}").geturl()

    def close(self) -> None:
        self._closing.set()
        self._thread.join()

    def _run(self) -> None:
        with closing(Database(self._folder, durable=True)) as database:
            pause = 0.0
            while not self._closing.wait(pause):
                try:
                    self._agree_with(database)
                    pause = _LOOK
                except FarmError as error:
                    log.warning("%s; it is tried again in %.0f s", error, _AGAIN)
                    pause = _AGAIN

    def _agree_with(self, database: Database) -> None:
        """RabbitMQ knows those whom the books know, also after it has lost what it knew."""
        with self._lock:
            there, self._there = self._there, None  # if this fails it is asked again
            if there is None or self._node.starts != self._starts:
                self._starts = self._node.starts
                there = {name for name in self._node.ctl("list_users").split() if name.startswith(_PREFIX)}
                users = kept(self._folder)
                known = {name: users[name] for name in _in_books(database, users)}
                self._make(known)  # also those that are there: an earlier version gave them other rights
                self._keep(known)
                there |= known.keys()
            for name in sorted(there - _in_books(database, there)):
                self._node.ctl("delete_user", name)
                there.remove(name)
                self._keep({user: hash for user, hash in kept(self._folder).items() if user != name})
                log.info("a machine was revoked: RabbitMQ knows %s no more", name)
            self._there = there

    def _make(self, users: dict[str, str]) -> None:
        """By its own format for definitions: so no password stands on a command line."""
        if not users:
            return
        algorithm = {"hashing_algorithm": "rabbit_password_hashing_sha256", "tags": ""}
        told = {
            "users": [{"name": name, "password_hash": hash, **algorithm} for name, hash in users.items()],
            "permissions": [{"user": name, "vhost": _VHOST, **_MAY} for name in users],
        }
        path = self._folder / FOLDER / "definitions.json"
        try:
            self._write(path, told)
            self._node.ctl("import_definitions", str(path))
        finally:
            with suppress(OSError):
                remove(path)

    def _keep(self, users: dict[str, str]) -> None:
        self._write(self._folder / FOLDER / _KEPT, users)

    def _write(self, path: Path, told: object) -> None:
        try:
            write_private(path, json.dumps(told))
        except OSError as error:
            raise FarmError(f"{path} can't be written: {error.strerror or error}") from error


def kept(folder: Path) -> dict[str, str]:
    """The hash of the password by user, of all that were made for the farm in `folder` and not deleted."""
    try:
        found = json.loads((folder / FOLDER / _KEPT).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return {str(name): str(hash) for name, hash in found.items()} if isinstance(found, dict) else {}


def have_users(folder: Path, ids: Iterable[str]) -> bool:
    """Whether each of these tokens, by its id, has a user of its own: their machines know no other password."""
    return {_PREFIX + id for id in ids} <= kept(folder).keys()


def _in_books(database: Database, names: Collection[str]) -> set[str]:
    """Those whose token counts."""
    return {_PREFIX + one.id for one in access.issued(database, access.WORKER)} & set(names)


def _hash(password: str) -> str:
    """As RabbitMQ keeps it: https://www.rabbitmq.com/docs/passwords"""
    salt = secrets.token_bytes(4)
    return base64.b64encode(salt + hashlib.sha256(salt + password.encode()).digest()).decode("ascii")
