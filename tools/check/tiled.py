# SPDX-License-Identifier: GPL-3.0-or-later
"""`build.py pixels --tiles`: whether a picture in tiles is the whole one, value by value, whatever is set.

On some small scenes each setting of the render, of Cycles, of view layers, cameras and more is changed, one after
another, as Blender itself lists them; the picture is rendered as a whole and in tiles, as workers do it, and compared:
all channels of all passes, or the file as people get it. What differs must be among what `submit` refuses to cut.
"""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tools.check import walk

SCRIPT = Path(__file__).resolve().parent / "inside_blender" / "tiled.py"
WRONG = ("different", "failed", "crashed")
KNOWN = {
    "pass_render_time": "seconds are no part of the picture",
    "use_stamp_render_time": "the same, burnt in",
    "use_stamp_memory": "memory neither",
}
"""Properties that may differ, and why: as docs/tasks.md says."""


def run(versions: Sequence[str], *, stages: Sequence[str] | None, folder: Path, **options: Any) -> int:
    """Gives 1 if a picture was not the whole one. `options`: see the script."""
    if stages:
        options["stages"] = list(stages)
    found = {version: _found(version, options, folder) for version in versions}
    for version, tries in found.items():
        for (stage, key), (result, words) in tries.items():
            if result in WRONG:
                print(f"{version} {stage} {key}: {result}{_known(key)}: {words}")
    for version, tries in found.items():
        counted = Counter(result for result, _ in tries.values())
        print(f"{version}: {len(tries)} tried: {', '.join(f'{n} {result}' for result, n in counted.most_common())}")
    wrong = [one for tries in found.values() for one, (result, _) in tries.items() if result in WRONG]
    return int(any(not _known(key) for _, key in wrong))


def _found(version: str, options: dict[str, Any], folder: Path) -> dict[tuple[str, str], tuple[str, str]]:
    """Result and words, by stage and what was set in it."""
    entries = walk.walked(SCRIPT, version, f"tiles-{version}", options, folder)
    return {(one["stage"], one["key"]): (one.get("result", "crashed"), one.get("words", "")) for one in entries}


def _known(key: str) -> str:
    name = key.partition(" = ")[0].rpartition(".")[2]
    why = KNOWN.get(name)
    return f" ({why})" if why else ""
