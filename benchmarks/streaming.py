"""Peak memory and seconds over clip length, and what reading and writing a file add to the model.

Every measurement runs in a process of its own, so that its peak is its own.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from time import perf_counter

import torch

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from rife_arch import load_rife
from vfi.encode import EncodingSettings
from vfi.frames import Frame
from vfi.synthesis import Interpolator, interpolate_stream
from vfi.timing import Schedule
from vfi.write import VideoWriter


def main() -> None:
    """Print two tables; with ``--measure`` make one measurement and print it as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--size", default="640x360")
    parser.add_argument("--frames", type=int, nargs="+", default=[200, 400, 2000])
    parser.add_argument("--file-size", default="1280x720")
    parser.add_argument("--file-frames", type=int, default=60)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--measure", type=int, metavar="FRAMES", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.measure:
        print(json.dumps(stream(args.checkpoint, args.size, args.measure)))
        return
    lengths = {count: in_process(args.checkpoint, args.size, count) for count in args.frames}
    for count, row in lengths.items():
        per_frame = row["seconds"] / row["frames"]
        print(
            f"{count:>6} frames in: {per_frame:.4f} s per new frame, peak {row['peak_mb']:.0f} MB"
        )
    files = end_to_end(args.checkpoint, args.file_size, args.file_frames)
    ratio = files["command line"] / files["model alone"]
    print(
        f"{args.file_size}, {args.file_frames} frames: model alone {files['model alone']:.1f} s, "
        f"command line {files['command line']:.1f} s ({ratio:.2f}x)"
    )
    if args.json:
        args.json.write_text(json.dumps({"lengths": lengths, "files": files}, indent=2))


def moving(size: str, num_frames: int) -> Iterator[Frame]:
    """Make frames in which a smooth picture moves, uint8, at 24 per second."""
    width, height = map(int, size.split("x"))
    generator = torch.Generator().manual_seed(0)
    coarse = torch.rand(1, 3, height // 16, width // 16, generator=generator)
    image = torch.nn.functional.interpolate(coarse, (height, width), mode="bicubic")
    pixels = (image[0].permute(1, 2, 0).clamp(0, 1) * 255).byte()
    for index in range(num_frames):
        yield Frame(pixels.roll((index, 3 * index), (0, 1)), Fraction(index, 24))


def stream(checkpoint: Path, size: str, num_frames: int) -> dict[str, float]:
    """Interpolate a clip frame by frame and keep nothing; returns new frames, seconds, peak."""
    model = load_rife(checkpoint, precision="auto")
    interpolator = Interpolator(model.encode, model.interpolate_each, model.device)
    started, count = perf_counter(), 0
    schedule = Schedule(Fraction(48), last_duration=Fraction(1, 24))
    for _ in interpolate_stream(moving(size, num_frames), interpolator, schedule):
        count += 1
    seconds = perf_counter() - started
    unit = 1024**2 if sys.platform == "darwin" else 1024  # macOS counts bytes, Linux kB
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit
    return {"frames": count - num_frames, "seconds": seconds, "peak_mb": peak}


def in_process(checkpoint: Path, size: str, num_frames: int) -> dict[str, float]:
    """Measure ``stream`` in a process of its own."""
    command = [sys.executable, __file__, str(checkpoint), "--size", size]
    done = subprocess.run(
        [*command, "--measure", str(num_frames)], check=True, stdout=subprocess.PIPE
    )
    return json.loads(done.stdout)


def end_to_end(checkpoint: Path, size: str, num_frames: int) -> dict[str, float]:
    """Time the command line on a file, and the model on the same number of frames.

    Both in processes of their own; loading the model is taken off by a run on two frames.
    """
    seconds: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        for count in (2, num_frames):
            clip = Path(folder) / f"{count}.mp4"
            width, height = map(int, size.split("x"))
            frames = EncodingSettings().resolve(clip, width=width, height=height, rate=Fraction(24))
            with VideoWriter(clip, frames) as writer:
                for frame in moving(size, count):
                    writer.write(frame.pixels.numpy())
            command = [sys.executable, str(ROOT / "inference_video.py"), "--overwrite"]
            command += ["--video", str(clip), "--model", str(checkpoint), "--multi", "2"]
            started = perf_counter()
            subprocess.run(
                command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
            seconds["command line"] = perf_counter() - started - seconds.get("command line", 0)
            alone = in_process(checkpoint, size, count)["seconds"]
            seconds["model alone"] = alone - seconds.get("model alone", 0)
    return seconds


if __name__ == "__main__":
    main()
