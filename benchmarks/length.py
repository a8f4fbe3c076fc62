"""Peak memory over the length of a video, from file to file: the command line's job and the node's.

A cross-fade stands in for the network, whose memory does not depend on the length; ``--checkpoint``
takes a real one. Every measurement runs in a process of its own, so that its peak is its own.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from time import perf_counter
from types import ModuleType, SimpleNamespace
from typing import Any

import torch
from torch import Tensor

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from imageio_ffmpeg import get_ffmpeg_exe

from rife_arch import load_checkpoint
from vfi.encode import EncodingSettings, parse_encoder_options
from vfi.jobs import plan_job, plan_video, render
from vfi.read import open_video
from vfi.synthesis import Interpolator
from vfi.timing import Schedule
from vfi.tracks import AudioMode
from vfi.write import VideoWriter

FAST = "-preset ultrafast"  # the encoder's time is not what is measured


class CrossFade:
    """Stands in for a ``RifeModel``."""

    name = identity = "cross-fade"
    device = torch.device("cpu")

    def encode(self, image: Tensor, **_: Any) -> Tensor:
        """Keep the picture."""
        return image

    def interpolate_each(
        self, image0: Tensor, image1: Tensor, times: Sequence[float], **_: Any
    ) -> Iterator[Tensor]:
        """Mix two pictures."""
        return (torch.lerp(image0, image1, time) for time in times)

    def evaluation(self, _scale: float) -> str:
        """There is one only."""
        return "plain"

    def require_evaluation(self, **_: Any) -> None:
        """There is one only."""

    def note_on_multiplier(self, multi: int) -> None:
        """All are hit."""


def main() -> None:
    """Print a line for each length and way; with ``--measure`` make one measurement."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", default="1280x720")
    parser.add_argument("--rate", type=int, default=24)
    parser.add_argument("--minutes", type=float, nargs="+", default=[1, 10])
    parser.add_argument("--checkpoint", type=Path)
    parser.add_argument("--measure", choices=WAYS, help=argparse.SUPPRESS)
    parser.add_argument("--source", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.measure:
        print(json.dumps(measure(args.measure, args.source, args.checkpoint)))
        return
    ways = list(WAYS) if os.environ.get("COMFYUI_PATH") else ["job"]
    with tempfile.TemporaryDirectory() as folder:
        for minutes in args.minutes:
            source = make_source(Path(folder) / "source.mp4", args.size, args.rate, minutes)
            for way in ways:
                command = [sys.executable, __file__, "--measure", way, "--source", str(source)]
                command += ["--checkpoint", str(args.checkpoint)] if args.checkpoint else []
                done = subprocess.run(command, check=True, stdout=subprocess.PIPE)
                row = json.loads(done.stdout.splitlines()[-1])
                print(
                    f"{minutes:g} min of {args.size} at {args.rate} fps, {way}: "
                    f"{row['frames']} frames, {row['seconds']:.0f} s, peak {row['peak_mb']:.0f} MB "
                    f"({row['peak_mb'] - row['before_mb']:.0f} MB more than before)",
                    flush=True,
                )


def make_source(path: Path, size: str, rate: int, minutes: float) -> Path:
    """Make a video of a moving pattern, with sound."""
    seconds = round(60 * minutes)
    pattern = f"testsrc2=s={size}:r={rate}:d={seconds}"
    command = [get_ffmpeg_exe(), "-v", "error", "-y", "-f", "lavfi", "-i", pattern]
    command += ["-f", "lavfi", "-i", f"sine=duration={seconds}", "-pix_fmt", "yuv420p"]
    subprocess.run([*command, "-preset", "ultrafast", "-crf", "30", str(path)], check=True)
    return path


def measure(way: str, source: Path, checkpoint: Path | None) -> dict[str, float]:
    """Double the rate of a video; returns frames, seconds and memory."""
    model = load_checkpoint(checkpoint) if checkpoint else CrossFade()
    with tempfile.TemporaryDirectory() as folder:
        row = WAYS[way](source, Path(folder), model)
    row["peak_mb"] = peak_memory()
    return row


def run_job(source: Path, folder: Path, model: Any) -> dict[str, float]:
    """Do what the command line does."""
    before, started = peak_memory(), perf_counter()
    clip = open_video(source)
    job = plan_job(clip, Schedule(2 * clip.rate, 1 / clip.rate))
    path, encoding = folder / "out.mp4", EncodingSettings(options=parse_encoder_options(FAST))
    writer = VideoWriter(
        path,
        plan_video(job, path, encoding),
        tracks=job.tracks(AudioMode.COPY),
        resume_key=job.resume_key(),
    )
    interpolator = Interpolator(model.encode, model.interpolate_each, model.device)
    frames = render(partial(job.frames, interpolator, ignore), [writer], on_frame=ignore)
    return {"frames": frames, "seconds": perf_counter() - started, "before_mb": before}


def run_node(source: Path, folder: Path, model: Any) -> dict[str, float]:
    """Call RIFEInterpolateVideo inside a ComfyUI process, without its server."""
    sys.path.insert(0, os.environ["COMFYUI_PATH"])
    from comfy.cli_args import args  # before any other module of ComfyUI

    args.cpu, args.base_directory = True, str(folder)
    (folder / "output").mkdir()
    pack = load_pack()
    from comfy_api.latest import InputImpl

    node = pack.nodes.interpolate_video.RIFEInterpolateVideo.PREPARE_CLASS_CLONE(
        {"hidden_inputs": {}}
    )
    managed = SimpleNamespace(rife=model, load=lambda _bytes: model)
    before, started = peak_memory(), perf_counter()
    with torch.inference_mode():
        result = node.execute(
            model=managed,
            video=InputImpl.VideoFromFile(str(source)),
            filename_prefix="long",
            mode={"mode": "multiplier", "multi": 2},
            ffmpeg_options=FAST,
        )
    seconds = perf_counter() - started
    return {"frames": result[2], "seconds": seconds, "before_mb": before}


def load_pack() -> ModuleType:
    """Import this pack as ComfyUI does: as a package of another name."""
    spec = importlib.util.spec_from_file_location("pack", ROOT / "__init__.py")
    assert spec
    assert spec.loader
    pack = importlib.util.module_from_spec(spec)
    sys.modules["pack"] = pack
    spec.loader.exec_module(pack)
    return pack


def ignore(*_: object) -> None:
    """Do nothing."""


def peak_memory() -> float:
    """Return the most memory that this process has had, MB; ffmpeg's own is not in it."""
    unit = 1024**2 if sys.platform == "darwin" else 1024  # macOS counts bytes, Linux kB
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


WAYS = {"job": run_job, "node": run_node}

if __name__ == "__main__":
    main()
