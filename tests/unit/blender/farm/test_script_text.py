# SPDX-License-Identifier: GPL-3.0-or-later
"""Which scripts can change a picture by being run when a file is opened."""

import pytest

from bender_worker_addon.blender.farm.script_text import may_change_data

PANEL = """
import bpy
from bpy.props import BoolProperty
bpy.types.WindowManager.use_all = BoolProperty()
def snap(context):
    bpy.ops.pose.select_all()
    return context.object.data
class Rig(bpy.types.Panel):
    bl_space_type = "VIEW_3D"
    def draw(self, context):
        bpy.data.objects["a"].location.x = snap(context)
def register():
    bpy.utils.register_class(Rig)
    later = lambda: bpy.data
"""


@pytest.mark.parametrize("end", ["", "register()", "if __name__ == '__main__':\n    register()"])
def test_what_only_adds_to_the_window_changes_nothing(end: str) -> None:
    assert not may_change_data(PANEL + end)


@pytest.mark.parametrize(
    "text",
    [
        "import bpy\nbpy.data.objects['a'].hide_render = True",
        "import bpy\nbpy.app.driver_namespace['swing'] = lambda x: x",
        "from bpy import app\ndef later(scene): ...\napp.handlers.frame_change_pre.append(later)",
        "from bpy.app.handlers import persistent",
        "import bpy as b\nb.types.Object.stiffness = b.props.FloatProperty()",
        "from bpy import context as c\nc.scene.frame_end = 3",
        "exec(open('/a.py').read())",
        f"{PANEL}snap(None)",
        f"{PANEL}def main():\n    snap(None)\nmain()",
        "class A:\n    import bpy\n    here = bpy.data",
        "import bpy\n@bpy.ops\ndef a(): ...",
        "import bpy\ndef a(x=bpy.data): ...",
    ],
)
def test_what_reaches_data_may(text: str) -> None:
    assert may_change_data(text)


@pytest.mark.parametrize("text", ["print 'Python 2'", "\0", "(" * 100_000, ""])
def test_what_is_no_python_never_runs(text: str) -> None:
    assert not may_change_data(text)
