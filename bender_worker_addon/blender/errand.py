# SPDX-License-Identifier: GPL-3.0-or-later
"""Errand: what a Blender in the background does for a farm's server, which has started it (see `server/backstage`):
looks into a blend that somebody has sent, or makes a film. What to do is in a file, and so is what comes of it."""

import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import bpy

from ..core.errors import WorkerError
from ..render_child.system import end_with_worker
from .farm import packing, preflight, splitting, video

TOLD, ANSWER, FILM, BLEND = "told.json", "answer.json", "film.mp4", "scene.blend"


def main() -> None:
    """`… -- FOLDER`: it has `told.json`, with `what` to do and more, and gets `answer.json` and what is made."""
    end_with_worker()
    folder = Path(sys.argv[sys.argv.index("--") + 1])
    told: dict[str, Any] = json.loads((folder / TOLD).read_text(encoding="utf-8"))
    try:
        answer = _ERRANDS[told.pop("what")](folder, **told)
    except WorkerError as error:
        answer = {"error": _without_folder(str(error), told.get("blend", ""))}
    (folder / ANSWER).write_text(json.dumps(answer), encoding="utf-8")


def _without_folder(words: str, blend: str) -> str:
    """Where the farm keeps a blend is nothing to who has sent it."""
    return words.replace(blend, Path(blend).name) if blend else words


def _look(_folder: Path, blend: str) -> dict[str, Any]:
    """What the blend says of each of its scenes, and what would go wrong with it elsewhere."""
    packing.open_blend(Path(blend))
    context: Any = bpy.context
    active = context.scene.name
    return {"scenes": [_told_of(scene) for scene in _scenes()], "active": active}


def _scenes() -> Iterator[bpy.types.Scene]:
    """Its own, each while it is the one at hand."""
    own = [scene for scene in bpy.data.scenes if scene.library is None]
    for scene in own:
        _choose_scene(scene)
        yield scene


def _told_of(scene: bpy.types.Scene) -> dict[str, Any]:
    return {
        "name": scene.name,
        "frames": packing.default_frames(),
        "format": packing.default_format(),
        "facts": asdict(packing.facts()),
        "concerns": [asdict(finding) for finding in preflight.findings(remote=True)],
        "picture": "" if splitting.why_whole() else str(splitting.picture()),
    }


def _save_with(folder: Path, blend: str, scene: str) -> dict[str, Any]:
    """Saves a copy whose scene is that one, as `scene.blend`."""
    packing.open_blend(Path(blend))
    chosen: bpy.types.Scene | None = bpy.data.scenes.get(scene)
    if chosen is None:
        return {"error": f"the file has no scene {scene!r}"}
    _choose_scene(chosen)
    bpy.ops.wm.save_as_mainfile(filepath=str(folder / BLEND), copy=True, relative_remap=False)
    return {}


def _choose_scene(scene: bpy.types.Scene) -> None:
    context: Any = bpy.context
    context.window_manager.windows[0].scene = scene


def _film(folder: Path, frames: list[str], fps: float, scene_of: str | None) -> dict[str, Any]:
    """As `film.mp4`."""
    scene = Path(scene_of) if scene_of else None
    video.make([Path(frame) for frame in frames], folder / FILM, fps=fps, scene_of=scene)
    return {}


_ERRANDS: dict[str, Callable[..., dict[str, Any]]] = {"look": _look, "save with": _save_with, "film": _film}
