"""What can be refused when a run is queued, before other nodes have worked for nothing.

A node's ``validate_inputs`` takes all values, as only then it sees those of a mode; ComfyUI then checks
none of them itself, so limits, choices and links are checked here as well. It raises instead of
returning a text, which ComfyUI would repeat once for each input.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from comfy_api.latest import io
from comfy_execution.validation import validate_node_input

from ...vfi.encode import choose_encoder, find_preset
from ...vfi.errors import InputError
from ...vfi.preprocess import parse_cuts
from .checked import convert
from .clip_source import ask_for_rate
from .encoding_inputs import pop_encoding
from .model_inputs import check_checkpoint
from .timing_inputs import check_mode

_ENCODING = ("preset", "crf", "encoder_speed", "ffmpeg_options", "dither")


def check_inputs(
    node: type[io.ComfyNode],
    values: Mapping[str, Any],
    links: Mapping[str, str],
    *,
    clip: str | None = None,
    rate: str | None = None,
) -> bool:
    """Check all that is known before a run; returns True.

    Args:
        node: whose inputs they are.
        values: of the inputs; None for what is connected.
        links: input -> type of what is connected to it.
        clip: the input that takes images or a VIDEO.
        rate: the input for the frame rate of those images.

    Raises:
        InputError: something is wrong.
    """
    inputs = node.define_schema().inputs
    for name, described in _flattened(inputs):
        _check_link(name, described, links.get(name))
        _check_limits(name, described, _value_of(name, values))
    if rate and clip and values.get(rate) == 0 and links.get(clip) == io.Image.io_type:
        raise InputError(ask_for_rate(rate))
    if values.get("model") is not None:
        _require(check_checkpoint(values["model"]))
    if values.get("cuts"):
        parse_cuts(values["cuts"])
    if any(one.id == "mode" for one in inputs):
        check_mode(values.get("mode"))
    _check_encoding(values)
    return True


def check_choices(*answers: bool | str) -> bool:
    """Raise the first of some answers of ``validate_inputs`` that is a text; returns True.

    Raises:
        InputError: there is one.
    """
    for answer in answers:
        _require(answer)
    return True


def _flattened(inputs: list[io.Input]) -> Iterator[tuple[str, io.Input]]:
    """Yield inputs under the names that a workflow gives them, those of a mode as ``mode.multi``."""
    for one in inputs:
        yield one.id, one
        if isinstance(one, io.DynamicCombo.Input):
            for option in one.options:
                yield from ((f"{one.id}.{inner.id}", inner) for inner in option.inputs)


def _value_of(name: str, values: Mapping[str, Any]) -> Any:
    first, _, nested = name.partition(".")
    value = values.get(first)
    return value.get(nested) if nested and isinstance(value, Mapping) else value


def _check_link(name: str, described: io.Input, received: str | None) -> None:
    wanted = described.get_io_type()
    if received is not None and not validate_node_input(received, wanted):
        wanted = wanted.replace(",", " or ")
        raise InputError(f"Connect {wanted} to {name}: {received} is connected.")


def _check_limits(name: str, described: io.Input, value: Any) -> None:
    if value is None or isinstance(described, io.DynamicCombo.Input):
        return
    if isinstance(described, (io.Int.Input, io.Float.Input, io.Combo.Input, io.String.Input)):
        convert(described, value, name)


def _check_encoding(values: Mapping[str, Any]) -> None:
    chosen = {name: values[name] for name in _ENCODING if name in values}
    if "preset" not in chosen or None in chosen.values():
        return
    encoding = pop_encoding(chosen)
    choose_encoder(
        find_preset(encoding.preset),
        crf=encoding.crf,
        speed=encoding.speed,
        options=encoding.options,
        has_alpha=False,
    )


def _require(answer: bool | str) -> None:
    if isinstance(answer, str):
        raise InputError(answer)
