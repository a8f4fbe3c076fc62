"""How long a cluster takes: a model of what its workers share, and of what only one process does.

``wall = start + plan + max(work, look, hand out) + join``. Workers divide the work. All clips are
planned by the driver before any work. A clip that is split is looked at by one process while its first
pieces are made already, and joined by one process when the last is there. The driver hands out the
units one by one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import ceil

SEGMENT_LENGTH = 250  # frames of a result; a longer one is split
WORK, ONE_UNIT = "work", "one unit"
ADVICE = {
    "start": "give the cluster more to do at a time: start it once for all folders",
    "plan": "run several drivers, each on a part of the folder",
    "look": "give --cuts and --scene-threshold 0, so that looking only decodes; or cut the film into parts",
    "hand out": "run several drivers, each on a part of the clips",
    "join": "write to a disk of the machine that joins, or keep the parts as they are",
    ONE_UNIT: "nothing: there are more GPUs than units",
}
_MOST_WORKERS = 2**20
_FEWEST_LOOKING = 2  # clips; or as many as there are workers


@dataclass(frozen=True)
class Costs:
    """Seconds that parts of the work take, for frames of one size.

    Attributes:
        start: until the first worker begins, the network loaded.
        start_plain: the same of one process without a cluster.
        plan: a clip, in the driver.
        hand_out: a unit, in the driver.
        latency: between two units of one worker.
        look: a frame of the source: decode it, and compare it with the one before.
        decode: a frame of the source.
        seek: to the first frame of a unit.
        segment: open and close a segment.
        network: a new frame.
        encode: a frame of the result.
        join: a frame of the result.
        ship: a byte, through the driver.
    """

    start: float = 0.0
    start_plain: float = 0.0
    plan: float = 0.0
    hand_out: float = 0.0
    latency: float = 0.0
    look: float = 0.0
    decode: float = 0.0
    seek: float = 0.0
    segment: float = 0.0
    network: float = 0.0
    encode: float = 0.0
    join: float = 0.0
    ship: float = 0.0


@dataclass(frozen=True)
class Machine:
    """What one worker has.

    Attributes:
        has_gpu: the network's time passes there, while the cores read and encode.
        cores: among which reading and encoding are divided.
    """

    has_gpu: bool = True
    cores: float = 1.0


@dataclass(frozen=True)
class Job:
    """What is to be made.

    Attributes:
        name: for people.
        clips: how many.
        source_frames: of each.
        multi: frames of the result for each of them.
        drivers: among which the clips are divided.
        parts: that each clip is cut into before; the results are joined once more.
        has_cuts: they are given, and none are searched for.
        shipped_bytes: source and result of all clips, where there is no shared folder.
    """

    name: str
    clips: int
    source_frames: int
    multi: int = 2
    drivers: int = 1
    parts: int = 1
    has_cuts: bool = False
    shipped_bytes: float = 0.0

    @property
    def num_frames(self) -> int:
        """Of all results."""
        return self.clips * self.source_frames * self.multi

    @property
    def is_split(self) -> bool:
        """Whether several workers make one clip."""
        return self.source_frames * self.multi > SEGMENT_LENGTH

    @property
    def units(self) -> int:
        """How many pieces of work there are."""
        return self.clips * ceil(self.source_frames * self.multi / SEGMENT_LENGTH)

    @property
    def unit_frames(self) -> float:
        """Frames of the result in one of them."""
        return self.num_frames / self.units


@dataclass(frozen=True)
class Forecast:
    """What the model says.

    Attributes:
        workers: how many.
        parts: seconds of each part; ``work`` is the one that workers divide.
        wall: seconds until the end.
        efficiency: speed-up over one plain process on the same kind of machine, divided by workers.
    """

    workers: int
    parts: dict[str, float]
    wall: float
    efficiency: float

    @property
    def limit(self) -> str:
        """Name of the longest part."""
        return max(self.parts, key=lambda name: self.parts[name])


def predict(job: Job, costs: Costs, machine: Machine, workers: int) -> Forecast:
    """Tell how long workers take for a job."""
    unit = seconds_of_unit(job, costs, machine)
    rounds = ceil(job.units / workers)
    looking = costs.decode if job.has_cuts else costs.look
    runs = job.clips * job.parts
    each = job.source_frames / job.parts
    at_a_time = min(runs, max(_FEWEST_LOOKING, workers))
    parts = {
        "start": costs.start,
        "plan": ceil(runs / job.drivers) * costs.plan,
        ONE_UNIT if rounds == 1 else WORK: rounds * unit,
        "look": ceil(runs / at_a_time) * each * looking if job.is_split else 0.0,
        "hand out": job.units * costs.hand_out / job.drivers + job.shipped_bytes * costs.ship,
        "join": _joining(job, costs),
    }
    # The last piece is made after the end of the clip was looked at.
    looked = parts["look"] + unit if job.is_split else 0.0
    wall = parts["start"] + parts["plan"] + parts["join"]
    wall += max(rounds * unit, looked, parts["hand out"])
    return Forecast(workers, parts, wall, seconds_alone(job, costs, machine) / wall / workers)


def seconds_of_unit(job: Job, costs: Costs, machine: Machine) -> float:
    """Return how long a worker takes for one unit."""
    fixed = costs.latency + costs.segment + (costs.seek if job.is_split else 0.0)
    reading = costs.decode if job.is_split or job.has_cuts else costs.look
    joining = 0.0 if job.is_split else costs.join  # a whole clip is joined where it is made
    return fixed + job.unit_frames * (_per_frame(job, costs, machine, reading) + joining)


def seconds_alone(job: Job, costs: Costs, machine: Machine) -> float:
    """Return how long one process without a cluster takes."""
    reading = costs.decode if job.has_cuts else costs.look
    per_frame = _per_frame(job, costs, machine, reading) + costs.join
    fixed = costs.start_plain + job.clips * costs.plan + job.units * costs.segment
    return fixed + job.num_frames * per_frame


def _per_frame(job: Job, costs: Costs, machine: Machine, reading: float) -> float:
    """Return seconds for a frame of the result; a GPU works while the cores read and encode.

    One thread reads, however many cores there are.
    """
    reading /= job.multi
    on_cores = (reading + costs.encode) / machine.cores
    network = costs.network * (job.multi - 1) / job.multi
    return max(network, on_cores, reading) if machine.has_gpu else network + on_cores


def _joining(job: Job, costs: Costs) -> float:
    """Return for how long the end waits for joining."""
    if not job.is_split:
        return 0.0
    frames = job.source_frames * job.multi
    again = frames if job.parts > 1 else 0  # the parts, which were joined at a time
    return (frames / job.parts + again) * costs.join


def find_limit(job: Job, costs: Costs, machine: Machine) -> Forecast | None:
    """Find the fewest workers at which something else takes longer than what they divide."""
    low, high = 0, 1
    while predict(job, costs, machine, high).limit == WORK:
        low, high = high, 2 * high
        if high > _MOST_WORKERS:
            return None
    while high - low > 1:
        middle = (low + high) // 2
        if predict(job, costs, machine, middle).limit == WORK:
            low = middle
        else:
            high = middle
    return predict(job, costs, machine, high)


def helped(job: Job, limit: str) -> Job | None:
    """Return the job with what helps against a limit; None: nothing in it does."""
    if limit in ("plan", "hand out") and job.clips > 1:
        return replace(job, name=f"{job.name}, 8 drivers", drivers=8)
    if limit == "look":
        return replace(job, name=f"{job.name}, cuts given", has_cuts=True)
    return None
