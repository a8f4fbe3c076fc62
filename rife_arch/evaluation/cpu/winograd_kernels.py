"""The compiled loop of Winograd's convolution; see ``winograd``, and ``kernels`` for how loops are compiled."""

# pyright: basic
# numba compiles these functions from the types of their arguments.

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import llvmlite.binding as llvm

from .kernels import Loop, compiled, inlined
from .winograd import Tiling
from .winograd_simd import put_inputs, put_outputs, put_products


class Registers(NamedTuple):
    """What of a CPU's vector registers the innermost loop uses.

    Attributes:
        lanes: floats in a vector.
        rows: squares that are multiplied at a time. Two vectors of sums for each of them, two of
            weights and one of inputs have to fit into the registers, and enough sums have to be
            on their way to hide how long one takes.
    """

    lanes: int
    rows: int


def host_registers() -> Registers:
    """Return what suits this machine."""
    features = llvm.get_host_cpu_features()
    if features.get("avx512f"):
        return Registers(16, 8)
    if features.get("avx"):
        return Registers(8, 6)
    return Registers(4, 6)


@cache  # LLVM never gives back what it compiled
def make_convolve(tiling: Tiling, registers: Registers) -> Loop:
    """Make the loop for squares of one kind; the numbers of channels are multiples of the lanes."""
    lanes, num_rows = registers
    side, num_outputs = tiling.inputs, tiling.outputs

    @compiled
    def convolve(out, x, part, sizes, weights, rest, buffers):
        """Make some channels of some squares of the result, numbered row by row.

        Args:
            out: [h, w, ``step``], of which the first ``outputs`` channels are written.
            x: [H, W, ``inputs``]. Its first row and column are the second that the first squares
                read; outside are zeros.
            part: of the result: the first square and the one after the last, the first channel and
                the one after the last, both between pairs of vectors; and how many squares are made
                at a time.
            sizes: H, W, ``inputs``, then h, w, ``outputs``, ``step``.
            weights: [n n, ``inputs``, ``outputs``] transformed; two vectors of outputs lie together.
            rest: [``outputs``] biases, and factors of results below zero.
            buffers: for transformed inputs and for sums, each [n n, ``plane``], for one square, and
                ``plane``.
        """
        plane, channels = buffers[3], (part[2], part[3])
        for first in range(part[0], part[1], part[4]):
            count = min(part[4], part[1] - first)
            _transform(buffers, x, first, count, sizes, side, num_outputs, lanes)
            for k in range(side * side):
                _multiply(buffers, weights, (k, plane), count, channels, sizes, num_rows, lanes)
            _write(out, buffers, first, count, channels, sizes, rest, num_outputs, lanes)

    return convolve


@inlined
def _transform(buffers, x, first, count, sizes, side, num_outputs, lanes):  # noqa: PLR0913
    """Transform the inputs of some squares."""
    transformed, _sums, edge, plane = buffers
    height, width, inputs, _out_height, out_width, _outputs, _step = sizes
    num_cols = (out_width + num_outputs - 1) // num_outputs
    for t in range(count):
        i = (first + t) // num_cols
        top, left = i * num_outputs - 1, (first + t - i * num_cols) * num_outputs - 1
        source, begin, line = x, (top * width + left) * inputs, width * inputs
        if top < 0 or left < 0 or top + side > height or left + side > width:
            source, begin, line = edge, 0, side * inputs
            _copy_with_zeros(edge, x, (top, left), side, sizes)
        for c in range(0, inputs, lanes):
            put_inputs(
                transformed,
                t * inputs + c,
                plane,
                source,
                begin + c,
                line,
                inputs,
                lanes,
                num_outputs,
            )


@inlined
def _multiply(buffers, weights, place, count, channels, sizes, num_rows, lanes):  # noqa: PLR0913
    """Multiply the transformed inputs of some squares at one place with the weights there."""
    (transformed, sums, _edge, _plane), (k, plane) = buffers, place
    inputs, outputs = sizes[2], sizes[5]
    for o in range(channels[0], channels[1], 2 * lanes):
        w = (k * outputs + o) * inputs
        for t in range(0, count, num_rows):
            to = sums, k * plane + t * outputs + o, outputs
            x = transformed, k * plane + t * inputs, inputs
            if o + lanes < outputs:
                put_products(to, x, (weights, w), inputs, num_rows, 2, lanes)
            else:
                put_products(to, x, (weights, w), inputs, num_rows, 1, lanes)


@inlined
def _write(out, buffers, first, count, channels, sizes, rest, num_outputs, lanes):  # noqa: PLR0913
    """Write some squares of the result."""
    _transformed, sums, edge, plane = buffers
    _height, _width, _inputs, height, width, outputs, step = sizes
    num_cols = (width + num_outputs - 1) // num_outputs
    for t in range(count):
        i = (first + t) // num_cols
        row, col = i * num_outputs, (first + t - i * num_cols) * num_outputs
        target, to, line, pixel = out, (row * width + col) * step, width * step, step
        is_cut = row + num_outputs > height or col + num_outputs > width
        if is_cut:
            target, to, line, pixel = edge, 0, num_outputs * outputs, outputs
        for c in range(channels[0], channels[1], lanes):
            put_outputs(
                target,
                to + c,
                line,
                pixel,
                sums,
                t * outputs + c,
                plane,
                rest,
                c,
                lanes,
                num_outputs,
            )
        if is_cut:
            _copy_inside(out, edge, (row, col), num_outputs, channels, sizes)


@inlined
def _copy_with_zeros(edge, x, corner, side, sizes):
    """Copy a square that reaches beyond the picture."""
    height, width, inputs = sizes[0], sizes[1], sizes[2]
    for y in range(side):
        for z in range(side):
            row, col, to = corner[0] + y, corner[1] + z, (y * side + z) * inputs
            if 0 <= row < height and 0 <= col < width:
                at = (row * width + col) * inputs
                for c in range(inputs):
                    edge[to + c] = x[at + c]
            else:
                for c in range(inputs):
                    edge[to + c] = 0


@inlined
def _copy_inside(out, edge, corner, side, channels, sizes):
    """Copy what lies inside the result."""
    height, width, outputs, step = sizes[3], sizes[4], sizes[5], sizes[6]
    for y in range(min(side, height - corner[0])):
        for z in range(min(side, width - corner[1])):
            to, at = ((corner[0] + y) * width + corner[1] + z) * step, (y * side + z) * outputs
            for c in range(channels[0], channels[1]):
                out[to + c] = edge[at + c]
