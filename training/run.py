"""A run from clips and a checkpoint to a fine-tuned checkpoint and its report."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from tqdm import tqdm

from cli.checkpoints import choose_checkpoints, choose_device
from rife_arch.checkpoints import Tuning, canonical_sha256
from rife_arch.load import Recognised, load_trainable
from rife_arch.networks import IFNetConfig
from vfi.errors import InputError
from vfi.frames import to_uint8
from vfi.image_files import encode_png
from vfi.write import only_writer, write_whole

from .data import (
    Batch,
    Batches,
    Manifest,
    Sample,
    held_out_batches,
    held_out_in_order,
    prepare,
    read_manifest,
)
from .interruption import Interruption, catching_interruptions
from .journal import Journal
from .looks import Look, Looker, choose_shown, draw_strip
from .losses import Loss
from .network import Trainee
from .options import TrainOptions
from .processes import Processes, joined
from .report import Gain, measure_gain, write_page
from .state import read_state, write_checkpoint, write_state
from .trainer import Step, Trainer

STATE, LOG, REPORT, STRIPS, BOARD = (
    *("state.safetensors", "log.jsonl", "report.html", "held_out", "tensorboard"),
)
_LOOKED_AT = 8  # held-out samples at a time
_PNG_LEVEL = 6


def train(options: TrainOptions) -> None:
    """Fine-tune a network, or go on with it.

    Raises:
        KeyboardInterrupt: it was interrupted; the state was kept.
        InputError, VfiError, RifeError: it cannot be done; the message says why.
    """
    with joined(choose_device(options.device)) as (processes, device), ExitStack() as stack:
        if processes.is_first:
            _make_output(options)
            stack.enter_context(only_writer(options.output))
        run = Run(options, processes, device)
        run.go_on()


def _make_output(options: TrainOptions) -> None:
    output = options.output
    if not options.resume and output.exists() and any(output.iterdir()):
        raise InputError(
            f"{output} exists already. Add --resume to go on with what is in it, or choose another --output."
        )
    output.mkdir(parents=True, exist_ok=True)


class Run:
    """A run, from its samples to its report."""

    def __init__(self, options: TrainOptions, processes: Processes, device: torch.device) -> None:
        """Read the checkpoint, and cut the clips."""
        self._options, self._processes = options, processes
        ((_, path),) = choose_checkpoints([options.model]).items()
        self._base, network = load_trainable(path)
        trainee = Trainee(network, freezes_encoder=options.optimizer.freeze == "encoder")
        _require_divisible(options.augmentation.crop, trainee.pad_multiple, self._base)
        self._manifest = self._prepare()
        loss = Loss(options.loss)
        self._trainer = Trainer(trainee, loss, options.optimizer, device, processes)
        assert isinstance(self._base.config, IFNetConfig)  # load_trainable refuses others
        self._looker = Looker(self._base.config, device)
        self._newest: tuple[int, Look] | None = None  # steps done, and the look after them
        state = options.output / STATE
        if options.resume and state.exists():  # else it was interrupted before its first save
            read_state(state, self._trainer, self._settings)

    def go_on(self) -> None:
        """Do the steps that are left, and finish."""
        options = self._options
        self._say_what_is_trained()
        with ExitStack() as stack:
            interruption = stack.enter_context(catching_interruptions())
            journal = self._open_journal(stack)
            if journal and not journal.looks:
                self._look(journal)
            bar = stack.enter_context(self._bar())
            for step in self._steps(interruption, stack):
                if journal:
                    journal.add_step(step)
                    bar.set_postfix(loss=f"{step.loss:.4f}", psnr=f"{step.psnr:.2f}")
                bar.update()
                is_last = step.number == options.optimizer.steps
                stops = interruption.is_wanted
                if journal and (is_last or step.number % options.show_every == 0):
                    self._look(journal)
                if is_last or stops or step.number % options.save_every == 0:
                    self._save()
                if stops and not is_last:
                    raise KeyboardInterrupt(
                        f"interrupted after {step.number} steps; add --resume to the same command to go on."
                    )
        if journal:
            self._report(journal)

    @cached_property
    def _settings(self) -> Mapping[str, Any]:
        return {
            **self._options.settings(),
            "data": self._manifest.digest,
            "base": canonical_sha256(self._base.canonical.weights),
        }

    def _prepare(self) -> Manifest:
        """Cut the clips into samples; the others wait for the first process to do it."""
        options = self._options
        if self._processes.is_first:
            with tqdm(desc="cutting", unit="clip", leave=False) as bar:

                def show(done: int, total: int) -> None:
                    bar.total = total
                    bar.update(done - bar.n)

                manifest = prepare(options.folder, options.cache, options.cutting, tqdm.write, show)
            self._processes.wait()
            return manifest
        self._processes.wait()
        return read_manifest(options.cache)

    def _say_what_is_trained(self) -> None:
        if not self._processes.is_first:
            return
        samples, optimizer = self._manifest.samples, self._options.optimizer
        held_out = [sample for sample in samples if sample.held_out]
        weights = [weight for weight in self._trainer.trainee.parameters() if weight.requires_grad]
        print(
            f"data    {len(samples) - len(held_out)} samples of {_num_clips(samples) - _num_clips(held_out)} clips, "
            f"{len(held_out)} of {_num_clips(held_out)} held out, {len(self._manifest.refused)} clips refused\n"
            f"model   RIFE {self._base.name}, {sum(weight.numel() for weight in weights):,} weights are trained\n"
            f"run     {self._options.output}, {optimizer.steps} steps of {optimizer.batch} samples"
        )

    def _bar(self) -> tqdm[Any]:
        return tqdm(
            total=self._options.optimizer.steps,
            initial=self._trainer.done,
            unit="step",
            disable=not self._processes.is_first,
        )

    def _open_journal(self, stack: ExitStack) -> Journal | None:
        if not self._processes.is_first:
            return None
        output = self._options.output
        journal = Journal(output / LOG, self._trainer.done, tensorboard=output / BOARD)
        return stack.enter_context(journal)

    def _steps(self, interruption: Interruption, stack: ExitStack) -> Iterator[Step]:
        """Yield each step when it is done."""
        options, trainer = self._options, self._trainer
        batches = Batches(
            options.cache,
            self._manifest.samples,
            options.augmentation,
            options.optimizer.batch,
            options.optimizer.seed,
        )
        loaded = stack.enter_context(
            closing(batches.prefetch(trainer.requests(), workers=options.workers))
        )
        while parts := list(islice(loaded, len(trainer.shares))):
            yield trainer.step(parts, interruption)

    # --- looks at what is held out ---------------------------------------------------------------

    def _held_out(self) -> Iterator[Batch]:
        return held_out_batches(self._options.cache, self._manifest.samples, _LOOKED_AT)

    @cached_property
    def _held_out_clips(self) -> list[str]:
        return [sample.clip for sample in held_out_in_order(self._manifest.samples)]

    @cached_property
    def _base_look(self) -> Look:
        return self._look_with(self._base.canonical.weights)

    def _tuned_look(self) -> Look:
        """Look with the averaged weights, once after a step."""
        done = self._trainer.done
        if self._newest is None or self._newest[0] != done:
            self._newest = done, self._look_with(self._trainer.average.weights)
        return self._newest[1]

    def _look_with(self, weights: Mapping[str, Tensor]) -> Look:
        return self._looker.look(weights, self._held_out(), choose_shown(self._held_out_clips))

    def _look(self, journal: Journal) -> None:
        """Make the held-out frames with the averaged weights; note how well, and draw some."""
        if not self._held_out_clips:
            return
        done = self._trainer.done
        look = self._tuned_look() if done else self._base_look
        journal.add_look(done, look)
        if done:
            title = (
                f"held out, after {done} steps: {self._base_look.psnr:.2f} -> {look.psnr:.2f} dB"
            )
            strip = draw_strip(self._base_look, look, title)
            path = self._options.output / STRIPS / f"{done:06}.png"
            path.parent.mkdir(exist_ok=True)
            write_whole(
                path, encode_png(to_uint8(strip).numpy(), compress_level=_PNG_LEVEL, text={})
            )
            tqdm.write(title)

    # --- what is written -------------------------------------------------------------------------

    def _save(self) -> None:
        """Write the state to go on from, and the checkpoint as it is now."""
        if not self._processes.is_first:
            return
        write_state(self._options.output / STATE, self._trainer, self._settings)
        write_checkpoint(self._checkpoint, self._trainer.average.weights, self._tuning)

    @property
    def _tuning(self) -> Tuning:
        before = self._base.tuning
        return Tuning(
            base=before.base if before else self._base.name,
            base_sha256=str(self._settings["base"]),
            data_sha256=self._manifest.digest,
            steps=self._trainer.done,
            licence=self._options.licence,
        )

    @property
    def _checkpoint(self) -> Path:
        release = self._tuning.base.split(" ")[0].strip(",")
        return self._options.output / f"rife_{release}_{self._options.output.name}.safetensors"

    def _report(self, journal: Journal) -> None:
        """Write the page, and say what came out."""
        gain = self._gain()
        options = self._options
        facts = {
            "checkpoint": self._checkpoint.name,
            "base": f"RIFE {self._base.name}",
            "clips": f"{options.folder}, {_num_clips(self._manifest.samples)} used",
            **{f"refused: {clip}": why for clip, why in self._manifest.refused},
            "licence": options.licence or "nothing said",
            **self._settings,
        }
        strips = sorted((options.output / STRIPS).glob("*.png"))
        page = write_page(
            f"RIFE {self._tuning.base}, fine-tuned: {options.output.name}",
            gain,
            journal.steps,
            journal.looks,
            facts,
            [f"{STRIPS}/{path.name}" for path in strips[-1:]],
        )
        write_whole(options.output / REPORT, page.encode())
        if gain:
            print(gain.sentence())
        print(f"done: {self._checkpoint}\ndone: {options.output / REPORT}")

    def _gain(self) -> Gain | None:
        if not self._held_out_clips:
            return None
        return measure_gain(self._base_look, self._tuned_look(), self._held_out_clips)


def _num_clips(samples: Sequence[Sample]) -> int:
    return len({sample.clip for sample in samples})


def _require_divisible(crop: int, multiple: int, base: Recognised) -> None:
    if crop % multiple:
        raise InputError(
            f"--crop {crop} does not suit RIFE {base.name}, whose coarsest step needs multiples of {multiple} px. "
            f"Choose {max(multiple, crop // multiple * multiple)}."
        )
