# SPDX-License-Identifier: GPL-3.0-or-later
"""How pictures look: size and mean colour of each, as JSON into the file named first."""

import json
import sys
from pathlib import Path
from typing import Any

import bpy

result, *pictures = sys.argv[sys.argv.index("--") + 1 :]
looks = []
for picture in pictures:
    image = bpy.data.images.load(picture)
    size = list(image.size)
    image.scale(16, 9)
    pixels: Any = image.pixels
    looks.append({"size": size, "colors": [round(value, 4) for value in pixels]})
Path(result).write_text(json.dumps(looks))
