"""Vector instructions that sample both frames of a pair; see ``simd``.

The four coordinates at which a pixel reads its two frames are one vector, x and y of the first, then of
the second. Outside a frame its border is read; a position that is no number is 0.
"""

# pyright: basic
# numba compiles these functions from the types of their arguments.

from __future__ import annotations

from itertools import product
from typing import Any, NamedTuple

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from .simd import FUSED, INT, LONG, Code, broadcast, lerp


class _Corners(NamedTuple):
    """Where two frames are read: of each, the index of four pixels, and how far between them."""

    indices: list[list[Any]]
    fractions: Any


def _corners(code: Code, position: Any, size: list[Any], stride: int) -> _Corners:
    """Find the pixels around x, y, x, y in frames whose pixels have ``stride`` floats."""
    builder, (width, height) = code.builder, size
    last = [builder.sub(builder.trunc(side, INT), ir.Constant(INT, 1)) for side in (width, height)]
    limit = code.alternating(*last)
    far = builder.sitofp(limit, position.type)
    zero = ir.Constant(position.type, [0.0] * 4)
    is_inside = builder.fcmp_ordered(">", position, zero)  # not so for what is no number
    position = builder.select(is_inside, position, zero)
    position = builder.select(builder.fcmp_ordered("<", position, far), position, far)
    before = builder.fptosi(position, limit.type)
    fractions = builder.fsub(position, builder.sitofp(before, position.type), FUSED)
    step = builder.zext(builder.icmp_signed("<", before, limit), limit.type)  # 0 at the border

    def number(vector: Any, lane: int) -> Any:
        return builder.sext(builder.extract_element(vector, ir.Constant(INT, lane)), LONG)

    indices: list[list[Any]] = []
    for lane in (0, 2):
        floats = ir.Constant(LONG, stride)
        line = builder.mul(width, floats)
        begin = builder.add(
            builder.mul(number(before, lane + 1), line), builder.mul(number(before, lane), floats)
        )
        right = builder.mul(number(step, lane), floats)
        below = builder.add(begin, builder.mul(number(step, lane + 1), line))
        indices.append([begin, builder.add(begin, right), below, builder.add(below, right)])
    return _Corners(indices, fractions)


def _sampled(code: Code, kind: Any, frame: Any, corners: _Corners, number: int, lanes: int) -> Any:
    """Interpolate between the four pixels of one of the frames."""
    top_left, top_right, bottom_left, bottom_right = (
        code.load(kind, frame, index, lanes) for index in corners.indices[number]
    )
    right, down = (
        broadcast(
            code.builder,
            code.builder.extract_element(corners.fractions, ir.Constant(INT, 2 * number + axis)),
            lanes,
        )
        for axis in (0, 1)
    )
    top = lerp(code.builder, top_left, top_right, right)
    bottom = lerp(code.builder, bottom_left, bottom_right, right)
    return lerp(code.builder, top, bottom, down)


def _sum(code: Code, parts: list[Any], factor: Any) -> Any:
    total = parts[0]
    for part in parts[1:]:
        total = code.builder.fadd(total, part, FUSED)
    return code.builder.fmul(total, broadcast(code.builder, factor, total.type.count), FUSED)


@intrinsic(prefer_literal=True)
def put_samples(typing, out, at, frames, size, sums, places, shares, frame, summed, samples):  # noqa: ARG001, PLR0913
    """Set out[at : ...] to both frames warped, and what is summed up, averaged over some samples.

    Args:
        typing: numba's.
        out: first ``frame`` floats for each of the frames, then ``summed``.
        at: index there.
        frames: two arrays.
        size: width and height of the frames, px.
        sums: array of ``summed`` floats a sample, the flow first; index of the first sample, and how many floats
            later the sample below is.
        places: array of rows and index of the first sample's; array of columns and index.
        shares: by which all is multiplied, and by which the flow is.
        frame: floats of a pixel of a frame.
        summed: 4 or 8.
        samples: ``samples`` x ``samples`` are averaged.
    """

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        code, lanes, count = Code(context, builder), frame.literal_value, summed.literal_value
        pair, size = code.unpacked(args[2]), code.unpacked(args[3])
        total, begin, line = code.unpacked(args[4])
        places, side = code.unpacked(args[5]), range(samples.literal_value)
        parts: list[list[Any]] = [[] for _ in range(2 + count // 4)]
        for i, j in product(side, side):
            down = builder.mul(line, ir.Constant(line.type, i))
            index = code.plus(builder.add(begin, down), j * count)
            found = [
                code.load(signature.args[4][0], total, code.plus(index, lane), 4)
                for lane in range(0, count, 4)
            ]
            y, x = (
                code.number(signature.args[5][n], places[n], code.plus(places[n + 1], offset))
                for n, offset in ((0, i), (2, j))
            )
            position = builder.fadd(code.alternating(x, y), found[0], FUSED)
            corners = _corners(code, position, size, lanes)
            for n, kind in enumerate(signature.args[2]):
                parts[n].append(_sampled(code, kind, pair[n], corners, n, lanes))
            for n, value in enumerate(found, 2):
                parts[n].append(value)
        share, length = code.unpacked(args[6])
        for n, values in enumerate(parts):
            offset = lanes * n if n < 2 else 2 * lanes + 4 * (n - 2)
            value = _sum(code, values, length if n == 2 else share)
            code.store(value, signature.args[0], args[0], code.plus(args[1], offset))
        return context.get_dummy_value()

    given = (out, at, frames, size, sums, places, shares, frame, summed, samples)
    return types.void(*given), generate


@intrinsic(prefer_literal=True)
def put_blend(typing, out, at, frames, size, total, begin, row, col, weight, frame):  # noqa: ARG001, PLR0913
    """Set out[at : at + 3] to a mix of both frames' colours, warped by total[begin : begin + 4].

    ``row`` and ``col`` are where the pixel is, ``weight`` is that of the first frame.
    """

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        code, kinds = Code(context, builder), signature.args
        pair, size = code.unpacked(args[2]), code.unpacked(args[3])
        flow = code.load(kinds[4], args[4], args[5], 4)
        position = builder.fadd(code.alternating(args[7], args[6]), flow, FUSED)
        corners = _corners(code, position, size, frame.literal_value)
        first, second = (_sampled(code, kinds[2][n], pair[n], corners, n, 4) for n in range(2))
        value = lerp(builder, second, first, broadcast(builder, args[8], 4))
        colours = ir.Constant(ir.VectorType(INT, 3), [0, 1, 2])
        code.store(builder.shuffle_vector(value, value, colours), kinds[0], args[0], args[1])
        return context.get_dummy_value()

    return types.void(out, at, frames, size, total, begin, row, col, weight, frame), generate
