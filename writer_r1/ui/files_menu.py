"""The buttons that take files out and bring them in -> HTML; `files.js` does what they say. Pure; knows no gradio."""

from html import escape

from writer_r1.qualification import listed

MANUSCRIPT = {"docx": "Word (.docx)", "md": "Markdown (.md)", "txt": "Plain text (.txt)", "epub": "E-book (.epub)"}
SESSION = {"report": "Critique report, to print (.html)", "session": "Session, for another machine (.json)"}
SHARES = "With who wrote what, in per cent (Word, Markdown, report)"
RADAR = "With the scores as a radar as well (report)"
TAKEN = ".txt,.text,.md,.markdown,.docx,.json"


def export_menu() -> str:
    """Return the menu below the manuscript."""
    parts = (("Your manuscript", MANUSCRIPT), ("The session shown", SESSION))
    groups = "".join(
        f'<div role="group" aria-label="{name}"><p>{name}</p>{_buttons(forms)}</div>' for name, forms in parts
    )
    extras = "".join(
        f'<label><input type="checkbox" data-extra="{extra}"> <span>{words}</span></label>'
        for extra, words in (("shares", SHARES), ("radar", RADAR))
    )
    groups += f'<div role="group" aria-label="Also in the file"><p>Also in the file</p>{extras}</div>'
    return f'<details class="export"><summary>Export</summary><div class="forms">{groups}</div></details>'


def _buttons(forms: dict[str, str]) -> str:
    return "".join(
        f'<button type="button" data-export="{form}">{escape(name)}</button>' for form, name in forms.items()
    )


def import_button() -> str:
    """Return the button in the sidebar that makes a piece of a file."""
    about = "A text, Markdown or Word file, or a session, becomes a new piece"
    return f'<button type="button" class="bring" data-import="{TAKEN}" title="{about}">Import</button>'


def preferences_part(reviewed: int, blind: int = 0, scored: int = 0) -> str:
    """Return how many decisions, blind choices and differing scores are kept, and the button that takes them out."""
    total = reviewed + blind + scored
    if not total:
        return (
            '<p class="quiet">What you accept and reject in reviews, prefer in blind comparisons and score higher '
            "yourself is kept here, to train a model on if you like.</p>"
        )
    counts = (
        (reviewed, "decision{s} of your reviews"),
        (blind, "blind choice{s}"),
        (scored, "pair{s} of texts by your own scores"),
    )
    rows = [f"{n:,} {words.format(s='s' if n > 1 else '')}" for n, words in counts if n]
    kept = f"{listed(rows, 'and')} {'is' if total == 1 else 'are'}"
    about = f"{kept} kept on this machine; a model can be trained on them. A line a pair: brief, chosen, rejected."
    button = '<button type="button" data-library="preferences">Export decisions (.jsonl)</button>'
    return f'<div class="library-files"><p>{about}</p><p>{button}</p></div>'


def library_files() -> str:
    """Return the buttons that take the whole library out and put it back."""
    about = (
        "To keep elsewhere or take to another machine: one zip with every piece, its versions and sessions, the "
        "settings and what was measured of judges. Models, adapters and training runs are not in it. Backups "
        "that the studio made are in the list above."
    )
    buttons = {"backup": "Download the library", "restore": "Restore from a backup …"}
    row = "".join(f'<button type="button" data-library="{act}">{name}</button> ' for act, name in buttons.items())
    return f'<div class="library-files"><p>{about}</p><p>{row}</p></div>'
