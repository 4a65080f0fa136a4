"""What any material of a ``.blend`` file looks like, written out beside its light: base colour, roughness, metalness.

Cycles has no passes for them, but each material may write values of its own (AOV). The nodes that lead to the material's
output are followed: Principled and plain shaders, mixtures, groups. Pixels of what is not understood keep ``KNOWN`` at 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import bpy  # type: ignore[import-not-found, import-untyped, unused-ignore]

ALBEDO, ROUGHNESS, METALLIC, KNOWN = AOVS = tuple(f"upframe_{name}" for name in ("albedo", "roughness", "metallic", "known"))
OPAQUE = 0.5  # Cycles writes depth and motion of the first surface at least so opaque

Value: TypeAlias = Any
"""An output of a node, or a constant: a float, or a tuple of three."""


@dataclass(frozen=True)
class Look:
    """Of a shader; with an ``opacity`` of 0 it is not seen at all."""

    albedo: Value
    roughness: Value = 1.0
    metallic: Value = 0.0
    opacity: Value = 1.0


CLEAR = Look((0.0, 0.0, 0.0), opacity=0.0)
BLACK = Look((0.0, 0.0, 0.0))
MIRRORS = {"ShaderNodeBsdfGlossy", "ShaderNodeBsdfAnisotropic"}  # two names of one
GLOSSY = MIRRORS | {"ShaderNodeBsdfGlass", "ShaderNodeBsdfRefraction"}
MATTE = {"Bsdf" + name for name in ("Diffuse", "Translucent", "Sheen", "Toon")} | {"SubsurfaceScattering"}
COLOURED = GLOSSY | {f"ShaderNode{name}" for name in MATTE}


class Unknown(Exception):
    """A shader that is not understood."""


def reveal(material: Any) -> bool:
    """Make a material write its look. False, and nothing changed that shows, where its shader is not understood."""
    if not material.use_nodes or material.node_tree is None:
        return False
    tree = material.node_tree
    output = tree.get_output_node("CYCLES")
    if output is None or not output.inputs["Surface"].is_linked:
        return False
    try:
        look = _Reader(tree).read(output.inputs["Surface"])
    except Unknown:
        return False
    reader = _Reader(tree)
    if isinstance(look.opacity, float):
        seen: Value = float(look.opacity >= OPAQUE)
    else:
        seen = reader.calculate("GREATER_THAN", look.opacity, OPAQUE - 1e-4)
    for name, value in zip(AOVS, (look.albedo, look.roughness, look.metallic, 1.0), strict=True):
        node = tree.nodes.new("ShaderNodeOutputAOV")
        node.aov_name = name
        coloured = name == ALBEDO
        reader.assign(node.inputs["Color" if coloured else "Value"], reader.times(value, seen, coloured=coloured))
    return True


def add_passes(layer: Any) -> None:
    """Have a view layer keep what ``reveal`` writes."""
    for name in AOVS:
        aov = layer.aovs.add()
        aov.name, aov.type = name, "COLOR" if name == ALBEDO else "VALUE"


class _Reader:
    """Follows the shaders of one node tree, and adds the nodes that calculate with what they say."""

    def __init__(self, tree: Any, depth: int = 0) -> None:
        self.tree, self.depth = tree, depth

    def read(self, socket: Any) -> Look:
        """The look of what is linked to a shader input."""
        link = _link_to(socket)
        if link is None:
            return CLEAR
        node = link.from_node
        kind = "muted" if node.mute else node.bl_idname
        if kind == "ShaderNodeMixShader":
            return self.mixed(self.read(node.inputs[1]), self.read(node.inputs[2]), self.value(node.inputs[0]))
        if kind == "ShaderNodeAddShader":
            return self.added(self.read(node.inputs[0]), self.read(node.inputs[1]))
        if kind == "ShaderNodeGroup" and node.node_tree is not None and self.depth < 8:
            return self.group(node, link.from_socket)
        return self.single(node, kind)

    def single(self, node: Any, kind: str) -> Look:
        """A shader that is not made of others."""
        if kind == "ShaderNodeBsdfPrincipled":
            return Look(*(self.value(node.inputs[name]) for name in ("Base Color", "Roughness", "Metallic", "Alpha")))
        if kind == "ShaderNodeBsdfMetallic":
            return Look(self.value(node.inputs["Base Color"]), self.value(node.inputs["Roughness"]), 1.0)
        if kind in COLOURED:
            roughness = self.value(node.inputs["Roughness"]) if kind in GLOSSY else 1.0
            return Look(self.value(node.inputs["Color"]), roughness, 1.0 if kind in MIRRORS else 0.0)
        if kind == "ShaderNodeEmission":
            return BLACK
        if kind in {"ShaderNodeBsdfTransparent", "ShaderNodeHoldout"}:
            return CLEAR
        raise Unknown(kind)

    def mixed(self, first: Look, second: Look, amount: Value) -> Look:
        """``first`` where the amount is 0; what is clear has no look of its own."""
        opacity = self.mix(first.opacity, second.opacity, amount)
        if _is_clear(first) or _is_clear(second):
            look = second if _is_clear(first) else first
            return Look(look.albedo, look.roughness, look.metallic, opacity)
        return Look(
            self.mix(first.albedo, second.albedo, amount, coloured=True),
            self.mix(first.roughness, second.roughness, amount),
            self.mix(first.metallic, second.metallic, amount),
            opacity,
        )

    def added(self, first: Look, second: Look) -> Look:
        """Light added to a surface leaves it as it is; of two that reflect it is the mean."""
        dark = [_is_clear(look) or look.albedo == (0.0, 0.0, 0.0) for look in (first, second)]
        if any(dark):
            return second if dark[0] else first
        return self.mixed(first, second, 0.5)

    def group(self, node: Any, socket: Any) -> Look:
        """A group's inside is read, and what was found is handed out through outputs of its own."""
        tree = node.node_tree = node.node_tree.copy()  # an output more must not stand in groups that are read elsewhere
        end = next((each for each in tree.nodes if each.bl_idname == "NodeGroupOutput" and each.is_active_output), None)
        inner = None if end is None else next((each for each in end.inputs if each.identifier == socket.identifier), None)
        if inner is None:
            raise Unknown("a group without output")
        look = _Reader(tree, self.depth + 1).read(inner)
        return Look(
            *(self.handed_out(node, tree, end, value) for value in (look.albedo, look.roughness, look.metallic, look.opacity))
        )

    @staticmethod
    def handed_out(node: Any, tree: Any, end: Any, value: Value) -> Value:
        """A value from within a group as an output of its node."""
        if not isinstance(value, bpy.types.NodeSocket):
            return value
        coloured = value.type != "VALUE"
        item = tree.interface.new_socket(
            "look", in_out="OUTPUT", socket_type="NodeSocketColor" if coloured else "NodeSocketFloat"
        )
        tree.links.new(value, next(each for each in end.inputs if each.identifier == item.identifier))
        return next(each for each in node.outputs if each.identifier == item.identifier)

    @staticmethod
    def value(socket: Any) -> Value:
        """What an input is given: a link, or its own constant."""
        link = _link_to(socket)
        if link is not None:
            return link.from_socket
        constant = socket.default_value
        return tuple(constant)[:3] if socket.type == "RGBA" else float(constant)

    def mix(self, first: Value, second: Value, amount: Value, *, coloured: bool = False) -> Value:
        """Between two values."""
        if isinstance(amount, float) and amount in {0.0, 1.0}:
            return second if amount else first
        if not any(isinstance(value, bpy.types.NodeSocket) for value in (first, second)) and first == second:
            return first
        node = self.tree.nodes.new("ShaderNodeMix")
        node.data_type = "RGBA" if coloured else "FLOAT"
        wanted = "RGBA" if coloured else "VALUE"
        a, b = (socket for socket in node.inputs if socket.type == wanted and socket.name in {"A", "B"})
        for socket, value in ((node.inputs[0], amount), (a, first), (b, second)):
            self.assign(socket, value)
        return next(socket for socket in node.outputs if socket.type == wanted)

    def calculate(self, operation: str, first: Value, second: Value) -> Value:
        """A Math node."""
        node = self.tree.nodes.new("ShaderNodeMath")
        node.operation = operation
        self.assign(node.inputs[0], first)
        self.assign(node.inputs[1], second)
        return node.outputs[0]

    def times(self, value: Value, factor: Value, *, coloured: bool) -> Value:
        """A colour or a number, times a number."""
        if isinstance(factor, float):
            return value if factor else 0.0
        if coloured:
            return self.mix((0.0, 0.0, 0.0), value, factor, coloured=True)
        return self.calculate("MULTIPLY", value, factor)

    def assign(self, socket: Any, value: Value) -> None:
        """Link a value to an input, or set it."""
        if isinstance(value, bpy.types.NodeSocket):
            self.tree.links.new(value, socket)
        elif socket.type == "RGBA":
            socket.default_value = (*value, 1.0) if isinstance(value, tuple) else (value, value, value, 1.0)
        else:
            socket.default_value = value


def _is_clear(look: Look) -> bool:
    return isinstance(look.opacity, float) and look.opacity == 0


def _link_to(socket: Any) -> Any:
    """The link that feeds an input, looking through reroutes; None where there is none."""
    while socket.is_linked:
        link = socket.links[0]
        if link.is_muted or not link.is_valid:
            return None
        if link.from_node.bl_idname != "NodeReroute":
            return link
        socket = link.from_node.inputs[0]
    return None
