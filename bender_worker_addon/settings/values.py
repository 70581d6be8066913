# SPDX-License-Identifier: GPL-3.0-or-later
"""Values: how settings are read from text. Each raises ValueError that says what is allowed."""

import math
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

DEVICES = ("OPTIX", "CUDA", "HIP", "METAL", "ONEAPI", "CPU")


def one_of(*allowed: str) -> Callable[[str], str]:
    def read(value: str) -> str:
        if value not in allowed:
            raise ValueError(f"{', '.join(allowed[:-1])} or {allowed[-1]}")
        return value

    return read


def folder(value: str) -> Path:
    if not value or "\0" in value:
        raise ValueError("a folder")
    try:
        return Path(value).expanduser().absolute()
    except RuntimeError:
        raise ValueError("a folder; there is no user of that name") from None


def file(value: str) -> Path:
    path = folder(value)
    if not path.is_file():
        raise ValueError("a file that is there")
    return path


def folders(value: str) -> str:
    return os.pathsep.join(str(folder(one)) for one in value.split(os.pathsep) if one)


def number(*, least: float, whole: bool = False, unit: str = "") -> Callable[[str], Any]:
    allowed = f"a {'whole ' if whole else ''}number of at least {least:g}{unit and ' '}{unit}"

    def read(value: str) -> int | float:
        try:
            number = int(value) if whole else float(value)
        except ValueError:
            raise ValueError(allowed) from None
        if not math.isfinite(number) or number < least:
            raise ValueError(allowed)
        return number

    return read


def url(*schemes: str) -> Callable[[str], str]:
    allowed = f"an address such as {schemes[0]}://host:port"

    def read(value: str) -> str:
        try:
            parts = urlsplit(value)
            _ = parts.port
        except ValueError:
            raise ValueError(allowed) from None
        if parts.scheme not in schemes or not parts.hostname:
            raise ValueError(allowed)
        return value.rstrip("/") if parts.scheme.startswith("http") else value

    return read


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
