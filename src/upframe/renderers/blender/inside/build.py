"""Generated scenes in Blender: meshes, materials, lights, camera and sky from the files that ``blender_export`` writes."""

from __future__ import annotations

import math
from typing import Any

import bpy  # type: ignore[import-not-found, import-untyped, unused-ignore]
import numpy as np
from mathutils import Matrix  # type: ignore[import-not-found, import-untyped, unused-ignore]

FULL_SUN = 0.009  # radians the sun's disc measures
BULB = 0.04  # metres, radius of a point light
SHEER = 0.3  # part of the light that goes through leaves and cloth


class BlenderScene:
    """The scene in Blender, and what of it moves."""

    def __init__(self, scene: Any, plan: dict[str, Any], arrays: Any) -> None:
        self.scene, self.arrays = scene, arrays
        for one in list(bpy.data.objects):
            bpy.data.objects.remove(one)
        images = [self._images(index, surface) for index, surface in enumerate(plan["surfaces"])]
        materials = [_material(each, images) for each in plan["materials"]]
        meshes = [self._mesh(index) for index in range(plan["meshes"])]
        self.root = self._object("root", None)
        self._standing(plan["standing"], meshes, materials)
        self.moving = [Mover(self._object("pivot", None), self._thing(pair, meshes, materials)) for pair in plan["moving"]]
        self.lights = [self._point(each) for each in plan["lights"]]
        self.camera = self._object("camera", bpy.data.cameras.new("camera"))
        self.camera.data.sensor_fit = "VERTICAL"
        self.camera.data.clip_end = 1e6
        scene.camera = self.camera
        if plan["sun"] is not None:
            self._sun(**plan["sun"])
        self._sky()

    def pose(self, frame: int, poses: Any, field_of_view: float, near: float) -> None:
        """Put everything where it is in this frame, and in those before and after: poses of (3, n, 4, 4) matrices each."""
        lens = self.camera.data
        lens.lens = lens.sensor_height / 2 / math.tan(field_of_view / 2)
        lens.clip_start = near
        set_keys(self.camera, frame, poses["camera"])
        for light, matrices in zip(self.lights, poses["lights"].swapaxes(0, 1), strict=True):
            set_keys(light, frame, matrices)
        for mover, matrices in zip(self.moving, poses["moving"].swapaxes(0, 1), strict=True):
            mover.pose(frame, matrices)

    def _object(self, name: str, content: Any) -> Any:
        made = bpy.data.objects.new(name, content)
        made.rotation_mode = "QUATERNION"
        self.scene.collection.objects.link(made)
        return made

    def _thing(self, pair: list[int], meshes: list[Any], materials: list[Any]) -> Any:
        mesh, material = pair
        made = self._object("thing", meshes[mesh])
        made.material_slots[0].link = "OBJECT"
        made.material_slots[0].material = materials[material]
        return made

    def _standing(self, pairs: list[list[int]], meshes: list[Any], materials: list[Any]) -> None:
        for pair, matrix in zip(pairs, self.arrays["standing"], strict=True):
            made = self._thing(pair, meshes, materials)
            made.parent = self.root
            made.matrix_parent_inverse = Matrix(matrix.tolist())  # unlike an object's own, this may hold any matrix

    def _mesh(self, index: int) -> Any:
        positions, normals, uvs, triangles = (
            self.arrays[f"mesh{index}.{name}"] for name in ("positions", "normals", "uvs", "triangles")
        )
        mesh = bpy.data.meshes.new("mesh")
        mesh.vertices.add(len(positions))
        mesh.vertices.foreach_set("co", positions.ravel())
        mesh.loops.add(triangles.size)
        mesh.loops.foreach_set("vertex_index", triangles.ravel())
        mesh.polygons.add(len(triangles))
        mesh.polygons.foreach_set("loop_start", np.arange(0, triangles.size, 3, dtype=np.int32))
        mesh.uv_layers.new(name="uv").uv.foreach_set("vector", uvs[triangles.ravel()].ravel())
        mesh.attributes.new("custom_normal", "FLOAT_VECTOR", "POINT").data.foreach_set("vector", normals.ravel())
        mesh.update(calc_edges=True)
        mesh.materials.append(None)
        return mesh

    def _images(self, index: int, has_holes: bool) -> tuple[Any, Any, bool]:
        """Colour with coverage, and the normal with roughness in place of coverage."""
        colour, normal, roughness = (self.arrays[f"surface{index}.{name}"] for name in ("colour", "normal", "roughness"))
        detail = np.empty((*roughness.shape, 4), np.float32)
        detail[..., :3] = (normal.astype(np.float32) - 128) / 254 + 0.5
        detail[..., 3] = roughness / np.float32(255)
        return image(colour / np.float32(255), "sRGB"), image(detail, "Non-Color", exact=True), has_holes

    def _point(self, light: dict[str, Any]) -> Any:
        strength = max(light["intensity"])
        data = bpy.data.lights.new("light", "POINT")
        data.energy, data.color = 4 * math.pi * strength, [part / max(strength, 1e-9) for part in light["intensity"]]
        data.shadow_soft_size = BULB
        _fade(data, light["reach"])
        made = self._object("light", data)
        made.visible_camera = False
        return made

    def _sun(self, direction: list[float], irradiance: list[float]) -> None:
        strength = max(irradiance)
        data = bpy.data.lights.new("sun", "SUN")
        data.energy, data.color, data.angle = strength, [part / max(strength, 1e-9) for part in irradiance], FULL_SUN
        made = self._object("sun", data)
        made.rotation_quaternion = Matrix.Identity(3).col[2].rotation_difference(direction)

    def _sky(self) -> None:
        world = bpy.data.worlds.new("sky")
        world.use_nodes = True
        sky = world.node_tree.nodes.new("ShaderNodeTexEnvironment")
        sky.image = image(self.arrays["environment"], "Linear Rec.709", exact=True)
        world.node_tree.links.new(sky.outputs["Color"], world.node_tree.nodes["Background"].inputs["Color"])
        self.scene.world = world


class Mover:
    """A thing that moves by any affine matrix: turned, stretched along its axes, and turned again, by two objects."""

    def __init__(self, pivot: Any, thing: Any) -> None:
        self.pivot, self.thing = pivot, thing
        thing.parent = pivot

    def pose(self, frame: int, matrices: Any) -> None:
        """(3, 4, 4): in the frame before, in this one and in the next."""
        first, lengths, second = np.linalg.svd(matrices[:, :3, :3])
        for turn, columns in ((first, np.s_[:, :, 2]), (second, np.s_[:, 2, :])):
            mirrored = np.linalg.det(turn) < 0
            turn[columns] *= np.where(mirrored, -1, 1)[:, None]
            lengths[:, 2] *= np.where(mirrored, -1, 1)
        outer = np.tile(np.eye(4), (3, 1, 1))
        outer[:, :3, :3], outer[:, :3, 3] = first, matrices[:, :3, 3]
        inner = np.tile(np.eye(4), (3, 1, 1))
        inner[:, :3, :3] = second
        set_keys(self.pivot, frame, outer, lengths)
        set_keys(self.thing, frame, inner)


def set_keys(thing: Any, frame: int, matrices: Any, lengths: Any = None) -> None:
    """Three rigid poses (3, 4, 4), and scales (3, 3) where there are any, at the frame before, this one and the next."""
    turns = np.array([Matrix(matrix[:3, :3].tolist()).to_quaternion() for matrix in matrices])
    tracks = {"location": matrices[:, :3, 3], "rotation_quaternion": turns}
    if lengths is not None:
        tracks["scale"] = lengths
    if thing.animation_data is None:
        for path in tracks:
            for time in range(3):
                thing.keyframe_insert(path, frame=time)
    animation = thing.animation_data
    for curve in animation.action.layers[0].strips[0].channelbag(animation.action_slot).fcurves:
        keys = np.stack((np.arange(frame - 1, frame + 2), tracks[curve.data_path][:, curve.array_index]), axis=1)
        curve.keyframe_points.foreach_set("co", keys.ravel())
        curve.keyframe_points.foreach_set("interpolation", [1] * 3)  # linear
        curve.update()


def image(pixels: Any, space: str, *, exact: bool = False) -> Any:
    """An image (h, w, 3 or 4), row 0 at the top; ``exact`` keeps floats."""
    height, width, channels = pixels.shape
    full = np.ones((height, width, 4), np.float32)
    full[..., :channels] = pixels
    made = bpy.data.images.new("image", width, height, alpha=True, float_buffer=exact)
    made.colorspace_settings.name = space
    made.alpha_mode = "CHANNEL_PACKED"
    made.pixels.foreach_set(full[::-1].ravel())
    made.update()
    return made


def _fade(light: Any, reach: float) -> None:
    """Have a light end at a distance, smoothly: (1 - (distance / reach)^2)^2 of it is left."""
    light.use_nodes = True
    tree = light.node_tree
    distance = tree.nodes.new("ShaderNodeLightPath").outputs["Ray Length"]
    for operation, first, second in (
        ("DIVIDE", None, reach),
        ("POWER", None, 2.0),
        ("SUBTRACT", 1.0, None),
        ("MAXIMUM", None, 0.0),
        ("POWER", None, 2.0),
    ):
        node = tree.nodes.new("ShaderNodeMath")
        node.operation = operation
        for socket, value in zip(node.inputs, (first, second), strict=False):
            if value is None:
                tree.links.new(distance, socket)
            else:
                socket.default_value = value
        distance = node.outputs[0]
    tree.links.new(distance, tree.nodes["Emission"].inputs["Strength"])


def _material(plan: dict[str, Any], images: list[tuple[Any, Any, bool]]) -> Any:
    """A Principled surface: textures multiply colour and roughness, holes are cut, single sides are seen from one side."""
    material = bpy.data.materials.new("material")
    material.use_nodes = True
    material.cycles.use_bump_map_correction = False  # it would turn normals, and the pass that shows them
    tree = material.node_tree
    nodes, link = tree.nodes, tree.links.new
    principled = nodes["Principled BSDF"]
    inputs = principled.inputs
    inputs["Base Color"].default_value = inputs["Emission Color"].default_value = (*plan["base_colour"], 1.0)
    inputs["Roughness"].default_value, inputs["Metallic"].default_value = plan["roughness"], plan["metallic"]
    inputs["Emission Strength"].default_value = plan["emission"]
    shader, coverage, colour = principled.outputs[0], None, None
    if plan["surface"] is not None:
        colour, coverage = _textured(tree, principled, plan, images[plan["surface"]])
    if coverage is not None and plan["two_sided"]:
        sheer = nodes.new("ShaderNodeBsdfTranslucent")
        link(colour, sheer.inputs["Color"])
        shader = _mix(tree, shader, sheer.outputs[0], SHEER)
    if not plan["two_sided"]:
        shader = _mix(
            tree,
            shader,
            nodes.new("ShaderNodeBsdfTransparent").outputs[0],
            nodes.new("ShaderNodeNewGeometry").outputs["Backfacing"],
        )
    if coverage is not None:
        shader = _mix(tree, nodes.new("ShaderNodeBsdfTransparent").outputs[0], shader, coverage)
    link(shader, nodes["Material Output"].inputs["Surface"])
    return material


def _textured(tree: Any, principled: Any, plan: dict[str, Any], images: tuple[Any, Any, bool]) -> tuple[Any, Any]:
    """Link a surface's textures. Gives the colour, and 0 in holes and 1 beside them where the surface has any."""
    nodes, link = tree.nodes, tree.links.new
    textures = [nodes.new("ShaderNodeTexImage") for _ in range(2)]
    textures[0].image, textures[1].image, has_holes = images
    tint = nodes.new("ShaderNodeVectorMath")
    tint.operation = "MULTIPLY"
    tint.inputs[1].default_value = plan["base_colour"]
    link(textures[0].outputs["Color"], tint.inputs[0])
    for name in ("Base Color", "Emission Color"):
        link(tint.outputs[0], principled.inputs[name])
    rough = nodes.new("ShaderNodeMath")
    rough.operation = "MULTIPLY"
    rough.inputs[1].default_value = plan["roughness"]
    link(textures[1].outputs["Alpha"], rough.inputs[0])
    link(rough.outputs[0], principled.inputs["Roughness"])
    bent = nodes.new("ShaderNodeNormalMap")
    bent.uv_map = "uv"
    link(textures[1].outputs["Color"], bent.inputs["Color"])
    link(bent.outputs[0], principled.inputs["Normal"])
    if not has_holes:
        return tint.outputs[0], None
    cut = nodes.new("ShaderNodeMath")
    cut.operation = "GREATER_THAN"
    cut.inputs[1].default_value = 0.4
    link(textures[0].outputs["Alpha"], cut.inputs[0])
    return tint.outputs[0], cut.outputs[0]


def _mix(tree: Any, first: Any, second: Any, amount: Any) -> Any:
    """Of two shaders; the second where the amount, a number or a node's output, is 1."""
    node = tree.nodes.new("ShaderNodeMixShader")
    if isinstance(amount, float):
        node.inputs[0].default_value = amount
    else:
        tree.links.new(amount, node.inputs[0])
    tree.links.new(first, node.inputs[1])
    tree.links.new(second, node.inputs[2])
    return node.outputs[0]
