"""Compiles every kernel for a GPU that is not here: python -m tests.helpers.triton_compile cuda:89.

Prints the sizes of the binaries in bytes as JSON. Returns 77, and says why, where Triton lacks the target.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator

import triton
import triton.language as tl
from triton.backends import backends
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

from rife_arch.evaluation.gpu import kernels

MISSING = 77
_FRAMES = {"frame0": "*fp32", "frame1": "*fp32", "stride0": "i32", "stride1": "i32"}
_Variant = tuple[str, dict[str, object], dict[str, object]]
_SIZE = {"height": "i32", "width": "i32"}


def sources() -> Iterator[tuple[str, ASTSource]]:
    """Yield each kernel, those with variants that differ in structure several times."""
    for name, given, constants in (*_small(), *_block_inputs(), *_blends()):
        index = tl.int64 if name.endswith("wide") else tl.int32
        signature = {**given, **dict.fromkeys((*constants, "INDEX", "BLOCK"), "constexpr")}
        values = {**constants, "INDEX": index, "BLOCK": 128}
        yield name, ASTSource(getattr(kernels, name.split()[0]), signature, values)


def _small() -> Iterator[_Variant]:
    strides = dict.fromkeys(("stride_b", "stride_c", "stride_y", "stride_x"), "i32")
    given = {"out": "*fp32", "img": "*fp32", "features": "*fp32", **strides, **_SIZE}
    for features, suffix in ((0, ""), (4, " wide")):
        constants = {"NUM_FEATURES": features, "FRAME": 8, "FRAME_TILE": 8}
        yield f"interleave {features}{suffix}", given, constants
    for dtype in ("fp16", "fp32"):
        given = {"x": f"*{dtype}", "bias": f"*{dtype}", "slopes": f"*{dtype}", "size": "i32"}
        yield f"add_bias_and_activate {dtype}", given, {"CHANNELS": 24}


def _block_inputs() -> Iterator[_Variant]:
    for dtype, num, samples, border, summed, channels in (
        ("fp32", 0, 2, 0, 4, 13),
        ("bf16", 1, 2, 0, 4, 13),
        ("fp16 wide", 4, 1, 1, 4, 13),
        ("fp16", 2, 1, 0, 5, 5),
    ):
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


def _blends() -> Iterator[_Variant]:
    for summed, channels, num, motion in ((4, 13, 4, False), (5, 5, 2, True)):
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


def main() -> int:
    """Compile for the target that is named."""
    backend, _, architecture = sys.argv[1].partition(":")
    maker = {"cuda": "nvidia", "hip": "amd"}[backend]
    if maker not in backends:
        sys.stdout.write(f"this Triton compiles nothing for {maker}")
        return MISSING
    target = (
        GPUTarget("cuda", int(architecture), 32)
        if backend == "cuda"
        else GPUTarget("hip", architecture, 64)
    )
    sizes: dict[str, int] = {}
    for name, source in sources():
        binary = triton.compile(source, target=target)
        sizes[name] = len(binary.asm["cubin" if backend == "cuda" else "hsaco"])
    sys.stdout.write(json.dumps(sizes))
    return 0


if __name__ == "__main__":
    sys.exit(main())
