"""What the user chose, through real files: kept whole, read back, and never lost without a trace."""

import json
import os
import threading
from typing import get_args

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as rules
from hypothesis import strategies as st

from writer_r1.errors import WriterError
from writer_r1.settings import (
    LARGEST,
    SMALLEST,
    Leading,
    Settings,
    Theme,
    Width,
    change_settings,
    read_settings,
    write_settings,
)

ANY = st.builds(
    Settings,
    writer=st.none() | st.text(max_size=30).filter(lambda s: s.isprintable()),
    judge=st.none() | st.just("qwen"),
    threads=st.none() | st.integers(1, 64),
    theme=st.sampled_from(get_args(Theme)),
    text_size=st.integers(SMALLEST, LARGEST),
    line_width=st.sampled_from(get_args(Width)),
    line_height=st.sampled_from(get_args(Leading)),
    letter_keys=st.booleans(),
)
DAMAGED = [b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"text_size": 500}', b'{"theme": "sepia"}', b'{"threads": 0}']


def names(home) -> set[str]:
    return {p.name for p in home.glob("settings*") if not p.name.endswith(".lock")}


@given(chosen=ANY)
@rules(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_is_written_is_read_back(tmp_path, chosen):
    write_settings(tmp_path, chosen)
    assert read_settings(tmp_path) == chosen
    assert names(tmp_path) == {"settings.json"}


def test_without_a_file_the_usual_settings_hold_and_nothing_is_created(tmp_path):
    assert read_settings(tmp_path / "home") == Settings()
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize("content", DAMAGED)
def test_a_file_that_cannot_be_understood_is_kept_aside(tmp_path, content):
    (tmp_path / "settings.json").write_bytes(content)
    assert read_settings(tmp_path) == Settings()
    assert (tmp_path / "settings.json.damaged").read_bytes() == content
    assert names(tmp_path) == {"settings.json.damaged"}


def test_a_second_damaged_file_does_not_take_the_place_of_the_first(tmp_path):
    for content in (b"first", b"second"):
        (tmp_path / "settings.json").write_bytes(content)
        read_settings(tmp_path)
    kept = {(tmp_path / f"settings.json.{end}").read_bytes() for end in ("damaged", "damaged-2")}
    assert kept == {b"first", b"second"}


def test_a_setting_of_a_later_studio_does_not_cost_the_others(tmp_path):
    (tmp_path / "settings.json").write_text(json.dumps({"theme": "dark", "of a later one": 1}))
    assert read_settings(tmp_path) == Settings(theme="dark")


def test_a_change_leaves_the_other_settings_as_they_are(tmp_path):
    write_settings(tmp_path, Settings(writer="a", theme="dark"))
    assert change_settings(tmp_path, judge="b") == Settings(writer="a", judge="b", theme="dark")
    assert read_settings(tmp_path) == Settings(writer="a", judge="b", theme="dark")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"text_size": 500}, "'500' is no text size"),
        ({"theme": "sepia"}, "'sepia' is no theme"),
        ({"threads": "many"}, "'many' is no threads"),
        ({"threads": 0}, "'0' is no threads"),
        ({"line_width": ["x"]}, "no line width"),
    ],
)
def test_a_value_that_cannot_be_is_refused_in_a_sentence_and_changes_nothing(tmp_path, change, says):
    write_settings(tmp_path, Settings(theme="dark"))
    with pytest.raises(WriterError, match=says):
        change_settings(tmp_path, **change)
    assert read_settings(tmp_path) == Settings(theme="dark")


def test_a_name_that_is_no_setting_is_a_bug(tmp_path):
    with pytest.raises(TypeError, match="colour"):
        change_settings(tmp_path, colour="red")


def test_changes_made_at_the_same_time_are_all_kept(tmp_path):
    for _ in range(5):
        write_settings(tmp_path, Settings())
        changes = [{"writer": "w"}, {"judge": "j"}, {"threads": 3}, {"theme": "dark"}, {"text_size": 120}]
        threads = [threading.Thread(target=change_settings, args=(tmp_path,), kwargs=c) for c in changes]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert read_settings(tmp_path) == Settings(writer="w", judge="j", threads=3, theme="dark", text_size=120)


def test_a_reader_beside_a_writer_never_sees_half_a_file(tmp_path):
    write_settings(tmp_path, Settings(writer="a" * 3000))
    stop, seen = threading.Event(), set()

    def read() -> None:
        while not stop.is_set():
            seen.add(read_settings(tmp_path).writer)

    reader = threading.Thread(target=read)
    reader.start()
    for i in range(200):
        write_settings(tmp_path, Settings(writer="ab"[i % 2] * 3000))
    stop.set()
    reader.join()
    assert seen <= {"a" * 3000, "b" * 3000} and not list(tmp_path.glob("*.damaged*"))


def test_a_folder_that_cannot_be_written_is_one_clear_sentence(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(WriterError, match="cannot be kept in .*file/home.*make it writable"):
        write_settings(tmp_path / "file/home", Settings())
    assert read_settings(tmp_path / "file/home") == Settings()


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write anywhere")
def test_a_damaged_file_in_a_folder_that_cannot_be_written_stays(tmp_path):
    (tmp_path / "settings.json").write_text("{")
    tmp_path.chmod(0o500)
    try:
        assert read_settings(tmp_path) == Settings()
        assert (tmp_path / "settings.json").read_text() == "{"
    finally:
        tmp_path.chmod(0o700)
