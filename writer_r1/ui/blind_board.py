"""Pairs of texts of which nobody is told who wrote which -> HTML to read and choose by, and what the choices come to.

Until a pair is chosen nothing on the page tells its texts apart: no attribute, no order, no length of a name. Pure;
knows no gradio.
"""

from collections.abc import Sequence
from html import escape
from typing import NamedTuple

from writer_r1.agreement import share_interval
from writer_r1.background import Progress
from writer_r1.blind_trials import FIRST, Trial
from writer_r1.store import BlindPair, Preferred
from writer_r1.ui.model_cards import time_words
from writer_r1.ui.prose import plural, prose

WIDE = 0.3  # of an interval: a wider one comes of too few pairs, a narrower one of texts that are liked about as well
CHOICES = {"1": "Text 1 is better", "0": "No difference", "2": "Text 2 is better"}
ORDER = ("1", "0", "2")
ABOUT = (
    "“{adapter}” and its base {base}, on requests that the run held out, from the same seeds. Which is which is told "
    "after each choice."
)


class Tally(NamedTuple):
    """What was preferred how often; `lo` and `hi` are the 95 % interval of the adapter's share of the preferences."""

    adapter: int
    base: int
    neither: int
    lo: float
    hi: float

    @property
    def sentence(self) -> str:
        """Return what can be said of it, and no more."""
        of, same = self.adapter + self.base, f"{plural(self.neither, 'pair')} with no difference"
        if not of:
            return f"No preference yet, {same}." if self.neither else "Nothing is chosen yet."
        if self.lo > 0.5:
            found = "you like what it writes better"
        elif self.hi < 0.5:
            found = "you like the base better without it"
        else:
            found = "too few to tell" if self.hi - self.lo > WIDE else "hardly any difference"
        reach = f"its true share may be anything from {self.lo * 100:.0f} to {self.hi * 100:.0f} in 100"
        more = f"; {same}" if self.neither else ""
        return f"{self.adapter} of {of} for the adapter: {found} ({reach}{more})."


def tally(pairs: Sequence[BlindPair]) -> Tally:
    """Return what the choices come to; pairs that were left out count for nothing."""
    adapter, base, neither = ([p.choice for p in pairs].count(one) for one in ("adapter", "base", "neither"))
    return Tally(adapter, base, neither, *share_interval(adapter, adapter + base))


def chosen(pair: BlindPair, key: str) -> Preferred:
    """Return whose text a reader prefers who says 1, 2 or 0; an empty string for anything else."""
    says: dict[str, Preferred] = {"1": "base", "2": "adapter", "0": "neither"}
    if pair.first == "adapter":
        says |= {"1": "adapter", "2": "base"}
    return says.get(key, "")


def blind_board(trial: Trial, pairs: Sequence[BlindPair], shown: str, *, writing: bool) -> str:
    """Return the comparison that lies open: the pair `shown`, where it was just chosen, else the next to be read."""
    now = next((p for p in pairs if p.id == shown and p.choice), None) or next((p for p in pairs if not p.choice), None)
    about = escape(ABOUT.format(adapter=trial.adapter, base=trial.label or trial.base))
    head = (
        '<header><div><h2 id="blind-title" tabindex="-1">Which text is better?</h2>'
        f'<p class="quiet" dir="auto">{about}</p></div>{_act("shut", "Close", "blind-shut")}</header>'
    )
    if now is None:
        body = _nothing_left(pairs, writing=writing)
    else:
        body = _revealed(now, trial) if now.choice else _question(now, pairs)
    said = f'<p class="tally">{tally(pairs).sentence}</p>' if pairs else ""
    return f'<section class="blind" aria-labelledby="blind-title">{head}{body}{said}{_earlier(pairs, now)}</section>'


def blind_progress(trial: Trial, writing: Progress | None, kept: int) -> str:
    """Return how far the writing of the pairs is, with what can be done; empty where there is nothing to say."""
    if writing is None or writing.state == "done":
        # What an earlier studio left undone is not forgotten.
        unfinished = writing is None and (kept % FIRST > 0 or not kept)
        return (
            _halted("The pairs are not all written." if kept else "No pair is written yet.", kept) if unfinished else ""
        )
    if writing.state != "running":
        return _halted(writing.message or "Stopped.", kept, wrong=writing.state == "failed")
    left = f", {time_words(writing.left_s)} left" if writing.left_s is not None else ", waiting for the model"
    if writing.left_s is None and writing.done == 0:
        left = "; the first one takes a moment"
    far = f"{writing.done} of {plural(writing.total, 'pair')} written{left}"
    stop = _act("halt", "Stopping …" if writing.stopping else "Stop", "blind-halt", off=writing.stopping)
    bar = (
        f'<div class="track" role="progressbar" aria-label="Pairs written for {escape(trial.adapter)}" '
        f'aria-valuemin="0" aria-valuemax="{writing.total}" aria-valuenow="{writing.done}">'
        f'<i class="fill" style="width:{min(1.0, writing.done / writing.total):.1%}"></i></div>'
    )
    return f'<div class="blind-writing"><p class="state">{far}</p>{bar}{stop}</div>'


def _halted(sentence: str, kept: int, *, wrong: bool = False) -> str:
    there = f" {plural(kept, 'pair')} {'is' if kept == 1 else 'are'} kept." if kept else ""
    go_on = _act("more", "Go on writing", "blind-more")
    kind = "wrong" if wrong else "state"
    return f'<div class="blind-writing"><p class="{kind}">{escape(sentence)}{there}</p>{go_on}</div>'


def _question(pair: BlindPair, pairs: Sequence[BlindPair]) -> str:
    row = "".join(
        f'<button type="button" class="act" data-act="choose" data-choice="{key}" data-pair="{escape(pair.id)}" '
        f'data-key="blind-{key}" aria-keyshortcuts="{key}"><kbd aria-hidden="true">{key}</kbd> {CHOICES[key]}</button>'
        for key in ORDER
    )
    # Not of how many: while others are written, what is being read must not change.
    number = sum(bool(p.choice) for p in pairs) + 1
    where = f'Pair {number}. <span class="keys">Keys: 1, 2, or 0 for no difference.</span>'
    heads = ("Text 1", "Text 2")
    return f'{_texts(pair, heads)}<div class="acts choices">{row}</div><p class="where">{where}</p>'


def _revealed(pair: BlindPair, trial: Trial) -> str:
    names = {"base": f"{trial.label or trial.base} as it is", "adapter": f"“{trial.adapter}”"}
    first, second = ("base", "adapter") if pair.first == "base" else ("adapter", "base")
    heads = (f"Text 1 · {names[first]}", f"Text 2 · {names[second]}")
    said = {
        "neither": "You said that they do not differ.",
        "out": "This pair is left out and does not count.",
        first: f"You chose text 1: {names[first]}.",
        second: f"You chose text 2: {names[second]}.",
    }.get(pair.choice, "")
    slip = _act("out", "It was a slip: leave this pair out", "blind-out", pair=pair.id) if pair.choice != "out" else ""
    onward = _act("next", "Next pair", "blind-next", main=True).replace(
        " data", ' aria-describedby="blind-came" data', 1
    )
    return (
        f"{_texts(pair, heads, better=pair.choice if pair.choice in (first, second) else '')}"
        f'<p class="came" id="blind-came" dir="auto">{escape(said)}</p><div class="acts choices">{onward}{slip}</div>'
    )


def _texts(pair: BlindPair, heads: tuple[str, str], better: str = "") -> str:
    order = ("base", "adapter") if pair.first == "base" else ("adapter", "base")
    rows = zip(heads, pair.texts, order, strict=True)
    columns = "".join(_article("h3", head, text, better=better == whose) for head, text, whose in rows)
    asked = f'<p class="asked" dir="auto" tabindex="-1"><b>The request:</b> {escape(pair.prompt)}</p>'
    return f'{asked}<div class="two">{columns}</div>'


def _article(level: str, head: str, text: str, *, better: bool = False) -> str:
    body = prose(text) or '<p class="quiet">Nothing was written.</p>'
    kind = ' class="better"' if better else ""
    title = f'<{level} dir="auto">{escape(head)}</{level}>'
    return f'<article{kind}>{title}<div class="text" dir="auto">{body}</div></article>'


def _nothing_left(pairs: Sequence[BlindPair], *, writing: bool) -> str:
    if not pairs:
        first = "The first pair appears here as soon as both texts are written." if writing else ""
        return f'<p class="quiet">{first}</p>' if first else ""
    if writing:
        return '<p class="quiet">All that is written is read; the next pair appears here in a moment.</p>'
    kept = "Your choices are kept as pairs to train on; “Export decisions” under Settings & help makes a file of them."
    more = _act("more", f"Write {FIRST} more pairs", "blind-more", main=True)
    return f'<p class="read">{plural(len(pairs), "pair")} read. {kept}</p><div class="acts choices">{more}</div>'


def _earlier(pairs: Sequence[BlindPair], now: BlindPair | None) -> str:
    told = {"base": "the base", "adapter": "the adapter", "neither": "no difference", "out": "left out"}
    rows = "".join(
        f'<li><p><b dir="auto">{escape(p.prompt)}</b> <span class="quiet">{told.get(p.choice, "")}</span></p>'
        f'<div class="two">{_article("h4", "Adapter", p.adapter_text)}{_article("h4", "Base", p.base_text)}</div></li>'
        for p in pairs
        if p.choice and (now is None or p.id != now.id)
    )
    if not rows:
        return ""
    return (
        '<details data-key="blind-earlier"><summary>What you have read</summary>'
        f'<ol class="plain earlier" role="list">{rows}</ol></details>'
    )


def _act(act: str, label: str, key: str, *, main: bool = False, off: bool = False, pair: str = "") -> str:
    which = f' data-pair="{escape(pair)}"' if pair else ""
    disabled = ' aria-disabled="true"' if off else ""
    kind = "act main" if main else "act"
    told = f'data-act="{act}" data-key="{key}"{which}{disabled}'
    return f'<button type="button" class="{kind}" {told}>{label}</button>'
