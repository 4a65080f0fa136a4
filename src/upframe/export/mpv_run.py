"""A shader of :mod:`upframe.export.mpv` run without a player: its passes one after the other, in OpenGL without a window.

What a player gives to a pass is given here, in single precision: of each texture its pixels (``NAME_raw``), its size, the
position in it, and a factor of 1; and the size of what the pass makes, from its formula.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from upframe.errors import OutputError
from upframe.export.runners import Run
from upframe.models.contract import ExportStep
from upframe.models.fitting import cut_back, extend
from upframe.models.info import ModelInfo
from upframe.renderers.raster.gpu import create_context

_OPERATORS: dict[str, Callable[[float, float], float]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "%": operator.mod,
    ">": operator.gt,
}
_VERTEX = """#version 330
void main() {  // one triangle over everything
    gl_Position = vec4(4.0 * float(gl_VertexID & 1) - 1.0, 4.0 * float(gl_VertexID >> 1) - 1.0, 0.0, 1.0);
}
"""


class Bordered(nn.Module):
    """A network for images with the pixels around its border that a shader of it repeats: (n, 3, h, w) of any size."""

    def __init__(self, step: ExportStep, info: ModelInfo) -> None:
        super().__init__()
        self.network, self.info = step.module, info

    def forward(self, rgb: Tensor) -> Tensor:
        height, width = rgb.shape[-2:]
        return cut_back(self.network(extend(rgb, self.info)), height, width, self.info)


@dataclass(frozen=True, slots=True)
class _Pass:
    """``binds``: the textures it reads; ``saved``: the one it makes, ``sizes`` (width, height) the formulas of its size."""

    binds: tuple[str, ...]
    saved: str
    sizes: tuple[str, str]
    body: str


def mpv_runner(text: str) -> Run:
    """The text of a shader -> what runs it: ``rgb`` (1, 3, h, w) -> ``output`` (1, 3, s*h, s*w).

    Raises MissingExtra, DeviceError where there is no OpenGL, and OutputError for a shader that it cannot compile.
    """
    context = create_context()
    passes = [(step, _compiled(context, step)) for step in map(_parsed, text.split("//!DESC ")[1:])]

    def run(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        rgb = tensors["rgb"][0].permute(1, 2, 0).numpy()
        frame = np.concatenate((rgb, np.ones_like(rgb[..., :1])), axis=2)
        textures = {"HOOKED": _texture(context, frame.shape[1::-1], np.ascontiguousarray(frame).tobytes())}
        for step, program in passes:
            result = _drawn(context, step, program, textures)
            _release(textures.pop(step.saved, None))  # the texture of this name that an earlier pass made
            textures[step.saved] = result
        result = textures["OUTPUT"]
        values = np.frombuffer(result.read(), np.float32).reshape(result.height, result.width, 4)[..., :3]
        _release(*textures.values())
        return {"output": torch.from_numpy(np.ascontiguousarray(values.transpose(2, 0, 1)[None]))}

    return run


def _parsed(text: str) -> _Pass:
    """A pass as its directives (``//!KEY value``) say."""
    directives: dict[str, list[str]] = {}
    body = []
    for line in text.splitlines()[1:]:  # the first one is its description
        if line.startswith("//!"):
            key, _, value = line.removeprefix("//!").partition(" ")
            directives.setdefault(key, []).append(value)
        else:
            body.append(line)
    (width,), (height,) = directives["WIDTH"], directives["HEIGHT"]
    (saved,) = directives.get("SAVE", ["OUTPUT"])
    return _Pass(tuple(directives["BIND"]), saved, (width, height), "\n".join(body))


def _compiled(context: Any, step: _Pass) -> Any:
    given = "".join(
        f"uniform sampler2D {name}_raw;\nuniform vec2 {name}_size;\n#define {name}_pos place\n#define {name}_mul 1.0\n"
        for name in step.binds
    )
    head = f"#version 330\nuniform vec2 made_size;\n#define place (gl_FragCoord.xy / made_size)\n{given}out vec4 made;\n"
    fragment = f"{head}{step.body}\nvoid main() {{ made = hook(); }}\n"
    try:
        program = context.program(vertex_shader=_VERTEX, fragment_shader=fragment)
    except Exception as error:  # the package raises its own, whose words are the compiler's
        reason = next((line for line in str(error).splitlines() if "error" in line), str(error).strip())
        raise OutputError(f"OpenGL cannot compile the shader: {reason:.120}") from error
    return program


def _drawn(context: Any, step: _Pass, program: Any, textures: Mapping[str, Any]) -> Any:
    """The texture that a pass makes."""
    size = tuple(int(_number(formula, textures)) for formula in step.sizes)
    result = _texture(context, size)
    for unit, name in enumerate(step.binds):
        textures[name].use(unit)
        _set(program, f"{name}_raw", unit)
        _set(program, f"{name}_size", textures[name].size)
    _set(program, "made_size", size)
    frame = context.framebuffer([result])
    frame.use()
    array = context.vertex_array(program, [])
    array.render(vertices=3)
    _release(array, frame)
    return result


def _number(formula: str, textures: Mapping[str, Any]) -> float:
    """A formula in reverse Polish notation, in which ``NAME.w`` and ``NAME.h`` are the sides of a texture."""
    stack: list[float] = []
    for word in formula.split():
        if word in _OPERATORS:
            second, first = stack.pop(), stack.pop()
            stack.append(_OPERATORS[word](first, second))
        elif word[-2:] in (".w", ".h"):
            stack.append(textures[word[:-2]].size[word.endswith("h")])
        else:
            stack.append(float(word))
    (result,) = stack
    return result


def _texture(context: Any, size: tuple[int, ...], pixels: bytes | None = None) -> Any:
    return context.texture(size, 4, pixels, dtype="f4")


def _set(program: Any, name: str, value: Any) -> None:
    if name in program:  # the compiler leaves out what a pass does not use
        program[name].value = value


def _release(*things: Any) -> None:
    for thing in things:
        if thing is not None:
            thing.release()
