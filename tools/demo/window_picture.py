# SPDX-License-Identifier: GPL-3.0-or-later
"""The pictures of a Blender window for the README: an artist's own, on a farm of one machine, as she sends a scene and
in the middle of its work. Runs in the tests' environment:
`python -m tools.demo.window_picture docs/pictures/dialog.png docs/pictures/panel.png`."""

import sys
import tempfile
import time
from pathlib import Path

from tools.bench.sending import MODULE, SHOWN, open_dialog
from tools.blenders import blenders, scenes
from tools.build import package
from tools.check.desktop import Desktop
from tools.check.window import VIEWPORT, Window, settle
from tools.process import say
from tools.servers.local_farm import LocalFarm

_DONE = {  # their scenes, how these are made, and their frames
    "turning_cube": ("trivial", {}, 48),
    "shot_010": ("sample", {"frames": 24}, 24),
}
_SHOWN, _WAITS = "shot_020", "shot_030"
_FRAMES, _PART = 60, 0.4  # of the one that is shown, and how much of it is done then
_PATIENCE = 900.0  # seconds
_SIZE = {"width": 1280, "height": 1080}
_DRAWN = 5.0  # seconds in which a picture that is here is drawn, too
_AREAS = "bpy.context.window_manager.windows[0].screen.areas"
_VIEWS = f"[area.spaces.active.region_3d.view_perspective for area in {_AREAS} if area.type == 'VIEW_3D']"
_LOOKED = f"{MODULE}.farm.looking'].looking.shown"


def main(arguments: list[str]) -> int:
    dialog, panel = map(Path, arguments)
    blender = blenders.find()
    with tempfile.TemporaryDirectory(prefix="bender-worker-picture-") as folder:
        scratch = Path(folder)
        env = package.install(blender, package.build(blender, folder=scratch), scratch / "user")
        settle(blender, env, scratch / "temporary")
        local = {"BENDER_WORKER_QUEUE": "local", "BENDER_WORKER_DATA_DIR": str(scratch / "data")}
        with LocalFarm(blender, env, folder=scratch / "data", outpath=scratch / "frames") as farm:
            for number, (name, (scene, options, frames)) in enumerate(_DONE.items()):
                farm.submit(_made(blender, scratch, name, scene, **options), job=f"job-{number}", frames=f"1-{frames}")
            worker = farm.start_worker("--idle-exit", "3", log=scratch / "worker.log")
            list(farm.follow(worker, patience=_PATIENCE))
            shown = _made(blender, scratch, _SHOWN, "sample", frames=_FRAMES, width=480, height=270)
            waits = _made(blender, scratch, _WAITS, "sample", frames=240)
            with (
                Desktop(**_SIZE) as desktop,
                Window(desktop, blender, shown, env=env | local, folder=scratch / "window") as window,
            ):
                _send(window, dialog)
                farm.submit(waits, job="waits", frames="1-240")
                say("Waiting until there is something to see …")
                done = f"{SHOWN}.details and {SHOWN}.details.job.name == {_SHOWN!r} and {SHOWN}.details.job.done"
                window.wait_until(f"({done} or 0) >= {_FRAMES * _PART} and {_LOOKED}.picture", timeout=_PATIENCE)
                time.sleep(_DRAWN)
                desktop.screenshot(panel)
    return 0


def _made(blender: Path, scratch: Path, name: str, scene: str, **options: int) -> Path:
    return scenes.make(blender, scene, scratch / f"{name}.blend", **options)


def _send(window: Window, dialog: Path) -> None:
    window.open_sidebar("Bender")
    window.press("KP_0", VIEWPORT, until=f"'CAMERA' in {_VIEWS}")
    words = open_dialog(window)
    window.desktop.screenshot(dialog)
    window.press("Return", words, until=f"any(job.name == {_SHOWN!r} for job in {SHOWN}.jobs)")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
