"""What the hub answered -> the part of the Models page that shows it. Pure; knows no gradio."""

from collections.abc import Mapping
from html import escape

from writer_r1.catalog import State, amount
from writer_r1.looking import Looked
from writer_r1.machine_memory import Machine
from writer_r1.offers import Found, Offer, Repository, fits, nothing, takes

NONE = "The hub has no model with GGUF files of this name. Try fewer words, or the whole id, OWNER/NAME."
HERE: dict[State, str] = {"ready": "On this machine", "partial": "On your list above", "absent": "On your list above"}


def answer(looked: Looked, host: str, machine: Machine, here: Mapping[str, State], back: bool) -> str:
    """Return what was found, or how far the asking is; `here` has the models of the hub that are on the list."""
    match looked.state:
        case "none":
            return ""
        case "running":
            body = f"{_state(f'{host} is being asked.')}{_acts(_button('stop', 'Stop'))}"
        case "failed":
            body = f'<p class="wrong" role="status">{escape(looked.message)}</p>'
        case "done" if looked.repository:
            body = _repository(looked.repository, machine, here)
        case _:
            rows = "".join(map(_found, looked.found))
            count = f"{len(looked.found)} found, the most downloaded first."
            body = f'{_state(count)}<ul class="plain" role="list">{rows}</ul>' if rows else _state(NONE)
    again = _acts(_button("back", "Back to what was found")) if back else ""
    return f'<div class="models hub">{again}{body}</div>'


def _state(sentence: str) -> str:
    return f'<p class="state" role="status">{escape(sentence)}</p>'


def _acts(buttons: str) -> str:
    return f'<div class="acts">{buttons}</div>'


def _button(act: str, text: str, id: str = "", *, label: str = "", kind: str = "") -> str:
    name, said = escape(id), escape(f"{text}: {label}" if label else text)
    return (
        f'<button type="button" class="act {kind}" data-act="{act}" data-id="{name}" data-key="{act}-{name}" '
        f'aria-label="{said}">{escape(text)}</button>'
    )


def _gated(gated: bool) -> str:
    return '<span class="mark">gated</span>' if gated else ""


def _found(row: Found) -> str:
    name = escape(row.id)
    return (
        f'<li class="found"><p><b dir="auto">{name}</b> {_gated(row.gated)}<br><span class="quiet" dir="auto">'
        f"Downloads: {row.downloads:,} · licence {escape(row.licence)}</span></p>"
        f"{_button('open', 'See its files', f'hf:{row.id}', label=row.id)}</li>"
    )


def _repository(repository: Repository, machine: Machine, here: Mapping[str, State]) -> str:
    closed = f'<p class="wrong">{escape(repository.closed)}</p>' if repository.closed else ""
    rows = "".join(_offer(offer, repository, machine, here.get(offer.id)) for offer in repository.offers)
    body = (
        f'<ul class="plain" role="list">{rows}</ul>' if rows else f'<p class="wrong">{escape(nothing(repository))}</p>'
    )
    told = f"Downloads: {repository.downloads:,} · licence {repository.licence}"
    head = f'<h3 dir="auto">{escape(repository.id)}</h3>{_gated(repository.gated)}'
    return f"<header>{head}</header>{_state(told)}{closed}{body}"


def _offer(offer: Offer, repository: Repository, machine: Machine, state: State | None) -> str:
    name, verdict = offer.id.removeprefix(f"hf:{repository.id}").strip("/"), fits(offer, machine)
    what = f"{offer.quantisation}, {amount(offer.bytes)}"
    if offer.refusal:
        does, act = escape(offer.refusal), ""
    else:
        memory = escape(takes(offer, machine))
        does = f'<b class="fit {verdict.replace(" ", "-")}">{verdict.capitalize()}</b>: {memory}'
        act = _button("get", f"Download {amount(offer.bytes)}", offer.id, label=name or repository.id)
    if state:
        act = f'<span class="quiet">{HERE[state]}</span>'
    if repository.closed:
        act = ""
    file = f'<span class="quiet" dir="auto">{escape(name)}</span><br>' if name else ""
    return f'<li class="found"><p><b>{escape(what)}</b><br>{file}<span>{does}</span></p>{act}</li>'
