"""A piece's versions -> the board that lists them as a tree, newest first, one of them open to be read. Pure HTML.

What leads to what stands in the manuscript is the trunk; a version that was left for another stands indented, and says
so in words. Words put in and taken out are counted without their places, which is quick for a page of long texts.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from html import escape
from typing import NamedTuple

from writer_r1.checks import word_count
from writer_r1.checks.text import words
from writer_r1.store import Step, Version
from writer_r1.ui.prose import differing, plural, prose

AT_ONCE = 40  # versions listed before “Show older ones”
DEEPEST = 4  # a branch of a branch of a branch is no longer indented further
CALLED = {"": "Saved while you wrote", "begun": "Begun", "kept by hand": "Kept by you"}
BACK = {"restored": "Restored from", "undone": "Undone, back to"}
HEAD = '<summary><h2>Versions</h2></summary><div class="tree">'
NAMING = """<template data-dialog="name-version"><form method="dialog" data-act="name"><h2>Name this version</h2>
<label>Name <input name="name" maxlength="120" autofocus></label>
<footer><button type="button" data-close>Cancel</button><button class="main">Keep the name</button></footer>
</form></template>"""


class Tree(NamedTuple):
    """What the board shows: every step of a piece, newest first, the texts of those listed, and the version read."""

    steps: Sequence[Step] = ()
    texts: Mapping[int, str] = {}
    shown: int = AT_ONCE
    read: Version | None = None
    brief: str = ""
    piece: str = ""


def version_board(tree: Tree | None) -> str:
    """Return the versions of a piece; without a tree only the line that opens them."""
    if tree is None:
        return f'<details class="versions" data-key="versions">{HEAD}</div></details>'
    if not tree.steps:
        body = '<p class="quiet">No version yet: there is one as soon as you write something.</p>'
    else:
        lanes, called = lanes_of(tree.steps), names_of(tree.steps)
        rows = "".join(row(tree, step, lanes[step.revision], called) for step in tree.steps[: tree.shown])
        body = f'{about(tree)}<ol aria-label="Versions, newest first">{rows}</ol>{older(tree)}'
    return f'<details class="versions" data-key="versions" open>{HEAD}{body}</div>{NAMING}</details>'


def listed(steps: Sequence[Step], shown: int) -> list[int]:
    """Return the revisions whose texts a list of so many needs: theirs, and those that they were made of."""
    rows = steps[:shown]
    return [s.revision for s in [*steps[:1], *rows]] + [s.parent for s in rows if s.parent is not None]


def about(tree: Tree) -> str:
    """Return how many versions there are, and that none is ever lost."""
    said = f"{plural(len(tree.steps), 'version')}. Restoring one begins a branch; nothing after it is lost."
    return f'<p class="quiet">{said}</p>'


def older(tree: Tree) -> str:
    """Return the button for more versions, where there are more."""
    left = len(tree.steps) - tree.shown
    if left <= 0:
        return ""
    more = f'data-act="list" data-shown="{tree.shown + AT_ONCE}"'
    return f'<p><button type="button" class="more" {more}>Show older ones ({left:,} more)</button></p>'


def lanes_of(steps: Sequence[Step]) -> dict[int, int]:
    """Return how far each version stands from the trunk: 0 on it, 1 on a branch, 2 on a branch of that."""
    parents = {s.revision: s.parent for s in steps}
    trunk, at = set[int](), steps[0].revision if steps else None
    while at is not None and at not in trunk:
        trunk.add(at)
        at = parents.get(at)
    going_on = {s.parent: s.revision for s in reversed(steps)}  # of each, the newest made of it
    lanes: dict[int, int] = {}
    for step in reversed(steps):
        below = lanes.get(step.parent, 0) if step.parent is not None else 0
        branches = step.parent in trunk or going_on.get(step.parent) != step.revision
        lanes[step.revision] = 0 if step.revision in trunk else min(below + branches, DEEPEST)
    return lanes


def names_of(steps: Sequence[Step]) -> dict[int, str]:
    """Return what each version is called by those made of it: one brought back by what was brought back."""
    found: dict[int, str] = {}
    for step in reversed(steps):
        here = f"“{step.name}”" if step.name else label(step)
        named = f"{here}, {moment(step.created)}"
        back = step.why in BACK and not step.name
        found[step.revision] = found.get(step.parent or 0, named) if back else named
    return found


def row(tree: Tree, step: Step, lane: int, called: Mapping[int, str]) -> str:
    """Return one version: what it is, when, how long, what changed in it; and its words where it is read."""
    text, before = tree.texts.get(step.revision, ""), tree.texts.get(step.parent or 0)
    now, read = step is tree.steps[0], tree.read is not None and tree.read.revision == step.revision
    marks = '<span class="badge now">stands here now</span>' if now else ""
    marks += '<span class="badge">on a branch you left</span>' if lane else ""
    origin = called.get(step.parent or 0, "")
    source = f' <span class="from">{escape(origin)}</span>' if step.why in BACK and origin else ""
    named = f'<span class="name" dir="auto">“{escape(step.name)}”</span> ' if step.name else ""
    size = plural(word_count(text), "word") + (f" · {moved(before, text)}" if before is not None else "")
    look = f'data-act="look" data-revision="{"" if read else step.revision}" data-shown="{tree.shown}"'
    head = (
        f'<button type="button" class="step" {look} aria-expanded="{str(read).lower()}">'
        f'<span class="what">{named}{escape(label(step))}{source}</span>{marks}'
        f'<span class="facts">{moment(step.created)} · {size}</span></button>'
    )
    body = reading(tree, tree.read, now) if tree.read is not None and read else ""
    kind = "step-row now" if now else "step-row aside" if lane else "step-row"
    return f'<li class="{kind}" style="--lane:{lane}" data-revision="{step.revision}">{head}{body}</li>'


def reading(tree: Tree, version: Version, now: bool) -> str:
    """Return the words of a version, what restoring it would change, and what can be done with it."""
    standing = tree.texts.get(tree.steps[0].revision, "")
    whole = prose(version.text) or '<p class="quiet">Empty.</p>'
    box = '<div class="text" tabindex="0" role="group" aria-label="{}">{}</div>'
    rest = f'data-revision="{version.revision}" data-shown="{tree.shown}" data-piece="{escape(tree.piece)}"'
    filled = {"revision": version.revision, "name": version.name, "shown": tree.shown, "piece": tree.piece}
    fill = escape(json.dumps(filled))
    acts = f'<button type="button" data-act="copy" {rest}>Copy to a new piece</button>'
    acts += f'<button type="button" data-dialog="name-version" data-fill="{fill}">Name it</button>'
    if now:
        body = '<p class="quiet">This is what stands in your manuscript.</p>' + box.format("This version", whole)
        return f'<div class="read">{body}<p class="acts">{acts}</p></div>'
    acts = f'<button type="button" class="main" data-act="restore" {rest}>Restore this</button>{acts}'
    changed = differing(standing, version.text, ("Your manuscript now", "This version"))
    body = '<p class="quiet">What restoring it would take out of your manuscript, and put in:</p>'
    body += box.format("What restoring would change", changed)
    if version.brief != tree.brief:
        then = escape(version.brief) or '<span class="quiet">empty</span>'
        body += f'<p class="then">The brief then, which comes back with it: <span dir="auto">{then}</span></p>'
    key = f"whole-{version.revision}"
    body += comparing(tree, version)
    body += f'<details data-key="{key}"><summary>Read it whole</summary>{box.format("This version", whole)}</details>'
    return f'<div class="read">{body}<p class="acts">{acts}</p></div>'


def comparing(tree: Tree, version: Version) -> str:
    """Return the choice of what the changes to this version are reviewed against: the manuscript, or a version."""
    others = [s for s in tree.steps[1 : tree.shown] if s.revision != version.revision]
    options = '<option value="0">your manuscript</option>' + "".join(
        f'<option value="{s.revision}">{escape(f"“{s.name}”" if s.name else label(s))}, {moment(s.created)}</option>'
        for s in others
    )
    return (
        f'<p class="compare-with"><label>Changes since <select>{options}</select></label>'
        f'<button type="button" data-review="{version.revision}">Review the changes to this one</button></p>'
    )


def label(step: Step) -> str:
    """Return why a version is there, in words."""
    why = CALLED.get(step.why) or BACK.get(step.why) or step.why
    return why[0].upper() + why[1:]


@lru_cache(maxsize=2 * AT_ONCE)  # of a long piece each holds two whole texts
def moved(old: str, new: str) -> str:
    """Return how many words were put in and how many taken out."""
    before, after = Counter(words(old)), Counter(words(new))
    counts = (("put in", (after - before).total()), ("taken out", (before - after).total()))
    return ", ".join(f"{count:,} {what}" for what, count in counts if count) or "no word changed"


def moment(seconds: float) -> str:
    """Return a time to the minute, as a reader says it."""
    at, now = datetime.fromtimestamp(seconds), datetime.now()
    if at.date() == now.date():
        return f"today {at:%H:%M}"
    return f"{at.day} {at:%B}{'' if at.year == now.year else f' {at.year}'}, {at:%H:%M}"
