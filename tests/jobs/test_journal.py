"""What a job's folder remembers after anything that can happen to it."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

import pytest

from upframe.errors import InputError, OutputError
from upframe.jobs.fingerprint import changes, input_mark
from upframe.jobs.journal import Journal, describe_part, find_jobs, is_running, job_folder, output_of, part_file, read_journal
from upframe.jobs.segments import Segment

SEGMENTS = [Segment(0, 0, 30), Segment(1, 30, 60, warm_up=4)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A job with a plan and the first of two parts."""
    journal = Journal(job_folder(tmp_path / "film-x2.mkv"))
    journal.open({"fingerprint": {"input": "a"}})
    journal.add_plan(SEGMENTS, frames=60)
    make_part(journal, SEGMENTS[0])
    journal.close()
    return journal.folder


def make_part(journal: Journal, segment: Segment) -> None:
    with part_file(journal.part_path(segment.index)) as temporary:
        temporary.write_bytes(b"packets")
    journal.add_part(describe_part(segment, journal.part_path(segment.index)))


def missing_after(folder: Path) -> list[int]:
    journal = Journal(folder)
    journal.open({})
    try:
        return [segment.index for segment in journal.missing()]
    finally:
        journal.close()


def test_what_was_entered_is_there_again(folder: Path) -> None:
    record = read_journal(folder)
    assert record.segments == SEGMENTS
    assert record.header["fingerprint"] == {"input": "a"}
    assert (record.frames, record.frames_done) == (60, 30)
    assert missing_after(folder) == [1]


def test_a_torn_last_line_is_dropped_and_nothing_else(folder: Path) -> None:
    path = folder / "journal"
    whole = path.read_bytes()
    line = json.dumps({"entry": "part", "segment": 1, "size": 7, "sha256": "0", "frames": 30}).encode() + b"\n"
    for cut in range(len(line)):
        path.write_bytes(whole + line[:cut])
        assert set(read_journal(folder).parts) == {0}
    path.write_bytes(whole + line[:20])
    journal = Journal(folder)
    journal.open({})
    make_part(journal, SEGMENTS[1])
    journal.close()
    assert set(read_journal(folder).parts) == {0, 1}


def test_a_journal_cut_anywhere_is_still_readable(folder: Path) -> None:
    path = folder / "journal"
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        assert set(read_journal(folder).parts) <= {0}


def test_a_damaged_line_before_the_last_is_named(folder: Path) -> None:
    path = folder / "journal"
    path.write_bytes(b"{}\n" + path.read_bytes())
    with pytest.raises(InputError, match="line 1 is damaged"):
        read_journal(folder)


@pytest.mark.parametrize("damage", ["gone", "short", "changed"])
def test_a_part_that_is_not_what_was_entered_is_made_again(folder: Path, damage: str) -> None:
    path = Journal(folder).part_path(0)
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes(b"pack" if damage == "short" else b"pockets")
    assert missing_after(folder) == [0, 1]


def test_a_part_that_was_not_finished_leaves_nothing(folder: Path) -> None:
    journal = Journal(folder)
    with suppress(RuntimeError), part_file(journal.part_path(1)) as temporary:
        temporary.write_bytes(b"half")
        raise RuntimeError
    (journal.parts_folder / "000001.part.1.new").write_bytes(b"of a killed process")
    journal.open({})
    journal.close()
    assert [path.name for path in journal.parts_folder.iterdir()] == ["000000.part"]


def test_one_process_at_a_time_runs_a_job(folder: Path) -> None:
    first = Journal(folder)
    first.open({})
    assert is_running(folder)
    with pytest.raises(OutputError, match=r"film-x2\.mkv: is being made by another process"):
        Journal(folder).open({})
    first.close()
    assert not is_running(folder)


def test_jobs_are_found_and_removed(folder: Path, tmp_path: Path) -> None:
    assert find_jobs(tmp_path) == [folder]
    assert output_of(folder) == tmp_path / "film-x2.mkv"
    journal = Journal(folder)
    journal.open({})
    journal.remove()
    assert not any(tmp_path.iterdir())


def test_a_changed_input_or_setting_is_said_in_words(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(b"a" * 1000)
    before = {"input": input_mark(path), "settings": {"codec": "x264", "crf": None}}
    path.write_bytes(b"a" * 999 + b"b")
    now = {"input": input_mark(path), "settings": {"codec": "x264", "crf": 20.0}}
    assert changes(before, now) == ["the input has changed", "crf is 20.0, and was not set"]
    assert changes(now, now) == []
