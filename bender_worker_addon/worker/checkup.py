# SPDX-License-Identifier: GPL-3.0-or-later
"""Checkup: what a worker with these settings needs, each with a test that says what is wrong and what to do."""

import stat
from collections.abc import Callable
from functools import partial
from pathlib import Path

from ..settings.config import WorkerConfig
from ..system.disks import free_gigabytes, why_unwritable
from ..system.platform import WINDOWS

Test = Callable[[], str]


def of_settings(config: WorkerConfig) -> dict[str, Test]:
    """What can be wrong with the settings: by what is tested, a test that gives the trouble, or nothing if all is good.
    Each may take a while and may be run on a thread of its own."""
    from ..settings.tls import Tls

    tests: dict[str, Test] = {}
    if not config.is_local:
        from ..queues import rabbitmq

        tests["RabbitMQ"] = partial(rabbitmq.why_unreachable, config.amqp_url, Tls.of(config))
    if not config.is_shared:
        from .blends import flaskbender

        tests["Flaskbender"] = partial(flaskbender.why_unreachable, config.bender_url, Tls.of(config))
    return tests | {
        "Folder of blends": partial(why_unwritable, config.blendpath),
        "Folder of frames": partial(why_unwritable, config.outpath),
    }


def of_machine(config: WorkerConfig, *, blender: list[str], config_file: Path) -> dict[str, Test]:
    """What can be wrong with the machine. `blender` is a command that starts one in the background and ends at once."""
    from ..system.programs import why_not_run
    from ..system.sandbox import why_impossible

    return {
        "Data folder": partial(why_unwritable, config.data_dir),
        "Free disk": partial(_unless_unreadable, partial(_why_too_full, config)),
        "Secrets": partial(_unless_unreadable, partial(_why_readable, config_file)),
        "Background Blender": lambda: _said_of(why_not_run(blender), "reinstall Blender, or the missing library"),
        "Sandbox": lambda: why_impossible() if config.sandbox == "on" else "",
    }


def _why_too_full(config: WorkerConfig) -> str:
    try:
        free = free_gigabytes(config.outpath)
    except OSError as error:
        return f"{config.outpath} can't be looked at ({error.strerror}); see whether its disk or share is there"
    if free >= config.disklimit:
        return ""
    return f"{free:.1f} GB are free, disklimit is {config.disklimit:g}: no tasks are taken; free some space"


def _why_readable(config_file: Path) -> str:
    """Others may read a config file on a system that has such modes."""
    if WINDOWS or not config_file.is_file():
        return ""
    if stat.S_IMODE(config_file.stat().st_mode) & 0o077:
        return f"others can read {config_file}, which may hold a password; run: chmod 600 {config_file}"
    return ""


def _unless_unreadable(test: Test) -> str:
    try:
        return test()
    except OSError as error:
        return f"{error.filename} can't be read: {error.strerror}"


def _said_of(trouble: str, advice: str) -> str:
    return trouble and f"{trouble}; {advice}"
