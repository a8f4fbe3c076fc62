"""Time and memory of a step of fine-tuning: random pictures, so the samples' loading is left out."""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
from dataclasses import replace
from itertools import product
from pathlib import Path
from statistics import median
from time import perf_counter

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from rife_arch.load import load_trainable
from training.data import Batch
from training.losses import Loss, LossOptions
from training.network import Trainee
from training.options import TRAINING_PRECISIONS, OptimizerOptions
from training.trainer import Trainer


def main() -> None:
    """Print a table, one row per crop and batch, each measured in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--crops", type=int, nargs="+", default=[192, 256])
    parser.add_argument("--batches", type=int, nargs="+", default=[4, 8])
    parser.add_argument("--precision", choices=TRAINING_PRECISIONS, default="fp32")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--freeze", default="nothing")
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        print(json.dumps(measure(args, args.crops[0], args.batches[0])))
        return
    print(f"{args.checkpoint.name}, {args.device}, {args.precision}, {args.threads} threads")
    print(" crop  batch  s/step  samples/s  memory GB")
    for crop, batch in product(args.crops, args.batches):
        command = [sys.executable, __file__, *sys.argv[1:], "--one"]
        command += ["--crops", str(crop), "--batches", str(batch)]
        found = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
        seconds, memory = found["seconds"], found["memory"] / 1e9
        print(
            f"{crop:5}  {batch:5}  {seconds:6.2f}  {batch / seconds:9.2f}  {memory:9.2f}",
            flush=True,
        )


def measure(args: argparse.Namespace, crop: int, batch: int) -> dict[str, float]:
    """Return the median time of a step, and the most memory the process or the GPU had."""
    torch.set_num_threads(args.threads)
    device = torch.device(args.device)
    _, network = load_trainable(args.checkpoint)
    options = replace(OptimizerOptions(), batch=batch, precision=args.precision, freeze=args.freeze)
    trainee = Trainee(network, freezes_encoder=args.freeze == "encoder")
    trainer = Trainer(trainee, Loss(LossOptions()), options, device)
    times: list[float] = []
    for _ in range(args.steps + 1):
        img0, img1, truth = torch.rand(3, batch, 3, crop, crop)
        halfway = torch.full((batch, 1, 1, 1), 0.5)
        started = perf_counter()
        trainer.step([Batch(img0, img1, truth, halfway, ("",) * batch)])
        times.append(perf_counter() - started)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    if device.type == "cuda":
        memory = torch.cuda.max_memory_allocated(device)
    return {"seconds": median(times[1:]), "memory": memory}


if __name__ == "__main__":
    main()
