"""What a cluster gives: one process, one and two workers on this machine, and a forecast for many GPUs.

Measured are runs of the command line and the constants of a model (``cluster_model``), which then
predicts. Nothing about GPUs is measured here.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from time import perf_counter
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
os.environ |= {
    "OMP_NUM_THREADS": "1",
    "PYTHONPATH": str(ROOT),
}  # before torch; of Ray's workers too

from imageio_ffmpeg import get_ffmpeg_exe

from benchmarks import cluster_costs as costs_of
from benchmarks.cluster_model import (
    ADVICE,
    Costs,
    Forecast,
    Job,
    Machine,
    find_limit,
    helped,
    predict,
    seconds_alone,
)
from benchmarks.cluster_plot import Line, draw

WAYS = {"one process": 0, "1 worker": 1, "2 workers": 2}  # 0: without a cluster
GPUS = (1, 8, 64, 512)
SHORT, FILM = "832x480", "1920x1080"
CLIPS_JOB = Job("10,000 clips of 5 s", clips=10_000, source_frames=80)
FILM_JOB = Job("film of 2 hours", clips=1, source_frames=2 * 3600 * 24)
HERE = Machine(has_gpu=False, cores=1)
_MEASURED_FRAMES = 300
_BYTES_PER_GBIT = 1e9 / 8


@dataclass(frozen=True)
class Case:
    """What is run here: some clips of so many frames."""

    name: str
    clips: int
    source_frames: int

    @property
    def num_frames(self) -> int:
        """Of all results."""
        return 2 * self.clips * self.source_frames


@dataclass(frozen=True)
class Run:
    """Seconds of one run: until the network is loaded, until all results are there, until the end."""

    start: float
    work: float
    stop: float


@dataclass(frozen=True)
class Measured:
    """All that was measured here.

    Attributes:
        cases: what was run.
        runs: case -> way -> its runs, round by round.
        costs: size -> constants; the network's only where it was run.
        shipped: size -> bytes of source and result for each frame of the source.
        cluster: what Ray takes part in, see ``measure_cluster``.
    """

    cases: list[Case]
    runs: dict[str, dict[str, list[Run]]]
    costs: dict[str, Costs]
    shipped: dict[str, float]
    cluster: dict[str, float]

    @classmethod
    def read(cls, file: Path) -> Measured:
        """Read what an earlier run has kept with ``--json``."""
        kept = json.loads(file.read_text())["measured"]
        runs = {
            case: {way: [Run(**run) for run in found] for way, found in ways.items()}
            for case, ways in kept["runs"].items()
        }
        costs = {size: Costs(**found) for size, found in kept["costs"].items()}
        cases = [Case(**case) for case in kept["cases"]]
        return cls(cases, runs, costs, kept["shipped"], kept["cluster"])


def main() -> None:
    """Print tables of what was measured and what is predicted."""
    args = parse()
    measured = Measured.read(args.measured) if args.measured else measure(args)
    print_runs(measured)
    print_costs(measured)
    print_check(measured)
    predicted: dict[str, Any] = {}
    jobs = ((CLIPS_JOB, SHORT), (FILM_JOB, FILM))
    for (job, size), on_gpu in zip(jobs, args.gpu_seconds, strict=True):
        costs = replace(measured.costs[size], network=on_gpu)
        wire = 1 / (args.gbit * _BYTES_PER_GBIT)
        predicted |= forecasts(job, costs, args.cores, measured.shipped[size], wire)
    if args.json:
        args.json.write_text(
            json.dumps({"measured": asdict(measured), "predicted": predicted}, indent=2)
        )
    if args.plot:
        args.plot.write_text(draw(lines_of(predicted)))


def measure(args: argparse.Namespace) -> Measured:
    """Run the command line and measure the constants."""
    short = Case("many short clips", args.clips, args.clip_frames)
    cases = [short, Case("one long clip", 1, args.long_frames)]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sources = {size: make_clip(args, size, folder) for size in (args.size, SHORT, FILM)}
        cluster = costs_of.measure_cluster(args.checkpoint, sources[args.size], folder)
        costs, shipped = measure_sizes(args, sources, cluster, folder)
        return Measured(cases, run_all(args, cases, folder), costs, shipped, cluster)


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("clip", type=Path, nargs="?", help="the picture; a test pattern without it")
    parser.add_argument("--size", default="320x192", help="of the clips that are run here")
    parser.add_argument("--clips", type=int, default=10)
    parser.add_argument("--clip-frames", type=int, default=40)
    parser.add_argument("--long-frames", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=2, help="of all ways in turn")
    parser.add_argument(
        "--gpu-seconds",
        type=float,
        nargs=2,
        default=[0.005, 0.012],
        metavar=("SHORT", "FILM"),
        help="for a new frame of 832x480 and of 1920x1080 on a GPU; an assumption, not measured",
    )
    parser.add_argument("--cores", type=float, default=8, help="of a machine for each GPU")
    parser.add_argument("--gbit", type=float, default=10, help="per second, for shipped files")
    parser.add_argument("--measured", type=Path, help="JSON of an earlier run, to predict from it")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--plot", type=Path, help="an SVG")
    return parser.parse_args()


def make_clip(
    args: argparse.Namespace, size: str, folder: Path, count: int = _MEASURED_FRAMES
) -> Path:
    """Make a clip of a size, of the given one over and over."""
    path = folder / f"{size}_{count}.mp4"
    given = ["-stream_loop", "-1", "-i", str(args.clip)]
    source = given if args.clip else ["-f", "lavfi", "-i", f"testsrc2=s={size}:r=24"]
    command = [get_ffmpeg_exe(), "-v", "error", "-y", *source, "-an"]
    scale = f"scale={size.replace('x', ':')},setsar=1,setpts=N/(24*TB)"
    command += ["-vf", scale, "-r", "24", "-frames:v", str(count), "-pix_fmt", "yuv420p"]
    subprocess.run([*command, str(path)], check=True)
    return path


def run_all(
    args: argparse.Namespace, cases: Sequence[Case], folder: Path
) -> dict[str, dict[str, list[Run]]]:
    """Run all cases in all ways in turn, some times; returns case -> way -> runs."""
    found: dict[str, dict[str, list[Run]]] = {c.name: {way: [] for way in WAYS} for c in cases}
    for case in cases:
        clip = make_clip(args, args.size, folder, case.source_frames)
        sources = folder / case.name
        sources.mkdir()
        for number in range(case.clips):
            (sources / f"{number:03}.mp4").symlink_to(clip)
    for number in range(args.rounds):
        for case in cases:
            # In reverse order every second time, so that a drift of the machine cancels.
            for way in list(WAYS)[:: -1 if number % 2 else 1]:
                run = run_once(args.checkpoint, folder / case.name, WAYS[way])
                found[case.name][way].append(run)
                print(f"{case.name}, {way}: {run}", file=sys.stderr, flush=True)
    return found


def run_once(checkpoint: Path, sources: Path, workers: int) -> Run:
    """Run the command line on a folder, and take the times at which it says how far it is."""
    options = ["--ray", "local", "--workers", str(workers)] if workers else []
    # Each worker gets its part of the cores, and computes with as many threads.
    cores = {"RAY_OVERRIDE_RESOURCES": json.dumps({"CPU": workers})}
    with tempfile.TemporaryDirectory() as results:
        command = [sys.executable, "-u", str(ROOT / "inference_video.py"), "--video", str(sources)]
        command += ["--out-dir", results, "--model", str(checkpoint), "--device", "cpu"]
        command += ["--precision", "fp32", *options]
        started = perf_counter()
        loaded = done = 0.0
        with subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={**os.environ, **cores},
        ) as process:
            assert process.stdout
            for line in process.stdout:
                if line.startswith("model ") and not loaded and "as given" not in line:
                    loaded = perf_counter()
                if line.startswith("done:"):
                    done = perf_counter()
        ended = perf_counter()
        expected = len(list(sources.iterdir()))
        if process.returncode or len(list(Path(results).iterdir())) != expected:
            raise SystemExit(f"{' '.join(command)} has failed; run it to see why.")
    return Run(loaded - started, done - loaded, ended - done)


def measure_sizes(
    args: argparse.Namespace, sources: dict[str, Path], cluster: dict[str, float], folder: Path
) -> tuple[dict[str, Costs], dict[str, float]]:
    """Measure the constants of each size; returns bytes of source and result per frame as well."""
    found: dict[str, Costs] = {}
    shipped: dict[str, float] = {}
    for size, clip in sources.items():
        place = folder / f"of {size}"
        place.mkdir()
        costs, of_source, of_result = costs_of.measure_media(clip, place)
        loading = cluster["import"] + cluster["read"]
        many = max(cluster[f"clip {count}"] for count in costs_of.AT_HAND[1:])
        found[size] = replace(
            costs,
            start=loading + cluster["connect"] + cluster["worker"],
            start_plain=loading + cluster["build"],
            hand_out=cluster["piece"] if size == FILM else many,
            latency=cluster[f"clip {costs_of.AT_HAND[0]}"],
            ship=cluster["ship"],
        )
        shipped[size] = of_source + 2 * of_result
        print(f"{size}: {found[size]}", file=sys.stderr, flush=True)
    width, height = map(int, args.size.split("x"))
    network = costs_of.measure_network(args.checkpoint, (width, height))
    found[args.size] = replace(found[args.size], network=network)
    return found, shipped


def print_runs(measured: Measured) -> None:
    """Print the fastest run of each way, and the range of speed-ups over one process in its round."""
    print("\nmeasured here: frames of the result per second once the network is loaded")
    print("| | frames | | starting | frames/s | speed-up | efficiency | in pairs | start to end |")
    print("|---|---|---|---|---|---|---|---|---|")
    for case in measured.cases:
        base = measured.runs[case.name]["one process"]
        for way, found in measured.runs[case.name].items():
            gain = fastest(base) / fastest(found)
            pairs = [a.work / b.work for a, b in zip(base, found, strict=True)]
            print(
                f"| {case.name} | {case.num_frames} | {way} | {min(run.start for run in found):.1f} s "
                f"| {case.num_frames / fastest(found):.1f} | {gain:.2f} | {gain / max(1, WAYS[way]):.0%} "
                f"| {min(pairs):.2f} to {max(pairs):.2f} "
                f"| {min(map(total, base)) / min(map(total, found)):.2f} |"
            )


def fastest(runs: Sequence[Run]) -> float:
    """Return seconds of the run that others disturbed least, without starting."""
    return min(run.work for run in runs)


def total(run: Run) -> float:
    """Return seconds from start to end."""
    return run.start + run.work + run.stop


def print_costs(measured: Measured) -> None:
    """Print the constants."""
    costs, cluster = measured.costs, measured.cluster
    print("\nmeasured here: constants, in milliseconds")
    print(f"| | {' | '.join(costs)} |")
    print(f"|---|{'---|' * len(costs)}")
    for name in asdict(Costs()):
        values = [asdict(each)[name] for each in costs.values()]
        if name == "ship":
            cells = [f"{1e9 * value:.2f} s per GB" for value in values]
        else:
            cells = [f"{1000 * value:.3g}" if value else "" for value in values]
        print(f"| {name.replace('_', ' ')} | {' | '.join(cells)} |")
    print(
        "of Ray:",
        ", ".join(f"{name} {1000 * s:.3g}" for name, s in cluster.items() if name != "ship"),
    )


def print_check(measured: Measured) -> None:
    """Print what the model says of the runs that were made here."""
    print("\nthe model against the runs: seconds without starting")
    print("| | | measured | model |")
    print("|---|---|---|---|")
    ran = next(costs for costs in measured.costs.values() if costs.network)
    costs = replace(ran, start=0.0, start_plain=0.0, plan=0.0)
    for case in measured.cases:
        job = Job(case.name, case.clips, case.source_frames)
        model = [seconds_alone(job, costs, HERE)]
        model += [predict(job, costs, HERE, workers).wall for workers in (1, 2)]
        for (way, found), value in zip(measured.runs[case.name].items(), model, strict=True):
            print(f"| {case.name} | {way} | {fastest(found):.1f} | {value:.1f} |")


def forecasts(job: Job, costs: Costs, cores: float, shipped: float, wire: float) -> dict[str, Any]:
    """Print what is predicted for GPUs, with and without what helps; returns it."""
    machine = Machine(cores=cores)
    print(f"\npredicted, not measured: {job.name}, {job.num_frames} frames")
    variants = [job]
    limit = find_limit(job, costs, machine)
    if limit and (other := helped(job, limit.limit)):
        variants.append(other)
    if job.clips == 1:
        variants.append(replace(job, name=f"{job.name}, in 64 parts", parts=64))
    bytes_ = job.clips * job.source_frames * shipped
    variants.append(replace(job, name=f"{job.name}, --ship", shipped_bytes=bytes_))
    print(f"| | {' | '.join(f'{count} GPUs' for count in GPUS)} | limit |")
    print(f"|---|{'---|' * len(GPUS)}---|")
    kept: dict[str, Any] = {}
    for variant in variants:
        used = replace(costs, ship=costs.ship + wire)
        found = [predict(variant, used, machine, count) for count in GPUS]
        edge = find_limit(variant, used, machine)
        print(f"| {variant.name} | {' | '.join(map(describe, found))} | {describe_limit(edge)} |")
        curve = [predict(variant, used, machine, 2**power) for power in range(11)]
        kept[variant.name] = {
            "forecasts": [asdict(each) | {"limit": each.limit} for each in curve],
            "limit": edge and asdict(edge) | {"limit": edge.limit},
        }
    if limit:
        print(f"What helps where {limit.limit} is the limit: {ADVICE[limit.limit]}.")
    return kept


def describe(forecast: Forecast) -> str:
    """Say how long it takes, and how well the GPUs are used."""
    return f"{duration(forecast.wall)} ({forecast.efficiency:.0%}, {forecast.limit})"


def describe_limit(limit: Forecast | None) -> str:
    """Say from which number of workers on something else takes longer than the work."""
    return f"{limit.limit}, from {limit.workers} on" if limit else "none"


def duration(seconds: float) -> str:
    """Write seconds for people."""
    if seconds < 600:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 3 * 3600 else f"{seconds / 3600:.1f} h"


def lines_of(predicted: dict[str, Any]) -> list[Line]:
    """Make lines for the plot of what was predicted."""
    lines: list[Line] = []
    for name, found in predicted.items():
        points = [(each["workers"], each["efficiency"]) for each in found["forecasts"]]
        edge = found["limit"]
        limit = edge and (edge["workers"], edge["efficiency"], edge["limit"])
        if "--ship" not in name:
            lines.append(Line(name, points, limit))
    return lines


if __name__ == "__main__":
    main()
