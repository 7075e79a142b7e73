"""A contact sheet: documents, clips and pages with their questions, and a dot on every character's centre.

  python -m documents.sheet OUT.png --seed 1 [--kind invoice] [--dots]
"""
import argparse

from PIL import Image, ImageDraw

from . import clips
from .document import KINDS, make
from .page import make_page
from .questions import sample_questions
from .rng import Rng

GAP, NOTES = 8, 60
GROUND = (70, 70, 90)


def mark_centres(image, characters):
    """A copy of the image [height, width, 3] with red dots, and blue ones where a run starts."""
    picture = Image.fromarray(image)
    drawing = ImageDraw.Draw(picture)
    for x, y, start in zip(characters.x, characters.y, characters.starts):
        drawing.ellipse((x - 1, y - 1, x + 1, y + 1), fill=(0, 0, 255) if start else (255, 0, 0))
    return picture


def annotate(picture, asked, width):
    """The picture on a tile with its questions and answers below."""
    tile = Image.new("RGB", (width, picture.height + NOTES), GROUND)
    tile.paste(picture, (0, 0))
    drawing = ImageDraw.Draw(tile)
    for index, (question, answer) in enumerate(asked[:4]):
        note = (question + " > " + answer.replace("\n", "|"))[:width // 6]
        drawing.text((0, picture.height + 2 + index * 14), note.encode("latin-1", "replace").decode("latin-1"), fill=(255, 255, 255))
    return tile


def draw_tiles(rng, kinds, dots):
    """One tile for every document, clip and page of the sheet."""
    for kind in kinds:
        document = make(rng, kind)
        picture = mark_centres(document.image, document.characters) if dots else Image.fromarray(document.image)
        yield annotate(picture, sample_questions(rng, document, 0), max(document.width, 336))


def draw_clip(rng, kind, dots):
    clip = clips.make(rng, kind)
    strip = Image.new("RGB", (clip.length * (clips.SIDE + 2), clips.SIDE), GROUND)
    for index, frame in enumerate(clip.frames):
        picture = mark_centres(frame, clip.characters[index]) if dots else Image.fromarray(frame)
        strip.paste(picture, (index * (clips.SIDE + 2), 0))
    return annotate(strip, clip.questions(rng), strip.width)


def arrange(tiles, width=1600):
    """Tiles in rows on one image of the given width in pixels."""
    places, x, y, tall = [], GAP, GAP, 0
    for tile in tiles:
        if x + tile.width > width and x > GAP:
            x, y, tall = GAP, y + tall + GAP, 0
        places.append((tile, x, y))
        x, tall = x + tile.width + GAP, max(tall, tile.height)
    sheet = Image.new("RGB", (width, y + tall + GAP), GROUND)
    for tile, x, y in places:
        sheet.paste(tile, (x, y))
    return sheet


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kind", choices=KINDS, help="twelve documents of one kind, instead of one of every kind")
    parser.add_argument("--dots", action="store_true", help="mark the centres of characters")
    arguments = parser.parse_args()
    rng = Rng(arguments.seed)
    tiles = list(draw_tiles(rng, [arguments.kind] * 12 if arguments.kind else KINDS, arguments.dots))
    if not arguments.kind:
        tiles += [draw_clip(rng, kind, arguments.dots) for kind in clips.CLIP_KINDS for _ in range(2)]
        characters, image = make_page(rng)
        tiles.append(mark_centres(image, characters) if arguments.dots else Image.fromarray(image))
    arrange(tiles).save(arguments.out)


if __name__ == "__main__":
    main()
