"""Models and who was chosen for what -> who writes, judges, finds criteria and advises, and how to choose. Pure."""

from html import escape

from writer_r1.catalog import Model, amount
from writer_r1.machine_memory import fit, memory_words
from writer_r1.roles import Role
from writer_r1.ui import server_cards
from writer_r1.ui.shelf import Shelf, button

SAME = (
    "The same model writes and judges. A model tends to like its own prose, so another judge is fairer, "
    "if this machine has the memory for both."
)
NEXT_RUN = "Switching takes effect with the next session."
DOES: dict[Role, str] = {
    "writer": "writes",
    "judge": "judges",
    "analyst": "finds the criteria",
    "critic": "says what to change",
}
USE: dict[Role, str] = {
    "writer": "Use for writing",
    "judge": "Use for judging",
    "analyst": "Let it find criteria",
    "critic": "Let it say what to change",
}
BESIDE: tuple[Role, ...] = ("analyst", "critic")  # the judge does these too, unless another was chosen


def roles(shelf: Shelf) -> str:
    """Return which model writes and which judges, and what to think of it."""
    writer, judge = shelf.named(shelf.using["writer"]), shelf.named(shelf.using["judge"])
    if writer is None or writer.state != "ready":
        least = min((m for m in shelf.models if m.sha256), key=lambda m: m.bytes, default=None)
        quickest = f" {escape(least.label)} is the smallest, {amount(least.bytes)}." if least else ""
        return (
            f'<div class="roles"><p>No model is here yet, and nothing can be written without one.{quickest}</p></div>'
        )
    lines = [f"<p><b>{escape(writer.label)}</b> writes.</p>"]
    if judge is None or judge.name == writer.name:
        lines = [f"<p><b>{escape(writer.label)}</b> writes and judges.</p>", f'<p class="quiet">{SAME}</p>']
    else:
        lines.append(f"<p><b>{escape(judge.label)}</b> judges.</p>")
    lines += [_beside(role, shelf) for role in BESIDE if not _as_judge(role, shelf)]
    used = list({m.name: m for role in DOES if (m := shelf.named(shelf.using[role]))}.values())
    if len(here := [m for m in used if not m.server]) > 1:
        need = sum(m.memory_bytes for m in here)
        together = memory_words(need, shelf.machine)
        smaller = " Choose smaller ones." if fit(need, shelf.machine) == "does not fit" else ""
        lines.append(f'<p class="quiet">Together they need {together}{smaller}</p>')
    lines += server_cards.leaving(used)
    lines += [f"<p>{line}</p>" for role in DOES if (line := missed(shelf, role))]
    return f'<div class="roles">{"".join(lines)}<p class="quiet">{NEXT_RUN}</p></div>'


def _beside(role: Role, shelf: Shelf) -> str:
    """Return who has a part that the judge could do, and the way back."""
    model = shelf.named(shelf.using[role])
    label = escape(model.label if model else shelf.using[role])
    return (
        f'<p><b>{label}</b> {DOES[role]}. <button type="button" class="act" data-act="unuse" data-role="{role}" '
        f'data-key="unuse{role}" aria-label="Leave it to the judge: {USE[role]}">Leave it to the judge</button></p>'
    )


def missed(shelf: Shelf, role: Role) -> str:
    """Return a sentence where the model chosen for a role cannot be used now."""
    name = shelf.chosen[role]
    chosen = shelf.named(name) if name else None
    if name is None or (chosen and chosen.state == "ready"):
        return ""
    what = f"{chosen.label} is chosen but its file is not here" if chosen else f"{name!r} is chosen but not listed"
    now = shelf.named(shelf.using[role])
    return escape(f"{what}; until it is, {now.label if now else 'another model'} {DOES[role]}.")


def parts(model: Model, shelf: Shelf) -> list[str]:
    """Return what a model does now; what it does because it judges goes without saying."""
    if model.state != "ready":
        return []
    return [does for role, does in DOES.items() if shelf.using[role] == model.name and not (_as_judge(role, shelf))]


def buttons(model: Model, shelf: Shelf, *, beside: bool = False) -> list[str]:
    """Return the buttons that let a ready model write or judge, or those for what the judge does `beside` judging."""
    return [
        server_cards.use(model, text, role) or button("use", model, text, role=role)
        for role, text in USE.items()
        if (role in BESIDE) == beside
        if shelf.using[role] != model.name or shelf.chosen[role] not in (model.name, None)
        if role != "judge" or server_cards.can_judge(model)
    ]


def more(model: Model, shelf: Shelf) -> list[str]:
    """Return the rarer buttons, in a part that opens; nothing where there are none."""
    rare, key = "".join(buttons(model, shelf, beside=True)), f"parts-{escape(model.name)}"
    part = f'<details><summary data-key="{key}">Other parts</summary><div class="acts">{rare}</div></details>'
    return [part] if rare else []


def _as_judge(role: Role, shelf: Shelf) -> bool:
    return role in BESIDE and shelf.using[role] == shelf.using["judge"]
