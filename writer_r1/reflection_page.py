"""What the arms of a measurement come to -> the part of a page that tells it, so that no number in it is typed by hand.

It says first how many requests were run, by whom and out of how many, and which differences can be told from nothing.
"""

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from writer_r1.errors import WriterError
from writer_r1.qualification import listed
from writer_r1.reflection_arms import BEST_OF, PLAIN
from writer_r1.reflection_result import ENDS, OWN, SECOND, VERIFIED
from writer_r1.whole_file import write_whole

BEGIN, END = "<!-- results: begin -->", "<!-- results: end -->"
FEW = 20  # requests below which an interval over requests is not to be trusted
MOVED = 6  # requests with a difference below which a sign test finds nothing at 5 %, whichever way all of them go
ALT = {
    "reflection_rounds": "How many requests took how many rounds",
    "reflection_arms": "What MRPO gains over each arm, with intervals",
    "reflection_curve": "What can be verified after each round, by arm",
    "reflection_sweep": "What can be verified of MRPO's texts, by its target and most rounds",
}


def section(found: Mapping[str, Any], figures: Mapping[str, str]) -> str:
    """Return the results as Markdown; `figures` are the addresses of pictures by name."""
    names = [name for name in (*VERIFIED, OWN, SECOND) if any(name in row for row in found["arms"].values())]
    free = [arm for arm in (BEST_OF, PLAIN) if arm in found["arms"]]
    parts = [
        _state(found),
        "\n".join(_table("arm", names, _arms(found, names), ("tokens", "degraded"))),
        "Mean over requests with its 95 % bootstrap interval (10,000 draws); tokens after the draft; *degraded* is the "
        "share of requests whose accepted text meets fewer constraints or repeats more than its draft, which the "
        f"loop's rule hardly allows{f' (not that of {_named(free)})' if free else ''}; in brackets, of those whose "
        "last text does, taken or not.",
    ]
    if found["mrpo_over"]:
        parts += ["\n".join(_table("MRPO over", names, _gains(found, names))), _apart(found, names)]
    parts += [
        "What became of the texts that were written after the draft:",
        "\n".join(_table("arm", [*ENDS], _ends(found))),
    ]
    if BEST_OF in found["arms"]:
        parts.append(f"Of *{BEST_OF}* that of the higher reward is taken, whatever fell; the others are not better.")
    parts += [f"![{ALT[name]}]({at})" for name, at in figures.items()]
    return "\n\n".join(parts)


def put(path: Path, text: str, which: str = "") -> None:
    """Write the results into a page, between its two marks; `which` names those of other results.

    Raises:
        WriterError: it cannot be read or written, or the marks are not there.
    """
    before, after = marked(path, which)
    try:
        write_whole(path, f"{before}\n\n{text}\n\n{after}".encode())
    except OSError as error:
        raise _unwritable(path, error) from error


def marked(path: Path, which: str = "") -> tuple[str, str]:
    """Return a page up to its first mark and from its second on; `which` names those of other results.

    Raises:
        WriterError: it cannot be read, or the marks are not there.
    """
    begin, end = (mark.replace("results", f"results{which}") for mark in (BEGIN, END))
    try:
        before, found, rest = path.read_text("utf-8").partition(begin)
    except (OSError, UnicodeDecodeError) as error:
        raise _unwritable(path, error) from error
    _, ended, after = rest.partition(end)
    if not found or not ended:
        raise WriterError(f"The page {str(path)!r} has no lines {begin!r} and {end!r} for the results; add them.")
    return before + begin, end + after


def _unwritable(path: Path, error: Exception) -> WriterError:
    return WriterError(f"The page {str(path)!r} cannot be written ({error}); name another file.")


def beside(page: Path, folder: Path, names: Iterable[str], which: str = "") -> dict[str, str]:
    """Return the addresses of a folder's pictures as a page links to them."""
    at = os.path.relpath(folder.resolve(), page.resolve().parent)
    return {name: f"{Path(at).as_posix()}/{name}{which}.png" for name in names}


def _state(found: Mapping[str, Any]) -> str:
    who = f"{found['model']} writes, {found['judge']} judges in the loop"
    second = f"{found['second']} is the second judge" if found["second"] else "no second judge was asked"
    if found["second"] and not any(SECOND in row for row in found["arms"].values()):
        second += " and is asked at the end"
    rounds = f"MRPO has at most {found['rounds']} round{'s' * (found['rounds'] != 1)}, the others what it spent"
    said = (
        f"**{found['requests']} of {found['asked']} requests so far.** {who}, {second}; {rounds}, seed {found['seed']}."
    )
    if found["requests"] < FEW:
        said += (
            f" With fewer than {FEW} requests the numbers below show that the measurement works; they do not tell "
            "whether reflection helps."
        )
    return said


def _table(first: str, names: list[str], rows: Iterator[list[str]], more: tuple[str, ...] = ()) -> Iterator[str]:
    head = [first, *names, *more]
    yield f"| {' | '.join(head)} |"
    yield "|" + "---|" * len(head)
    for row in rows:
        yield f"| {' | '.join(row)} |"


def _arms(found: Mapping[str, Any], names: list[str]) -> Iterator[list[str]]:
    for arm, row in found["arms"].items():
        yield [arm, *(_cell(row[n], "mean") for n in names), f"{row['tokens']:.0f}", _degraded(row)]


def _degraded(row: Mapping[str, Any]) -> str:
    return f"{row['degraded']:.0%} ({row['degraded_last']:.0%})"


def _gains(found: Mapping[str, Any], names: list[str]) -> Iterator[list[str]]:
    for arm, row in found["mrpo_over"].items():
        yield [arm, *(_cell(row[name], "gain") for name in names)]


def _ends(found: Mapping[str, Any]) -> Iterator[list[str]]:
    for arm, row in found["arms"].items():
        if any(row["texts"].values()):  # the direct answer writes nothing after the draft
            yield [arm, *map(str, row["texts"].values())]


def _cell(row: Mapping[str, Any], key: str) -> str:
    if row[key] is None:
        return "–"
    mean, lo, hi = (_number(row[k], "+" if key == "gain" else "") for k in (key, "lo", "hi"))
    return f"{mean} [{lo}, {hi}]"


def _number(value: float, sign: str) -> str:
    """Return a number with two digits, or three where two would make 0 of what is none."""
    rounded = round(value, 3) or 0.0
    return f"{rounded:{sign}.{3 if 0 < abs(rounded) < 0.005 else 2}f}"


def _apart(found: Mapping[str, Any], names: list[str]) -> str:
    """Return in words which differences have an interval without 0 and rest on enough requests.

    The loop's own judge is left out: by its word a text was taken, so what it finds better says nothing new. Arms that
    came to the same, as where none of their texts was taken, are one.
    """
    if found["requests"] < FEW:
        return "Which of these differ from nothing is not said of so few requests."
    told = [name for name in names if name != OWN]
    same = dict[str, list[str]]()  # arms by what MRPO gains over them
    for arm, row in found["mrpo_over"].items():
        same.setdefault(json.dumps([row[name] for name in told]), []).append(arm)
    rows = [(arms, name, found["mrpo_over"][arms[0]][name]) for arms in same.values() for name in told]
    off = [(arms, name, c) for arms, name, c in rows if c["gain"] is not None and _without_0(c)]
    sure = [one for one in off if one[2]["moved"] >= MOVED]
    twice = " (arms that came to the same are one)" if len(same) < len(found["mrpo_over"]) else ""
    said = (
        f"Of these {len(rows)} differences{twice}, those by the loop's own judge apart, {len(off)} "
        f"{'has' if len(off) == 1 else 'have'} an interval without 0, which is not corrected for their number. "
    )
    if thin := [one for one in off if one[2]["moved"] < MOVED]:
        for arms, name, c in thin:
            said += f"That over {_named(arms)} in {name} ({_cell(c, 'gain')}) is made by {c['moved']} requests. "
        said += f"With fewer than {MOVED}, even if all go one way, it may be chance. "
    listed = [
        f"{'ahead of' if c['gain'] > 0 else 'behind'} {_named(arms)} in {name} ({_cell(c, 'gain')}, "
        f"of {c['moved']} requests)"
        for arms, name, c in sure
    ]
    return said + (f"MRPO is {'; '.join(listed)}." if listed else "No difference can be told from nothing.")


def _without_0(row: Mapping[str, Any]) -> bool:
    return bool(row["lo"] > 0 or row["hi"] < 0)


def _named(arms: Iterable[str]) -> str:
    return listed([f"*{arm}*" for arm in arms], "and")
