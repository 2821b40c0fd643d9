"""Reads a pack of ComfyUI's plain kind and says what its classes are."""

import importlib.util
import inspect
import json
import math
import os
import sys

# Modules of ComfyUI itself. What they do happens in the program, which a pack cannot reach into.
INTERNAL = ("comfy", "comfy_api", "comfy_api_nodes", "comfy_config", "comfy_extras", "app", "api_server", "cuda_malloc", "execution",
            "folder_paths", "latent_preview", "node_helpers", "nodes", "server")

REASONS = {
    "server": "packs cannot add routes or messages to the server",
    "folder_paths": "packs have their own folder and what their manifest names",
    "nodes": "nodes of the program are called by returning a graph (`expand`)",
}


class Refused(Exception):
    """What cannot be offered, and why."""


class Inside:
    """Refuses ComfyUI's own modules in words, instead of a module that is not found."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        first = name.partition(".")[0]
        if path is None and first in INTERNAL:
            why = REASONS.get(first, "it is inside another program")
            raise ImportError(f"`{name}` is a part of ComfyUI that is not offered here: {why}")
        return None


def load(folder, name):
    """The module of a pack."""
    sys.meta_path.insert(0, Inside)
    path = os.path.join(folder, "__init__.py")
    if not os.path.isfile(path):
        raise Refused("a Python pack has a file __init__.py with NODE_CLASS_MAPPINGS")
    module_name = "pack_" + "".join(it if it.isalnum() else "_" for it in name)
    spec = importlib.util.spec_from_file_location(module_name, path, submodule_search_locations=[folder])
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module
    spec.loader.exec_module(module)
    if not isinstance(getattr(module, "NODE_CLASS_MAPPINGS", None), dict):
        if hasattr(module, "comfy_entrypoint"):
            raise Refused("it declares its nodes by `comfy_entrypoint`; offered are packs with NODE_CLASS_MAPPINGS")
        raise Refused("its __init__.py has no NODE_CLASS_MAPPINGS")
    return module


class Class:
    """A class of a pack."""

    def __init__(self, name, code, title):
        self.name = name
        self.code = code
        self.title = title
        self.combos = {}
        types = code.INPUT_TYPES()
        if not isinstance(types, dict):
            raise Refused("INPUT_TYPES gives no dict")
        self.required = types.get("required") or {}
        self.optional = types.get("optional") or {}
        self.hidden = types.get("hidden") or {}
        self.returns = list(code.RETURN_TYPES or ())
        self.lists = list(getattr(code, "OUTPUT_IS_LIST", None) or [False] * len(self.returns))
        if len(self.lists) != len(self.returns):
            raise Refused("OUTPUT_IS_LIST and RETURN_TYPES differ in length")
        self.input_is_list = bool(getattr(code, "INPUT_IS_LIST", False))
        self.function = getattr(code, "FUNCTION", None)
        if not isinstance(self.function, str) or not callable(getattr(code, self.function, None)):
            raise Refused("FUNCTION names no method")
        if inspect.iscoroutinefunction(getattr(code, self.function)):
            raise Refused("its FUNCTION is asynchronous")
        self.checker = getattr(code, "VALIDATE_INPUTS", None)
        self.about = self._describe()

    def _describe(self):
        sections = {"required": self._section(self.required), "optional": self._section(self.optional)}
        sections["hidden"] = {key: str(it[0] if isinstance(it, (tuple, list)) else it) for key, it in self.hidden.items()}
        names = list(getattr(self.code, "RETURN_NAMES", None) or ())
        kinds = [list(map(str, it)) if isinstance(it, (list, tuple)) else str(it) for it in self.returns]
        names += [it if isinstance(it, str) else "COMBO" for it in kinds[len(names):]]
        return plain({
            "input": sections,
            "input_order": {key: list(it) for key, it in sections.items()},
            "is_input_list": self.input_is_list,
            "output": kinds,
            "output_name": [str(it) for it in names],
            "output_is_list": [bool(it) for it in self.lists],
            "output_tooltips": [str(it or "") for it in getattr(self.code, "OUTPUT_TOOLTIPS", None) or ()],
            "display_name": str(self.title or getattr(self.code, "DISPLAY_NAME", None) or self.name),
            "description": str(getattr(self.code, "DESCRIPTION", None) or ""),
            "category": str(getattr(self.code, "CATEGORY", None) or "packs"),
            "output_node": bool(getattr(self.code, "OUTPUT_NODE", False)),
            "not_idempotent": bool(getattr(self.code, "NOT_IDEMPOTENT", False)),
            "deprecated": bool(getattr(self.code, "DEPRECATED", False)),
            "experimental": bool(getattr(self.code, "EXPERIMENTAL", False)),
            "worker": {
                "fingerprint": hasattr(self.code, "IS_CHANGED"),
                "validate": self.checker is not None,
                "validated": [it for it in self.checked() if it in self.required or it in self.optional],
                "needs": hasattr(self.code, "check_lazy_status"),
                "expands": _mentions(getattr(self.code, self.function), "expand"),
            },
        })

    def _section(self, inputs):
        described = {}
        for name, said in inputs.items():
            kind, options = said, {}
            if isinstance(said, (tuple, list)) and said and not all(isinstance(it, str) for it in said[1:]):
                kind, options = said[0], (said[1] if len(said) > 1 else {})
            elif isinstance(said, (tuple, list)) and len(said) == 1:
                kind = said[0]
            options = dict(options or {})
            choices = kind if isinstance(kind, (list, tuple)) else options.get("options") if kind == "COMBO" else None
            if choices is not None:
                # Choices are texts on the way; here they are what the pack wrote.
                self.combos[name] = {str(it): it for it in choices}
                kind = list(self.combos[name])
                options.pop("options", None)
                if "default" in options:
                    options["default"] = str(options["default"])
            else:
                kind = str(kind)
            for key, it in list(options.items()):
                if callable(it):
                    raise Refused(f"its input `{name}` has a function as `{key}`")
            described[name] = [kind, options]
        return described

    def choose(self, name, value):
        """What the pack wrote for a choice."""
        if name in self.combos and isinstance(value, str):
            return self.combos[name].get(value, value)
        return value

    def checked(self):
        """The arguments of VALIDATE_INPUTS."""
        if self.checker is None:
            return []
        return [it for it in inspect.signature(self.checker).parameters if it not in ("self", "cls")]

    def _literals(self, literals, function):
        """The arguments of a function about literals: what is linked is None."""
        parameters = inspect.signature(function).parameters
        takes_all = any(it.kind is inspect.Parameter.VAR_KEYWORD for it in parameters.values())
        given = {key: self.choose(key, it) for key, it in literals.items()}
        for key in self.required:
            given.setdefault(key, None)
        for key, it in parameters.items():
            plain_one = it.kind in (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
            if plain_one and it.default is inspect.Parameter.empty:
                given.setdefault(key, {} if key == "input_types" else None)
        if self.input_is_list:
            given = {key: [it] for key, it in given.items()}
        return given if takes_all else {key: it for key, it in given.items() if key in parameters}

    def fingerprint(self, literals):
        """What the result depends on; None for something new every time."""
        function = self.code.IS_CHANGED
        said = function(**self._literals(literals, function))
        if isinstance(said, float) and math.isnan(said):
            return None
        return f"{type(said).__name__} {said!r}"

    def validate(self, literals):
        """Pairs of input and objection."""
        said = self.checker(**self._literals(literals, self.checker))
        if said is True:
            return []
        words = said if isinstance(said, str) else "it is not accepted"
        blamed = next((it for it in self.checked() if it in literals), "")
        return [[blamed, words]]


def describe(module):
    """All classes of a pack, and those that cannot be offered with the reasons."""
    titles = getattr(module, "NODE_DISPLAY_NAME_MAPPINGS", None) or {}
    classes, refused = {}, {}
    for name, code in module.NODE_CLASS_MAPPINGS.items():
        name = str(name)
        try:
            classes[name] = Class(name, code, titles.get(name))
        except Refused as error:
            refused[name] = str(error)
        except Exception as error:
            refused[name] = f"{type(error).__name__}: {error}"
    if getattr(module, "WEB_DIRECTORY", None):
        refused["WEB_DIRECTORY"] = "scripts of packs do not run in the editor; the nodes are there without them"
    return classes, refused


def plain(value):
    """A value as JSON says it."""
    try:
        # Infinity is no JSON; bounds that mean nothing are left away.
        return json.loads(json.dumps(_finite(value)))
    except (TypeError, ValueError) as error:
        raise Refused(f"its description is more than data: {error}") from None


def _finite(value):
    if isinstance(value, dict):
        items = {str(key): _finite(it) for key, it in value.items()}
        return {key: it for key, it in items.items() if not (isinstance(it, float) and not math.isfinite(it))}
    if isinstance(value, (list, tuple)):
        return [_finite(it) for it in value]
    return value


def _mentions(function, word):
    """Whether the code of a function holds a text."""
    code = getattr(inspect.unwrap(function), "__code__", None)
    if code is None:
        return True
    open_codes, seen = [code], 0
    while open_codes and seen < 1000:
        code, seen = open_codes.pop(), seen + 1
        for it in code.co_consts:
            if hasattr(it, "co_consts"):
                open_codes.append(it)
            elif it == word or isinstance(it, tuple) and word in it:
                return True
    return False
