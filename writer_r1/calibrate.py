"""Rated texts + the known-order set + a judge model -> its Calibration: what `writer-r1 calibrate` does.

Reading a text takes seconds, so what was read is kept beside the library and a run that was stopped goes on from there.
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from writer_r1.calibration import NO_MODEL, Calibration, named, reading_of
from writer_r1.checks import Embed, evidence
from writer_r1.checks.text import words
from writer_r1.errors import StoreError, WriterError
from writer_r1.fitting import Pairs, Texts, fit, unseen
from writer_r1.judge import Judge, verdicts
from writer_r1.ladders import (
    Original,
    adversarial,
    draft_pairs,
    drafted,
    dropouts,
    originals,
    pairs,
    plain_drafts,
    taught,
)
from writer_r1.lines import add_line, keyed
from writer_r1.llm import LLM, Cancel
from writer_r1.prompts import prompt_hash
from writer_r1.trajectory import Criterion, digest
from writer_r1.whole_file import write_whole

RATED = "wp_a_teacher_ratings.jsonl"  # the file looked for in a folder of data
FEWEST = 40  # texts: below that a fit is chance
SCALE = (1.0, 5.0)
SEED = 0  # of the spoiled texts

Say = Callable[[int, int], None]  # texts done, texts in all
Found = Mapping[tuple[str, str], Mapping[str, float]]  # features by request and text


class Rated(NamedTuple):
    request: str
    text: str
    ratings: dict[str, float]
    origin: str


class Known(NamedTuple):
    """Two texts for a request, the first of which is better; `group` is the original that both were made of."""

    group: str
    request: str
    better: str
    worse: str
    spoiled: bool = True  # as `Pairs` has it


def read_rated(path: Path) -> tuple[list[Rated], str]:
    """Return the rows of a JSON-lines file (`prompt`, `story`, `ratings` by aspect, `system`) and its digest.

    Raises:
        WriterError: the file or a line of it cannot be used.
    """
    path = path / RATED if path.is_dir() else path
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise WriterError(f"The rated texts {str(path)!r} cannot be read ({error.strerror}).") from None
    rows = []
    for number, line in enumerate(raw.splitlines(), 1):
        try:
            rows.append(_rated(json.loads(line)))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            why = f"{type(error).__name__}: {error}"
            raise WriterError(
                f"Line {number} of {path.name!r} is no rated text ({why}): {line[:80].decode('utf-8', 'replace')!r}."
            ) from None
    if len(rows) < FEWEST:
        raise WriterError(f"{path.name!r} holds {len(rows)} rated texts; at least {FEWEST} are needed.")
    if len({tuple(r.ratings) for r in rows}) > 1:
        raise WriterError(f"The texts of {path.name!r} are not all rated for the same things.")
    return rows, _digest(raw)


def file_digest(path: Path) -> str:
    """Return the digest of a file of ratings; empty where there is none."""
    return _digest(path.read_bytes()) if path.exists() else ""


def _digest(raw: bytes) -> str:
    return hashlib.sha256(raw).hexdigest()[:16]


def _rated(row: Any) -> Rated:
    text = str(row["story"] if row.get("story") is not None else row["draft"]).strip()
    ratings = {str(name): float(np.mean(given)) for name, given in row["ratings"].items()}
    if not text or not ratings or not all(SCALE[0] <= v <= SCALE[1] for v in ratings.values()):
        raise ValueError(f"it needs a text and ratings from {SCALE[0]:g} to {SCALE[1]:g}")
    return Rated(str(row["prompt"]), text, ratings, str(row.get("system") or ""))


def known_pairs() -> list[Known]:
    """Return what a fit may learn from: some of the known-order set, the rest of which is for `qualify`, and drafts."""
    found = [pair for original in taught() for pair in _known(original)]
    found += [Known(o.id, o.request, o.text, d, False) for o in originals() if (d := plain_drafts().get(o.id))]
    return found + [Known(d.id, d.request, p.better, p.worse) for d in drafted() for p in draft_pairs(d, SEED)]


def _known(original: Original) -> list[Known]:
    steps = [(p.better, p.worse) for p in pairs(original, originals(), SEED)]
    steps += [(original.text, odd) for odd in adversarial(original, SEED).values()]
    return [Known(original.id, original.request, better, worse) for better, worse in steps]


class Reader:
    """Reads texts once: what was read is appended to a file, and found there the next time."""

    def __init__(self, llm: LLM | None, embed: Embed, kept: Path | None) -> None:
        self._llm, self._embed, self._kept = llm, embed, kept
        self.known: dict[str, dict[str, float]] = keyed(kept, "features") if kept else {}

    def read(self, request: str, text: str, cancel: Cancel) -> dict[str, float] | None:
        """Return the features of a text; None where it was cancelled, or the model cannot read it."""
        key = digest(request, text)
        if key in self.known:
            return self.known[key]
        reading = reading_of(text, request, self._llm, cancel) if self._llm else None
        if self._llm and reading is None:
            return None
        found = {k: float(f"{v:.6g}") for k, v in named(evidence(text, request, self._embed).numbers, reading).items()}
        self.known[key] = found
        try:
            if self._kept:
                add_line(self._kept, json.dumps({"key": key, "features": found}).encode())
        except OSError as error:
            raise StoreError(f"What was read cannot be kept in {str(self._kept)!r} ({error.strerror}).") from None
        return found


def read_at(model: str, home: Path) -> Path:
    """Return the file of what was read with a model, a line a text."""
    return home / "judges" / f"{model}.read.jsonl"


class Gathered(NamedTuple):
    """Rated texts and known pairs, and the features of every text in them by request and text."""

    rated: list[Rated]
    known: list[Known]
    rows: dict[tuple[str, str], dict[str, float]]
    data_digest: str

    @property
    def ratings(self) -> dict[str, list[float]]:
        """Return the ratings by what was rated, a number a text."""
        return {name: [r.ratings[name] for r in self.rated] for name in self.rated[0].ratings}


def gather(data: Path, reader: Reader, say: Say, cancel: Cancel) -> Gathered:
    """Return what a fit is made from; a text that the model cannot read is left out.

    Raises:
        WriterError: the data cannot be used, the model cannot read it, or it was stopped; what was read is kept.
    """
    given, data_digest = read_rated(data)
    known = known_pairs()
    wanted = dict.fromkeys([(r.request, r.text) for r in given] + [(p.request, t) for p in known for t in p[2:4]])
    rows: dict[tuple[str, str], dict[str, float]] = {}
    for done, (request, text) in enumerate(wanted, 1):
        found = reader.read(request, text, cancel)
        if cancel():
            raise WriterError(f"Stopped after {done - 1} of {len(wanted)} texts; run it again to go on from there.")
        if found is not None:
            rows[request, text] = found
        say(done, len(wanted))
    rated = [r for r in given if (r.request, r.text) in rows]
    if len(rated) < FEWEST:
        raise WriterError(
            f"The model could read {len(rated)} of {len(given)} rated texts, and a fit needs {FEWEST}; calibrate a "
            "model whose file is on this machine: a server does not say how a text reads to its model."
        )
    known = [p for p in known if (p.request, p.better) in rows and (p.request, p.worse) in rows]
    return Gathered(rated, known, rows, data_digest)


def calibrate(data: Path, llm: LLM | None, embed: Embed, kept: Path | None, say: Say, cancel: Cancel) -> Calibration:
    """Return the calibration of a model from rated texts; without a model, that of what needs none.

    Raises:
        WriterError: as `gather`.
    """
    found = gather(data, Reader(llm, embed, kept), say, cancel)
    name = llm.name if llm else NO_MODEL
    facts = {"model": name, "prompt_hash": prompt_hash("judge"), "data_digest": found.data_digest, "scale": SCALE}
    made = fit(as_texts(found.rated, found.rows), found.ratings, facts, as_pairs(found.known, found.rows))
    usual = {"usual_rating": float(np.mean([_usual(made, found.rows, texts) for texts in _sound()]))}
    return made.model_copy(update=usual | (trust_in_verdicts(llm, cancel) if llm else {}))


def _sound() -> tuple[list[Original], list[Original]]:
    """Return what a usual sound text is: pieces of people, and drafts of a model, which are to count alike.

    Small judges like what reads smoothly. Anchored on people's pieces alone, every draft of a model would be near 9.
    """
    return [*taught()], [draft.original for draft in drafted()]


def _usual(fit: Calibration, rows: Found, texts: Sequence[Original]) -> float:
    ratings = [list(fit.rate(rows[t.request, t.text]).values()) for t in texts if (t.request, t.text) in rows]
    return float(np.mean(ratings))


def unseen_ratings(found: Gathered) -> dict[tuple[str, str], dict[str, float]]:
    """Return what a fit that saw no text of the same request says of each rated one, as `Calibration.rate` gives it."""
    texts, pairs = as_texts(found.rated, found.rows), as_pairs(found.known, found.rows)
    rated = (unseen(texts, found.ratings, pairs) - SCALE[0]) / (SCALE[1] - SCALE[0])
    return {
        (r.request, r.text): dict(zip(found.ratings, row, strict=True))
        for r, row in zip(found.rated, rated.tolist(), strict=True)
    }


def trust_in_verdicts(llm: LLM, cancel: Cancel) -> dict[str, float]:
    """Return how far the model's verdicts count, and what they usually are of sound texts.

    They are asked where the sentences that meet one requirement are taken out of a sound piece. A verdict that falls
    there every time counts in full; one that falls as often as it rises does not count.
    """
    judge, falls = Judge(llm, None, cancel), list[float]()
    usual: tuple[list[float], list[float]] = [], []
    for said, texts in zip(usual, _sound(), strict=True):
        for sound in texts:
            rungs = dropouts(sound) if sound.meets else [sound.text]
            steps = [_verdicts(judge, sound, text) for text in rungs]
            said += steps[0]
            falls += [steps[k][k] - steps[k + 1][k] for k in range(len(steps) - 1)]
    fell = np.array([fall for fall in falls if not np.isnan(fall)])
    share = float(np.mean(fell > 0)) if len(fell) else 0.5
    answered = [np.nanmean(said) for said in usual if not np.isnan(said).all()]
    middle = float(np.mean(answered)) if answered else 0.5
    return {"verdict_weight": round(max(0.0, 2 * share - 1), 3), "usual_verdict": round(middle, 3)}


def _verdicts(judge: Judge, sound: Original, text: str) -> list[float]:
    """Return what the model says of each requirement; NaN where its answer was no digit."""
    criteria = [Criterion(name=f"Requirement {k}", description=r) for k, r in enumerate(sound.requirements, 1)]
    scores = verdicts(sound.request, text, criteria, None, judge)
    return [score.parts.get("verdict", np.nan) for score in scores]


def write_calibration(path: Path, found: Calibration) -> None:
    """Keep a fit as one small file; a reader sees the old or the new one, never half of it.

    Raises:
        StoreError: it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, found.model_dump_json().encode() + b"\n")
    except OSError as error:
        raise StoreError(f"The calibration cannot be kept in {str(path)!r} ({error.strerror}).") from None


def as_texts(rated: Sequence[Rated], rows: Found) -> Texts:
    """Return the table of rated texts that is fitted."""
    names = tuple(rows[rated[0].request, rated[0].text])
    return Texts(
        names=names,
        numbers=np.array([[rows[r.request, r.text][name] for name in names] for r in rated]),
        blocks=tuple(name.split(".", 1)[0] for name in names),
        requests=tuple(r.request for r in rated),
        words=np.array([float(len(r.text.split())) for r in rated]),
        origins=tuple(r.origin for r in rated),
        rivals={
            "length": np.array([float(len(r.text.split())) for r in rated]),
            "shared words": np.array([_shared(r.request, r.text) for r in rated]),
            "likeness": np.array([rows[r.request, r.text]["text.request_likeness"] for r in rated]),
        },
    )


def _shared(request: str, text: str) -> float:
    """Return the share of the request's words that the text has."""
    wanted = set(words(request))
    return len(wanted & set(words(text))) / max(1, len(wanted))


def as_pairs(known: Sequence[Known], rows: Found) -> Pairs:
    """Return the table of pairs that is fitted."""
    better = np.array([list(rows[p.request, p.better].values()) for p in known])
    worse = np.array([list(rows[p.request, p.worse].values()) for p in known])
    return Pairs(better, worse, tuple(p.group for p in known), tuple(p.spoiled for p in known))
