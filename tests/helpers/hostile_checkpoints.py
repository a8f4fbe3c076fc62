"""Files that were made to harm, or damaged, in place of a checkpoint."""

from __future__ import annotations

import io
import json
import os
import pickle
import random
import socket
import struct
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import safetensors.torch
import torch

from tests.helpers.networks import TINY_CONFIG, as_upstream, random_weights

FIRST = "block0.conv0.0.0.weight"
HUGE = 1 << 40


class Call:
    """What a pickle calls when it is opened."""

    def __init__(self, function: Callable[..., object], *arguments: object) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> tuple[object, ...]:
        return self.call


class Storage:
    """A storage that a pickle refers to, whatever it claims."""

    def __init__(self, key: str = "0", claimed: object = 4, kind: str = "FloatStorage") -> None:
        self.reference = ("storage", getattr(torch, kind), key, "cpu", claimed)


class View:
    """A tensor as torch would rebuild it."""

    def __init__(self, shape: object, stride: object, offset: object = 0, **of: Any) -> None:
        self.arguments = (Storage(**of), offset, shape, stride, False, OrderedDict())

    def __reduce__(self) -> tuple[object, ...]:
        return torch._utils._rebuild_tensor_v2, self.arguments


class _Pickler(pickle.Pickler):
    def persistent_id(self, obj: object) -> object:
        return obj.reference if isinstance(obj, Storage) else None


def program(content: object, protocol: int = 2) -> bytes:
    buffer = io.BytesIO()
    _Pickler(buffer, protocol).dump(content)
    return buffer.getvalue()


def torch_zip(data: bytes, *storages: bytes, compression: int = zipfile.ZIP_STORED) -> bytes:
    """A file as torch.save writes it, around any pickle."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        archive.writestr("archive/data.pkl", data)
        archive.writestr("archive/version", "3\n")
        for index, storage in enumerate(storages):
            archive.writestr(f"archive/data/{index}", storage)
    return buffer.getvalue()


def one_view(shape: object, stride: object, offset: object = 0, **of: Any) -> bytes:
    return torch_zip(program({FIRST: View(shape, stride, offset, **of)}), bytes(64))


def saved(content: object, **options: Any) -> bytes:
    buffer = io.BytesIO()
    torch.save(content, buffer, **options)
    return buffer.getvalue()


def weights() -> dict[str, torch.Tensor]:
    return as_upstream(random_weights(TINY_CONFIG, 0), "")


def containers() -> dict[str, bytes]:
    """The same good checkpoint in each container."""
    plain = {key: value.contiguous() for key, value in weights().items()}
    return {
        "zip": saved(plain),
        "chain": saved(plain, _use_new_zipfile_serialization=False),
        "safetensors": safetensors.torch.save(plain),
    }


def with_code(marker: Path) -> dict[str, bytes]:
    """Pickles that would make a folder ``marker``, each by another route."""
    path = str(marker).encode()
    text = b"X" + struct.pack("<I", len(path)) + path
    mkdir = b"cos\nmkdir\n"
    getattr_ = b"cbuiltins\ngetattr\n"
    os_global = b"cbuiltins\n__import__\n(X\x02\x00\x00\x00ostR"
    inner = b"\x80\x02" + mkdir + b"(" + text + b"tR."
    bodies = {
        "reduce": mkdir + b"(" + text + b"tR",
        "reduce under a name": b"}X\x01\x00\x00\x00k" + mkdir + b"(" + text + b"tRs",
        "inst": b"(" + text + b"ios\nmkdir\n",
        "obj": b"(" + mkdir + text + b"o",
        "newobj": mkdir + b"(" + text + b"t\x81",
        "newobj_ex": mkdir + b"(" + text + b"t}\x92",
        "stack_global": b"X\x02\x00\x00\x00osX\x05\x00\x00\x00mkdir\x93(" + text + b"tR",
        "getattr": getattr_ + b"(" + os_global + b"X\x05\x00\x00\x00mkdirtR(" + text + b"tR",
        "eval": b"cbuiltins\neval\n(X\x10\x00\x00\x00__import__('os')tR",
        "exec": b"cbuiltins\nexec\n(X\x04\x00\x00\x00passtR",
        "build with setstate": mkdir
        + b")R}X\x0c\x00\x00\x00__setstate__"
        + mkdir
        + b"sb"
        + text
        + b"b",
        "persistent id": mkdir + b"(" + text + b"tRQ",
        "within a tuple key": b"}(" + mkdir + b"(" + text + b"tR\x85Nu",
        "loads of another pickle": b"c_pickle\nloads\n(U" + bytes([len(inner)]) + inner + b"tR",
        "torch storage of a pickle": b"ctorch.storage\n_load_from_bytes\n(U"
        + bytes([len(inner)])
        + inner
        + b"tR",
        "extension": b"\x82\x01(" + text + b"tR",
        "hooks of a tensor": b"ctorch._utils\n_rebuild_parameter\n(K\x01\x88"
        + mkdir
        + b"("
        + text
        + b"tRtR",
        "popped again": mkdir + b"(" + text + b"tR0}",
        "functools.partial": b"cfunctools\npartial\n(" + mkdir + text + b"tR)R",
        "operator": b"coperator\nmethodcaller\n(X\x05\x00\x00\x00mkdirtR",
        "numpy testing": b"cnumpy.testing._private.utils\nrunstring\n(X\x04\x00\x00\x00pass}tR",
    }
    cases: dict[str, bytes] = {}
    for name, body in bodies.items():
        data = b"\x80\x02" + body + b"."
        cases[f"code: {name}, plain"] = data
        cases[f"code: {name}, zip"] = torch_zip(data)
        chain = b"".join(program(part) for part in (0x1950A86A20F9469CFC6C, 1001, {}))
        cases[f"code: {name}, chain"] = chain + data + program([])
    return cases


def odd_tensors() -> dict[str, bytes]:
    """Files whose tensors, storages and structures are impossible or no weights."""
    good = weights()
    cases = {
        "giant storage": one_view((HUGE,), (1,), claimed=HUGE),
        "expanded to 2^40": one_view((HUGE,), (0,)),
        "expanded twice": one_view((1 << 20, 1 << 20), (0, 0)),
        "expanded moderately": one_view((64, 64), (0, 0)),
        "shape beyond int64": one_view((1 << 70,), (0,)),
        "product beyond int64": one_view((1 << 40, 1 << 40), (0, 0)),
        "empty but wide": one_view((HUGE, 0), (1, 1)),
        "empty": one_view((0,), (1,)),
        "negative size": one_view((-1, -1), (1, 1)),
        "negative stride": one_view((2, 2), (-1, 1), offset=3),
        "negative offset": one_view((2,), (1,), offset=-1),
        "offset beyond the end": one_view((2,), (1,), offset=15),
        "stride beyond the end": one_view((2, 2), (HUGE, 1)),
        "sizes that are words": one_view(("a", "b"), (1, 1)),
        "size that is true": one_view((True,), (1,)),
        "size that is a fraction": one_view((1.5,), (1,)),
        "shape that is nothing": one_view(None, (1,)),
        "1000 dimensions": one_view((1,) * 1000, (1,) * 1000),
        "claimed length is a word": one_view((4,), (1,), claimed="x"),
        "negative claimed length": one_view((4,), (1,), claimed=-4),
        "no such storage": one_view((4,), (1,), key="7"),
        "storage outside": one_view((4,), (1,), key="../data.pkl"),
        "4,000 names for one storage": torch_zip(
            program({f"block0.x{i}.weight": View((1 << 20,), (1,)) for i in range(4_000)}),
            bytes(4 << 20),
        ),
        "4,000 blocks": saved({f"block{i}.conv0.1.0.weight": torch.zeros(1) for i in range(4_000)}),
        "giant width": saved({**good, "block0.conv0.1.0.weight": torch.zeros(1 << 20, 1, 1, 1)}),
        "all giant widths": saved(
            {**good, **{f"block{i}.conv0.1.0.weight": torch.zeros(99_999, 1) for i in range(5)}}
        ),
        "scalars everywhere": saved({key: torch.tensor(1.0) for key in good}),
        "vectors everywhere": saved({key: torch.zeros(3) for key in good}),
        "odd groups": saved({**good, "block0.convblock.0.conv.weight": torch.zeros(16, 5, 3, 3)}),
        "head of another size": saved({**good, "block1.conv0.0.0.weight": torch.zeros(8, 1, 3, 3)}),
        "SAFA of 2,000 steps": saved(
            {
                "block.getscale.0.0.weight": torch.zeros(1, 1, 1, 1),
                "block.convimg.6.weight": torch.zeros(8, 8, 3, 3),
                "block.convimg.0.weight": torch.zeros(8, 8, 3, 3),
                **{f"block.convblock.{i}.x": torch.zeros(1) for i in range(2_000)},
                **{f"block.convblock.0.conv_backbone.{i}.x": torch.zeros(1) for i in range(2_000)},
            }
        ),
        "SAFA of giant width": saved(
            {
                "block.getscale.0.0.weight": torch.zeros(1),
                "block.convimg.6.weight": torch.zeros(1 << 20, 1),
                "block.convimg.0.weight": torch.zeros(1 << 20, 1),
            }
        ),
        "long name": saved({"block0." + "a" * 3_000_000: torch.zeros(1)}),
        "name with control characters": saved({**good, "\x1b[2J\n\0": torch.zeros(1)}),
        "names that are no text": saved({1: torch.zeros(1), None: torch.zeros(1)}),
        "deep dictionaries": torch_zip(_deep(b"}", 50_000)),
        "deep lists": torch_zip(b"\x80\x02" + b"]" * 50_000 + b"a" * 49_999 + b"."),
        "deep tuples as a key": torch_zip(b"\x80\x02})" + b"\x85" * 200_000 + b"Ns."),
        "itself": torch_zip(b"\x80\x02}q\x00X\x01\x00\x00\x00kh\x00s."),
        "doubling": torch_zip(b"\x80\x02)" + b"2\x86" * 100_000 + b"."),
        "doubling dictionaries": torch_zip(_doubling()),
        "memo index of 2^32": torch_zip(b"\x80\x02}r\xff\xff\xff\xff."),
        "bytes of 2^40": torch_zip(b"\x80\x04\x8e" + struct.pack("<Q", HUGE) + b"x."),
        "text of 2^31": torch_zip(b"\x80\x02X\xff\xff\xff\x7fx."),
        "integer of a megabyte": torch_zip(
            b"\x80\x02\x8b\x00\x00\x10\x00" + b"\x7f" * (1 << 20) + b"."
        ),
        "digits of a megabyte": torch_zip(b"I" + b"7" * (1 << 20) + b"\n."),
        "nothing but stop": torch_zip(b"."),
        "no mark": torch_zip(b"\x80\x02t."),
        "list": saved([torch.zeros(1)]),
        "one tensor": saved(torch.zeros(3)),
        "number": saved(3),
        "no tensors": saved({"a": 1}),
        "sparse": saved({FIRST: torch.zeros(2, 2).to_sparse()}),
        "quantized": _quantized(),
        "meta": saved({FIRST: torch.empty(HUGE, device="meta")}),
    }
    for kind in ("int64", "int8", "uint8", "bool", "complex64", "complex128", "float8_e4m3fn"):
        changed = {**good, FIRST: good[FIRST].to(getattr(torch, kind))}
        cases[f"a weight of {kind}"] = saved(changed)
    for value in ("nan", "inf", "-inf"):
        changed = {key: tensor.clone() for key, tensor in good.items()}
        changed[FIRST].view(-1)[7] = float(value)
        cases[f"a weight of {value}"] = saved(changed)
    cases["beyond float32"] = saved({**good, FIRST: good[FIRST].double() * 1e300})
    return cases


def _quantized() -> bytes:
    arguments = (Storage(kind="FloatStorage"), 0, (2,), (1,), (1, 1.0, 0), False, OrderedDict())

    class Quantized:
        def __reduce__(self) -> tuple[object, ...]:
            return torch._utils._rebuild_qtensor, arguments

    return torch_zip(program({FIRST: Quantized()}), bytes(64))


def _deep(opening: bytes, depth: int) -> bytes:
    return b"\x80\x02" + (opening + b"X\x01\x00\x00\x00k") * depth + b"N" + b"s" * depth + b"."


def _doubling() -> bytes:
    data = b"\x80\x02}"
    for _ in range(60):  # each dictionary holds the one before under two names
        data += b"q\x010}X\x01\x00\x00\x00ah\x01sX\x01\x00\x00\x00bh\x01s"
    return data + b"."


def headers() -> dict[str, bytes]:
    """Headers of safetensors that claim what is not so."""
    row = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}
    tables: dict[str, object] = {
        "good": {FIRST: row},
        "offset beyond the end": {FIRST: {**row, "data_offsets": [0, HUGE], "shape": [HUGE // 4]}},
        "offsets of 2^63": {FIRST: {**row, "data_offsets": [0, 1 << 63], "shape": [1 << 61]}},
        "negative offsets": {FIRST: {**row, "data_offsets": [-8, 0]}},
        "end before begin": {FIRST: {**row, "data_offsets": [8, 0]}},
        "overlap": {"a": row, "b": row},
        "gap": {FIRST: {**row, "data_offsets": [0, 4], "shape": [1]}},
        "shape beyond int64": {FIRST: {**row, "shape": [1 << 40, 1 << 40]}},
        "empty but wide": {FIRST: {**row, "shape": [HUGE, 0], "data_offsets": [0, 0]}},
        "negative shape": {FIRST: {**row, "shape": [-1, -2]}},
        "shape of words": {FIRST: {**row, "shape": ["2"]}},
        "shape of fractions": {FIRST: {**row, "shape": [2.0]}},
        "shape that is true": {FIRST: {**row, "shape": [True, 2]}},
        "no shape": {FIRST: {"dtype": "F32", "data_offsets": [0, 8]}},
        "unknown dtype": {FIRST: {**row, "dtype": "F4"}},
        "dtype that is a list": {FIRST: {**row, "dtype": [1]}},
        "row that is a list": {FIRST: [1, 2]},
        "three offsets": {FIRST: {**row, "data_offsets": [0, 4, 8]}},
        "whole numbers": {FIRST: {**row, "dtype": "I64", "shape": [1]}},
        "nothing": {},
        "only metadata": {"__metadata__": {"format": "pt"}},
        "1000 dimensions": {FIRST: {**row, "shape": [1] * 1000 + [2]}},
    }
    cases = {name: _with_header(json.dumps(table).encode()) for name, table in tables.items()}
    cases |= {
        "twice the same name": _with_header(b'{"a":%b,"a":%b}' % ((json.dumps(row).encode(),) * 2)),
        "bad utf-8": _with_header(b'{"\xff\xfe":1}'),
        "deep": _with_header(b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}"),
        "not json": _with_header(b"{nonsense"),
        "a number of a megabyte": _with_header(b'{"a":' + b"7" * (1 << 20) + b"}"),
        "length of 2^63": struct.pack("<Q", 1 << 63) + b"{}",
        "length of 2^64": b"\xff" * 8 + b"{}",
        "length of nothing": struct.pack("<Q", 0) + b"{}",
        "length alone": struct.pack("<Q", 2) + b"{",
    }
    return {f"safetensors: {name}": data for name, data in cases.items()}


def _with_header(header: bytes) -> bytes:
    return struct.pack("<Q", len(header)) + header + bytes(8)


def zipped(*members: tuple[str | zipfile.ZipInfo, bytes], kind: int = zipfile.ZIP_STORED) -> bytes:
    """An archive of these members."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", kind) as archive:
        for name, data in members:
            archive.writestr(name, data)
    return buffer.getvalue()


def huge() -> Iterator[tuple[str, bytes]]:
    """What takes seconds or hundreds of megabytes to make, or to read for those who try."""
    names = {f"block{i}.conv0.0.0.weight": View((16,), (1,)) for i in range(20_000)}
    yield "20,000 names for one storage", torch_zip(program(names), bytes(64))
    blocks = {f"block{i}.conv0.0.0.weight": torch.zeros(1) for i in range(20_000)}
    yield "20,000 blocks", safetensors.torch.save(blocks)
    yield "pickle of 30 MB", torch_zip(b"\x80\x02" + b"N0" * 15_000_000 + b"N.")
    yield "pickle of 4 MB", torch_zip(b"\x80\x02" + b"N0" * 2_000_000 + b"N.")
    rows = {
        f"block{i}.w": {"dtype": "F32", "shape": [2], "data_offsets": [8 * i, 8 * i + 8]}
        for i in range(100_000)
    }
    yield "safetensors: 100,000 names", _with_header(json.dumps(rows).encode())
    yield "safetensors: header of 90 MB", _with_header(b'{"' + b"a" * 90_000_000 + b'":1}')
    deflated = zipfile.ZIP_DEFLATED
    yield "archive: bomb", zipped(("flownet.pkl", bytes(700 << 20)), kind=deflated)
    yield "archive: bomb below the limit", zipped(("flownet.pkl", bytes(250 << 20)), kind=deflated)
    yield "archive: bomb of a pickle", torch_zip(bytes(500 << 20), compression=deflated)
    view = program({FIRST: View((100 << 20,), (1,))})
    yield "archive: bomb of a storage", torch_zip(view, bytes(400 << 20), compression=deflated)
    view = program({FIRST: View((60 << 20,), (1,))})
    yield "archive: storage of zeros", torch_zip(view, bytes(240 << 20), compression=deflated)
    yield "archive: 50,000 members", zipped(*((f"a{i}.txt", b"") for i in range(50_000)))


def archives() -> dict[str, bytes]:
    """Zips that are not what upstream publishes."""
    good = containers()["zip"]

    link = zipfile.ZipInfo("train_log/flownet.pkl")
    link.external_attr = 0o120777 << 16
    plain = zipped(("flownet.pkl", good))
    cases = {
        "good": plain,
        "archive in an archive": zipped(("a.zip", plain)),
        "archive called a checkpoint": zipped(("flownet.pkl", plain)),
        "archive in it seven times": _nested(good, 7),
        "way out": zipped(("../flownet.pkl", good)),
        "way out of Windows": zipped(("a\\..\\..\\flownet.pkl", good)),
        "absolute": zipped(("/etc/flownet.pkl", good)),
        "drive": zipped(("C:\\flownet.pkl", good)),
        "link": zipped((link, b"/etc/passwd")),
        "encrypted": _flagged(plain, 1),
        "2,000 checkpoints": zipped(*((f"a{i}.pkl", b"x") for i in range(2_000))),
        "no members": zipped(),
        "folder called a checkpoint": zipped(("flownet.pkl/", b""), ("flownet.pkl/a.txt", b"x")),
        "strange compression": _patched(plain, 8, b"\x63\x00", 10, b"\x63\x00"),
        "size claimed too large": _claimed(plain, 1 << 31),
        "size claimed too small": _claimed(plain, 10),
        "names of 60,000 characters": zipped(("a" * 60_000 + ".pkl", good)),
        "names with control characters": zipped(("\x1b[2J\n.pkl", b"x"), ("b.pkl", b"x")),
        "data.pkl alone": zipped(("data.pkl", b"\x80\x02}.")),
        "data.pkl that is a folder": zipped(("a/data.pkl/", b"")),
        "TorchScript": zipped(("a/constants.pkl", b""), ("a/data.pkl", b""), ("a/code/m.py", b"")),
        "arrays of NumPy": zipped(("a.npy", b"\x93NUMPY")),
        "text after the end": plain + b"x" * 1000,
        "text before the beginning": b"x" * 1000 + plain,
        "end record alone": b"PK\x05\x06" + bytes(18),
        "65,535 members claimed": b"PK\x05\x06" + b"\xff" * 18,
        "directory at 2^32": plain[:-10] + b"\xff" * 10,
    }
    with_twice = io.BytesIO()
    with zipfile.ZipFile(with_twice, "w") as archive:
        archive.writestr("flownet.pkl", good)
        archive.filelist.append(archive.filelist[0])
    cases["member twice"] = with_twice.getvalue()
    return {f"archive: {name}": data for name, data in cases.items()}


def _nested(data: bytes, depth: int) -> bytes:
    for _ in range(depth):
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            archive.writestr("flownet.pkl", data)
        data = buffer.getvalue()
    return data


def _patched(data: bytes, local: int, local_value: bytes, central: int, value: bytes) -> bytes:
    """Overwrite a field of the only member in both of its headers."""
    changed, at = bytearray(data), data.rindex(b"PK\x01\x02")
    changed[local : local + len(local_value)] = local_value
    changed[at + central : at + central + len(value)] = value
    return bytes(changed)


def _flagged(data: bytes, flag: int) -> bytes:
    return _patched(data, 6, bytes([flag, 0]), 8, bytes([flag, 0]))


def _claimed(data: bytes, size: int) -> bytes:
    return _patched(data, 22, struct.pack("<I", size), 24, struct.pack("<I", size))


def truncated(count: int) -> Iterator[tuple[str, bytes]]:
    """Each container, cut at ``count`` places."""
    for kind, data in containers().items():
        for part in range(count):
            size = len(data) * part // count
            yield f"{kind} cut at {part}/{count}", data[:size]


def flipped(count: int, seed: int = 0) -> Iterator[tuple[str, bytes]]:
    """Each container with one bit or a run of bytes changed, most often where its lists are."""
    rng = random.Random(seed)
    for kind, data in containers().items():
        for number in range(count):
            changed = bytearray(data)
            lists = [0, 0, max(0, len(data) - 8192)][number % 3]
            at = (
                rng.randrange(len(data))
                if number % 2
                else min(lists + rng.randrange(8192), len(data) - 1)
            )
            changed[at] ^= 1 << rng.randrange(8)
            if number % 5 == 0:
                changed[at : at + 8] = rng.randbytes(8)
            yield f"{kind} flipped {number} at {at}", bytes(changed)


def places(folder: Path) -> dict[str, Path]:
    """Paths that are no files."""
    made = {
        name: folder / name for name in ("pipe.pkl", "empty.pkl", "loop.pkl", "dir.pkl", "s.pkl")
    }
    os.mkfifo(made["pipe.pkl"])
    made["empty.pkl"].touch()
    made["loop.pkl"].symlink_to(made["loop.pkl"])
    made["dir.pkl"].mkdir()
    (made["dir.pkl"] / "again").symlink_to(made["dir.pkl"])
    (folder / "to_pipe.pkl").symlink_to(made["pipe.pkl"])
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(made["s.pkl"]))
    return {
        **made,
        "to_pipe.pkl": folder / "to_pipe.pkl",
        "zero": Path("/dev/zero"),
        "null": Path("/dev/null"),
        "missing": folder / "none.pkl",
        "in a file": made["empty.pkl"] / "x.pkl",
        "long": folder / ("a" * 300 + ".pkl"),
        "longer": folder / ("a/" * 3000 + ".pkl"),
        "nul": folder / "a\0b.pkl",
    }
