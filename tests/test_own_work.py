"""The writer's library -> rows to train on: by where they come from, with what was left out and why."""

import secrets
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_proposals import drafts

from writer_r1.errors import WriterError
from writer_r1.events import Drafted
from writer_r1.preferences import Review, choices, decided_paragraphs
from writer_r1.proposals import Decision, apply, proposals
from writer_r1.store import BlindPair, Choice, Source, Store, this_process
from writer_r1.training.checklist import ready
from writer_r1.training.data import Example, read, split
from writer_r1.training.own_work import WORKS, counted
from writer_r1.training.own_work import own as own_work
from writer_r1.training.plan import Plan, data_of, write_rows
from writer_r1.trajectory import Criterion, Rubric, prompt_id

STORY = "The keeper climbed the stair with a can of oil and counted the steps as he went."
LETTER = "Dear Ann, the lamp is yours from Monday, and the third step is loose; mind it."
OLD = (
    "He went up. The stair was cold and the lamp was not lit, he saw.\n\n"
    "Nobody had come since the storm took the boat away."
)
NEW = OLD.replace("cold", "wet").replace("not lit", "out").replace("Nobody", "No one")


def own(store: Store) -> list[Example]:
    return list(own_work(store).examples)


def review(store: Store, verdicts: str, prompt: str = "A storm", texts: tuple[str, str] = (OLD, NEW)) -> list[Choice]:
    """Decide on the changes of a text, a letter each of accept, reject and edit, and save what comes of it."""
    piece = store.new_piece(prompt, texts[0], "Stairs")
    found, words = proposals(*texts), {"a": "accept", "r": "reject", "e": "edit"}
    given_ = {one.id: Decision(words[v], "dark") for one, v in zip(found, verdicts, strict=False)}  # type: ignore[arg-type]
    over = any(v != "r" for v in verdicts)
    text = apply(texts[0], found, given_)
    saved = (
        store.save_piece(piece.id, prompt, text, 1, "changes taken over", source=Source("run", "r1", 1))
        if over
        else piece
    )
    kept = choices(piece, found, given_, Review(prompt, "run r1 1", saved.revision))
    store.keep_choices(kept)
    return kept


def written(store: Store, run_id: str, prompt: str, piece_id: str, *texts: str) -> None:
    store.begin(run_id, prompt, "starter", this_process(), piece_id)
    store.append(run_id, [Drafted(attempt=n, text=text) for n, text in enumerate(texts, 1)])


def test_what_the_writer_kept_is_read_from_the_library_and_drafts_nobody_took_are_not(tmp_path: Path) -> None:
    store = Store(tmp_path / "library.db")
    rubric = Rubric(prompt_id=prompt_id("A storm"), criteria=(Criterion(name="Salt", description="It is salty."),))
    piece = store.new_piece("A storm")
    written(store, "r1", "A storm", piece.id, STORY, LETTER)
    assert own(store) == []
    piece = store.save_piece(piece.id, "A storm", STORY, piece.revision, "Round 1 taken over")
    store.set_rubric(piece.id, rubric)
    [example] = own(store)
    assert example[1:] == ("A storm", STORY, rubric, "“A storm”, a round you took over", "taken")
    piece = store.save_piece(piece.id, "A storm", STORY + " He was late.", piece.revision, "by hand")
    [example] = own(store)
    assert (example.text, example.source) == (STORY + " He was late.", "“A storm”, a round that you changed")


def test_a_text_is_no_answer_to_the_request_that_came_after_it(tmp_path: Path) -> None:
    store = Store(tmp_path / "library.db")
    piece = store.new_piece("", STORY)
    assert own(store) == []  # nobody asked for it
    piece = store.save_piece(piece.id, "A storm", STORY, 1, "kept")
    piece = store.save_piece(piece.id, "A fox", STORY, piece.revision, "kept")
    assert [(e.prompt, e.text, e.source) for e in own(store)] == [("A storm", STORY, "“A fox”, your own words")]
    store.save_piece(piece.id, "A fox", LETTER, piece.revision, "kept")
    copied = store.new_piece("A copy", LETTER)
    assert [(e.prompt, e.text) for e in own(store)] == [("A copy", LETTER), ("A storm", STORY)]
    store.delete_piece(copied.id)
    assert {(e.prompt, e.text) for e in own(store)} == {("A storm", STORY), ("A fox", LETTER)}


def test_a_round_taken_over_change_by_change_is_a_round_that_was_changed(tmp_path: Path) -> None:
    store = Store(tmp_path / "library.db")
    piece = store.new_piece("A storm")
    store.save_piece(
        piece.id, "A storm", STORY, piece.revision, "2 of 3 changes taken over", source=Source("run", "r1", 1)
    )
    assert [e.work for e in own(store)] == ["changed"]


def test_a_page_that_was_cleared_keeps_its_last_text_and_what_is_left_out_is_named(tmp_path: Path) -> None:
    store = Store(tmp_path / "library.db")
    piece = store.new_piece("A storm", STORY)
    store.save_piece(piece.id, "A storm", "Anew.", piece.revision, "kept")
    store.new_piece("A fox", "Too short.", "Fox")
    store.new_piece("", LETTER, "No brief")
    store.new_piece("A storm, again", STORY.upper(), "Copy")
    found = own_work(store)
    assert [e.text for e in found.examples] == [STORY.upper()]  # the newest of two that are the same
    assert {(d.file, d.reason) for d in found.dropped} == {
        ("“Fox”, your own words", "too short: a piece has at least 8 words, and this one 2"),
        ("“No brief”, your own words", "no brief says what it was written for"),
        ("“A storm”, your own words", "the same text as “Copy”"),
    }


def test_what_was_decided_of_a_paragraph_is_one_row_as_it_then_stands(tmp_path: Path) -> None:
    store = Store(tmp_path / "library.db")
    assert [text for _, text in decided_paragraphs(review(store, "aer"))] == [
        "He went up. The stair was wet and the lamp was dark, he saw.",
        "Nobody had come since the storm took the boat away.",
    ]
    found = own_work(store, ["reviewed"])
    assert [e.text for e in found.examples] == [text for _, text in decided_paragraphs(store.decisions())]
    assert {(e.prompt, e.work) for e in found.examples} == {("A storm\n\nWrite one paragraph of it.", "reviewed")}
    assert found.examples[0].source == "“Stairs”, a paragraph as you decided it"
    # Both stand in the piece as it is now, until its writer changes it.
    both = own_work(store)
    assert counted(both.examples) == "1 round that you changed"
    assert [d.reason for d in both.dropped] == ["it stands in a piece that is learned whole"] * 2
    [piece] = store.pieces()
    store.save_piece(piece.id, "A storm", STORY, piece.revision, "by hand")
    assert counted(own(store)) == "1 round that you changed, 2 paragraphs decided in a review".replace(
        "a review", "reviews"
    )


def test_a_paragraph_that_another_change_reaches_into_is_left_out(tmp_path: Path) -> None:
    store = Store(tmp_path / "library.db")
    [first, *_] = review(store, "aaa")
    entangled = first._replace(change_id="x", lead="He went up, nobody knows why or when, and the stair was ")
    store.keep_choices([entangled])
    assert [d.reason for d in own_work(store, ["reviewed"]).dropped] == [
        "another change of the same review reaches into it"
    ]


@given(drafts(), st.data())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25, deadline=None)
def test_every_row_of_a_review_stands_in_the_text_that_came_of_it(
    tmp_path: Path, pair: tuple[str, str], data: st.DataObject
) -> None:
    store = Store(tmp_path / f"{secrets.token_hex(8)}.db")
    count = len(proposals(*pair))
    verdicts = "".join(data.draw(st.lists(st.sampled_from("are"), min_size=count, max_size=count)))
    review(store, verdicts, texts=pair)
    [piece] = store.pieces()
    assert all(example.text in piece.text for example in own_work(store, ["reviewed"]).examples)


@given(st.lists(st.sampled_from("are"), min_size=3, max_size=3))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=27, deadline=None)
def test_decided_paragraphs_are_those_of_the_text_that_came_of_it(tmp_path: Path, verdicts: list[str]) -> None:
    store = Store(tmp_path / f"{secrets.token_hex(8)}.db")
    kept = review(store, "".join(verdicts))
    found = proposals(OLD, NEW)
    given_ = {c.change_id: Decision(c.verdict, c.own) for c in kept}
    assert [text for _, text in decided_paragraphs(kept)] == apply(OLD, found, given_).split("\n\n")


def test_a_later_review_of_the_same_paragraph_takes_the_place_of_the_earlier() -> None:
    first = Choice("p", "run r 1", "c1", 2, "A storm", "", "", "reject", "It was ", "cold", "wet", "", " there.")
    later = first._replace(source="run r 2", change_id="c2", revision=3, verdict="accept", new="icy")
    assert [text for _, text in decided_paragraphs([first, later])] == ["It was icy there."]
    elsewhere = later._replace(piece_id="q")
    assert len(list(decided_paragraphs([first, elsewhere]))) == 2


def test_a_text_preferred_blind_is_a_row_and_one_nobody_preferred_is_none(tmp_path: Path) -> None:
    store = Store(tmp_path / "library.db")
    for seed, choice in enumerate(("adapter", "base", "neither", "out", "")):
        texts = (f"{STORY} {seed}", f"{LETTER} {seed}")
        store.keep_blind_pair(BlindPair("sea-1", "w", seed, "fake", f"A storm, take {seed}", *texts, "base", choice))  # type: ignore[arg-type]
    assert [(e.text, e.work) for e in own(store)] == [(f"{LETTER} 0", "blind"), (f"{STORY} 1", "blind")]


def test_a_paragraph_is_on_the_side_of_its_piece(tmp_path: Path) -> None:
    rows = [Example(f"{n}", f"A storm, take {n}", f"{STORY} {n}", None, "") for n in range(6)]
    rows += [
        e._replace(id=f"p{e.id}", prompt=f"{e.prompt}\n\nWrite one paragraph of it.", text=f"{LETTER} {e.id}")
        for e in rows
    ]
    for seed in range(5):
        train, held = split(rows, 0.3, seed)
        takes = [{e.id.removeprefix("p") for e in side} for side in (train, held)]
        assert not takes[0] & takes[1] and len(train) + len(held) == 12


def test_the_plan_says_how_many_rows_each_kind_gives_and_copies_just_those(tmp_path: Path) -> None:
    store, home = Store(tmp_path / "library.db"), tmp_path / "home"
    plan = Plan(source="own", works=WORKS)
    with pytest.raises(WriterError, match="holds no piece with a brief"):
        data_of(plan, store)
    store.new_piece("A fox", "Short.")
    with pytest.raises(WriterError, match="1 left out, the first because of this: too short: a piece has at least"):
        data_of(plan, store)
    store.new_piece("A letter", LETTER)
    review(store, "aaa")
    said = ready(plan, home, tmp_path / "models", store).checks[0].said
    assert said.startswith(
        "2 pieces to learn from: 1 round that you changed, 1 text of your own words; 3 rows left out"
    )
    written_only = plan.model_copy(update={"works": ("written", "reviewed")})
    assert [e.work for e in data_of(written_only, store).examples] == ["written", "reviewed", "reviewed"]
    with pytest.raises(WriterError, match="Tick at least one kind"):
        data_of(plan.model_copy(update={"works": ()}), store)
    practice = data_of(plan.model_copy(update={"goal": "mrpo"}), store)
    assert sorted(e.prompt for e in practice.examples) == ["A letter", "A storm"]  # requests for whole pieces
    write_rows(tmp_path / "rows.jsonl", data_of(plan, store).examples)
    assert [e.text for e in read(tmp_path / "rows.jsonl").examples] == [e.text for e in data_of(plan, store).examples]
    assert Plan().works == ("taken", "changed", "written")
