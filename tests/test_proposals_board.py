"""The review of a round without a browser: what is shown, what is saved of the decisions, and what is refused."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import example_run as example
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_proposals import drafts
from test_ui import HOSTILE, parsed

from writer_r1.differences import Change
from writer_r1.events import Event
from writer_r1.preferences import preferences
from writer_r1.proposals import Asked, Decision, is_rewritten, proposals
from writer_r1.store import Piece, Source, this_process
from writer_r1.ui.proposals_board import CHANGED, NOTHING, Compared, changes, review, taken
from writer_r1.ui.reviewing import ELSEWHERE, NO_ROUND, NO_TEXT, NO_VERSION, NOT_READ, SINCE, reason, reviewer
from writer_r1.workspace import Workspace

TEXTS = st.sampled_from([HOSTILE, "", "حبر", "灯塔 🗼", f"One. {HOSTILE} Two."]) | st.text(
    st.characters(exclude_categories=["Cs"]), max_size=60
)


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    opened = Workspace(tmp_path / "home", tmp_path / "models")
    yield opened
    opened.close()


def compared(old: str, new: str, asked: Asked | None = None) -> Compared:
    found = tuple(p._replace(asked=asked) for p in proposals(old, new))
    return Compared("Round 1", "key", old, found, is_rewritten(old, new))


@given(TEXTS, TEXTS, TEXTS)
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_no_text_of_a_review_becomes_markup(old: str, new: str, said: str) -> None:
    held = compared(old, new, Asked(said, said))
    for html in (review(held), review(held._replace(title=said)), taken(said, 1, 2, 1)):
        page = parsed(html)
        assert not {"script", "img", "textarea", "a", "iframe"} & set(page.tags)
        assert not {name for name in page.attributes if name.startswith("on") or name in ("src", "href")}


@given(drafts())
@settings(deadline=None)
def test_each_change_stands_once_in_the_review_with_all_words_of_both_texts(pair: tuple[str, str]) -> None:
    old, new = pair
    held = compared(old, new)
    html = review(held)
    if old == new:
        assert NOTHING in parsed(html).text
        return
    assert [int(n) for n in re.findall(r'data-n="(\d+)"', html)] == list(range(len(held.found)))
    assert html.count('tabindex="0"') == 1 and [c["id"] for c in changes(held)] == [p.id for p in held.found]
    body = html[html.index('<div class="proposed') : html.index('<div class="side-panel')]
    for tag, text in (("ins", old), ("del", new)):
        left = parsed(re.sub(rf"<{tag}>.*?</{tag}>|<p class=\"(?:side|rewritten)\">.*?</p>", "", body, flags=re.DOTALL))
        assert "".join(left.text.replace("¶", "").split()) == "".join(text.replace("¶", "").split())


@pytest.mark.parametrize(
    ("decided", "said"),
    [
        ("aaa", "3 of 3 changes of Round 2 taken over"),
        ("ar", "1 of 3 changes of Round 2 taken over, 1 rejected, 1 left open"),
        ("e", "1 of 3 changes of Round 2 taken over, 1 in my own words, 2 left open"),
    ],
)
def test_a_version_is_named_after_what_was_decided(decided: str, said: str) -> None:
    verdicts = {"a": Decision("accept"), "r": Decision("reject"), "e": Decision("edit", "x")}
    assert reason("Round 2", 3, {str(n): verdicts[v] for n, v in enumerate(decided)}) == said


# The studio's side


def written(workspace: Workspace, text: str = example.FIRST) -> tuple[Piece, dict[str, Any]]:
    store = workspace.store
    piece = store.new_piece(example.PROMPT, text)
    events: list[Event] = example.whole_run("run1")
    store.begin("run1", example.PROMPT, "fake", this_process(), piece.id)
    store.append("run1", events)
    return piece, {"piece": piece.id, "base": piece.revision, "run": "run1", "attempt": 2}


def test_decisions_are_saved_as_one_version_and_taken_out_again(workspace: Workspace) -> None:
    compare, take_over, take_out = reviewer(workspace)
    piece, wish = written(workspace)
    told = compare(wish)
    assert told["title"] == "Round 1" and told["text"] == example.FIRST and len(told["changes"]) == 2
    accept = {told["changes"][0]["id"]: {"verdict": "accept"}, "unknown": {"verdict": "accept"}}
    answer = take_over(wish | {"key": told["key"], "decisions": accept})
    wanted = example.FIRST.replace("lift it as you pull.", f"lift it as you pull.{told['changes'][0]['new']}")
    assert answer["text"] == wanted and answer["before"] == piece.revision
    now, before = workspace.store.versions(piece.id)
    assert (now.text, now.why) == (wanted, "1 of 2 changes of Round 1 taken over, 1 left open")
    assert before.text == example.FIRST
    out = take_out({"piece": piece.id, "base": answer["revision"], "before": answer["before"]})
    assert out["text"] == example.FIRST and out["revision"] == answer["revision"] + 1
    assert [v.text for v in workspace.store.versions(piece.id)] == [example.FIRST, wanted, example.FIRST]


def test_the_changes_to_an_earlier_version_and_between_two_are_reviewed_like_a_rounds(workspace: Workspace) -> None:
    compare, take_over, _ = reviewer(workspace)
    store = workspace.store
    piece = store.new_piece("A storm", "The keeper slept. The cat sat on the old wall. He left.")
    piece = store.save_piece(
        piece.id, "A storm", "The keeper woke. The cat sat on the old wall. He stayed.", 1, "kept by hand"
    )
    piece = store.save_piece(piece.id, "A storm", "The keeper woke. The dog sat on the old wall. He stayed.", 2, "x")
    wish = {"piece": piece.id, "base": 3, "revision": 1, "against": 0}
    told = compare(wish)
    assert [(c["old"], c["new"]) for c in told["changes"]] == [
        ("woke", "slept"), ("dog", "cat"), ("stayed", "left"),
    ]  # fmt: skip
    assert told["title"].startswith("the version of ")
    accept = {told["changes"][0]["id"]: {"verdict": "accept"}}
    answer = take_over(wish | {"key": told["key"], "decisions": accept})
    assert answer["text"] == "The keeper slept. The dog sat on the old wall. He stayed."
    now = store.version(piece.id, 4)
    assert (
        now and now.source == Source("piece", piece.id, 1) and now.why.startswith("1 of 3 changes of the version of ")
    )

    store.name_version(piece.id, 2, "Two")
    wish |= {"base": 4, "revision": 2, "against": 1}
    told = compare(wish)
    assert [(c["old"], c["new"]) for c in told["changes"]] == [("slept", "woke")]  # he stays at home by now
    assert told["title"].startswith("“Two” since the version of ") and "1 more change of it" in told["html"]
    wish |= {"revision": 3, "against": 2}
    assert "None of its changes" in compare(wish)["html"]
    for gone in ({"revision": 9}, {"against": 9}):
        assert compare(wish | gone) == {"error": NO_VERSION}
    other = store.new_piece("Another", "Its words.")
    assert compare({"piece": other.id, "base": 1, "revision": 3, "against": 0}) == {"error": NO_VERSION}


def test_what_was_decided_is_kept_to_train_on_and_forgotten_where_it_is_taken_out(workspace: Workspace) -> None:
    compare, take_over, take_out = reviewer(workspace)
    piece, wish = written(workspace)
    told, store = compare(wish), workspace.store
    first, second = (one["id"] for one in told["changes"])
    both = {first: {"verdict": "reject"}, second: {"verdict": "reject"}}
    answer = take_over(wish | {"key": told["key"], "decisions": both})
    assert answer["revision"] == piece.revision and "Your manuscript is as it was" in answer["html"]
    assert [(v.text, v.why) for v in store.versions(piece.id)] == [(example.FIRST, "begun")]
    assert [c.verdict for c in store.decisions()] == ["reject", "reject"]
    own = {first: {"verdict": "edit", "text": " Mine."}, second: {"verdict": "accept"}}
    answer = take_over(wish | {"key": told["key"], "decisions": own})
    kept = {c.change_id: c for c in store.decisions()}  # in the place of what was decided before
    assert store.decision_count() == 2 and {c.revision for c in kept.values()} == {answer["revision"]}
    assert (kept[first].verdict, kept[first].own, kept[first].source) == ("edit", " Mine.", "run run1 2")
    assert kept[second].prompt == example.PROMPT
    rows = {row["chosen"]: row for row in preferences(store.decisions())}
    assert len(rows) == 2 and all(chosen in answer["text"] for chosen in rows)
    assert sum(kept[first].new.strip() in row["rejected"] for row in rows.values()) == 1
    take_out({"piece": piece.id, "base": answer["revision"], "before": answer["before"]})
    assert store.decisions() == []


def test_nothing_is_put_into_another_text_than_was_compared(workspace: Workspace) -> None:
    compare, take_over, take_out = reviewer(workspace)
    piece, wish = written(workspace)
    told = compare(wish)
    accept = {one["id"]: {"verdict": "accept"} for one in told["changes"]}
    newer = workspace.store.save_piece(piece.id, piece.brief, example.FIRST + " More.", piece.revision)
    assert take_over(wish | {"key": told["key"], "decisions": accept}) == {"error": ELSEWHERE}
    assert compare(wish) == {"error": ELSEWHERE}
    wish |= {"base": newer.revision}
    assert take_over(wish | {"key": told["key"], "decisions": accept}) == {"changed": CHANGED}
    assert workspace.store.piece(piece.id) == newer
    taken_over = take_over(wish | {"key": compare(wish)["key"], "decisions": accept})
    newest = workspace.store.save_piece(piece.id, piece.brief, "Mine.", taken_over["revision"])
    back = {"piece": piece.id, "base": taken_over["revision"], "before": newer.revision}
    assert take_out(back) == {"error": SINCE} and workspace.store.piece(piece.id) == newest


def test_nothing_is_put_where_the_comparison_comes_out_otherwise(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    compare, take_over, _ = reviewer(workspace)
    piece, wish = written(workspace)
    told = compare(wish)
    accept = {one["id"]: {"verdict": "accept"} for one in told["changes"]}
    # As when there was no time to look into the sentences.
    monkeypatch.setattr("writer_r1.proposals.changes", lambda old, new: [Change("delete", old), Change("insert", new)])
    assert take_over(wish | {"key": told["key"], "decisions": accept}) == {"changed": CHANGED}
    assert [v.text for v in workspace.store.versions(piece.id)] == [piece.text]


def test_what_cannot_be_reviewed_is_refused_in_a_sentence(workspace: Workspace) -> None:
    compare, take_over, take_out = reviewer(workspace)
    piece, wish = written(workspace, "")
    assert compare(wish) == compare(wish | {"piece": ""}) == {"error": NO_TEXT}
    piece = workspace.store.save_piece(piece.id, piece.brief, "Mine.", piece.revision)
    wish |= {"base": piece.revision}
    assert compare(wish | {"attempt": 9}) == {"error": NO_ROUND}
    assert "html" in compare(wish)
    assert isinstance(compare(wish | {"run": "gone"}).get("error"), str)
    for hostile in (None, 3, "x", {}, {"attempt": "x"}, wish | {"attempt": 0}):
        for ask in (compare, take_over, take_out):
            assert ask(hostile) == {"error": NOT_READ}
    assert take_over(wish | {"key": "", "decisions": {"a": {"verdict": "burn"}}}) == {"error": NOT_READ}
    assert workspace.store.piece(piece.id) == piece
