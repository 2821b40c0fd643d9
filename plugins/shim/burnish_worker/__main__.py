"""A worker process: hears what the program wants of a pack, and answers."""

import collections
import ctypes
import os
import queue
import shutil
import signal
import sys
import threading
import traceback

import burnish_worker
from burnish_worker import graphs, packs, tensors, wire

PROTOCOL = 1
MOST_INSTANCES = 1000


class Cancelled(BaseException):
    """The program has no more use for the call."""


class Opaque:
    """An object of the program: a pack may hand it on and hand it back during the same call."""

    def __init__(self, number, call):
        self.number = number
        self.call = call

    def __repr__(self):
        return "<an object of the program>"


class Call:
    """One call of a node."""

    def __init__(self, worker, order):
        self.worker = worker
        self.number = order["call"]
        self.previews = bool(order.get("previews"))
        self.tensors = tensors.Tensors(worker.shared, self.number)

    def say(self, kind, /, **about):
        self.worker.say({kind: {"call": self.number, **about}})

    def value(self, wire_value):
        """A value that the program gave."""
        (kind, it), = wire_value.items()
        if kind in ("image", "mask"):
            return self.tensors.view(it)
        if kind == "latent":
            latent = {"samples": self.tensors.view(it["samples"])}
            if it.get("noise_mask") is not None:
                latent["noise_mask"] = self.tensors.view(it["noise_mask"])
            if it.get("batch_index") is not None:
                latent["batch_index"] = it["batch_index"]
            return latent
        if kind == "held":
            return self.worker.held[it]
        if kind == "host":
            return Opaque(it, self.number)
        if kind == "blocked":
            return graphs.ExecutionBlocker(it)
        return it

    def inputs(self, code, order):
        """The arguments of a node."""
        arguments = {}
        for name, slot in order["inputs"]:
            (kind, it), = slot.items()
            if kind == "waiting":
                it = None
            elif kind == "values":
                it = [code.choose(name, self.value(value)) for value in it]
                if not code.input_is_list:
                    it = it[0]
            if code.input_is_list and not isinstance(it, list):
                it = [it]
            arguments[name] = it
        for name, it in order.get("hidden", {}).items():
            arguments[name] = [it] if code.input_is_list else it
        return arguments

    def wire(self, value, kind):
        """A value for the program."""
        if isinstance(value, graphs.ExecutionBlocker):
            return {"blocked": value.message}
        if isinstance(value, Opaque):
            if value.call != self.number:
                raise ValueError("an object of the program was kept from an earlier call; it is good for one call only")
            return {"host": value.number}
        if hasattr(value, "item") and getattr(value, "shape", None) == () and kind != "*":
            value = value.item()
        open_kind = kind == "*" or "," in str(kind)
        if kind in ("IMAGE", "MASK") or open_kind and tensors.is_tensor(value) and len(value.shape) in (3, 4):
            if not tensors.is_tensor(value):
                raise TypeError(f"{kind} is a tensor, and this is {type(value).__name__}")
            if kind == "MASK" and len(value.shape) == 2:
                shared = self.tensors.share(value)
                return {"mask": {"file": shared["file"], "shape": [1, *shared["shape"]]}}
            name = "image" if kind == "IMAGE" or kind != "MASK" and len(value.shape) == 4 else "mask"
            return {name: self.tensors.share(value)}
        if kind == "LATENT" or open_kind and isinstance(value, dict) and tensors.is_tensor(value.get("samples")):
            if not isinstance(value, dict) or "samples" not in value:
                raise TypeError("LATENT is a dict with `samples`")
            latent = {"samples": self.tensors.share(value["samples"])}
            if value.get("noise_mask") is not None:
                latent["noise_mask"] = self.tensors.share(value["noise_mask"])
            if value.get("batch_index") is not None:
                latent["batch_index"] = [int(it) for it in value["batch_index"]]
            return {"latent": latent}
        # Exact: subclasses, as of texts that equal everything, are more than what they look like.
        if isinstance(value, bool):
            return {"bool": value}
        if isinstance(value, int) and -(1 << 63) <= value < 1 << 64:
            return {"int": int(value)}
        if isinstance(value, float):
            return {"float": float(value)}
        if isinstance(value, str):
            return {"string": str(value)}
        if kind in ("INT", "FLOAT", "BOOLEAN", "STRING"):
            raise TypeError(f"{kind} cannot be {type(value).__name__}")
        return {"held": self.worker.hold(value)}

    def outputs(self, code, result):
        """All outputs."""
        if result is None:
            result = ()
        if not isinstance(result, (tuple, list)):
            if isinstance(result, graphs.ExecutionBlocker):
                result = [result] * len(code.returns)
            else:
                raise TypeError(f"{code.function} gave {type(result).__name__} instead of a tuple with an element for each output")
        if len(result) > len(code.returns) or len(result) < len(code.returns) and not (code.about["output_node"] and not result):
            raise TypeError(f"{code.function} gave {len(result)} results, and RETURN_TYPES names {len(code.returns)}")
        return result

    def execute(self, code, order):
        """Runs the node and answers."""
        instance = self.worker.instance(code, order["node"])
        result = getattr(instance, code.function)(**self.inputs(code, order))
        ui, graph = {}, None
        if isinstance(result, dict):
            ui, graph, result = result.get("ui") or {}, result.get("expand"), result.get("result")
        ui = {str(key): packs.plain(list(it) if isinstance(it, (list, tuple)) else [it]) for key, it in ui.items()}
        result = self.outputs(code, result)
        if graph is not None:
            parts = []
            for value, kind in zip(result, code.returns):
                link = graphs.is_link(value)
                parts.append({"link": [value[0], int(value[1])]} if link else {"value": self.wire(value, kind)})
            self.say("expand", graph=packs.plain(graph), outputs=parts, ui=ui)
            return
        outputs = []
        for value, kind, is_list in zip(result, code.returns, code.lists):
            kind = "STRING" if isinstance(kind, (list, tuple)) else str(kind)
            blocked = isinstance(value, graphs.ExecutionBlocker)
            outputs.append([self.wire(it, kind) for it in value] if is_list and not blocked else [self.wire(value, kind)])
        outputs += [[{"blocked": None}]] * (len(code.returns) - len(outputs))
        self.say("values", outputs=outputs, ui=ui)

    def needs(self, code, order):
        """Names the lazy inputs that are needed."""
        instance = self.worker.instance(code, order["node"])
        waiting = {name for name, slot in order["inputs"] if "waiting" in slot}
        arguments = self.inputs(code, order)
        names = instance.check_lazy_status(**arguments) or []
        self.say("names", names=[str(it) for it in names if it in waiting])


class Worker:
    """The process."""

    def __init__(self, output):
        self.output = output
        self.writing = threading.Lock()
        self.orders = queue.SimpleQueue()
        self.current = None
        self.cancelled = set()
        self.shared = None
        self.classes = {}
        self.instances = collections.OrderedDict()
        self.held = {}
        self.holding = 0

    def say(self, message):
        # The lock must not be left by a call that is cancelled in between.
        data_lock = self.writing
        with data_lock:
            before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
            try:
                wire.write_frame(self.output, message)
            finally:
                signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def hold(self, value):
        self.holding += 1
        self.held[self.holding] = value
        return self.holding

    def instance(self, code, node):
        key = (code.name, node)
        if key not in self.instances:
            self.instances[key] = code.code()
            if len(self.instances) > MOST_INSTANCES:
                self.instances.popitem(last=False)
        self.instances.move_to_end(key)
        return self.instances[key]

    def listen(self, file):
        """Hears the program, on a thread of its own: it is answered whatever a node does."""
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        while True:
            try:
                order = wire.read_frame(file)
            except Exception:
                order = None
            if order is None:
                # The program is gone, and with it every use of this process.
                if self.shared:
                    shutil.rmtree(os.path.dirname(self.shared), ignore_errors=True)
                os._exit(0)
            (kind, about), = order.items()
            if kind == "ping":
                self.say({"pong": {}})
            elif kind == "drop":
                for number in about["held"]:
                    self.held.pop(number, None)
            elif kind == "cancel":
                self.cancelled.add(about["call"])
                if self.current == about["call"]:
                    signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
            else:
                self.orders.put((kind, about))

    def interrupted(self, *_):
        if self.current in self.cancelled:
            raise Cancelled()

    def serve(self):
        while True:
            kind, about = self.orders.get()
            call = None
            try:
                if kind == "hello":
                    self.hello(about)
                    continue
                self.current = about["call"]
                call = Call(self, about)
                burnish_worker._call = call
                if call.number in self.cancelled:
                    raise Cancelled()
                code = self.classes[about["class"]]
                if kind == "execute":
                    call.execute(code, about)
                elif kind == "needs":
                    call.needs(code, about)
                elif kind == "fingerprint":
                    call.say("content", content=code.fingerprint(about["literals"]))
                elif kind == "validate":
                    call.say("objections", objections=code.validate(about["literals"]))
            except (Exception, Cancelled, KeyboardInterrupt, SystemExit) as error:
                self.current = None
                frames = traceback.extract_tb(error.__traceback__)
                # The lines of this file say nothing about the pack.
                frames = [it for it in frames if os.path.dirname(it.filename) != os.path.dirname(__file__)] or frames
                where = "".join(traceback.format_list(frames))
                if call is not None:
                    call.say("failed", kind=type(error).__name__, message=str(error), traceback=where)
            finally:
                self.current = None
                burnish_worker._call = None
                if call is not None:
                    self.cancelled.discard(call.number)
                    names = call.tensors.unused()
                    if names:
                        self.say({"free": {"files": names}})

    def hello(self, about):
        if about["protocol"] != PROTOCOL:
            self.say({"refuse": {"reason": f"the shim speaks version {PROTOCOL} of the protocol"}})
            return
        self.shared = about["shared"]
        try:
            graphs.install()
            self.classes, refused = packs.describe(packs.load(about["folder"], about["pack"]))
        except packs.Refused as error:
            self.say({"refuse": {"reason": str(error)}})
        except (Exception, SystemExit) as error:
            frames = traceback.extract_tb(error.__traceback__)
            inside = [it for it in frames if it.filename.startswith(about["folder"])]
            where = f" ({os.path.relpath(inside[-1].filename, about['folder'])}, line {inside[-1].lineno})" if inside else ""
            self.say({"refuse": {"reason": f"{type(error).__name__}: {error}{where}"}})
        else:
            classes = {name: it.about for name, it in self.classes.items()}
            self.say({"ready": {"protocol": PROTOCOL, "classes": classes, "refused": refused}})


def main():
    try:
        # Killed with the program, even where it has no time to close anything.
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)
    except (OSError, AttributeError):
        pass
    # What packs print is no message.
    output = os.dup(1)
    os.dup2(2, 1)
    source = os.fdopen(os.dup(0), "rb")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    worker = Worker(output)
    signal.signal(signal.SIGINT, worker.interrupted)
    threading.Thread(target=worker.listen, args=(source,), daemon=True).start()
    worker.serve()


if __name__ == "__main__":
    main()
