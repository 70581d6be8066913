# SPDX-License-Identifier: GPL-3.0-or-later
"""WorkerConfig: every setting, how it is read from text and what it is for. Where values come from is `resolve`'s."""

import dataclasses
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit

from ..core.errors import ConfigError
from .values import DEVICES, devices, file, folder, folders, number, one_of, url, worker_id, yes_or_no

ENVIRONMENT_PREFIX = "BENDER_WORKER_"
CONFIG_FILE = "BENDER_WORKER_CONFIG"
PREFERENCES = "preferences"
AUTO, LOCAL, RABBITMQ = "auto", "local", "rabbitmq"


def _setting(default: Any, read: Callable[[str], Any], help: str) -> Any:
    return field(default=default, metadata={"read": read, "help": help})


def _address(default: str, *schemes: str, help: str) -> Any:
    """It may hold a password, which must not come into a message by way of the whole configuration."""
    return field(default=default, repr=False, metadata={"read": url(*schemes), "help": help})


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerConfig:
    """All that can be set about a worker. Made by `resolve`; every value has been checked, and `queue` is decided."""

    queue: str = _setting(
        AUTO,
        one_of(AUTO, LOCAL, RABBITMQ),
        "where tasks come from: local, a queue on this machine; rabbitmq; auto: local if no farm is named",
    )
    amqp_url: str = _address(
        "amqp://guest:guest@localhost:5672/%2F",
        "amqp",
        "amqps",
        help="where RabbitMQ is: amqp://user:password@host:port/vhost, or amqps:// for TLS",
    )
    bender_url: str = _address("http://localhost:8000", "http", "https", help="where flaskbender is")
    ca_file: Path = _setting(
        Path(), file, "certificates of the authorities to believe over amqps:// and https://; else the system's"
    )
    client_cert: Path = _setting(Path(), file, "this worker's own certificate, where the farm wants one")
    client_key: Path = _setting(Path(), file, "the key of client_cert, if it is not in the same file")
    id: str = _setting("", worker_id, "this worker's name in reports; made once and kept if not given")
    data_dir: Path = _setting(Path(), folder, "the worker's own folder: journal, logs, and the two below")
    blendpath: Path = _setting(Path(), folder, "where blends are kept while their job runs")
    outpath: Path = _setting(Path(), folder, "where frames go, in a folder a job")
    disklimit: float = _setting(2.0, number(least=0, unit="GB"), "GB of disk kept free; with less, no tasks are taken")
    workload: int = _setting(
        0, number(least=0, whole=True), "tasks held at once; 0: as few as it takes for no Blender ever to wait"
    )
    grace_period: float = _setting(60.0, number(least=0, unit="seconds"), "seconds a finished job's blend is kept")
    cache_limit: float = _setting(
        20.0, number(least=0, unit="GB"), "GB of blends kept that no task here needs; the oldest go first"
    )
    mode: str = _setting(
        "Independent",
        one_of("Independent", "Server"),
        "Independent: blends come over HTTP; Server: this machine shares a disk with the farm",
    )
    upload: str = _setting(
        "off",
        one_of("off", "move", "copy"),
        "off: frames stay here; move: they go to flaskbender and are deleted here once it has them; copy: they do both",
    )
    farm_dir: Path = _setting(
        Path(),
        folder,
        "the farm's own folder on this machine or a shared disk: its jobs, their frames, the local queue",
    )
    heart_rate_seconds: float = _setting(60.0, number(least=1, unit="seconds"), "seconds between two signs of life")
    stall_timeout: float = _setting(
        1800.0, number(least=1, unit="seconds"), "seconds without progress after which a render counts as hung"
    )
    keep_child: bool = _setting(
        True, yes_or_no, "keep Blender and its scene open from task to task of a job; false starts a new one each time"
    )
    renderers: int = _setting(
        1, number(least=1, whole=True), "Blenders that render side by side, sharing one connection and one download"
    )
    devices: str = _setting(
        ",".join(DEVICES),
        devices,
        "what Cycles may render on, the best first; only with CPU among them a machine without a card renders, too",
    )
    memory_limit: float = _setting(
        0.0,
        number(least=0, unit="GB"),
        "GB of memory with which a Blender is started anew between two frames; 0: none",
    )
    sandbox: str = _setting(
        "off",
        one_of("off", "auto", "on"),
        "on: Blender sees its blend, no home, no network (Linux, with bwrap); auto: where that can be; off",
    )
    sandbox_paths: str = _setting(
        "",
        folders,
        f"folders that Blender may read in its sandbox, shared textures for one; between two: {os.pathsep}",
    )

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
    """The settings in their order; each field's metadata holds its `help`."""
    return list(dataclasses.fields(WorkerConfig))


def help_on(name: str) -> str:
    return str(_field(name).metadata["help"])


def as_written(name: str, text: str) -> str | int | float | bool:
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
        return _field(name).metadata["read"](text)
    except ValueError as error:
        shown = "an address that can't be used" if name.endswith("_url") else repr(text)
        raise ConfigError(f"{source}: found {shown}, it should be {error}") from error
