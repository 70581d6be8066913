# SPDX-License-Identifier: GPL-3.0-or-later
"""Preferences: every setting of WorkerConfig, and how the worker behaves while somebody works in this Blender."""

import dataclasses
from typing import Any
from urllib.parse import quote, unquote, urlsplit, urlunsplit

import bpy
from bpy.props import BoolProperty, CollectionProperty, EnumProperty, FloatProperty, IntProperty, StringProperty

from ... import __package__ as base_package
from ...settings import values
from ...settings.config import AUTO, LOCAL, PREFERENCES, Section, settings
from ...settings.config import shown as shown_value
from ...settings.resolve import Resolved
from .. import in_force
from ..farm.panel import BenderJobRow, chosen
from ..paragraph import draw_line, draw_paragraph
from .connection_test import connection_test
from .joining import joining
from .session import session

COMPUTER, FARM = "COMPUTER", "FARM"
_OF_A_FARM = ("amqp_url", "bender_url")
_FIRST = ("outpath", "disklimit")
_WIDTH = 70  # characters a line, in a window of the usual width
_ICONS = {
    Section.FARM: "WORLD",
    Section.STORAGE: "FILE_FOLDER",
    Section.RENDERING: "RENDER_STILL",
    Section.CERTIFICATES: "LOCKED",
    Section.BEHAVIOUR: "USER",
}


def _property(setting: "dataclasses.Field[Any]") -> Any:
    """The setting as Blender has it. Empty is a text that is not set."""
    kind, help = setting.metadata["kind"], setting.metadata["help"]
    told = {"name": setting.metadata["label"], "description": help[:1].upper() + help[1:]}
    match kind:
        case values.OneOf(choices):
            return EnumProperty(items=[(choice.value, choice.label, choice.help) for choice in choices], **told)
        case values.Number(least=least, usual=usual):
            limits = {"default": setting.default, "min": least} | ({} if usual is None else {"soft_max": usual})
            return IntProperty(**told, **limits) if kind.whole else FloatProperty(**told, **limits)
        case values.yes_or_no:
            return BoolProperty(default=setting.default, **told)
        case values.folder:
            return StringProperty(subtype="DIR_PATH", **told)
        case values.file:
            return StringProperty(subtype="FILE_PATH", **told)
        case values.Url():
            return StringProperty(default=setting.default, **told)
        case _:
            return StringProperty(**told)


def _part_credentials(self: "BenderWorkerPreferences", _context: bpy.types.Context) -> None:
    """An address typed with its user and password is taken apart, so that the password is not shown."""
    parts = urlsplit(self.amqp_url)
    credentials, at, host = parts.netloc.rpartition("@")
    if at:
        user, _, password = credentials.partition(":")
        self.amqp_user, self.amqp_password = unquote(user), unquote(password)
        self.amqp_url = urlunsplit(parts._replace(netloc=host))


class _Settings:
    """A property a setting."""

    __annotations__ = {setting.name: _property(setting) for setting in settings()}


class BenderWorkerPreferences(_Settings, bpy.types.AddonPreferences):
    bl_idname = base_package

    amqp_url: StringProperty(
        name="RabbitMQ",
        description="Where RabbitMQ is: amqp://host:port/vhost, or amqps:// for TLS",
        update=_part_credentials,
    )
    amqp_user: StringProperty(name="User", description="The user this worker is to RabbitMQ", default="guest")
    amqp_password: StringProperty(
        name="Password", description="That user's password", default="guest", subtype="PASSWORD"
    )

    works_for: EnumProperty(
        name="Works For",
        description="Where this Blender's jobs are rendered",
        items=[
            (COMPUTER, "This computer only", "Jobs are rendered here; no server is needed"),
            (FARM, "A farm on the network", "Jobs go to a farm, and this Blender may render for it"),
        ],
        get=lambda self: self._works_for(),
        set=lambda self, number: self._work_for(number),
    )
    wants_farm: BoolProperty(options={"HIDDEN"})
    show_advanced: BoolProperty(name="Advanced", description="Show all other settings")
    jobs: CollectionProperty(type=BenderJobRow)
    chosen_job: IntProperty(default=-1, update=lambda self, _context: chosen(self))

    start_with_blender: BoolProperty(
        name="Start with Blender", description="Start rendering whenever Blender opens with a window"
    )
    go_on_after_quit: BoolProperty(
        name="Go On Rendering After I Quit",
        description="When Blender is quit while it renders, a Blender without a window goes on until all is done",
    )
    tell_on_desktop: BoolProperty(
        name="Tell Me on the Desktop", description="Show a notification when a job of yours is done or has failed"
    )
    only_when_away: BoolProperty(
        name="Only While I Am Away",
        description="Render only while nobody has touched mouse or keyboard for some minutes",
    )
    away_minutes: FloatProperty(
        name="Away After (min)",
        description="Minutes without mouse or keyboard in Blender's windows after which you count as away",
        default=10.0,
        min=0.05,
        soft_max=60.0,
    )
    when_back: EnumProperty(
        name="When I Am Back",
        description="What becomes of the frames in hand when you touch mouse or keyboard again",
        items=[
            ("SUSPEND", "Pause It", "Stop the render where it is; it goes on when you are away again"),
            ("FINISH", "Finish It", "Let the frames in hand end, then begin no more"),
            (
                "GIVE_BACK",
                "Give It Back",
                "Stop the render; its frame is begun anew later, here or on another machine",
            ),
        ],
    )

    def draw(self, _context: bpy.types.Context) -> None:
        found = in_force.resolved()
        layout = self.layout
        layout.row().prop(self, "works_for", expand=True)
        layout.use_property_split = True
        if self.works_for == FARM:
            self._draw_farm(layout, found)
        else:
            draw_paragraph(layout, "Nothing to fill in. Next: press N in the 3D View, tab Bender", width=_WIDTH)
        if isinstance(found, str):
            draw_paragraph(layout, found, width=_WIDTH, alert=True)
        elif session.config not in (None, found.config) and session.running:
            words = "The worker goes on with the settings it was started with: stop it and start it to use these"
            draw_paragraph(layout, words, width=_WIDTH)
        self._draw_test(layout, found)
        self._draw_own(layout, found)
        self._draw_advanced(layout, found)

    def _draw_farm(self, layout: bpy.types.UILayout, found: Resolved | str) -> None:
        layout.operator("bender.worker_join", icon="URL")
        if joining.verdict is not None:
            draw_paragraph(layout, joining.verdict.words, width=_WIDTH, alert=not joining.verdict.is_good)
        if not isinstance(found, str) and found.config.is_local:
            words = "Until you have joined one, or typed where it is, jobs stay on this computer"
            draw_paragraph(layout, words, width=_WIDTH)
        for setting in settings():
            if setting.name in _OF_A_FARM:
                self._draw_setting(layout, setting, found)

    def _draw_own(self, layout: bpy.types.UILayout, found: Resolved | str) -> None:
        box = layout.box().column()
        for setting in settings():
            if setting.name in _FIRST:
                self._draw_setting(box, setting, found)
        box.prop(self, "start_with_blender")
        box.prop(self, "go_on_after_quit")
        box.prop(self, "tell_on_desktop")
        box.prop(self, "only_when_away")
        column = box.column()
        column.active = self.only_when_away
        column.prop(self, "away_minutes")
        column.prop(self, "when_back")

    def _draw_advanced(self, layout: bpy.types.UILayout, found: Resolved | str) -> None:
        row = layout.row()
        row.use_property_split = False
        row.alignment = "LEFT"
        arrow = "DOWNARROW_HLT" if self.show_advanced else "RIGHTARROW"
        row.prop(self, "show_advanced", icon=arrow, emboss=False)
        if not self.show_advanced:
            return
        boxes = {section: _box(layout, section.value, icon) for section, icon in _ICONS.items()}
        for setting in settings():
            if setting.name not in (*_OF_A_FARM, *_FIRST):
                self._draw_setting(boxes[setting.metadata["section"]], setting, found)

    def _draw_setting(
        self, layout: bpy.types.UILayout, setting: "dataclasses.Field[Any]", found: Resolved | str
    ) -> None:
        name = setting.name
        row = layout.row()
        row.enabled = isinstance(found, str) or found.sources[name].startswith((PREFERENCES, "default", "kept"))
        row.prop(self, name, placeholder="amqp://localhost:5672/%2F" if name == "amqp_url" else _usual(setting, found))
        if not isinstance(found, str) and not row.enabled:
            layout.label(text=f"{found.sources[name]} says {shown_value(found.config, name)}", icon="LOCKED")
        elif name == "amqp_url":
            layout.prop(self, "amqp_user")
            layout.prop(self, "amqp_password")

    def _draw_test(self, layout: bpy.types.UILayout, found: Resolved | str) -> None:
        layout.operator("bender.worker_test_connection", icon="LINKED")
        if isinstance(found, str) or connection_test.config != found.config:
            return  # what was tested is not what is in force
        for name, verdict in connection_test.verdicts():
            if verdict.is_good:
                draw_line(layout, f"{name}: {verdict.words}", width=_WIDTH, icon="CHECKMARK")
            else:
                draw_paragraph(layout, f"{name}: {verdict.words}", width=_WIDTH, alert=True)

    def _works_for(self) -> int:
        found = in_force.resolved()
        return int(self.wants_farm or not (isinstance(found, str) or found.config.is_local))

    def _work_for(self, number: int) -> None:
        """A farm that is not joined yet leaves jobs here; to come back to this computer counts more than addresses."""
        self.wants_farm = bool(number)
        self.queue = AUTO if number else LOCAL

    def changed(self) -> dict[str, str]:
        """The settings that were given a value here, as text, by name. What is as it always is counts for nothing: a
        click into a field, and Enter, is not to choose a farm."""
        own = [setting for setting in settings() if self._is_changed(setting.name)]
        return {setting.name: text for setting in own if (text := self._text(setting))}

    def _is_changed(self, name: str) -> bool:
        return self.is_property_set(name) and getattr(self, name) != self.bl_rna.properties[name].default

    def _text(self, setting: "dataclasses.Field[Any]") -> str:
        text = str(getattr(self, setting.name))
        if text and setting.name == "amqp_url":
            parts = urlsplit(text)
            credentials = f"{quote(self.amqp_user, safe='')}:{quote(self.amqp_password, safe='')}"
            return str(urlunsplit(parts._replace(netloc=f"{credentials}@{parts.netloc}")))
        is_path = setting.metadata["kind"] in (values.folder, values.file)
        return bpy.path.abspath(text) if text and is_path else text


def _usual(setting: "dataclasses.Field[Any]", found: Resolved | str) -> str:
    """What an empty field of a folder means."""
    if setting.metadata["kind"] is not values.folder or isinstance(found, str):
        return ""
    if setting.name == "outpath" and found.config.is_local and found.chosen("outpath") is None:
        return "beside each file"
    return str(getattr(found.config, setting.name))


def register() -> None:
    bpy.utils.register_class(BenderJobRow)
    bpy.utils.register_class(BenderWorkerPreferences)


def unregister() -> None:
    bpy.utils.unregister_class(BenderWorkerPreferences)
    bpy.utils.unregister_class(BenderJobRow)


def _box(layout: bpy.types.UILayout, title: str, icon: str) -> bpy.types.UILayout:
    box = layout.box()
    box.label(text=title, icon=icon)
    return box.column()
