# SPDX-License-Identifier: GPL-3.0-or-later
"""WorkerConfig: every setting, checked, and where each value came from. The file is `config_file`'s."""

import dataclasses
import os
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import SplitResult, urlsplit

from . import config_file
from .errors import ConfigError
from .lasting import write_private
from .values import DEVICES, devices, file, folder, folders, number, one_of, url, worker_id, yes_or_no

ENVIRONMENT_PREFIX = "BENDER_WORKER_"
CONFIG_FILE = "BENDER_WORKER_CONFIG"
PREFERENCES = "preferences"
AUTO, LOCAL, RABBITMQ = "auto", "local", "rabbitmq"

_OF_A_FARM = ("amqp_url", "bender_url")  # whoever sets one of them has a farm with servers


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


@dataclass(frozen=True, slots=True)
class Resolved:
    """A configuration and, for each setting, a few words on where its value came from; `unknown` says what looked like
    a setting and is none, with its place. `file` is the config file, which may not be there."""

    config: WorkerConfig
    sources: Mapping[str, str]
    unknown: tuple[str, ...]
    file: Path


def settings() -> list[dataclasses.Field[Any]]:
    """The settings in their order; each field's metadata holds its `help`."""
    return list(dataclasses.fields(WorkerConfig))


def resolve(
    *,
    data_dir: Path,
    environment: Mapping[str, str],
    options: Mapping[str, str | None],
    preferences: Mapping[str, str] = MappingProxyType({}),
) -> Resolved:
    """Puts the layers on top of each other: defaults < preferences < config file < environment < command line.

    `data_dir` is the folder to use where none is set; `options` holds what the command line gave, `preferences` what
    was changed there, both by setting.
    Raises ConfigError for the first value that can't be used.
    """
    known = {setting.name for setting in settings()}
    path = config_path(data_dir=data_dir, environment=environment, options=options, preferences=preferences)
    file = _config_file(path, must_be_there=bool(environment.get(CONFIG_FILE)))
    found: dict[str, tuple[Any, str]] = {}
    for name, text, source in _layers(preferences, file, environment, options):
        if name in known:
            found[name] = (_read(name, text, source), source)
    values = {name: value for name, (value, _) in found.items()}
    values.setdefault("data_dir", data_dir)
    sources = {name: found[name][1] if name in found else "default" for name in known}
    if values.get("queue", AUTO) == AUTO:
        named = next((name for name in _OF_A_FARM if name in found), None)
        values["queue"] = RABBITMQ if named else LOCAL
        why = named or f"neither {' nor '.join(_OF_A_FARM)}"
        sources["queue"] = f"default, since {why} is set"
    values.setdefault("farm_dir", values["data_dir"] / "farm")
    for name, default in _default_folders(values).items():
        values.setdefault(name, default)
    if "id" not in values:
        values["id"] = _kept_id(values["data_dir"])
        sources["id"] = f"kept in {values['data_dir'] / 'worker-id'}"
    variables = {ENVIRONMENT_PREFIX + name.upper() for name in known} | {CONFIG_FILE}
    ours = {key for key in environment if key.startswith(ENVIRONMENT_PREFIX)}
    unknown = *sorted(ours - variables), *(file.where(name) for name in file.values if name not in known)
    return Resolved(config=WorkerConfig(**values), sources=sources, unknown=unknown, file=path)


def config_path(
    *,
    data_dir: Path,
    environment: Mapping[str, str],
    options: Mapping[str, str | None],
    preferences: Mapping[str, str] = MappingProxyType({}),
) -> Path:
    """Where the config file is or would be: named by BENDER_WORKER_CONFIG, or in the data folder that is set without
    it. Raises ConfigError if that folder can't be one."""
    if environment.get(CONFIG_FILE):
        return Path(environment[CONFIG_FILE]).absolute()
    nothing = config_file.ConfigFile(Path(), "", {})
    layers = _layers(preferences, nothing, environment, options)
    set_ones = [(text, source) for name, text, source in layers if name == "data_dir"]
    folder = _read("data_dir", *set_ones[-1]) if set_ones else data_dir
    return Path(folder) / config_file.NAME


def help_on(name: str) -> str:
    return str(_field(name).metadata["help"])


def as_written(name: str, text: str) -> str | int | float | bool:
    """The setting's value as a config file has it. Raises ConfigError if `text` can't be used."""
    value = _read(name, text, name)
    return value if isinstance(value, (int, float)) else str(value)


def shown(config: WorkerConfig, name: str) -> Any:
    """A setting's value as people and JSON may have it: folders as text, addresses without user and password."""
    value = getattr(config, name)
    if name.endswith("_url"):
        return redacted(value)
    return ("" if value == Path() else str(value)) if isinstance(value, Path) else value


def _default_folders(values: Mapping[str, Any]) -> dict[str, Path]:
    if values["queue"] == LOCAL or values.get("mode") == "Server":
        return {"blendpath": values["farm_dir"] / "jobs", "outpath": values["farm_dir"] / "frames"}
    return {"blendpath": values["data_dir"] / "blends", "outpath": values["data_dir"] / "frames"}


def redacted(url: str) -> str:
    """The address without its user and password, for logs and people."""
    parts = urlsplit(url)
    return SplitResult(parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", "").geturl()


def _layers(
    preferences: Mapping[str, str],
    file: config_file.ConfigFile,
    environment: Mapping[str, str],
    options: Mapping[str, str | None],
) -> list[tuple[str, str, str]]:
    layers = [(name, text, PREFERENCES) for name, text in preferences.items()]
    layers += [(name, str(value), file.where(name)) for name, value in file.values.items()]
    for setting in settings():
        variable = ENVIRONMENT_PREFIX + setting.name.upper()
        if environment.get(variable):
            layers.append((setting.name, environment[variable], variable))
    for name, value in options.items():
        if value is not None:
            layers.append((name, value, f"--{name.replace('_', '-')}"))
    return layers


def _config_file(path: Path, *, must_be_there: bool) -> config_file.ConfigFile:
    if not must_be_there:
        return config_file.read_if_there(path)
    try:
        return config_file.read(path)
    except FileNotFoundError as error:
        raise ConfigError(f"{CONFIG_FILE}: {path} can't be read: {error.strerror}") from error


def _field(name: str) -> "dataclasses.Field[Any]":
    return next(setting for setting in settings() if setting.name == name)


def _read(name: str, text: str, source: str) -> Any:
    try:
        return _field(name).metadata["read"](text)
    except ValueError as error:
        shown = "an address that can't be used" if name.endswith("_url") else repr(text)
        raise ConfigError(f"{source}: found {shown}, it should be {error}") from error


def _kept_id(data_dir: Path) -> str:
    path = data_dir / "worker-id"
    try:
        kept = path.read_text(encoding="utf-8", errors="replace").strip()
    except FileNotFoundError:
        kept = str(uuid.uuid4())
        try:
            data_dir.mkdir(parents=True, exist_ok=True)
            write_private(path, kept + "\n")
        except OSError as error:
            raise ConfigError(f"the folder {data_dir} can't be written: {error.strerror}") from error
    except OSError as error:
        raise ConfigError(f"{path} can't be read: {error.strerror}") from error
    return str(_read("id", kept, str(path)))
