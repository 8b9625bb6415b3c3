from hypothesis import given
from hypothesis import strategies as st

from writer_r1.llm import Message, Request
from writer_r1.llm.answering import BEGUN, Rest, chat, place

ASKED = Request((Message("system", "s"), Message("user", "u")), "Score: ")
WORDS = st.text(alphabet='ab :"\n', min_size=1, max_size=12)


def pieces(text: str, cuts: list[int]) -> list[str]:
    at = sorted({0, len(text), *(c % (len(text) + 1) for c in cuts)})
    return [text[i:j] for i, j in zip(at, at[1:], strict=False)]


@given(WORDS.filter(str.strip), WORDS, st.lists(st.integers(0, 40)))
def test_a_beginning_that_is_repeated_is_taken_off_however_it_comes(begun, more, cuts):
    rest = Rest(begun)
    assert "".join(map(rest.add, pieces(begun.strip() + more, cuts))) == more


@given(WORDS, WORDS.map(lambda text: "z" + text), st.lists(st.integers(0, 40)))
def test_a_reply_that_goes_straight_on_is_left_as_it_is(begun, reply, cuts):
    rest = Rest(begun)
    assert "".join(map(rest.add, pieces(reply, cuts))) == reply


def test_a_server_that_goes_on_is_given_the_beginning_as_its_own_words():
    assert chat(ASKED, "7", "plain") == (
        [m._asdict() for m in ASKED.messages] + [dict(role="assistant", content="Score: 7")],
        {},
    )
    assert chat(ASKED, "", "flagged")[1] == {"continue_final_message": True, "add_generation_prompt": False}


def test_any_other_is_told_the_beginning_in_words():
    messages, more = chat(ASKED, "", "")
    assert messages[-1] == {"role": "user", "content": f"u\n\n{BEGUN}\n\nScore: "}
    assert (len(messages), more) == (2, {})
    assert chat(ASKED._replace(answer=""), "", "")[0] == [m._asdict() for m in ASKED.messages]


def test_the_first_token_that_is_the_answers_own_is_found():
    assert place(["Score", ":", " ", "7"], "Score: ") == 3
    assert place(["7"], "Score: ") == 0
    assert place([" 7", " of 9"], "Score: ") == 0
    assert place(["Sc", "ore", ": 7"], "Score: ") == 2
    assert place(["Score", ":"], "Score: ") == 2
