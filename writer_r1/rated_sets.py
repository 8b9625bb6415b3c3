"""A folder of texts that people rated -> the cases to be scored, with what people thought of them.

The files are those of `shared/data`; none of them is shipped. A set whose file is not there is left out and said.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from random import Random
from statistics import fmean
from typing import Any, NamedTuple

from writer_r1.errors import WriterError
from writer_r1.scored_texts import Case
from writer_r1.trajectory import Criterion, Rubric, prompt_id

QUESTIONS = "human_criteria.json"
WELL_WRITTEN = Criterion(
    name="Quality of the writing",
    description="How well is this written, as an experienced editor sees it: fresh, precise, without stock phrases?",
)
PARAGRAPH = "A paragraph of a story or of an essay."  # LAMP's texts come without the request they answered


class RatedText(NamedTuple):
    """A text with people's mean rating by criterion, whatever their scale; texts of a `group` share a request."""

    case: Case
    group: str
    ratings: dict[str, float]


class Preferred(NamedTuple):
    """Two texts of which people liked one better; the pairs of a `group` share a request."""

    better: Case
    worse: Case
    group: str


class RatedSet(NamedTuple):
    texts: tuple[RatedText, ...] = ()
    pairs: tuple[Preferred, ...] = ()

    def cases(self) -> Iterator[Case]:
        """Yield every text of the set, some of them more than once."""
        yield from (text.case for text in self.texts)
        yield from (case for pair in self.pairs for case in pair[:2])


Row = dict[str, Any]
Make = Callable[[Sequence[Row], "Folder"], RatedSet]


class Folder(NamedTuple):
    """A folder of rated sets, and how much of each is wanted."""

    path: Path
    most: int
    seed: int

    def rows(self, name: str) -> list[Row]:
        """Return the rows of a file of JSON lines.

        Raises:
            FileNotFoundError: it is not there.
            WriterError: it cannot be used.
        """
        try:
            lines = (self.path / name).read_bytes().splitlines()
        except FileNotFoundError:
            raise
        except OSError as error:
            raise WriterError(f"{name!r} cannot be read ({error.strerror}).") from None
        rows = []
        for number, line in enumerate(lines, 1):
            try:
                rows.append(dict(json.loads(line)))
            except (ValueError, TypeError):
                raise WriterError(f"Line {number} of {name!r} is no JSON object: {line[:60]!r}.") from None
        return rows

    def questions(self, of: str) -> Row:
        """Return the criteria that people rated by."""
        found: Row = json.loads((self.path / QUESTIONS).read_text("utf-8"))[of]
        return found

    def some(self, rows: Sequence[Row], group: str) -> list[Row]:
        """Return rows of as many whole groups, drawn by the seed, as come to `most` rows; of one, where it is more."""
        groups: dict[str, list[Row]] = {}
        for row in rows:
            groups.setdefault(str(row[group]), []).append(row)
        chance, chosen = Random(self.seed), list[Row]()
        for name in chance.sample(sorted(groups), len(groups)):
            if len(chosen) + len(groups[name]) <= self.most:
                chosen += groups[name]
        return chosen or chance.sample(list(rows), min(self.most, len(rows)))


def rated_sets(folder: Folder) -> tuple[dict[str, RatedSet], dict[str, str]]:
    """Return the sets of a folder, and why each of the others is left out.

    Raises:
        WriterError: there is none, or a file cannot be used.
    """
    sets, left_out = dict[str, RatedSet](), dict[str, str]()
    for name, (file, make) in SETS.items():
        try:
            sets[name] = make(folder.rows(file), folder)
        except FileNotFoundError as error:
            left_out[name] = f"there is no {Path(error.filename).name}"
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise WriterError(
                f"{file!r} or its criteria are not as they should be ({type(error).__name__}: {error})."
            ) from None
    if not sets:
        raise WriterError(
            f"{str(folder.path)!r} holds none of the rated sets: {', '.join(f for f, _ in SETS.values())}."
        )
    return sets, left_out


def _rubric(questions: dict[str, str]) -> Rubric:
    criteria = tuple(Criterion(name=name, description=question) for name, question in questions.items())
    return Rubric(prompt_id=prompt_id(""), criteria=criteria)


def _wp_a(rows: Sequence[Row], folder: Folder) -> RatedSet:
    asked = folder.questions("wp_a")
    return _stories(rows, folder, rubric=_rubric({k: asked[k] for k in rows[0]["ratings"]}))


def _hanna(rows: Sequence[Row], folder: Folder) -> RatedSet:
    asked = folder.questions("hanna")
    rubric = _rubric({k: asked[k]["asks"] for k in rows[0]["ratings"]})
    return _stories([row for row in rows if row["story"]], folder, rubric=rubric)


def _confederacy(rows: Sequence[Row], folder: Folder) -> RatedSet:
    items = [str(item) for item in folder.questions("confederacy")["criteria"]]
    names = [item.split(" (", 1)[0] for item in items]  # the ratings' own names are cut short
    rubric = _rubric({name: f"How good is the story in this: {item}?" for name, item in zip(names, items, strict=True)})
    named = [row | {"ratings": dict(zip(names, row["ratings"].values(), strict=True))} for row in rows]
    return _stories(named, folder, rubric=rubric)


def _ttcw(rows: Sequence[Row], folder: Folder) -> RatedSet:
    tests = {str(test["ttcw_idx"]): test for test in folder.rows("ttcw_tests.jsonl")}
    rubric = _rubric({test["category"]: test["question"] for test in tests.values()})
    told = [
        {"prompt": f"Write a short story from this plot: {row['plot']}", "story": row["story"]}
        | {"ratings": {tests[k]["category"]: votes for k, votes in row["expert_votes"].items()}}
        for row in rows
        if row["story"]
    ]
    return _stories(told, folder, rubric=rubric)


def _stories(rows: Sequence[Row], folder: Folder, rubric: Rubric) -> RatedSet:
    texts = [
        RatedText(
            Case(row["prompt"], row["story"].strip(), rubric),
            row["prompt"],
            {name: fmean(given) for name, given in row["ratings"].items()},
        )
        for row in folder.some(rows, "prompt")
    ]
    return RatedSet(texts=tuple(texts))


def _lamp(rows: Sequence[Row], folder: Folder) -> RatedSet:
    rubric, texts, pairs = Rubric(prompt_id=prompt_id(PARAGRAPH), criteria=(WELL_WRITTEN,)), [], []
    for row in folder.some(rows, "id"):
        if row["kind"] == "score":
            case = Case(PARAGRAPH, row["text"], rubric)
            texts.append(RatedText(case, row["id"], {WELL_WRITTEN.name: float(row["score"])}))
        else:
            better, worse = (row["a"], row["b"]) if row["preferred"] == "a" else (row["b"], row["a"])
            pairs.append(Preferred(Case(PARAGRAPH, better, rubric), Case(PARAGRAPH, worse, rubric), row["id"]))
    return RatedSet(tuple(texts), tuple(pairs))


def _wqrm(rows: Sequence[Row], folder: Folder) -> RatedSet:
    """Return a pair for each two versions that an expert ranked, one above the other."""
    rubric, pairs = Rubric(prompt_id=prompt_id(PARAGRAPH), criteria=(WELL_WRITTEN,)), []
    for row in folder.some(rows, "id"):
        request = str(row["instruction"]["plot"]).replace("_", " ")
        cases = {name: Case(request, version["text"], rubric) for name, version in row["versions"].items()}
        for ranks in row["expert_ranks"]:
            names = sorted(ranks, key=lambda name: int(ranks[name]))
            pairs += [
                Preferred(cases[a], cases[b], row["id"])
                for i, a in enumerate(names)
                for b in names[i + 1 :]
                if ranks[a] < ranks[b]
            ]
    return RatedSet(pairs=tuple(pairs))


SETS: dict[str, tuple[str, Make]] = {
    "wp_a": ("wp_a_teacher_ratings.jsonl", _wp_a),
    "hanna": ("hanna_scores.jsonl", _hanna),
    "ttcw": ("ttcw_stories.jsonl", _ttcw),
    "confederacy": ("confederacy_stories.jsonl", _confederacy),
    "lamp": ("lamp_test.jsonl", _lamp),
    "wqrm": ("wqrm_draft_vs_edit.jsonl", _wqrm),
}
"""Name -> its file, and what makes the set of its rows."""
