"""What the peers of benches/src/bin/language.rs share: each line of the input is answered with milliseconds, or MiB for `memory`."""

import resource
import sys
import time


def serve(open_path, begin, decode):
    """`begin` forgets all tokens; `decode` reads tokens behind those before, and says which is the likeliest to follow."""
    last = None
    for line in sys.stdin:
        words = line.split()
        if words[0] == "memory":
            print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, flush=True)
            continue
        start = time.perf_counter()
        if words[0] == "open":
            open_path(line.split(maxsplit=1)[1].strip())
        elif words[0] == "read":
            begin()
            last = decode([int(it) for it in words[1:]])
        elif words[0] == "write":
            for _ in range(int(words[1])):
                last = decode([last])
        else:
            raise SystemExit(f"what is {words[0]}?")
        print((time.perf_counter() - start) * 1e3, flush=True)
