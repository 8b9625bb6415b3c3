import os
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT
from hypothesis import given, settings
from hypothesis import strategies as st

import app
from writer_r1 import writers
from writer_r1.cli import main
from writer_r1.errors import WriterError
from writer_r1.writers import NOBODY, add_writer, admitted, fits, hashed, read_writers, remove_writer

PASSWORD = "correct horse"


@pytest.fixture(autouse=True)
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same scrypt at a smaller cost, or these tests would take a minute."""
    monkeypatch.setattr(writers, "LOG_N", 10)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "writers"
    add_writer(path, "anna", PASSWORD)
    return path


def test_a_password_fits_what_it_was_hashed_to_and_no_other_does(file: Path) -> None:
    assert not add_writer(file, "anna", "another one")
    assert add_writer(file, "ben", PASSWORD)
    kept = read_writers(file)
    assert list(kept) == ["anna", "ben"]
    assert fits("another one", kept["anna"]) and fits(PASSWORD, kept["ben"])
    assert not fits(PASSWORD, kept["anna"]) and not fits(PASSWORD, NOBODY) and not fits("", kept["ben"])


def test_neither_the_password_nor_the_same_hash_twice_stands_in_the_file(file: Path) -> None:
    add_writer(file, "ben", PASSWORD)
    assert PASSWORD not in file.read_text()
    assert len(set(read_writers(file).values())) == 2


@settings(deadline=None)  # other work may have the cores
@given(st.text(max_size=80))
def test_a_line_of_whatever_text_is_fitted_by_no_password(line: str) -> None:
    assert not fits(PASSWORD, line)


@pytest.mark.parametrize("cost", ["19$8$3", "16$8$1", "10$1$1"])
def test_a_cost_beyond_ours_is_no_crash(cost: str) -> None:
    assert not fits(PASSWORD, hashed(PASSWORD).replace("10$8$3", cost))


@pytest.mark.skipif(os.name != "posix", reason="no such modes here")
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o666])
def test_a_file_that_others_can_read_or_change_is_refused(file: Path, mode: int) -> None:
    assert file.stat().st_mode & 0o777 == 0o600
    file.chmod(mode)
    with pytest.raises(WriterError, match=f"mode {mode:o}.*chmod 600"):
        read_writers(file)
    with pytest.raises(WriterError, match="chmod 600"):
        add_writer(file, "ben", PASSWORD)


@pytest.mark.parametrize("name", ["", "Anna", "../ben", "a b", "-x", "x" * 33, "näme", "a/b", "a:b", "."])
def test_a_name_that_is_no_folder_everywhere_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(WriterError, match="cannot be a writer's name"):
        add_writer(tmp_path / "writers", name, PASSWORD)
    assert not (tmp_path / "writers").exists()


@pytest.mark.parametrize("line", ["anna", "anna:plain", "../x:{}", "anna:{}\nanna:{}"])
def test_a_line_that_is_no_writer_is_named_and_nobody_is_let_in(tmp_path: Path, line: str) -> None:
    path = tmp_path / "writers"
    add_writer(path, "ok", PASSWORD)
    path.write_text("# who writes here\n\n" + line.replace("{}", NOBODY))
    with pytest.raises(WriterError, match="Line [34] of .* is no writer"):
        read_writers(path)


def test_an_empty_file_names_nobody(file: Path) -> None:
    remove_writer(file, "anna")
    with pytest.raises(WriterError, match="names nobody; add a writer with"):
        read_writers(file)


@pytest.mark.parametrize("password", ["short", "x" * 1025])
def test_a_password_has_a_length(file: Path, password: str) -> None:
    before = file.read_bytes()
    with pytest.raises(WriterError, match="8 characters"):
        add_writer(file, "ben", password)
    assert file.read_bytes() == before


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.5"])
def test_beyond_this_machine_nothing_is_served_without_passwords(host: str, file: Path) -> None:
    with pytest.raises(WriterError, match=r"everybody on the network could read .* --auth FILE"):
        admitted(host, None)
    assert admitted(host, file) == ("anna",)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.9", "localhost"])
def test_on_this_machine_nobody_has_to_sign_in(host: str) -> None:
    assert admitted(host, None) == ()


@pytest.mark.parametrize("host", ["", "::", "evil.example", "1.2.3"])
def test_a_host_that_is_no_address_is_refused(host: str, file: Path) -> None:
    with pytest.raises(WriterError, match="no address that can be listened at"):
        admitted(host, file)


def test_the_studio_says_in_one_sentence_why_it_does_not_start(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert app.main(["--host", "0.0.0.0", "--port", "0"]) == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "needs passwords" in said
    assert app.main(["--auth", str(tmp_path / "none"), "--port", "0"]) == 1
    assert "cannot be read" in capsys.readouterr().err
    assert not (tmp_path / "home").exists()  # nothing was begun


def test_the_command_asks_twice_and_shows_and_takes_no_password(tmp_path: Path) -> None:
    path = tmp_path / "writers"
    command = [sys.executable, "-m", "writer_r1", "writers", "add", str(path), "anna"]

    def asked(typed: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(command, cwd=ROOT, input=typed, capture_output=True, text=True, timeout=60)

    wrong = asked(f"{PASSWORD}\nanother one\n")
    assert wrong.returncode == 1 and "differ, so nothing was kept" in wrong.stderr and not path.exists()
    done = asked(f"{PASSWORD}\n{PASSWORD}\n")
    assert done.returncode == 0 and fits(PASSWORD, read_writers(path)["anna"])
    assert PASSWORD not in done.stdout + done.stderr
    with pytest.raises(SystemExit):
        main(["writers", "add", str(path), "ben", PASSWORD])


def test_on_a_terminal_what_is_typed_is_not_echoed(tmp_path: Path) -> None:
    pty = pytest.importorskip("pty")
    path, (leader, follower) = tmp_path / "writers", pty.openpty()
    command = [sys.executable, "-m", "writer_r1", "writers", "add", str(path), "anna"]
    process = subprocess.Popen(
        command, cwd=ROOT, stdin=follower, stdout=follower, stderr=follower, start_new_session=True
    )
    os.close(follower)
    said = b""
    for question in (b"Password for anna: ", b"The same again: "):
        while not said.endswith(question):
            said += os.read(leader, 1000)
        os.write(leader, f"{PASSWORD}\n".encode())
        said += b"|"
    assert process.wait(60) == 0 and PASSWORD.encode() not in said
    os.close(leader)
    assert fits(PASSWORD, read_writers(path)["anna"])


def test_names_are_listed_and_taken_out(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    add_writer(file, "ben", PASSWORD)
    assert main(["writers", "list", str(file)]) == 0
    assert capsys.readouterr().out == "anna\nben\n"
    assert main(["writers", "remove", str(file), "ben"]) == 0
    assert main(["writers", "remove", str(file), "ben"]) == 1
    assert "is no writer of" in capsys.readouterr().err
    assert list(read_writers(file)) == ["anna"]
