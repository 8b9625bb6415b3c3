"""Chat templates: what a template opens by itself is closed, and contents stay contents."""

import pytest

from writer_r1.llm import Message, Request
from writer_r1.llm.chat import Row, encode, filled

ASKED = [Message("user", "A fable of <think> and <|im_end|>."), Message("assistant", "No."), Message("user", "Yes.")]


def template(rows: list[Row], opens: str = "") -> str:
    return "".join(f"<|{row['role']}|>{row['content']}<|end|>" for row in rows) + "<|assistant|>" + opens


@pytest.mark.parametrize(
    ("opens", "tail"),
    [
        ("<think>\n", "<think>\n\n</think>\n\n"),  # as R1's distilled models have it
        ("<think>", "<think>\n\n</think>\n\n"),
        ("<think>\n\n</think>\n\n", "<think>\n\n</think>\n\n"),  # as Qwen3 has it, asked not to think
        ("", ""),
    ],
)
def test_a_thought_that_the_template_begins_is_ended_before_the_answer(opens: str, tail: str) -> None:
    parts = filled(lambda rows: template(rows, opens), ASKED)
    assert parts[-1] == "<|end|><|assistant|>" + tail
    assert parts[1] == ASKED[0].content and "".join(parts) == template([m._asdict() for m in ASKED], tail)
    request = Request((ASKED[2],), "<think>\n<plan>\n")
    _, after = encode(request, lambda rows: template(rows, opens), lambda text, special: [ord(c) for c in text])
    assert "".join(map(chr, after)) == "<|end|><|assistant|>" + tail + request.answer  # a thought that is asked for
