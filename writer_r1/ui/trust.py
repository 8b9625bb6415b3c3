"""What was measured of a judge -> the word for it, what the word means, and a line about the model. Pure."""

from datetime import date
from typing import Literal

from writer_r1.qualification import ALL, Qualification, of_100

Trust = Literal["high", "some", "low", "none", "unmeasured"]

LABEL: dict[Trust, str] = {
    "high": "high trust",
    "some": "some trust",
    "low": "low trust",
    "none": "no trust",
    "unmeasured": "not measured yet",
}
MEANING: dict[Trust, str] = {
    "high": "The judge agrees with readers nearly as well as readers agree with each other, and sees what is broken.",
    "some": "The judge sees at least nine in ten faults put into a text; readers may still see it otherwise.",
    "low": "The judge sees the plainest faults and little more; a difference of a point or two says nothing.",
    "none": "The judge tells spoiled texts from sound ones hardly better than chance; do not go by its scores.",
    "unmeasured": "Nobody has measured how far this judge can be trusted; Models has a test for it.",
}


def known(found: Qualification | None) -> str:
    """Return what is known of a model as a judge, in a line."""
    if found is None:
        return "As a judge: not measured"
    order = found.ladders[ALL].il
    ordered = "orders no texts" if order is None else f"orders spoiled texts {of_100(order)} of 100"
    return f"As a judge: {LABEL[found.trust]} · {ordered} · measured {day(found.measured)}"


def day(iso: str) -> str:
    """Return a day as people write it, with the year where it is another."""
    try:
        moment = date.fromisoformat(iso)
    except ValueError:
        return "on a day unknown"
    year = "" if moment.year == date.today().year else f" {moment.year}"
    return f"{moment.day} {moment:%b}{year}"
