"""Files made to harm: each is refused in one message, and nothing of it is run or believed."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

from rife_arch import CheckpointError, load_checkpoint
from rife_arch.checkpoints import reader
from tests.helpers import hostile_checkpoints as hostile
from tests.helpers.hostile_checkpoints import FIRST

pytestmark = pytest.mark.usefixtures("one_thread")
ROOT = Path(__file__).resolve().parents[3]
# What is odd, but holds the weights all the same.
LOAD = {"a weight of float8_e4m3fn", "archive: good", "archive: text after the end"}
LOAD |= {"archive: names of 60,000 characters"}


def outcomes(cases: Iterable[tuple[str, bytes]], folder: Path) -> dict[str, str]:
    """What came of each: "loaded", or the message."""
    path = folder / "flownet.pkl"
    said: dict[str, str] = {}
    for name, data in cases:
        path.write_bytes(data)
        try:
            load_checkpoint(path)
            said[name] = "loaded"
        except CheckpointError as error:
            said[name] = str(error)
    refusals = [message for message in said.values() if message != "loaded"]
    assert [message for message in refusals if not message.startswith(str(path))] == []
    return said


def test_no_route_leads_to_code_in_a_pickle(tmp_path: Path) -> None:
    marker = tmp_path / "code was run"

    said = outcomes(hostile.with_code(marker).items(), tmp_path)

    assert not marker.exists()
    silent = {name for name, message in said.items() if "wants to run code" not in message}
    assert all(name.startswith("code: extension") for name in silent)
    assert "loaded" not in said.values()


def test_odd_tensors_and_structures_are_refused(tmp_path: Path) -> None:
    said = outcomes(hostile.odd_tensors().items(), tmp_path)

    assert {name for name, message in said.items() if message == "loaded"} <= LOAD
    for claim in ("giant storage", "expanded to 2^40", "shape beyond int64"):
        assert "numbers where the file holds 16" in said[claim]
    assert "no RIFE network has more" in said["4,000 names for one storage"]
    for value in ("nan", "inf", "-inf"):
        assert f"its weight {FIRST} is not finite" in said[f"a weight of {value}"]
    assert f"its weight {FIRST} is made of int64" in said["a weight of int64"]
    assert f"its weight {FIRST} is not finite" in said["beyond float32"]
    assert "is not stored plainly (sparse_tensor)" in said["sparse"]


def test_headers_of_safetensors_that_claim_what_is_not_so_are_refused(tmp_path: Path) -> None:
    said = outcomes(hostile.headers().items(), tmp_path)

    assert "loaded" not in said.values()
    assert "its tensors overlap or leave gaps" in said["safetensors: overlap"]
    assert "its header has a name twice" in said["safetensors: twice the same name"]
    assert (
        "its header claims 9,223,372,036,854,775,808 bytes" in said["safetensors: length of 2^63"]
    )


def test_archives_that_are_not_upstreams_are_refused(tmp_path: Path) -> None:
    said = outcomes(hostile.archives().items(), tmp_path)

    assert {name for name, message in said.items() if message == "loaded"} <= LOAD
    assert "is protected by a password" in said["archive: encrypted"]
    assert "has a member twice" in said["archive: member twice"]
    assert "there is no checkpoint in it" in said["archive: link"]
    for way in ("way out", "way out of Windows", "absolute", "drive"):
        assert "leads out of it" in said[f"archive: {way}"]
    assert "is an archive in an archive" in said["archive: archive called a checkpoint"]


def test_file_that_was_cut_anywhere_is_refused(tmp_path: Path) -> None:
    assert "loaded" not in outcomes(hostile.truncated(10), tmp_path).values()


def test_file_with_changed_bits_loads_or_is_refused(tmp_path: Path) -> None:
    outcomes(hostile.flipped(20), tmp_path)


@pytest.mark.skipif(sys.platform == "win32", reason="has neither pipes nor devices in folders")
def test_what_is_no_file_is_refused_without_being_opened(tmp_path: Path) -> None:
    for path in hostile.places(tmp_path).values():
        with pytest.raises(CheckpointError) as caught:
            load_checkpoint(path)
        assert str(caught.value).startswith(str(path))


def test_list_of_members_is_not_read_beyond_its_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader, "_LONGEST_LIST", 1000)
    many = hostile.zipped(*((f"{i}.pkl", b"") for i in range(50)))

    (message,) = outcomes([("many", many)], tmp_path).values()

    assert "has more members than any checkpoint" in message


@pytest.mark.parametrize(
    "error", [MemoryError(), RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried")]
)
def test_lack_of_memory_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def read(_: object) -> None:
        raise error

    monkeypatch.setattr(reader, "read_tensors", read)

    (message,) = outcomes([("good", hostile.containers()["zip"])], tmp_path).values()

    assert message.endswith("there is not enough memory to read it. Close other programs.")


@pytest.mark.faults
@pytest.mark.skipif(sys.platform == "win32", reason="measures children as Unix does")
def test_every_hostile_file_ends_in_time_and_in_little_memory(tmp_path: Path) -> None:
    marker = tmp_path / "code was run"
    cases = {
        **hostile.with_code(marker),
        **hostile.odd_tensors(),
        **hostile.headers(),
        **hostile.archives(),
        **dict(hostile.huge()),
        **dict(hostile.truncated(50)),
        **dict(hostile.flipped(200)),
    }
    paths: dict[str, str] = {}
    for number, (name, data) in enumerate(cases.items()):
        path = tmp_path / str(number) / "flownet.pkl"
        path.parent.mkdir()
        path.write_bytes(data)
        paths[name] = str(path)
    paths |= {f"place: {name}": str(p) for name, p in hostile.places(tmp_path).items()}
    (tmp_path / "names.json").write_text(json.dumps(paths))

    command = [sys.executable, "-m", "tests.helpers.run_apart", str(tmp_path)]
    ran = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)

    assert not marker.exists()
    rows = [json.loads(line) for line in ran.stdout.splitlines()]
    assert len(rows) == len(paths)
    bad = [row for row in rows if not is_within_bounds(*row, size=size_of(paths[row[0]]))]
    assert bad == []


def is_within_bounds(name: str, said: str, seconds: float, memory: int, *, size: int) -> bool:
    """The bounds that the docstring of the reader states."""
    # For a zip that holds a checkpoint twice the size of that is added.
    unpacked = (512 << 20) if name.startswith("archive") else 0
    ended = said == "loaded" or said.startswith("refused")
    return ended and seconds < 20 and memory < 1.3 * size + (64 << 20) + unpacked


def size_of(path: str) -> int:
    is_plain = len(path) < 200 and "\0" not in path and Path(path).is_file()
    return Path(path).stat().st_size if is_plain else 0
