"""The writing tab: a brief -> a run that goes on by itself, shown from its stored events.

A page owns nothing: it may be reloaded, closed or opened twice. Handlers begin or stop something and keep what was
typed; what goes on is followed by `following.follow`.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

from writer_r1.errors import Busy, WriterError
from writer_r1.explaining import explain
from writer_r1.loop import Task
from writer_r1.protection import put_whole, spans_in
from writer_r1.rubric_edits import own
from writer_r1.scenes import joined
from writer_r1.store import Piece, Source
from writer_r1.trajectory import prompt_id
from writer_r1.ui import gradio as gr
from writer_r1.ui import render, restoring
from writer_r1.ui.board import EACH, QUIET, Board, asked
from writer_r1.ui.desk import Desk, Place, mark, on_load, on_shelf, place_of, refused, ticket
from writer_r1.ui.editing import Edited, on_criteria, on_suggest
from writer_r1.ui.following import Follower, Page
from writer_r1.ui.library import Shelf, library
from writer_r1.ui.notes import tell, warn
from writer_r1.ui.proposals_board import taken_whole
from writer_r1.ui.rating import on_rating
from writer_r1.ui.reviewing import reviewer
from writer_r1.ui.saving import Sent, keep
from writer_r1.ui.scene import part_at, part_of_run, span_of
from writer_r1.ui.story import on_summary
from writer_r1.ui.view import title
from writer_r1.ui.writing import html, place_brief, place_manuscript
from writer_r1.workspace import Workspace

CHANGED_ELSEWHERE = "This piece was changed in another tab; choose there or here which text to keep, then start."
NO_TEXT = "Your manuscript is empty; write or paste a text into it, then press “Judge my text”."
NOT_YOURS = "“Think in one go” is for a text that the model writes; yours is judged as ever."
NOT_A_SCENE = "“Think in one go” is for a whole text; this scene is written in rounds."
WITH_PLACE = "async (...given) => [...given.slice(0, -1), await window.studio.flush()]"
AT_ONCE = WITH_PLACE.replace("flush()", "flush(true)")
WITH_PART = """async (...given) => {
    const place = JSON.parse(await window.studio.flush());
    return [...given.slice(0, -1), JSON.stringify({...place, part: window.studio.part()?.text ?? ""})];
}"""


class Wishes(NamedTuple):
    """How a run shall go."""

    rounds: float = 3
    thorough: bool = False
    look_first: bool = False
    anew: bool = False
    one_go: bool = False
    own: str = ""  # the user's text to judge, where none is to be drafted
    adapter: str = ""
    strength: float = 1.0


def on_start(workspace: Workspace, said: str, brief: str, text: str, wishes: Wishes) -> Desk:
    """Keep what was typed, begin a run for `brief`, and follow it."""
    try:
        place = place_of(said)
        if not brief.strip():  # before anything is kept: the page would not hear which piece it is
            raise WriterError("Say in a sentence what the piece should do.")
        piece = _kept(workspace, place, brief, text)
        task = task_of(piece, brief, wishes)
        if piece and place.part and task.stop_after != "criteria":
            part, rest = part_at(piece, place.part)
            task = task._replace(part=part, rest=rest, text=part.text if task.text else "")
        run_id = workspace.start(task, piece_id=piece.id if piece else None)
    except WriterError as error:
        return refused(str(error))
    if task.one_go and task.stop_after != "criteria" and (task.text or task.part):  # `loop.write` goes by rounds
        tell(NOT_YOURS if task.text else NOT_A_SCENE)
    shelf = library(workspace.store, Shelf(piece.id if piece else ""))
    return Desk(mark(piece, run_id), gr.skip(), gr.skip(), ticket(piece, run_id), shelf)


def on_judge(workspace: Workspace, said: str, brief: str, text: str, wishes: Wishes) -> Desk:
    """Keep what was typed, and begin a run that judges the manuscript as it stands, for `brief`; follow it."""
    if not text.strip():
        return refused(NO_TEXT)
    return on_start(workspace, said, brief, text, wishes._replace(own=text))


def _kept(workspace: Workspace, place: Place, brief: str, text: str) -> Piece | None:
    sent = Sent(piece=place.piece, base=place.base, brief=brief, text=text)
    answer = keep(workspace, sent)
    if "stale" in answer:
        raise Busy(CHANGED_ELSEWHERE)
    return workspace.store.piece(str(answer["piece"]))


def task_of(piece: Piece | None, brief: str, wishes: Wishes) -> Task:
    """Return what a run shall do: with the criteria on the board where they were made for this very brief."""
    rubric = piece.rubric if piece else None
    here = rubric is not None and rubric.prompt_id == prompt_id(brief) and not wishes.anew
    return Task(
        "",
        brief,
        rubric=rubric if here else None,
        rounds=int(wishes.rounds),
        depth="full" if wishes.thorough else "quick",
        kept=own(rubric) if rubric and not here else (),
        stop_after="criteria" if wishes.look_first and not here else "rounds",
        text=wishes.own,
        one_go=wishes.one_go,
        adapter=wishes.adapter,
        strength=wishes.strength,
    )


def wished(rounds: float, thorough: bool, look_first: bool, one_go: bool, adapter: str, strength: float) -> Wishes:
    """Return how a run shall go, as the page has it set."""
    return Wishes(rounds, thorough, look_first, one_go=one_go, adapter=adapter or "", strength=strength)


def on_stop(workspace: Workspace, said: str) -> Any:
    """Ask the run to stop and return what the Stop button says meanwhile."""
    run_id = place_of(said).run
    if not run_id:
        return gr.skip()
    try:
        workspace.jobs.stop(run_id)
        run = workspace.store.run(run_id)
    except WriterError as error:
        warn(str(error))
        return gr.skip()
    if run is None or run.state != "running":  # it ended by itself: nothing would take these words back
        return gr.skip()
    return gr.Button("Stopping …", interactive=False)


def on_round(workspace: Workspace, said: str, brief: str, text: str, wish: dict[str, str]) -> Desk:
    """Put a round's text into the manuscript; protected passages stay, and what stood there is kept as a version."""
    place, store, same = place_of(said), workspace.store, gr.skip()
    number = wish.get("attempt", "")
    if wish["act"] == "summary":
        return on_summary(workspace, place, wish)
    if wish["act"] == "why":
        return on_why(workspace, place)
    if wish["act"] != "use" or not number.isdigit() or not place.run:
        return Desk(same, same, same, same, same)
    try:
        now, part = store.trajectory(place.run), part_of_run(workspace, place.run)
        attempt, piece = now.attempt(int(number)), _kept(workspace, place, brief, text)
        if attempt is None or piece is None or not attempt.text.strip():
            return Desk(same, same, same, same, same)
        before, where, span = piece.revision, f" in {part.label}" if part else "", span_of(piece, part, now)
        words, left = put_whole(piece.text[slice(*span)], attempt.text, spans_in(store, piece, span))
        words = joined(piece.text, span, words) if part else words
        why, source = f"{title(attempt)} taken over{where}", Source("run", place.run, attempt.number)
        piece = store.save_piece(piece.id, piece.brief, words, before, why, source=source)
    except WriterError as error:
        return refused(str(error))
    said = taken_whole(title(attempt), left, part.label if part else "your manuscript")
    note = restoring.offer(said, piece.id, before) if piece.revision != before else restoring.done(said)
    return Desk(mark(piece, place.run), same, piece.text, ticket(piece, place.run), same, "", note)


def on_why(workspace: Workspace, place: Place) -> Desk:
    """Let the scores of the run that is shown get the reasons that they lack."""
    same = gr.skip()
    try:
        explain(workspace, place.run)
    except WriterError as error:
        return refused(str(error))
    return Desk(same, same, same, ticket(workspace.store.piece(place.piece), place.run), same)


class Parts(NamedTuple):
    """The tab's components, for wiring."""

    brief: gr.Textbox
    text: gr.Textbox
    page: Page
    wishes: tuple[Any, ...]  # the last two say which adapter is worn
    back: restoring.Parts


def build(workspace: Workspace) -> Parts:
    """Place the tab's parts in the open tab."""
    brief, wishes = place_brief(workspace)
    with gr.Row(elem_id="actions"):
        start = gr.Button("Start", variant="primary", elem_id="start", min_width=96, scale=0)
        judge = gr.Button("Judge my text", elem_id="judge", min_width=96, scale=0)
        stop = gr.Button("Stop", elem_id="stop", min_width=96, scale=0, interactive=False)
        phase = html(render.phase(None), "phase")
    announce, trouble = html("", "announce"), html("", "trouble")
    with gr.Row(elem_id="desk"):
        with gr.Column(elem_id="paper", min_width=0):
            sheet = html(render.manuscript(None), "sheet")
            Board("", elem_id="outline", script="outline.js", html_template="")  # its script draws it
            text = place_manuscript(workspace)
            hands = restoring.place_hands()
            versions = restoring.place_versions()
        criteria = Board("", elem_id="criteria", script="criteria_board.js")
    functions = reviewer(workspace)
    Board("", elem_id="proposals", script="proposals_board.js", html_template="", server_functions=functions)
    rounds = Board("", elem_id="rounds", script="round_board.js", html_template="")  # its script draws it
    since = Board("", elem_id="rounds-since", script="round_since.js", html_template="")
    page = Page(phase, announce, trouble, sheet, criteria, rounds, since, start, judge, stop)
    return Parts(brief, text, page, wishes, restoring.Parts(restoring.place_undo(), versions, hands))


def wire(workspace: Workspace, parts: Parts, piece: Board, shelf: Board) -> None:
    """Connect the tab, the sidebar and the part that knows the open piece."""
    said, wish_to_follow, page = gr.Textbox(visible=False), gr.State(""), parts.page
    answer = html("", "answer")
    desk = [piece, parts.brief, parts.text, wish_to_follow, shelf, page.trouble, parts.back.undo]
    typed = [parts.brief, parts.text, said]
    told, each = (how | {"js": WITH_PLACE} for how in (QUIET, EACH))
    begun: dict[str, Any] = QUIET | {"js": WITH_PART, "concurrency_id": "start", "trigger_mode": "once"}
    follower = Follower(workspace)

    def followed(wish: str, request: gr.Request) -> Iterator[Page]:
        yield from follower.follow(wish, request.session_hash or "")

    def left(request: gr.Request) -> None:
        follower.leave(request.session_hash or "")

    def loaded(request: gr.Request) -> Desk:
        return on_load(workspace, request.query_params.get("piece"), request.query_params.get("run"))

    def started(brief: str, text: str, *given: Any) -> Desk:
        return on_start(workspace, given[-1], brief, text, wished(*given[:-1]))

    def judged(brief: str, text: str, *given: Any) -> Desk:
        return on_judge(workspace, given[-1], brief, text, wished(*given[:-1]))

    def edited(event: gr.EventData, brief: str, text: str, *given: Any) -> Edited:
        wish, same, place = asked(event), gr.skip(), given[-1]
        if wish["act"] == "own":
            return Edited(same, on_rating(workspace, place, wish), same, same, same)
        if wish["act"] != "find":
            return on_criteria(workspace, place, brief, text, wish)
        desk = on_start(workspace, place, brief, text, wished(*given[:-1])._replace(look_first=True, anew=True))
        return Edited(desk.piece, desk.follow, desk.trouble, same, same)

    def chosen(brief: str, text: str, place: str, event: gr.EventData) -> Desk:
        wish, same = asked(event), gr.skip()
        if wish["act"] == "own":
            return Desk(same, same, same, on_rating(workspace, place, wish), same, same)
        return on_round(workspace, place, brief, text, wish)

    def shelved(place: str, event: gr.EventData) -> Desk:
        return on_shelf(workspace, place, asked(event))

    root = gr.context.Context.root_block
    assert root is not None, "wire() needs an open Blocks"
    wish_to_follow.change(followed, wish_to_follow, list(page), trigger_mode="multiple", **QUIET)
    root.load(loaded, None, desk, **QUIET)
    root.unload(left)
    start = [parts.brief, parts.text, *parts.wishes, said]
    page.start.click(started, start, desk, **begun)
    page.judge.click(judged, start, desk, **begun)
    page.stop.click(lambda place: on_stop(workspace, place), said, page.stop, **told)
    page.criteria.submit(edited, start, [piece, wish_to_follow, page.trouble, page.criteria, answer], **each)
    page.rounds.submit(chosen, typed, desk, **each)
    restoring.wire(workspace, parts.back, desk, typed, WITH_PLACE)
    shelf.submit(shelved, said, desk, **each | {"js": AT_ONCE})
    parts.brief.focus(workspace.warm, None, None, **QUIET)
    parts.brief.blur(
        lambda brief, place: on_suggest(workspace, place, brief), [parts.brief, said], page.criteria, **told
    )
