# SPDX-License-Identifier: GPL-3.0-or-later
"""A Blender that serves, as `serve` in one does, and lets its backstage do all there is to do, in a sandbox.

blender -b --factory-startup --python backstage.py -- FOLDER: it has `scene.blend` and frames, and gets `told.json`.
"""

import json
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import bpy

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from bender_worker_addon.core.errors import FarmError
from bender_worker_addon.server.backstage import Backstage

folder = Path(sys.argv[sys.argv.index("--") + 1])
blend, broken = folder / "scene.blend", folder / "broken.blend"
told: dict[str, Any] = {}
with closing(Backstage(Path(bpy.app.binary_path), farm_dir=folder.parent)) as backstage:
    told["first"] = backstage.look(blend)
    told["is in a sandbox"] = backstage._has_sandbox
    backstage.save_with(blend, "Close-up")
    told["then"] = backstage.look(blend)
    backstage.film(sorted(folder.glob("*.png")), folder / "film.mp4", fps=24, scene_of=blend)
    broken.write_bytes(blend.read_bytes()[:2000])
    try:
        backstage.look(broken)
    except FarmError as error:
        told["broken"] = str(error)
(folder / "told.json").write_text(json.dumps(told), encoding="utf-8")
