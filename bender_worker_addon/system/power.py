# SPDX-License-Identifier: GPL-3.0-or-later
"""Power: how this machine is put to sleep or shut down, by the system's own means. Runs nothing."""

import enum
import shutil

from .platform import LINUX, MACOS, WINDOWS


class Rest(enum.Enum):
    """What a machine does when its work is done."""

    NOTHING = "stay on"
    SLEEP = "sleep"
    SHUT_DOWN = "shut down"


_Commands = dict[Rest, tuple[str, ...]]

_LINUX: _Commands = {Rest.SLEEP: ("systemctl", "suspend"), Rest.SHUT_DOWN: ("systemctl", "poweroff")}
_MACOS: _Commands = {
    Rest.SLEEP: ("pmset", "sleepnow"),
    Rest.SHUT_DOWN: ("osascript", "-e", 'tell application "System Events" to shut down'),
}
_WINDOWS: _Commands = {
    Rest.SLEEP: ("rundll32", "powrprof.dll,SetSuspendState", "0,1,0"),
    Rest.SHUT_DOWN: ("shutdown", "/s", "/t", "0"),
}
_COMMANDS: _Commands = _WINDOWS if WINDOWS else _MACOS if MACOS else _LINUX if LINUX else {}


def command(rest: Rest) -> list[str]:
    """What does so when it is run; empty where there is nothing to be done, or nothing for it."""
    words = _COMMANDS.get(rest)
    program = shutil.which(words[0]) if words else None
    return [program, *words[1:]] if words and program else []
