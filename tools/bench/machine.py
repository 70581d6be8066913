# SPDX-License-Identifier: GPL-3.0-or-later
"""What a figure was measured on, in one line. Measures nothing."""

import os
import platform
from pathlib import Path

from tools.blenders import blenders
from tools.servers.rabbitmq import RabbitNode


def in_words(blender: Path, node: RabbitNode) -> str:
    version = ".".join(map(str, blenders.version_of(blender)))
    rabbitmq = node.ctl("version").strip()
    return f"Blender {version}, RabbitMQ {rabbitmq}, {os.cpu_count()} cores {_cpu()}, {platform.platform()}"


def _cpu() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.is_file() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())
