"""RifeModel: a network that takes frames of any size.

Padding and the encode-once split live here; the network itself sees padded tensors only.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cached_property

import torch
from torch import Tensor

from ..networks import Averaging, Network, NetworkConfig, Pair
from .base import LoadedNetwork
from .batching import Batcher, Draft, Started, finished_behind
from .evaluations import Evaluation
from .evaluator import Evaluator
from .features import Features, MotionBetween, clamped_and_padded, pair_of
from .overflow import FinitenessCheck
from .scale import Scale, checked_scale, flow_scale_of
from .shortage import shortage_explained
from .timesteps import note_on_multiplier, timestep_tensor
from .views import QUALITIES, PairView, Quality, averaged, make_views

_GPU_BATCH_SIZE = 8
"""Frames of a pair that a GPU makes at a time, as long as they fit."""


class RifeModel(LoadedNetwork[Network]):
    """Interpolate between frames with one loaded checkpoint.

    Attributes:
        network: the network; its device and precision are the model's.
        name: the release, or the releases that share this network.
    """

    def __init__(
        self,
        network: Network,
        name: str,
        *,
        evaluation: Evaluation = "auto",
        torch_compile: bool = False,
        batch_size: int | None = None,
        measures: bool = True,
    ) -> None:
        """Wrap a built network.

        Args:
            network: the network, with its weights, on its device and in its precision.
            name: the release, or the releases that share this network.
            evaluation: see ``EVALUATIONS``; ``require_evaluation`` refuses what cannot run.
            torch_compile: compile the network with torch; without effect where that fails.
            batch_size: how many timesteps of a pair ``interpolate_each`` computes together, until
                memory runs out; None chooses by the device.
            measures: "auto" on a GPU is what is fastest there, measured at the first frames of a size and
                remembered; else it is ``exact``, or ``plain`` where that cannot be.
        """
        super().__init__(network, name)
        self._evaluator = Evaluator(
            network,
            evaluation,
            torch_compile=torch_compile,
            label=f"RIFE {name}",
            measures=measures,
        )
        self._batch_size = batch_size
        self._gpu_batcher = Batcher(batch_size or _GPU_BATCH_SIZE, self._evaluator.save_memory)

    @property
    def config(self) -> NetworkConfig:
        """What kind of network this is."""
        return self.network.config

    def evaluation(self, scale: Scale = 1.0, device: torch.device | None = None) -> Evaluation:
        """Tell how frames are computed, see ``EVALUATIONS``; arguments as for ``require_evaluation``.

        "auto" says that it is measured for each size of frames.
        """
        return self._evaluator.evaluation(flow_scale_of(scale), device)

    def require_evaluation(self, device: torch.device | None = None, *, scale: Scale = 1.0) -> None:
        """Refuse an evaluation that was asked for and cannot run.

        Args:
            device: where the network is going to run; None: where it is.
            scale: as for ``encode``.

        Raises:
            EvaluationError: it needs another device, network or scale, or software that is not there.
        """
        self._evaluator.require(device or self.device, flow_scale_of(scale))

    def note_on_multiplier(self, multiplier: int) -> str | None:
        """Say what happens to a multiplier whose timesteps this network cannot hit exactly."""
        return note_on_multiplier(self.name, self.config, multiplier)

    @torch.inference_mode()
    def encode(self, img: Tensor, *, scale: Scale = 1.0) -> Features:
        """Prepare one frame for ``interpolate``.

        Args:
            img: [B, 3, H, W] in [0, 1] (clamped), any float dtype and size; not modified. Or [B, 4, H, W]:
                premultiplied colours, then alpha. Motion is found from the colours alone.
            scale: resolution of flow estimation, one of 0.25, 0.5, 1, 2, 4; below 1 for large frames or
                large motion. "auto" is 1, with the last and finest step in both directions of time.

        Raises:
            ValueError: for another shape or scale.
            EvaluationError: ``triton`` was asked for, and cannot run here.
        """
        if img.ndim != 4 or img.shape[1] not in (3, 4) or not img.is_floating_point():
            kind = f"{str(img.dtype).removeprefix('torch.')} {list(img.shape)}"
            raise ValueError(f"img must be floating point [B, 3 or 4, H, W], got {kind}")
        flow_scale = flow_scale_of(checked_scale(scale))
        height, width = img.shape[2:]
        img = clamped_and_padded(img, self.device, self.config.pad_multiple(flow_scale))
        colours, alpha = img[:, :3], img[:, 3:] if img.shape[1] == 4 else None
        padded = self._evaluator.encode_frame(colours, flow_scale)
        averaging: Averaging = "last" if scale == "auto" else "none"
        return Features(padded, alpha, height, width, flow_scale, averaging)

    @torch.inference_mode()
    def interpolate(
        self,
        features0: Features,
        features1: Features,
        timestep: float | Tensor,
        *,
        ensemble: bool = False,
        quality: Quality = "fast",
    ) -> Tensor:
        """Make the frame at ``timestep`` between two encoded frames.

        Args:
            features0: the earlier frame.
            features1: the later frame, of the same size and scale.
            timestep: position between them, 0 < t < 1; a float, or [B] one per item. A network
                that knows the middle only gives the nearest timestep that halving reaches.
            ensemble: average each step with the swapped pair (3.8, 4.0-4.20 and 4.24 only).
            quality: ``better`` averages the result with that of the time-reversed pair, at twice the time,
                ``best`` both with those of the flipped pair, at four times. ``ultra`` averages the
                estimates at two scales, of the pair and the flipped pair, each with its last step in both
                directions of time.

        Returns:
            [B, 3, H, W] float32 in [0, 1]; [B, 4, H, W] where the frames have alpha.

        Raises:
            ValueError: frames that do not fit together, a timestep outside (0, 1), an unknown
                quality, or ``ensemble`` where the network has none.
            CheckpointError: the weights are damaged, so that the result is not finite.
        """
        views, averaging = self._prepared(features0, features1, ensemble=ensemble, quality=quality)
        timesteps = timestep_tensor(timestep, features0.padded)
        return self._start(views, timesteps, features0, averaging).finished()

    @torch.inference_mode()
    def interpolate_each(
        self,
        features0: Features,
        features1: Features,
        timesteps: Sequence[float],
        *,
        ensemble: bool = False,
        quality: Quality = "fast",
    ) -> Iterator[Tensor]:
        """Make the frames at several timesteps between two encoded frames, of batch size 1; see ``interpolate``.

        Views of the pair are prepared once. A GPU makes several frames at a time, fewer from then on where
        memory runs out. It begins with the next batch before the last is read, so frames of two are held.

        Yields:
            [1, 3 or 4, H, W] float32 in [0, 1], one per timestep, in their order.
        """
        drafts = self.draft_each(
            features0, features1, timesteps, ensemble=ensemble, quality=quality
        )
        yield from finished_behind(drafts) if self._works_ahead else (d.image for d in drafts)

    @torch.inference_mode()
    def draft_each(
        self,
        features0: Features,
        features1: Features,
        timesteps: Sequence[float],
        *,
        ensemble: bool = False,
        quality: Quality = "fast",
    ) -> Iterator[Draft]:
        """Start with the frames that ``interpolate_each`` makes; see there.

        To keep a GPU busy, wait for a frame only once those of the next pair were started.

        On a CPU drafts never have to be mended.

        Raises:
            NotEnoughMemoryError: a single frame does not fit on a device, also not in strips of rows.
        """
        views, averaging = self._prepared(features0, features1, ensemble=ensemble, quality=quality)
        all_timesteps = timestep_tensor(
            torch.tensor(timesteps), features0.padded.expand(len(timesteps), -1, -1, -1)
        )
        with shortage_explained(self._evaluator, self.network, features0, quality):
            yield from self._batcher.run(
                lambda batch: self._start(views, batch, features0, averaging), all_timesteps
            )

    @torch.inference_mode()
    def motion(
        self,
        features0: Features,
        features1: Features,
        timestep: float | Tensor,
        *,
        ensemble: bool = False,
    ) -> MotionBetween:
        """Estimate how two frames move, as ``interpolate`` does it; see there.

        Raises:
            ValueError: as for ``interpolate``, or a timestep other than 0.5 for a network that
                knows the middle only.
        """
        (view,), averaging = self._prepared(features0, features1, ensemble=ensemble, quality="fast")
        timesteps = timestep_tensor(timestep, features0.padded)
        if not self.config.supports_any_timestep and bool((timesteps != 0.5).any()):
            raise ValueError(
                f"RIFE {self.name} finds the motion at timestep 0.5 only, "
                f"got {timesteps.flatten().tolist()}"
            )
        result = self._evaluator.with_motion(
            view.pair, timesteps, view.flow_scale, averaging=averaging
        )
        if self._has_overflowed(result.motion.flow):
            model = self._float32_model
            again0, again1 = map(model._encoded_anew, (features0, features1))
            return model.motion(again0, again1, timestep, ensemble=ensemble)
        warped = view.pair.colours_and_alpha().warped(result.motion.flow)
        mask = torch.sigmoid(result.motion.mask_logits)
        planes = result.motion.flow, mask, warped.frame0, warped.frame1
        return MotionBetween(*map(features0.cropped, planes))

    @property
    def _batcher(self) -> Batcher:
        """Several frames at a time keep a GPU busy; elsewhere they save nothing."""
        if self._batch_size is None and self.device.type in ("cpu", "mps"):
            return Batcher(1)
        return self._gpu_batcher

    @property
    def _works_ahead(self) -> bool:
        """On a CPU whoever starts a batch has waited for it."""
        return self.device.type != "cpu"

    def _prepared(
        self, features0: Features, features1: Features, *, ensemble: bool, quality: Quality
    ) -> tuple[list[PairView], Averaging]:
        """Check that two frames fit together; list the views that are averaged, and say which steps are."""
        if quality == "ultra":
            features0, features1 = map(self._coarser, (features0, features1))
        pair = pair_of(features0, features1)
        if ensemble and not self.config.supports_ensemble:
            raise ValueError(
                f"RIFE {self.name} has no ensemble; use 3.8, 4.0-4.20 or 4.24, or leave it out"
            )
        if quality not in QUALITIES:
            raise ValueError(f"quality must be one of {QUALITIES}, got {quality!r}")
        averaging: Averaging = "last" if quality == "ultra" else features0.averaging
        views = make_views(pair, quality, features0.flow_scale, self._evaluator.encode_frame)
        return views, "all" if ensemble else averaging

    @torch.inference_mode()
    def _start(
        self,
        views: Sequence[PairView],
        timesteps: Tensor,
        features: Features,
        averaging: Averaging,
    ) -> Started:
        """Begin with the average of all views; it is made again in float32 if need be."""

        def interpolate(view: PairView, pair: Pair, times: Tensor) -> Tensor:
            return self._evaluator.interpolate(pair, times, view.flow_scale, averaging=averaging)

        out = averaged(views, timesteps, interpolate)
        check = FinitenessCheck(out)

        @torch.inference_mode()
        def mend() -> Tensor | None:
            if not self._is_overflow(check):
                return None
            return self._start_in_float32(views, timesteps, features, averaging).finished()

        started = Started(features.cropped(out), mend)
        # On a CPU there is nothing to wait for.
        return started if self._works_ahead else Started(started.finished(), lambda: None)

    def _start_in_float32(
        self,
        views: Sequence[PairView],
        timesteps: Tensor,
        features: Features,
        averaging: Averaging,
    ) -> Started:
        """Do it again with convolutions in float32, the frames encoded anew."""
        model = self._float32_model

        def encoded(view: PairView) -> PairView:
            return view.encoded(lambda img: model._evaluator.encode_frame(img, view.flow_scale))

        return model._start([encoded(view) for view in views], timesteps, features, averaging)

    def _coarser(self, features: Features) -> Features:
        """Encode a frame for the coarser of the scales that ``ultra`` estimates at."""
        scale = features.flow_scale
        if scale <= 1:  # 1 and 2 for scale 1, and for scale 2 as well: 4 gains nothing
            return features
        alpha = [] if features.alpha is None else [features.alpha]
        image = features.cropped(torch.cat((features.padded[:, :3], *alpha), 1))
        return self.encode(image, scale=scale / 2)

    def _encoded_anew(self, features: Features) -> Features:
        colours = features.padded[:, :3]
        padded = self._evaluator.encode_frame(colours, features.flow_scale)
        return replace(features, padded=padded)

    @cached_property
    def _float32_model(self) -> RifeModel:
        return RifeModel(self._in_float32(f"RIFE {self.name}"), self.name, measures=False)

    def __call__(
        self,
        img0: Tensor,
        img1: Tensor,
        timestep: float | Tensor = 0.5,
        *,
        scale: Scale = 1.0,
        ensemble: bool = False,
        quality: Quality = "fast",
    ) -> Tensor:
        """Encode two frames and interpolate between them; see ``encode`` and ``interpolate``."""
        features0, features1 = self.encode(img0, scale=scale), self.encode(img1, scale=scale)
        return self.interpolate(features0, features1, timestep, ensemble=ensemble, quality=quality)
