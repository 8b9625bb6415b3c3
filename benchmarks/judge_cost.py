"""What judging a draft costs a writer: checks alone, scores, their ranges, and reasons; medians of several drafts.

    python benchmarks/judge_cost.py [MODEL]

Drafts are our own pieces brought to some 300 words, each judged by eight criteria as the studio judges; the model is
warm, and nothing of a draft is known when its clock starts. To be run while nothing else is.
"""

import json
import sys
import time
from statistics import median

from writer_r1 import embedding
from writer_r1.bench import NAMES
from writer_r1.checks import evidence
from writer_r1.checks.addressed import unaddressed
from writer_r1.checks.text import sentences, word_count
from writer_r1.events import Scored
from writer_r1.judge import QUESTIONS, Judge, evaluate, verdicts
from writer_r1.ladders import originals
from writer_r1.llm import Message, Request, Sampling, complete, never
from writer_r1.trajectory import Criterion, Rubric
from writer_r1.workspace import Workspace

WORDS, DRAFTS = 306, 5
CRITERIA = tuple(Criterion(name=n, description=f"The text shows {n.lower()} throughout.") for n in NAMES)


def drafts() -> list[tuple[str, str]]:
    """Return requests and drafts of about `WORDS` words: a piece of ours, and sentences of the next to fill it up."""
    pieces = originals()
    found = []
    for piece, other in zip(pieces, pieces[1:], strict=False):
        whole = f"{piece.text}\n\n{other.text}"
        end = next((end for _, end in sentences(whole) if word_count(whole[:end]) >= WORDS), len(whole))
        found.append((piece.request, whole[:end]))
    return found[:DRAFTS]


def costs(request: str, draft: str, judge: Judge) -> dict[str, float]:
    """Return the seconds from the start of judging until each is there."""
    assert judge.readers is not None
    found = {"words": float(word_count(draft))}

    def begun() -> float:
        embedding._cache.clear()
        complete(judge.llm, Request((Message("user", "x"),)), Sampling(max_tokens=1))  # nothing of the draft is held
        return time.perf_counter()

    began = begun()
    evidence(draft, request, judge.readers.embed)
    found["checks"] = time.perf_counter() - began
    began = begun()
    opinion = judge.readers.opinion(unaddressed(draft), request, judge.llm, never)
    verdicts(request, draft, CRITERIA, opinion, judge, QUESTIONS[:1])
    found["scores"] = time.perf_counter() - began
    began, scored = begun(), 0
    for event in evaluate(1, request, draft, Rubric(prompt_id="", criteria=CRITERIA), judge):
        scored += isinstance(event, Scored)
        if scored == len(CRITERIA):
            found.setdefault("with ranges", time.perf_counter() - began)
    found["with reasons"] = time.perf_counter() - began
    return found


def main() -> None:
    """Print each draft's seconds and their medians."""
    workspace = Workspace()
    name = sys.argv[1] if len(sys.argv) > 1 else "standard"
    with workspace.judging(name, never) as judge:
        (request, warm), *others = drafts()
        costs(request, warm, judge)  # so that what is first is not counted
        rows = [costs(*other, judge) for other in others]
    for row in rows:
        print("  ".join(f"{key} {value:.2f}" for key, value in row.items()))
    print("RESULT " + json.dumps({key: round(median(row[key] for row in rows), 2) for key in rows[0]}))
    workspace.close()


if __name__ == "__main__":
    main()
