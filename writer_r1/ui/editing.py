"""What the buttons of the criteria board ask for -> changed criteria, kept with the piece and judged by anew."""

from html import escape
from typing import Any, NamedTuple

from writer_r1.errors import WriterError
from writer_r1.rubric_edits import apply, carried, deleted, merge, own
from writer_r1.store import Piece
from writer_r1.trajectory import Criterion, Rubric, prompt_id
from writer_r1.ui import gradio as gr
from writer_r1.ui.criteria_board import criteria_board
from writer_r1.ui.desk import place_of, still, ticket
from writer_r1.ui.following import criteria_now, stock_of
from writer_r1.ui.notes import tell, warn
from writer_r1.workspace import Workspace


class Edited(NamedTuple):
    """What an edit of the criteria changes on the page."""

    piece: Any
    follow: Any
    trouble: Any
    criteria: Any
    answer: Any  # to the dialog that asked, which stays open until it has one


def on_criteria(workspace: Workspace, said: str, brief: str, text: str, wish: dict[str, str]) -> Edited:
    """Do what a button of the criteria board asks for; rounds are judged again by the changed criteria."""
    place, same = place_of(said), gr.skip()
    try:
        piece = workspace.store.piece(place.piece)
        before = piece.rubric if piece else None
        rubric = wanted(workspace, before, brief, wish)
        if rubric != before:
            piece = piece or workspace.store.new_piece(brief, text)
            workspace.edit_rubric(piece.id, place.run or None, rubric)
        if piece:
            remember(workspace, piece, before, wish)
    except WriterError as error:
        if not wish.get("ticket"):
            warn(str(error))
        return Edited(same, same, same, same, answer(wish, str(error)))
    board = criteria_now(workspace, piece.id if piece else "", place.run, deleted(before, dict(wish)))
    moved = rubric != before and bool(place.run)
    follow = ticket(piece, place.run) if moved else same
    return Edited(still(piece, place, place.run) if piece else same, follow, "", board, answer(wish))


def answer(wish: dict[str, str], refusal: str = "") -> Any:
    """Return what the dialog that sent `wish` is told: nothing where it may close, else why it was refused."""
    number = wish.get("ticket", "")
    return f'<span data-ticket="{escape(number)}">{escape(refusal)}</span>' if number else gr.skip()


def wanted(workspace: Workspace, rubric: Rubric | None, brief: str, wish: dict[str, str]) -> Rubric | None:
    """Return the criteria as the user wants them, and keep or forget saved ones."""
    store = workspace.store
    saved = {s.id: s for s in store.saved_rubrics()} if wish["act"] in ("use", "merge", "forget") else {}
    chosen = saved.get(wish.get("rubric", ""))
    match wish["act"]:
        case "save" if rubric is not None:
            kept = store.save_rubric(wish.get("name", ""), brief, rubric)
            tell(f"Saved as “{kept.name}”.", title="Criteria kept")
            return rubric
        case "use" if chosen is not None:
            here = prompt_id(brief)
            taken = carried(chosen.rubric, here)
            stay = own(rubric) if rubric else ()
            return (
                merge(carried(rubric.model_copy(update={"criteria": stay}), here), taken) if rubric and stay else taken
            )
        case "merge" if chosen is not None:
            return merge(rubric, carried(chosen.rubric, prompt_id(brief)))
        case "forget" if chosen is not None:
            store.delete_saved_rubric(chosen.id)
            return rubric
        case "save" | "use" | "merge" | "forget":
            return rubric
    return apply(rubric, dict(wish), brief)


def remember(workspace: Workspace, piece: Piece, before: Rubric | None, wish: dict[str, str]) -> None:
    """Keep that a criterion is not for this piece, or forget it once the criterion is back."""
    gone = deleted(before, dict(wish))
    if before and gone and gone.dismissed:
        workspace.store.dismiss(piece.id, before.prompt_id, gone.criterion)
    elif wish["act"] == "undelete":
        back = Criterion.model_validate_json(wish["criterion"])
        workspace.store.readmit(piece.id, prompt_id(piece.brief), back.id)


def on_suggest(workspace: Workspace, said: str, brief: str) -> Any:
    """Return the criteria board with what was saved for a similar request, where there are no criteria yet."""
    place = place_of(said)
    try:
        piece = workspace.store.piece(place.piece)
        if place.run or (piece and piece.rubric) or not brief.strip() or not workspace.store.saved_rubrics():
            return gr.skip()
        stock = stock_of(workspace, piece)._replace(suggestions=workspace.suggest(brief))
    except WriterError:
        return gr.skip()  # only a help: what is wrong with the library is said by the next save
    return criteria_board(None, rubric=None, busy=False, stock=stock)
