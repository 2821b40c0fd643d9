"""Draws a workflow with ComfyUI and with Burnish, and prints how alike the pictures are.

    python tests/parity/compare.py WORKFLOW.json --comfyui http://127.0.0.1:8188 --burnish target/release/burnish --models MODELS
        [--set NODE.INPUT=VALUE ...]

WORKFLOW is in the API format and saves one batch; MODELS is the models folder that the running ComfyUI uses. Needs numpy and pillow.
"""

import argparse
import io
import json
import pathlib
import subprocess
import tempfile
import time
import urllib.parse
import urllib.request

import numpy as np
from PIL import Image


def ask(url, data=None):
    body = None if data is None else json.dumps(data).encode()
    return urllib.request.urlopen(urllib.request.Request(url, body, {"Content-Type": "application/json"})).read()


parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("workflow", type=pathlib.Path)
parser.add_argument("--comfyui", required=True)
parser.add_argument("--burnish", required=True)
parser.add_argument("--models", required=True)
parser.add_argument("--set", action="append", default=[])
args = parser.parse_args()

prompt = json.loads(args.workflow.read_text())
for assignment in args.set:
    name, value = assignment.split("=", 1)
    node, slot = name.rsplit(".", 1)
    old = prompt[node]["inputs"][slot]
    prompt[node]["inputs"][slot] = value if isinstance(old, str) else type(old)(value)

begun = time.time()
job = json.loads(ask(args.comfyui + "/prompt", {"prompt": prompt}))["prompt_id"]
while job not in (history := json.loads(ask(f"{args.comfyui}/history/{job}"))):
    time.sleep(0.2)
shown = [it for node in history[job]["outputs"].values() for it in node.get("images", [])]
theirs = [Image.open(io.BytesIO(ask(f"{args.comfyui}/view?" + urllib.parse.urlencode(it)))).convert("RGB") for it in shown]
print(f"ComfyUI: {len(theirs)} pictures in {time.time() - begun:.1f} s")

with tempfile.TemporaryDirectory() as folder:
    path = pathlib.Path(folder) / "workflow.json"
    path.write_text(json.dumps(prompt))
    begun = time.time()
    subprocess.run([args.burnish, "run", path, "--quiet", "--models", args.models, "--base-directory", folder], check=True)
    ours = [Image.open(it).convert("RGB") for it in sorted(pathlib.Path(folder, "output").rglob("*.png"))]
    print(f"Burnish: {len(ours)} pictures in {time.time() - begun:.1f} s")

assert len(ours) == len(theirs) > 0, "not the same number of pictures"
for number, (a, b) in enumerate(zip(theirs, ours)):
    difference = np.asarray(a, np.float64) - np.asarray(b, np.float64)
    error = (difference**2).mean()
    psnr = f"{10 * np.log10(255**2 / error):.1f} dB" if error else "equal to the bit"
    print(f"picture {number}, {a.size[0]}x{a.size[1]}: {psnr}, largest difference {abs(difference).max():.0f} of 255")
