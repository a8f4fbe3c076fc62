"""Vector instructions for Winograd's convolution; see ``simd``.

Each transforms a square for as many channels as a vector has lanes, all in registers.
"""

# pyright: basic
# numba compiles these functions from the types of their arguments.

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from .simd import FUSED, Code, broadcast
from .winograd import TILINGS, Tiling

_Vectors = list[Any]


class _Arithmetic:
    """Builds sums of vectors."""

    def __init__(self, builder: Any, lanes: int) -> None:
        self.builder = builder
        self._type = ir.VectorType(ir.FloatType(), lanes)
        self._lanes = lanes

    def constant(self, value: float) -> Any:
        return ir.Constant(self._type, [value] * self._lanes)

    def sum(self, factors: Sequence[float], vectors: Sequence[Any]) -> Any:
        """Return the sum of vectors, times factors."""
        total = None
        for factor, vector in zip(factors, vectors, strict=True):
            if factor != 1:
                vector = self.builder.fmul(self.constant(factor), vector, FUSED)
            total = vector if total is None else self.builder.fadd(total, vector, FUSED)
        return total


def _transformed_inputs(tiling: Tiling, build: _Arithmetic, inputs: _Vectors) -> _Vectors:
    """Transform n inputs along one side.

    At a pair of points ±p the even and the odd powers are the same sums, added and subtracted.
    """
    even, odd = inputs[0::2], inputs[1::2]
    everywhere = tiling.products_of()
    out = [build.sum(everywhere, even)]
    for index, place in enumerate(tiling.points):
        others = tiling.products_of(excluded=index)
        sums = build.sum(others, even[1:]), build.sum(others, odd[:-1])
        out += [build.sum((1, place), sums), build.sum((1, -place), sums)]
    return [*out, build.sum(everywhere, odd)]


def _transformed_products(tiling: Tiling, build: _Arithmetic, products: _Vectors) -> _Vectors:
    """Transform n sums of products along one side to m outputs."""
    at_zero, *pairs, at_infinity = products
    positive, negative = pairs[0::2], pairs[1::2]
    sums = [build.sum((1, 1), pair) for pair in zip(positive, negative, strict=True)]
    differences = [build.sum((1, -1), pair) for pair in zip(positive, negative, strict=True)]
    out = []
    for power in range(tiling.outputs):
        factors = [place**power for place in tiling.points]
        vectors = differences if power % 2 else sums
        if power == 0:
            factors, vectors = [1, *factors], [at_zero, *vectors]
        if power == tiling.outputs - 1:
            factors, vectors = [*factors, 1], [*vectors, at_infinity]
        out.append(build.sum(factors, vectors))
    return out


def _both_sides(
    square: list[_Vectors], transform: Callable[[_Vectors], _Vectors]
) -> list[_Vectors]:
    """Transform the rows of a square, then its columns; returns rows."""
    columns = zip(*(transform(row) for row in square), strict=True)
    return [list(row) for row in zip(*(transform(list(c)) for c in columns), strict=True)]


def _place(builder: Any, begin: Any, *terms: tuple[Any, int]) -> Any:
    """Return ``begin`` plus some steps, each so many times."""
    for step, times in terms:
        begin = builder.add(begin, builder.mul(step, ir.Constant(step.type, times)))
    return begin


@intrinsic(prefer_literal=True)
def put_inputs(typing, out, at, plane, source, begin, row, col, lanes, outputs):  # noqa: ARG001, PLR0913
    """Set out[at + k ``plane`` : ...] to transformed input k of a square, for ``lanes`` channels.

    ``row`` and ``col`` are the floats from one pixel of ``source`` to that below and beside it. The tiling
    is that with ``outputs``.
    """

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        code, kinds = Code(context, builder), signature.args
        count, tiling = lanes.literal_value, TILINGS[outputs.literal_value]
        build, side = _Arithmetic(builder, count), range(tiling.inputs)

        def load(i: int, j: int) -> Any:
            place = _place(builder, args[4], (args[5], i), (args[6], j))
            return code.load(kinds[3], args[3], place, count)

        square = [[load(i, j) for j in side] for i in side]
        rows = _both_sides(square, partial(_transformed_inputs, tiling, build))
        for index, value in enumerate(value for row in rows for value in row):
            code.store(value, kinds[0], args[0], _place(builder, args[1], (args[2], index)))
        return context.get_dummy_value()

    return types.void(out, at, plane, source, begin, row, col, lanes, outputs), generate


@intrinsic(prefer_literal=True)
def put_outputs(typing, out, at, row, col, sums, begin, plane, rest, channel, lanes, outputs):  # noqa: ARG001, PLR0913
    """Set a square of pixels, from out[at] on, for ``lanes`` channels from ``channel`` on.

    ``sums`` of one pixel lie ``plane`` apart. ``rest`` is two arrays: what is added to each channel, and by
    what it is then multiplied where it is negative. The tiling is that with ``outputs``.
    """

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        code, kinds = Code(context, builder), signature.args
        count, tiling = lanes.literal_value, TILINGS[outputs.literal_value]
        build, side = _Arithmetic(builder, count), range(tiling.inputs)

        def load(i: int, j: int) -> Any:
            place = _place(builder, args[5], (args[6], tiling.inputs * i + j))
            return code.load(kinds[4], args[4], place, count)

        bias, slope = (
            code.load(kind, array, args[8], count)
            for kind, array in zip(kinds[7], code.unpacked(args[7]), strict=True)
        )
        square = [[load(i, j) for j in side] for i in side]
        rows = _both_sides(square, partial(_transformed_products, tiling, build))
        for i, line in enumerate(rows):
            for j, total in enumerate(line):
                value = builder.fadd(total, bias, FUSED)
                is_positive = builder.fcmp_ordered(">", value, build.constant(0.0))
                scaled = builder.fmul(value, slope, FUSED)
                place = _place(builder, args[1], (args[2], i), (args[3], j))
                result = builder.select(is_positive, value, scaled)
                code.store(result, kinds[0], args[0], place)
        return context.get_dummy_value()

    given = (out, at, row, col, sums, begin, plane, rest, channel, lanes, outputs)
    return types.void(*given), generate


@intrinsic(prefer_literal=True)
def put_products(typing, out, x, weights, depth, rows, vectors, lanes):  # noqa: ARG001, PLR0913
    """Multiply some rows of a matrix with some columns of another: the core of the convolution.

    Args:
        typing: numba's.
        out: array, index of the first row of the product, floats from row to row.
        x: the same of the first matrix, whose rows have ``depth`` floats.
        weights: array, and index of the second matrix.
        depth: its rows.
        rows: how many of ``x`` are multiplied.
        vectors: a row of ``weights`` and of the product consists of.
        lanes: floats of a vector. All sums stay in registers.
    """

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        code, (kind, *_) = Code(context, builder), signature.args[0]
        out, x, weights = (code.unpacked(argument) for argument in args[:3])
        data = context.make_array(kind)(context, builder, x[0]).data
        starts = [
            builder.gep(data, [_place(builder, x[1], (x[2], row))])
            for row in range(rows.literal_value)
        ]
        shape = vectors.literal_value, lanes.literal_value
        totals = _products(code, starts, (kind, *weights), args[3], shape)
        for row, line in enumerate(totals):
            for number, total in enumerate(line):
                place = code.plus(_place(builder, out[1], (out[2], row)), number * shape[1])
                code.store(total, kind, out[0], place)
        return context.get_dummy_value()

    return types.void(out, x, weights, depth, rows, vectors, lanes), generate


def _products(
    code: Code, rows: _Vectors, weights: tuple[Any, Any, Any], depth: Any, shape: tuple[int, int]
) -> list[_Vectors]:
    """Build the loop over ``depth``; returns for each row the vectors of its sums."""
    builder, (num_vectors, lanes) = code.builder, shape
    kind, array, begin = weights
    vector, index = ir.VectorType(ir.FloatType(), lanes), depth.type
    before, loop = builder.block, builder.append_basic_block("products")
    after = builder.append_basic_block("summed")
    builder.branch(loop)

    builder.position_at_end(loop)
    k = builder.phi(index)
    totals = [[builder.phi(vector) for _ in range(num_vectors)] for _ in rows]
    place = _place(builder, begin, (k, num_vectors * lanes))
    columns = [
        code.load(kind, array, code.plus(place, n * lanes), lanes) for n in range(num_vectors)
    ]
    increased: list[_Vectors] = []
    for row, total in zip(rows, totals, strict=True):
        value = broadcast(builder, builder.load(builder.gep(row, [k]), align=4), lanes)
        products = [builder.fmul(value, column, FUSED) for column in columns]
        sums = [builder.fadd(p, so_far, FUSED) for p, so_far in zip(products, total, strict=True)]
        increased.append(sums)
    following = code.plus(k, 1)
    builder.cbranch(builder.icmp_signed("<", following, depth), loop, after)
    zeros = ir.Constant(vector, [0.0] * lanes)
    carried = [(k, ir.Constant(index, 0), following)]
    for total, result in zip(totals, increased, strict=True):
        carried += [(phi, zeros, later) for phi, later in zip(total, result, strict=True)]
    for phi, first, later in carried:
        phi.add_incoming(first, before)
        phi.add_incoming(later, loop)

    builder.position_at_end(after)
    return increased
