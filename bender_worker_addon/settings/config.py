# SPDX-License-Identifier: GPL-3.0-or-later
"""WorkerConfig: every setting, what it may be and what it is for. Here a setting is added; preferences, command line
and environment have it then. Where values come from is `resolve`'s."""

import dataclasses
import enum
import os
import platform
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

from ..core.errors import ConfigError
from .values import DEVICES, Choice, Number, OneOf, Url, devices, file, folder, folders, worker_id, yes_or_no

ENVIRONMENT_PREFIX = "BENDER_WORKER_"
CONFIG_FILE = "BENDER_WORKER_CONFIG"
PREFERENCES = "preferences"
AUTO, LOCAL, RABBITMQ = "auto", "local", "rabbitmq"

Kind = Callable[[str], Any]


class Section(enum.Enum):
    """Settings that belong together, by the name people know them by."""

    FARM = "Farm"
    STORAGE = "Storage"
    RENDERING = "Rendering"
    CERTIFICATES = "Certificates"
    BEHAVIOUR = "Behaviour"


def _setting(section: Section, label: str, default: Any, kind: Kind, help: str) -> Any:
    """What people see of it: its `label` in a window, `help` everywhere. An address may hold a password, which must not
    come into a message by way of the whole configuration."""
    told = {"section": section, "label": label, "kind": kind, "help": help}
    return field(default=default, repr=not isinstance(kind, Url), metadata=told)


_farm, _storage, _rendering, _certificates, _behaviour = (partial(_setting, section) for section in Section)


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerConfig:
    """All that can be set about a worker, in the order in which people see it. Made by `resolve`; every value has been
    checked, and `queue` is decided."""

    queue: str = _farm(
        "Tasks",
        AUTO,
        OneOf(
            (
                Choice(AUTO, "Automatic", "From the farm whose address is set; without one, from this machine"),
                Choice(LOCAL, "This Machine", "From the queue on this machine, which needs no RabbitMQ"),
                Choice(RABBITMQ, "Farm", "From a RabbitMQ"),
            )
        ),
        "where tasks come from: local, a queue on this machine; rabbitmq; auto: local if no farm is named",
    )
    amqp_url: str = _farm(
        "RabbitMQ",
        "amqp://guest:guest@localhost:5672/%2F",
        Url(("amqp", "amqps")),
        "where RabbitMQ is: amqp://user:password@host:port/vhost, or amqps:// for TLS",
    )
    bender_url: str = _farm("Flaskbender", "http://localhost:8000", Url(("http", "https")), "where flaskbender is")
    id: str = _farm("Worker ID", "", worker_id, "this worker's name in reports; made once and kept if not given")
    mode: str = _farm(
        "Mode",
        "Independent",
        OneOf(
            (
                Choice("Independent", "Independent", "Blends come over HTTP"),
                Choice("Server", "Server", "Blends and frames are on a disk that the farm shares"),
            )
        ),
        "Independent: blends come over HTTP; Server: this machine shares a disk with the farm",
    )
    upload: str = _farm(
        "Upload",
        AUTO,
        OneOf(
            (
                Choice(AUTO, "Automatic", "Move, where the farm shares no disk; else it has them already"),
                Choice("off", "Off", "Frames stay on this machine"),
                Choice("move", "Move", "Frames go to flaskbender and are deleted here once it has them"),
                Choice("copy", "Copy", "Frames go to flaskbender and stay here too"),
            )
        ),
        "in the mode Independent: auto, move: frames go to flaskbender and are deleted here once it has them; copy:"
        " they stay here too; off: they stay here alone",
    )

    data_dir: Path = _storage("Data", Path(), folder, "the worker's own folder: journal, logs, and the three below")
    farm_dir: Path = _storage(
        "Jobs",
        Path(),
        folder,
        "the farm's own folder on this machine or a shared disk: its jobs, their frames, the local queue",
    )
    blendpath: Path = _storage("Blends", Path(), folder, "where blends are kept while their job runs")
    outpath: Path = _storage("Frames", Path(), folder, "where frames go, in a folder a job")
    disklimit: float = _storage(
        "Keep Free (GB)", 2.0, Number(0, unit="GB"), "GB of disk kept free; with less, nothing is rendered"
    )
    grace_period: float = _storage(
        "Keep Blends (s)",
        86400.0,
        Number(0, unit="seconds"),
        "seconds a finished job's blend is kept: of a scene that is sent again only the changes are fetched then",
    )
    cache_limit: float = _storage(
        "Keep Blends (GB)",
        20.0,
        Number(0, unit="GB"),
        "GB of blends kept that no task here needs; the oldest go first",
    )

    renderers: int = _rendering(
        "Blenders",
        1,
        Number(1, whole=True, usual=8),
        "Blenders that render side by side, sharing one connection and one download",
    )
    workload: int = _rendering(
        "Tasks Held",
        0,
        Number(0, whole=True, usual=8),
        "tasks held at once; 0: as few as it takes for no Blender ever to wait",
    )
    devices: str = _rendering(
        "Cycles Devices",
        ",".join(DEVICES),
        devices,
        "what Cycles may render on, the best first; only with CPU among them a machine without a card renders, too",
    )
    keep_child: bool = _rendering(
        "Keep Blender Open",
        True,
        yes_or_no,
        "keep Blender and its scene open from task to task of a job; false starts a new one each time",
    )
    memory_limit: float = _rendering(
        "Memory (GB)",
        0.0,
        Number(0, unit="GB"),
        "GB of memory with which a Blender is started anew between two frames; 0: none",
    )
    stall_timeout: float = _rendering(
        "Hung After (s)",
        1800.0,
        Number(1, unit="seconds"),
        "seconds without progress after which a render counts as hung",
    )
    fail_in_doubt: bool = _rendering(
        "Fail When in Doubt",
        False,
        yes_or_no,
        "frames of which Blender warns, as of a missing texture, count as failed",
    )
    sandbox: str = _rendering(
        "Sandbox",
        "off",
        OneOf(
            (
                Choice("off", "Off", "Blender can read what you can"),
                Choice(
                    "auto", "Where Possible", "Use a sandbox if this machine can make one, and work without one if not"
                ),
                Choice("on", "Always", "Don't start without one"),
            )
        ),
        "on: Blender sees its blend, no home, no network (Linux, with bwrap); auto: where that can be; off",
    )
    sandbox_paths: str = _rendering(
        "Readable in It",
        "",
        folders,
        f"folders that Blender may read in its sandbox, shared textures for one; between two: {os.pathsep}",
    )

    ca_file: Path = _certificates(
        "Authorities",
        Path(),
        file,
        "certificates of the authorities to believe over amqps:// and https://; else the system's",
    )
    client_cert: Path = _certificates(
        "Certificate", Path(), file, "this worker's own certificate, where the farm wants one"
    )
    client_key: Path = _certificates("Its Key", Path(), file, "the key of client_cert, if it is not in the same file")

    heart_rate_seconds: float = _behaviour(
        "Sign of Life (s)", 60.0, Number(1, unit="seconds"), "seconds between two signs of life"
    )

    @property
    def name(self) -> str:
        """What people call this worker: its id if somebody has chosen one, else its machine's name."""
        try:
            uuid.UUID(self.id)
        except ValueError:
            return self.id
        return platform.node() or self.id

    @property
    def is_local(self) -> bool:
        """Whether tasks come from the queue on this machine."""
        return self.queue == LOCAL

    @property
    def is_shared(self) -> bool:
        """Whether blends and frames are in folders that the farm shares: `blendpath` has a folder a job."""
        return self.is_local or self.mode == "Server"

    @property
    def uploads(self) -> bool:
        """Whether frames go to flaskbender: where the farm shares their folder it has them already."""
        return self.upload != "off" and not self.is_shared

    @property
    def takes_tiles(self) -> bool:
        """Whether it may render tiles, and finish pictures of them: of a farm that has a place for these."""
        return self.is_local or (self.uploads and bool(self.token))

    @property
    def token(self) -> str:
        """By which the farm's server knows this machine; "" if it has given it none."""
        return unquote(urlsplit(self.bender_url).password or "")

    @property
    def addresses(self) -> tuple[str, ...]:
        """The addresses that a worker with these settings talks to."""
        rabbitmq = () if self.is_local else (self.amqp_url,)
        return rabbitmq if self.is_shared else (*rabbitmq, self.bender_url)

    @property
    def tasks_from(self) -> str:
        """Where tasks come from, for people."""
        return f"the local queue in {self.farm_dir}" if self.is_local else redacted(self.amqp_url)

    @property
    def blends_from(self) -> str:
        return str(self.blendpath) if self.is_shared else redacted(self.bender_url)


def settings() -> list[dataclasses.Field[Any]]:
    """The settings in their order; each field's metadata holds its `section`, `label`, `kind` and `help`."""
    return list(dataclasses.fields(WorkerConfig))


def help_on(name: str) -> str:
    return str(_field(name).metadata["help"])


def as_toml(name: str, text: str) -> str | int | float | bool:
    """The setting's value as a config file has it. Raises ConfigError if `text` can't be used."""
    value = read(name, text, name)
    return value if isinstance(value, (int, float)) else str(value)


def shown(config: WorkerConfig, name: str) -> Any:
    """A setting's value as people and JSON may have it: folders as text, addresses without user and password."""
    value = getattr(config, name)
    if name.endswith("_url"):
        return redacted(value)
    return ("" if value == Path() else str(value)) if isinstance(value, Path) else value


def redacted(url: str) -> str:
    """The address without its user and password, for logs and people."""
    parts = urlsplit(url)
    return SplitResult(parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", "").geturl()


def _field(name: str) -> "dataclasses.Field[Any]":
    return next(setting for setting in settings() if setting.name == name)


def read(name: str, text: str, source: str) -> Any:
    """The setting's value; `source` says where the text is from. Raises ConfigError if it can't be used."""
    try:
        return _field(name).metadata["kind"](text)
    except ValueError as error:
        shown = "an address that can't be used" if name.endswith("_url") else repr(text)
        raise ConfigError(f"{source}: found {shown}, it should be {error}") from error
