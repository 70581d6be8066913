# SPDX-License-Identifier: GPL-3.0-or-later
"""Values: the kinds of settings. Each is called with a text, gives the value, and raises ValueError that says what is
allowed."""

import math
import os
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

DEVICES = ("OPTIX", "CUDA", "HIP", "METAL", "ONEAPI", "CPU")


@dataclass(frozen=True, slots=True)
class Choice:
    """A value with its name and what it means, for people."""

    value: str
    label: str
    help: str


@dataclass(frozen=True, slots=True)
class OneOf:
    choices: tuple[Choice, ...]

    def __call__(self, text: str) -> str:
        allowed = [choice.value for choice in self.choices]
        if text not in allowed:
            raise ValueError(f"{', '.join(allowed[:-1])} or {allowed[-1]}")
        return text


@dataclass(frozen=True, slots=True)
class Number:
    """`usual`: more is allowed, but seldom wanted."""

    least: float
    whole: bool = False
    unit: str = ""
    usual: float | None = None

    def __call__(self, text: str) -> int | float:
        kind = f"a {'whole ' if self.whole else ''}number"
        allowed = f"{kind} of at least {self.least:g}{self.unit and ' '}{self.unit}"
        try:
            number = int(text) if self.whole else float(text)
        except ValueError:
            raise ValueError(allowed) from None
        if not math.isfinite(number) or number < self.least:
            raise ValueError(allowed)
        return number


@dataclass(frozen=True, slots=True)
class Url:
    schemes: tuple[str, ...]

    def __call__(self, text: str) -> str:
        allowed = f"an address such as {self.schemes[0]}://host:port"
        try:
            parts = urlsplit(text)
            _ = parts.port
        except ValueError:
            raise ValueError(allowed) from None
        if parts.scheme not in self.schemes or not parts.hostname:
            raise ValueError(allowed)
        return text.rstrip("/") if parts.scheme.startswith("http") else text


def folder(value: str) -> Path:
    if not value or "\0" in value:
        raise ValueError("a folder")
    try:
        return Path(value).expanduser().absolute()
    except RuntimeError:
        raise ValueError("a folder; there is no user of that name") from None


def file(value: str) -> Path:
    path = folder(value)
    try:
        is_there = path.is_file()
    except OSError:
        is_there = False
    if not is_there:
        raise ValueError("a file that is there")
    return path


def folders(value: str) -> str:
    return os.pathsep.join(str(folder(one)) for one in value.split(os.pathsep) if one)


def worker_id(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_.-]{1,64}", value, re.ASCII) or value.startswith("."):
        raise ValueError("1 to 64 of A-Z a-z 0-9 . _ -, not beginning with a dot")
    return value


def devices(value: str) -> str:
    wanted = [one.strip().upper() for one in value.split(",")]
    if not set(wanted) <= set(DEVICES):
        raise ValueError(f"some of {', '.join(DEVICES)}, with commas")
    return ",".join(wanted)


def yes_or_no(value: str) -> bool:
    try:
        return {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}[value.lower()]
    except KeyError:
        raise ValueError("true or false") from None
