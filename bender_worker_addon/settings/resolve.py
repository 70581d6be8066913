# SPDX-License-Identifier: GPL-3.0-or-later
"""Resolve: puts a worker's settings together from all the places they may stand in, and says where each came from."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from ..core.errors import ConfigError
from ..system.durable import write_private
from . import file as config_file
from .config import AUTO, CONFIG_FILE, ENVIRONMENT_PREFIX, LOCAL, PREFERENCES, RABBITMQ, WorkerConfig, read, settings

DEFAULT = "default"  # where a value came from that nobody has set
_OF_A_FARM = ("amqp_url", "bender_url")  # whoever sets one of them has a farm with servers


@dataclass(frozen=True, slots=True)
class Resolved:
    """A configuration and, for each setting, a few words on where its value came from; `unknown` says what looked like
    a setting and is none, with its place. `file` is the config file, which may not be there."""

    config: WorkerConfig
    sources: Mapping[str, str]
    unknown: tuple[str, ...]
    file: Path

    def chosen(self, name: str) -> Any:
        """The setting's value, if anybody has set it; else None."""
        return None if self.sources[name] == DEFAULT else getattr(self.config, name)


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
            found[name] = (read(name, text, source), source)
    values = {name: value for name, (value, _) in found.items()}
    values.setdefault("data_dir", data_dir)
    sources = {name: found[name][1] if name in found else DEFAULT for name in known}
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
    folder = read("data_dir", *set_ones[-1]) if set_ones else data_dir
    return Path(folder) / config_file.NAME


def _default_folders(values: Mapping[str, Any]) -> dict[str, Path]:
    if values["queue"] == LOCAL or values.get("mode") == "Server":
        return {"blendpath": values["farm_dir"] / "jobs", "outpath": values["farm_dir"] / "frames"}
    return {"blendpath": values["data_dir"] / "blends", "outpath": values["data_dir"] / "frames"}


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
    return str(read("id", kept, str(path)))
