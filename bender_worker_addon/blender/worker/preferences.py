# SPDX-License-Identifier: GPL-3.0-or-later
"""Preferences: every setting of WorkerConfig, and how the worker behaves while somebody works in this Blender."""

import dataclasses
from typing import Any
from urllib.parse import quote, unquote, urlsplit, urlunsplit

import bpy
from bpy.props import BoolProperty, EnumProperty, FloatProperty, IntProperty, StringProperty

from ... import __package__ as base_package
from ...settings import values
from ...settings.config import PREFERENCES, Section, settings
from ...settings.config import shown as shown_value
from ...settings.resolve import Resolved
from .. import in_force
from ..paragraph import draw_paragraph
from .connection_test import connection_test
from .joining import joining

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

    start_with_blender: BoolProperty(
        name="Start with Blender", description="Start the worker whenever Blender opens with a window"
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
        description="What becomes of the task in hand when you touch mouse or keyboard again",
        items=[
            ("SUSPEND", "Pause It", "Stop the render where it is; it goes on when you are away again"),
            ("FINISH", "Finish It", "Let the task end, then take no more"),
            ("GIVE_BACK", "Give It Back", "Stop the render and let another worker have the task"),
        ],
    )

    def draw(self, _context: bpy.types.Context) -> None:
        found = in_force.resolved()
        layout = self.layout
        layout.use_property_split = True
        self._draw_joining(layout)
        boxes = {section: _box(layout, section.value, icon) for section, icon in _ICONS.items()}
        for setting in settings():
            self._draw_setting(boxes[setting.metadata["section"]], setting, found)
        self._draw_test(boxes[Section.FARM])
        self._draw_own(boxes[Section.BEHAVIOUR])
        if isinstance(found, str):
            draw_paragraph(layout, found, width=_WIDTH, alert=True)

    def _draw_joining(self, layout: bpy.types.UILayout) -> None:
        layout.operator("bender.worker_join", icon="URL")
        if joining.verdict is not None:
            draw_paragraph(layout, joining.verdict.words, width=_WIDTH, alert=not joining.verdict.is_good)

    def _draw_own(self, box: bpy.types.UILayout) -> None:
        box.prop(self, "start_with_blender")
        box.prop(self, "only_when_away")
        column = box.column()
        column.active = self.only_when_away
        column.prop(self, "away_minutes")
        column.prop(self, "when_back")

    def _draw_setting(
        self, layout: bpy.types.UILayout, setting: "dataclasses.Field[Any]", found: Resolved | str
    ) -> None:
        name = setting.name
        row = layout.row()
        row.enabled = isinstance(found, str) or found.sources[name].startswith((PREFERENCES, "default", "kept"))
        is_folder = setting.metadata["kind"] is values.folder
        shown = str(getattr(found.config, name)) if is_folder and not isinstance(found, str) else ""
        row.prop(self, name, placeholder="amqp://localhost:5672/%2F" if name == "amqp_url" else shown)
        if not isinstance(found, str) and not row.enabled:
            layout.label(text=f"{found.sources[name]} says {shown_value(found.config, name)}", icon="LOCKED")
        elif name == "amqp_url":
            layout.prop(self, "amqp_user")
            layout.prop(self, "amqp_password")

    def _draw_test(self, layout: bpy.types.UILayout) -> None:
        layout.operator("bender.worker_test_connection", icon="LINKED")
        for name, verdict in connection_test.verdicts():
            if verdict.is_good:
                layout.label(text=f"{name}: {verdict.words}", icon="CHECKMARK")
            else:
                draw_paragraph(layout, f"{name}: {verdict.words}", width=_WIDTH, alert=True)

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


def register() -> None:
    bpy.utils.register_class(BenderWorkerPreferences)


def unregister() -> None:
    bpy.utils.unregister_class(BenderWorkerPreferences)


def _box(layout: bpy.types.UILayout, title: str, icon: str) -> bpy.types.UILayout:
    box = layout.box()
    box.label(text=title, icon=icon)
    return box.column()
