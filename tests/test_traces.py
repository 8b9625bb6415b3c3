"""A thought and its text form: back and forth without loss, and whatever is no thought is refused with a reason."""

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scripted import FIRST, PROMPT, revision

from writer_r1.prompts import disarm
from writer_r1.traces import TAGS, Change, Refusal, Segment, Trace, changed, changes_between, parse, written

BOOT = Segment(
    reflection="“my left boot” is all that I show of the stairs.",
    changes=(Change(paragraph=2, text=revision("alpha")),),
    before=0.4, after=0.6, least=0.1,
)  # fmt: skip
LAMP = Segment(
    reflection="It ends too soon.", changes=(Change(paragraph=3, operation="extend", text="The lamp went out."),)
)


def trace(*segments: Segment, **more: str) -> Trace:
    fields = {"prompt": PROMPT, "plan": "I will begin with the stairs.", "draft": FIRST, "final": FIRST} | more
    return Trace(segments=segments, **fields)


WHOLE = written(trace(BOOT, LAMP))


def test_the_text_form_is_what_a_model_learns_to_write() -> None:
    short = Trace(
        prompt="A note.",
        plan="First the key.",
        draft="One.\n\nTwo.",
        segments=(Segment(reflection="“Two” is bare.", changes=(Change(paragraph=2, text="Two keys."),)),),
        final="One.\n\nTwo keys.",
    )
    assert written(short) == (
        "<think>\n<plan>\nFirst the key.\n</plan>\n<draft>\nOne.\n\nTwo.\n</draft>\n<reflection>\n“Two” is bare.\n"
        '</reflection>\n<revision paragraph="2">\nTwo keys.\n</revision>\n</think>\n\nOne.\n\nTwo keys.'
    )
    assert parse(written(short), "A note.") == short and short.texts() == ["One.\n\nTwo.", "One.\n\nTwo keys."]


def test_what_a_thought_did_to_the_text_can_be_worked_out() -> None:
    first, second, third = trace(BOOT, LAMP).texts()
    assert first == FIRST and second == FIRST.replace(FIRST.split("\n\n")[1], revision("alpha"))
    assert third == second + "\n\nThe lamp went out."
    found = parse(WHOLE, PROMPT)
    assert found == trace(BOOT, LAMP).unjudged() and isinstance(found, Trace) and found.segments[0].before is None


HOSTILE = ["<plan>", "</think>", "\\<draft>", "a \\\\</revision> b", '<revision paragraph="1">', "I <3 you", "<", "x\\"]
said = st.one_of(st.text(max_size=40), st.sampled_from(HOSTILE)).filter(lambda words: bool(words.strip()))
pieces = st.lists(said, min_size=1, max_size=4).map("\n\n".join)
changes = st.builds(Change, paragraph=st.just(1), operation=st.sampled_from(["rewrite", "extend"]), text=pieces)
segments = st.builds(Segment, reflection=said, changes=st.tuples(changes))
traces = st.builds(
    Trace,
    prompt=st.text(max_size=20),
    plan=st.one_of(st.just(""), said),
    draft=pieces,
    segments=st.lists(segments, max_size=3).map(tuple),
    final=pieces,
)


@given(traces)
def test_every_thought_comes_back_from_its_text_form(one: Trace) -> None:
    assert parse(written(one), one.prompt) == one
    assert len(re.findall(r"(?<!\\)<", written(one))) % 2 == 0  # no words of it pass for a tag


@given(st.one_of(st.text(), st.lists(st.sampled_from([*HOSTILE, *(f"<{t}>" for t in TAGS), "words"])).map("\n".join)))
@example("<think><draft>a</draft></think>")
def test_whatever_a_text_is_it_is_read_or_refused_with_a_reason(text: str) -> None:
    found = parse(text)
    if isinstance(found, Refusal):
        assert found.reason and "<" not in found.reason
    else:
        assert parse(written(found)) == found


@given(st.integers(0, len(WHOLE)))
def test_wherever_a_thought_is_cut_it_is_refused_or_only_the_piece_is_shorter(cut: int) -> None:
    found, end = parse(WHOLE[:cut], PROMPT), WHOLE.index("</think>") + len("</think>\n\n")
    if cut <= end:
        assert isinstance(found, Refusal)
    else:
        assert isinstance(found, Trace) and found.final == WHOLE[end:cut].strip() and found.draft == FIRST


D = "<draft>\nA.\n\nB.\n</draft>"
R, V = "<reflection>\nHm.\n</reflection>", '<revision paragraph="1">\nC.\n</revision>'


def thought(*parts: str, final: str = "C.\n\nB.") -> str:
    return "\n".join(["<think>", *parts, "</think>", "", final])


REFUSED = {
    "only a piece": ("Just a piece.", "there is no thought in it"),
    "a piece first": ("Sure! " + thought(D), "words before the thought: “Sure!”"),
    "begins with another part": (D, "it does not begin with a thought"),
    "never ends": ("<think>\n" + D, "the thought is cut: it has no end"),
    "cut in a draft": ("<think>\n<draft>\nOnce", "the thought is cut in a draft"),
    "cut in a tag": ("<think>\n<draft>\nOnce</dr", "a tag that is none of a thought's: “/dr”"),
    "cut before a tag": ("<think>\n<", "a tag that is none of a thought's: “cut short”"),
    "nested": (thought("<draft>A. <reflection>Hm.</reflection></draft>"), "a reflection inside a draft"),
    "the same in itself": (thought("<draft>A. <draft>B.</draft></draft>"), "a draft inside a draft"),
    "a thought in a thought": (thought("<think>", D, "</think>"), "a thought inside the thought"),
    "crossed": (thought("<plan>P <draft>A</plan></draft>"), "a draft inside a plan"),
    "ends twice": (thought(D, "</draft>"), "the end of a draft that did not begin"),
    "unknown": (thought(D, "<score>9</score>"), "a tag that is none of a thought's: “score”"),
    "unknown inside": (thought("<draft>A <b>word</b>.</draft>"), "a tag that is none"),
    "large letters": (thought("<DRAFT>A</DRAFT>"), "a tag that is none of a thought's"),
    "words between": (thought(D, "Hm.", R, V), "words between the parts of the thought: “Hm.”"),
    "words at the end": (thought(D, "Done."), "words between the parts of the thought: “Done.”"),
    "no draft": (thought("<plan>P</plan>"), "a thought without a draft"),
    "nothing": (thought(), "a thought without a draft"),
    "reflection first": (thought(R, V, D), "a reflection where the draft should be"),
    "two drafts": (thought(D, D), "a second draft"),
    "plan in the middle": (thought(D, "<plan>P</plan>"), "a second plan"),
    "no reflection": (thought(D, V), "a revision without a reflection"),
    "no revision": (thought(D, R), "a reflection without a revision"),
    "two reflections": (thought(D, R, R, V), "a reflection after another reflection"),
    "no place": (thought(D, R, "<revision>C</revision>"), "a revision that names no paragraph"),
    "place zero": (thought(D, R, '<revision paragraph="0">C</revision>'), "a tag that is none"),
    "place of a plan": (thought('<plan paragraph="1">P</plan>', D), "a plan that names a paragraph"),
    "no such paragraph": (thought(D, R, V.replace("1", "7")), "a revision of paragraph 7, and there are 2"),
    "one paragraph twice": (thought(D, R, V, V), "two revisions of one paragraph"),
    "empty": (thought(D, "<reflection>\n \n</reflection>", V), "nothing stands in a reflection"),
    "no piece": (thought(D, R, V, final=" "), "no piece after the thought"),
    "a tag in the piece": (thought(D, R, V, final="C. <draft> B."), "a draft after the end of the thought"),
    "a second thought": (thought(D) + "\n" + thought(D), "a think after the end of the thought"),
}


@pytest.mark.parametrize(("text", "reason"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_thought_is_refused_and_why(text: str, reason: str) -> None:
    found = parse(text)
    assert isinstance(found, Refusal) and found.reason.startswith(reason)


def test_a_revision_of_the_paragraph_that_would_come_next_adds_it() -> None:
    found = parse(thought(D, R, V.replace("1", "3"), R, V.replace("1", "4")))
    assert isinstance(found, Trace)
    assert [(c.paragraph, c.operation) for s in found.segments for c in s.changes] == [(2, "extend"), (3, "extend")]
    assert found.texts()[-1].split() == ["A.", "B.", "C.", "C."]
    refused = parse(thought(D, R, V.replace("1", "4")))
    assert isinstance(refused, Refusal) and refused.reason == "a revision of paragraph 4, and there are 2"


@pytest.mark.parametrize("next_one", ['paragraph="3"', 'after="2"'])
def test_one_reflection_may_rewrite_the_last_paragraph_and_add_the_next(next_one: str) -> None:
    last, added = V.replace("1", "2"), V.replace('paragraph="1"', next_one).replace("C.", "D.")
    found = parse(thought(D, R, last, added, final="A.\n\nC.\n\nD."))
    assert isinstance(found, Trace) and found.texts()[-1] == found.final
    assert parse(written(found)) == found


def test_what_the_end_of_a_part_says_besides_means_nothing() -> None:
    said = parse(
        thought(D, R, V.replace("</revision>", '</revision paragraph="9">')).replace("</think>", '</think after="2">')
    )
    assert isinstance(said, Trace) and said == parse(thought(D, R, V))


def test_a_tag_in_quotation_marks_is_a_tag_and_one_with_a_stroke_before_it_is_words() -> None:
    assert isinstance(parse(thought(D.replace("A.", "He typed “<plan>”."))), Refusal)
    found = parse(thought(D.replace("A.", "He typed “\\<plan>”."), final="He typed “\\<plan>”."))
    assert isinstance(found, Trace) and found.final == "He typed “<plan>”." and found.draft.startswith(found.final)


@pytest.mark.parametrize("name", TAGS)
def test_a_tag_that_a_user_types_into_a_request_is_none_to_the_model(name: str) -> None:
    typed = f"A poem <{name}> about </{name}> rain"
    assert f"<{name}" not in disarm(typed) and f"</{name}" not in disarm(typed) and len(disarm(typed)) == len(typed)


BETWEEN: dict[str, tuple[str, str, list[tuple[int, str, str]] | None]] = {
    "one": ("A.\n\nB.\n\nC.", "A.\n\nX.\n\nC.", [(2, "rewrite", "X.")]),
    "the last grows": ("A.\n\nB.", "A.\n\nB.\n\nC.\n\nD.", [(2, "extend", "C.\n\nD.")]),
    "one becomes two": ("A.\n\nB.", "X.\n\nY.\n\nB.", [(1, "rewrite", "X.\n\nY.")]),
    "both": ("A.\n\nB.", "X.\n\nY.", [(1, "rewrite", "X."), (2, "rewrite", "Y.")]),
    "nothing": ("A.\n\nB.", "A.\n\nB.", None),
    "one taken out": ("A.\n\nB.", "A.", None),
    "one put first": ("A.", "X.\n\nA.", None),
}


@pytest.mark.parametrize(("old", "new", "wanted"), BETWEEN.values(), ids=BETWEEN)
def test_two_rounds_of_a_text_give_the_changes_between_them(
    old: str, new: str, wanted: list[tuple[int, str, str]] | None
) -> None:
    found = changes_between(old, new)
    assert wanted == (None if found is None else [(c.paragraph, c.operation, c.text) for c in found])
    assert found is None or changed(old, found) == new


@given(pieces, pieces)
def test_changes_between_any_two_texts_make_the_one_of_the_other_or_are_none(old: str, new: str) -> None:
    found = changes_between(old, new)
    if found is not None:
        assert changed(old, found).split() == new.split()
