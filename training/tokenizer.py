"""The demo model's tokenizer: CLIP's byte-pair encoding cut to its first merges, as a folder in the usual form."""

import json
import pathlib

MERGES = 4000
LENGTH = 77


def byte_letters():
    """The letter that stands for each byte, in the order in which CLIP numbers them."""
    plain = list(range(33, 127)) + list(range(161, 173)) + list(range(174, 256))
    rest = [b for b in range(256) if b not in plain]
    return [chr(b) for b in plain] + [chr(256 + i) for i in range(len(rest))]


def write(clip_merges: pathlib.Path, folder: pathlib.Path):
    """Writes the four files from CLIP's own merges file."""
    lines = clip_merges.read_text(encoding="utf8").split("\n")
    merges = [line for line in lines if line and not line.startswith("#")][:MERGES]
    letters = byte_letters()
    vocab = letters + [c + "</w>" for c in letters] + [m.replace(" ", "") for m in merges]
    vocab += ["<|startoftext|>", "<|endoftext|>"]
    folder.mkdir(parents=True, exist_ok=True)
    put = lambda name, data: (folder / name).write_text(json.dumps(data, ensure_ascii=False, indent=1) + "\n", encoding="utf8")
    (folder / "vocab.json").write_text(json.dumps({t: i for i, t in enumerate(vocab)}, ensure_ascii=False), encoding="utf8")
    (folder / "merges.txt").write_text("#version: 0.2\n" + "\n".join(merges) + "\n", encoding="utf8")
    special = {
        "bos_token": "<|startoftext|>",
        "eos_token": "<|endoftext|>",
        "unk_token": "<|endoftext|>",
        "pad_token": "<|endoftext|>",
    }
    put("special_tokens_map.json", special)
    put(
        "tokenizer_config.json",
        {**special, "tokenizer_class": "CLIPTokenizer", "model_max_length": LENGTH, "do_lower_case": True, "add_prefix_space": False, "errors": "replace"},
    )
    return len(vocab)
