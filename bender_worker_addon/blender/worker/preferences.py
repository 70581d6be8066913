# SPDX-License-Identifier: GPL-3.0-or-later
"""Preferences: every setting of WorkerConfig, and how the worker behaves while somebody works in this Blender."""

import functools
import os
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, unquote, urlsplit, urlunsplit

import bpy
from bpy.props import BoolProperty, EnumProperty, FloatProperty, IntProperty, StringProperty

from ... import __package__ as base_package
from ...core.errors import ConfigError
from ...settings.config import PREFERENCES, settings
from ...settings.config import shown as shown_value
from ...settings.resolve import Resolved, config_path, resolve
from .. import online, versions
from ..paragraph import draw_paragraph
from .connection_test import connection_test

_HELP = {setting.name: setting.metadata["help"].capitalize() for setting in settings()}
_WIDTH = 70  # characters a line, in a window of the usual width
_FARM = ("queue", "amqp_url", "bender_url", "id", "mode", "upload")
_CERTIFICATES = ("ca_file", "client_cert", "client_key")
_STORAGE = ("data_dir", "farm_dir", "blendpath", "outpath", "disklimit", "grace_period", "cache_limit")
_RENDERING = (
    "renderers",
    "workload",
    "devices",
    "keep_child",
    "memory_limit",
    "stall_timeout",
    "sandbox",
    "sandbox_paths",
)
_FOLDERS = ("data_dir", "farm_dir", "blendpath", "outpath")
_SHARED = ("heart_rate_seconds",)


def _part_credentials(self: "BenderWorkerPreferences", _context: bpy.types.Context) -> None:
    """An address typed with its user and password is taken apart, so that the password is not shown."""
    parts = urlsplit(self.amqp_url)
    credentials, at, host = parts.netloc.rpartition("@")
    if at:
        user, _, password = credentials.partition(":")
        self.amqp_user, self.amqp_password = unquote(user), unquote(password)
        self.amqp_url = urlunsplit(parts._replace(netloc=host))


class BenderWorkerPreferences(bpy.types.AddonPreferences):
    bl_idname = base_package

    queue: EnumProperty(
        name="Tasks",
        description=_HELP["queue"],
        items=[
            (
                "auto",
                "Automatic",
                "From the farm whose address is set; without one, from this machine",
            ),
            ("local", "This Machine", "From the queue on this machine, which needs no RabbitMQ"),
            ("rabbitmq", "Farm", "From a RabbitMQ"),
        ],
    )
    amqp_url: StringProperty(
        name="RabbitMQ",
        description="Where RabbitMQ is: amqp://host:port/vhost, or amqps:// for TLS",
        update=_part_credentials,
    )
    amqp_user: StringProperty(name="User", description="The user this worker is to RabbitMQ", default="guest")
    amqp_password: StringProperty(
        name="Password", description="That user's password", default="guest", subtype="PASSWORD"
    )
    bender_url: StringProperty(name="Flaskbender", description=_HELP["bender_url"], default="http://localhost:8000")
    id: StringProperty(name="Worker ID", description=_HELP["id"])
    mode: EnumProperty(
        name="Mode",
        description=_HELP["mode"],
        items=[
            ("Independent", "Independent", "Blends come over HTTP"),
            ("Server", "Server", "Blends and frames are on a disk that the farm shares"),
        ],
    )
    upload: EnumProperty(
        name="Upload",
        description=_HELP["upload"],
        items=[
            ("off", "Off", "Frames stay on this machine"),
            ("move", "Move", "Frames go to flaskbender and are deleted here once it has them"),
            ("copy", "Copy", "Frames go to flaskbender and stay here too"),
        ],
    )
    ca_file: StringProperty(name="Authorities", description=_HELP["ca_file"], subtype="FILE_PATH")
    client_cert: StringProperty(name="Certificate", description=_HELP["client_cert"], subtype="FILE_PATH")
    client_key: StringProperty(name="Its Key", description=_HELP["client_key"], subtype="FILE_PATH")
    data_dir: StringProperty(name="Data", description=_HELP["data_dir"], subtype="DIR_PATH")
    farm_dir: StringProperty(name="Jobs", description=_HELP["farm_dir"], subtype="DIR_PATH")
    blendpath: StringProperty(name="Blends", description=_HELP["blendpath"], subtype="DIR_PATH")
    outpath: StringProperty(name="Frames", description=_HELP["outpath"], subtype="DIR_PATH")
    disklimit: FloatProperty(name="Keep Free (GB)", description=_HELP["disklimit"], default=2.0, min=0.0)
    grace_period: FloatProperty(name="Keep Blends (s)", description=_HELP["grace_period"], default=60.0, min=0.0)
    cache_limit: FloatProperty(name="Keep Blends (GB)", description=_HELP["cache_limit"], default=20.0, min=0.0)
    workload: IntProperty(name="Tasks InFlight", description=_HELP["workload"], default=0, min=0, soft_max=8)
    renderers: IntProperty(name="Blenders", description=_HELP["renderers"], default=1, min=1, soft_max=8)
    devices: StringProperty(name="Cycles Devices", description=_HELP["devices"])
    memory_limit: FloatProperty(name="Memory (GB)", description=_HELP["memory_limit"], default=0.0, min=0.0)
    keep_child: BoolProperty(name="Keep Blender Open", description=_HELP["keep_child"], default=True)
    stall_timeout: FloatProperty(name="Hung After (s)", description=_HELP["stall_timeout"], default=1800.0, min=1.0)
    sandbox: EnumProperty(
        name="Sandbox",
        description=_HELP["sandbox"],
        items=[
            ("off", "Off", "Blender can read what you can"),
            ("auto", "Where Possible", "Use a sandbox if this machine can make one, and work without one if not"),
            ("on", "Always", "Don't start without one"),
        ],
    )
    sandbox_paths: StringProperty(name="Readable in It", description=_HELP["sandbox_paths"])
    heart_rate_seconds: FloatProperty(
        name="Sign of Life (s)", description=_HELP["heart_rate_seconds"], default=60.0, min=1.0
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
        found = resolved()
        layout = self.layout
        layout.use_property_split = True
        farm = _box(layout, "Farm", "WORLD")
        for name in _FARM:
            self._draw_setting(farm, name, found)
            if name == "amqp_url" and _may_be_set("amqp_url", found):
                farm.prop(self, "amqp_user")
                farm.prop(self, "amqp_password")
        self._draw_test(farm)
        for title, icon, names in (
            ("Storage", "FILE_FOLDER", _STORAGE),
            ("Rendering", "RENDER_STILL", _RENDERING),
            ("Certificates", "LOCKED", _CERTIFICATES),
            ("Behaviour", "USER", _SHARED),
        ):
            box = _box(layout, title, icon)
            for name in names:
                self._draw_setting(box, name, found)
        box.prop(self, "start_with_blender")
        box.prop(self, "only_when_away")
        column = box.column()
        column.active = self.only_when_away
        column.prop(self, "away_minutes")
        column.prop(self, "when_back")
        if isinstance(found, str):
            draw_paragraph(layout, found, width=_WIDTH, alert=True)

    def _draw_setting(self, layout: bpy.types.UILayout, name: str, found: "Resolved | str") -> None:
        row = layout.row()
        row.enabled = _may_be_set(name, found)
        shown = str(getattr(found.config, name)) if name in _FOLDERS and not isinstance(found, str) else ""
        row.prop(self, name, placeholder="amqp://localhost:5672/%2F" if name == "amqp_url" else shown)
        if not isinstance(found, str) and not row.enabled:
            layout.label(text=f"{found.sources[name]} says {shown_value(found.config, name)}", icon="LOCKED")

    def _draw_test(self, layout: bpy.types.UILayout) -> None:
        layout.operator("bender.worker_test_connection", icon="LINKED")
        for name, verdict in connection_test.verdicts():
            if verdict.is_good:
                layout.label(text=f"{name}: {verdict.words}", icon="CHECKMARK")
            else:
                draw_paragraph(layout, f"{name}: {verdict.words}", width=_WIDTH, alert=True)

    def changed(self) -> dict[str, str]:
        """The settings that were given a value here, as text, by name."""
        names = [setting.name for setting in settings()]
        values = {name: str(getattr(self, name)) for name in names if self.is_property_set(name)}
        for name in (*_FOLDERS, *_CERTIFICATES):
            if values.get(name):
                values[name] = bpy.path.abspath(values[name])
        if self.amqp_url:
            values["amqp_url"] = self._amqp_url_with_credentials()
        return {name: value for name, value in values.items() if value}

    def _amqp_url_with_credentials(self) -> str:
        parts = urlsplit(self.amqp_url)
        credentials = f"{quote(self.amqp_user, safe='')}:{quote(self.amqp_password, safe='')}"
        return str(urlunsplit(parts._replace(netloc=f"{credentials}@{parts.netloc}")))


def get() -> BenderWorkerPreferences | None:
    """The add-on's preferences; None where Blender has none for it, as with `--factory-startup`."""
    assert base_package is not None
    addon = bpy.context.preferences.addons.get(base_package)
    return addon.preferences if addon is not None else None


def changed() -> Mapping[str, str]:
    """What was changed in the preferences, as a layer of settings."""
    preferences = get()
    return {} if preferences is None else preferences.changed()


def resolved() -> Resolved | str:
    """The settings in force for a worker in this window, or what is wrong with them. Cheap enough for drawing."""
    return _resolve(frozenset(changed().items()), _stamp())


@functools.lru_cache(maxsize=1)
def _resolve(changed: frozenset[tuple[str, str]], _stamp: int) -> Resolved | str:
    try:
        return resolve(**_layers(dict(changed)))
    except ConfigError as error:
        return str(error)


def _stamp() -> int:
    """Another number whenever the config file was changed; 0 if there is none."""
    try:
        return config_path(**_layers(changed())).stat().st_mtime_ns
    except (OSError, ConfigError):
        return 0


def _layers(changed: Mapping[str, str]) -> dict[str, Any]:
    return {"data_dir": versions.data_folder(), "environment": os.environ, "options": {}, "preferences": changed}


def why_not_to_start(found: Resolved | str) -> str:
    """Why the worker can't be started with these settings; empty if it can."""
    if isinstance(found, str):
        return found
    if not online.is_allowed(*found.config.addresses):
        return f"The farm is on the internet: {online.ADVICE}"
    return ""


def register() -> None:
    bpy.utils.register_class(BenderWorkerPreferences)


def unregister() -> None:
    bpy.utils.unregister_class(BenderWorkerPreferences)


def _may_be_set(name: str, found: Resolved | str) -> bool:
    return isinstance(found, str) or found.sources[name].startswith((PREFERENCES, "default", "kept"))


def _box(layout: bpy.types.UILayout, title: str, icon: str) -> bpy.types.UILayout:
    box = layout.box()
    box.label(text=title, icon=icon)
    return box.column()
