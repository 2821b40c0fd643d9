"""Files as torch.save writes them, in the ZIP format and the one before it; some that would run programs; some that are broken.

    python tests/parity/make/pickle_files.py

Writes goldens/pickle/. Tensors hold 0, 1, 2, ... minus 3, halved (whole numbers and truth values: 0, 1, 2, ...); those of views are
beside them, in rows, in views.safetensors. The older format names storages by their place in memory, so its files differ from run to run.

Made with torch 2.15, numpy 2.4, safetensors 0.8. Nothing but torch is needed to read them, and nobody should.
"""

import collections
import io
import json
import os
import shutil
import sys
import types
import zipfile
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file

OUT = Path(__file__).parent.parent / "goldens" / "pickle"
shutil.rmtree(OUT, ignore_errors=True)
OUT.mkdir(parents=True)


def numbers(*shape, dtype=torch.float32):
    whole = torch.arange(int(np.prod(shape))).reshape(shape)
    return ((whole - 3) / 2).to(dtype) if dtype.is_floating_point else whole.to(dtype)


def save(value, name, legacy=False, protocol=2):
    torch.save(value, OUT / name, pickle_protocol=protocol, _use_new_zipfile_serialization=not legacy)


def both(value, name, **options):
    save(value, f"{name}.pt", **options)
    save(value, f"{name}_legacy.pt", legacy=True, **options)


OLD = "float16 bfloat16 float32 float64 int8 int16 int32 int64 uint8 bool".split()
NEW = "uint16 uint32 uint64".split()
save({name: numbers(3, 5, dtype=getattr(torch, name)) for name in OLD + NEW}, "types.pt")
save({name: numbers(3, 5, dtype=getattr(torch, name)) for name in OLD}, "types_legacy.pt", legacy=True)
for protocol in [3, 4, 5]:
    both({"float32": numbers(3, 5)}, f"protocol{protocol}", protocol=protocol)
save({"float8": numbers(2).to(torch.float8_e4m3fn)}, "float8.pt")

base = numbers(4, 6)
kernel = numbers(2, 3, 2, 2)
views = collections.OrderedDict(
    whole=base,
    rows=base[1:3],
    columns=base[:, 1:6:2],
    transposed=base.t(),
    channels_last=kernel.to(memory_format=torch.channels_last),
    # Of a 1x1 kernel the strides say nothing.
    channels_last_1x1=numbers(4, 3, 1, 1).to(memory_format=torch.channels_last),
    expanded=numbers(3)[:, None].expand(3, 4),
    zero_dim=torch.tensor(2.5),
    parameter=torch.nn.Parameter(base[0]),
    empty=torch.zeros(0, 3),
    half_rows=numbers(3, 5, dtype=torch.float16)[1:],
)
both(views, "views")
save_file({name: it.detach().clone().contiguous() for name, it in views.items()}, OUT / "views.safetensors")

# A training program's file: its own classes, numbers of numpy, an optimizer.
lightning = types.ModuleType("pytorch_lightning.callbacks.model_checkpoint")
for name in ["pytorch_lightning", "pytorch_lightning.callbacks"]:
    sys.modules[name] = types.ModuleType(name)
sys.modules[lightning.__name__] = lightning
lightning.ModelCheckpoint = type("ModelCheckpoint", (), {"__module__": lightning.__name__})
callback = lightning.ModelCheckpoint()
callback.best = numbers(1)
both(
    {
        "epoch": 3,
        "global_step": 1 << 40,
        "state_dict": collections.OrderedDict({"model.weight": numbers(3, 5), "model.steps": torch.tensor(7)}),
        "callbacks": {lightning.ModelCheckpoint: {"monitor": None, "score": np.float64(0.5)}, "object": callback},
        "optimizer_states": [{"state": {0: {"step": 1, "exp_avg": numbers(3, 5)}}, "param_groups": [{"lr": 1e-4, "betas": (0.9, 0.99)}]}],
        "hyper_parameters": {"array": np.arange(3), "names": {"a", "b"}},
    },
    "lightning",
)

both({"params": {"weight": numbers(2)}, "params_ema": {"weight": numbers(3)}}, "params")
save({"only": {"weight": numbers(2)}}, "only.pt")
torch.manual_seed(0)
save(torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.BatchNorm1d(3)), "module.pt")
save({"a": {"b": numbers(2)}, "a.b": numbers(2)}, "twice.pt")
save({"epoch": 3, "names": ["a"]}, "none.pt")

# Textual inversions, as the first program wrote them, as others do since, and as a list of one.
save(
    {
        "string_to_token": {"*": torch.tensor(265)},
        "string_to_param": torch.nn.ParameterDict({"*": torch.nn.Parameter(numbers(2, 6))}),
        "name": "first",
        "step": 500,
    },
    "embedding.pt",
)
save({"<cat>": numbers(6)}, "embedding.bin")


class Program:
    def __init__(self, inner):
        self.inner = inner

    def __reduce__(self):
        return os.system, ("touch burnish-was-here",)


class Needed(Program):
    """A tensor whose numbers a program would bring."""

    def __reduce__(self):
        return torch._utils._rebuild_tensor_v2, (Program(None), 0, (2,), (1,), False, collections.OrderedDict())


both({"state_dict": {"weight": numbers(2), "other": Program(None)}}, "program")
save(Program(None), "program_alone.pt")
save({"weight": Needed(None)}, "program_needed.pt")


def repacked(name, change, compression=zipfile.ZIP_STORED):
    """The archive of one tensor, each entry as `change` has it."""
    plain = io.BytesIO()
    torch.save({"weight": numbers(2)}, plain)
    with zipfile.ZipFile(plain) as old, zipfile.ZipFile(OUT / name, "w", compression) as new:
        for entry in old.infolist():
            content = change(entry.filename.split("/", 1)[1], old.read(entry))
            if content is not None:
                new.writestr(zipfile.ZipInfo(entry.filename), content, compress_type=compression)


repacked("big_endian.pt", lambda name, it: b"big" if name == "byteorder" else it)
repacked("compressed.pt", lambda _, it: it, zipfile.ZIP_DEFLATED)
repacked("no_pickle.pt", lambda name, it: None if name == "data.pkl" else it)
repacked("no_storage.pt", lambda name, it: None if name == "data/0" else it)
repacked("short_storage.pt", lambda name, it: it[:4] if name == "data/0" else it)
repacked("script.pt", lambda name, it: it)
with zipfile.ZipFile(OUT / "script.pt", "a") as script:
    script.writestr(zipfile.ZipInfo("archive/constants.pkl"), b"\x80\x02).")


def component(folder, files, index=None):
    (OUT / folder).mkdir()
    (OUT / folder / "config.json").write_text(json.dumps({"made_by": "python"}) + "\n")
    for name, value in files.items():
        save(value, f"{folder}/{name}")
    if index:
        placed = {tensor: name for name, value in files.items() for tensor in value}
        (OUT / folder / index).write_text(json.dumps({"weight_map": placed}) + "\n")


first, second = {"first.weight": numbers(4, 8)}, {"second.weight": numbers(6, 8)}
component("diffusers", {"diffusion_pytorch_model.bin": {**first, **second}})
component(
    "sharded",
    {"pytorch_model-00001-of-00002.bin": first, "pytorch_model-00002-of-00002.bin": second},
    "pytorch_model.bin.index.json",
)
