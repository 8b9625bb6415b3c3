"""A process that writes to a library without pause and is killed, and what must be in the library afterwards.

As a script (`python tests/killed.py HOME DOING SEED`) it is the process: it says what it is about to do, does it, and
says that it is done, one JSON line each. `Ledger` is the other side: it kills, and holds the library to what was said.
"""

import json
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from writer_r1.backup import restore
from writer_r1.events import DraftDelta, Drafted, Event, Status
from writer_r1.folding import fold
from writer_r1.jobs import Jobs
from writer_r1.llm import Cancel
from writer_r1.store import MIGRATIONS, Store, this_process
from writer_r1.trajectory import Trajectory

ROOT = Path(__file__).parent.parent
FIXTURES = ROOT / "tests" / "fixtures" / "store"
DOINGS = ("saving", "accepting", "generating", "migrating", "restoring")
WORDS = ["salt", "rope", "lamp", "灯台", "stair\n\n", "keeper’s", "🦊", "gull", "wall", "é", "night", ""]
LONGEST_S = 1.2  # how long a process lives at most
PAUSE_S = 0.01  # between two words of the scripted model


def text_of(number: int) -> str:
    """Return the text that goes by this number; some are long, a few are empty."""
    dice = random.Random(number)
    return " ".join(dice.choices(WORDS, k=dice.choice((0, 3, 40, 400, 3000))))


def batch_of(run: str, number: int) -> list[Event]:
    """Return the events that are written together as number `number` of a run."""
    if number % 5 == 4:
        return [Drafted(attempt=number // 5 + 1, text=text_of(number)), Status(text=f"{run} {number}")]
    return [DraftDelta(attempt=number // 5 + 1, text=f"{run} {number} {'wave ' * (number % 30)}")]


# The process


class Child:
    """Writes until it is killed."""

    def __init__(self, home: Path, seed: int) -> None:
        self.home, self.dice, self.lock = home, random.Random(seed), threading.Lock()
        self.numbers = iter(range(seed * 1_000_000, (seed + 1) * 1_000_000))

    def say(self, kind: str, **what: Any) -> None:
        """Tell the other side, whole or not at all: a line this short goes into a pipe at once."""
        with self.lock:
            os.write(1, (json.dumps({"say": kind, **what}) + "\n").encode())

    def do(self, act: Any, **what: Any) -> Any:
        self.say("try", **what)
        done = act()
        self.say("done", **what)
        return done

    def saving(self) -> None:
        store = Store(self.home / "library.db")
        self.say("ready")
        while True:
            self.change(store, ("auto", "auto", "auto", "keep", "restore", "new", "backup"))

    def accepting(self) -> None:
        store, run = Store(self.home / "library.db"), f"run-{next(self.numbers)}"
        store.begin(run, "A storm", "fake", this_process())
        self.say("ready")
        for number in range(100_000):
            self.do(lambda n=number: store.append(run, batch_of(run, n)), op="append", run=run, number=number)
            if number % 5 == 4:
                self.change(store, ("take",))

    def change(self, store: Store, ways: tuple[str, ...]) -> None:
        """Save, restore or begin a piece, as a page asks for it."""
        pieces, way, number = store.pieces(), self.dice.choice(ways), next(self.numbers)
        if way == "backup" and number % 3:
            way = "auto"  # it takes as long as many saves
        if way == "new" or not pieces:
            self.do(lambda: store.new_piece(f"brief {number}", text_of(number)), op="new", number=number)
            return
        if way == "backup":
            self.do(lambda: store.backup(store.backups, replace=True), op="backup")
            return
        piece = self.dice.choice(pieces)
        here = {"piece": piece.id, "revision": piece.revision + 1}
        if way == "restore":
            old = self.dice.choice(store.versions(piece.id))
            if old.text != piece.text:
                told = here | {"op": "restore", "parent": old.revision}
                self.do(lambda: store.restore_version(piece.id, old.revision, piece.revision), **told)
            return
        why = {"auto": "", "keep": "kept by hand", "take": "Round 1 taken over"}[way]
        if text_of(number) != piece.text:
            told = here | {"op": "save", "number": number, "why": why, "parent": piece.revision}
            self.do(lambda: store.save_piece(piece.id, piece.brief, text_of(number), piece.revision, why), **told)

    def generating(self) -> None:
        store = Store(self.home / "library.db")
        jobs, run = Jobs(store, self.home / "model.lock"), f"job-{next(self.numbers)}"

        def work(stop: Cancel) -> Iterator[Event]:
            for n in range(100_000):
                self.say("word", run=run, number=n, at=time.monotonic())
                yield DraftDelta(attempt=1, text=f"{n} ")
                time.sleep(PAUSE_S)

        self.say("ready")
        jobs.start("A storm", "fake", work, run)
        while True:
            self.change(store, ("auto", "keep"))
            time.sleep(0.05)

    def migrating(self) -> None:
        self.say("ready")
        while True:
            number = next(self.numbers)
            folder = self.home / f"old-{number}"
            folder.mkdir()
            name = self.dice.choice(list(MIGRATIONS)[2:-1])
            shutil.copy(self.home / f"{name}.db", folder / "part.db")
            os.replace(folder / "part.db", folder / "library.db")
            self.do(lambda f=folder: Store(f / "library.db"), op="migrate", folder=folder.name)
            shutil.rmtree(folder)

    def restoring(self) -> None:
        store = Store(self.home / "restored" / "library.db")
        names = [b.path.name for b in store.kept_backups() if not b.before_restore]
        self.say("ready")
        while True:
            name = self.dice.choice(names)
            self.do(lambda n=name: restore(store, self.home, store.kept_backup(n)), op="put", name=name)


# The other side


class Ledger:
    """One home through many kills: what was acknowledged in it, and what is there."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.saved: dict[str, list[dict[str, Any]]] = {}  # of each piece, every version that is known to be there
        self.batches: dict[str, int] = {}  # of each run, how many were acknowledged
        self.put = ""
        home.mkdir(parents=True, exist_ok=True)
        for name in list(MIGRATIONS)[2:-1]:
            with closing(sqlite3.connect(home / f"{name}.db")) as db:
                db.executescript((FIXTURES / f"{name}.sql").read_text("utf-8"))
                db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        other = Store(home / "restored" / "library.db")
        for day in (1, 2):
            piece = other.new_piece("A storm", f"Day {day}.")
            for n in range(30):
                piece = other.save_piece(piece.id, "A storm", f"Day {day}. " * 50 * (n + day), piece.revision, "kept")
            made = other.backup(other.backups)
            assert made is not None
            made.rename(made.with_name(f"library-2026-01-0{day}.zip"))

    def kill(self, doing: str, seed: int) -> dict[str, Any]:
        """Let a process do this, kill it at a random moment, and return what was found; a loss is an AssertionError."""
        alive_s = random.Random(seed).uniform(0.01, LONGEST_S)
        command = [sys.executable, __file__, str(self.home), doing, str(seed)]
        child = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(ROOT)})
        assert child.stdout
        try:
            assert json.loads(child.stdout.readline())["say"] == "ready"
            reader = _Reader(child.stdout)
            time.sleep(alive_s)
        finally:
            killed_at = time.monotonic()
            child.kill()
            child.wait(30)
        said = [json.loads(line) for line in reader.lines()]
        tries = [s for s in said if s["say"] == "try"]
        done = [s for s in said if s["say"] == "done"]
        flight = tries[-1] if len(tries) > len(done) else None
        words = [s for s in said if s["say"] == "word"]
        found = {"seed": seed, "doing": doing, "after_s": round(alive_s, 3), "acknowledged": len(done)}
        found["in_flight"] = flight["op"] if flight else None
        self.check(done, flight)
        if words:
            found["lost_s"] = self.check_words(words, killed_at)
        return found

    def check(self, done: list[dict[str, Any]], flight: dict[str, Any] | None) -> None:
        """Hold the libraries to what was acknowledged."""
        store = whole(self.home / "library.db")
        for told in done:
            self.note(store, told)
        if flight:
            self.settle(store, flight)
        for piece_id, rows in self.saved.items():
            self.check_piece(store, piece_id, rows)
        assert {p.id for p in store.pieces(100_000)} == set(self.saved)
        for run, count in self.batches.items():
            events = [event for _, event in store.events(run)]
            assert events == [e for n in range(count) for e in batch_of(run, n)], run
            assert store.trajectory(run) == fold(events, Trajectory(id=run, prompt="A storm"))
        for folder in self.home.glob("old-*"):
            self.check_old(folder)
        for archive in store.kept_backups():
            with zipfile.ZipFile(archive.path) as zipped:
                assert zipped.testzip() is None
        self.check_restored(done, flight)

    def note(self, store: Store, told: dict[str, Any]) -> None:
        """Write down what was acknowledged."""
        match told["op"]:
            case "new":
                [piece] = [p for p in store.pieces(100_000) if p.brief == f"brief {told['number']}"]
                row = {"revision": 1, "text": text_of(told["number"]), "why": "begun", "parent": None}
                self.saved[piece.id] = [row]
            case "save":
                self.saved[told["piece"]].append(told | {"text": text_of(told["number"])})
            case "restore":
                old = next(r for r in self.saved[told["piece"]] if r["revision"] == told["parent"])
                self.saved[told["piece"]].append(told | {"text": old["text"], "why": "restored"})
            case "append":
                self.batches[told["run"]] = told["number"] + 1

    def settle(self, store: Store, flight: dict[str, Any]) -> None:
        """Find out whether what was under way when the process died is there: whole, or not at all."""
        if flight["op"] == "new":
            there = any(p.brief == f"brief {flight['number']}" for p in store.pieces(100_000))
        elif flight["op"] in ("save", "restore"):
            piece = store.piece(flight["piece"])
            there = piece is not None and piece.revision == flight["revision"]
        elif flight["op"] == "append":
            acknowledged = sum(len(batch_of(flight["run"], n)) for n in range(flight["number"]))
            there = len(store.events(flight["run"])) > acknowledged
        else:
            return
        if there:
            self.note(store, flight)

    def check_piece(self, store: Store, piece_id: str, rows: list[dict[str, Any]]) -> None:
        """Hold a piece to its saves; only one made by the page may have been brought up to date by the next."""
        piece, kept = store.piece(piece_id), {v.revision: v for v in store.versions(piece_id)}
        assert piece is not None
        assert (piece.revision, piece.text) == (rows[-1]["revision"], rows[-1]["text"]), "the last save is lost"
        for row, later in zip(rows, [*rows[1:], None], strict=True):
            if row["revision"] in kept:
                found = kept[row["revision"]]
                assert (found.text, found.why) == (row["text"], row["why"]), f"revision {row['revision']} is another"
                assert found.parent is None or found.parent in kept
                assert row["why"] == "" or found.parent == row["parent"]
            else:
                assert row["why"] == "" and later is not None and later["why"] == "", f"{row['revision']} is lost"

    def check_old(self, folder: Path) -> None:
        """Hold a library of an older schema, killed while it was brought up to date, to what it held."""
        if (folder / "library.db").exists():
            store = whole(folder / "library.db")
            versions = store.versions("aa01")
            assert [(v.revision, v.parent, v.why) for v in versions if v.revision < 4] == [
                (3, 2, ""), (2, 1, "Draft taken over"), (1, None, "begun")]  # fmt: skip
            assert store.piece("aa01").text == versions[0].text != ""  # type: ignore[union-attr]
            assert {"0b3c", "5f2a"} <= {r.id for r in store.runs()}
        shutil.rmtree(folder)

    def check_restored(self, done: list[dict[str, Any]], flight: dict[str, Any] | None) -> None:
        """Hold the library whose backups take turns to one of them, the last acknowledged or the one under way."""
        store = whole(self.home / "restored" / "library.db")
        puts = [d["name"] for d in done if d["op"] == "put"]
        self.put = puts[-1] if puts else self.put
        may = {self.put} | ({flight["name"]} if flight and flight["op"] == "put" else set())
        days = {"library-2026-01-01.zip": 1, "library-2026-01-02.zip": 2, "": 2}
        pieces = store.pieces()
        assert len(pieces) in {days[name] for name in may}
        assert all(len(store.versions(p.id)) == 31 for p in pieces)
        self.put = next(name for name in may if days[name] == len(pieces))

    def check_words(self, words: list[dict[str, Any]], killed_at: float) -> float:
        """Return how many seconds of a scripted model's words are lost; more than the last one is an error."""
        store = Store(self.home / "library.db")
        [attempt] = store.trajectory(words[0]["run"]).attempts or [None]
        text = attempt.text if attempt else ""
        stored = text.split()
        assert stored == [str(n) for n in range(len(stored))] and len(stored) <= len(words) + 1
        lost_s = killed_at - words[len(stored)]["at"] if len(stored) < len(words) else 0.0
        assert lost_s <= 1.0, f"{lost_s:.2f} s of words are lost"
        return round(lost_s, 3)


class _Reader:
    """Reads a pipe as it fills, so that the process never waits for it; a line cut by the kill is left out."""

    def __init__(self, pipe: Any) -> None:
        self._got: list[bytes] = []
        self._thread = threading.Thread(target=lambda: self._got.extend(iter(lambda: pipe.read1(1 << 16), b"")))
        self._thread.start()

    def lines(self) -> list[bytes]:
        self._thread.join(30)
        *whole_ones, _cut = b"".join(self._got).split(b"\n")
        return whole_ones


def whole(path: Path) -> Store:
    """Return the library at `path`, in which SQLite finds no fault."""
    store = Store(path)
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert db.execute("PRAGMA foreign_key_check").fetchall() == []
    return store


if __name__ == "__main__":
    getattr(Child(Path(sys.argv[1]), int(sys.argv[3])), sys.argv[2])()
