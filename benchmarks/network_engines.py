"""The plain network in other engines that a user could pick for a CPU; each is optional."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from rife_arch.networks import IFNet, Pair

Arrays = list[np.ndarray]
Engine = Callable[[nn.Module, tuple[Tensor, ...], int], Callable[[Arrays], np.ndarray]]


class _Encoder(nn.Module):
    """Frame to encoded frame."""

    def __init__(self, network: IFNet) -> None:
        super().__init__()
        self.network = network

    def forward(self, img: Tensor) -> Tensor:
        return self.network.encode_frame(img)


class Interpolation(nn.Module):
    """Two encoded frames and a timestep to the frame in between."""

    def __init__(self, network: IFNet) -> None:
        super().__init__()
        self.network = network

    def forward(self, frame0: Tensor, frame1: Tensor, timestep: Tensor) -> Tensor:
        """Interpolate."""
        return self.network(Pair(frame0, frame1), timestep)


def engines() -> dict[str, Engine]:
    """Return the engines that are installed, by name."""
    found: dict[str, Engine] = {}
    try:
        import openvino  # noqa: F401

        found["OpenVINO"] = _openvino
    except ImportError:
        pass
    try:
        import onnx  # noqa: F401  needed for the export
        import onnxruntime  # noqa: F401

        found["ONNX Runtime"] = _onnx_runtime
    except ImportError:
        pass
    return found


def interpolation_by(
    engine: Engine, network: IFNet, img0: Tensor, img1: Tensor, times: list[float], threads: int
) -> Callable[[], Arrays]:
    """Prepare what ``network.candidates`` compares: encode the later frame, make some between."""
    timestep = torch.full((1, 1, 1, 1), 0.5)
    with torch.no_grad(), torch.backends.mkldnn.flags(enabled=False):  # has operations of its own
        encoded = network.encode_frame(img0)
        encode = engine(_Encoder(network), (img0,), threads)
        frames = encoded, encoded.clone()  # one tensor twice would be traced as one input
        interpolate = engine(Interpolation(network), (*frames, timestep), threads)
    first, second = encode([img0.numpy()]), img1.numpy()

    def run() -> Arrays:
        later = encode([second])
        return [
            interpolate([first, later, np.full((1, 1, 1, 1), time, np.float32)]) for time in times
        ]

    return run


def _openvino(
    module: nn.Module, inputs: tuple[Tensor, ...], threads: int
) -> Callable[[Arrays], np.ndarray]:
    import openvino

    model = openvino.convert_model(module.eval(), example_input=inputs)
    shapes = [list(x.shape) for x in inputs]
    model.reshape(dict(zip(model.inputs, shapes, strict=True)))
    options = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": threads}
    options["INFERENCE_PRECISION_HINT"] = "f32"
    compiled: Any = openvino.Core().compile_model(model, "CPU", options)
    return lambda arrays: np.array(compiled(arrays)[0])


def _onnx_runtime(
    module: nn.Module, inputs: tuple[Tensor, ...], threads: int
) -> Callable[[Arrays], np.ndarray]:
    import onnxruntime

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "network.onnx"
        names = [f"input{index}" for index in range(len(inputs))]
        torch.onnx.export(
            module.eval(), inputs, str(path), input_names=names, opset_version=18, dynamo=False
        )
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        session = onnxruntime.InferenceSession(
            str(path), options, providers=["CPUExecutionProvider"]
        )
    return lambda arrays: session.run(None, dict(zip(names, arrays, strict=True)))[0]
