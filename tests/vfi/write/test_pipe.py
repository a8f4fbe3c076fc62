from __future__ import annotations

import os
from threading import Thread

import numpy as np
import pytest

from vfi.errors import EncodeError
from vfi.write.pipe import PipeWriter


def test_frames_follow_each_other_whatever_the_size_of_the_pipe() -> None:
    frames = np.random.RandomState(0).randint(0, 256, (3, 300, 400, 3)).astype(np.uint8)
    reading, writing = os.pipe()
    received: list[bytes] = []

    def read() -> None:
        with os.fdopen(reading, "rb") as pipe:
            received.append(pipe.read())

    reader = Thread(target=read)
    reader.start()
    with PipeWriter(writing) as writer:
        for frame in frames:
            writer.write(frame)
    os.close(writing)
    reader.join()
    assert received[0] == frames.tobytes()


def test_reader_that_is_gone_is_explained() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with (
        pytest.raises(EncodeError, match="reads standard output has closed it"),
        PipeWriter(writing) as w,
    ):
        w.write(np.zeros((4, 4, 3), np.uint8))
    os.close(writing)
