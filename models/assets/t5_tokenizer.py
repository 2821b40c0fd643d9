"""Packs T5's tokenizer.json (google/t5-v1_1-xxl, Apache-2.0) without its spaces.

    python models/assets/t5_tokenizer.py TOKENIZER_JSON

Writes models/assets/t5_tokenizer.json.gz.
"""

import gzip
import json
import sys
from pathlib import Path

table = json.loads(Path(sys.argv[1]).read_text())
packed = json.dumps(table, ensure_ascii=False, separators=(",", ":")).encode()
Path(__file__).with_name("t5_tokenizer.json.gz").write_bytes(gzip.compress(packed, 9, mtime=0))
