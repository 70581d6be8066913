# SPDX-License-Identifier: GPL-3.0-or-later
"""A Blender with a window, used as a person does: by mouse, keys and eyes. What is so in it can be asked besides.

with Desktop() as desktop, Window(desktop, blender, env=env, folder=folder) as window:
    window.open_sidebar("Bender")
    window.click("Start", SIDEBAR)
    window.wait_until("modal_operators()")
"""

import contextlib
import difflib
import itertools
import json
import os
import re
import secrets
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self, TypeVar

from tools.blenders.inside_blender import FOLDER
from tools.check.desktop import Desktop, Rectangle, Word
from tools.errors import ToolError
from tools.leash import Leashed
from tools.places import PROJECT
from tools.process import inheriting, last_lines

DEADLINE = 120.0  # seconds in which what was asked for has happened, on a busy machine too
START = 300.0  # seconds until it can be asked: everything is drawn by the processor
PATIENCE = 4.0  # seconds after which a click that did nothing is done again,
ROUNDS = 40  # but not before Blender's main loop has come round so often, and so must have seen it
BOX, GAP = 26, 4  # pixels before a label in which its checkbox stands, and which of them are between the two
TABS = 28  # pixels that the tabs of a sidebar are wide
ALIKE = 0.8  # of its letters have been read right when a word is taken for the wanted one

VIEWPORT = ("VIEW_3D", "WINDOW")
SIDEBAR = ("VIEW_3D", "UI")
PREFERENCES = ("PREFERENCES", "WINDOW")
SECTIONS = ("PREFERENCES", "NAVIGATION_BAR", "UI")  # the first until 4.x, the second from 5 on
Region = tuple[str, ...] | Rectangle
Effect = str | Callable[[], object]  # an expression as `ask` takes it, or something to look at: whether it is true
T = TypeVar("T")


class Window:
    """One Blender from `with` to its end. `folder` gets its log and, numbered, the pictures that are taken."""

    def __init__(
        self, desktop: Desktop, blender: Path, *words: str | Path, env: Mapping[str, str], folder: Path
    ) -> None:
        """`env` is that of a user whose preferences were settled; `words` are more of the command line."""
        self.desktop = desktop
        self.folder = folder
        self._numbers = itertools.count(1)
        self._stack = contextlib.ExitStack()
        self._log = folder / "blender.log"
        self._secret = secrets.token_hex(16)
        self._mark = f"WINDOW_MARK={secrets.token_hex(16)}"
        geometry = ("--window-geometry", "0", "0", str(desktop.width), str(desktop.height))
        self._command = [blender, *geometry, *words, "--python", FOLDER / "observer.py"]
        self._env = {**env, "DISPLAY": desktop.env["DISPLAY"], "WINDOW_MARK": self._mark.partition("=")[2]}
        self._env.pop("WAYLAND_DISPLAY", None)

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
            observer = {"OBSERVER": f"127.0.0.1:{port}:{self._secret}"}
            self._blender = Leashed(self._command, env=self._env | observer, log=self._log)
            try:
                self._connect(server)
                self.wait_until("redraws['WINDOW']", timeout=START)
            except BaseException:
                self.close()
                raise
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is not None and not self.ended():
                self.screenshot("failed")
        finally:
            self.close()

    # Its life

    def ended(self) -> bool:
        return self._blender.ended()

    def wait_until_ended(self, timeout: float) -> float:
        """Gives the seconds it took until this Blender and all that it started had gone; raises TimeoutError."""
        began = time.monotonic()
        while not self.ended() or self.processes():
            if time.monotonic() > began + timeout:
                raise TimeoutError(f"after {timeout:g} s there are still {self.processes()}; {self.last_words()}")
            time.sleep(0.02)
        return time.monotonic() - began

    def processes(self) -> dict[int, str]:
        """This Blender and all that it started: process id to command line."""
        found = inheriting(self._mark)
        return {process: words for process, words in found.items() if str(PROJECT / "tools" / "leash.py") not in words}

    def last_words(self) -> str:
        return f"The end of its log, {self._log}:\n{last_lines(self._log, 15)}"

    def close(self) -> None:
        """Ends it and all that it started."""
        self._blender.kill()
        for process in self.processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        self._stack.close()

    # What is so

    def ask(self, expression: str) -> Any:
        """The value of a Python expression in that Blender, as JSON can say it. It is for looking only."""
        try:
            self._connection.sendall(json.dumps(expression).encode() + b"\n")
            line = self._answers.readline()
        except OSError as error:
            raise ToolError(f"Blender does not answer: {error}. {self.last_words()}") from error
        if not line:
            raise ToolError(f"Blender has gone. {self.last_words()}")
        answer = json.loads(line)
        if "error" in answer:
            raise ToolError(f"{expression}: {answer['error']}")
        return answer["value"]

    def wait_until(self, expression: str, *, timeout: float = DEADLINE) -> Any:
        """Gives the first value of the expression that is true."""
        return self.wait_for(expression, lambda: self.ask(expression), timeout=timeout)

    def wait_for(self, what: str, look: Callable[[], T | None], *, timeout: float = DEADLINE) -> T:
        """Gives the first thing that `look` finds. Raises TimeoutError, with a picture taken then."""
        found = _first(look, timeout=timeout)
        if not found:
            raise TimeoutError(f"not within {timeout:g} s: {what}; see {self.screenshot('waited-in-vain')}")
        return found

    def where(self, region: Region) -> Rectangle:
        """Where on the screen the newest region of this kind is. Raises ToolError if there is none."""
        if isinstance(region, Rectangle):
            return region
        found = self.ask(f"regions{region}")
        if not found:
            raise ToolError(f"There is no {' '.join(region)} in sight.")
        left, bottom, window_height, x, y, width, height = found[-1]
        top = self.desktop.height - bottom - window_height
        return Rectangle(left + x, top + window_height - y - height, width, height)

    # Eyes

    def screenshot(self, name: str, region: Region | None = None) -> Path:
        path = self.folder / f"{next(self._numbers):02}-{name}.png"
        return self.desktop.screenshot(path, self.where(region) if region else None)

    def text(self, region: Region) -> str:
        """All that can be read in a region, a line a line."""
        lines = itertools.groupby(self.desktop.read(self.where(region)), key=lambda word: word.line)
        return "\n".join(" ".join(word.text for word in line) for _, line in lines)

    def find(self, label: str, region: Region, *, timeout: float = DEADLINE) -> Rectangle:
        """Where in a region these words stand, one beside the other."""
        return self.wait_for(label, lambda: self.sees(label, region), timeout=timeout)

    def sees(self, label: str, region: Region) -> Rectangle | None:
        """As `find`, at once."""
        return _stands(label.split(), self.desktop.read(self.where(region)))

    def aim(self, label: str, region: Region) -> Rectangle:
        """As `find`, once they stand still: reading takes a moment, in which they may have moved on."""
        return self.wait_for(f"{label}, standing still", lambda: self._still(label, region))

    # Hands

    def click(self, label: str, region: Region, *, until: Effect) -> None:
        """Clicks on what is labelled so; again while that has no effect."""
        self.desktop.click(*self.aim(label, region).middle)
        self._repeat(lambda: self._click_if_seen(label, region), until)

    def tick(self, label: str, region: Region, *, on: bool = True) -> None:
        """Clicks on a checkbox, which stands before its label, while it is not as it shall be."""
        self.find(label, region)
        if self._is_ticked(label, region) is not on:
            self.click(label, region, until=lambda: self._is_ticked(label, region) is on)

    def press(self, key: str, region: Region, *, until: Effect) -> None:
        """Presses a key over a region; again while that has no effect."""
        self._press(key, region)
        self._repeat(lambda: self._press(key, region), until)

    def come_to_rest(self) -> None:
        """Waits until its main loop has come round so often that what it shows takes keys: a dialog is drawn before."""
        for _ in range(ROUNDS):
            self.ask("True")

    def fill(self, label: str, text: str, region: Region, *, until: Effect | None = None) -> None:
        """Types into the field that stands to the right of its label; with `until`, again while that has no effect, as
        when the field was still on its way there."""
        self._fill(label, text, region)
        if until:
            self._repeat(lambda: self._fill(label, text, region), until)

    def open_sidebar(self, tab: str) -> None:
        """Opens the 3D view's sidebar, and in it a tab, whose name is written from above to below."""
        if not self.ask("sidebar_tab()"):
            self.press("n", VIEWPORT, until="sidebar_tab()")
        if self.ask("sidebar_tab()") != tab:
            self._click_tab(tab)
            self._repeat(lambda: self._click_tab(tab), f"sidebar_tab() == {tab!r}")

    def close_sidebar(self) -> None:
        self.press("n", VIEWPORT, until="sidebar_tab() is None")

    def _repeat(self, action: Callable[[], object], until: Effect) -> None:
        """Something was done, and is done again while it has no effect, as when it came in the middle of a redraw."""
        deadline = time.monotonic() + DEADLINE
        while not _first(lambda: self._is_so(until), timeout=PATIENCE, looks=ROUNDS):
            if time.monotonic() > deadline:
                raise TimeoutError(f"not within {DEADLINE:g} s: {until}; see {self.screenshot('done-in-vain')}")
            action()

    def _is_so(self, effect: Effect) -> Any:
        return self.ask(effect) if isinstance(effect, str) else self.ask("True") and effect()

    def _is_ticked(self, label: str, region: Region) -> bool | None:
        """Whether the box before a label is filled with a colour; None if the label is not in sight."""
        if (place := self.sees(label, region)) is None:
            return None
        return self.desktop.is_coloured(Rectangle(place.x - BOX, place.y, BOX - GAP, place.height))

    def _still(self, label: str, region: Region) -> Rectangle | None:
        place = self.sees(label, region)
        return place if place == self.sees(label, region) else None

    def _click_if_seen(self, label: str, region: Region) -> None:
        if place := self._still(label, region):
            self.desktop.click(*place.middle)

    def _press(self, key: str, region: Region) -> None:
        self.desktop.move(*self.where(region).middle)
        self.desktop.key(key)

    def _fill(self, label: str, text: str, region: Region) -> None:
        place, around = self.aim(label, region), self.where(region)
        right = around.x + around.width
        self.desktop.click((place.x + place.width + right) // 2, place.middle[1])
        self.desktop.key("ctrl+a")
        self.desktop.type(text)
        self.desktop.key("Return")

    def _click_tab(self, tab: str) -> None:
        self.desktop.click(*self.wait_for(f"the tab {tab}", lambda: self._tab(tab)))

    def _tab(self, name: str) -> tuple[int, int] | None:
        sidebar = self.where(SIDEBAR)
        strip = Rectangle(sidebar.x + sidebar.width - TABS, sidebar.y, TABS, sidebar.height)
        found = _stands([name], self.desktop.read(strip, turned=True))
        return (strip.middle[0], found.middle[1]) if found else None

    def _connect(self, server: socket.socket) -> None:
        server.settimeout(1)
        deadline = time.monotonic() + START
        while True:
            if self.ended() or time.monotonic() > deadline:
                raise ToolError(f"Blender has no window after {START:g} s. {self.last_words()}")
            with contextlib.suppress(TimeoutError):
                self._connection = self._stack.enter_context(server.accept()[0])
                self._connection.settimeout(DEADLINE)
                self._answers = self._stack.enter_context(self._connection.makefile("rb"))
                if self._answers.readline().decode().strip() == self._secret:
                    return


def settle(blender: Path, env: Mapping[str, str], temporary: Path) -> None:
    """Sets the preferences of a throw-away user to what suits eyes and tests; what is enabled stays so."""
    temporary.mkdir(parents=True, exist_ok=True)
    script = ["--python-exit-code", "1", "--python", str(FOLDER / "settle.py"), "--", json.dumps(str(temporary))]
    command = [str(blender), "--background", *script]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=START)
    if done.returncode:
        raise ToolError(f"The preferences could not be saved: {(done.stderr or done.stdout).strip()}")


def _first(look: Callable[[], T | None], *, timeout: float, looks: int = 1) -> T | None:
    """What is found within so many seconds, and so many looks."""
    deadline = time.monotonic() + timeout
    for number in itertools.count(1):
        if (found := look()) or (number >= looks and time.monotonic() > deadline):
            break
        time.sleep(0.05)
    return found


def _stands(wanted: Sequence[str], words: Sequence[Word]) -> Rectangle | None:
    for first in range(len(words) - len(wanted) + 1):
        found = words[first : first + len(wanted)]
        if all(map(_alike, wanted, (word.text for word in found))) and len({word.line for word in found}) == 1:
            places = [word.place for word in found]
            x, y = min(place.x for place in places), min(place.y for place in places)
            right = max(place.x + place.width for place in places)
            below = max(place.y + place.height for place in places)
            return Rectangle(x, y, right - x, below - y)
    return None


def _alike(wanted: str, read: str) -> bool:
    one, other = (re.sub(r"\W", "", text).casefold() for text in (wanted, read))
    return difflib.SequenceMatcher(None, one, other).ratio() >= ALIKE
