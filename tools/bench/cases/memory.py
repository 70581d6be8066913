# SPDX-License-Identifier: GPL-3.0-or-later
"""Memory: whether a Blender that is kept for hundreds of frames grows. Linux only: /proc tells."""

import threading
from pathlib import Path

from tools.bench.cases.yard import Bench, Figure
from tools.errors import ToolError

_LOOK_EVERY = 0.2  # seconds


def memory(bench: Bench) -> list[Figure]:
    frames = 50 if bench.quick else 500
    blend = bench.scene("trivial", frames=frames)
    sizes, over = list[float](), threading.Event()

    def look() -> None:
        while not over.wait(_LOOK_EVERY):
            sizes.extend(_child_megabytes(bench.scratch))

    looking = threading.Thread(target=look)
    looking.start()
    try:
        bench.worker("memory", [(blend, [frame]) for frame in range(1, frames + 1)])
    finally:
        over.set()
        looking.join()
    if len(sizes) < 10:
        raise ToolError("this system doesn't tell how much memory the child has")
    early, late = sizes[len(sizes) // 5], sizes[-1]
    return [
        Figure("after a fifth of the frames", early, "MB"),
        Figure(f"after {frames} frames", late, "MB", late / early, None),
    ]


def _child_megabytes(scratch: Path) -> list[float]:
    """The child's resident memory, if it is there; it is known by the folder for its temporary files."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes()
            if b"render_child/start.py" in words and str(scratch).encode() in (process / "environ").read_bytes():
                fields = (process / "statm").read_text().split()
                found.append(int(fields[1]) * 4096 / 1e6)
        except OSError:
            continue
    return found
