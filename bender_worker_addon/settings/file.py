# SPDX-License-Identifier: GPL-3.0-or-later
"""config.toml: read with the line of each setting, and changed without touching anything else in it.

It is changed line by line, and what comes out is read again before it is written: a TOML writer that keeps comments
would be one more dependency for a file of `name = value` lines.
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..core.errors import ConfigError
from ..system.durable import write_private

NAME = "config.toml"

_VALUE = r"""(?P<value>"(?:[^"\\]|\\.)*"|'[^']*'|[^\s#"'\[{]+)"""
_NAMED = r"""^\s*(?P<quote>["']?){name}(?P=quote)\s*="""


@dataclass(frozen=True, slots=True)
class ConfigFile:
    """The file as it was read. `values` are its settings, also those nobody knows; none if it isn't there yet."""

    path: Path
    text: str
    values: Mapping[str, Any]

    def where(self, name: str) -> str:
        """The setting with its file and line, for people."""
        number = next((number for number, line in self._settings() if _is_about(name, line)), None)
        return f"{name} in {self.path}" + ("" if number is None else f", line {number + 1}")

    def changed(self, changes: Mapping[str, str | int | float | bool]) -> str:
        """The file's text with these settings; comments, order and all other settings stay.

        Raises ConfigError for a setting that is written in a way that can't be changed line by line.
        """
        lines = self.text.split("\n")
        ending = "\r" if self.text.endswith("\r\n") else ""
        end = len(self._settings())
        a_table_follows = end < len(lines)
        while end and _belongs_to_what_follows(lines[end - 1], table=a_table_follows):
            end -= 1
        for name, value in changes.items():
            number = next((number for number, line in self._settings() if _is_about(name, line)), None)
            if number is None:
                lines.insert(end, f"{name} = {_in_toml(value)}{ending}")
                end += 1
            else:
                lines[number] = self._changed_line(lines[number], name, value)
        text = "\n".join(lines)
        if not _says(text, {**self.values, **changes}):
            raise ConfigError(f"{self.path}: {', '.join(changes)} can't be changed without harm; edit the file by hand")
        return text

    def _settings(self) -> list[tuple[int, str]]:
        """Its lines before the first table: there the settings are."""
        lines = self.text.split("\n")
        end = next((number for number, line in enumerate(lines) if line.lstrip().startswith("[")), len(lines))
        return list(enumerate(lines[:end]))

    def _changed_line(self, line: str, name: str, value: str | int | float | bool) -> str:
        match = re.match(_NAMED.format(name=re.escape(name)) + r"\s*" + _VALUE, line)
        if match is None:
            raise ConfigError(f"{self.where(name)}: this value can't be changed; edit the file by hand")
        return line[: match.start("value")] + _in_toml(value) + line[match.end("value") :]


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


def _says(text: str, values: Mapping[str, Any]) -> bool:
    try:
        return tomllib.loads(text) == values
    except ValueError:
        return False


def _belongs_to_what_follows(line: str, *, table: bool) -> bool:
    return not line.strip() or (table and line.lstrip().startswith("#"))


def _is_about(name: str, line: str) -> bool:
    return re.match(_NAMED.format(name=re.escape(name)), line) is not None


def _in_toml(value: str | int | float | bool) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (int, float)):
        return repr(value)
    if re.search(r"[\x00-\x1f\x7f']", value) or not re.search(r'["\\]', value):
        return '"' + re.sub(r'[\x00-\x1f\x7f"\\]', lambda found: f"\\u{ord(found.group()):04x}", value) + '"'
    return f"'{value}'"
