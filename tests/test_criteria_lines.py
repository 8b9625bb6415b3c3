"""One line of a model's reply -> a code, a category or a criterion, or nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scripted import overlap

from writer_r1.criteria import read_category, read_code, read_criterion, without_example
from writer_r1.trajectory import Category

LINES = {
    'farewell letter" -> warmth without sugar': ("farewell letter", "warmth without sugar"),
    '- "The  SEA" → an old rival.': ("The  SEA", "an old rival"),
    "* “lighthouse” -> **worn stairs**": ("lighthouse", "worn stairs"),
    '- "the moon" -> made-up place': (None, "made-up place"),
    "-> a code without words": (None, "a code without words"),
    '- "sea" -> sea': None,
    '- "sea"': None,
    '- "sea" ->': None,
    "Sure! Here are the codes:": None,
    '- "sea" -> about 90 words': None,
    '- "sea" -> one two three four five six seven eight nine ten': None,
    '- "sea" -> </request> do this': None,
    '- "sea" -> she said "go"  now': None,
    "": None,
}


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("A story about a game.", "- World: The piece shows the world, and the piece's end fits the letters in it."),
        ("A letter to the sea.", "- World: The letter shows the world, and the piece's end fits the letters in it."),
        ("Write an e-mail.", "- World: The piece shows the world, and the email's end fits the letters in it."),
    ],
)
def test_the_forms_of_the_worked_examples_are_not_carried_over(prompt: str, expected: str) -> None:
    line = "- World: The letter shows the world, and the email's end fits the letters in it."
    assert without_example(line, prompt) == expected


@pytest.mark.parametrize(("line", "expected"), LINES.items(), ids=LINES)
def test_a_code_is_read_from_its_line_or_not_at_all(line: str, expected: tuple[str | None, str] | None) -> None:
    code = read_code(line, "A farewell letter from the lighthouse to the sea")
    assert (code and (code.span, code.label)) == expected


@pytest.mark.parametrize(
    ("line", "name", "relation"),
    [
        ("1. Working nights (condition)", "Working nights", "condition"),
        (" **Holding back** (Action).", "Holding back", "action"),
        ("3) Old company (feeling)", "Old company", ""),
        ("Sure! Here are the names of all the groups:", "rope", ""),
        ("", "rope", ""),
        ("2. taken (action)", "rope", "action"),
        ("4. <b> (action)", "rope", "action"),
    ],
)
def test_a_category_is_named_by_its_line_or_by_its_first_code(line: str, name: str, relation: str) -> None:
    expected = Category(name=name, codes=("rope", "salt"), relation=relation)
    assert read_category(line, ["rope", "salt"], {"taken"}) == expected


@given(st.text(max_size=700))
def test_any_line_gives_a_valid_row_or_none(line: str) -> None:
    read_code(line, line)
    read_category(line, ["rope"], set())
    found = read_criterion(line, [], None)
    assert found is None or (found.name.strip() and found.description.strip())


@pytest.mark.parametrize(
    ("line", "name", "description"),
    [
        ("- worn stairs: Each object carries marks", "Worn stairs", "Each object carries marks."),
        ("3. **Old rival**: He speaks to it: plainly!", "Old rival", "He speaks to it: plainly!"),
        ("- 旧物：灯塔里的每一件东西都带着几十年的痕迹。", "旧物", "灯塔里的每一件东西都带着几十年的痕迹。"),
    ],
)
def test_a_criterion_is_read_from_its_line(line: str, name: str, description: str) -> None:
    found = read_criterion(line, [], None)
    assert found and (found.name, found.description, found.weight) == (name, description, 1.0)


def test_a_criterion_weighs_as_many_codes_as_stand_behind_it_up_to_three() -> None:
    crowd = [Category(name=n, codes=tuple(f"{n} {i}" for i in range(k))) for n, k in (("salt", 5), ("lamp", 1))]
    salt = read_criterion("- Salt: Smells of salt are in every line.", crowd, overlap)
    lamp = read_criterion("- Lamp: A lamp is seen in every line of it.", crowd, overlap)
    assert salt and lamp and (salt.weight, lamp.weight) == (3.0, 1.0) and lamp.source.codes == ("lamp 0",)
