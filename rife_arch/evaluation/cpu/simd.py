"""Vector instructions (SIMD) for numba.

numba does not vectorise short loops over channels by itself. All arrays are flat; ``lanes`` is the
number of floats in a vector and must be a compile-time constant.
"""

# pyright: basic
# numba compiles these functions from the types of their arguments.

from __future__ import annotations

from typing import Any, NamedTuple

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

INT, LONG = ir.IntType(32), ir.IntType(64)
FUSED = ("contract",)  # allows a fused multiply-add


def point(context: Any, builder: Any, kind: Any, array: Any, index: Any, lanes: int) -> Any:
    """Return the address of a vector in a flat array."""
    data = context.make_array(kind)(context, builder, array).data
    element = context.get_data_type(kind.dtype)
    return builder.bitcast(builder.gep(data, [index]), ir.VectorType(element, lanes).as_pointer())


def broadcast(builder: Any, value: Any, lanes: int) -> Any:
    """Return a vector with the same number in all lanes."""
    empty = ir.Constant(ir.VectorType(value.type, lanes), ir.Undefined)
    first = builder.insert_element(empty, value, ir.Constant(ir.IntType(32), 0))
    zeros = ir.Constant(ir.VectorType(ir.IntType(32), lanes), [0] * lanes)
    return builder.shuffle_vector(first, empty, zeros)


def lerp(builder: Any, a: Any, b: Any, weight: Any) -> Any:
    """Return a + weight (b - a)."""
    step = builder.fmul(weight, builder.fsub(b, a, FUSED), FUSED)
    return builder.fadd(a, step, FUSED)


def _lerped(context: Any, builder: Any, kind: Any, args: Any, lanes: int) -> Any:
    """Interpolate linearly between two vectors of an array."""
    source, first, second, weight = args
    a = builder.load(point(context, builder, kind, source, first, lanes), align=4)
    b = builder.load(point(context, builder, kind, source, second, lanes), align=4)
    return lerp(builder, a, b, broadcast(builder, weight, lanes))


class Code(NamedTuple):
    """Builds instructions for flat arrays and tuples of numba's."""

    context: Any
    builder: Any

    def load(self, kind: Any, array: Any, index: Any, lanes: int) -> Any:
        """Load a vector of a flat array."""
        found = point(self.context, self.builder, kind, array, index, lanes)
        return self.builder.load(found, align=4)

    def store(self, value: Any, kind: Any, array: Any, index: Any) -> None:
        """Store a vector in a flat array."""
        lanes = value.type.count
        to = point(self.context, self.builder, kind, array, index, lanes)
        self.builder.store(value, to, align=4)

    def alternating(self, x: Any, y: Any) -> Any:
        """Return the vector x, y, x, y."""
        vector = ir.Constant(ir.VectorType(x.type, 4), ir.Undefined)
        for lane, value in enumerate((x, y, x, y)):
            vector = self.builder.insert_element(vector, value, ir.Constant(INT, lane))
        return vector

    def number(self, kind: Any, array: Any, index: Any) -> Any:
        """Load one float."""
        return self.builder.extract_element(self.load(kind, array, index, 1), ir.Constant(INT, 0))

    def unpacked(self, values: Any) -> list[Any]:
        """Return the parts of a tuple."""
        count = len(values.type.elements)
        return [self.builder.extract_value(values, number) for number in range(count)]

    def plus(self, index: Any, number: int) -> Any:
        """Return an index plus a constant."""
        return self.builder.add(index, ir.Constant(index.type, number))


@intrinsic(prefer_literal=True)
def put_lerp(typing, out, at, source, first, second, weight, lanes):  # noqa: ARG001, PLR0913
    """Set out[at : ...] to a linear interpolation of source[first : ...] and source[second : ...]."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        count = lanes.literal_value
        value = _lerped(context, builder, signature.args[2], args[2:6], count)
        to = point(context, builder, signature.args[0], args[0], args[1], count)
        builder.store(value, to, align=4)
        return context.get_dummy_value()

    return types.void(out, at, source, first, second, weight, lanes), generate


@intrinsic(prefer_literal=True)
def add_lerp(typing, out, at, source, first, second, weight, lanes):  # noqa: ARG001, PLR0913
    """Add to out[at : ...] a linear interpolation of source[first : ...] and source[second : ...]."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        count = lanes.literal_value
        value = _lerped(context, builder, signature.args[2], args[2:6], count)
        to = point(context, builder, signature.args[0], args[0], args[1], count)
        builder.store(builder.fadd(builder.load(to, align=4), value), to, align=4)
        return context.get_dummy_value()

    return types.void(out, at, source, first, second, weight, lanes), generate


@intrinsic(prefer_literal=True)
def put_copy(typing, out, at, source, begin, lanes):  # noqa: ARG001
    """Set out[at : ...] to source[begin : ...]."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        count = lanes.literal_value
        value = point(context, builder, signature.args[2], args[2], args[3], count)
        to = point(context, builder, signature.args[0], args[0], args[1], count)
        builder.store(builder.load(value, align=4), to, align=4)
        return context.get_dummy_value()

    return types.void(out, at, source, begin, lanes), generate


@intrinsic(prefer_literal=True)
def put_rounded(typing, out, at, source, begin, lanes):  # noqa: ARG001
    """Set out[at : ...], uint16, to source[begin : ...] as bfloat16, to nearest even."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        count = lanes.literal_value
        word, half = (ir.VectorType(ir.IntType(bits), count) for bits in (32, 16))
        value = point(context, builder, signature.args[2], args[2], args[3], count)
        value = builder.load(value, align=4)
        bits = builder.bitcast(value, word)
        is_odd = builder.and_(builder.lshr(bits, _words(16, count)), _words(1, count))
        up = builder.add(bits, builder.add(is_odd, _words(0x7FFF, count)))
        is_nan = builder.fcmp_unordered("uno", value, value)
        bits = builder.select(is_nan, _words(0x7FC00000, count), up)
        to = point(context, builder, signature.args[0], args[0], args[1], count)
        builder.store(builder.trunc(builder.lshr(bits, _words(16, count)), half), to, align=2)
        return context.get_dummy_value()

    return types.void(out, at, source, begin, lanes), generate


def _words(value: int, lanes: int) -> Any:
    return ir.Constant(ir.VectorType(ir.IntType(32), lanes), [value] * lanes)
