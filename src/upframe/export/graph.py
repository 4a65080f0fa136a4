"""A graph of torch.export, computed operation by operation: each is one of those below, and nothing else can be named."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from upframe.export.archive import DTYPES, ExportedProgram

_ATEN = """
    __and__.Tensor abs.default adaptive_avg_pool2d.default add.Scalar add.Tensor add_.Tensor addcmul.default addmm.default
    alias.default amax.default amin.default arange.default arange.start arange.start_step avg_pool2d.default
    batch_norm.default bitwise_and.Tensor bitwise_not.default bitwise_or.Tensor bmm.default cat.default chunk.default
    clamp.default clamp_max.default clamp_min.default clone.default constant_pad_nd.default contiguous.default conv2d.default
    conv2d.padding conv_transpose2d.input copy_.default cos.default detach.default detach_.default div.Scalar div.Tensor
    div.Tensor_mode div_.Tensor dropout.default elu.default embedding.default eq.Scalar eq.Tensor exp.default exp_.default
    expand.default expand_as.default flatten.using_ints flip.default floor.default full.default full_like.default
    gather.default ge.Scalar ge.Tensor gelu.default grid_sampler.default group_norm.default gt.Scalar gt.Tensor
    hardtanh.default im2col.default index.Tensor index_select.default instance_norm.default layer_norm.default le.Scalar
    le.Tensor leaky_relu.default leaky_relu_.default lerp.Tensor lift_fresh_copy.default linalg_vector_norm.default
    linear.default log.default logical_and.default logical_not.default logical_or.default lt.Scalar lt.Tensor
    masked_fill.Scalar masked_fill.Tensor matmul.default max.dim max_pool2d.default max_pool2d_with_indices.default
    maximum.default mean.default mean.dim meshgrid.default meshgrid.indexing min.dim minimum.default mish.default mul.Scalar
    mul.Tensor mul_.Tensor narrow.default ne.Scalar ne.Tensor neg.default new_full.default new_ones.default new_zeros.default
    ones.default ones_like.default pad.default permute.default pixel_shuffle.default pixel_unshuffle.default pow.Tensor_Scalar
    pow_.Scalar prelu.default reciprocal.default relu.default relu6.default relu_.default repeat.default
    repeat_interleave.self_int reshape.default roll.default round.default rsqrt.default rsub.Scalar
    scaled_dot_product_attention.default select.int sigmoid.default sign.default silu.default silu_.default sin.default
    slice.Tensor softmax.int softplus.default split.Tensor split_with_sizes.default sqrt.default squeeze.default squeeze.dim
    squeeze.dims stack.default sub.Scalar sub.Tensor sub_.Tensor sum.default sum.dim_IntList t.default tanh.default
    tile.default to.dtype to.dtype_layout transpose.int type_as.default unbind.int unflatten.int unsqueeze.default
    upsample_bicubic2d.vec upsample_bilinear2d.vec upsample_nearest2d.vec var.correction view.default view_as.default
    where.ScalarOther where.ScalarSelf where.self zeros.default zeros_like.default
"""
_SYMBOLIC = ("add", "and_", "eq", "floordiv", "ge", "gt", "le", "lt", "mod", "mul", "ne", "neg", "pos", "sub", "truediv")
_NOTHING = frozenset(  # what checks that the graph is what it was when it was traced, or only tells a type
    f"torch.ops.aten.{name}.default" for name in ("_assert_tensor_metadata", "_assert_scalar", "promote_types")
)
_MEMORY_FORMATS = {
    1: torch.contiguous_format,
    2: torch.channels_last,
    3: torch.channels_last_3d,
    4: torch.preserve_format,
}
_LAYOUTS = {7: torch.strided}
_BY_POSITION, _BY_NAME = 1, 2
_BEYOND = {"Infinity": float("inf"), "-Infinity": float("-inf"), "NaN": float("nan")}  # as torch writes them

Values = dict[str, Any]
_Argument = Callable[[Values], Any]


def _new_empty(tensor: Tensor, size: Sequence[int], **options: Any) -> Tensor:
    """Zeros: what memory held before is nobody's to see."""
    return torch.ops.aten.new_zeros.default(tensor, size, **options)  # type: ignore[no-any-return]


def _empty(size: Sequence[int], *, memory_format: torch.memory_format | None = None, **options: Any) -> Tensor:
    return torch.ops.aten.zeros.default(size, **options)  # type: ignore[no-any-return]


def _size(tensor: Tensor, dim: int) -> int:
    return tensor.shape[dim]


def _operations() -> dict[str, Callable[..., Any]]:
    """Every operation a graph may name: those of networks. None reads or writes a file, and each checks its indices."""
    found: dict[str, Callable[..., Any]] = {}
    for word in _ATEN.split():
        name, _, overload = word.partition(".")
        packet = getattr(torch.ops.aten, name, None)
        if packet is not None and overload in packet.overloads():  # torch's versions differ in a few
            found[f"torch.ops.aten.{word}"] = getattr(packet, overload)
    found |= {f"_operator.{name}": getattr(operator, name) for name in _SYMBOLIC}
    found["torch.ops.aten.new_empty.default"] = _new_empty
    found["torch.ops.aten.empty.memory_format"] = _empty
    found["torch.ops.aten.sym_size.int"] = _size
    found |= {"math.trunc": int, "torch.sym_float": float, "torch.sym_int": int, "torch.sym_max": max, "torch.sym_min": min}
    return found


@dataclass(frozen=True, slots=True)
class _Node:
    """One operation: its arguments are looked up among the values, its results get names, and values used up are dropped."""

    target: str
    operation: Callable[..., Any]
    arguments: tuple[_Argument, ...]
    options: Mapping[str, _Argument]
    results: tuple[tuple[str, ...], bool]  # their names; whether it is a sequence in which they stand
    used_up: tuple[str, ...]


class Graph:
    """What an archive computes: tensors in the order of its inputs -> a tuple of results."""

    def __init__(self, archive: ExportedProgram) -> None:
        """Raises ValueError for an operation that is not allowed, LookupError and TypeError for what is no graph."""
        graph, signature = archive.graph["graph"], archive.graph["signature"]
        self._inputs: list[str] = []
        self._fixed: Values = {}
        for spec in signature["input_specs"]:
            self._add_input(spec, archive.tensors)
        self._outputs = [_name(_only(spec, "user_output")["arg"]) for spec in signature["output_specs"]]
        self._nodes = _nodes(graph["nodes"], self._outputs)

    def _add_input(self, spec: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
        ((kind, value),) = spec.items()
        if kind == "user_input":
            self._inputs.append(_name(value["arg"]))
        else:
            key = {"parameter": "parameter_name", "buffer": "buffer_name", "tensor_constant": "tensor_constant_name"}[kind]
            self._fixed[value["arg"]["name"]] = tensors[value[key]]

    def __call__(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        """Raises ValueError for another number of tensors, and whatever an operation raises for what it is given."""
        values = self._fixed | dict(zip(self._inputs, tensors, strict=True))
        for node in self._nodes:
            found = node.operation(
                *(argument(values) for argument in node.arguments),
                **{name: option(values) for name, option in node.options.items()},
            )
            names, sequence = node.results
            values.update(zip(names, found, strict=True) if sequence else ((name, found) for name in names))
            for name in node.used_up:
                values.pop(name, None)
        return tuple(values[name] for name in self._outputs)


def _nodes(nodes: Sequence[Mapping[str, Any]], outputs: Sequence[str]) -> list[_Node]:
    """The nodes in order, each with the values that none after it needs."""
    allowed = _operations()
    needed = set(outputs)
    found = []
    for node in reversed([node for node in nodes if node["target"] not in _NOTHING]):
        target = node["target"]
        if target not in allowed:
            raise ValueError(f"the operation {target!r:.80} is not one that Upframe runs")
        used: set[str] = set()
        arguments = [_argument(entry["arg"], used) for entry in node["inputs"] if entry["kind"] == _BY_POSITION]
        options = {entry["name"]: _argument(entry["arg"], used) for entry in node["inputs"] if entry["kind"] == _BY_NAME}
        if len(arguments) + len(options) != len(node["inputs"]):
            raise ValueError(f"the operation {target} has an argument of an unknown kind")
        results = _results(node["outputs"])
        used_up = (used | set(results[0])) - needed
        found.append(_Node(target, allowed[target], tuple(arguments), options, results, tuple(used_up)))
        needed |= used
    return found[::-1]


def _results(outputs: Sequence[Mapping[str, Any]]) -> tuple[tuple[str, ...], bool]:
    if len(outputs) == 1 and "as_tensors" in outputs[0]:
        return tuple(entry["name"] for entry in outputs[0]["as_tensors"]), True
    return tuple(_name(output) for output in outputs), len(outputs) > 1


def _only(entry: Mapping[str, Any], kind: str) -> Any:
    """The value of what must be of one kind. Raises ValueError for any other."""
    ((found, value),) = entry.items()
    if found != kind:
        raise ValueError(f"{found!r:.40} where {kind} is expected")
    return value


def _name(argument: Mapping[str, Any]) -> str:
    """The name of a tensor or number among an operation's results or a graph's inputs and outputs."""
    ((kind, value),) = argument.items()
    return str(value["name"] if kind == "as_tensor" else value["as_name"])


def _argument(entry: Mapping[str, Any], used: set[str]) -> _Argument:
    """How to find an argument among the values; ``used`` gets the names it looks for."""
    ((kind, value),) = entry.items()
    match kind:
        case "as_tensor":
            return _one(value["name"], used)
        case "as_tensors":
            return _several([_one(each["name"], used) for each in value])
        case "as_optional_tensors":
            return _several(
                [_one(each["as_tensor"]["name"], used) if "as_tensor" in each else _constant(None) for each in value]
            )
        case "as_sym_int" | "as_sym_float" | "as_sym_bool":
            return _number(value, used)
        case "as_sym_ints" | "as_sym_floats" | "as_sym_bools":
            return _several([_number(each, used) for each in value])
    return _constant(_plain(kind, value))


def _plain(kind: str, value: Any) -> Any:
    """An argument that is itself, and of the type it says. Raises LookupError or ValueError."""
    types: dict[str, type | tuple[type, ...]] = {"as_int": int, "as_float": (int, float), "as_bool": bool, "as_string": str}
    match kind:
        case "as_none":
            return None
        case "as_scalar_type":
            return DTYPES[value]
        case "as_memory_format":
            return _MEMORY_FORMATS[value]
        case "as_layout":
            return _LAYOUTS[value]
        case "as_device" if value["type"] == "cpu":
            return torch.device("cpu")
        case "as_float" if value in _BEYOND:
            return _BEYOND[value]
        case "as_ints" | "as_floats" | "as_bools" if all(isinstance(each, types[kind[:-1]]) for each in value):
            return list(value)
        case "as_int" | "as_float" | "as_bool" | "as_string" if isinstance(value, types[kind]):
            return value
    raise ValueError(f"an argument {kind!r:.40} that Upframe does not pass")


def _constant(value: Any) -> _Argument:
    return lambda _: value


def _one(name: str, used: set[str]) -> _Argument:
    used.add(name)
    return operator.itemgetter(name)


def _number(entry: Mapping[str, Any], used: set[str]) -> _Argument:
    ((kind, value),) = entry.items()
    return _one(value, used) if kind == "as_name" else _constant(_plain(kind, value))


def _several(arguments: Sequence[_Argument]) -> _Argument:
    return lambda values: [argument(values) for argument in arguments]
