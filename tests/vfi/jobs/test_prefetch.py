from __future__ import annotations

import threading
import time
from collections.abc import Generator

import pytest

from vfi.jobs import prefetch
from vfi.jobs.prefetch import prefetched


class Source:
    """Counts up, and says how far it has come and whether it was closed."""

    def __init__(self, count: int, error_at: int | None = None) -> None:
        self.count = count
        self.error_at = error_at
        self.made = 0
        self.is_closed = False
        self.has_made_three = threading.Event()

    def __call__(self) -> Generator[int, None, None]:
        try:
            for number in range(self.count):
                if number == self.error_at:
                    raise OSError("the disk is gone")
                self.made += 1
                if self.made == 3:
                    self.has_made_three.set()
                yield number
        finally:
            self.is_closed = True


def workers() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "prefetch"]


def test_items_come_in_order_and_the_thread_ends() -> None:
    source = Source(100)
    assert list(prefetched(source())) == list(range(100))
    assert source.is_closed
    assert not workers()


def test_source_runs_ahead_while_the_consumer_is_busy() -> None:
    source = Source(10)
    items = prefetched(source())
    next(items)
    assert source.has_made_three.wait(timeout=10)
    items.close()


def test_no_more_than_the_allowed_items_wait() -> None:
    source = Source(1000)
    most = 0
    for number in prefetched(source(), ahead=3):
        most = max(most, source.made - number)
    assert most <= 3 + 2  # one in the making, one in the consumer's hands


def test_error_comes_after_the_items_before_it() -> None:
    items = prefetched(Source(5, error_at=2)())
    assert [next(items), next(items)] == [0, 1]
    with pytest.raises(OSError, match="the disk is gone"):
        next(items)
    assert not workers()


def test_closing_ends_the_thread_and_closes_the_source() -> None:
    source = Source(1000)
    generator = source()  # held here, so that it is not closed by being forgotten
    items = prefetched(generator, ahead=1)
    next(items)
    items.close()
    assert source.is_closed
    assert source.made < 10
    assert not workers()


def test_check_ends_everything_before_the_next_item() -> None:
    source, num_checks = Source(1000), 0
    generator = source()

    def check() -> None:
        nonlocal num_checks
        num_checks += 1
        if num_checks == 3:
            raise KeyboardInterrupt

    items = prefetched(generator, check=check)
    assert [next(items), next(items)] == [0, 1]
    with pytest.raises(KeyboardInterrupt):
        next(items)
    assert source.is_closed
    assert not workers()


def test_check_ends_the_wait_for_an_item() -> None:
    answer = threading.Event()
    is_waited_for: list[bool] = []

    def source() -> Generator[int, None, None]:
        is_waited_for.append(answer.wait(2))
        yield 0

    def check() -> None:
        answer.set()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        next(prefetched(source(), check=check))
    assert is_waited_for == [True]  # and not given up
    assert not workers()


def test_item_waits_until_a_slow_consumer_takes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prefetch, "_POLL", 0.001)
    num_checks = 0

    def check() -> None:
        nonlocal num_checks
        num_checks += 1
        if num_checks > 5000:
            raise TimeoutError

    items = prefetched(Source(5)(), ahead=1, check=check)
    assert next(items) == 0
    time.sleep(0.05)
    assert list(items) == [1, 2, 3, 4]


def test_source_that_never_answers_is_left_behind(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(prefetch, "_STOP_LIMIT", 0.1)
    answer = threading.Event()

    def source() -> Generator[int, None, None]:
        yield 0
        answer.wait(60)

    items = prefetched(source())
    next(items)
    items.close()
    assert "does not answer" in caplog.text
    answer.set()
    for worker in workers():
        worker.join()
