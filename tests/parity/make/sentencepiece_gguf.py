"""Makes sentencepiece.gguf and sentencepiece-tokens.json: a small tokenizer of sentencepiece's kind as GGUF files carry it, and what
llama.cpp makes of a page of hostile text with it.

    python tests/parity/make/sentencepiece_gguf.py vocabulary              # sentencepiece 0.2.3, gguf
    python tests/parity/make/sentencepiece_gguf.py tokens                  # llama-cpp-python 0.3.36

"""

import io
import json
import pathlib
import sys

PLACE = pathlib.Path(__file__).parent.parent / "goldens"
FILE, CASES = PLACE / "sentencepiece.gguf", PLACE / "sentencepiece-tokens.json"
TEXTS = [
    text for text, _ in json.loads((PLACE / "smollm2-tokens.json").read_text(encoding="utf8")) if "<|" not in text
] + ["a<s> b", "</s>", "▁already▁there", "end</s> \n next", "[INST] a picture of a fox [/INST]", "a  picture   of"]


def vocabulary():
    import gguf
    import numpy as np
    import sentencepiece

    here = pathlib.Path(__file__).resolve().parent.parent.parent.parent
    lines = [it for name in ("README.md", "docs/security.md", "training/README.md") for it in (here / name).read_text(encoding="utf8").splitlines()]
    trained = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(lines), model_writer=trained, vocab_size=640, model_type="bpe", byte_fallback=True, character_coverage=0.99,
        normalization_rule_name="identity", remove_extra_whitespaces=False, minloglevel=2,
    )
    it = sentencepiece.SentencePieceProcessor(model_proto=trained.getvalue())
    ids = range(it.get_piece_size())
    kinds = [2 if it.is_unknown(i) else 3 if it.is_control(i) else 6 if it.is_byte(i) else 1 for i in ids]
    writer = gguf.GGUFWriter(FILE, "llama")
    writer.add_tokenizer_model("llama")
    writer.add_token_list([it.id_to_piece(i) for i in ids])
    writer.add_token_scores([it.get_score(i) for i in ids])
    writer.add_token_types(kinds)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_unk_token_id(0)
    writer.add_context_length(64)
    writer.add_tensor("token_embd.weight", np.zeros((1, 32), np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def tokens():
    from llama_cpp import Llama

    model = Llama(str(FILE), vocab_only=True, verbose=False)
    cases = [(text, model.tokenize(text.encode(), add_bos=True, special=True)) for text in TEXTS]
    CASES.write_text("[\n" + ",\n".join(json.dumps(it, ensure_ascii=False) for it in cases) + "\n]\n", encoding="utf8")


globals()[sys.argv[1]]()
