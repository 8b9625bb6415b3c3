"""View -> HTML: the parts of the page, every word of the user's and the model's escaped. Pure; knows no gradio."""

import json
from html import escape

from writer_r1.checks import word_count
from writer_r1.events import CRITERIA_READY, Summary
from writer_r1.reasons import GIVING
from writer_r1.ui.prose import plural, prose
from writer_r1.ui.view import View, over, phase_of, shown, standing, title, wearing

CORRECT = """<template data-dialog="summary"><form method="dialog" data-act="summary"><h2 data-fill="title"></h2>
<label>What the model is told of it
<textarea name="text" rows="6" maxlength="4000" dir="auto" autofocus></textarea></label>
<footer><button type="button" data-close>Cancel</button><button class="main">Keep</button></footer></form></template>"""
RATE_AFTER_S = 2.0  # before that, words per second would jump about
BRIEF_CHARS = 160
DRAFTING = "being written"
# Of a thought that is past its draft; the thought itself stands below.
PAST_DRAFT = {"reflection": "being read over", "revision": "being revised", "piece": "being revised"}


def phase(view: View | None, elapsed_s: float = 0.0) -> str:
    """Return the line that says what goes on, for how long, and how much is written."""
    if view is None:
        return '<p class="phase"><span class="doing">Ready when you are</span></p>'
    state = "busy" if not over(view) else "failed" if view.now.error or not view.now.finished else "done"
    text = attempt.text if (attempt := shown(view)) else ""
    facts = [clock(view.t if over(view) else max(elapsed_s, view.t))]
    facts += [f"adapter {escape(wearing(view))}"] if view.adapter else []
    if text:
        facts.append(plural(word_count(text), "word"))
    if attempt and attempt.parent is None and view.writing_since is not None and not over(view):
        writing_s = elapsed_s - view.writing_since
        if writing_s > RATE_AFTER_S:
            facts.append(f"{word_count(text) / writing_s:.1f} words a second")
            if (left := seconds_left(view, word_count(text), writing_s)) is not None:
                facts.append(f"about {plural(left, 'second')} more for this draft")
    rest = "".join(f'<span class="fact">{f}</span>' for f in facts)
    doing = f'<span class="doing"><i class="dot"></i>{escape(standing(view))}</span>'
    return f'<p class="phase {state}" data-run="{escape(view.now.id)}">{doing}{rest}</p>'


def seconds_left(view: View, words: int, writing_s: float) -> int | None:
    """Return how long the draft still takes at this pace, in steps of ten; None where no length was asked for."""
    checks = [c.check for c in view.now.rubric.criteria if c.check] if view.now.rubric else []
    asked = next((c.high or c.low for c in checks if c.type == "length" and c.unit == "words"), None)
    if not asked or not words or words >= asked:
        return None
    return max(10, round((asked - words) * writing_s / words / 10) * 10)


def card(view: View) -> str:
    """Return what went wrong, what is safe and what to do; an empty string where nothing did."""
    kept = "Everything written so far is kept below." if view.now.attempts else "Your request is still in the box."
    if view.trouble:
        return notice(view.trouble, "", "Leave the studio running until this is put right; saving is tried again.")
    if view.now.error:
        again = "change a criterion once more" if view.rescoring else "press Start again"
        return notice(view.now.error, kept, f"Put right what can be put right, then {again}.")
    if not view.ended or view.now.finished:
        return ""
    if view.rescoring:
        return notice(
            "The studio was closed while this was being judged.", kept, "Change a criterion to judge it anew."
        )
    if view.now.status == GIVING:
        todo = "Open a score and press “Ask why”."
        return notice("The studio was closed while reasons were given.", "All is written and judged.", todo)
    return notice("The studio was closed while this was being written.", kept, "Press Start to write it anew.")


def notice(happened: str, safe: str, todo: str) -> str:
    """Return a card of up to three sentences."""
    rows = [("What happened", happened), ("What is safe", safe), ("What to do", todo)]
    body = "".join(f"<dt>{name}</dt><dd>{escape(text)}</dd>" for name, text in rows if text)
    return f'<section class="card" role="alert"><dl>{body}</dl></section>'


def manuscript(view: View | None) -> str:
    """Return the text being written, or the best one, as a page to read."""
    if view is None:
        return '<div class="sheet empty"><p>Your draft will appear here, word by word.</p></div>'
    prompt = view.now.prompt.strip()
    asked = prompt if len(prompt) <= BRIEF_CHARS else prompt[:BRIEF_CHARS].rstrip() + "…"
    head = f'<p class="asked" dir="auto">{escape(asked)}</p>'
    attempt = shown(view)
    if attempt is None:
        wait = "Nothing was written." if over(view) else "The draft comes after the criteria."
        if view.now.stopped == CRITERIA_READY:
            wait = "Look at the criteria and change what you like; press Start and the draft comes here."
        if view.thinking and view.thinking[0].name == "plan":
            return f'<div class="sheet">{head}<p class="label">Its plan</p>{prose(view.thinking[0].text)}</div>'
        return f'<div class="sheet">{head}<p class="quiet">{wait}</p></div>'
    state = "best so far" if attempt.number == view.now.best else ""
    if not attempt.complete:
        busy_with = PAST_DRAFT.get(view.thinking[-1].name, DRAFTING) if view.thinking else DRAFTING
        state = "unfinished" if over(view) else busy_with
    elif over(view) and state:
        state = "best" if sum(a.complete for a in view.now.attempts) > 1 else ""
    part = f" · {escape(view.part.label)}" if view.part else ""
    label = f'<p class="label" dir="auto">{title(attempt)}{part}{f" · {state}" if state else ""}</p>'
    busy = " writing" if state == DRAFTING else ""
    use = f"Use this for {escape(view.part.label)}" if view.part else "Use this as my manuscript"
    take = f'<p class="take"><button type="button" data-use="{attempt.number}">{use}</button></p>'
    take = take if over(view) and attempt.complete else ""
    return f'<div class="sheet">{head}{label}<article class="text{busy}">{prose(attempt.text)}</article>{take}</div>'


def story_so_far(view: View) -> str:
    """Return what the models were told of the manuscript around the scene, folded; empty where it was nothing."""
    rows = "".join(
        f"<dt>{escape(s.title)}</dt><dd>{escape(s.text)}{_correct(s) if over(view) and s.key else ''}</dd>"
        for s in view.story
    )
    if not rows:
        return ""
    about = (
        "Read by the model that writes, and kept: only what you change in a chapter is read again. It can be wrong; "
        "what you put right here is what the next round is told."
    )
    return (
        '<details class="story-so-far" data-key="story"><summary>What the model knows of the rest of your manuscript'
        f'</summary><p class="quiet">{about}</p><dl dir="auto" tabindex="0">{rows}</dl>{CORRECT}</details>'
    )


def _correct(summary: Summary) -> str:
    fill = escape(json.dumps({"key": summary.key, "text": summary.text, "title": summary.title}))
    name = escape(summary.title)
    return (
        f' <button type="button" data-dialog="summary" data-fill="{fill}" aria-label="Correct {name}">Correct</button>'
    )


def clock(seconds: float) -> str:
    """Return minutes and seconds."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


def masthead(model: str, writer: str = "", *, away: bool = False) -> str:
    """Return the name of the studio, what writes in it and whether text goes `away` for it, who is signed in, and the
    way to the sidebar and the keys.
    """
    where = f'<span class="{"away" if away else "here"}">{_place(away)}</span>'
    who = (
        f'<form class="who" method="post" action="/sign-out" data-sign-out><span title="Signed in as {escape(writer)}">'
        f'<span class="unseen">Signed in as </span>{escape(writer)}</span><button>Sign out</button></form>'
        if writer
        else ""
    )
    return (
        '<header class="masthead"><button data-skip class="skip">Skip to the brief</button>'
        '<button data-shelf aria-controls="library" aria-expanded="false">Library</button>'
        f"<h1>Writer-R1 Studio</h1><p>{where} · {escape(model)}</p>{who}"
        '<button data-help aria-label="Keys and shortcuts" title="Keys (?)">?</button></header>'
        '<p id="gone" role="alert" hidden>The studio is not answering. Your text is safe in this browser; '
        "start the studio again and this page goes on by itself.</p>"
    )


def _place(away: bool) -> str:
    return "on another machine" if away else "on this machine"


def welcome(model: str, *, begun: bool, away: bool = False) -> str:
    """Return the first steps: until something was written, and always where no model is there to write."""
    if model and begun:
        return ""
    choose = '<button type="button" class="{}" data-tab="models">{}</button>'
    if model:
        first = f"<b>Model.</b> {escape(model)} writes, {_place(away)}. {choose.format('link', 'Other models')}"
    else:
        first = (
            "<b>Get a model.</b> None is on this machine yet, and without one nothing can be written. Download one, or "
            f"add a GGUF file you have. {choose.format('main', 'Go to Models')}"
        )
    steps = (
        first,
        "<b>Say what you want.</b> Take one of the examples below, or your own words.",
        "<b>Press Start.</b> You will see what the piece is judged by, a draft, its scores, and then better rounds.",
    )
    rows = "".join(f"<li><p>{step}</p></li>" for step in steps)
    return f'<section class="welcome{"" if model else " no-model"}" aria-label="First steps"><ol>{rows}</ol></section>'


def mark(piece_id: str, revision: int, run_id: str, name: str, *, told: int, long: bool = False) -> str:
    """Return the unseen part that tells the page's script what is open; the box of a `long` text keeps one height.

    `told` numbers the answers: two new pieces, one upon the other, are alike in all else, and the script must see both.
    """
    data = f'data-told="{told}" ' + ("data-long " if long else "")
    data += f'data-piece="{escape(piece_id)}" data-revision="{revision}" data-run="{escape(run_id)}"'
    return f'<div hidden {data} data-title="{escape(name)}"></div>'


def announcement(view: View) -> str:
    """Return what a screen reader is told when the phase changes."""
    return f"<span>{escape(phase_of(view))}</span>"
