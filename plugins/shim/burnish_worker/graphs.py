"""What nodes need to put a graph in their place, under the names that ComfyUI has for it."""

import sys
import types


class ExecutionBlocker:
    """A result that keeps the nodes behind it from running; with a message, the user is told."""

    def __init__(self, message=None):
        self.message = message


def is_link(value):
    """Whether a value is `[node, slot]`."""
    return isinstance(value, list) and len(value) == 2 and isinstance(value[0], str) and isinstance(value[1], (int, float))


class Node:
    """A node of a graph that is being made."""

    def __init__(self, id, class_type, inputs):
        self.id = id
        self.class_type = class_type
        self.inputs = inputs
        self.override_display_id = None

    def out(self, index):
        """The link that starts at an output."""
        return [self.id, index]

    def set_input(self, key, value):
        """Gives an input a value or a link; None takes it away."""
        if value is None:
            self.inputs.pop(key, None)
        else:
            self.inputs[key] = value

    def get_input(self, key):
        """What an input has."""
        return self.inputs.get(key)

    def set_override_display_id(self, override_display_id):
        """The node at which the editor shows this one."""
        self.override_display_id = override_display_id

    def serialize(self):
        """The node in the prompt format."""
        return {"class_type": self.class_type, "inputs": self.inputs}


class GraphBuilder:
    """Makes a graph node by node. Every id gets a prefix from the program, so that two graphs never meet."""

    def __init__(self, prefix=None):
        self.prefix = prefix or ""
        self.nodes = {}
        self.made = 0

    @classmethod
    def alloc_prefix(cls, root=None, call_index=None, graph_index=None):
        """Nothing: the program gives the prefix."""
        return ""

    def node(self, class_type, id=None, **inputs):
        """A new node, or the one of this id."""
        if id is None:
            self.made += 1
            id = str(self.made)
        id = self.prefix + str(id)
        if id not in self.nodes:
            self.nodes[id] = Node(id, class_type, inputs)
        return self.nodes[id]

    def lookup_node(self, id):
        """The node of this id, if there is one."""
        return self.nodes.get(self.prefix + str(id))

    def remove_node(self, id):
        """Takes a node away."""
        del self.nodes[self.prefix + str(id)]

    def replace_node_output(self, node_id, index, new_value):
        """Gives whoever is linked to an output something else; None takes the links away."""
        for node in self.nodes.values():
            for key, value in list(node.inputs.items()):
                if is_link(value) and value == [self.prefix + str(node_id), index]:
                    node.set_input(key, new_value)

    def finalize(self):
        """The graph in the prompt format."""
        return {id: node.serialize() for id, node in self.nodes.items()}


def install():
    """Lets packs import these by ComfyUI's names."""
    package = types.ModuleType("comfy_execution")
    package.__path__ = []
    utils = types.ModuleType("comfy_execution.graph_utils")
    utils.GraphBuilder, utils.Node, utils.ExecutionBlocker, utils.is_link = GraphBuilder, Node, ExecutionBlocker, is_link
    graph = types.ModuleType("comfy_execution.graph")
    graph.ExecutionBlocker = ExecutionBlocker
    package.graph_utils, package.graph = utils, graph
    for module in (package, utils, graph):
        sys.modules[module.__name__] = module
