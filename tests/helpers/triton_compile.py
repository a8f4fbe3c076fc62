"""Compiles every kernel for GPUs that are not here: python -m tests.helpers.triton_compile cuda:89=few hip:gfx942.

Prints the sizes of the binaries in bytes as JSON, by target and variant; null where Triton lacks a target. What
is compiled for a target is one of ``VARIANTS``, or ``all``.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence

import triton
import triton.language as tl
from triton.backends import backends
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

from rife_arch.evaluation.gpu import kernels

_FRAMES = {"frame0": "*fp32", "frame1": "*fp32", "stride0": "i32", "stride1": "i32"}
_Variant = tuple[str, dict[str, object], dict[str, object]]
_SIZE = {"height": "i32", "width": "i32"}


def _small() -> Iterator[_Variant]:
    strides = dict.fromkeys(("stride_b", "stride_c", "stride_y", "stride_x"), "i32")
    given = {"out": "*fp32", "img": "*fp32", "features": "*fp32", **strides, **_SIZE}
    for features, suffix in ((0, ""), (4, " wide")):
        constants = {"NUM_FEATURES": features, "FRAME": 8, "FRAME_TILE": 8}
        yield f"interleave {features}{suffix}", given, constants
    for dtype in ("fp16", "fp32"):
        given = {"x": f"*{dtype}", "bias": f"*{dtype}", "slopes": f"*{dtype}", "size": "i32"}
        yield f"add_bias_and_activate {dtype}", given, {"CHANNELS": 24}


def _block_inputs(*variants: tuple[str, int, int, int, int, int]) -> Iterator[_Variant]:
    for dtype, num, samples, border, summed, channels in variants:
        given = {"out": f"*{dtype.split()[0]}", **_FRAMES, "timestep": "*fp32", **_updates(num)}
        given |= {**_SIZE, "reduction": "i32", "scale": "fp32"}
        constants: dict[str, object] = {
            "NUM": num,
            "SAMPLES": samples,
            "BORDER": border,
            "SUMMED": summed,
        }
        constants |= {"FRAME": 8, "FRAME_TILE": 8, "REST": 16, "REST_TILE": 16}
        constants |= {"SIDE": 4, "CHANNELS": channels}
        yield f"block_input {num} {dtype}", given, constants


def _blends(*variants: tuple[int, int, int, bool]) -> Iterator[_Variant]:
    for summed, channels, num, motion in variants:
        given = {"out": "*fp32", "planes": "*fp32", **_FRAMES, **_updates(num)}
        given |= {"last": "*fp32", "last_factor": "i32", **_SIZE}
        constants: dict[str, object] = {
            "NUM": num,
            "SUMMED": summed,
            "FRAME": 8,
            "SIDE": 4,
            "CHANNELS": channels,
        }
        constants |= {"LAST_SIDE": 2, "WRITES_MOTION": motion}
        yield f"blend {summed} {num}", given, constants


def _updates(num: int) -> dict[str, object]:
    return {"updates": ("*fp32",) * num, "factors": ("i32",) * num}


def _named(*names: str) -> list[_Variant]:
    return [variant for variant in (*_ALL, *_LARGEST) if variant[0] in names]


_ALL = (
    *_small(),
    # The number of earlier blocks, and what differs between them; see ``kernels``.
    *_block_inputs(
        ("fp32", 0, 2, 0, 4, 13), ("bf16", 1, 2, 0, 4, 13), ("fp16 wide", 1, 1, 1, 5, 5)
    ),
    *_blends((4, 13, 1, False), (5, 5, 1, True)),
)
_LARGEST = (*_block_inputs(("fp16 wide", 4, 1, 1, 4, 13)), *_blends((4, 13, 4, False)))
VARIANTS = {
    # Of every kernel those that differ in structure: 4 s.
    "all": _ALL,
    # Of every kernel one: 2 s.
    "few": _named(
        "interleave 4 wide", "add_bias_and_activate fp16", "block_input 1 fp16 wide", "blend 5 1"
    ),
    # For networks of many blocks, most of whose code is that of one block repeated: 6 s, on AMD 15.
    "largest": [*_named("interleave 4 wide", "add_bias_and_activate fp16"), *_LARGEST],
}


def sources(variants: Sequence[_Variant] = _ALL) -> Iterator[tuple[str, ASTSource]]:
    """Yield each kernel, those with variants that differ in structure several times."""
    for name, given, constants in variants:
        index = tl.int64 if name.endswith("wide") else tl.int32
        signature = {**given, **dict.fromkeys((*constants, "INDEX", "BLOCK"), "constexpr")}
        values = {**constants, "INDEX": index, "BLOCK": 128}
        yield name, ASTSource(getattr(kernels, name.split()[0]), signature, values)


def compiled(target: str, variants: Sequence[_Variant]) -> dict[str, int] | None:
    """Compile for a target, such as cuda:89."""
    backend, _, architecture = target.partition(":")
    if {"cuda": "nvidia", "hip": "amd"}[backend] not in backends:
        return None
    made = (
        GPUTarget("cuda", int(architecture), 32)
        if backend == "cuda"
        else GPUTarget("hip", architecture, 64)
    )
    binary = "cubin" if backend == "cuda" else "hsaco"
    return {
        name: len(triton.compile(source, target=made).asm[binary])
        for name, source in sources(variants)
    }


def main() -> None:
    """Compile for the targets that are named."""
    sizes: dict[str, dict[str, int] | None] = {}
    for given in sys.argv[1:]:
        target, _, variants = given.partition("=")
        sizes[target] = compiled(target, VARIANTS[variants or "all"])
    sys.stdout.write(json.dumps(sizes))


if __name__ == "__main__":
    main()
