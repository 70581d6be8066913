# SPDX-License-Identifier: GPL-3.0-or-later
"""Extension: the add-on itself, as the farm gives it to machines that install and update it from there. A repository of
Blender's: its list is what `blender --command extension server-generate` writes (Blender's manual, *Creating a Static
Extensions Repository*)."""

import hashlib
import io
import re
import threading
import tomllib
import zipfile
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from .. import __package__ as base_package

ARCHIVE = "extension.zip"  # in the package where that is inside a bender-farm.pyz
_MANIFEST = "blender_manifest.toml"
_TOLD = (
    *("schema_version", "id", "name", "tagline", "version", "type", "maintainer", "license", "blender_version_min"),
    *("blender_version_max", "website", "copyright", "permissions", "tags", "platforms"),
)
_EPOCH = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Extension:
    """`archive` is the zip, `name` that of its file, `entry` what a repository's list tells of it."""

    name: str
    archive: bytes
    entry: dict[str, Any]

    @property
    def listed(self) -> dict[str, Any]:
        """The repository's list, with nothing else in it."""
        return {"version": "v1", "blocklist": [], "data": [self.entry]}


class OwnExtension:
    """That of this server; any thread may ask. It is made when it is first asked for."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._made: Extension | None = None

    def get(self) -> Extension | None:
        """None where there is nothing to make it of, as in a checkout of the source."""
        with self._lock:
            if self._made is None:
                archive = _archive()
                self._made = None if archive is None else described(archive)
            return self._made


def described(archive: bytes) -> Extension:
    """The extension whose zip that is."""
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        manifest = tomllib.loads(opened.read(_MANIFEST).decode("utf-8"))
    name = f"{manifest['id']}-{manifest['version']}.zip"
    versions = {found[1] for wheel in manifest.get("wheels", ()) if (found := re.search(r"-py(\d+)-none-any", wheel))}
    entry = {key: manifest[key] for key in _TOLD if key in manifest}
    entry |= {"python_versions": sorted(versions)} if versions else {}
    # A relative address holds by whatever name the farm is asked, and behind a proxy.
    digest = hashlib.sha256(archive).hexdigest()
    entry |= {"archive_url": f"./{name}", "archive_size": len(archive), "archive_hash": f"sha256:{digest}"}
    return Extension(name, archive, entry)


def zipped(folder: Path) -> bytes:
    """The zip of an extension that lies there, the same bytes each time: Blender knows by their hash what is new."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.rglob("*")):
            inside = path.relative_to(folder)
            if path.is_file() and not any(part == "__pycache__" or part.startswith(".") for part in inside.parts):
                info = zipfile.ZipInfo(inside.as_posix(), _EPOCH)
                info.external_attr = 0o644 << 16
                archive.writestr(info, path.read_bytes(), zipfile.ZIP_DEFLATED)
    return made.getvalue()


def unpacked(folder: Path) -> Path:
    """The add-on as a package that a Blender can import: where it lies, or in `folder` if it is in an archive. Raises
    OSError."""
    assert base_package is not None
    package = resources.files(base_package)
    carried = package / ARCHIVE
    if not carried.is_file():
        with resources.as_file(package) as place:
            return place
    made = folder / base_package.rpartition(".")[2]
    if not made.is_dir():
        with zipfile.ZipFile(io.BytesIO(carried.read_bytes())) as archive:
            archive.extractall(made)
    return made


def _archive() -> bytes | None:
    assert base_package is not None
    package = resources.files(base_package)
    carried = package / ARCHIVE
    if carried.is_file():
        return carried.read_bytes()
    with resources.as_file(package) as folder:
        return zipped(folder) if (folder / _MANIFEST).is_file() else None
