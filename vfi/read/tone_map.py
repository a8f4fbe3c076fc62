"""HDR -> SDR, frame by frame, for what cannot hold HDR.

The steps, with luminances in cd/m²:

1. The signal becomes the light of a display (ITU-R BT.2100): PQ by its EOTF, HLG as on a display that
   reaches 1000.
2. Primaries become those of BT.709; what of a colour lies outside is cut off.
3. The brightest of a pixel's R, G and B is compressed from the film's peak to 203, the white of SDR in
   HDR (ITU-R BT.2408), by the EETF of ITU-R BT.2390, section 5.4.1; the other two are scaled with it, so
   hues stay. Dark and middle tones are not changed.
4. Light becomes the signal of an SDR display: gamma 2.4 (ITU-R BT.1886), white at 203.

There is no state between frames, so nothing flickers.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ..color import PER_CANDELA, Color
from ..frames import as_float

_SDR_WHITE = 203.0
_GAMMA = 2.4
_PQ_PEAK = 10_000.0
_HLG_PEAK = 1_000.0
_HLG_GAMMA = 1.2  # of a system whose display reaches 1000
_USUAL_PEAK = 1_000.0  # of films that do not tell
_LEAST_LIGHT = 1e-3  # cd/m²; below, and long above, nothing is compressed
_STEPS = 1 << 16  # of a table: what frames are read with

# BT.2100, table 4 (PQ) and table 5 (HLG).
_M1, _M2 = 2610 / 16384, 2523 / 4096 * 128
_C1, _C2, _C3 = 3424 / 4096, 2413 / 4096 * 32, 2392 / 4096 * 32
_A, _B, _C = 0.17883277, 0.28466892, 0.55991073
_BT2020_LUMINANCE = (0.2627, 0.6780, 0.0593)

_D65 = (0.3127, 0.3290)
_P3 = ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060))
# CIE 1931 x and y of red, green and blue.
_POINTS = {
    "bt709": ((0.640, 0.330), (0.300, 0.600), (0.150, 0.060)),
    "bt470bg": ((0.640, 0.330), (0.290, 0.600), (0.150, 0.060)),
    "smpte170m": ((0.630, 0.340), (0.310, 0.595), (0.155, 0.070)),
    "bt2020": ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046)),
    "smpte431": _P3,  # its white is another one; greys stay grey without it
    "smpte432": _P3,
}


class ToneMapper:
    """Converts the frames of one film.

    What depends on one number only is looked up in tables: powers take ten times as long.
    """

    def __init__(self, color: Color) -> None:
        """Make the tables.

        Args:
            color: what the values of frames mean; PQ or HLG.
        """
        steps = torch.linspace(0, 1, _STEPS)
        self._is_hlg = color.hdr_name == "HLG"
        self._to_light = _hlg_to_scene(steps) if self._is_hlg else _pq_to_light(steps)
        light = _PQ_PEAK * steps**2  # finer where it is dark
        gain = _compress(light, _peak_of(color)) / light / _SDR_WHITE
        self._gain = torch.where(light < _LEAST_LIGHT, 1 / _SDR_WHITE, gain)
        self._to_bt709 = _to_bt709(color.primaries)

    def __call__(self, pixels: Tensor) -> Tensor:
        """Convert a frame of HDR to BT.709.

        Args:
            pixels: [H, W, C] RGB or RGBA, uint8 or floating point in [0, 1]; not changed.

        Returns:
            [H, W, C] float32 in [0, 1]; alpha is the same.
        """
        values = as_float(pixels).float()
        light = _look_up(self._to_light, values[..., :3])
        if self._is_hlg:
            light = _scene_to_display(light)
        light = (light @ self._to_bt709).clamp_(min=0)
        brightest = light.amax(dim=-1, keepdim=True)
        light *= _look_up(self._gain, (brightest / _PQ_PEAK).sqrt_())
        rgb = light.clamp_(max=1).pow_(1 / _GAMMA)
        return torch.cat((rgb, values[..., 3:]), dim=-1)


def _look_up(table: Tensor, values: Tensor) -> Tensor:
    """Return the table's entries for values in [0, 1]."""
    places = (values.clamp(0, 1) * (_STEPS - 1)).round_().int()
    return table.index_select(0, places.flatten()).view(values.shape)


def _peak_of(color: Color) -> float:
    """Return the highest luminance of a film, cd/m²: of its pixels, else of its mastering display."""
    if color.hdr_name == "HLG":
        return _HLG_PEAK
    peak = float(color.light_level.max_content) if color.light_level else 0.0
    if not peak and color.mastering:
        peak = color.mastering.luminance[1] / PER_CANDELA
    return min(peak or _USUAL_PEAK, _PQ_PEAK)


def _compress(light: Tensor, peak: float) -> Tensor:
    """Map [0, peak] to [0, white of SDR], both cd/m²: the knee and the spline of BT.2390."""
    if peak <= _SDR_WHITE:
        return light.clamp(max=_SDR_WHITE)
    highest = _light_to_pq(torch.tensor(peak))
    white = _light_to_pq(torch.tensor(_SDR_WHITE)) / highest
    knee = 1.5 * white - 0.5
    signal = (_light_to_pq(light) / highest).clamp(max=1)
    t = ((signal - knee) / (1 - knee)).clamp(min=0)
    spline = (
        (2 * t**3 - 3 * t**2 + 1) * knee
        + (t**3 - 2 * t**2 + t) * (1 - knee)
        + (3 * t**2 - 2 * t**3) * white
    )
    return _pq_to_light(torch.where(signal < knee, signal, spline) * highest)


def _pq_to_light(signal: Tensor) -> Tensor:
    power = signal.clamp(0, 1) ** (1 / _M2)
    return _PQ_PEAK * ((power - _C1).clamp(min=0) / (_C2 - _C3 * power)) ** (1 / _M1)


def _light_to_pq(light: Tensor) -> Tensor:
    power = (light.clamp(0, _PQ_PEAK) / _PQ_PEAK) ** _M1
    return ((_C1 + _C2 * power) / (1 + _C3 * power)) ** _M2


def _hlg_to_scene(signal: Tensor) -> Tensor:
    """Invert the OETF: [0, 1] to light of the scene, [0, 1]."""
    bright = (torch.exp((signal - _C) / _A) + _B) / 12
    return torch.where(signal <= 0.5, signal**2 / 3, bright)


def _scene_to_display(scene: Tensor) -> Tensor:
    """Apply the OOTF: light of the scene, [H, W, 3] in [0, 1], to that of the display, cd/m²."""
    luminance = (scene @ torch.tensor(_BT2020_LUMINANCE)).unsqueeze(-1)
    return scene * luminance.clamp_(min=1e-9).pow_(_HLG_GAMMA - 1).mul_(_HLG_PEAK)


def _to_bt709(primaries: str) -> Tensor:
    """Return the matrix, [3, 3], by which linear RGB in the last dimension is multiplied."""
    matrix = np.linalg.inv(_to_xyz("bt709")) @ _to_xyz(primaries)
    return torch.from_numpy(matrix.T.copy()).float()


def _to_xyz(primaries: str) -> np.ndarray:
    """Return the matrix from linear RGB to CIE 1931 XYZ (SMPTE RP 177)."""
    points = np.array([(x / y, 1, (1 - x - y) / y) for x, y in _POINTS[primaries]]).T
    x, y = _D65
    white = np.array((x / y, 1, (1 - x - y) / y))
    return points * np.linalg.solve(points, white)
