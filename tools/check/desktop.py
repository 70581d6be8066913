# SPDX-License-Identifier: GPL-3.0-or-later
"""A desktop that nobody sees: a screen, a mouse, a keyboard, and eyes that read words. Knows nothing of Blender.

with Desktop() as desktop:
    subprocess.Popen(program, env=desktop.env)
    word = next(word for word in desktop.read(Rectangle(0, 0, 400, 300)) if word.text == "Start")
    desktop.click(*word.at)
"""

import csv
import io
import itertools
import os
import re
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
AROUND = 8  # pixels above and below what has changed, or was read there, that are read anew with it


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
    line: tuple[int, ...]


class _Read(NamedTuple):
    """What was read of a part of the screen when its pixels were these, row by row."""

    rows: list[bytes]
    words: list[Word]


class Desktop:
    """Everything that was started for it ends with it."""

    def __init__(self, *, width: int = 1280, height: int = 800) -> None:
        self.width, self.height = width, height
        self.env: dict[str, str] = {}
        self._programs = {name: ROOT.program(path) for name, path in _PROGRAMS.items()}
        self._stack = ExitStack()
        self._read: dict[tuple[Rectangle, bool], _Read] = {}  # last
        self._readings = itertools.count()

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
        """The words in a part of the screen, from above to below; `turned`: those written from above to below. Only the
        rows that are not as they were when it was read last are read again: it takes a second for the whole screen."""
        rows = _rows(self.screenshot(self._eyesight, part))
        before = self._read.get((part, turned))
        if before is None or (turned and before.rows != rows):
            words = self._words(part, part, turned=turned)
        elif before.rows == rows:
            words = before.words
        else:
            top, bottom = _changed(before, rows, part)
            band = Rectangle(part.x, part.y + top, part.width, bottom - top)
            above = [word for word in before.words if word.place.y < band.y]
            below = [word for word in before.words if word.place.y >= band.y + band.height]
            words = [*above, *self._words(band, part), *below]
        self._read[part, turned] = _Read(rows, words)
        return list(words)

    def _words(self, band: Rectangle, part: Rectangle, *, turned: bool = False) -> list[Word]:
        """Those in a band of the part that was taken a picture of."""
        crop = ("-crop", f"{band.width}x{band.height}+0+{band.y - part.y}", "+repage")
        turn = ("-rotate", "-90") if turned else ()
        self._run("convert", self._eyesight, *crop, *turn, *_LIKE_PRINT, self._like_print)
        table = self._run("tesseract", self._like_print, "stdout", "--psm", "11", "--dpi", "200", "tsv")
        rows = csv.DictReader(io.StringIO(table), delimiter="\t", quoting=csv.QUOTE_NONE)
        reading = next(self._readings)
        return [_word(row, band, reading, turned=turned) for row in rows if row["text"] and row["text"].strip()]

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


_PPM = re.compile(rb"P6\s+\d+\s+(?P<height>\d+)\s+\d+\s")

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


def _rows(picture: Path) -> list[bytes]:
    """The rows of pixels of a picture in PPM (P6): its head is four words, and one blank."""
    seen = picture.read_bytes()
    head = _PPM.match(seen)
    assert head is not None
    size = (len(seen) - head.end()) // int(head["height"])
    return [seen[first : first + size] for first in range(head.end(), len(seen), size)]


def _changed(before: _Read, rows: list[bytes], part: Rectangle) -> tuple[int, int]:
    """From which row to which the part is to be read anew: no word that was there is cut."""
    differ = [row for row, (old, new) in enumerate(zip(before.rows, rows, strict=True)) if old != new]
    top, bottom = differ[0] - AROUND, differ[-1] + 1 + AROUND
    places = [(word.place.y - part.y, word.place.y - part.y + word.place.height) for word in before.words]
    while cut := [(first, last) for first, last in places if first < top < last or first < bottom < last]:
        top = min(top, *(first - AROUND for first, _ in cut))
        bottom = max(bottom, *(last + AROUND for _, last in cut))
    return max(0, top), min(len(rows), bottom)


def _word(row: dict[str, str], part: Rectangle, reading: int, *, turned: bool) -> Word:
    left, top, width, height = (int(row[name]) // ENLARGED for name in ("left", "top", "width", "height"))
    if turned:
        left, top, width, height = part.width - top - height, left, height, width
    of = (int(row[name]) for name in ("block_num", "par_num", "line_num"))
    return Word(row["text"].strip(), Rectangle(part.x + left, part.y + top, width, height), (reading, *of))
