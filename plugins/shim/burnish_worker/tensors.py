"""Tensors in files that both processes map. Looking at one copies nothing."""

import importlib.util
import mmap
import os
import sys

FLOAT = 4


def library():
    """The module that tensors are of: torch, numpy, or None for plain memoryviews."""
    for name in ("torch", "numpy"):
        if name in sys.modules or importlib.util.find_spec(name) is not None:
            return __import__(name)
    return None


class Tensors:
    """The tensors of one call."""

    def __init__(self, folder, call):
        self.folder = folder
        self.call = call
        self.maps = []
        self.made = 0

    def view(self, shared):
        """The tensor that the program shares."""
        path = os.path.join(self.folder, shared["file"])
        with open(path, "r+b") as file:
            return self._mapped(file, shared["file"], shared["shape"])

    def empty(self, shape):
        """A new one."""
        name = self._name()
        with open(os.path.join(self.folder, name), "x+b") as file:
            # Memory that is not there shall be an error here, not a signal at the first touch.
            os.posix_fallocate(file.fileno(), 0, max(1, count(shape)) * FLOAT)
            return self._mapped(file, name, shape)

    def share(self, value):
        """Where the program finds a tensor. It is copied only if it is not there already."""
        for name, memory, tensor in self.maps:
            if value is tensor or _same_place(value, tensor):
                return {"file": name, "shape": list(value.shape)}
        shape, data = _contents(value)
        name = self._name()
        with open(os.path.join(self.folder, name), "xb", buffering=0) as file:
            while len(data) > 0:
                data = data[file.write(data):]
        return {"file": name, "shape": shape}

    def unused(self):
        """The files of inputs that nobody looks at any more."""
        names = []
        while self.maps:
            name, memory, tensor = self.maps.pop()
            del tensor
            try:
                memory.close()
            except BufferError:
                # The pack keeps it: then it keeps what is in it.
                continue
            if name.startswith("in-"):
                names.append(name)
        return names

    def _name(self):
        self.made += 1
        return f"out-{self.call}-{self.made}"

    def _mapped(self, file, name, shape):
        if count(shape) == 0:
            raise ValueError(f"a tensor of shape {shape} holds nothing")
        memory = mmap.mmap(file.fileno(), count(shape) * FLOAT)
        module = library()
        if module is None:
            tensor = memoryview(memory).cast("B").cast("f", list(shape))
        elif module.__name__ == "torch":
            tensor = module.frombuffer(memory, dtype=module.float32).reshape(list(shape))
        else:
            tensor = module.frombuffer(memory, dtype=module.float32).reshape(shape)
        self.maps.append((name, memory, tensor))
        return tensor


def count(shape):
    """How many numbers a shape has."""
    total = 1
    for it in shape:
        total *= it
    return total


def is_tensor(value):
    """Whether a value can be shared as a tensor."""
    return isinstance(value, memoryview) or (hasattr(value, "shape") and (hasattr(value, "data_ptr") or hasattr(value, "__array_interface__")))


def _place(value):
    """The address of the numbers, if they lie there without gaps as 32-bit floats."""
    if hasattr(value, "data_ptr"):
        plain = str(value.dtype) == "torch.float32" and value.is_contiguous() and value.device.type == "cpu"
        return value.data_ptr() if plain else None
    if hasattr(value, "__array_interface__"):
        plain = value.dtype.str == "<f4" and value.flags["C_CONTIGUOUS"]
        return value.__array_interface__["data"][0] if plain else None
    return None


def _same_place(value, tensor):
    if isinstance(value, memoryview) or type(value) is not type(tensor):
        return False
    place = _place(value)
    return place is not None and place == _place(tensor) and count(value.shape) == count(tensor.shape)


def _contents(value):
    """The shape of a tensor and its numbers as bytes."""
    if hasattr(value, "data_ptr"):
        import torch

        value = value.detach().to("cpu", torch.float32).contiguous()
        shape = list(value.shape)
        try:
            value = value.numpy()
        except RuntimeError:
            # A torch without numpy.
            import ctypes

            size = value.numel() * FLOAT
            return shape, memoryview((ctypes.c_char * size).from_address(value.data_ptr()).raw)
        return shape, memoryview(value.reshape(-1)).cast("B")
    if hasattr(value, "__array_interface__"):
        import numpy

        value = numpy.ascontiguousarray(value, dtype=numpy.float32)
        return list(value.shape), memoryview(value.reshape(-1)).cast("B")
    view = memoryview(value)
    if view.format != "f" or not view.c_contiguous:
        raise TypeError(f"a memoryview of format {view.format!r} is no tensor: it takes format 'f' without gaps")
    return list(view.shape), view.cast("B")
