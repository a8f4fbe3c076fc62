from __future__ import annotations

import os
from pathlib import Path
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


def test_standard_output_that_is_closed_is_refused_before_the_work() -> None:
    reading, writing = os.pipe()
    os.close(writing)
    with pytest.raises(EncodeError, match=r"output cannot be written \(Bad file descriptor\)"):
        PipeWriter(writing).validate()
    os.close(reading)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no disk that is always full")
def test_full_disk_is_not_taken_for_a_reader_that_is_gone() -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    try:
        with pytest.raises(EncodeError, match="a file on a disk with room"):
            PipeWriter(full).write(np.zeros((4, 4, 3), np.uint8))
    finally:
        os.close(full)
