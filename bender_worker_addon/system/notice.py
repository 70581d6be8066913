# SPDX-License-Identifier: GPL-3.0-or-later
"""Notice: how a desktop tells people something, by its own means. Runs nothing, installs nothing."""

import shutil

from .platform import LINUX, MACOS, WINDOWS

_SAY = "on run argv\ndisplay notification (item 2 of argv) with title (item 1 of argv)\nend run"
_TOAST = """
$manager = [Windows.UI.Notifications.ToastNotificationManager, Windows.UI.Notifications, ContentType=WindowsRuntime]
$toast = $manager::GetTemplateContent('ToastText02')
$texts = $toast.GetElementsByTagName('text')
$texts.Item(0).InnerText = $env:BENDER_NOTICE_TITLE
$texts.Item(1).InnerText = $env:BENDER_NOTICE_WORDS
$id = '{1AC14E77-02E7-4E5D-B744-2EB1AE5198B7}\\WindowsPowerShell\\v1.0\\powershell.exe'
$manager::CreateToastNotifier($id).Show([Windows.UI.Notifications.ToastNotification]::new($toast))
"""


def command(title: str, words: str) -> tuple[list[str], dict[str, str]]:
    """What shows `title` and `words` when it is run, and what is to be added to its environment: neither is ever read
    as a command. Empty where this desktop has nothing for it."""
    if WINDOWS and (program := shutil.which("powershell")):
        told = {"BENDER_NOTICE_TITLE": title, "BENDER_NOTICE_WORDS": words}
        return [program, "-NoProfile", "-NonInteractive", "-WindowStyle", "Hidden", "-Command", _TOAST], told
    if MACOS and (program := shutil.which("osascript")):
        return [program, "-e", _SAY, title, words], {}
    if LINUX and (program := shutil.which("notify-send")):
        return [program, "--app-name=Blender", "--icon=blender", "--", title, words], {}
    return [], {}
