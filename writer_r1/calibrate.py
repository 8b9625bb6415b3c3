"""A file of texts that people rated + a judge model -> its Calibration: what `writer-r1 calibrate` does.

Reading a text takes seconds, so what was read is kept beside the library and a run that was stopped goes on from there.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from writer_r1.calibration import Calibration, features
from writer_r1.errors import StoreError, WriterError
from writer_r1.fitting import Texts, fit
from writer_r1.llm import LLM, Cancel
from writer_r1.prompts import prompt_hash
from writer_r1.workspace import Workspace

RATED = "wp_a_teacher_ratings.jsonl"  # the file looked for in a folder of data
FEWEST = 40  # texts: below that a fit is chance
SCALE = (1.0, 5.0)

Say = Callable[[int, int], None]  # texts done, texts in all


class Rated(NamedTuple):
    request: str
    text: str
    ratings: dict[str, float]
    origin: str


def calibrate(data: Path, workspace: Workspace, model: str, say: Say, cancel: Cancel) -> Calibration:
    """Return the calibration of a model from rated texts.

    Raises:
        WriterError: the data cannot be used, or it was stopped; what was read is kept.
    """
    path = data / RATED if data.is_dir() else data
    rated, raw = read_rated(path)
    digest = hashlib.sha256(raw).hexdigest()[:16]
    with workspace.machine():
        llm = workspace.llm(model)
        kept = workspace.home / "judges" / f"{llm.name}-{digest}-{prompt_hash('judge')}.jsonl"
        rows = []
        for row in gather(rated, llm, kept, cancel):
            rows.append(row)
            say(len(rows), len(rated))
    if len(rows) < len(rated):
        raise WriterError(
            f"Stopped after {len(rows)} of {len(rated)} texts; what was read is kept: run it again to go on."
        )
    ratings = {name: [r.ratings[name] for r in rated] for name in rated[0].ratings}
    about = {"model": llm.name, "prompt_hash": prompt_hash("judge"), "data_digest": digest, "scale": SCALE}
    return fit(as_texts(rated, rows), ratings, about)


def read_rated(path: Path) -> tuple[list[Rated], bytes]:
    """Return the rows of a JSON-lines file (`prompt`, `story`, `ratings` by aspect, `system`) and its bytes.

    Raises:
        WriterError: the file or a line of it cannot be used.
    """
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
            raise WriterError(f"Line {number} of {path.name!r} is no rated text ({why}): {line[:80]!r}.") from None
    if len(rows) < FEWEST:
        raise WriterError(f"{path.name!r} holds {len(rows)} rated texts; at least {FEWEST} are needed.")
    if len({tuple(r.ratings) for r in rows}) > 1:
        raise WriterError(f"The texts of {path.name!r} are not all rated for the same things.")
    return rows, raw


def _rated(row: Any) -> Rated:
    text = str(row.get("story") or row["draft"]).strip()
    ratings = {str(name): float(np.mean(given)) for name, given in row["ratings"].items()}
    if not text or not ratings or not all(SCALE[0] <= v <= SCALE[1] for v in ratings.values()):
        raise ValueError(f"it needs a text and ratings from {SCALE[0]:g} to {SCALE[1]:g}")
    return Rated(str(row["prompt"]), text, ratings, str(row.get("system") or ""))


def gather(rated: Sequence[Rated], llm: LLM, kept: Path, cancel: Cancel) -> Iterator[dict[str, float]]:
    """Yield the features of each text, from the file where they are kept as far as it goes; fewer if stopped."""
    done = _kept(kept)[: len(rated)]
    yield from done
    try:
        kept.parent.mkdir(parents=True, exist_ok=True)
        with kept.open("a", encoding="utf-8") as file:
            for row in rated[len(done) :]:
                found = features(row.text, row.request, llm, cancel)
                if cancel():
                    return
                file.write(json.dumps({k: float(f"{v:.6g}") for k, v in found.items()}) + "\n")
                file.flush()
                yield found
    except OSError as error:
        raise StoreError(f"What was read cannot be kept in {str(kept)!r} ({error.strerror}).") from None


def _kept(path: Path) -> list[dict[str, float]]:
    rows: list[dict[str, float]] = []
    if path.exists():
        for line in path.read_text("utf-8").splitlines():
            try:
                rows.append(json.loads(line))
            except ValueError:  # cut by a kill; only the last line can be
                path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
                break
    return rows


def as_texts(rated: Sequence[Rated], rows: Sequence[Mapping[str, float]]) -> Texts:
    """Return the table that is fitted."""
    names = tuple(rows[0])
    return Texts(
        names=names,
        numbers=np.array([[row[name] for name in names] for row in rows]),
        blocks=tuple(name.split(".", 1)[0] for name in names),
        requests=tuple(r.request for r in rated),
        words=np.array([float(len(r.text.split())) for r in rated]),
        origins=tuple(r.origin for r in rated),
    )
