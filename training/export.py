"""Writes the trained model as a diffusers folder in f16.

    python export.py --run RUN --merges clip_merges.txt --to ../workflows/models/diffusers/burnish-demo
"""

import argparse
import json
import pathlib

import torch
from diffusers import EulerDiscreteScheduler

import autoencoder
import diffusion
import text
import tokenizer


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=pathlib.Path, required=True)
    parser.add_argument("--merges", type=pathlib.Path, required=True, help="CLIP's merges file")
    parser.add_argument("--to", type=pathlib.Path, required=True)
    args = parser.parse_args()
    vocabulary = tokenizer.write(args.merges, args.to / "tokenizer")
    vae = autoencoder.make()
    autoencoder.encoder_weights(vae, autoencoder.Look(args.run))
    vae.decoder.load_state_dict(torch.load(args.run / "decoder.pt")["decoder"])
    unet, encoder = diffusion.make(), text.make(vocabulary)
    saved = torch.load(args.run / "diffusion.pt")
    unet.load_state_dict(saved["unet"])
    read = torch.load(args.run / "text.pt")["models"]
    encoder.load_state_dict({k.removeprefix("text."): v for k, v in read.items() if k.startswith("text.")})
    for model, name in ((vae, "vae"), (unet, "unet"), (encoder, "text_encoder")):
        model.to(torch.float16, memory_format=torch.contiguous_format).save_pretrained(args.to / name, safe_serialization=True)
        config = args.to / name / "config.json"
        data = json.loads(config.read_text())
        if "dtype" in data:
            # transformers computes in this type unless told otherwise, diffusers in f32: they must agree.
            data["dtype"] = "float32"
        config.write_text(json.dumps(data, indent=2, sort_keys=True) + "\n")
    # The sigmas of ComfyUI's "normal" schedule: evenly spaced steps from 999 to 0, then zero.
    EulerDiscreteScheduler(
        num_train_timesteps=1000,
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        prediction_type="epsilon",
        timestep_spacing="linspace",
        steps_offset=1,
    ).save_pretrained(args.to / "scheduler")
    index = {
        "_class_name": "StableDiffusionPipeline",
        "_diffusers_version": "0.30.0",
        "feature_extractor": [None, None],
        "image_encoder": [None, None],
        "requires_safety_checker": False,
        "safety_checker": [None, None],
        "scheduler": ["diffusers", "EulerDiscreteScheduler"],
        "text_encoder": ["transformers", "CLIPTextModel"],
        "tokenizer": ["transformers", "CLIPTokenizer"],
        "unet": ["diffusers", "UNet2DConditionModel"],
        "vae": ["diffusers", "AutoencoderTiny"],
    }
    (args.to / "model_index.json").write_text(json.dumps(index, indent=2) + "\n")
    size = sum(f.stat().st_size for f in args.to.rglob("*") if f.is_file())
    print(f"{size / 1e6:.1f} MB, step {saved['step']}")


if __name__ == "__main__":
    main()
