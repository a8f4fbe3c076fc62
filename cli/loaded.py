"""A network as jobs take it, and what must be known to load it, here or on another machine."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Generic, Protocol, TypeVar

from rife_arch import RifeModel, scale_name
from rife_arch.checkpoints import canonical_sha256
from rife_arch.load import Recognised, RecognisedEnhancer, build_enhancer_model, build_model
from vfi.synthesis import FrameEnhancer, Interpolator

from .checkpoints import choose_device
from .options import NetworkOptions, RifeOptions

ModelT = TypeVar("ModelT")


@dataclass(frozen=True)
class Loaded(Generic[ModelT]):
    """A network that is ready.

    Attributes:
        model: what the frames of a job are made by.
        name: the release, or what is known of it.
        settings: all that decides the pixels beside the clip's own settings.
        description: of network, device and precision, for people.
    """

    model: ModelT
    name: str
    settings: tuple[str, ...]
    description: str


class LoadableNetwork(Protocol):
    """A network that was recognised, and how it is used; can be sent to another process.

    Attributes:
        sha256: of its weights.
    """

    @property
    def sha256(self) -> str: ...  # noqa: D102  the class says it
    def load(self) -> Loaded[Any]:
        """Build it on the device that the options name."""
        ...

    def on(self, device: str) -> LoadableNetwork:
        """Return the same for another device."""
        ...


@dataclass(frozen=True)
class RifeNetwork:
    """A network that interpolates."""

    found: Recognised
    options: RifeOptions

    @property
    def sha256(self) -> str:  # noqa: D102
        return canonical_sha256(self.found.canonical.weights)

    def on(self, device: str) -> RifeNetwork:  # noqa: D102
        return replace(self, options=replace(self.options, device=device))

    def load(self) -> Loaded[Interpolator[Any]]:  # noqa: D102
        options = self.options
        model = build_model(
            self.found,
            choose_device(options.device),
            options.precision,
            torch_compile=options.torch_compile,
            evaluation=options.evaluation,
        )
        scale = options.scale
        model.require_evaluation(scale=scale)
        used = repr((model.evaluation(scale), scale, options.ensemble, options.quality))
        return Loaded(
            _make_interpolator(model, options),
            model.name,
            (model.identity, used),
            f"RIFE {model.name}, {model.device}, {model.precision}, scale {scale_name(scale)}",
        )


@dataclass(frozen=True)
class EnhancingNetwork:
    """A network that enhances."""

    found: RecognisedEnhancer
    options: NetworkOptions

    @property
    def sha256(self) -> str:  # noqa: D102
        return canonical_sha256(self.found.canonical.weights)

    def on(self, device: str) -> EnhancingNetwork:  # noqa: D102
        return replace(self, options=replace(self.options, device=device))

    def load(self) -> Loaded[FrameEnhancer[Any]]:  # noqa: D102
        device = choose_device(self.options.device)
        model = build_enhancer_model(self.found, device, self.options.precision)
        return Loaded(
            FrameEnhancer(model.encode, model.enhance, model.device),
            model.name,
            (model.identity,),
            f"{model.name}, {model.device}, {model.precision}",
        )


def _make_interpolator(model: RifeModel, options: RifeOptions) -> Interpolator[Any]:
    settings = {"ensemble": options.ensemble, "quality": options.quality}
    return Interpolator(
        partial(model.encode, scale=options.scale),
        partial(model.interpolate_each, **settings),
        model.device,
        partial(model.draft_each, **settings),
    )
