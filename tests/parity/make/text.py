"""Makes the goldens of text encoders: tokens, chunks of weighted prompts, and what tiny random encoders make of them.

    python tests/parity/make/text.py COMFYUI

COMFYUI is a checkout of ComfyUI 0.3.64, which runs here as a black box; transformers 5.23, torch 2.15.
Writes tests/parity/goldens/text/.
"""

import json
import os
import shutil
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
GOLDENS = ROOT / "tests/parity/goldens/text"
COMFYUI = Path(sys.argv[1]).resolve()
sys.argv = [sys.argv[0], "--cpu"]
sys.path.insert(0, str(COMFYUI))
os.environ["OMP_NUM_THREADS"] = "2"

import comfy.options

comfy.options.enable_args_parsing()

import torch
from comfy.sd1_clip import SDClipModel, SDTokenizer
from safetensors.torch import save_file
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

TEXTS = [
    "",
    " ",
    "a photo of a cat",
    "A  Photo\tof\n\n a CAT!!!",
    "masterpiece, best quality, 1girl, solo, 8k uhd, f/1.8, (no weights here: 1.5)",
    "I'm sure they'll've said it's Bob's; we'd don't can't WON'T y'all'd",
    "it’s ‘curly’ “quotes” — dashes – and… ellipses",
    "2024-11-23 3.14159 1,000,000 ½ ² ₂ Ⅷ ٣ ३ 五 １２３",
    "naïve café Ångström ÅNGSTRÖM e\u0301 \u0041\u030a ﬁ ﬀ ß ẞ İ ı Σς",
    "猫と犬が公園で遊んでいる。고양이 кошка γάτα חתול قطة बिल्ली แมว",
    "emoji 😀😃 👨‍👩‍👧‍👦 👍🏽 🇩🇪 ❤️ ☠︎ 🏳️‍🌈",
    "zero\u200bwidth \u200d joiner \ufeff bom \u00a0nbsp\u3000ideographic \u2028line \u2029para \u0085nel",
    "control \x00\x01\x02\x07\x08\x0b\x0c\x1b[31m\x1c\x1d\x1e\x1f\x7f\x80\x9f end",
    "\ufffd replacement \U0010ffff noncharacter \ue000 private \U000e0041 tag",
    "mojibake: schÃ¶n â€œquotedâ€\x9d &amp; &lt;b&gt; &#39;",
    "<|startoftext|> a <|endoftext|> b <|STARTOFTEXT|> c <|EndOfText|> d <|endoftext",
    "<|endoftext|><|endoftext|>x<|startoftext|>y",
    "under_score snake_case __init__ kebab-case a/b\\c path\\to\\file @user #tag $5 100% ^ ~ ` | { } [ ] < >",
    "!!!!!!!!!!!! ????? ....... ,,,,, ---- ==== #### '''''' \"\"\"\" ''s 's 't 're",
    "supercalifragilisticexpialidocious pneumonoultramicroscopicsilicovolcanoconiosis",
    "a" * 300,
    "ab" * 200 + "!" * 100 + "😀" * 40,
    "https://example.com/a?b=c&d=e#f user@example.com C:\\Windows\\System32",
    "Z\u0351\u036b\u0343\u036a\u0302\u036b\u033d\u034f\u0334\u0319A\u0334\u035f L G O\u0321",
    "\u202eright to left\u202c \u2066isolate\u2069",
    "𝕗𝕒𝕟𝕔𝕪 𝓽𝓮𝔁𝓽 𝟘𝟙𝟚 Ｆｕｌｌｗｉｄｔｈ ｶﾀｶﾅ",
]

PROMPTS = [
    "",
    " ",
    "a cat",
    "a (cat)",
    "a (cat:1.3) on a (mat:0.5), night",
    "((very) nested (brackets:1.5) (((deep))))",
    "((a:1.2):0.5) ((b):2) (c:1.5:0.7)",
    "(a (b:1.5) c:0.8) d",
    r"escaped \(not a weight\) and \\(two\\) (but \(this:1.4\) is:1.2)",
    r"(\) \( (a\):1.2)",
    "unbalanced ( open (a:1.4",
    "unbalanced ) closed (a:1.4) b) (c (d)) e",
    "(a (b)",
    "a) (b (c) d",
    "(((((",
    ")))))((((( (x:2)",
    "() (:1.3) (a:) (a: ) (a:b) (:) (a:1.2 ) (a: +1.5) (a:-0.5) (a:.5) (a:5.) (a:1e-1) (a:1_0) (a:1__0) (a:_1) (a:0x10) (a:0)",
    "(a:1.0) (b:1)",
    "(line\nbreak:1.2)\n(next:0.9)",
    "(  spaces  :1.2)(tight:1.3)text",
    ", ".join(f"word{i}" for i in range(60)),
    " ".join(["short"] * 70) + " (one two three four five six seven:1.1) (one two three four five six:1.1) tail",
    "(a b c d e f:1.05) " * 30,
    "(" + "long text " * 60 + ":1.21) after",
    "embedding:one",
    "a embedding:two b",
    "a embedding:two, b embedding:one,",
    "embedding:one.safetensors and (embedding:two:1.3) (x embedding:one y:0.7)",
    "tight,embedding:one tight(embedding:two)",
    "line\nembedding:two\nline  embedding:one\n\nembedding:one end",
    "embedding:ten " * 12,
    "embedding:two,, embedding:flat",
    "word " * 73 + "embedding:two tail",
    "a <|endoftext|> b embedding:two (c:1.3)",
    "猫 (犬:1.2) 😀 (😺:0.8)",
]


def save_json(path, value):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, ensure_ascii=True, indent=None, separators=(",", ":")).replace("},{", "},\n{") + "\n")


def make_embeddings(folder, width):
    """A few embeddings whose numbers tell which row of which file they are."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = lambda n, base: (torch.arange(n).float()[:, None] * 0.125 + base + torch.linspace(-1, 1, width)[None]).contiguous()
    save_file({"emb_params": rows(1, 1.0)}, folder / "one.safetensors")
    save_file({"clip_g": torch.zeros(2, 8), "clip_l": rows(2, 2.0).half()}, folder / "two.safetensors")
    save_file({"<ten>": rows(10, 3.0)}, folder / "ten.safetensors")
    save_file({"emb_params": rows(1, 4.0)[0]}, folder / "flat.safetensors")


def chunks_of(tokenizer, prompt, width):
    """Chunks of [id, weight] or [[first number of the vector], weight]."""
    out = []
    for chunk in tokenizer.tokenize_with_weights(prompt):
        out.append([[t if isinstance(t, int) else [float(t[0])], w] for t, w in chunk])
    return out


def shorten(chunk):
    """Drops the padding, all of which is the last token with weight 1."""
    while len(chunk) > 1 and chunk[-1] == chunk[-2]:
        chunk = chunk[:-1]
    return chunk


def make_tokens(embeddings):
    folder = COMFYUI / "comfy/sd1_tokenizer"
    tokenizer = CLIPTokenizer.from_pretrained(folder)
    ids = [{"text": t, "ids": tokenizer(t)["input_ids"][1:-1]} for t in TEXTS]
    save_json(GOLDENS / "tokens.json", ids)
    tokenizer = SDTokenizer(embedding_directory=str(embeddings), embedding_size=64)
    save_json(GOLDENS / "prompts.json", [{"prompt": p, "chunks": [shorten(c) for c in chunks_of(tokenizer, p, 64)]} for p in PROMPTS])


def make_tokenizer(folder, n_merges):
    """CLIP's tokenizer with only its first merges."""
    vocab = json.loads((COMFYUI / "comfy/sd1_tokenizer/vocab.json").read_text())
    names = [t for t, _ in sorted(vocab.items(), key=lambda it: it[1])]
    merges = (COMFYUI / "comfy/sd1_tokenizer/merges.txt").read_text().splitlines()[1 : 1 + n_merges]
    names = names[: 512 + n_merges] + ["<|startoftext|>", "<|endoftext|>"]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.json").write_text(json.dumps({t: i for i, t in enumerate(names)}, ensure_ascii=True, separators=(",", ":")))
    (folder / "merges.txt").write_text("#version: 0.2\n" + "\n".join(merges) + "\n")
    shutil.copy(COMFYUI / "comfy/sd1_tokenizer/special_tokens_map.json", folder)
    return len(names)


def make_model(name, seed, dtype, prompts, config, with_config):
    folder = GOLDENS / name
    vocab = make_tokenizer(folder / "tokenizer", 60)
    start, end = vocab - 2, vocab - 1
    full = dict(vocab_size=vocab, bos_token_id=start, eos_token_id=end, pad_token_id=end, **config)
    torch.manual_seed(seed)
    model = CLIPTextModel(CLIPTextConfig(**full)).eval()
    with torch.no_grad():
        for key, p in model.named_parameters():
            p.copy_(torch.randn_like(p) * (0.3 if p.ndim > 1 else 0.1) + (1.0 if "norm" in key and key.endswith("weight") else 0.0))
            p.copy_(p.to(dtype).float())
    tensors = {}
    for key, value in model.state_dict().items():
        key = key if key.startswith("text_model.") else "text_model." + key
        if not key.endswith("position_ids"):
            tensors[key] = value.to(dtype).contiguous().clone()
    tensors["text_model.embeddings.position_ids"] = torch.arange(config["max_position_embeddings"])[None]
    (folder / "text_encoder").mkdir(parents=True, exist_ok=True)
    save_file(tensors, folder / "text_encoder/model.safetensors")
    if with_config:
        (folder / "text_encoder/config.json").write_text(json.dumps({"architectures": ["CLIPTextModel"], **full}, indent=1))

    make_embeddings(folder / "embeddings", config["hidden_size"])
    tokenizer = SDTokenizer(
        tokenizer_path=str(folder / "tokenizer"),
        max_length=config["max_position_embeddings"],
        embedding_directory=str(folder / "embeddings"),
        embedding_size=config["hidden_size"],
    )
    comfy = SDClipModel(
        textmodel_json_config=dict(full),
        max_length=config["max_position_embeddings"],
        dtype=torch.float32,
        special_tokens={"start": start, "end": end, "pad": end},
        return_projected_pooled=False,
    )
    padded = {k: v.float() for k, v in tensors.items() if not k.endswith("position_ids")}
    table = "text_model.embeddings.token_embedding.weight"
    padded[table] = torch.nn.functional.pad(padded[table], (0, 0, 0, 49408 - vocab))
    padded["text_projection.weight"] = torch.eye(config["hidden_size"])
    comfy.transformer.load_state_dict(padded)

    out, cases = {}, []
    for index, (prompt, layers) in enumerate(prompts):
        for layer in layers:
            comfy.reset_clip_options()
            if layer is not None:
                comfy.set_clip_options({"layer": layer})
            with torch.no_grad():
                context, pooled = comfy.encode_token_weights(tokenizer.tokenize_with_weights(prompt))
            case = f"{index}.{'last' if layer is None else layer}"
            cases.append({"case": case, "prompt": prompt, "layer": layer})
            out[case + ".context"], out[case + ".pooled"] = context.contiguous(), pooled.contiguous()
            comfy.layer = "last"
    # The plain prompt through transformers, which has no weights.
    ids = torch.tensor([[t for t, _ in tokenizer.tokenize_with_weights("a cat")[0]]])
    with torch.no_grad():
        reply = model(ids)
    out["transformers.context"], out["transformers.pooled"] = reply.last_hidden_state, reply.pooler_output
    save_file(out, folder / "expected.safetensors")
    save_json(folder / "cases.json", cases)


def main():
    shutil.rmtree(GOLDENS, ignore_errors=True)
    make_embeddings(GOLDENS / "embeddings", 64)
    make_tokens(GOLDENS / "embeddings")
    quick = dict(hidden_size=64, intermediate_size=96, num_hidden_layers=3, num_attention_heads=1)
    prompts = [
        ("a cat", [None, -1, -2, -3, -12]),
        ("a (cat:1.3) and (dog:0.4)", [None, -2]),
        ("(a:1.2) embedding:two b " + "c " * 80, [None]),
    ]
    make_model("quick_gelu", 1, torch.float16, prompts,
               dict(**quick, max_position_embeddings=77, hidden_act="quick_gelu"), with_config=False)
    gelu = dict(hidden_size=24, intermediate_size=40, num_hidden_layers=2, num_attention_heads=3)
    make_model("gelu", 2, torch.float32, prompts,
               dict(**gelu, max_position_embeddings=20, hidden_act="gelu", layer_norm_eps=1e-5), with_config=True)


main()
