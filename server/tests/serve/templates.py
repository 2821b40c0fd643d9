"""Compares and runs ComfyUI's official templates: templates.py HOST:PORT BURNISH, as clients.rs does.

Every template whose classes the server has is converted by `BURNISH convert` and by comfy-cli, and both must say the same. Those that
load no model then run, on pictures made here, and every output must be there. Prints how many of each there were.
"""

import glob
import io
import json
import logging
import os
import subprocess
import sys
import time
import urllib.request

import comfyui_workflow_templates_json
from comfy_cli.workflow_to_api import convert_ui_to_api
from PIL import Image

ADDRESS, BURNISH = sys.argv[1:]
# Nodes of the editor alone.
VIRTUAL = {"Note", "MarkdownNote", "Reroute", "PrimitiveNode"}
# Differences that have a reason: (template, node, input).
KNOWN = {
    # comfy-cli takes an object among the values for an entry of a list of LoRAs, and so gives these the curve of a new node.
    *(("basic_image_color_adjustment.json", f"10:{node}", "curve") for node in (4, 5, 6)),
    # And this one, which only says what was shown last, it leaves out.
    ("utility_interpolation_image_upscale.json", "7", "compare_view"),
}

logging.disable()


def ask(path, body=None, kind="application/json"):
    request = urllib.request.Request(f"http://{ADDRESS}{path}", data=body, headers={"Content-Type": kind} if body else {})
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def classes(workflow):
    subgraphs = {it["id"]: it for it in workflow.get("definitions", {}).get("subgraphs", [])}
    lists = [workflow["nodes"]] + [it["nodes"] for it in subgraphs.values()]
    return {node["type"] for nodes in lists for node in nodes} - set(subgraphs) - VIRTUAL


def ours(file):
    run = subprocess.run([BURNISH, "convert", file, "--base-directory", os.environ["HOME"]], capture_output=True, text=True)
    assert run.returncode == 0, f"{file}: {run.stderr}"
    return json.loads(run.stdout)


def differences(name, mine, theirs):
    for node in sorted(set(mine) | set(theirs)):
        if node not in mine or node not in theirs:
            yield name, node, None
            continue
        a, b = mine[node]["inputs"], theirs[node]["inputs"]
        yield from ((name, node, key) for key in sorted(set(a) | set(b)) if a.get(key, ...) != b.get(key, ...))


def upload(name):
    picture = io.BytesIO()
    Image.radial_gradient("L").resize((320, 240)).convert("RGB").save(picture, "PNG")
    head = f'--edge\r\nContent-Disposition: form-data; name="image"; filename="{name}"\r\n\r\n'.encode()
    ask("/upload/image", head + picture.getvalue() + b"\r\n--edge--\r\n", "multipart/form-data; boundary=edge")


def run(name, prompt):
    for node in prompt.values():
        if node["class_type"] in ("LoadImage", "LoadImageMask"):
            upload(os.path.splitext(os.path.basename(node["inputs"]["image"]))[0] + ".png")
            node["inputs"]["image"] = os.path.splitext(os.path.basename(node["inputs"]["image"]))[0] + ".png"
    job = ask("/prompt", json.dumps({"prompt": prompt}).encode())
    assert not job["node_errors"], f"{name}: {job['node_errors']}"
    end = time.time() + 60
    while not (entry := ask(f"/history/{job['prompt_id']}")):
        assert time.time() < end, f"{name} does not end"
        time.sleep(0.05)
    entry = entry[job["prompt_id"]]
    assert entry["status"]["status_str"] == "success", f"{name}: {entry['status']}"
    wanted = {id for id, node in prompt.items() if known[node["class_type"]]["output_node"]}
    assert wanted <= set(entry["outputs"]), f"{name}: {wanted - set(entry['outputs'])} showed nothing"


known = ask("/object_info")
folder = os.path.join(os.path.dirname(comfyui_workflow_templates_json.__file__), "templates")
converted, ran = [], []
for file in sorted(glob.glob(os.path.join(folder, "*.json"))):
    with open(file) as text:
        workflow = json.load(text)
    if not isinstance(workflow, dict) or "nodes" not in workflow or not classes(workflow) <= set(known):
        continue
    name = os.path.basename(file)
    mine, theirs = ours(file), convert_ui_to_api(workflow, known)
    wrong = set(differences(name, mine, theirs)) - set(KNOWN)
    assert not wrong, wrong
    converted.append(name)
    if not any("Loader" in it or it.startswith("Load") and it not in ("LoadImage", "LoadImageMask") for it in classes(workflow)):
        run(name, mine)
        ran.append(name)
print(f"{len(converted)} templates converted, {len(ran)} ran: {', '.join(ran)}")
