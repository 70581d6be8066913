# SPDX-License-Identifier: GPL-3.0-or-later
"""A desktop that nobody sees: a screen, a mouse, a keyboard, and eyes that read words. Knows nothing of Blender.

with Desktop() as desktop:
    subprocess.Popen(program, env=desktop.env)
    word = next(word for word in desktop.read(Rectangle(0, 0, 400, 300)) if word.text == "Start")
    desktop.click(*word.at)
"""

import csv
import hashlib
import io
import os
import subprocess
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple, Self

from tools.debian import Root
from tools.errors import ToolError
from tools.leash import Leashed
from tools.process import last_lines

ROOT = Root(
    name="desktop",
    suite="trixie",
    packages=("xvfb", "libgl1-mesa-dri", "openbox", "xdotool", "imagemagick", "tesseract-ocr"),
    megabytes=600,
)
DEADLINE = 120.0  # seconds in which each of its programs has answered, on a busy machine too
COLOURED = 0.2  # of full saturation
ENLARGED = 3  # times, for reading: letters of a user interface are small


class Rectangle(NamedTuple):
    """A part of the screen in pixels; `x` and `y` of its upper left corner, counted from the screen's."""

    x: int
    y: int
    width: int
    height: int

    @property
    def middle(self) -> tuple[int, int]:
        return self.x + self.width // 2, self.y + self.height // 2

    def within(self, other: "Rectangle") -> "Rectangle":
        """What of it is also in the other."""
        left, top = max(self.x, other.x), max(self.y, other.y)
        right = min(self.x + self.width, other.x + other.width)
        return Rectangle(left, top, right - left, min(self.y + self.height, other.y + other.height) - top)


class Word(NamedTuple):
    """A word as it was read, where it stands, and which words stand on one line with it."""

    text: str
    place: Rectangle
    line: int


class Desktop:
    """Everything that was started for it ends with it."""

    def __init__(self, *, width: int = 1280, height: int = 800) -> None:
        self.width, self.height = width, height
        self.env: dict[str, str] = {}
        self._programs = {name: ROOT.program(path) for name, path in _PROGRAMS.items()}
        self._stack = ExitStack()
        self._read: dict[tuple[Rectangle, bool], tuple[bytes, list[Word]]] = {}  # what was read last, and of what

    @property
    def screen(self) -> Rectangle:
        return Rectangle(0, 0, self.width, self.height)

    def __enter__(self) -> Self:
        with self._stack:
            folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="bender-worker-desktop-")))
            self._log = folder / "log"
            self._eyesight = folder / "seen.ppm"  # nothing is compressed, which would take longer than to read it
            self._like_print = folder / "like-print.pgm"
            screen = f"{self.width}x{self.height}x24"
            self._start("Xvfb", "-displayfd", "1", "-screen", "0", screen, "-noreset", "-nolisten", "tcp")
            self.env = {**os.environ, "DISPLAY": f":{self._display()}", "OMP_THREAD_LIMIT": "1"}
            (folder / "openbox.xml").write_text(_WITHOUT_FRAMES)
            self._start("openbox", "--config-file", folder / "openbox.xml")
            self._stack = self._stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    # The mouse and the keyboard

    def move(self, x: int, y: int) -> None:
        self._xdotool("mousemove", x, y)

    def click(self, x: int, y: int, *, button: int = 1) -> None:
        """As a hand does it: goes there, arrives, presses, lets go."""
        self._xdotool("mousemove", x + 3, y, "mousemove", x, y, "sleep", "0.1", "mousedown", button)
        self._xdotool("mouseup", button)

    def scroll(self, x: int, y: int, *, down: int) -> None:
        """Turns the wheel by so many notches; up if it is less than none."""
        self._xdotool("mousemove", x, y, "click", "--repeat", abs(down), 5 if down > 0 else 4)

    def key(self, *names: str) -> None:
        """Presses keys one after the other: `key("ctrl+a", "Delete")`."""
        self._xdotool("key", "--delay", "40", *names)

    def type(self, text: str) -> None:
        self._xdotool("type", "--delay", "20", "--args", 1, text)

    # Eyes

    def screenshot(self, path: Path, part: Rectangle | None = None) -> Path:
        """A picture of the screen, or of a part of it."""
        path.parent.mkdir(parents=True, exist_ok=True)
        crop = ("-crop", "{2}x{3}+{0}+{1}".format(*part), "+repage") if part else ()
        self._run("import", "-window", "root", *crop, path)
        return path

    def is_coloured(self, part: Rectangle) -> bool:
        """Whether something there is not grey, as what is chosen in a user interface is not."""
        picture = self.screenshot(self._eyesight, part)
        saturation = ("-colorspace", "HSL", "-channel", "G", "-separate", "-format", "%[fx:maxima]")
        return float(self._run("convert", picture, *saturation, "info:")) > COLOURED

    def read(self, part: Rectangle, *, turned: bool = False) -> list[Word]:
        """The words in a part of the screen, from above to below; `turned`: those written from above to below. What is
        as it was when it was read last is not read again."""
        picture = self.screenshot(self._eyesight, part)
        seen = hashlib.blake2b(picture.read_bytes()).digest()
        before, words = self._read.get((part, turned), (b"", []))
        if seen != before:
            words = self._words(picture, part, turned=turned)
            self._read[part, turned] = seen, words
        return list(words)

    def _words(self, picture: Path, part: Rectangle, *, turned: bool) -> list[Word]:
        turn = ("-rotate", "-90") if turned else ()
        self._run("convert", picture, *turn, *_LIKE_PRINT, self._like_print)
        table = self._run("tesseract", self._like_print, "stdout", "--psm", "11", "--dpi", "200", "tsv")
        rows = csv.DictReader(io.StringIO(table), delimiter="\t", quoting=csv.QUOTE_NONE)
        return [_word(row, part, turned=turned) for row in rows if row["text"] and row["text"].strip()]

    # Its parts

    def _start(self, name: str, *words: str | Path) -> None:
        program = Leashed([self._programs[name], *words], env=self.env or dict(os.environ), log=self._log)
        self._stack.callback(program.kill)

    def _display(self) -> int:
        deadline = time.monotonic() + DEADLINE
        while time.monotonic() < deadline:
            said = self._log.read_text()
            if said.endswith("\n") and (number := said.splitlines()[-1].strip()).isdigit():
                return int(number)
            time.sleep(0.02)
        raise ToolError(f"No desktop within {DEADLINE:g} s: Xvfb says:\n{last_lines(self._log, 10)}")

    def _xdotool(self, *words: object) -> None:
        """Returns when the screen has got it all: it would not tell where the mouse is before."""
        self._run("xdotool", *map(str, words), "getmouselocation")

    def _run(self, name: str, *words: str | Path) -> str:
        command: Sequence[str | Path] = [self._programs[name], *words]
        answer = subprocess.run(command, env=self.env, capture_output=True, text=True, timeout=DEADLINE)
        if answer.returncode:
            raise ToolError(f"{name} failed: {(answer.stderr or answer.stdout).strip()}")
        return answer.stdout


_PROGRAMS = {name: f"/usr/bin/{name}" for name in ("Xvfb", "openbox", "xdotool", "import", "convert", "tesseract")}

# What is thin and lighter than its surroundings becomes dark, all else white; and large.
_LIKE_PRINT = (
    *("-colorspace", "gray", "-morphology", "TopHat", "Disk:3", "-level", "0,50%", "-negate"),
    *("-resize", f"{100 * ENLARGED}%", "-depth", "8"),
)

_WITHOUT_FRAMES = """\
<openbox_config xmlns="http://openbox.org/3.4/rc">
  <focus><focusNew>yes</focusNew><followMouse>no</followMouse></focus>
  <mouse>
    <context name="Client">
      <mousebind button="Left" action="Press"><action name="Focus"/><action name="Raise"/></mousebind>
    </context>
  </mouse>
  <keyboard>
    <keybind key="A-F4"><action name="Close"/></keybind>
    <keybind key="A-Tab">
      <action name="NextWindow">
        <finalactions><action name="Focus"/><action name="Raise"/></finalactions>
      </action>
    </keybind>
  </keyboard>
  <applications>
    <application class="*"><decor>no</decor><focus>yes</focus></application>
  </applications>
</openbox_config>
"""


def _word(row: dict[str, str], part: Rectangle, *, turned: bool) -> Word:
    left, top, width, height = (int(row[name]) // ENLARGED for name in ("left", "top", "width", "height"))
    if turned:
        left, top, width, height = part.width - top - height, left, height, width
    line = int(row["block_num"]) * 1_000_000 + int(row["par_num"]) * 1_000 + int(row["line_num"])
    return Word(row["text"].strip(), Rectangle(part.x + left, part.y + top, width, height), line)
