"""Drives a server with clients from PyPI that nobody here wrote: clients.py NAME HOST:PORT, as clients.rs does.

Each function sends a workflow, waits for its picture by the client's own means, and prints `WIDTHxHEIGHT` of it.
"""

import io
import json
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


globals()[sys.argv[1]](sys.argv[2])
