"""Drives a server with clients from PyPI that nobody here wrote: clients.py NAME HOST:PORT, as clients.rs does.

Each function sends a workflow, waits for its picture by the client's own means, and prints `WIDTHxHEIGHT` of it.
"""

import io
import json
import os
import sys
import tempfile

PROMPT = {
    "1": {
        "class_type": "EmptyImage",
        "inputs": {"width": 64, "height": 32, "batch_size": 1, "color": 255},
        "_meta": {"title": "Plain"},
    },
    "2": {
        "class_type": "SaveImage",
        "inputs": {"images": ["1", 0], "filename_prefix": "client"},
        "_meta": {"title": "Save"},
    },
}


def size(picture):
    from PIL import Image

    print("%dx%d" % Image.open(io.BytesIO(picture)).size)


def comfy_api_simplified(address):
    from comfy_api_simplified import ComfyApiWrapper, ComfyWorkflowWrapper

    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(PROMPT, file)
        file.flush()
        workflow = ComfyWorkflowWrapper(file.name)
    workflow.set_node_param("Plain", "width", 80)
    pictures = ComfyApiWrapper(f"http://{address}/").queue_and_wait_images(workflow, "Save")
    size(next(iter(pictures.values())))


def comfyui_utils(address):
    import asyncio

    from comfyui_utils import comfy

    api = comfy.ComfyAPI(address)

    class Callbacks(comfy.Callbacks):
        async def queue_position(self, position):
            pass

        async def in_progress(self, node_id, progress, total):
            pass

        async def completed(self, outputs, cached):
            async def show(file):
                size(file.read())

            await api.fetch(outputs["images"][0], show)

    asyncio.run(api.submit(PROMPT, Callbacks()))


def comfy_cli(address):
    import subprocess
    import urllib.request

    host, port = address.split(":")
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(PROMPT, file)
        file.flush()
        program = [os.path.join(os.path.dirname(sys.executable), "comfy"), "--skip-prompt", "--no-enable-telemetry"]
        run = ["run", "--workflow", file.name, "--host", host, "--port", port, "--wait"]
        told = subprocess.run(program + run, check=True, capture_output=True, text=True).stdout
    answer = json.loads(told.strip().splitlines()[-1])
    assert answer["ok"] and answer["data"]["status"] == "completed", told
    with urllib.request.urlopen(answer["data"]["outputs"][0]) as picture:
        size(picture.read())


def openai(address):
    import base64

    from openai import OpenAI

    client = OpenAI(base_url=f"http://{address}/v1", api_key="any")
    answer = client.images.generate(model="burnish", prompt="a red apple", size="64x64", response_format="b64_json")
    size(base64.b64decode(answer.data[0].b64_json))
    writing = dict(model="burnish-demo-writer", messages=[{"role": "user", "content": "draw a fox on blue"}], temperature=0)
    whole = client.chat.completions.create(**writing).choices[0].message.content
    assert whole == "a fox on a blue background", whole
    pieces = [it.choices[0].delta.content or "" for it in client.chat.completions.create(**writing, stream=True)]
    assert "".join(pieces) == whole, pieces


globals()[sys.argv[1]](sys.argv[2])
