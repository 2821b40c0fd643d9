"""Makes clip_merges.bin, CLIP's byte pairs as ids, from the merges.txt of its tokenizer.

    python models/assets/clip_merges.py merges.txt

A record is two little-endian u16, the tokens that a merge joins; record n makes token 512 + n. The tokens before are the 256 bytes
(the printable ones first), then the same at the end of a word.
"""

import struct
import sys
from pathlib import Path

shown = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
letters = [chr(b) for b in shown] + [chr(256 + n) for n in range(256 - len(shown))]
ids = {t: i for i, t in enumerate([*letters, *(t + "</w>" for t in letters)])}
records = []
for line in Path(sys.argv[1]).read_text().splitlines()[1:]:
    a, b = line.split()
    records.append(struct.pack("<HH", ids[a], ids[b]))
    assert a + b not in ids
    ids[a + b] = len(ids)
Path(__file__).with_name("clip_merges.bin").write_bytes(b"".join(records))
