"""RifeModel: a network that takes frames of any size.

Padding, precision and the encode-once split live here; the network itself sees padded tensors only.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property, partial
from typing import TYPE_CHECKING, Literal, TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor

from ..evaluation import Pyramid, supports_pyramid
from ..networks import IFNet, Made, Network, NetworkConfig, Pair
from .base import LoadedNetwork

if TYPE_CHECKING:
    from ..evaluation.cpu import FusedPyramid

_log = logging.getLogger(__name__)
MadeT = TypeVar("MadeT", Tensor, Made)
FLOW_SCALES = (0.25, 0.5, 1.0, 2.0, 4.0)
_MOST_AT_ONCE = 8
"""Frames of a pair that a GPU makes at a time, as long as they fit."""
Evaluation = Literal["fused", "exact", "plain"]
Quality = Literal["fast", "better", "best"]
QUALITIES: tuple[Quality, ...] = ("fast", "better", "best")


@dataclass(frozen=True, slots=True)
class Features:
    """A frame as the network sees it: encode once, use for both its pairs and every timestep.

    Attributes:
        padded: [B, 3 + C, H, W] float32, colours and encoder features, padded right and bottom.
        alpha: [B, 1, H, W] float32, padded likewise; None for a frame without.
        height: of the frame without padding, px.
        width: of the frame without padding, px.
        flow_scale: the resolution of flow estimation this was padded for.
    """

    padded: Tensor
    alpha: Tensor | None
    height: int
    width: int
    flow_scale: float

    def cropped(self, x: Tensor) -> Tensor:
        """Take the padding off [B, C, H, W]."""
        return x[:, :, : self.height, : self.width]


@dataclass(frozen=True, slots=True)
class MotionBetween:
    """How two frames move towards a moment between them.

    Attributes:
        flow: [B, 4, H, W] float32, px; channels 0:2 say where in the earlier frame a pixel comes
            from, (dx, dy), 2:4 where in the later one.
        mask: [B, 1, H, W] in [0, 1], weight of the earlier frame.
        warped0: [B, 3 or 4, H, W] in [0, 1], the earlier frame as it looks at that moment.
        warped1: likewise the later one.
    """

    flow: Tensor
    mask: Tensor
    warped0: Tensor
    warped1: Tensor


@dataclass(frozen=True, slots=True)
class _View:
    """A pair as the model looks at it: as it is, backwards in time, in a mirror, or both.

    Attributes:
        pair: the encoded frames in this view.
        is_reversed: the later frame comes first.
        is_mirrored: left and right are exchanged.
    """

    pair: Pair
    is_reversed: bool = False
    is_mirrored: bool = False

    def reversed(self) -> _View:
        """Look at it backwards in time."""
        return replace(self, pair=self.pair.swapped(), is_reversed=True)

    def mirrored(self, encode: Callable[[Tensor], Tensor]) -> _View:
        """Look at it in a mirror, in which features are others: ``encode`` makes them."""
        pair = self.pair.mapped(lambda frame: encode(frame[:, :3].flip(3)))
        alphas = self.pair.alphas and self.pair.alphas.mapped(lambda alpha: alpha.flip(3))
        return replace(self, pair=replace(pair, alphas=alphas), is_mirrored=True)

    def times(self, times: Tensor) -> Tensor:
        """Translate moments into this view."""
        return 1 - times if self.is_reversed else times

    def restored(self, image: Tensor) -> Tensor:
        """Translate a result back."""
        return image.flip(3) if self.is_mirrored else image


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
        evaluation: Evaluation | Literal["auto"] = "auto",
        torch_compile: bool = False,
    ) -> None:
        super().__init__(network, name)
        self._wanted = "exact" if torch_compile else evaluation
        self._compiles = torch_compile
        self._most_at_once = _MOST_AT_ONCE
        self._precise: RifeModel | None = None
        self._pyramid = Pyramid(network) if isinstance(network, IFNet) else None

    @cached_property
    def _fused(self) -> FusedPyramid | None:
        """The compiled loops, where there are any; numba takes a second to be imported."""
        if not isinstance(self.network, IFNet):
            return None
        try:
            from ..evaluation.cpu import FusedPyramid

            fused = FusedPyramid(self.network)
            _log.info("compiled loops for the CPU are ready after %.1f s", fused.warm_up())
        except ImportError as error:
            _log.debug("no compiled loops: %s", error)
            return None
        except Exception as error:  # noqa: BLE001  a compiler may fail in any way
            _log.warning("the compiled loops failed, going on without them: %s", error)
            return None
        return fused

    def evaluation(self, scale: float = 1.0) -> Evaluation:
        """Tell how frames are computed: the fastest way there is, unless one was asked for.

        ``fused`` is compiled loops on a CPU (with numba), ``exact`` the same algebra in torch,
        ``plain`` the network as it was published. All give the same result to rounding.
        """
        if self._wanted == "plain" or not supports_pyramid(self.config, scale):
            return "plain"
        can_fuse = self.device.type == "cpu" and self.dtype in (torch.float32, torch.bfloat16)
        return "fused" if self._wanted != "exact" and can_fuse and self._fused else "exact"

    def _evaluator(self, scale: float) -> FusedPyramid | Pyramid | None:
        evaluation = self.evaluation(scale)
        if evaluation == "plain":
            return None
        return self._fused if evaluation == "fused" else self._pyramid

    @property
    def config(self) -> NetworkConfig:
        """What kind of network this is."""
        return self.network.config

    def note_on_multiplier(self, multiplier: int) -> str | None:
        """Say what happens to a multiplier whose moments this network cannot hit exactly."""
        if self.config.supports_any_timestep or multiplier.bit_count() == 1:
            return None
        return (
            f"RIFE {self.name} knows the middle of two frames only; with {multiplier} times the "
            "frames the new ones lie at the nearest sixteenths. 2, 4, 8, ... are exact."
        )

    @torch.inference_mode()
    def encode(self, img: Tensor, *, scale: float = 1.0) -> Features:
        """Prepare one frame for ``interpolate``.

        Args:
            img: [B, 3, H, W] in [0, 1] (clamped), any float dtype and size; not modified. Or
                [B, 4, H, W]: alpha behind colours that are multiplied by it. Motion is found from
                the colours alone.
            scale: resolution of flow estimation, one of 0.25, 0.5, 1, 2, 4; below 1 for large
                frames or large motion.

        Raises:
            ValueError: for another shape or scale.
        """
        if img.ndim != 4 or img.shape[1] not in (3, 4) or not img.is_floating_point():
            raise ValueError(f"img must be floating point [B, 3 or 4, H, W], got {_described(img)}")
        if scale not in FLOW_SCALES:
            raise ValueError(f"scale must be one of {FLOW_SCALES}, got {scale}")
        height, width = img.shape[2:]
        multiple = self.config.pad_multiple(scale)
        img = img.to(self.device, torch.float32).clamp(0, 1)
        missing = -width % multiple, -height % multiple
        if any(missing):
            img = F.pad(img, (0, missing[0], 0, missing[1]), mode="replicate")
        colours, alpha = img[:, :3], img[:, 3:] if img.shape[1] == 4 else None
        return Features(self._encoded(colours, scale), alpha, height, width, scale)

    def _encoded(self, img: Tensor, flow_scale: float) -> Tensor:
        """Attach features to a padded frame, in the layout of the evaluation that will be used."""
        return (self._evaluator(flow_scale) or self.network).encode_frame(img)

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
                that knows the middle only gives the ``nearest_dyadic`` moment.
            ensemble: average each step with the swapped pair (3.8, 4.0-4.20 and 4.24 only).
            quality: ``better`` averages the result with that of the pair in reverse order, at
                twice the time, ``best`` both with those of the mirrored pair, at four times.

        Returns:
            [B, 3, H, W] float32 in [0, 1]; [B, 4, H, W] where the frames have alpha.

        Raises:
            ValueError: frames that do not fit together, a timestep outside (0, 1), an unknown
                quality, or ``ensemble`` where the network has none.
        """
        views = self._views(features0, features1, ensemble=ensemble, quality=quality)
        times = _timestep_tensor(timestep, features0.padded)
        return self._average(views, times, features0, ensemble=ensemble)

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
        """Make the frames at several moments between two encoded frames; see ``interpolate``.

        Views of the pair are prepared once. A GPU makes several frames at a time, fewer from then
        on where memory runs out.

        Args:
            features0: the earlier frame, of batch size 1.
            features1: the later frame.
            timesteps: each in (0, 1).
            ensemble: as for ``interpolate``.
            quality: as for ``interpolate``.

        Yields:
            [1, 3 or 4, H, W] float32 in [0, 1], one per timestep, in their order.
        """
        views = self._views(features0, features1, ensemble=ensemble, quality=quality)
        times = _timestep_tensor(
            torch.tensor(timesteps), features0.padded.expand(len(timesteps), -1, -1, -1)
        )
        while len(times):
            chunk = times[: self._at_once]
            try:
                made = self._average(views, chunk, features0, ensemble=ensemble)
            except torch.OutOfMemoryError:
                if len(chunk) == 1:
                    raise
                self._most_at_once = len(chunk) // 2
            else:
                times = times[len(chunk) :]
                yield from made.split(1)

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
        (view,) = self._views(features0, features1, ensemble=ensemble, quality="fast")
        times = _timestep_tensor(timestep, features0.padded)
        if not self.config.supports_any_timestep and bool((times != 0.5).any()):
            raise ValueError(
                f"RIFE {self.name} finds the motion at timestep 0.5 only, "
                f"got {times.flatten().tolist()}"
            )
        made = self._with_motion(view.pair, times, features0.flow_scale, ensemble=ensemble)
        warped = view.pair.pictures().warped(made.motion.flow)
        weight = torch.sigmoid(made.motion.mask_logits)
        parts = made.motion.flow, weight, warped.frame0, warped.frame1
        return MotionBetween(*map(features0.cropped, parts))

    @property
    def _at_once(self) -> int:
        """How many frames are made together: on a GPU several, to keep it busy."""
        return 1 if self.device.type in ("cpu", "mps") else self._most_at_once

    def _views(
        self, features0: Features, features1: Features, *, ensemble: bool, quality: Quality
    ) -> list[_View]:
        """List the ways in which the model will look at a pair."""
        first, second, scale = features0.padded, features1.padded, features0.flow_scale
        if first.shape != second.shape or scale != features1.flow_scale:
            raise ValueError(
                "both frames must have one size and scale, got "
                f"{_described_size(features0)} and {_described_size(features1)}"
            )
        if (features0.alpha is None) != (features1.alpha is None):
            raise ValueError("both frames must have alpha or neither, got one with and one without")
        if ensemble and not self.config.supports_ensemble:
            raise ValueError(f"RIFE {self.name} has no ensemble; call it with ensemble=False")
        if quality not in QUALITIES:
            raise ValueError(f"quality must be one of {QUALITIES}, got {quality!r}")
        alphas = None
        if features0.alpha is not None and features1.alpha is not None:
            alphas = Pair(features0.alpha, features1.alpha)
        views = [_View(Pair(first, second, alphas))]
        if quality == "best":  # a network does not see both sides alike
            views.append(views[0].mirrored(lambda img: self._encoded(img, scale)))
        if quality != "fast":
            views += [view.reversed() for view in views]
        return views

    def _average(
        self, views: Sequence[_View], times: Tensor, features: Features, *, ensemble: bool
    ) -> Tensor:
        """Average what all views give, in float32 where half precision overflows."""
        run = partial(self._run, flow_scale=features.flow_scale, ensemble=ensemble)
        made = [
            view.restored(run(view.pair.expanded(len(times)), view.times(times))) for view in views
        ]
        out = made[0] if len(made) == 1 else torch.stack(made).mean(0)
        if self.dtype != torch.float32 and not bool(out.sum().isfinite()):
            return self._in_float32(views, times, features, ensemble=ensemble)
        return features.cropped(out)

    def _in_float32(
        self, views: Sequence[_View], times: Tensor, features: Features, *, ensemble: bool
    ) -> Tensor:
        """Do it again with convolutions in float32, the frames encoded anew."""
        if self._precise is None:
            _log.warning(
                "RIFE %s in %s gave values that are no numbers; such frames are made again in fp32. "
                "Choose the precision fp32 to save that time.",
                self.name,
                self.precision,
            )
            self._precise = RifeModel(deepcopy(self.network).float(), self.name)
        precise = self._precise
        again = [
            replace(
                view,
                pair=view.pair.mapped(lambda x: precise._encoded(x[:, :3], features.flow_scale)),
            )
            for view in views
        ]
        return precise._average(again, times, features, ensemble=ensemble)

    def _run(self, pair: Pair, times: Tensor, *, flow_scale: float, ensemble: bool) -> Tensor:
        """Interpolate once, the fastest way that is exact for this network."""
        if self.config.supports_any_timestep:
            return self._picture(pair, times, flow_scale, ensemble=ensemble)
        bisect = partial(self._bisect, flow_scale=flow_scale, ensemble=ensemble)
        items = zip(pair.items(), times.flatten().tolist(), strict=True)
        return torch.cat([bisect(item, nearest_dyadic(time)) for item, time in items])

    def _picture(self, pair: Pair, times: Tensor, flow_scale: float, *, ensemble: bool) -> Tensor:
        """Make colours, and alpha by the same motion where there is any: [B, 3 or 4, H, W]."""
        if pair.alphas is not None:
            made = self._with_motion(pair, times, flow_scale, ensemble=ensemble)
            return torch.cat((made.picture, pair.alphas.blended(made.motion)), 1)
        evaluator = self._evaluator(flow_scale)
        if evaluator is not None and not ensemble:
            return self._compiled(evaluator.__call__)(pair, times, flow_scale)
        return self._compiled(self.network.forward)(pair, times, flow_scale, ensemble)

    def _with_motion(self, pair: Pair, times: Tensor, flow_scale: float, *, ensemble: bool) -> Made:
        """Make colours and keep the motion they were made by."""
        evaluator = self._evaluator(flow_scale)
        if evaluator is not None and not ensemble:
            return self._compiled(evaluator.with_motion)(pair, times, flow_scale)
        return self._compiled(self.network.with_motion)(pair, times, flow_scale, ensemble)

    def _compiled(self, run: Callable[..., MadeT]) -> Callable[..., MadeT]:
        """Let torch compile ``run`` if that was asked for; where it cannot, go on without."""
        if not self._compiles:
            return run

        def attempt(*args: object) -> MadeT:
            try:
                return torch.compile(run)(*args)
            except torch.OutOfMemoryError:
                raise
            except Exception as error:  # noqa: BLE001  a compiler may fail in any way
                reason = str(error).strip().split("\n", 1)[0]
                _log.warning("torch.compile failed, going on without it: %s", reason)
                self._compiles = False
                return run(*args)

        return attempt

    def _bisect(
        self, pair: Pair, timestep: Fraction, *, flow_scale: float, ensemble: bool
    ) -> Tensor:
        """Reach a dyadic timestep by middles of middles, [1, 3 or 4, H, W]."""
        half = pair.frame0.new_full((1, 1, 1, 1), 0.5)
        while True:
            middle = self._picture(pair, half, flow_scale, ensemble=ensemble)
            if timestep == Fraction(1, 2):
                return middle
            encoded, alpha = self.network.encode_frame(middle[:, :3]), middle[:, 3:]
            alphas = pair.alphas
            timestep *= 2
            if timestep < 1:
                pair = Pair(pair.frame0, encoded, alphas and Pair(alphas.frame0, alpha))
            else:
                pair = Pair(encoded, pair.frame1, alphas and Pair(alpha, alphas.frame1))
                timestep -= 1

    def __call__(
        self,
        img0: Tensor,
        img1: Tensor,
        timestep: float | Tensor = 0.5,
        *,
        scale: float = 1.0,
        ensemble: bool = False,
        quality: Quality = "fast",
    ) -> Tensor:
        """Encode two frames and interpolate between them; see ``encode`` and ``interpolate``."""
        features0, features1 = self.encode(img0, scale=scale), self.encode(img1, scale=scale)
        return self.interpolate(features0, features1, timestep, ensemble=ensemble, quality=quality)


def nearest_dyadic(timestep: float) -> Fraction:
    """Return the moment that repeated halving reaches for ``timestep``.

    Itself, where that takes at most six halvings (multipliers up to 64 that are powers of two);
    otherwise the nearest sixteenth between 0 and 1.
    """
    exact = Fraction(timestep).limit_denominator(64)
    if abs(exact - Fraction(timestep)) < 1e-6 and exact.denominator.bit_count() == 1:
        return exact
    return Fraction(min(max(round(timestep * 16), 1), 15), 16)


def _timestep_tensor(timestep: float | Tensor, frames: Tensor) -> Tensor:
    """Convert to [B, 1, 1, 1] float32 on the device of ``frames``."""
    times = torch.as_tensor(timestep, dtype=torch.float32)
    if times.ndim not in (0, 1) or (times.ndim == 1 and len(times) != len(frames)):
        raise ValueError(
            f"timestep must be a float or a tensor of {len(frames)} values, "
            f"got shape {list(times.shape)}"
        )
    if not bool(((times > 0) & (times < 1)).all()):
        raise ValueError(f"timestep must lie in (0, 1), got {times.tolist()}")
    return times.to(frames.device).expand(len(frames)).reshape(-1, 1, 1, 1)


def _described(x: Tensor) -> str:
    return f"{str(x.dtype).removeprefix('torch.')} {list(x.shape)}"


def _described_size(features: Features) -> str:
    batch = len(features.padded)
    return f"{batch} x {features.width}x{features.height} at scale {features.flow_scale}"
