# SPDX-License-Identifier: GPL-3.0-or-later
"""Preferences for a user that only tests and benches are: no splash screen, letters that can be read. Saves them."""

import json
import sys

import bpy


def main() -> None:
    (temporary,) = map(json.loads, sys.argv[sys.argv.index("--") + 1 :])
    preferences = bpy.context.preferences
    preferences.view.show_splash = False
    preferences.view.show_tooltips = False  # they would cover what is to be read
    preferences.view.use_save_prompt = False
    preferences.view.filebrowser_display_type = "SCREEN"
    preferences.view.ui_scale = 1.25
    preferences.filepaths.temporary_directory = temporary
    preferences.filepaths.auto_save_time = 1
    bpy.ops.wm.save_userpref()


main()
