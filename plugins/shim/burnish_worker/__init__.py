"""What a node of a Python pack may use of the program that runs it.

    import burnish_worker

    burnish_worker.progress(3, 10)          # how far the work is
    burnish_worker.text("nearly there")     # the same in words
    burnish_worker.preview(64, 64, rgb)     # how it looks: three bytes a pixel, red first
    image = burnish_worker.empty([1, 512, 512, 3])

`empty` makes a tensor in the memory that both processes see: returning it copies nothing. Its kind is that of every tensor here: torch
where it is installed, else numpy, else a memoryview of floats.
"""

_call = None


def progress(done, total):
    """Says that `done` of `total` units of the work are finished."""
    if _call is not None:
        _call.say("progress", done=max(0, int(done)), total=max(0, int(total)))


def text(words):
    """Says something about the work."""
    if _call is not None:
        _call.say("text", text=str(words))


def wants_previews():
    """Whether somebody looks at previews: making one is not free."""
    return _call is not None and _call.previews


def preview(width, height, rgb):
    """Shows how the work looks: `height * width * 3` bytes, rows from the top, red first."""
    if wants_previews():
        _call.say("preview", width=int(width), height=int(height), rgb=bytes(rgb))


def empty(shape):
    """A tensor of zeros in shared memory."""
    if _call is None:
        raise RuntimeError("there is shared memory only while a node runs")
    return _call.tensors.empty([int(it) for it in shape])
