"""A checkpoint of Stable Diffusion 1.5's exact shapes and original names with random f16 weights, to measure memory and time.

python benches/make/sd15_checkpoint.py OUT.safetensors   (numpy, safetensors)

Weights are normal with variance 1 / fan-in, so that activations stay finite; the pictures are noise.
"""

import sys

import numpy as np
from safetensors.numpy import save_file

random = np.random.default_rng(15)
out = {}


def layer(name, *shape, bias=True):
    fan_in = int(np.prod(shape[1:]))
    out[f"{name}.weight"] = (random.standard_normal(shape, dtype=np.float32) / fan_in**0.5).astype(np.float16)
    if bias:
        out[f"{name}.bias"] = (random.standard_normal(shape[0], dtype=np.float32) * 0.01).astype(np.float16)


def norm(name, width):
    out[f"{name}.weight"] = np.ones(width, np.float16)
    out[f"{name}.bias"] = np.zeros(width, np.float16)


def unet(at="model.diffusion_model"):
    def resblock(name, inputs, outputs):
        norm(f"{name}.in_layers.0", inputs)
        layer(f"{name}.in_layers.2", outputs, inputs, 3, 3)
        layer(f"{name}.emb_layers.1", outputs, 1280)
        norm(f"{name}.out_layers.0", outputs)
        layer(f"{name}.out_layers.3", outputs, outputs, 3, 3)
        if inputs != outputs:
            layer(f"{name}.skip_connection", outputs, inputs, 1, 1)

    def transformer(name, width):
        norm(f"{name}.norm", width)
        layer(f"{name}.proj_in", width, width, 1, 1)
        block = f"{name}.transformer_blocks.0"
        for attention, context in [("attn1", width), ("attn2", 768)]:
            layer(f"{block}.{attention}.to_q", width, width, bias=False)
            layer(f"{block}.{attention}.to_k", width, context, bias=False)
            layer(f"{block}.{attention}.to_v", width, context, bias=False)
            layer(f"{block}.{attention}.to_out.0", width, width)
        layer(f"{block}.ff.net.0.proj", 8 * width, width)
        layer(f"{block}.ff.net.2", width, 4 * width)
        for index in (1, 2, 3):
            norm(f"{block}.norm{index}", width)
        layer(f"{name}.proj_out", width, width, 1, 1)

    layer(f"{at}.time_embed.0", 1280, 320)
    layer(f"{at}.time_embed.2", 1280, 1280)
    layer(f"{at}.input_blocks.0.0", 320, 4, 3, 3)
    widths, stack, width, index = [320, 640, 1280, 1280], [320], 320, 1
    for level, level_width in enumerate(widths):
        for _ in range(2):
            resblock(f"{at}.input_blocks.{index}.0", width, level_width)
            width = level_width
            if level < 3:
                transformer(f"{at}.input_blocks.{index}.1", width)
            stack.append(width)
            index += 1
        if level < 3:
            layer(f"{at}.input_blocks.{index}.0.op", width, width, 3, 3)
            stack.append(width)
            index += 1
    resblock(f"{at}.middle_block.0", width, width)
    transformer(f"{at}.middle_block.1", width)
    resblock(f"{at}.middle_block.2", width, width)
    index = 0
    for level in reversed(range(4)):
        for step in range(3):
            resblock(f"{at}.output_blocks.{index}.0", width + stack.pop(), widths[level])
            width = widths[level]
            if level < 3:
                transformer(f"{at}.output_blocks.{index}.1", width)
            if step == 2 and level > 0:
                layer(f"{at}.output_blocks.{index}.{2 if level < 3 else 1}.conv", width, width, 3, 3)
            index += 1
    norm(f"{at}.out.0", 320)
    layer(f"{at}.out.2", 4, 320, 3, 3)


def vae(at="first_stage_model"):
    def resblock(name, inputs, outputs):
        norm(f"{name}.norm1", inputs)
        layer(f"{name}.conv1", outputs, inputs, 3, 3)
        norm(f"{name}.norm2", outputs)
        layer(f"{name}.conv2", outputs, outputs, 3, 3)
        if inputs != outputs:
            layer(f"{name}.nin_shortcut", outputs, inputs, 1, 1)

    def middle(name):
        resblock(f"{name}.block_1", 512, 512)
        norm(f"{name}.attn_1.norm", 512)
        for part in ("q", "k", "v", "proj_out"):
            layer(f"{name}.attn_1.{part}", 512, 512, 1, 1)
        resblock(f"{name}.block_2", 512, 512)

    widths, width = [128, 256, 512, 512], 128
    layer(f"{at}.encoder.conv_in", 128, 3, 3, 3)
    for level, level_width in enumerate(widths):
        for block in range(2):
            resblock(f"{at}.encoder.down.{level}.block.{block}", width, level_width)
            width = level_width
        if level < 3:
            layer(f"{at}.encoder.down.{level}.downsample.conv", width, width, 3, 3)
    middle(f"{at}.encoder.mid")
    norm(f"{at}.encoder.norm_out", 512)
    layer(f"{at}.encoder.conv_out", 8, 512, 3, 3)
    layer(f"{at}.quant_conv", 8, 8, 1, 1)
    layer(f"{at}.post_quant_conv", 4, 4, 1, 1)
    layer(f"{at}.decoder.conv_in", 512, 4, 3, 3)
    middle(f"{at}.decoder.mid")
    for level in reversed(range(4)):
        for block in range(3):
            resblock(f"{at}.decoder.up.{level}.block.{block}", width, widths[level])
            width = widths[level]
        if level > 0:
            layer(f"{at}.decoder.up.{level}.upsample.conv", width, width, 3, 3)
    norm(f"{at}.decoder.norm_out", 128)
    layer(f"{at}.decoder.conv_out", 3, 128, 3, 3)


def clip(at="cond_stage_model.transformer.text_model"):
    layer(f"{at}.embeddings.token_embedding", 49408, 768, bias=False)
    layer(f"{at}.embeddings.position_embedding", 77, 768, bias=False)
    for index in range(12):
        block = f"{at}.encoder.layers.{index}"
        for part in ("q_proj", "k_proj", "v_proj", "out_proj"):
            layer(f"{block}.self_attn.{part}", 768, 768)
        layer(f"{block}.mlp.fc1", 3072, 768)
        layer(f"{block}.mlp.fc2", 768, 3072)
        norm(f"{block}.layer_norm1", 768)
        norm(f"{block}.layer_norm2", 768)
    norm(f"{at}.final_layer_norm", 768)


unet()
vae()
clip()
save_file(out, sys.argv[1])
print(len(out), "tensors,", sum(it.nbytes for it in out.values()) / 1e9, "GB")
