# SPDX-License-Identifier: GPL-3.0-or-later
"""config.toml: read with the line of each setting, and changed without touching anything else in it."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..core.errors import ConfigError
from ..system.durable import write_private

if TYPE_CHECKING:
    from tomlkit.items import Item

NAME = "config.toml"

_FIRST_TABLE = re.compile(r"^(?:[ \t]*#.*\n)*[ \t]*\[", re.MULTILINE)  # and what is said of it right above
_SETTING = r"""(?m)^[ \t]*(["']?){name}\1[ \t]*="""


@dataclass(frozen=True, slots=True)
class ConfigFile:
    """The file as it was read. `values` are its settings, also those nobody knows; none if it isn't there yet."""

    path: Path
    text: str
    values: Mapping[str, Any]

    def where(self, name: str) -> str:
        """The setting with its file and line, for people."""
        settings, _ = _parted(self.text)
        found = re.search(_SETTING.format(name=re.escape(name)), settings)
        if found is None:
            return f"{name} in {self.path}"
        line = settings[: found.start()].count("\n") + 1
        return f"{name} in {self.path}, line {line}"

    def changed(self, changes: Mapping[str, str | int | float | bool]) -> str:
        """The file's text with these settings; comments, order and all other settings stay. Raises ConfigError if that
        can't be had."""
        import tomlkit
        from tomlkit.exceptions import TOMLKitError

        settings, tables = _parted(self.text.replace("\r\n", "\n"))
        try:
            document = tomlkit.parse(settings)
            document.update({name: _item(value) for name, value in changes.items()})
            text = document.as_string() + tables
            said = tomllib.loads(text)
        except (TOMLKitError, tomllib.TOMLDecodeError):
            said = {}
        if said != {**self.values, **changes}:
            raise ConfigError(f"{self.path}: {', '.join(changes)} can't be changed without harm; edit the file by hand")
        return text.replace("\n", "\r\n") if "\r\n" in self.text else text


def read(path: Path) -> ConfigFile:
    """Raises ConfigError for a file that can't be read; FileNotFoundError if there is none."""
    try:
        content = path.read_bytes()
        text = content.decode("utf-8-sig")
    except FileNotFoundError:
        raise
    except OSError as error:
        raise ConfigError(f"{path} can't be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise ConfigError(f"{path} is not TOML: line {line} is not UTF-8") from error
    return ConfigFile(path, text, _parsed(text, path))


def read_if_there(path: Path) -> ConfigFile:
    try:
        return read(path)
    except FileNotFoundError:
        return ConfigFile(path, "", {})


def write(path: Path, text: str) -> None:
    """Writes it whole or not at all, readable by its owner alone: it may hold a password. Raises ConfigError."""
    target = path.resolve()  # a link to a file that is kept elsewhere stays one
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        write_private(target, text)
    except OSError as error:
        raise ConfigError(f"{path} can't be written: {error.strerror}") from error


def _parsed(text: str, path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except ValueError as error:
        raise ConfigError(f"{path} is not TOML: {error}") from error


def _parted(text: str) -> tuple[str, str]:
    """What stands before the first table, where settings are, and the rest."""
    table = _FIRST_TABLE.search(text)
    end = len(text) if table is None else table.start()
    return text[:end], text[end:]


def _item(value: str | int | float | bool) -> "Item":
    """Backslashes, as in the paths of Windows, stay single."""
    import tomlkit

    if isinstance(value, str) and "\\" in value and not re.search(r"['\x00-\x1f\x7f]", value):
        return tomlkit.string(value, literal=True)
    return tomlkit.item(value)
