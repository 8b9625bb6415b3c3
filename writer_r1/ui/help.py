"""The words of the studio and its keys, as data, and as HTML for the help page. Pure; knows no gradio."""

from html import escape

GLOSSARY = (
    (
        "Brief",
        "What you want written, in your words, also called your request: what, for whom, how long, what must be in it.",
    ),
    ("Piece", "One document of yours: its brief, its text and its criteria."),
    (
        "Version",
        "The brief and text that a piece held at one time, kept as long as the piece: restoring one begins a branch "
        "beside what came after it, and leaves the criteria as they are.",
    ),
    ("Session", "One time the studio wrote on a piece: a draft and the rounds that followed."),
    ("Code", "A short note on something your brief asks for, with the words of the brief it comes from."),
    ("Category", "Codes that belong together, under one name."),
    ("Criterion", "One thing the text should do well, said in a sentence and made from your brief or by you."),
    ("Weight", "How much a criterion counts in the overall score: ×2 counts twice as much as ×1."),
    ("Locked", "A locked criterion is never reworded or dropped by the model, and a new round may not do worse on it."),
    (
        "Not for this piece",
        "A criterion you took out with this button: it is not proposed again for this piece or this very brief.",
    ),
    ("Judge", "The model that scores a text, one criterion at a time; it may be the one that wrote it, or another."),
    ("Score", "A number from 1 to 10 for one criterion: a guide, not a verdict."),
    (
        "Your score",
        "What you give a text for a criterion, in its opened row: it stands beside the judge's, never over it.",
    ),
    (
        "Range",
        "How far a score may be off, as measured on texts of known order: where the ranges of two texts overlap, "
        "neither is clearly better.",
    ),
    ("=", "No clear difference: the ranges overlap."),
    ("Trust", "How far the judge was found to agree with readers, and to see what is broken in a text."),
    ("Measured", "A criterion that is counted instead of judged, such as length or words that must appear."),
    ("Not scored", "The judge gave no usable answer; that is left out of the overall score and never counts as zero."),
    ("Round", "One rewrite of the best text so far, with advice on its weakest criteria; it is kept only if better."),
    (
        "Change",
        "One place where a round differs from your text: you accept, reject or reword it, and then put it there.",
    ),
    ("Protected", "A passage that no round, change or other text may alter; only your own hand can."),
    (
        "Who wrote what",
        "The words of your text, told apart: yours, a model's, and yours in place of a model's; followed by version.",
    ),
    ("Lesson", "Advice that helped, or did not, in earlier work, remembered for briefs that are alike."),
    (
        "Model",
        "The program that writes and judges: mostly one large file on this machine, or one on a server you chose.",
    ),
    (
        "Training",
        "Letting a model learn from pieces, or from its own drafts; what it learned is an adapter.",
    ),
    (
        "Thought",
        "One reply in which the model plans, drafts, notices what is weak and revises; “Think in one go” asks for it.",
    ),
    ("Reflection", "What a model noticed in its own draft before it revised it."),
    ("Adapter", "What a model learned in training: a small file that is switched on over its base model, or off."),
    ("Base", "The model that an adapter was trained on, and works with."),
    ("Checkpoint", "What a training run has learned so far, kept on disk, from which it can go on."),
    ("Held out", "Pieces or requests that are never trained on, to see whether something was really learned."),
    ("Loss", "How surprised the model is by a text, on average by a token: the lower, the more it expected it."),
    ("Reward", "What a draft earns in training, from 0 to 1: how many of its criteria it meets, and how well."),
    ("Compare blind", "Reading two texts to one request, an adapter's and its base's, without knowing which is which."),
    ("GGUF", "The kind of file a model comes in here; many models can be had as GGUF."),
    (
        "Q4, Q8",
        "How tightly a model file is packed: at Q4 it is small and quick, at Q8 larger and a little more exact.",
    ),
    ("Hub", "A public store of models on the internet, which is asked only when you search it or download from it."),
    ("Gated", "Said of a model that opens only after you accept its makers’ terms on its page."),
    ("Memory", "The working space of this machine (RAM), which a model must fit into while it is in use."),
    ("Token", "A piece of a word, the unit a model reads and writes in: 100 tokens are about 75 English words."),
    ("Context", "How much a model can keep in view at once, brief, criteria and text together, counted in tokens."),
)

KEYS = (
    (("Ctrl+Enter", "⌘ Enter"), "Write: begin with the brief as it is"),
    (("Esc",), "Stop writing; what is written stays"),
    (("Ctrl+S", "⌘ S"), "Keep this version of your text"),
    (("Alt+W",), "Three other ways to say what you marked in your text"),
    (("Alt+C",), "Go on with your text from where the caret stands"),
    (("Alt+P",), "Protect what you marked: no round may change it"),
    (("Alt+Z",), "Undo a round taken over or a version restored, while it is offered"),
    (("Ctrl+F", "⌘ F"), "Find words, in a long manuscript; F3 and Shift+F3 go on"),
    (("↑", "↓"), "Previous or next scene, in the outline; Enter goes there"),
    (("Alt+1 … Alt+5",), "Go to a tab (on a Mac hold Control as well, here and with the letters above)"),
    (("[", "]"), "Previous or next round, in the rounds"),
    (("J", "K"), "Next or previous change, where a round is reviewed"),
    (("A", "R", "E"), "Accept, reject, or edit the change you stand on"),
    (("Shift+A",), "Accept every open change that the same criterion asked for"),
    (("Ctrl+Z", "⌘ Z"), "Undo your last decision, where a round is reviewed"),
    (("1", "2", "0"), "The first text is better, the second, or no difference, where you compare blind"),
    (("L",), "Lock or unlock, on a criterion"),
    (("Enter",), "Edit, on a criterion"),
    (("Delete",), "Not for this piece, or delete your own, on a criterion; Ctrl+Z brings it back"),
    (("Alt+↑", "Alt+↓"), "Move a criterion up or down"),
    (("?",), "This list"),
)


def glossary() -> str:
    """Return every word of the studio with one sentence."""
    rows = "".join(f"<dt>{escape(word)}</dt><dd>{escape(meaning)}</dd>" for word, meaning in GLOSSARY)
    return f'<section class="help"><h2>What the words mean</h2><dl>{rows}</dl></section>'


def key_sheet() -> str:
    """Return the keys as a dialog that the page opens on `?`."""
    close = '<footer><button type="button" class="main" data-close autofocus>Close</button></footer>'
    return f'<template data-dialog="keys">{shortcuts()}{close}</template>'


def shortcuts() -> str:
    """Return every key with what it does."""
    rows = "".join(
        f"<dt>{' <span>or</span> '.join(f'<kbd>{escape(key)}</kbd>' for key in keys)}</dt><dd>{escape(what)}</dd>"
        for keys, what in KEYS
    )
    note = "Single letters and signs act only outside text fields, and can be switched off in the settings."
    list_ = f'<dl class="keys">{rows}</dl><p class="quiet">{note}</p>'
    return f'<section class="help"><h2>Keys</h2>{list_}</section>'
