"""What is counted as a kernel, and as bytes moved."""

from __future__ import annotations

import torch

from benchmarks.gpu_counts import Counter, candidates

FLOATS = 4


def counted(run: object, *args: object) -> tuple[int, int]:
    with torch.no_grad(), Counter() as counter:
        run(*args)
    return counter.kernels, counter.bytes


def test_an_operation_reads_its_inputs_and_writes_its_output() -> None:
    x = torch.empty(10, 3, device="meta")
    assert counted(torch.add, x, x) == (1, 3 * 30 * FLOATS)
    assert counted(x.add_, 1) == (1, 2 * 30 * FLOATS)


def test_views_and_memory_as_such_are_free() -> None:
    x = torch.empty(10, 3, device="meta")
    assert counted(lambda: x.view(3, 10).t()[1:].expand(9, 3)) == (0, 0)
    assert counted(lambda: torch.empty_like(x)) == (0, 0)


def test_a_bias_is_a_pass_of_its_own() -> None:
    x, weight = torch.empty(1, 2, 8, 8, device="meta"), torch.empty(4, 2, 1, 1, device="meta")
    without = counted(torch.conv2d, x, weight)
    assert without == (1, (128 + 8 + 256) * FLOATS)
    bias = torch.empty(4, device="meta")
    assert counted(torch.conv2d, x, weight, bias) == (2, without[1] + (4 + 2 * 256) * FLOATS)


def test_picking_rows_reads_what_is_picked() -> None:
    x, index = torch.empty(1000, 8, device="meta"), torch.empty(2, dtype=torch.long, device="meta")
    kernels, moved = counted(torch.index_select, x, 0, index)
    assert kernels == 1
    assert moved < 1000


def test_fused_loops_move_less_than_the_pyramid_and_that_less_than_the_plain_network() -> None:
    found = candidates("4.26", 128, 128, torch.float32)
    moved: dict[str, int] = {}
    for name in ("plain", "exact", "Triton"):
        counter, run = found[name]
        with torch.no_grad(), counter:
            run()
        moved[name] = counter.bytes
    assert moved["Triton"] < moved["exact"] < moved["plain"]
