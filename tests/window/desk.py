# SPDX-License-Identifier: GPL-3.0-or-later
"""An artist at her Blender, which may work for a farm: what she clicks, types and sees. Knows nothing of pytest."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.farm.farmyard import Farm
from tools.build.package import MODULE
from tools.check.desktop import Rectangle
from tools.check.window import DEADLINE, PREFERENCES, SECTIONS, SIDEBAR, VIEWPORT, Window

SESSION = f"__import__('sys').modules['{MODULE}.blender.worker.session'].session"
SNAPSHOT = f"{SESSION}.snapshot"
CHECKBOX = 28  # pixels to the left of an add-on's name


class Desk:
    """`window` is her Blender, `farm` the one she may work for."""

    def __init__(self, window: Window, farm: Farm) -> None:
        self.window, self.farm = window, farm

    # Preferences

    def open_preferences(self) -> None:
        """Opens Preferences > Add-ons, where what was installed by the user comes first."""
        window = self.window
        window.desktop.move(*window.where(VIEWPORT).middle)
        window.desktop.key("ctrl+comma")
        window.wait_until("regions('PREFERENCES', 'WINDOW')")
        window.click("Add-ons", SECTIONS, until="bpy.context.preferences.active_section == 'ADDONS'")
        window.find("Bender Worker", PREFERENCES)

    def unfold_preferences(self) -> None:
        """Shows the add-on's own preferences, from their beginning."""
        window = self.window
        name = window.find("Bender Worker", PREFERENCES)
        if not window.sees("Maintainer", PREFERENCES):
            window.desktop.click(name.x - 2 * CHECKBOX, name.middle[1])
        window.find("Maintainer", PREFERENCES)
        self._scroll_preferences(down=4)
        window.find("RabbitMQ", PREFERENCES)

    def set_addresses(self, rabbitmq: str, flaskbender: str) -> None:
        self.window.fill("RabbitMQ", rabbitmq, PREFERENCES)
        self.window.fill("Flaskbender", flaskbender, PREFERENCES)

    def set_folders(self, data: Path, frames: Path) -> None:
        self._scroll_preferences(down=4)
        self.window.fill("Data", str(data), PREFERENCES)
        self.window.fill("Frames", str(frames), PREFERENCES)

    def toggle_add_on(self) -> None:
        name = self.window.find("Bender Worker", PREFERENCES)
        self.window.desktop.click(name.x - CHECKBOX, name.middle[1])

    def work_only_when_away(self, minutes: float | None) -> None:
        """Sets after how long the artist counts as away; without minutes, that it does not matter."""
        self._scroll_to("Only While I Am Away")
        self.window.click("Only While I Am Away", PREFERENCES)
        if minutes:
            self.window.fill("Away After (min)", str(minutes), PREFERENCES)

    def start_with_blender(self) -> None:
        self._scroll_to("Start with Blender")
        self.window.click("Start with Blender", PREFERENCES)

    def close_preferences(self) -> None:
        self.window.desktop.move(*self.window.where(PREFERENCES).middle)
        self.window.desktop.key("alt+F4")
        self.window.wait_until("not regions('PREFERENCES', 'WINDOW')")

    def _scroll_to(self, label: str) -> None:
        """Turns the wheel until this is in sight, and what follows it, and stands still."""
        while not self.window.sees(label, PREFERENCES):
            self._scroll_preferences(down=3)
        self._scroll_preferences(down=3)
        before = None
        while before is None or before != self.window.sees(label, PREFERENCES):
            before = self.window.sees(label, PREFERENCES)

    def _scroll_preferences(self, *, down: int) -> None:
        self.window.desktop.scroll(*self.window.where(PREFERENCES).middle, down=down)

    # Her own work

    def open_file(self, path: Path) -> None:
        """File > Open, by keys: the folder is typed, then the file's name."""
        window = self.window
        self._in_viewport("ctrl+o")
        window.wait_until("regions('FILE_BROWSER', 'WINDOW')")
        window.desktop.move(*window.where(("FILE_BROWSER", "WINDOW")).middle)
        window.desktop.key("ctrl+l", "ctrl+a")
        window.desktop.type(str(path.parent))
        window.desktop.key("Return")
        window.click(path.name, ("FILE_BROWSER", "WINDOW"), until=f"chosen_file() == {path.name!r}")
        window.desktop.key("Return")
        window.wait_until(f"bpy.data.filepath == {str(path)!r}")

    def new_file(self) -> None:
        """File > New > General."""
        self._in_viewport("ctrl+n")
        self.window.click("General", VIEWPORT, until="not bpy.data.filepath")

    def change_something(self) -> None:
        """Selects all, which can be undone and so is a change."""
        self._in_viewport("a")
        self.window.wait_until("bpy.data.is_dirty")

    def render_her_own(self) -> None:
        self._in_viewport("F12")

    def close_her_picture(self) -> None:
        """Closes the window in which her render is shown."""
        self.window.desktop.key("alt+F4")
        self.window.wait_until("len(bpy.context.window_manager.windows) == 1")

    def quit(self, *, within: float) -> float:
        """Gives the seconds it took until Blender and all it had started was gone."""
        self._in_viewport("ctrl+q")
        return self.window.wait_until_ended(within)

    def open_second_window(self) -> None:
        menus = Rectangle(0, 0, self.window.desktop.width, 36)
        self.window.click("Window", menus)
        self.window.click("New Main Window", VIEWPORT, until="len(bpy.context.window_manager.windows) == 2")

    def close_first_window(self) -> None:
        """The second one lies over it."""
        first = self.window.ask("bpy.context.window_manager.windows[0].as_pointer()")
        self.window.desktop.key("alt+Tab", "alt+F4")
        self.window.wait_until(f"bpy.context.window_manager.windows[0].as_pointer() != {first}")

    def _in_viewport(self, key: str) -> None:
        self.window.desktop.move(*self.window.where(VIEWPORT).middle)
        self.window.desktop.key(key)

    # The panel

    def start(self) -> None:
        self.window.open_sidebar("Bender")
        self.window.click("Start", SIDEBAR, until=f"{SESSION}.running")

    def stop_now(self) -> None:
        self.window.open_sidebar("Bender")
        self.window.click("Stop Now", SIDEBAR)
        self.wait_for_state("Stopped")

    def wait_for_state(self, state: str, *, timeout: float = DEADLINE) -> None:
        """Waits until the panel shows this state, and until it can be read there."""
        self.window.wait_until(f"{SNAPSHOT}.state.value == {state!r}", timeout=timeout)
        self.window.find(state, SIDEBAR)

    def longest_answer(self, until: Callable[[], bool]) -> float:
        """How long Blender's main loop took at most to answer, in seconds, until something is so."""
        longest = 0.0
        while not until():
            asked = time.monotonic()
            self.window.ask("True")
            longest = max(longest, time.monotonic() - asked)
        return longest

    def snapshot(self, name: str) -> Any:
        return self.window.ask(f"{SNAPSHOT}.{name}")

    def part_done(self) -> float:
        """Of the task in hand, 0 to 1."""
        return float(self.window.ask(f"{SNAPSHOT}.task.part if {SNAPSHOT}.task else 0"))

    def wait_for_render(self) -> int:
        """Waits until a frame is being rendered; gives the render child's process id."""
        self.window.wait_until(f"{SNAPSHOT}.task is not None")
        (child,) = self.wait_for("a render child", self.children)
        return int(child)

    def children(self) -> list[int]:
        """The render children's process ids."""
        return [process for process, words in self.window.processes().items() if "render_child" in words]

    def wait_for(self, what: str, look: Callable[[], Any], *, timeout: float = DEADLINE) -> Any:
        return self.window.wait_for(what, look, timeout=timeout)


def state_of(process: int) -> str:
    """As `ps` says it: R runs, S sleeps, T is suspended."""
    return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
