"""Fonts of the machine, found by file name, and their glyphs cached as bitmaps."""
import functools
import subprocess
import sys

import numpy as np
from PIL import ImageFont

# A document draws a place in this list: another order or a missing file gives other pixels for the same seed.
FONT_FILES = """DejaVuSans.ttf DejaVuSans-Bold.ttf DejaVuSansCondensed.ttf DejaVuSansCondensed-Bold.ttf
DejaVuSansMono.ttf DejaVuSansMono-Bold.ttf DejaVuSerif.ttf DejaVuSerif-Bold.ttf DejaVuSerifCondensed.ttf
DejaVuSans-Oblique.ttf FiraCode-Regular.ttf FiraCode-SemiBold.ttf FreeMonoBold.ttf FreeSans.ttf FreeSansBold.ttf
FreeSerif.ttf FreeSerifBold.ttf Hack-Regular.ttf Hack-Bold.ttf Inconsolata.otf JetBrainsMono-Regular.ttf
JetBrainsMono-Bold.ttf Lato-Regular.ttf Lato-Bold.ttf Lato-Medium.ttf LiberationMono-Regular.ttf
LiberationMono-Bold.ttf LiberationSans-Regular.ttf LiberationSans-Bold.ttf LiberationSans-Italic.ttf
LiberationSerif-Regular.ttf LiberationSerif-Bold.ttf NotoSans-Regular.ttf NotoSans-Bold.ttf NotoMono-Regular.ttf
NotoSansMono-Regular.ttf NotoSansMono-Bold.ttf NotoSerif-Regular.ttf NotoSerif-Bold.ttf OpenSans-Regular.ttf
OpenSans-Semibold.ttf OpenSans-Bold.ttf Roboto-Regular.ttf Roboto-Medium.ttf Roboto-Bold.ttf
RobotoCondensed-Regular.ttf RobotoCondensed-Bold.ttf""".split()


@functools.cache
def font_paths():
    """Paths of the fonts that are installed, in the order of FONT_FILES. Missing ones are named once on stderr.
    Throws RuntimeError where none is.
    """
    listing = subprocess.run(["fc-list", ":", "file"], capture_output=True, text=True, check=True).stdout
    found = {}
    for line in sorted(listing.split("\n")):
        path = line.rstrip(": ").strip()
        found.setdefault(path.rsplit("/", 1)[-1], path)
    paths = [found[file] for file in FONT_FILES if file in found]
    missing = [file for file in FONT_FILES if file not in found]
    if not paths:
        raise RuntimeError("none of the %d fonts in FONT_FILES is installed; see training/README.md" % len(missing))
    if missing:
        print("documents: fonts missing, documents differ from those of a full set:", *missing, file=sys.stderr)
    return paths


class Face:
    """One font at one pixel size: glyph bitmaps and advances, filled on demand."""

    def __init__(self, font_index, size):
        self.size = size
        self.font = ImageFont.truetype(font_paths()[font_index], size, layout_engine=ImageFont.Layout.BASIC)
        self.ascent, self.descent = self.font.getmetrics()
        self.glyphs = {}

    def glyph(self, character):
        """(bitmap uint8 [h, w] or None for blank, x offset, y offset, advance), in pixels from the line's top left."""
        glyph = self.glyphs.get(character)
        if glyph is None:
            mask, offset = self.font.getmask2(character, "L")
            width, height = mask.size
            bitmap = np.asarray(mask, np.uint8).reshape(height, width) if width and height else None
            glyph = self.glyphs[character] = (bitmap, offset[0], offset[1], float(self.font.getlength(character)))
        return glyph

    def width(self, text, spacing=0.0):
        """Advance of a text in pixels; `spacing` is added after every character."""
        return sum(self.glyph(character)[3] + spacing for character in text)


@functools.cache
def face(font_index, size):
    """The shared Face of a font (place in font_paths()) at a pixel size."""
    return Face(font_index, size)
