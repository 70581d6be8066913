# SPDX-License-Identifier: GPL-3.0-or-later
"""Sending: the dialog in which an artist sends her scene to the farm. What is chosen there is for that job alone: it is
made in the copy that is sent."""

from typing import Any

import bpy
from bpy.props import BoolProperty, IntProperty, StringProperty

from ...farm.frame_list import frames_of
from ...system.files import discard_folder
from .. import versions
from ..paragraph import draw_paragraph
from ..worker import loop
from . import memory, outlook, statusbar
from . import panel as jobs_panel
from .destination import Destination
from .draft import draft
from .finding import Finding, Group
from .findings_box import draw_group
from .outlook import Outlook
from .scene_form import SceneForm, follow_scene
from .view import jobs_view

_WIDTH = 480  # pixels of the dialog
_LETTERS = 84  # characters a line in it
_TOLD = 0.6  # of a line, where a button stands beside it
_TYPED = (
    *("job_name", "frames", "image_format", "chunk", "priority", "in_tiles", "one_kind", "start_now"),
    *("samples", "percentage"),
    *("scene", "camera", "layers"),
)


class BENDER_OT_farm_send(SceneForm, bpy.types.Operator):
    """Send this scene to the farm, as it is now. Your file is not changed"""

    bl_idname = "bender.farm_send"
    bl_property = "frames"  # in which one can type at once
    bl_label = "Send to Farm..."

    job_name: StringProperty(name="Name", description="What the job is called, and the folder of its frames")
    chunk: IntProperty(
        name="Frames at a Time",
        description="A machine takes so many in a row. More than one pays where frames take under a second",
        default=1,
        min=1,
        max=100_000,
    )
    priority: IntProperty(
        name="Priority", description="Jobs of a higher priority are rendered first", min=-1000, max=1000
    )
    in_tiles: BoolProperty(
        name="Split into Tiles",
        description="Each frame is rendered in tiles, by all machines at once, and put together: for one picture, or a"
        " few that take long. Nobody can tell it from one that was rendered as a whole",
    )
    one_kind: BoolProperty(
        name="On One Kind of Device",
        description="All tiles are rendered by machines with the same processor or the same card, which round alike",
    )
    start_now: BoolProperty(
        name="Start Rendering Now", description="Let this Blender render it, in the background", default=True
    )
    anyway: BoolProperty(
        name="Send It Anyway", description="It seems that nothing of it can be rendered; try it all the same"
    )

    _destination: Destination | None = None  # an operator's own, set anew by each invoke
    _outlook: Outlook | None = None

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        if jobs_view.busy:
            cls.poll_message_set("A job is being sent")
        elif jobs_panel.config() is None:
            cls.poll_message_set("There is no farm that jobs can be sent to: see the preferences of the add-on")
        return jobs_panel.config() is not None and not jobs_view.busy

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        own, config = type(self), jobs_panel.config()
        if config is None:
            return {"CANCELLED"}
        jobs_view.tell("")
        typed = {"job_name": memory.title(), **draft.opened()}
        self.scene = typed.pop("scene", None) or context.scene.name
        follow_scene(self)
        for name, value in typed.items():
            setattr(self, name, value)
        self.anyway = False
        own._destination, own._outlook = Destination(config), Outlook(config, self.job_name)
        jobs_view.get_ready(config, versions.own_command())
        return context.window_manager.invoke_props_dialog(self, width=_WIDTH, confirm_text="Send")

    def draw(self, context: bpy.types.Context) -> None:
        if (to := self._destination) is None:
            return
        layout = self.layout
        layout.label(text=self.head(), icon="SCENE_DATA")
        layout.use_property_split = True
        layout.prop(self, "job_name")
        self.draw_scene(layout)
        row = layout.row(align=True)
        if not self._is_shared_out(to):
            row.prop(self, "chunk")
        row.prop(self, "priority")
        if to.takes_tiles:
            self._draw_tiles(layout)
        if to.can_start:
            layout.prop(self, "start_now")
        wrong = self.wrong_frames
        if wrong:
            draw_paragraph(layout, wrong, width=_LETTERS, alert=True)
        elif self._outlook is not None:
            self._draw_outlook(layout, self._outlook)
        if (folder := to.folder(self.job_name)) is not None:
            draw_paragraph(layout, f"Frames go to {folder}", width=_LETTERS)
        for group in Group:
            found = [finding for finding in self._all_findings() if finding.group is group]
            draw_group(layout, group, found, width=_LETTERS)
            if group is Group.HOPELESS and (found or (jobs_view.refused and draft.is_of_this_file)):
                layout.prop(self, "anyway")
        outlook.popup = context.region_popup
        if wrong or self._hopeless():
            layout.template_popup_confirm("bender.farm_cannot_send", text="Send", cancel_text="Cancel")

    def execute(self, _context: bpy.types.Context) -> set[str]:
        config, to = jobs_panel.config(), self._destination
        outlook.popup = None
        draft.keep(self._typed(), unsent=False)
        if config is None or to is None:
            return self._failed("There is no farm to send it to")
        if why := self.wrong_frames or self._hopeless():
            return self._failed(why)
        try:
            copy, unsaved = memory.saved_copy()
        except (RuntimeError, OSError) as error:
            return self._failed(f"A copy can't be saved: {error}")
        options = {"frames": self.frames, "format": self.image_format, "priority": self.priority}
        in_tiles = self._is_shared_out(to)
        options |= {"split": "auto"} if in_tiles else {"chunk": self.chunk}
        options |= {"name": self.job_name.strip() or copy.stem} | ({} if to.base is None else {"to": to.base})
        said = [f"--{option}={value}" for option, value in options.items()] + ["--anyway"] * self.anyway
        said += ["--one-kind"] * (in_tiles and self.one_kind)
        said += self.choices().words()
        submit = ["submit", str(copy), f"--unsaved={unsaved}", "--json", "--progress", *said]
        jobs_view.run(config, versions.own_command(), submit, doing="Sending", then=lambda: discard_folder(copy.parent))
        if to.can_start and self.start_now:
            loop.start()
        statusbar.begin()
        return {"FINISHED"}

    def _failed(self, why: str) -> set[str]:
        """What was typed is there when she tries again."""
        draft.keep(self._typed(), unsent=True)
        self.report({"ERROR"}, why)
        return {"CANCELLED"}

    def cancel(self, _context: bpy.types.Context) -> None:
        """So does Return where nothing can be sent: Blender closes a dialog by it, whatever its button says."""
        why = self.wrong_frames or self._hopeless()
        if why or draft.comes_back:
            draft.keep(self._typed(), unsent=True)
        if why and not draft.comes_back:
            jobs_view.tell(f"It was not sent: {why}. What you typed is still there")
        outlook.popup = None
        jobs_view.let_go()

    def _is_shared_out(self, to: Destination) -> bool:
        return self.in_tiles and to.takes_tiles and not self.why_whole

    def _why_as_a_whole(self) -> str:
        """Why its pictures are not split, all the same; "" if they are."""
        if self.why_whole or self._outlook is None or self.wrong_frames:
            return self.why_whole
        return self._outlook.why_whole(len(frames_of(self.frames)), one_kind=self.one_kind)

    def _all_findings(self) -> "list[Finding]":
        found = list(self.findings)
        if bpy.data.is_dirty and bpy.data.filepath:
            told = "There are unsaved changes: they are sent, but are not in your file"
            found.append(Finding(told, harmless=True))
        return found

    def _hopeless(self) -> str:
        """Why it can't be sent, unless that is to be tried all the same."""
        return "" if self.anyway else next((finding.words for finding in self.findings if finding.hopeless), "")

    def _draw_tiles(self, layout: bpy.types.UILayout) -> None:
        layout.prop(self, "in_tiles")
        if not self.in_tiles:
            return
        if not self.why_whole:
            layout.prop(self, "one_kind")
        if whole := self._why_as_a_whole():
            draw_paragraph(layout, f"Each frame is rendered as a whole: {whole}", width=_LETTERS)
        elif self._outlook is not None and (differs := self._outlook.differs(one_kind=self.one_kind)):
            draw_paragraph(layout, f"{differs[0].upper()}{differs[1:]}", width=_LETTERS)

    def _draw_outlook(self, layout: bpy.types.UILayout, found: Outlook) -> None:
        frames = frames_of(self.frames)
        row = layout.split(factor=_TOLD)
        draw_paragraph(row, found.in_words(len(frames)), width=int(_LETTERS * _TOLD))
        if found.may_be_tried:
            estimate = row.operator("bender.farm_estimate", icon="RENDER_STILL")
            estimate.frame, estimate.choices = frames[len(frames) // 2], "\n".join(self.choices().words())

    def _typed(self) -> "dict[str, Any]":
        return {name: getattr(self, name) for name in _TYPED}


class BENDER_OT_farm_cannot_send(bpy.types.Operator):
    """Send it, which can't be done so: what stands in red is to be put right first"""

    bl_idname = "bender.farm_cannot_send"
    bl_label = "Send"
    bl_options = {"INTERNAL"}  # noqa: RUF012  Blender reads it so

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        cls.poll_message_set("Put right what stands in red first")
        return False


register, unregister = bpy.utils.register_classes_factory((BENDER_OT_farm_send, BENDER_OT_farm_cannot_send))
