"""Protected passages: byte-identical whatever of a round is put into the manuscript; without them nothing changes."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_proposals import ACCEPT, EDITED, drafts

from writer_r1.errors import WriterError
from writer_r1.passage import GONE, NEAR, TWICE, Passage, located, places
from writer_r1.proposals import Decision, apply, proposals
from writer_r1.protection import allowed, alters, guarded, protected_spans, put_whole, within


def marked(text: str, start: int, end: int) -> Passage:
    """Return these characters as a page sends them."""
    return Passage(text=text[start:end], before=text[max(0, start - 2000) : start], after=text[end : end + 2000])


@st.composite
def guards(draw: st.DrawFn, text: str) -> list[Passage]:
    """Return passages marked anywhere in the text."""
    found = []
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, max(0, len(text) - 1)))
        end = draw(st.integers(start, min(len(text), start + 60)))
        if text[start:end].strip():
            found.append(marked(text, start, end))
    return found


def stands_in_order(texts: list[str], whole: str) -> bool:
    at = 0
    for text in texts:
        at = whole.find(text, at)
        if at < 0:
            return False
        at += len(text)
    return True


@given(drafts(), st.data())
@settings(deadline=None, max_examples=400)
def test_whatever_is_accepted_or_typed_in_its_place_a_protected_passage_keeps_every_byte(
    pair: tuple[str, str], data: st.DataObject
) -> None:
    old, new = pair
    spans = protected_spans(old, data.draw(guards(old)))
    kept = [old[a:b] for a, b in spans]
    found = guarded(old, proposals(old, new), spans)
    every = dict.fromkeys((p.id for p in found), ACCEPT)
    done = allowed(old, found, every, spans)
    assert stands_in_order(kept, apply(old, found, done))
    assert {p.id for p in found if not p.protected} == done.keys()  # the rest goes through
    typed = {p.id: Decision("edit", data.draw(EDITED)) for p in found}
    assert stands_in_order(kept, apply(old, found, allowed(old, found, typed, spans)))


@given(drafts(), st.data())
@settings(deadline=None, max_examples=300)
def test_a_whole_round_keeps_protected_passages_and_without_any_it_is_the_round_byte_for_byte(
    pair: tuple[str, str], data: st.DataObject
) -> None:
    old, new = pair
    assert put_whole(old, new, []) == (new, 0)
    assert put_whole(old, new, protected_spans(old, [Passage(text="words that stand nowhere")])) == (new, 0)
    passages = data.draw(guards(old))
    words, left = put_whole(old, new, protected_spans(old, passages))
    assert stands_in_order([old[a:b] for a, b in protected_spans(old, passages)], words)
    if not left:
        assert words == new


@given(drafts(), st.data())
@settings(deadline=None, max_examples=200)
def test_a_passage_is_found_where_it_was_marked_or_refused_but_never_elsewhere(
    pair: tuple[str, str], data: st.DataObject
) -> None:
    old, _ = pair
    start = data.draw(st.integers(0, len(old)))
    end = data.draw(st.integers(start, len(old)))
    passage = marked(old, start, end)
    if not (passage.text or passage.before) or "\r\n" in (old[start - 1 : start + 1], old[end - 1 : end + 1]):
        return  # a text box knows no place inside a line end
    try:
        assert located(passage, old) == (start, end)
    except WriterError as error:
        assert str(error) == TWICE


TEXT = "The lamp went out. She left at four.\r\n\r\nNobody came. The lamp went out. He stayed until the morning."


def test_a_passage_is_found_again_after_edits_elsewhere_and_with_other_line_ends() -> None:
    at = TEXT.index("She left")
    passage = marked(TEXT.replace("\r\n", "\n"), at, at + len("She left at four.\n\nNobody came."))
    assert passage.text.count("\n") == 2
    start, end = located(passage, "A new beginning. " + TEXT + " And an end.")
    assert (start, end - start) == (at + 17, len("She left at four.\r\n\r\nNobody came."))


def test_a_passage_that_is_gone_or_stands_twice_is_refused_in_a_sentence() -> None:
    lamp = marked(TEXT, TEXT.rindex("The lamp"), TEXT.rindex("The lamp") + 18)
    assert located(lamp, TEXT)[0] == TEXT.rindex("The lamp")
    with pytest.raises(WriterError, match="do not stand"):
        located(lamp, TEXT.replace("The lamp went out.", "It was dark."))
    with pytest.raises(WriterError, match="do not stand"):  # the other one is not what was marked
        located(lamp, TEXT[:18] + " It rained all night, and the boats stayed in.")
    alike = f"{TEXT}\n\n{TEXT}\n\n{TEXT}"
    with pytest.raises(WriterError, match="several places"):
        located(Passage(text="The lamp went out.", before="came. ", after=" He"), alike)
    assert {GONE, TWICE} and len(places(Passage(text="The lamp went out.", before="came. ", after=" He"), alike)) == 3


def test_a_caret_is_found_by_what_stood_before_it() -> None:
    caret = marked(TEXT, 36, 36)
    assert located(caret, TEXT) == (36, 36) and located(caret, "So. " + TEXT) == (40, 40)
    with pytest.raises(WriterError, match="do not stand"):
        located(caret, TEXT.replace("She left at four.", "She stayed."))
    assert len(caret.before[-NEAR:]) == NEAR


def test_a_change_beside_a_protected_sentence_is_made_and_one_inside_is_not() -> None:
    old = "The lamp went out. She left at four. Nobody came."
    new = "The lamp died. She left at five. Nobody at all came."
    spans = protected_spans(old, [marked(old, 19, 36)])
    found = guarded(old, proposals(old, new), spans)
    assert [p.old for p in found if p.protected] == ["four"]
    assert put_whole(old, new, protected_spans(old, [marked(old, 19, 36)])) == (
        "The lamp died. She left at four. Nobody at all came.",
        1,
    )


def test_a_paragraph_may_be_written_anew_around_a_sentence_that_it_keeps() -> None:
    old = "The hens are brown and loud. She left at four. It was a day like others."
    new = "Loud, brown: so are hens, all of them. She left at four. No other day resembled it in the least."
    spans = protected_spans(old, [marked(old, 29, 46)])
    (whole,) = [p for p in proposals(old, new) if p.start < 29 and p.end > 46]
    assert not alters(old, whole, whole.new, spans)
    assert put_whole(old, new, protected_spans(old, [marked(old, 29, 46)])) == (new, 0)
    words, _ = put_whole(old, new.replace("She left", "She went"), protected_spans(old, [marked(old, 29, 46)]))
    assert words.count("She left at four.") == 1


def test_of_a_part_of_the_manuscript_what_is_protected_in_it_stays() -> None:
    text = "She left at four. The kettle sang.\n\n***\n\nHe came at five. The dog slept."
    part = (text.index("He came"), len(text))
    spans = within(protected_spans(text, [Passage(text="The dog slept."), Passage(text="The kettle sang.")]), part)
    assert [text[part[0] :][slice(*span)] for span in spans] == ["The dog slept."]
    words, left = put_whole(text[slice(*part)], "He came at six. The cat slept.", spans)
    assert (words, left) == ("He came at six. The dog slept.", 1)
