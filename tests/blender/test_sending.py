# SPDX-License-Identifier: GPL-3.0-or-later
"""What the dialog in which a scene is sent looks up and does, inside a real Blender, installed from the zip."""

import importlib
from types import ModuleType

import bpy
import pytest

MODULE = "bl_ext.user_default.bender_worker_addon"

pytestmark = pytest.mark.usefixtures("empty_file")


def _part(name: str) -> ModuleType:
    return importlib.import_module(f"{MODULE}.blender.farm.{name}")


def _added(name: str) -> bpy.types.Object:
    bpy.ops.mesh.primitive_grid_add(x_subdivisions=3, y_subdivisions=3)
    bpy.context.object.name = name
    return bpy.context.object


def test_what_is_told_of_can_be_selected_and_nothing_else_is() -> None:
    flag, other = _added("flag"), _added("other")
    other.select_set(True)
    assert bpy.ops.bender.farm_select(names="flag\ngone") == {"FINISHED"}
    assert (bpy.context.selected_objects, bpy.context.view_layer.objects.active) == ([flag], flag)
    assert bpy.ops.bender.farm_select(names="gone") == {"CANCELLED"}


def test_findings_come_in_three_groups_with_the_objects_they_are_about() -> None:
    _added("flag").modifiers.new("cloth", "CLOTH")
    settings = bpy.context.scene.render.image_settings
    if hasattr(settings, "media_type"):
        settings.media_type = "VIDEO"
    settings.file_format = "FFMPEG"
    found = _part("preflight").findings()
    assert [(one.group.value, one.objects) for one in found] == [
        ("Can't be rendered so, it seems", ()),
        ("Will look different", ("flag",)),
        ("Good to know", ()),
    ]
    assert not any(one.hopeless for one in _part("preflight").findings(has_camera=True))


def test_a_choice_that_the_file_has_not_is_told_with_what_there_is() -> None:
    choices, errors = _part("choices"), importlib.import_module(f"{MODULE}.core.errors")
    with pytest.raises(errors.FarmError, match="the file has no scene night; there are Scene"):
        choices.Choices(scene="night").make()
    with pytest.raises(errors.FarmError, match="the scene Scene has no camera close; there are none"):
        choices.Choices(camera="close").make()
    bpy.context.scene.render.engine = "BLENDER_WORKBENCH"
    with pytest.raises(errors.FarmError, match="BLENDER_WORKBENCH has no samples to be chosen"):
        choices.Choices(samples=7).make()
    assert choices.Choices("a b", "c", ("d", "e"), percentage=50).words() == [
        "--scene=a b",
        "--camera=c",
        "--layer=d",
        "--layer=e",
        "--percentage=50",
    ]
