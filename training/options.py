"""What ``train.py`` is asked for."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from .data import AugmentOptions, CutOptions
from .losses import LossOptions

TrainingPrecision = Literal["fp32", "bf16", "fp16"]
TRAINING_PRECISIONS: tuple[TrainingPrecision, ...] = ("fp32", "bf16", "fp16")
FROZEN = ("nothing", "encoder")


@dataclass(frozen=True)
class OptimizerOptions:
    """How the weights are changed.

    Attributes:
        steps: how often.
        batch: samples of a step, over all processes.
        accumulate: in how many parts a process goes through its share of them; saves memory.
        lr: learning rate after the warm-up; it falls as a cosine to ``last_lr``.
        last_lr: at the last step.
        warm_up: steps in which the learning rate rises from 0.
        weight_decay: of weights that have several dimensions.
        clip_norm: gradients are shortened to this norm.
        ema: how much of the averaged weights each step keeps.
        freeze: "encoder" leaves the feature encoder as it is.
        precision: of the convolutions while training.
        seed: of the samples and how they are changed.
    """

    steps: int = 2000
    batch: int = 8
    accumulate: int = 1
    lr: float = 1e-4
    last_lr: float = 1e-6
    warm_up: int = 100
    weight_decay: float = 1e-3
    clip_norm: float = 1.0
    ema: float = 0.995
    freeze: str = "nothing"
    precision: TrainingPrecision = "fp32"
    seed: int = 0


@dataclass(frozen=True)
class TrainOptions:
    """All of it.

    Attributes:
        folder: of clips.
        model: the checkpoint to begin with.
        output: the folder of the run.
        cache: where samples are kept.
        licence: what the finished checkpoint says of its use.
        device: where the training runs; each of several processes takes its own GPU.
        workers: threads that prepare samples.
        save_every: steps between states to resume from.
        show_every: steps between looks at the held-out samples.
        resume: go on with an interrupted run.
    """

    folder: Path
    model: str
    output: Path
    cache: Path
    licence: str
    cutting: CutOptions
    augmentation: AugmentOptions
    loss: LossOptions
    optimizer: OptimizerOptions
    device: str
    workers: int
    save_every: int
    show_every: int
    resume: bool

    def settings(self) -> dict[str, Any]:
        """Return what decides the result, as JSON takes it: what a resumed run must share."""
        parts = self.augmentation, self.loss, self.optimizer
        return {
            name: str(value) if isinstance(value, Path) else value
            for part in parts
            for name, value in asdict(part).items()
        }
