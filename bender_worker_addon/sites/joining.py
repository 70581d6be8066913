# SPDX-License-Identifier: GPL-3.0-or-later
"""Joining: makes a machine one of a farm's, by the link that `serve` prints: asks the farm for RabbitMQ's address and
for a token of this worker's own, and writes both into config.toml, for its owner alone."""

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from ..core.errors import FarmError
from ..settings import file as config_file
from ..settings.config import WorkerConfig
from ..settings.resolve import Resolved
from ..settings.tls import Tls
from ..settings.values import Url
from .client import Client

_TOLD = ("bender_url", "amqp_url")
_TRUSTED = ("ca_file", "client_cert", "client_key")
NO_TASKS = (
    "the farm's tasks stay on its own machine: this one can send jobs and fetch frames, but render none until the farm"
    " has a RabbitMQ"
)


@dataclass(frozen=True, slots=True)
class Joined:
    """`farm` is its address, for people; `written`, the settings that stand in `file` now. Without `renders` the farm
    has no RabbitMQ: see NO_TASKS."""

    farm: str
    file: Path
    written: tuple[str, ...]
    renders: bool

    def overruled(self, resolved: Resolved) -> str:
        """Why what was written is not what is in force, if it isn't."""
        for name in self.written:
            if not resolved.sources[name].startswith((f"{name} in {self.file}", "default")):
                return f"{resolved.sources[name]} goes before what is written in {self.file}; take it away"
        return ""


def why_no_link(link: str) -> str:
    """What is wrong with the form of a link; nothing if it may be one."""
    try:
        Url(("http", "https"))(link)
    except ValueError:
        return f"the link should be http://HOST:8000/join/CODE, found {link or 'nothing'}"
    return "" if "/join/" in urlsplit(link).path else "the link should end in /join/CODE, as `serve` prints it"


def join(link: str, before: Resolved) -> Joined:
    """Joins the farm of a link that is one; `before` are the settings in force until now. Raises WorkerError."""
    told = _asked(link, before.config)
    changes = dict(told)
    if not before.sources["queue"].startswith("default"):
        changes["queue"] = "auto"
    changes |= {name: str(getattr(before.config, name)) for name in _TRUSTED if before.sources[name].startswith("--")}
    config_file.write(before.file, config_file.read_if_there(before.file).changed(changes))
    parts = urlsplit(link)
    return Joined(f"{parts.scheme}://{parts.netloc}", before.file, tuple(told), "amqp_url" in told)


def _asked(link: str, config: WorkerConfig) -> dict[str, str]:
    """What the farm tells of itself."""
    parts = urlsplit(link)
    with closing(Client(f"{parts.scheme}://{parts.netloc}", Tls.of(config))) as farm:
        told = farm.ask("POST", parts.path, {"name": config.name, "id": config.id})
    if not isinstance(told, dict) or not isinstance(told.get("bender_url"), str):
        raise FarmError(f"what answers at {parts.netloc} is no farm")
    return {name: value for name in _TOLD if isinstance(value := told.get(name), str)}
