"""The constants of the model of a cluster, each measured by itself, with the network on one thread.

What computes is measured in CPU seconds of all threads, as others may work on the machine; what
waits for files or for Ray, in real ones, the fastest of some; and what the driver does for a unit in
CPU seconds of its thread. Run with OMP_NUM_THREADS=1.
"""

from __future__ import annotations

import io
import shutil
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import replace
from fractions import Fraction
from itertools import cycle, islice
from pathlib import Path
from time import perf_counter, process_time, thread_time
from typing import Any

import numpy.typing as npt
import torch

from benchmarks.cluster_model import SEGMENT_LENGTH, Costs
from benchmarks.network import smooth_pair
from cli.checkpoints import find_rife
from cli.loaded import RifeNetwork
from cli.options import ClusterOptions
from cli.parse import parse_interpolation
from cli.plan import Plan, plan_interpolation
from rife_arch import load_rife
from vfi.jobs import Piece, complete

Clock = Callable[[], float]
ROOT = Path(__file__).resolve().parents[1]
_PLANS, _SEEKS, _JOINED_SEGMENTS = 20, 5, 20
_UNITS = 400
_RUNS = 3
_PICTURES = 50  # kept in memory
_SHIPPED = 128 * 2**20  # bytes
AT_HAND = (1, 64, 512)  # units


def seconds(work: Callable[[], object], clock: Clock = perf_counter) -> float:
    """Return how long something takes."""
    started = clock()
    work()
    return clock() - started


def fastest(work: Callable[[], object], runs: int) -> float:
    """Return how long something takes that others disturb, at its fastest."""
    return min(seconds(work) for _ in range(runs))


def plan_of(clip: Path, result: Path) -> Plan[Any]:
    """Plan a clip as the command line does."""
    options = parse_interpolation(["--video", str(clip), "--output", str(result), "--overwrite"])
    return plan_interpolation(clip, options, True).make_ready()


def measure_media(clip: Path, folder: Path) -> tuple[Costs, float, float]:
    """Measure what depends on the size of a clip; returns bytes per frame of clip and result as well.

    Args:
        clip: of at least ``SEGMENT_LENGTH`` frames.
        folder: an empty one.
    """
    result = folder / "result.mp4"
    plan = plan_of(clip, result)
    planning = fastest(lambda: plan_of(clip, result), _PLANS)
    count = plan.job.clip.num_frames
    preparation = replace(plan.job.preparation, scene_threshold=0)
    look = seconds(lambda: look_at(plan.job), process_time) / count
    decode = seconds(lambda: look_at(replace(plan.job, preparation=preparation)), process_time)
    segment, encode, per_frame, join = measure_writing(plan)
    costs = Costs(
        plan=planning,
        look=look,
        decode=decode / count,
        seek=measure_seeking(plan),
        segment=segment,
        encode=encode,
        join=join,
    )
    return costs, clip.stat().st_size / count, per_frame


def look_at(job: Any) -> None:
    """Look at all frames of a clip."""
    for _ in job.pieces(lambda _cut: None, length=SEGMENT_LENGTH):
        pass


def measure_seeking(plan: Plan[Any]) -> float:
    """Measure how long the first frame of a unit takes, somewhere in a clip."""
    clip = plan.job.clip

    def read_first(number: int) -> None:
        with closing(clip.frames_from(Fraction(number) / clip.rate)) as frames:
            next(frames)

    numbers = [clip.num_frames * (2 * n + 1) // (2 * _SEEKS) for n in range(_SEEKS)]
    return sum(seconds(lambda n=n: read_first(n), process_time) for n in numbers) / _SEEKS


def measure_writing(plan: Plan[Any]) -> tuple[float, float, float, float]:
    """Write segments and join them.

    Returns:
        CPU seconds of a segment and of each frame in it, its bytes per frame, and seconds for which
        joining takes a frame.
    """
    with closing(plan.job.clip.frames()) as frames:
        pictures = [frame.pixels.numpy() for frame in islice(frames, _PICTURES)]
    (sink,) = plan.sinks("key")
    with sink.apart() as apart:  # type: ignore[union-attr]  it is a file
        store = apart.store
        many = SEGMENT_LENGTH
        single = min(
            seconds(lambda: write_run(store, pictures, 1), process_time) for _ in range(_RUNS)
        )
        store.files(0, 1)[0].unlink()
        whole = seconds(lambda: write_run(store, pictures, many), process_time)
        first = store.files(0, many)[0]
        for number in range(1, _JOINED_SEGMENTS):
            shutil.copy(first, store.files(number * many, (number + 1) * many)[0])
        size = first.stat().st_size / many
        apart.complete(_JOINED_SEGMENTS * many)
    joining = seconds(lambda: complete(plan.sinks("key"), _JOINED_SEGMENTS * many))
    encode = (whole - single) / (many - 1)
    return max(0.0, single - encode), encode, size, joining / (_JOINED_SEGMENTS * many)


def write_run(store: Any, pictures: Sequence[npt.NDArray[Any]], count: int) -> None:
    """Write one segment, of pictures that go forth and back."""
    writer = store.writer(0, count)
    with writer:
        for pixels in islice(cycle([*pictures, *reversed(pictures)]), count):
            writer.write(pixels)


def measure_network(checkpoint: Path, size: tuple[int, int]) -> float:
    """Return CPU seconds for a new frame, with the encoding of one frame."""
    width, height = size
    model = load_rife(checkpoint)
    img0, img1 = smooth_pair(-(-height // 64) * 64, -(-width // 64) * 64)
    first = model.encode(img0)

    def make() -> None:
        list(model.interpolate_each(first, model.encode(img1), [0.5]))

    make()
    return statistics.median(seconds(make, process_time) for _ in range(5))


def measure_cluster(checkpoint: Path, clip: Path, folder: Path) -> dict[str, float]:
    """Measure what Ray takes part in: starting, handing out and shipping."""
    importing = [sys.executable, "-c", "import inference_video"]
    found = {"import": seconds(lambda: subprocess.run(importing, check=True, cwd=ROOT))}
    started = perf_counter()
    options = parse_interpolation(["--video", str(clip), "--model", str(checkpoint)])
    network = RifeNetwork(find_rife(options.network), options.network)
    found["read"] = perf_counter() - started
    found["build"] = seconds(network.load)
    started = perf_counter()
    with started_cluster() as cluster:
        found["connect"] = perf_counter() - started
        import ray

        from cli.cluster.run import load_network, started_workers
        from cli.cluster.worker import Stored

        started = perf_counter()
        stored = Stored(ray.put(network), network.sha256)
        with started_workers(cluster, "", has_copies=False) as workers:
            load_network(workers, stored)
            found["worker"] = perf_counter() - started
        plan = plan_of(clip, folder / "handed.mp4")
        actor = start_idle()
        for count in AT_HAND:
            took = [hand_out_clips(cluster, actor, plan, count) for _ in range(_RUNS)]
            found[f"clip {count}"] = min(took)
        hand_out_pieces(cluster, actor, plan, AT_HAND[-1], 10)  # starts a process for the task
        took = [hand_out_pieces(cluster, actor, plan, AT_HAND[-1], _UNITS) for _ in range(_RUNS)]
        found["piece"] = min(took)
        found["ship"] = min(measure_shipping(folder) for _ in range(_RUNS))
    return found


@contextmanager
def started_cluster() -> Iterator[Any]:
    """Start a cluster of one worker on this machine, as ``--ray local`` does."""
    from cli.cluster.environment import prepare_ray

    options = ClusterOptions("local", 1, None, False)
    prepare_ray(options)
    from cli.cluster.connection import connected

    with connected(options) as cluster:
        yield cluster


def start_idle() -> Any:
    """Start an actor that does nothing, at once, where a worker makes frames."""
    import ray

    from cli.rendering import Rendered
    from cli.spread.outcome import Made

    class Idle:
        def load(self, _network: Any) -> None:
            return None

        def make_clip(self, *_: Any) -> Made[Rendered]:
            return Made(Rendered(num_frames=1), ())

        def make_piece(self, *_: Any) -> Made[None]:
            return Made(None, ())

        @ray.method(concurrency_group="status")
        def progress(self) -> tuple[int, int]:
            return -1, 0

        @ray.method(concurrency_group="status")
        def stop(self) -> None:
            return None

    remote = ray.remote(num_cpus=0, concurrency_groups={"status": 1})(Idle)
    actor = remote.remote()
    ray.get(actor.load.remote(None))
    return actor


@contextmanager
def in_silence() -> Iterator[None]:
    """Keep what the driver says to itself."""
    said = io.StringIO()
    with redirect_stdout(said), redirect_stderr(said):
        yield


def hand_out_clips(cluster: Any, actor: Any, plan: Plan[Any], at_hand: int) -> float:
    """Return seconds for each of many clips that are nothing to make.

    With one worker these are real seconds: it waits for the driver and for Ray. With several the workers
    are busy, and what counts is the CPU time of the driver's thread.

    Args:
        cluster: to run on.
        actor: see ``start_idle``.
        plan: of a clip that is not split.
        at_hand: how many workers the driver believes it has.
    """
    from cli.cluster.dispatch import ClusterDispatcher
    from cli.cluster.watch import ClusterWatch
    from cli.spread.clip_run import ClipRun, new_key

    short = replace(plan, job=replace(plan.job, clip=replace(plan.job.clip, num_frames=1)))
    clips = [ClipRun(short, new_key()) for _ in range(_UNITS)]
    workers = [actor] * at_hand
    clock = thread_time if at_hand > 1 else perf_counter
    with in_silence(), ClusterWatch(clips, workers) as watch:
        dispatcher = ClusterDispatcher(cluster, workers, None, watch, ships=False)
        took = seconds(lambda: dispatcher.run(clips), clock)
    assert all(clip.is_over and clip.failure is None for clip in clips)
    return took / _UNITS


def hand_out_pieces(cluster: Any, actor: Any, plan: Plan[Any], at_hand: int, count: int) -> float:
    """Return seconds for each of some pieces that are nothing to make, found by a task as always."""
    import cli.cluster.dispatch as dispatch
    from cli.cluster.watch import ClusterWatch
    from cli.spread.clip_run import ClipRun, new_key

    piece = next(iter(plan.job.pieces(lambda _cut: None, length=SEGMENT_LENGTH)))

    def look(_job: Any, length: int) -> Iterator[Piece]:
        for number in range(count):
            yield replace(piece, first=number * length, stop=(number + 1) * length)

    clip = ClipRun(plan, new_key())
    workers, found = [actor] * at_hand, dispatch.look_at_clip
    dispatch.look_at_clip = look  # type: ignore[assignment]
    try:
        with in_silence(), ClusterWatch([clip], workers) as watch:
            dispatcher = dispatch.ClusterDispatcher(cluster, workers, None, watch, ships=False)
            took = seconds(lambda: dispatcher.run([clip]), thread_time)
    finally:
        dispatch.look_at_clip = found
    assert clip.failure is None
    return took / count


def measure_shipping(folder: Path) -> float:
    """Return seconds for a byte to the store of the cluster and from there to a file, on one machine."""
    from cli.cluster.shipping import pack, unload

    file, there = folder / "shipped", folder / "there"
    there.mkdir(exist_ok=True)
    file.write_bytes(torch.randint(0, 256, (_SHIPPED,), dtype=torch.uint8).numpy().tobytes())
    return seconds(lambda: unload(pack([[file]]), [there])) / _SHIPPED
