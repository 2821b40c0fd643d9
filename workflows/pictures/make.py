"""Makes the pictures of the gallery: runs each workflow and keeps its result, small.

    python3 workflows/pictures/make.py path/to/burnish

Needs Pillow. Several results of one workflow stand side by side.
"""

import pathlib
import subprocess
import sys
import tempfile

from PIL import Image

HEIGHT = 216
WIDTH = 416

workflows = pathlib.Path(__file__).resolve().parent.parent
for workflow in sorted(workflows.glob("*.json")):
    with tempfile.TemporaryDirectory() as out:
        subprocess.run([sys.argv[1], "run", workflow, "--models", workflows / "models", "--output", out], check=True)
        # What came before stands left of what was made of it.
        paths = sorted(pathlib.Path(out).rglob("*.png"), key=lambda it: ("before" not in it.name, it.name))
        results = [Image.open(it).convert("RGB") for it in paths]
    width = sum(it.width for it in results)
    sheet = Image.new("RGB", (width, max(it.height for it in results)))
    left = 0
    for it in results:
        sheet.paste(it, (left, 0))
        left += it.width
    sheet.thumbnail((WIDTH, HEIGHT), Image.Resampling.LANCZOS)
    sheet.save(workflows / "pictures" / f"{workflow.stem}.webp", quality=82, method=6)
