# SPDX-License-Identifier: GPL-3.0-or-later
"""An artist at her Blender, which may work for a farm: what she clicks, types and sees. Knows nothing of pytest."""

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from tests.farm.farmyard import Farm
from tools.build.package import MODULE
from tools.check.desktop import Rectangle
from tools.check.window import DEADLINE, PREFERENCES, SECTIONS, SIDEBAR, VIEWPORT, Effect, Region, Window

SESSION = f"__import__('sys').modules['{MODULE}.blender.worker.session'].session"
SNAPSHOT = f"{SESSION}.snapshot"
PREFERRED = f"bpy.context.preferences.addons['{MODULE}'].preferences"
_RESOLVED = f"__import__('sys').modules['{MODULE}.blender.in_force'].resolved()"
CHECKBOX = 28  # pixels to the left of an add-on's name


class Desk:
    """`window` is her Blender, `farm` the one she may work for."""

    def __init__(self, window: Window, farm: Farm) -> None:
        self.window, self.farm = window, farm

    # Preferences

    def open_preferences(self) -> None:
        """Opens Preferences > Add-ons, where what was installed by the user comes first."""
        window = self.window
        window.press("ctrl+comma", VIEWPORT, until="regions('PREFERENCES', 'WINDOW')")
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
        window.click("A farm on the network", PREFERENCES, until=f"{PREFERRED}.works_for == 'FARM'")
        window.find("RabbitMQ", PREFERENCES)

    def set_addresses(self, rabbitmq: str, flaskbender: str) -> None:
        broker = rabbitmq.partition("://")[2].rpartition("@")[2]  # user and password have fields of their own
        self.window.fill("RabbitMQ", rabbitmq, PREFERENCES, until=f"{broker!r} in str({in_force('amqp_url')})")
        self.window.fill("Flaskbender", flaskbender, PREFERENCES, until=f"{in_force('bender_url')} == {flaskbender!r}")

    def set_folders(self, data: Path, frames: Path) -> None:
        self.window.click("Advanced", PREFERENCES, until=f"{PREFERRED}.show_advanced")
        self._scroll_preferences(down=4)
        for label, name, path in (("Data", "data_dir", data), ("Frames", "outpath", frames)):
            self.window.fill(label, str(path), PREFERENCES, until=f"str({in_force(name)}) == {str(path)!r}")

    def toggle_add_on(self) -> None:
        name = self.window.find("Bender Worker", PREFERENCES)
        self.window.desktop.click(name.x - CHECKBOX, name.middle[1])

    def work_only_when_away(self, minutes: float) -> None:
        """Has the worker wait for her to be away, and sets after how long she counts as that."""
        self._scroll_to("Only While I Am Away")
        self.window.click("Only While I Am Away", PREFERENCES, until=f"{PREFERRED}.only_when_away")
        is_set = f"abs({PREFERRED}.away_minutes - {minutes}) < 1e-6"
        self.window.fill("Away After (min)", str(minutes), PREFERENCES, until=is_set)

    def start_with_blender(self) -> None:
        self._scroll_to("Start with Blender")
        self.window.click("Start with Blender", PREFERENCES, until=f"{PREFERRED}.start_with_blender")

    def go_on_after_quit(self) -> None:
        self._scroll_to("Go On Rendering After I Quit")
        self.window.click("Go On Rendering After I Quit", PREFERENCES, until=f"{PREFERRED}.go_on_after_quit")

    def close_preferences(self) -> None:
        self.window.desktop.move(*self.window.where(PREFERENCES).middle)
        self.window.desktop.key("alt+F4")
        self.window.wait_until("not regions('PREFERENCES', 'WINDOW')")

    def _scroll_to(self, label: str) -> None:
        """Turns the wheel until this is in sight, and what follows it, and stands still."""
        while not self.window.sees(label, PREFERENCES):
            self._scroll_preferences(down=3)
        self._scroll_preferences(down=3)
        seen = [self.window.sees(label, PREFERENCES)]
        while len(seen) < 2 or seen[-1] is None or seen[-1] != seen[-2]:
            seen.append(self.window.sees(label, PREFERENCES))

    def _scroll_preferences(self, *, down: int) -> None:
        self.window.desktop.scroll(*self.window.where(PREFERENCES).middle, down=down)

    # Her own work

    def open_file(self, path: Path) -> None:
        """File > Open, by keys: the folder is typed, then the file's name."""
        window = self.window
        window.press("ctrl+o", VIEWPORT, until="regions('FILE_BROWSER', 'WINDOW')")
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
        self.window.press("a", VIEWPORT, until="bpy.data.is_dirty")

    def render_her_own(self) -> None:
        self.window.press("F12", VIEWPORT, until="bpy.app.is_job_running('RENDER')")

    def give_her_render_up(self) -> None:
        """Which closes the window in which it is shown, too."""
        self.window.press("Escape", ("IMAGE_EDITOR", "WINDOW"), until="not bpy.app.is_job_running('RENDER')")
        self.close_her_picture()

    def close_her_picture(self) -> None:
        """Closes the window in which her render is shown."""
        self.window.desktop.move(*self.window.where(("IMAGE_EDITOR", "WINDOW")).middle)
        self.window.desktop.key("alt+F4")
        self.window.wait_until("len(bpy.context.window_manager.windows) == 1")

    def quit(self, *, within: float) -> float:
        """Gives the seconds it took until Blender and all it had started was gone."""
        self._in_viewport("ctrl+q")
        return self.window.wait_until_ended(within)

    def quit_and_go_on(self) -> int:
        """Gives the process id of the render child of the Blender without a window that goes on."""
        before = self.children()
        self._in_viewport("ctrl+q")
        self.wait_for("an end", self.window.ended)
        others = lambda: [child for child in self.children() if child not in before]  # noqa: E731
        (child,) = self.wait_for("a render child of another Blender", others)
        return int(child)

    def open_second_window(self) -> None:
        menus = Rectangle(0, 0, self.window.desktop.width, 36)
        self.window.click("Window", menus, until=lambda: self.window.sees("New Main Window", VIEWPORT))
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
        self.window.click("Start Rendering", SIDEBAR, until=f"{SESSION}.running")

    def stop_now(self) -> None:
        self.window.open_sidebar("Bender")
        self.choose("Stop", "Stop Now", until=f"{SNAPSHOT}.state.value in ('Finishing', 'Stopped')")
        self.wait_for_state("Stopped")

    def choose(self, menu: str, entry: str, *, until: Effect, region: Region = SIDEBAR) -> None:
        """Opens a menu of a region and clicks an entry of it, which lies somewhere over the window. What is shown above
        the menu may still grow under the click: then it is clicked again."""
        window = self.window
        screen = window.desktop.screen
        for _ in range(3):
            place = window.aim(menu, region)
            window.desktop.click(*place.middle)
            near = Rectangle(max(0, place.x - 300), max(0, place.y - 240), 600, 480)  # in which it is read best
            nearer = Rectangle(max(0, place.x - 20), max(0, place.y - 200), 320, 400)
            parts = near.within(screen), nearer.within(screen), screen
            with contextlib.suppress(TimeoutError):
                part = window.wait_for(entry, partial(_first_with, entry, parts, window), timeout=DEADLINE / 6)
                window.click(entry, part, until=until)
                return
            print(window.screenshot("no-such-entry"), *map(window.text, parts), sep="\n\n")
            window.desktop.key("Escape")  # if it is open, a click would close it
        raise AssertionError(f"the menu {menu} has no {entry}; see {window.screenshot('no-such-entry')}")

    def wait_for_state(self, state: str, *, timeout: float = DEADLINE) -> None:
        """Waits until the panel shows this state, and until it can be read there."""
        self.window.wait_until(f"{SNAPSHOT}.state.value == {state!r}", timeout=timeout)
        self.window.find({"Stopped": "Nobody renders", "Problem": "Stopped"}.get(state, state), SIDEBAR)

    def answers_while(self, expression: str) -> int:
        """How often Blender's main loop answered while something was so: none if it was held up by just that."""
        count = 0
        deadline = time.monotonic() + DEADLINE
        while self.window.ask(expression):
            assert time.monotonic() < deadline, f"it is still so after {DEADLINE:g} s: {expression}"
            count += 1
        return count

    def snapshot(self, name: str) -> Any:
        return self.window.ask(f"{SNAPSHOT}.{name}")

    def part_done(self) -> float:
        """Of the task in hand, 0 to 1."""
        return float(self.window.ask(f"{SNAPSHOT}.task.part if {SNAPSHOT}.task else 0"))

    def wait_for_render(self) -> int:
        """Waits until a frame is being rendered; gives the render child's process id."""
        self.window.wait_until(f"{SNAPSHOT}.task is not None")
        self.wait_for("one render child", lambda: len(self.children()) == 1)
        (child,) = self.children()
        return child

    @contextlib.contextmanager
    def mid_frame(self) -> Iterator[int]:
        """Waits until a frame is being rendered, which is not done before this ends, however slow the machine is; gives
        the render child's process id. The worker may end it meanwhile."""
        child = self.wait_for_render()
        os.kill(child, signal.SIGSTOP)
        try:
            yield child
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGCONT)

    def children(self) -> list[int]:
        """The render children's process ids: Blenders, without what starts them and what they start."""
        return [process for process, words in self.window.processes().items() if _is_render_child(process, words)]

    def wait_for(self, what: str, look: Callable[[], Any], *, timeout: float = DEADLINE) -> Any:
        return self.window.wait_for(what, look, timeout=timeout)


def in_force(name: str) -> str:
    """The expression for what a setting is; None while they can't be used."""
    return f"getattr(getattr({_RESOLVED}, 'config', None), {name!r}, None)"


def _first_with(label: str, parts: Sequence[Rectangle], window: Window) -> Rectangle | None:
    return next((part for part in parts if window.sees(label, part)), None)


def _is_render_child(process: int, words: str) -> bool:
    with contextlib.suppress(OSError):  # it has just ended
        return "render_child" in words and Path(f"/proc/{process}/exe").readlink().name.startswith("blender")
    return False


def state_of(process: int) -> str:
    """As `ps` says it: R runs, S sleeps, T is suspended."""
    return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
