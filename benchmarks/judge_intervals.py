"""How far the standard judge agrees with readers, each figure with its interval, beside what it has to beat.

    writer-r1 bench criteria --data DATA --model standard --requests 20   (reads the texts and asks the verdicts; hours)
    python benchmarks/judge_intervals.py DATA

Of the 184 stories of WP-A: predictions by fits that saw no text of the request, as a whole, within one origin, and the
rivals that need no model. Of the stories whose verdicts `bench criteria` has kept, by the readers' own four questions:
the raw verdict, the fit, and the difference. 95 % bootstrap over requests.
"""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random

import numpy as np

from writer_r1 import places
from writer_r1.agreement import interval
from writer_r1.calibrate import Reader, as_texts, gather, read_at, unseen_ratings
from writer_r1.criteria_arms import READERS
from writer_r1.embedding import embed
from writer_r1.fitting import Rows, spearman
from writer_r1.lines import rows
from writer_r1.llm import never

MODEL, REQUESTS, SEED = "qwen2.5-coder-1.5b", 20, 0


def mean_rho(found: Rows, given: Rows) -> float:
    """Return the mean over the columns of two tables (texts, aspects)."""
    return float(np.mean([spearman(found[:, k], given[:, k]) for k in range(given.shape[1])]))


def show(name: str, measure: Callable[[Sequence[int]], float], groups: Sequence[str]) -> None:
    """Print a figure of the rows with its interval."""
    low, high = interval(measure, groups)
    print(f"{name:<34} {measure(range(len(groups))):5.2f} [{low:.2f}, {high:.2f}]")


def main(data: Path) -> None:
    """Print every figure."""
    found = gather(data, Reader(None, embed, read_at(MODEL, places.home())), lambda done, total: None, never)
    names, groups = list(found.ratings), [r.request for r in found.rated]
    said, origins = unseen_ratings(found), np.array([r.origin for r in found.rated])
    fitted = np.array([[said[r.request, r.text][name] for name in names] for r in found.rated])
    given = np.array([[r.ratings[name] for name in names] for r in found.rated])

    def within(at: Sequence[int]) -> float:
        rows_of = [np.asarray(at)[origins[np.asarray(at)] == origin] for origin in sorted(set(origins))]
        return float(np.mean([mean_rho(fitted[these], given[these]) for these in rows_of]))

    show("fitted", lambda at: mean_rho(fitted[at], given[at]), groups)
    show("fitted, within one origin", within, groups)
    for origin in sorted(set(origins)):
        mine = np.flatnonzero(origins == origin)
        own, rated = fitted[mine], given[mine]
        show(f"… {origin} only", lambda at, a=own, b=rated: mean_rho(a[at], b[at]), [groups[k] for k in mine])
    for name, rival in as_texts(found.rated, found.rows).rivals.items():
        same = np.repeat(np.asarray(rival)[:, None], len(names), axis=1)
        show(name, lambda at, same=same: mean_rho(same[at], given[at]), groups)

    chosen = Random(SEED).sample(list(dict.fromkeys(groups)), REQUESTS)
    mine = np.array([k for k, request in enumerate(groups) if request in chosen])
    kept = [row["value"] for row in rows(places.home() / "bench" / f"criteria.{MODEL}.jsonl")]
    answers = [one[READERS] for one in kept if isinstance(one, dict)]  # a line a story, in the order of the stories
    if len(answers) != len(mine):
        sys.exit(f"{len(answers)} of {len(mine)} stories have verdicts; run `writer-r1 bench criteria` first.")
    verdict = np.array([[value for value, _ in one] for one in answers])
    own, rated, few = fitted[mine], given[mine], [groups[k] for k in mine]
    show("the raw verdict", lambda at: mean_rho(verdict[at], rated[at]), few)
    show("fitted, the same stories", lambda at: mean_rho(own[at], rated[at]), few)
    show("fitted over the raw verdict", lambda at: mean_rho(own[at], rated[at]) - mean_rho(verdict[at], rated[at]), few)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
