"""A network for images as a shader that a player runs on every frame: mpv's and libplacebo's user shaders (``//!HOOK``).

A map of c channels is c/4 textures of four channels each, every one of them made by one pass of the shader. A frame is folded,
with the same pixels repeated around it that :mod:`upframe.models.fitting` repeats; each convolution is one pass a texture, its
weights written into the pass as matrices; the last one's channels are laid out in rows of the larger image, and those are put
together with the bilinear upscaling of the frame. Positions are whole pixels of the textures, so that no filter of the
player's takes part.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from importlib.metadata import version

from torch import Tensor
from torch.nn import functional as F

from upframe.models.info import ModelInfo
from upframe.models.layers import Layer, Layers, Norm

LANES = 4  # channels of a texture
BINDABLE = 16  # textures that a pass can read
_STAGE = "MAIN"  # where a frame is RGB as a display has it, of its own size

_ACTIVATIONS = {
    None: "",
    "relu": "s = max(s, 0.0);",
    "lrelu": "s = max(s, 0.05 * s);",
    # GELU by the error function, of which this rational form is wrong by 1.5e-7 at most (Abramowitz and Stegun, 7.1.26).
    "gelu": """vec4 z = abs(s) * 0.70710678;
    vec4 t = 1.0 / (1.0 + 0.3275911 * z);
    vec4 e = (((1.061405429 * t - 1.453152027) * t + 1.421413741) * t - 0.284496736) * t + 0.254829592;
    e = 1.0 - e * t * exp(-z * z);
    s = 0.5 * s * (1.0 + sign(s) * e);""",
}


def is_runnable(layers: Layers) -> bool:
    """Whether no pass of these layers would read more textures than a player binds."""
    widest = max(layer.weight.shape[1] for layer in layers.layers)
    return math.ceil(widest / LANES) + 2 <= BINDABLE and layers.unfold + 1 <= BINDABLE


def shader(layers: Layers, info: ModelInfo) -> str:
    """The text of the shader of a network that :func:`is_runnable`. It takes frames of any size."""
    passes = list(_Passes(layers, info))
    return _HEAD.format(
        name=info.name, version=version("upframe"), licence=info.licence or "not stated", scale=info.scale
    ) + "".join(f"\n//!DESC {info.name} {number}/{len(passes)}\n{text}" for number, text in enumerate(passes, 1))


_HEAD = """// {name}, x{scale}, for mpv and libplacebo. Written by Upframe {version}; licence of the weights: {licence}.
// mpv --glsl-shader=FILE VIDEO. It runs where the window is larger than the video, on RGB.
"""


class _Passes:
    """The passes of a shader, in order."""

    def __init__(self, layers: Layers, info: ModelInfo) -> None:
        self._layers, self._scale, self._margin = layers, info.scale, info.margin
        side = (
            "HOOKED.{0} HOOKED.{0} {1} % - {2} + HOOKED.{0} {1} % 0 > {1} * + {1} /"  # folded, the margin included, rounded up
        )
        self._size = [side.format(axis, layers.fold, 2 * info.margin) for axis in "wh"]

    def __iter__(self) -> Iterator[str]:
        folded = _names("A", 3 * self._layers.fold**2)
        yield from self._fold(folded)
        textures, first = folded, folded
        layers = self._layers.layers
        keeps = any(layer.added == "first" for layer in layers)
        for number, layer in enumerate(layers):
            if layer.norm is not None:
                yield self._statistics(textures, layer.norm)
            if layer is layers[-1]:
                yield from self._unfold(layer, textures)
                return
            letter = "F" if keeps and number == 0 else "BA"[number % 2]
            results = _names(letter, layer.weight.shape[0])
            first = results if number == 0 else first
            yield from self._convolve(layer, textures, results, {None: None, "input": textures, "first": first}[layer.added])
            textures = results

    def _fold(self, results: Sequence[str]) -> Iterator[str]:
        """The frame's blocks of pixels as channels: colour, row, column. Around the frame its outermost pixels go on."""
        fold, margin = self._layers.fold, self._margin
        for index, name in enumerate(results):
            values = []
            for channel in range(LANES * index, LANES * index + LANES):
                colour, row, column = channel // fold**2, channel // fold % fold, channel % fold
                values.append(f"pixel(at + ivec2({column}, {row}))[{colour}]" if colour < 3 else "0.0")
            side = f"floor((HOOKED_size + {2 * margin + fold - 1}.0) / {fold}.0)"
            yield self._pass(
                ["HOOKED"],
                name,
                f"""vec4 pixel(ivec2 p) {{
    p = clamp(p, ivec2(0), ivec2(HOOKED_size) - 1);
    return HOOKED_mul * texelFetch(HOOKED_raw, p, 0);
}}
vec4 hook() {{
    ivec2 at = {fold} * ivec2(floor(HOOKED_pos * {side})) - {margin};
    return vec4({", ".join(values)});
}}
""",
            )

    def _statistics(self, textures: Sequence[str], norm: Norm) -> str:
        """The mean of a pixel's channels, and what the deviation from it is multiplied by."""
        count = norm.weight.shape[0]
        masks = [
            f"vec4({', '.join(str(float(LANES * n + lane < count)) for lane in range(LANES))})" for n in range(len(textures))
        ]
        reads = "".join(f"    vec4 v{n} = {_at(name)};\n" for n, name in enumerate(textures))
        total = " + ".join(f"dot(v{n}, {mask})" for n, mask in enumerate(masks))
        centred = "".join(f"    v{n} = (v{n} - mean) * {mask};\n" for n, mask in enumerate(masks))
        squares = " + ".join(f"dot(v{n}, v{n})" for n in range(len(textures)))
        return self._pass(
            textures,
            "N",
            f"""vec4 hook() {{
    ivec2 p = {_position(textures[0])};
{reads}    float mean = ({total}) / {count}.0;
{centred}    return vec4(mean, inversesqrt(({squares}) / {count}.0 + {norm.eps:g}), 0.0, 0.0);
}}
""",
        )

    def _convolve(
        self, layer: Layer, textures: Sequence[str], results: Sequence[str], added: Sequence[str] | None
    ) -> Iterator[str]:
        weight, bias = _padded(layer.weight, (0, 1)), _padded(layer.bias, (0,))
        for index, name in enumerate(results):
            rows = slice(LANES * index, LANES * index + LANES)
            extra = [] if added is None or added[index] in textures else [added[index]]
            binds = [*textures, *extra, *(["N"] if layer.norm is not None else [])]
            plus = "" if added is None else f"\n    p = at;\n    s += {_at(added[index])};"
            yield self._pass(
                binds,
                name,
                f"""vec4 hook() {{
    ivec2 at = {_position(textures[0])}, last = ivec2({textures[0]}_size) - 1, p;
    vec4 s = vec4({_numbers(bias[rows])});
{"".join(_taps(weight[rows], textures, layer.norm))}    {_ACTIVATIONS[layer.activation]}{plus}
    return s;
}}
""",
            )

    def _unfold(self, layer: Layer, textures: Sequence[str]) -> Iterator[str]:
        """The last convolution, its channels as pixels: one row of every block after the other, then all rows and the skip."""
        block = self._layers.unfold
        wide = block + -block % LANES  # the columns of one colour, filled up
        weight = layer.weight.view(3, block, block, *layer.weight.shape[1:])  # (colour, row, column, in, k, k)
        bias = layer.bias.view(3, block, block)
        names = _names("U", 3 * wide)
        for row in range(block):
            columns = Layer(_padded(weight[:, row], (1,)).flatten(0, 1), _padded(bias[:, row], (1,)).flatten(), layer.norm)
            yield from self._convolve(columns, textures, names, None)
            yield self._row(names, f"R{row}", block)
        yield self._last([f"R{row}" for row in range(block)])

    def _row(self, textures: Sequence[str], result: str, block: int) -> str:
        """One row of every block: from textures that hold four columns of a colour each."""
        a_colour = len(textures) // 3
        colours = []
        for colour in range(3):
            chosen = _at(textures[colour * a_colour + a_colour - 1])
            for part in reversed(range(a_colour - 1)):
                chosen = f"column / {LANES} == {part} ? {_at(textures[colour * a_colour + part])} : {chosen}"
            colours.append(f"({chosen})[column % {LANES}]")
        return self._pass(
            textures,
            result,
            f"""vec4 hook() {{
    ivec2 at = ivec2(floor({textures[0]}_pos * {textures[0]}_size * vec2({block}.0, 1.0)));
    int column = at.x % {block};
    ivec2 p = ivec2(at.x / {block}, at.y);
    return vec4({", ".join(colours)}, 1.0);
}}
""",
            widened=block,
        )

    def _last(self, rows: Sequence[str]) -> str:
        """The larger frame, without its margin."""
        block, scale = len(rows), self._scale
        chosen = _at(rows[-1])
        for row in reversed(range(block - 1)):
            chosen = f"row == {row} ? {_at(rows[row])} : {chosen}"
        skip = f"    colour.rgb += smooth_at((vec2(at) + 0.5) / {scale}.0 - 0.5).rgb;\n" if self._layers.skip else ""
        text = f"""vec4 pixel(ivec2 p) {{
    p = clamp(p, ivec2(0), ivec2(HOOKED_size) - 1);
    return HOOKED_mul * texelFetch(HOOKED_raw, p, 0);
}}
vec4 smooth_at(vec2 where) {{
    ivec2 p = ivec2(floor(where));
    vec2 part = where - floor(where);
    return mix(mix(pixel(p), pixel(p + ivec2(1, 0)), part.x), mix(pixel(p + ivec2(0, 1)), pixel(p + 1), part.x), part.y);
}}
vec4 hook() {{
    ivec2 at = ivec2(floor(HOOKED_pos * HOOKED_size * {scale}.0));
    ivec2 p = at + {self._margin * scale};
    int row = p.y % {block};
    p.y /= {block};
    vec4 colour = {chosen};
    colour.a = pixel(at / {scale}).a;
{skip}    return colour;
}}
"""
        return self._pass(["HOOKED", *rows], None, text)

    def _pass(self, binds: Sequence[str], saved: str | None, body: str, widened: int = 1) -> str:
        """One pass: of the folded size, or as many times as wide, where its result is saved; else the larger frame."""
        lines = [f"//!HOOK {_STAGE}", *(f"//!BIND {name}" for name in binds)]
        if saved is None:
            sizes = [f"HOOKED.{axis} {self._scale} *" for axis in "wh"]
        else:
            lines.append(f"//!SAVE {saved}")
            sizes = [f"{self._size[0]} {widened} *", self._size[1]]
        lines += [f"//!WIDTH {sizes[0]}", f"//!HEIGHT {sizes[1]}", "//!COMPONENTS 4", "//!WHEN OUTPUT.w HOOKED.w >"]
        return "\n".join(lines) + "\n" + body


def _taps(weight: Tensor, textures: Sequence[str], norm: Norm | None) -> Iterator[str]:
    """The sum over a window: beyond the map there is nothing."""
    reach = weight.shape[-1] // 2
    for y in range(-reach, reach + 1):
        for x in range(-reach, reach + 1):
            matrices = weight[:, :, y + reach, x + reach].T.reshape(-1, LANES, LANES)  # (textures, in, out)
            sums = "".join(
                f"        s += mat4({_numbers(matrix.flatten())}) * {_normalised(name, index, norm)};\n"
                for index, (name, matrix) in enumerate(zip(textures, matrices, strict=True))
            )
            mean = "        vec2 n = N_mul * texelFetch(N_raw, p, 0).xy;\n" if norm is not None else ""
            yield f"    p = at + ivec2({x}, {y});\n    if (p == clamp(p, ivec2(0), last)) {{\n{mean}{sums}    }}\n"


def _normalised(name: str, index: int, norm: Norm | None) -> str:
    if norm is None:
        return _at(name)
    weight, bias = (_padded(values, (0,))[LANES * index :][:LANES] for values in (norm.weight, norm.bias))
    return f"(({_at(name)} - n.x) * n.y * vec4({_numbers(weight)}) + vec4({_numbers(bias)}))"


def _at(name: str) -> str:
    return f"({name}_mul * texelFetch({name}_raw, p, 0))"


def _position(name: str) -> str:
    return f"ivec2(floor({name}_pos * {name}_size))"


def _names(letter: str, channels: int) -> list[str]:
    return [f"{letter}{index}" for index in range(math.ceil(channels / LANES))]


def _padded(values: Tensor, axes: Sequence[int]) -> Tensor:
    """Zeros after the last channel, up to whole textures."""
    sides = [0, 0] * values.dim()
    for axis in axes:
        sides[2 * (values.dim() - 1 - axis) + 1] = -values.shape[axis] % LANES
    return F.pad(values.detach().float().cpu(), sides)


def _numbers(values: Tensor) -> str:
    return ", ".join(f"{value:.7g}" for value in values.tolist())
