"""View, rubric -> HTML of the criteria: found live, then each with its weight, its score and where it came from. Pure.

Buttons say what they ask for in `data-act` and `data-dialog` (see `board.js`); `criteria_board.js` adds keys, dragging
and that the keyboard's place outlives an update.
"""

from collections.abc import Mapping
from html import escape
from typing import NamedTuple

from writer_r1.rubric_edits import Deleted
from writer_r1.trajectory import Attempt, Criterion, Rubric, Trajectory
from writer_r1.ui.criteria_dialogs import (
    Stock,
    button,
    dialogs,
    dismissals,
    offers,
    opening,
    readmitting,
    voice_opening,
)
from writer_r1.ui.criteria_found import found, from_codes, lessons
from writer_r1.ui.evidence import noted
from writer_r1.ui.own_scores import choice, yours
from writer_r1.ui.scores import bar, because, change, details, guide, overall, score_of, ten
from writer_r1.ui.view import View, judged, own_of, shown, title

ORIGIN = {
    "rule": "Read in your request",
    "open": "Found by the model",
    "axial": "Found by the model",
    "selective": "Worded by the model",
    "general": "True of most good writing",
    "user": "Yours",
}
WEIGHTS = (0.5, 1.0, 2.0, 3.0)
CLOSED = "You can change these when this session ends; press Stop to change them now."
DISMISS = '<span class="long">Not for this piece</span><span class="short">Not here</span>'
EMPTY = "Criteria appear when you start; or add your own."
BROKEN = "Stopped before the criteria were ready; “Find now” begins again, or add your own."
PADLOCK = (
    '<svg class="padlock" viewBox="0 0 16 16" aria-hidden="true"><path class="{}" d="{}"/>'
    '<rect x="3" y="7" width="10" height="7" rx="1.5"/></svg>'
)
SHUT = PADLOCK.format("shackle", "M5 7V5a3 3 0 0 1 6 0v2")
OPEN = PADLOCK.format("shackle", "M5 7V4.5a3 3 0 0 1 5.8-1")
GRIP = '<span class="grip" title="Drag to move" aria-hidden="true"><i></i></span>'


class Standing(NamedTuple):
    """What the rows are shown with: the text they are judged on, whether that goes on, whether they may be changed."""

    now: Trajectory | None
    attempt: Attempt | None
    judging: bool
    busy: bool
    own: Mapping[str, int] = {}  # what the writer gave that text


NOTHING = Stock()


def criteria_board(
    view: View | None,
    *,
    rubric: Rubric | None,
    busy: bool,
    stock: Stock = NOTHING,
    deleted: Deleted | None = None,
) -> str:
    """Return the board; `rubric` is the piece's own, `stock` the library's, `deleted` can be put back."""
    current = ((view.now.rubric if view else None) or rubric) if busy else rubric  # a run being written has the newest
    unfinished = view is not None and view.now.rubric is None and (busy or bool(view.now.codes and current is None))
    stock = NOTHING if busy else stock
    parts = [
        _head(current, busy),
        f'<p class="closed" id="criteria-closed">{CLOSED}</p>' if busy and current else "",
        offers(stock.suggestions, current),
        "" if busy or deleted is None else _undo(deleted),
        _in_making(view, current, busy) if view and unfinished else _settled(view, current, busy),
        dismissals(stock.dismissed),
        lessons(view.now) if view else "",
        dialogs(current, stock.saved),
    ]
    return f'<section class="criteria" aria-label="Criteria">{"".join(parts)}</section>'


def _head(current: Rubric | None, busy: bool) -> str:
    count = f' <span class="quiet">{len(current.criteria)}</span>' if current else ""
    find = "Find anew" if current else "Find now"
    tools = [
        button("Add your own", 'data-dialog="add"', key="add", off=busy),
        button("Your voice…", voice_opening(current), key="voice", off=busy, tip=_VOICE),
        button(find, 'data-act="find"', key="find", off=busy, tip=_FIND),
        button("Save…", 'data-dialog="save"', key="save", off=current is None, tip=_SAVE),
        button("Use saved…", 'data-dialog="library"', key="library", off=busy, tip="Criteria you saved before"),
    ]
    return f'<header><h2>Criteria{count}</h2><div class="tools">{"".join(tools)}</div></header>'


_FIND = "The model reads your request again. Your own and the locked criteria stay."
_VOICE = "Have drafts follow the manner of a page you wrote"
_SAVE = "Keep these criteria for other pieces"


def _undo(deleted: Deleted) -> str:
    undo = button("Undo", readmitting(deleted.criterion, deleted.at), key="undelete")
    become = "is taken out and will not be proposed again" if deleted.dismissed else "is deleted"
    return f'<p class="offer"><span dir="auto">‘{escape(deleted.criterion.name)}’ {become}.</span> {undo}</p>'


def _in_making(view: View, current: Rubric | None, busy: bool) -> str:
    """Return what has been found so far: what stays, codes and categories, then criteria as they are worded."""
    stays = [c for c in current.criteria if c.locked or c.source.stage == "user"] if current else []
    if current and not (view.now.codes or view.proposed):
        stays = list(current.criteria)  # the model is not reading yet, and may be given these as they are
    standing = Standing(view.now, None, judging=False, busy=True)
    rows = "".join(_row(c, i, len(stays), standing) for i, c in enumerate(stays))
    coded = found(view.now)
    ghosts = "".join(
        f'<li class="criterion ghost"><div class="wording"><b class="name" dir="auto">{escape(p.name)}</b>'
        f'<p dir="auto">{escape(p.description)}</p></div></li>'
        for p in view.proposed
    )
    if busy:
        words = "Wording the next one …" if ghosts else "Looking for what this piece needs …" if coded else ""
        wait = f"<p>{words or 'Reading the request …'}</p>"
        ghosts += f'<li class="criterion skeleton">{wait}<i></i><i></i></li>'
    broken = "" if busy else f'<p class="none quiet">{BROKEN}</p>'
    return f'{coded}<ol class="list" role="list">{rows}{ghosts}</ol>{broken}'


def _settled(view: View | None, current: Rubric | None, busy: bool) -> str:
    """Return the criteria with their scores for the text that is shown, or the invitation to have some."""
    if current is None:
        return f'<p class="none quiet">{EMPTY}</p>'
    attempt = _judged(view) if view else None
    settled = attempt is not None and attempt.evaluation is not None and attempt.evaluation.rubric_id == current.id
    judging = attempt is not None and not settled and view is not None and not judged(view)
    standing = Standing(view.now if view else None, attempt, judging, busy, own_of(view, attempt))
    rows = "".join(_row(c, i, len(current.criteria), standing) for i, c in enumerate(current.criteria))
    return f'{_mean(attempt, settled, judging)}<ol class="list" role="list">{rows}</ol>{_how(view)}'


def _judged(view: View) -> Attempt | None:
    """Return the attempt whose scores are shown: that of the manuscript, or what the one being written is made of."""
    attempt = shown(view)
    if attempt is None or attempt.complete:
        return attempt
    return view.now.attempt(attempt.parent) if attempt.parent is not None else None


def _mean(attempt: Attempt | None, settled: bool, judging: bool) -> str:
    if attempt is None:
        return ""
    given = attempt.evaluation
    if settled:
        said = overall(attempt) + noted(attempt)
    else:
        parts = [f"Being judged{' again' if given else ''} …"] if judging else []
        parts += [guide(given.judge if given else None)] if attempt.scores else []
        said = f'<p class="overall{" pending" if judging else ""}">{" · ".join(parts)}</p>' if parts else ""
    return f'<div class="mean-of"><span class="quiet">{title(attempt)}</span>{said}</div>'


def _row(criterion: Criterion, at: int, count: int, standing: Standing) -> str:
    """Return one criterion with all that can be done to it."""
    score = score_of(standing.attempt, criterion)
    lock = ", locked" if criterion.locked else ""
    said = f"{criterion.name}, weight {criterion.weight:g}, {_in_words(criterion, standing)}{lock}"
    attributes = (
        f'class="criterion{" locked" if criterion.locked else ""}" role="listitem" tabindex="0" '
        f'data-id="{criterion.id}" data-key="row:{criterion.id}" aria-label="{escape(said)}" '
        'aria-keyshortcuts="L Alt+ArrowUp Alt+ArrowDown Delete Enter"'
    )
    wording = (
        f'<div class="wording"><b class="name" dir="auto">{escape(criterion.name)}</b>'
        f'<div class="hold">{_lock(criterion, standing.busy)}{_weight(criterion, standing.busy)}</div>'
        f'<p dir="auto">{escape(criterion.description)}</p></div>'
    )
    foot = (
        f'<div class="foot">{because(criterion, score, _choice(criterion, standing))}{_origin(criterion, standing.now)}'
        f"{_tools(criterion, at, count, standing.busy)}</div>"
    )
    grip = "" if standing.busy or count < 2 else GRIP
    return f"<li {attributes}>{grip}{wording}{_measure(criterion, standing)}{foot}</li>"


def _in_words(criterion: Criterion, standing: Standing) -> str:
    score, own = score_of(standing.attempt, criterion), standing.own.get(criterion.id)
    mine = "" if own is None else f", yours {own}"
    if score is None:
        return ("being judged" if standing.judging else "not judged yet") + mine
    return (f"{ten(score.value)} of 10" if score.value is not None else "not scored") + mine


def _choice(criterion: Criterion, standing: Standing) -> str:
    """Return the choice of a score of one's own for the text that is shown, where it is judged by this criterion."""
    now, text = standing.now, standing.attempt
    judged = [c.id for c in now.rubric.criteria] if now and now.rubric else []
    if now is None or text is None or not text.complete or criterion.id not in judged:
        return ""
    return choice(now.id, text, criterion, standing.own.get(criterion.id), closed=_closed(standing.busy))


def _measure(criterion: Criterion, standing: Standing) -> str:
    """Return the score with its change since the text it was made of; grey while it is being made."""
    attempt, own = standing.attempt, standing.own.get(criterion.id)
    if attempt is None:
        return ""
    score = score_of(attempt, criterion)
    if score is not None:
        before = standing.now.attempt(attempt.parent) if standing.now and attempt.parent is not None else None
        since = change(score_of(before, criterion), score) if before else ""
        return f'<div class="measure">{bar(criterion, score, own=own)}{since}{yours(own)}</div>'
    words = "not judged yet"
    if standing.judging:
        words = "being judged again" if attempt.evaluation else "being judged"
    where = f'<span class="where">{words}</span>{yours(own)}'
    return f'<div class="measure pending"><span class="track"></span>{where}</div>'


def _lock(criterion: Criterion, off: bool) -> str:
    pressed = "true" if criterion.locked else "false"
    wish = (
        f'data-act="lock" data-id="{criterion.id}" aria-pressed="{pressed}" aria-label="Lock {escape(criterion.name)}"'
    )
    label = f"{SHUT if criterion.locked else OPEN}<span>Lock</span>"
    return button(label, wish, key=f"lock:{criterion.id}", off=off, tip=_LOCK)


_LOCK = "Stays as it is when criteria are found anew, and no round may do worse on it"


def _weight(criterion: Criterion, off: bool) -> str:
    weights = sorted({*WEIGHTS, criterion.weight})
    options = "".join(
        f'<option value="{w!r}"{" selected" if w == criterion.weight else ""}>×{w:g}</option>' for w in weights
    )
    return (
        f'<select data-act="weight" data-id="{criterion.id}" data-key="weight:{criterion.id}" name="value" '
        f'aria-label="Weight of {escape(criterion.name)}" title="How much it counts"{_closed(off)}>{options}</select>'
    )


def _closed(off: bool) -> str:
    return ' disabled aria-describedby="criteria-closed"' if off else ""


def _origin(criterion: Criterion, now: Trajectory | None) -> str:
    """Return where a criterion came from; it opens where there is more to say."""
    said = "Measured, not judged" if criterion.kind == "measured" else ORIGIN[criterion.source.stage]
    more = from_codes(criterion, now)
    if not more:
        return f'<p class="where origin">{said}</p>'
    return details(f"from-{criterion.id}", said, more)


def _tools(criterion: Criterion, at: int, count: int, off: bool) -> str:
    """Return what can be done to a criterion besides weighing and locking it."""
    name, id_ = escape(criterion.name), criterion.id
    fill = {"id": id_, "name": criterion.name, "description": criterion.description}

    def tool(label: str, kind: str, said: str, wish: str, idle: bool = False) -> str:
        wish = f'{wish} data-id="{id_}" aria-label="{said} {name}"'
        return button(label, wish, key=f"{kind}:{id_}", off=off or idle, tip=said)

    wording = f'{opening("edit", fill)} aria-label="Edit {name}"'
    edit = button("Edit", wording, key=f"edit:{id_}", off=off) if criterion.kind == "judged" else ""
    up = tool("↑", "up", "Move up", f'data-act="move" data-to="{at - 1}"', idle=at == 0)
    down = tool("↓", "down", "Move down", f'data-act="move" data-to="{at + 1}"', idle=at == count - 1)
    delete = tool("Delete", "delete", "Delete", 'data-act="delete"')
    if criterion.source.stage != "user":  # only deleted, it would come back when criteria are found anew
        dismissing = f'data-act="dismiss" data-id="{id_}" aria-label="Not for this piece: {name}"'
        delete = button(DISMISS, dismissing, key=f"delete:{id_}", off=off, tip=_DISMISS)
    return f'<div class="tools">{edit}{up}{down}{delete}</div>'


_DISMISS = "Not for this piece: taken out, and not proposed again"


def _how(view: View | None) -> str:
    """Return how the criteria were found and what the reviewer left out, folded away."""
    if view is None:
        return ""
    dropped = "".join(f'<li dir="auto">{escape(d)}</li>' for d in view.dropped)
    refused = f'<h3>Left out by the reviewer</h3><ul class="plain">{dropped}</ul>' if dropped else ""
    coded = found(view.now)
    return details("how", "How these were found", coded + refused) if coded or refused else ""
