# SPDX-License-Identifier: GPL-3.0-or-later
"""Place: where a file that was rendered is moved to, in one step and for good."""

import errno
import shutil
import stat
from pathlib import Path

from ...system.durable import make_durable
from ...system.files import remove
from ...system.folders import make_folder


def put_in_place(rendered: Path, target: Path, *, shared: bool) -> None:
    """From another disk by a copy beside its folder. `shared`: its group may write the file, and its folder if that is
    made. Raises OSError."""
    if shared:
        rendered.chmod(stat.S_IMODE(rendered.stat().st_mode) | stat.S_IRGRP | stat.S_IWGRP)
    make_folder(target.parent, shared=shared)
    try:
        _move(rendered, target)
    except FileNotFoundError:  # another worker has uploaded the last frame in the folder, and so removed it
        make_folder(target.parent, shared=shared)
        _move(rendered, target)


def _move(rendered: Path, target: Path) -> None:
    try:
        make_durable(rendered, target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        beside = target.parent.with_name(f".{target.parent.name}-{target.name}.part")  # among frames are frames alone
        try:
            shutil.copyfile(rendered, beside)
            make_durable(beside, target)
            remove(rendered)
        finally:
            remove(beside)
