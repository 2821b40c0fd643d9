"""Run with `python3 test_nodes.py`."""

import array
import importlib.util
import pathlib

place = pathlib.Path(__file__).with_name("__init__.py")
spec = importlib.util.spec_from_file_location("pack", place)
pack = importlib.util.module_from_spec(spec)
spec.loader.exec_module(pack)

image = memoryview(array.array("f", [0.25, 0.5, 1.0])).cast("B").cast("f", [1, 1, 1, 3])
(brighter,) = pack.PackClass().run(image, 2.0)
assert brighter.tolist() == [[[[0.5, 1.0, 1.0]]]], brighter.tolist()
print("ok")
