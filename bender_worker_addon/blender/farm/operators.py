# SPDX-License-Identifier: GPL-3.0-or-later
"""Jobs operators: what an artist can do with the farm's jobs: send one, look at it, cancel it, queue it again."""

import bpy
from bpy.props import BoolProperty

from .. import versions
from . import panel as jobs_panel
from . import words
from .draft import draft
from .job_menu import OfAJob
from .view import jobs_view


class BENDER_OT_farm_cancel(OfAJob, bpy.types.Operator):
    """Take this job out of the queue. What is rendered stays"""

    bl_idname = "bender.farm_cancel"
    bl_label = "Cancel"

    def execute(self, _context: bpy.types.Context) -> set[str]:
        job = self.job
        return self.ask(lambda farm: farm.cancel(job))


class BENDER_OT_farm_pause(OfAJob, bpy.types.Operator):
    """Begin nothing more of this job until it is resumed"""

    bl_idname = "bender.farm_pause"
    bl_label = "Pause Job"

    def execute(self, _context: bpy.types.Context) -> set[str]:
        job = self.job
        return self.ask(lambda farm: farm.pause(job))


class BENDER_OT_farm_resume(OfAJob, bpy.types.Operator):
    """Go on with this job"""

    bl_idname = "bender.farm_resume"
    bl_label = "Resume Job"

    def execute(self, _context: bpy.types.Context) -> set[str]:
        job = self.job
        return self.ask(lambda farm: farm.resume(job))


class BENDER_OT_farm_turn(OfAJob, bpy.types.Operator):
    """Let this job go before the one above it, or after the one below"""

    bl_idname = "bender.farm_turn"
    bl_label = "Change Its Turn"

    up: BoolProperty(options={"HIDDEN"})

    @classmethod
    def description(cls, _context: bpy.types.Context, properties: bpy.types.OperatorProperties) -> str:
        return "Let this job go before the one above it" if properties.up else "Let it go after the one below it"

    def execute(self, _context: bpy.types.Context) -> set[str]:
        job = self.job
        priority = words.priority_to_pass(jobs_view.shown.jobs, job, up=self.up)
        if priority is None:
            self.report({"INFO"}, "There is no job to change its turn with")
            return {"CANCELLED"}
        return self.ask(lambda farm: farm.set_priority(job, priority))


class BENDER_OT_farm_retry(OfAJob, bpy.types.Operator):
    """Queue again what failed of this job, or was canceled"""

    bl_idname = "bender.farm_retry"
    bl_label = "Retry"

    def execute(self, _context: bpy.types.Context) -> set[str]:
        job = self.job
        return self.ask(lambda farm: farm.retry(job))


class BENDER_OT_farm_send_again(OfAJob, bpy.types.Operator):
    """Send this scene, with what you have changed since, under the name and with the frames of this job: those that
    failed, if any did"""

    bl_idname = "bender.farm_send_again"
    bl_label = "Send Again with Changes..."

    def execute(self, _context: bpy.types.Context) -> set[str]:
        details = jobs_view.shown.details
        if details is None or details.job.id != self.job:
            return {"CANCELLED"}
        failed = [frames for status, frames in details.frames.items() if status in ("Errored", "Aborted")]
        wanted = words.frames(",".join(failed or details.frames.values())).replace(" ", "")
        typed = {"job_name": details.job.name, "frames": wanted, "priority": details.job.priority}
        draft.begin_with(typed | ({"image_format": form} if (form := details.image_format) else {}))
        bpy.ops.bender.farm_send("INVOKE_DEFAULT")
        return {"FINISHED"}


class BENDER_OT_farm_open_folder(OfAJob, bpy.types.Operator):
    """Open the folder of this job's frames"""

    bl_idname = "bender.farm_open_folder"
    bl_label = "Folder"

    def execute(self, _context: bpy.types.Context) -> set[str]:
        details = jobs_view.shown.details
        if details is None or details.job.id != self.job or not details.folder.is_dir():
            self.report({"WARNING"}, "There are no frames of it here yet")
            return {"CANCELLED"}
        bpy.ops.wm.path_open(filepath=str(details.folder))
        return {"FINISHED"}


class BENDER_OT_farm_fetch(OfAJob, bpy.types.Operator):
    """Bring the frames that are there to this machine"""

    bl_idname = "bender.farm_fetch"
    bl_label = "Fetch"

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        return not jobs_view.busy

    def execute(self, _context: bpy.types.Context) -> set[str]:
        config = jobs_panel.config()
        if config is not None:
            jobs_view.run(
                config, versions.own_command(), ["fetch", self.job, "--json", "--progress"], doing="Fetching frames"
            )
        return {"FINISHED"}


class BENDER_OT_farm_video(OfAJob, bpy.types.Operator):
    """Make a film of the frames that are there, beside their folder"""

    bl_idname = "bender.farm_video"
    bl_label = "Film"

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        return not jobs_view.busy

    def execute(self, _context: bpy.types.Context) -> set[str]:
        config = jobs_panel.config()
        if config is not None:
            jobs_view.run(
                config, versions.own_command(), ["video", self.job, "--json", "--progress"], doing="Making the film"
            )
        return {"FINISHED"}


register, unregister = bpy.utils.register_classes_factory(
    (
        BENDER_OT_farm_turn,
        BENDER_OT_farm_cancel,
        BENDER_OT_farm_pause,
        BENDER_OT_farm_resume,
        BENDER_OT_farm_retry,
        BENDER_OT_farm_send_again,
        BENDER_OT_farm_open_folder,
        BENDER_OT_farm_fetch,
        BENDER_OT_farm_video,
    )
)
