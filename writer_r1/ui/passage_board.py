"""A passage's other texts, as far as they are written and judged -> HTML, part by part. Pure; knows no gradio.

Each part is drawn from what it shows and nothing else, so the page's script replaces only what changed.
"""

from collections.abc import Sequence
from html import escape
from typing import NamedTuple

from writer_r1.alternatives import usable, whole
from writer_r1.checks import sentences_around, word_count
from writer_r1.events import Chosen, Event, Marked
from writer_r1.folding import fold
from writer_r1.passage import Passage, one_line_end
from writer_r1.store import Protected
from writer_r1.trajectory import Attempt, Trajectory
from writer_r1.ui.prose import FAULTS, plural, prose
from writer_r1.ui.scores import bar, change, guide, score_of, ten

SHORT = 48  # characters of a passage in a heading
STAYS = "Your manuscript stays as it is until you choose one."
NO_CRITERIA = "This piece has no criteria yet, so nothing is scored; press Start or “Judge my text” to find some."
WITH_AROUND = "Scored with the sentences around it; criteria of the whole piece (length, ending) are left out."
PART = "A small model finds better words for whole sentences than for a part of one."
INTERRUPTED = "Interrupted when the studio was closed; what was written by then is here."


class Shown(NamedTuple):
    """A run about a passage, as far as its events tell it."""

    run: str
    now: Trajectory
    marked: Marked | None
    chosen: bool
    busy: bool
    dead: bool = False  # its process went before it ended


def shown_of(run_id: str, prompt: str, state: str, events: Sequence[Event]) -> Shown:
    """Return what a page shows of a run about a passage."""
    marked = next((e for e in events if isinstance(e, Marked)), None)
    chosen = any(isinstance(e, Chosen) for e in events)
    now = fold(events, Trajectory(id=run_id, prompt=prompt))
    return Shown(run_id, now, marked, chosen, state == "running", state == "interrupted")


def parts(shown: Shown) -> dict[str, str]:
    """Return the board's parts by their names: its head, then each text."""
    found = {"head": head(shown)}
    marked = shown.marked
    if marked is None:
        return found
    found["1"] = card(shown, marked, 1, "As it stands")
    for number, way in enumerate(marked.ways, 2):
        found[str(number)] = card(shown, marked, number, way)
    return found


def head(shown: Shown) -> str:
    """Return what the board is about, how far it is, and the way out."""
    marked = shown.marked
    title = "Other ways to say it"
    if marked and not marked.passage.text:
        title = f"Ways on, {marked.direction}" if marked.direction else "Ways on from here"
    elif marked:
        title = f"Other ways to say “{short(marked.passage.text)}”"
    stop = '<button type="button" data-do="stop" title="Esc">Stop</button>' if shown.busy else ""
    none = '<button type="button" data-do="none">None of these</button>'
    return (
        f'<header><h2 id="passage-title" tabindex="-1" dir="auto">{escape(title)}</h2>{stop}{none}</header>'
        f'<p class="state{" busy" if shown.busy else ""}"><i class="dot"></i>{escape(standing(shown))}</p>'
        f'<p class="quiet">{escape(" ".join(notes(shown)))}</p>{trouble(shown)}'
    )


def standing(shown: Shown) -> str:
    """Return what the run is busy with, or how it ended."""
    now = shown.now
    if shown.busy:
        words = now.status or "starting"
        return words[0].upper() + words[1:]
    if now.error:
        return "Failed; what was written by then is kept"
    if shown.dead:
        return INTERRUPTED
    return "Stopped by you; what was written by then is here" if now.stopped else "Ready to choose from"


def notes(shown: Shown) -> list[str]:
    """Return what is to be known of the texts and their scores."""
    found = [STAYS]
    if shown.marked and shown.now.rubric is None:
        found.append(NO_CRITERIA)
    elif shown.marked and not whole(shown.marked.passage):
        found.append(WITH_AROUND)
    if shown.marked and any(word_count(words) for words in around(shown.marked.passage)) and shown.marked.passage.text:
        found.append(PART)
    return found


def trouble(shown: Shown) -> str:
    """Return why it failed, if it did."""
    return f'<p class="refusal" role="alert">{escape(shown.now.error)}</p>' if shown.now.error else ""


def card(shown: Shown, marked: Marked, number: int, way: str) -> str:
    """Return one text, what stands being the first, with its scores and the button that puts it in place."""
    attempt = shown.now.attempt(number)
    mean = attempt.evaluation.reward if attempt and attempt.evaluation else None
    said = f"{way}, {ten(mean)} of 10" if mean is not None else way
    spoken = f'role="listitem" tabindex="0" aria-label="{escape(said)}"'
    kind = " stands" if number == 1 else ""
    return (
        f'<article class="other{kind}" data-n="{number}" {spoken}><header><h3>{escape(way)}</h3>'
        f"{count(attempt)}</header>{words(marked.passage, attempt, number)}{faults(attempt)}"
        f"{scores(shown, attempt, number)}{use(shown, attempt, number)}</article>"
    )


def count(attempt: Attempt | None) -> str:
    """Return how many words a text has."""
    number = word_count(attempt.text) if attempt else 0
    return f'<span class="quiet">{plural(number, "word")}</span>' if number else ""


def words(passage: Passage, attempt: Attempt | None, number: int) -> str:
    """Return a text inside the sentences that it would stand in, what stays pale."""
    if attempt is None or (not attempt.text.strip() and number > 1):
        return '<div class="text"><p class="quiet">…</p></div>'
    before, after = around(passage)
    if not passage.text:
        onward = prose(attempt.text) if number > 1 else ""
        return f'<div class="text"><p class="pale" dir="auto">… {escape(before.strip())}</p>{onward}</div>'
    inside = f'<span class="pale">{escape(before)}</span><b>{escape(attempt.text)}</b>'
    return f'<div class="text"><p dir="auto">{inside}<span class="pale">{escape(after)}</span></p></div>'


def around(passage: Passage) -> tuple[str, str]:
    """Return what of its sentences stands before and after the passage; before a caret the last sentence."""
    all_ = one_line_end(passage.before + passage.text + passage.after)
    start = len(one_line_end(passage.before))
    end = start + len(one_line_end(passage.text))
    if not passage.text:
        last = all_[:start].rstrip()
        return last[sentences_around(last, max(0, len(last) - 1), len(last))[0] :], ""
    first, last_ = sentences_around(all_, start, end)
    return all_[first:start], all_[end:last_]


def faults(attempt: Attempt | None) -> str:
    """Return why a text cannot be chosen."""
    if attempt is None or attempt.by == "user" or not attempt.faults or not attempt.complete:
        return ""
    why = ", ".join(FAULTS[fault] for fault in attempt.faults)
    return f'<p class="fault">Not to be used: {escape(why)}.</p>'


def scores(shown: Shown, attempt: Attempt | None, number: int) -> str:
    """Return a bar for each criterion, with the change from what stands; “=” where there is no clear difference."""
    rubric, first = shown.now.rubric, shown.now.attempt(1)
    if rubric is None or attempt is None or not attempt.scores:
        return ""
    rows = ""
    for criterion in rubric.criteria:
        score = score_of(attempt, criterion)
        since = change(score_of(first, criterion), score) if number > 1 else ""
        rows += f'<li class="line">{bar(criterion, score, label=True)}{since}</li>'
    given = attempt.evaluation
    mean = f'<p class="mean"><b>{ten(given.reward)}</b> of 10 overall · {guide(given.judge)}</p>' if given else ""
    return f'<ol class="rows">{rows}</ol>{mean}'


def use(shown: Shown, attempt: Attempt | None, number: int) -> str:
    """Return the button that puts a text into the manuscript, once it is whole."""
    if number == 1 or attempt is None or not attempt.complete or not usable(attempt):
        return ""
    words_ = "Put this one here" if shown.marked and not shown.marked.passage.text else "Use this one"
    return f'<p class="choose"><button type="button" class="main" data-do="use" data-n="{number}">{words_}</button></p>'


def short(text: str) -> str:
    """Return the beginning of a passage as one line."""
    line = " ".join(text.split())
    return line if len(line) <= SHORT else line[: SHORT - 1].rstrip() + "…"


def toolbar() -> str:
    """Return what can be done with what is marked in the manuscript, or from the caret on."""
    button = '<button type="button" data-do="{}" aria-keyshortcuts="{}" title="{} ({})" disabled>{}</button>'
    return (
        '<div class="marking" role="toolbar" aria-label="With the marked words">'
        + button.format("others", "Alt+W", "For the words you marked", "Alt+W", "Three other ways")
        + button.format("onward", "Alt+C", "From where the caret stands", "Alt+C", "Continue from here …")
        + button.format("protect", "Alt+P", "No round may change the words you marked", "Alt+P", "Protect")
        + '<form class="direction" hidden><label>In what direction? <span class="quiet">(may stay empty)</span>'
        '<input type="text" name="direction" maxlength="400" autocomplete="off" dir="auto"></label>'
        '<button type="submit" class="main">Go on</button><button type="button" data-do="cancel">Cancel</button></form>'
        '<p class="refusal" role="alert" hidden></p></div><div class="protections"></div>'
    )


def protections(rows: Sequence[tuple[Protected, bool]]) -> str:
    """Return the protected passages, each with whether it stands in the manuscript and a button to let it go."""
    if not rows:
        return ""
    items = ""
    for one, stands in rows:
        gone = "" if stands else ' <span class="gone">is not in your manuscript any more as it was protected</span>'
        name = escape(short(one.passage.text))
        items += (
            f'<li><span dir="auto">“{name}”</span>{gone} <button type="button" data-do="unprotect" '
            f'data-id="{escape(one.id)}" aria-label="Take the protection off “{name}”">Take off</button></li>'
        )
    head = plural(len(rows), "protected passage")
    return f'<details data-key="protections" open><summary>{head}</summary><ul class="plain">{items}</ul></details>'
