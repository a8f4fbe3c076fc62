"""One step of training after the other."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from .data import Batch
from .errors import TrainingError
from .interruption import Interruption
from .losses import Loss
from .network import Trainee
from .optimizer import AveragedWeights, learning_rate, make_optimizer
from .options import OptimizerOptions
from .processes import Processes

_MOST_SKIPPED = 50  # steps in a row; fp16 skips some while it looks for its scale
_DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


@dataclass(frozen=True)
class Step:
    """What is told of a step.

    Attributes:
        number: from 1.
        loss: over the whole batch.
        psnr: of the frames that were made, dB, mean.
        learning_rate: that was used.
        gradient: norm of the gradients before they were shortened; not finite where the step was skipped.
    """

    number: int
    loss: float
    psnr: float
    learning_rate: float
    gradient: float


class Trainer:
    """A network with what changes it.

    Attributes:
        trainee: the network.
        average: its averaged weights, which are what is kept in the end.
        optimizer: AdamW.
        scaler: keeps gradients in the range of fp16.
        done: how many steps there were.
    """

    def __init__(
        self,
        trainee: Trainee,
        loss: Loss,
        options: OptimizerOptions,
        device: torch.device,
        processes: Processes | None = None,
    ) -> None:
        """Bring everything onto the device.

        Raises:
            InputError: the batch cannot be divided among the processes.
        """
        self._options, self._device = options, device
        self._processes = processes or Processes()
        self.shares = self._processes.shares(options.batch, options.accumulate)
        self.trainee = trainee.to(device)
        self._loss = loss.to(device)
        self._trained = [weight for weight in trainee.parameters() if weight.requires_grad]
        self._parallel = _in_parallel(self.trainee, self._processes)
        self.optimizer = make_optimizer(self.trainee, options)
        self.average = AveragedWeights(self.weights(), options.ema)
        self.scaler = torch.amp.GradScaler(device.type, enabled=options.precision == "fp16")
        self.done = 0
        self._skipped = 0

    def weights(self) -> dict[str, Tensor]:
        """Return the weights as they are, by the names of a checkpoint."""
        return self.trainee.network.state_dict()

    def requests(self) -> Iterator[tuple[int, slice]]:
        """Yield which parts of which batches the remaining steps need, in order."""
        for step in range(self.done, self._options.steps):
            yield from ((step, share) for share in self.shares)

    def step(self, parts: Sequence[Batch], interruption: Interruption | None = None) -> Step:
        """Change the weights once.

        Args:
            parts: this process's share of the batch.
            interruption: may come in one process only, and at any time; wanted then in all of them.

        Raises:
            TrainingError: the gradients have not been finite for many steps.
        """
        rate = learning_rate(self.done, self._options)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.zero_grad(set_to_none=True)
        found = [
            self._accumulate(part, len(parts), is_last=index == len(parts) - 1)
            for index, part in enumerate(parts)
        ]
        norm = self._change_weights()
        self.average.update(self.weights(), self.done)
        self.done += 1
        means: list[float] = (torch.stack(found).mean(0)).tolist()  # waits for the device, once
        interruption = interruption or Interruption()
        loss, quality, wanted = self._processes.averaged(
            [*means, interruption.has_come], self._device
        )
        interruption.is_wanted = wanted > 0
        return Step(self.done, loss, quality, rate, norm)

    def _accumulate(self, part: Batch, count: int, *, is_last: bool) -> Tensor:
        """Add the gradients of a part of the batch; returns its loss and PSNR, [2]."""
        part = part.to(self._device)
        dtype = _DTYPES[self._options.precision]
        with self._exchange(is_last=is_last):
            frames = self._parallel(part.img0, part.img1, part.timestep, dtype)
            loss = self._loss(frames, part.truth)
            if not loss.isfinite():
                loss = self._failed_loss()
            self.scaler.scale(loss / count).backward()
        return torch.stack((loss.detach(), _mean_psnr(frames[-1].detach(), part.truth)))

    def _failed_loss(self) -> Tensor:
        """Return a loss whose gradients are NaN, so that all processes skip the step.

        They do not come through the network: on CPUs torch's gradient of warping reads beyond its memory
        where the flow is NaN.
        """
        sums = [weight.sum() for weight in self._trained]
        return float("nan") * torch.stack(sums).sum()

    def _exchange(self, *, is_last: bool) -> AbstractContextManager[None]:
        """Let gradients be averaged over the processes with the last part of a batch only."""
        if isinstance(self._parallel, DistributedDataParallel) and not is_last:
            return self._parallel.no_sync()
        return nullcontext()

    def _change_weights(self) -> float:
        """Shorten the gradients and follow them, unless they are not finite; returns their norm."""
        self.scaler.unscale_(self.optimizer)
        norm = nn.utils.clip_grad_norm_(self._trained, self._options.clip_norm).item()
        if math.isfinite(norm):
            self._skipped = 0
            self.scaler.step(self.optimizer)
        else:
            self._skipped += 1
        self.scaler.update()
        if self._skipped >= _MOST_SKIPPED:
            raise TrainingError(
                f"The gradients were not finite in {_MOST_SKIPPED} steps one after the other: the training has "
                "failed. Begin anew with a smaller --lr, or with --precision fp32."
            )
        return norm


def _mean_psnr(made: Tensor, real: Tensor) -> Tensor:
    """Return the mean PSNR of a batch, dB, a scalar; as ``vfi.measure.psnr`` without leaving the device."""
    errors = (made.clamp(0, 1) - real).square().mean((1, 2, 3))
    return (-10 * errors.clamp(min=1e-9).log10()).mean()


def _in_parallel(trainee: Trainee, processes: Processes) -> nn.Module:
    if processes.count == 1:
        return trainee
    return DistributedDataParallel(trainee)
