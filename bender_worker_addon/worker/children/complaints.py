# SPDX-License-Identifier: GPL-3.0-or-later
"""Complaints: what a Blender warns of in what it prints, in words for people, each once: why a picture may not be what
it should be. Versions write warnings each in their way, and some more than once."""

import re
from collections.abc import Collection, Iterator

from ...system.printed import readable

_MOST, _LONGEST = 10, 300  # of a blend, and as many of a frame; letters of each
_FRAMES = 64  # that are remembered until somebody asks for them

_WARNINGS = (
    re.compile(r"(?:Warning|Error): (.+)"),  # Blender before 5, and a child
    re.compile(r"(?:WARN|ERROR|FATAL) \([^)]*\): \S+:\d+ \w+: (.+)"),  # its log before 5
    re.compile(r"[\d:.]+ +\S+ +\| (?:WARNING|ERROR|FATAL) (.+)"),  # its log since
    re.compile(r"Color management: (.+)"),
    re.compile(r"(Dependency cycle detected):?"),
    re.compile(r"Error in PyDriver: (.+)"),
)
_IS_MISSING = re.compile(r" is missing: .*?([^/\\]+)$")  # the file's name: folders are written in more than one way
_ARE_MISSING = re.compile(r"\d+ more files are missing")
_SPEAKS_OF_A_FILE = re.compile(r"does not exist|no such file|can(?:no|')t open|unable to open", re.IGNORECASE)
_NUMBER = re.compile(r"\d+")
_NO_LOSS = re.compile(
    r"Failed to load \d+ image files|\d+ libraries and \d+ linked data-blocks are missing|Unable to pack file"
    r"|Reading render result: expected channel \".*\.Noisy Image\."  # of tiles, which have it under another name
    r"|Font file doesn't exist"  # a child has said which
    r"|edge \d+ - \d+ appears twice"  # Freestyle's
    r"|no vertices to define .* collision shape"  # an empty mesh collides with nothing
    r"|Colorspace +(?:not found|can't be converted)"  # of a picture that is missing, or of which Blender says it itself
    r"|region type|linked id .* uses local id|image file +does not exist",  # nothing that may be seen
    re.IGNORECASE,
)
_OPENED, _RENDERED = "Opened: ", "Rendered: "
_OF_NOTHING = ("Opening: ", "Device: ")  # what came before says how this Blender started, and what cards it looked for


class Complaints:
    """Those of the blend that is open, of the frame in the making, and of frames that are done."""

    def __init__(self) -> None:
        self._of_blend: dict[str, str] = {}  # by kind
        self._of_frame: dict[str, str] = {}
        self._of_done: dict[str, tuple[str, ...]] = {}  # by what the child prints of a frame
        self._rest = ""

    def take(self, text: str) -> None:
        """Reads on."""
        *lines, self._rest = (self._rest + text).split("\n")
        self._rest = self._rest[-_LONGEST:]
        for line in map(str.strip, lines):
            if line.startswith(_OPENED):
                self._of_blend, self._of_frame = self._of_frame, {}
            elif line.startswith(_RENDERED):
                self._of_done[line] = tuple(_each_once((self._of_blend | self._of_frame).values()))
                self._of_frame = {}
                if len(self._of_done) > _FRAMES:
                    del self._of_done[next(iter(self._of_done))]
            elif line.startswith(_OF_NOTHING):
                self._of_frame = {}
            elif (words := warning(line)) and len(self._of_frame) < _MOST:
                self._of_frame.setdefault(_kind(words), words)

    def has(self, attempt: int, frame: int) -> bool:
        """Whether all has come that was printed of a frame."""
        return rendered(attempt, frame) in self._of_done

    def of(self, attempt: int, frame: int) -> tuple[str, ...]:
        """Those of a frame and of its blend, once."""
        return self._of_done.pop(rendered(attempt, frame), ())


def rendered(attempt: int, frame: int) -> str:
    """What a child prints last of a frame."""
    return f"{_RENDERED}frame {frame} of attempt {attempt}"


def warning(line: str) -> str:
    """What a line warns of; "" if it is no warning or says nothing of the picture."""
    found = next(filter(None, (pattern.fullmatch(line) for pattern in _WARNINGS)), None)
    if found is None or _NO_LOSS.match(found[1]):
        return ""
    return " ".join(readable(found[1].encode("utf-8", "replace")))[:_LONGEST].rstrip(" .")


def _kind(words: str) -> str:
    """The same for what differs in numbers only: a warning of every edge or face would leave no room for others."""
    return words if _IS_MISSING.search(words) else _NUMBER.sub("#", words)


def _each_once(found: Collection[str]) -> Iterator[str]:
    """Of all that speak of a file that is missing only the one that says so in those words."""
    missing = [name[1] for words in found if (name := _IS_MISSING.search(words))]
    are_many = any(map(_ARE_MISSING.fullmatch, found))
    for words in dict.fromkeys(found):
        told = any(name in words for name in missing) or (are_many and _SPEAKS_OF_A_FILE.search(words))
        if _IS_MISSING.search(words) or not told:
            yield words
