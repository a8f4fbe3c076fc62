"""Frames with their features, interleaved as the compiled loops read them."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ...networks import IFNet
from ..layout import Layout, as_convolution
from .convolution import Size, WinogradConvolution, all_or_none
from .layout import Grid, kernels_for
from .memory import ScratchPool, empty_frames, flattened
from .threads import Workers
from .trunk import Head

_ENCODER_MARGIN = 8
"""Rows around a strip of a frame that its features depend on, at most."""


class FrameEncoder:
    """Encodes frames in strips of rows, each with the rows around it that it depends on."""

    def __init__(self, network: IFNet, workers: Workers) -> None:
        self._network = network
        self._workers = workers
        self._layout = Layout.of(network.config)
        self._kernels = kernels_for(self._layout, torch.float32)
        self._head = _features_head(network, workers)
        self._inner = _inner_convolutions(network, workers)
        self._scratch = ScratchPool()

    def __call__(self, img: Tensor) -> Tensor:
        """Attach its features to a frame; see ``FusedPyramid.encode_frame``."""
        batch, _, height, width = img.shape
        out = empty_frames(batch, height, width, self._layout.frame)
        for item, image in zip(out, img, strict=True):
            self._write_frame(item.view(-1).numpy(), image)
        return out.permute(0, 3, 1, 2)[:, : 3 + self._network.config.num_features]

    def _write_frame(self, out: np.ndarray, image: Tensor) -> None:
        """Encode ``image`` [3, H, W]."""
        height, width = image.shape[1:]
        row_size = width * self._layout.frame

        def write(rows: slice) -> None:
            start, stop = (
                max(rows.start - _ENCODER_MARGIN, 0),
                min(rows.stop + _ENCODER_MARGIN, height),
            )
            strip = image[:, start:stop]
            grid = Grid.of(stop - start, width, 2, self._network.config.num_features)
            features = np.zeros(1, np.float32)
            if self._head is not None:
                features = self._features(strip, self._head)
            inner = slice(rows.start - start, rows.stop - start)
            self._kernels.interleave(
                out[rows.start * row_size : rows.stop * row_size],
                strip[:, inner].numpy(),
                features,
                grid.row_at[inner],
                grid.col_at,
            )

        strips = self._workers.strips(height // 2, 64 * width)
        self._workers.map(write, [slice(2 * rows.start, 2 * rows.stop) for rows in strips])

    def _features(self, strip: Tensor, head: Head) -> np.ndarray:
        """Return the features of a strip [3, n, W], in the order of the head."""
        encode = self._network.encode
        if self._inner is None:
            x = encode.trunk(strip[None])
            return head(flattened(x), Size(*x.shape[2:]))
        x = F.leaky_relu(encode.cnn0(strip[None]), 0.2, inplace=True)
        here, size = flattened(x), Size(*x.shape[2:])
        with self._scratch.lend() as scratch:
            for index, convolution in enumerate(self._inner):
                there = scratch.get(f"convolution {index}", len(here))
                convolution(there, here, size, size)
                here = there
            return head(here, size)


def _features_head(network: IFNet, workers: Workers) -> Head | None:
    """Convert the encoder's deconvolution to return features as ``kernels`` reads them."""
    if network.config.encoder is None:
        return None
    layer = network.encode.cnn3
    assert layer.bias is not None
    weight, bias = as_convolution(layer.weight, layer.bias, shuffle=1)
    return Head(workers, weight.contiguous(memory_format=torch.channels_last), bias)


def _inner_convolutions(network: IFNet, workers: Workers) -> list[WinogradConvolution] | None:
    """Convert the encoder's convolutions of stride 1; None if there are none, or they cannot be."""
    if network.config.encoder is None or network.config.encoder.short:
        return None
    layers = network.encode.cnn1, network.encode.cnn2
    return all_or_none([WinogradConvolution.of(workers, layer, 0.2) for layer in layers])
