"""Makes the pictures of the gallery: runs each workflow and keeps its result, small.

    python3 workflows/pictures/make.py path/to/burnish

Needs Pillow. Several results of one workflow stand side by side; one that shows texts alone is a picture of them.
"""

import pathlib
import subprocess
import sys
import tempfile
import textwrap

from PIL import Image, ImageDraw, ImageFont

HEIGHT = 216
WIDTH = 416



def written(lines):
    """Texts, a line each, what names them left out."""
    sheet = Image.new("RGB", (WIDTH, HEIGHT), (24, 27, 32))
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(22)
    texts = list(dict.fromkeys(it.split(": ", 1)[1] for it in lines.splitlines() if ": " in it))
    for at, text in enumerate(texts):
        draw.multiline_text((20, 30 + 80 * at), "\n".join(textwrap.wrap(text, 34)), (225, 228, 233), font=font)
    return sheet


workflows = pathlib.Path(__file__).resolve().parent.parent
for workflow in sorted(workflows.glob("*.json")):
    with tempfile.TemporaryDirectory() as out:
        command = [sys.argv[1], "run", workflow, "--models", workflows / "models", "--output", out]
        said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        # What came before stands left of what was made of it.
        paths = sorted(pathlib.Path(out).rglob("*.png"), key=lambda it: ("before" not in it.name, it.name))
        results = [Image.open(it).convert("RGB") for it in paths]
    results = results or [written(said)]
    width = sum(it.width for it in results)
    sheet = Image.new("RGB", (width, max(it.height for it in results)))
    left = 0
    for it in results:
        sheet.paste(it, (left, 0))
        left += it.width
    sheet.thumbnail((WIDTH, HEIGHT), Image.Resampling.LANCZOS)
    sheet.save(workflows / "pictures" / f"{workflow.stem}.webp", quality=82, method=6)
