"""Output becomes lines, lines a bounded file."""

import pytest
from hearth_local import function_log
from hearth_local.function_log import FunctionLog, LineSplitter, Tail


@pytest.mark.parametrize(
    "cuts", [[b"one\ntwo\n"], [b"o", b"ne\nt", b"wo", b"\n"], [b"one\n\n", b"two"]]
)
def test_lines_are_whole_however_the_reads_fall(cuts):
    """Bytes are cut at line ends only; what has none comes at the end."""
    splitter = LineSplitter()
    lines = [line for cut in cuts for line in splitter.feed(cut)]
    assert lines + splitter.feed(b"", final=True) == ["one", "two"]


def test_character_cut_in_two_is_put_together():
    """A read may end inside of a character."""
    splitter = LineSplitter()
    whole = "é\n".encode()
    assert splitter.feed(whole[:1]) + splitter.feed(whole[1:]) == ["é"]


def test_endless_line_is_cut(monkeypatch):
    """A line without an end does not grow in memory for ever."""
    monkeypatch.setattr(function_log, "LINE_LIMIT", 10)
    assert LineSplitter().feed(b"x" * 11) == ["x" * 11]


def test_full_file_is_put_aside_and_started_again(tmp_path, monkeypatch):
    """Two files at most, the older one beside the newer."""
    monkeypatch.setattr(function_log, "ROTATE_AT_BYTES", 200)
    log = FunctionLog(tmp_path / "logs" / "f.log")
    for number in range(20):
        log.write("stream", "id", f"line {number}")
    log.close()
    files = sorted(path.name for path in (tmp_path / "logs").iterdir())
    assert files == ["f.log", "f.log.1"]
    assert "line 19" in (tmp_path / "logs" / "f.log").read_text()
    assert all(path.stat().st_size < 300 for path in (tmp_path / "logs").iterdir())


def test_subscriber_gets_each_line_with_its_call(tmp_path):
    """Whoever subscribes sees what is written, when, by which sandbox, in which call."""
    log, seen = FunctionLog(tmp_path / "f.log"), []
    log.subscribers.append(seen.append)
    log.write("stream", "id", "a\rb")
    log.close()
    assert [(line.stream, line.request_id, line.message) for line in seen] == [
        ("stream", "id", "a\rb")
    ]
    assert (tmp_path / "f.log").read_text().endswith("\tid\ta\n    b\n")


def test_tail_keeps_the_end():
    """The last 4 KB are kept, whatever came before."""
    tail = Tail()
    for number in range(1000):
        tail.add(f"line {number}")
    assert len(tail.read()) <= 4096
    assert tail.read().endswith(b"line 999\n")
