"""What a file says about its colours."""

from __future__ import annotations

import numpy as np
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame

from ..color import PER_CANDELA, PER_XY, PRIMARIES, TRANSFERS, Color, LightLevel, MasteringDisplay

_PRIMARIES = {number: name for name, number in PRIMARIES.items()}
_TRANSFERS = {number: name for name, number in TRANSFERS.items()}
# Those of SDR that are far from all the others.
_NOT_READ = {
    5: "gamma 2.8",
    8: "linear light",
    9: "logarithmic",
    10: "logarithmic",
    17: "SMPTE 428",
}


def color_of(decoder: VideoCodecContext, frame: VideoFrame) -> Color:
    """Read what the values of a file's frames mean, once they are RGB.

    HDR whose primaries are not told has those of BT.2020.

    Args:
        decoder: what has decoded the frame.
        frame: the first one; see ``read_container`` for why no other.
    """
    transfer = _TRANSFERS.get(decoder.color_trc, "bt709")  # no attribute of frames in PyAV 16.0
    untold = "bt709" if transfer == "bt709" else "bt2020"
    primaries = _PRIMARIES.get(decoder.color_primaries, untold)
    if not Color(primaries, transfer).is_hdr:
        return Color(primaries, transfer)
    return Color(primaries, transfer, _mastering(frame), _light_level(frame))


def note_on_transfer(decoder: VideoCodecContext) -> str:
    """Say so if the transfer function of a file is none that results can have; else ""."""
    name = _NOT_READ.get(decoder.color_trc)
    if name is None:
        return ""
    return (
        f"its brightness comes out wrong, because its transfer function ({name}) is not supported. "
        "Convert the file to that of BT.709 first."
    )


def _mastering(frame: VideoFrame) -> MasteringDisplay | None:
    """Read AVMasteringDisplayMetadata (libavutil/mastering_display_metadata.h)."""
    data = frame.side_data.get("MASTERING_DISPLAY_METADATA")
    if data is None:
        return None
    values = np.frombuffer(bytes(data), np.int32)
    has_primaries, has_luminance = values[20:22].tolist()
    if not (has_primaries and has_luminance):
        return None
    ratios = values[:20].reshape(10, 2).astype(float)
    numbers = ratios[:, 0] / np.maximum(ratios[:, 1], 1)
    x_and_y = (numbers[:8] * PER_XY).round().astype(int).reshape(4, 2).tolist()
    red, green, blue, white = map(tuple, x_and_y)
    low, high = (numbers[8:] * PER_CANDELA).round().astype(int).tolist()
    return MasteringDisplay(red, green, blue, white, (low, high))


def _light_level(frame: VideoFrame) -> LightLevel | None:
    """Read AVContentLightMetadata (likewise)."""
    data = frame.side_data.get("CONTENT_LIGHT_LEVEL")
    if data is None:
        return None
    max_content, max_average = np.frombuffer(bytes(data), np.uint32)[:2].tolist()
    return LightLevel(max_content, max_average)
