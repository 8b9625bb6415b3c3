"""What was measured of a judge, made up for tests of what is shown of it."""

from typing import Any

from writer_r1.ladders import STEPS
from writer_r1.prompts import prompt_hash
from writer_r1.qualification import ALL, Accuracy, Agreement, Ladder, Qualification

READERS = {
    "grammaticality": Agreement(rho=0.38, lo=0.21, hi=0.52, rho_given_length=0.37, texts=184),
    "cohesiveness": Agreement(rho=0.6, lo=0.47, hi=0.7, rho_given_length=0.6, texts=184),
    "likability": Agreement(rho=0.18, lo=-0.04, hi=0.38, rho_given_length=0.17, texts=184),
    "relevance": Agreement(rho=0.65, lo=0.53, hi=0.75, rho_given_length=0.64, texts=184),
    "mean_rho": 0.453,
    "mean_lo": 0.36,
    "mean_hi": 0.54,
}
HANNA = {"relevance": Agreement(rho=0.3, lo=0.1, hi=0.5, rho_given_length=0.2, texts=60), "mean_rho": 0.28}
TRICKS = ("rare_words", "shuffled_words", "pasted_poetry", "very_short", "very_long")


def qualification(**changes: Any) -> Qualification:
    """Return a middling judge, compared with readers."""
    rows = zip(STEPS, (0.81, 0.93, 0.97, 0.92, 0.95, 1.0, 0.79), strict=True)
    ladders = {name: Ladder(il=il, lo=il - 0.1, hi=min(1.0, il + 0.06), pl=il - 0.2, pairs=36) for name, il in rows}
    ladders[ALL] = Ladder(il=0.926, lo=0.88, hi=0.958, pl=0.72, pairs=176)
    tricks = {name: Accuracy(accuracy=0.9, lo=0.75, hi=1.0, pairs=12) for name in (*TRICKS, ALL)}
    made: dict[str, Any] = {
        "judge": "fake",
        "prompt_hash": prompt_hash("judge"),
        "trust": "some",
        "ladders": ladders,
        "adversarial": tricks,
        "sets": {"wp_a": READERS, "lamp": {"pairs": Accuracy(accuracy=0.71, lo=0.58, hi=0.83, pairs=46)}},
        "position_consistency": 0.86,
        "entropy": 4.1,
        "unscored": 0.0,
        "failing": ("lamp",),
        "left_out": {"hanna": "there is no hanna_scores.jsonl"},
        "originals": 12,
        "seed": 0,
        "texts": 430,
        "seconds": 1290.0,
        "measured": "2025-11-03",
    }
    return Qualification(**(made | changes))
