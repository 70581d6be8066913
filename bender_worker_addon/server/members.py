# SPDX-License-Identifier: GPL-3.0-or-later
"""Members: who may join a farm and who has joined, told and changed on its own machine, whether its server runs or not.
The same over HTTP is in `web/join.py`."""

import json
import socket
from collections.abc import Sequence
from contextlib import closing, suppress
from dataclasses import asdict
from pathlib import Path
from urllib.parse import urlsplit

from ..core.errors import FarmError
from ..farm.database import SERVED, Database
from ..system.durable import write_private
from . import access, rabbit_users
from .access import JOIN, WORKER, Credential

ADDRESS_FILE = "address"  # in the farm's folder: where its server answers, or did last
AT_THE_START = "printed when the farm was started"  # the name of a code of this server's; the next start makes it void


def remember_address(folder: Path, base: str) -> None:
    """Raises FarmError if that can't be."""
    try:
        write_private(folder / ADDRESS_FILE, f"{base}\n")
    except OSError as error:
        raise FarmError(f"{folder / ADDRESS_FILE} can't be written: {error.strerror}") from error


def print_new_code(folder: Path, *, as_json: bool) -> None:
    """A join code that counts until it is revoked. Raises FarmError if there is no farm in the folder."""
    with _books(folder) as database:
        base = _address(folder)
        code = access.issue(database, JOIN, "")
    link, name = f"{base}/join/{code}", access.id_of(code)
    if as_json:
        print(json.dumps({"id": name, "join": link}))
        return
    print_join_line(link)
    print(f"It counts until it is revoked:  serve --revoke {name}")


def print_join_line(link: str) -> None:
    print(f"To let a machine join the farm, type there:  blender --command bender_worker join {link}")
    parts = urlsplit(link)
    if parts.hostname == socket.gethostname().lower() and (address := own_address()):
        print(f"If it doesn't know {parts.hostname}, put {address} in its place.")


def own_address() -> str:
    """The one by which machines of the same network may reach this one; nothing if it has none. Nothing is sent."""
    with suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as anywhere:
        anywhere.connect(("192.0.2.1", 9))  # never anybody's (RFC 5737): it is only asked which way it would go
        return str(anywhere.getsockname()[0])
    return ""


def print_all(folder: Path, *, as_json: bool) -> None:
    """The join codes that count, and the machines that have joined. Raises FarmError if there is no farm."""
    with _books(folder) as database:
        codes, joined = access.issued(database, JOIN), access.issued(database, WORKER)
    if as_json:
        print(json.dumps({"join_codes": [asdict(code) for code in codes], "joined": [asdict(one) for one in joined]}))
        return
    _print("Join codes that count", codes)
    _print("Machines that have joined", joined)
    if codes or joined:
        print("Any of them counts no more after:  serve --revoke ID")


def revoke(folder: Path, which: str, *, as_json: bool) -> None:
    """Of a join code or of machines, by id or name. Raises FarmError if there is none of these, or no farm."""
    with _books(folder) as database:
        before = {one.id for one in access.issued(database, WORKER)}
        codes, tokens = (access.revoke(database, kind, which) if which else 0 for kind in (JOIN, WORKER))
        gone = before - {one.id for one in access.issued(database, WORKER)}
    if not codes and not tokens:
        raise FarmError(f"no join code and no machine is called {which!r}; `serve --joined` lists them")
    if as_json:
        print(json.dumps({"join_codes": codes, "joined": tokens}))
    elif codes:
        print("That join code counts no more. Machines that have joined by it stay.")
    else:
        print(f"{'That machine has' if tokens == 1 else f'{tokens} machines have'} no access to the farm any more.")
        if rabbit_users.have_users(folder, gone):
            print("The farm's RabbitMQ lets it in no more within seconds, or as soon as the farm is started.")
        else:
            print("If they know the password of RabbitMQ they can still take tasks: change that too.")


def _print(title: str, found: Sequence[Credential]) -> None:
    print(f"{title}: {len(found) or 'none'}")
    for one in found:
        said = " ".join(filter(None, (one.name, one.worker and f"(worker {one.worker})")))
        print(f"  {one.id}  {one.created[:10]}  {said}".rstrip())


def _address(folder: Path) -> str:
    try:
        return (folder / ADDRESS_FILE).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise FarmError(f"nobody knows where the farm in {folder} answers: start it once with `serve`") from error


def _books(folder: Path) -> "closing[Database]":
    if not (folder / SERVED).exists():
        raise FarmError(f"there is no farm in {folder} yet: `serve` makes one")
    return closing(Database(folder, durable=True))
