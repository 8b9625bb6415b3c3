"""Files and the library -> examples: what is read, what is dropped and why, and that nothing is on both sides."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from writer_r1.errors import WriterError
from writer_r1.training.data import Example, read, read_prompts, split
from writer_r1.trajectory import prompt_id

STORY = "The keeper climbed the stair with a can of oil and counted the steps as he went."
LETTER = "Dear Ann, the lamp is yours from Monday, and the third step is loose; mind it."


def lines(path: Path, *rows: Any) -> Path:
    path.write_text("\n".join(r if isinstance(r, str) else json.dumps(r) for r in rows), "utf-8")
    return path


def test_a_row_is_read_with_its_criteria_and_the_place_it_comes_from(tmp_path: Path) -> None:
    rubric = [{"name": "Salt", "description": "There is salt in it."}]
    path = lines(tmp_path / "a.jsonl", {"id": "7", "prompt": " A storm ", "text": STORY, "rubric": rubric})
    [example], dropped = read(path)
    assert dropped == () and example[:3] == ("7", "A storm", STORY) and example.source == "a.jsonl, line 1"
    assert example.rubric and example.rubric.prompt_id == prompt_id("A storm")
    assert [c.name for c in example.rubric.criteria] == ["Salt"]


def test_every_row_that_is_left_out_is_named_with_its_line_and_its_reason(tmp_path: Path) -> None:
    path = lines(
        tmp_path / "a.jsonl",
        {"instruction": "A storm", "output": STORY},
        '{"prompt": "A fox", "text": "cut',
        [1, 2],
        "",
        {"text": STORY},
        {"prompt": "A fox"},
        {"prompt": "A fox", "text": "Too few words."},
        {"prompt": "a  STORM", "text": STORY.upper()},
        {"prompt": "A fox", "text": LETTER, "rubric": [{"name": "x"}]},
        {"prompt": "A letter", "text": LETTER},
    )
    found = read(path)
    assert [(e.prompt, e.source) for e in found.examples] == [
        ("A storm", "a.jsonl, line 1"),
        ("A letter", "a.jsonl, line 10"),
    ]
    assert [d.line for d in found.dropped] == [2, 3, 5, 6, 7, 8, 9]
    broken, *others = [d.reason for d in found.dropped]
    assert broken.startswith("broken JSON (") and broken.endswith('{"prompt": "A fox", "text": "cut')
    assert [o.split(" (")[0].split(":")[0] for o in others] == [
        "not a JSON object",
        "no prompt",
        "no text",
        "too short",
        "the same as a.jsonl, line 1",
        "its criteria cannot be used",
    ]


def test_broken_json_at_line_17_is_said_to_be_at_line_17(tmp_path: Path) -> None:
    """Acceptance 8 of the page's design."""
    rows: list[Any] = [{"prompt": f"A storm, take {n}", "text": STORY} for n in range(30)]
    rows[16] = '{"prompt": "A storm", '
    found = read(lines(tmp_path / "a.jsonl", *rows))
    assert len(found.examples) == 29 and [d.line for d in found.dropped] == [17]


def test_a_table_from_a_spreadsheet_is_read_whatever_its_encoding(tmp_path: Path) -> None:
    table = f'Prompt,Text\r\nA café,"{STORY}\r\nSecond line."\r\nA storm,short\r\n'
    for encoding in ("utf-8-sig", "cp1252"):
        (tmp_path / "a.csv").write_bytes(table.encode(encoding))
        [example], [dropped] = read(tmp_path / "a.csv")
        assert (example.prompt, example.text) == ("A café", f"{STORY}\nSecond line.")
        assert dropped.line == 4 and dropped.reason.startswith("too short: a piece has at least")


def test_a_markdown_file_gives_a_piece_for_each_heading_and_a_long_one_in_parts(tmp_path: Path) -> None:
    paragraph = " ".join([STORY] * 7)  # 112 words
    text = f"{STORY}\n\n# A letter home\n\n{LETTER}\n\n## The storm\n\n" + "\n\n".join([paragraph] * 4)
    (tmp_path / "the-last_ferry.md").write_text(text, "utf-8")
    first, letter, storm, more = read(tmp_path / "the-last_ferry.md").examples
    assert (first.prompt, first.text) == ("the last ferry", STORY)
    assert (letter.prompt, letter.text, letter.source) == ("A letter home", LETTER, "the-last_ferry.md, line 5")
    assert storm.prompt == "The storm" and storm.text == more.text == f"{paragraph}\n\n{paragraph}"
    assert more.prompt == f"The storm\n\nGo on from here:\n\n{paragraph}"
    assert (storm.source, more.source) == ("the-last_ferry.md, line 9", "the-last_ferry.md, line 13")


def test_a_folder_is_read_whole_and_says_which_files_it_could_not_use(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    lines(tmp_path / "deep" / "a.jsonl", {"prompt": "A storm", "text": STORY})
    (tmp_path / "fox.txt").write_text(LETTER, "utf-8")
    (tmp_path / "cover.png").write_bytes(b"\x89PNG")
    (tmp_path / "cut.txt").write_bytes(b"\x00\x01")
    (tmp_path / ".hidden.jsonl").write_text("{", "utf-8")
    found = read(tmp_path)
    assert [e.source for e in found.examples] == ["deep/a.jsonl, line 1", "fox.txt, line 1"]
    assert [(d.file, d.line) for d in found.dropped] == [("cover.png", 0), ("cut.txt", 0)]
    assert found.dropped[0].reason.startswith("not one of the kinds that can be read (.jsonl,")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "is empty"),
        ("\n \n", "is empty"),
        ('{"prompt": "A storm"}', "its only row was left out ('a.jsonl', line 1) because of this: no text"),
        ("x\ny", "all 2 rows were left out, the first ('a.jsonl', line 1) because of this: broken JSON"),
    ],
)
def test_data_with_nothing_in_it_is_refused_in_a_sentence(tmp_path: Path, content: str, said: str) -> None:
    (tmp_path / "a.jsonl").write_text(content, "utf-8")
    with pytest.raises(WriterError) as caught:
        read(tmp_path / "a.jsonl")
    assert said in str(caught.value) and "Choose a file" in str(caught.value).replace("choose", "Choose")


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WriterError, match=r"There is no file .*gone\.jsonl'; check the path"):
        read(tmp_path / "gone.jsonl")


def test_requests_without_pieces_are_read_where_only_they_are_wanted(tmp_path: Path) -> None:
    lines(tmp_path / "a.jsonl", {"prompt": "A storm"}, {"prompt": "A fox", "text": STORY}, {"prompt": "a storm "})
    (tmp_path / "b.txt").write_text("A kettle\n\nA ferry\n", "utf-8")
    found = read_prompts(tmp_path)
    assert [(e.prompt, e.text) for e in found.examples] == [
        ("A storm", ""),
        ("A fox", STORY),
        ("A kettle", ""),
        ("A ferry", ""),
    ]
    assert [d.reason for d in found.dropped] == ["the same as a.jsonl, line 1"]


def test_nothing_can_be_held_out_of_one_piece_or_of_one_request() -> None:
    one = Example("1", "A storm", STORY, None, "")
    with pytest.raises(WriterError, match="because there is only one piece; add pieces"):
        split([one])
    with pytest.raises(WriterError, match="because all 2 pieces answer one request"):
        split([one, one._replace(id="2", prompt="a STORM ", text=LETTER)])


EXAMPLES = st.lists(
    st.builds(
        lambda i, p, t: Example(i, f"prompt {p}", f"text {t}", None, ""),
        st.sampled_from("12"),
        st.integers(0, 9),
        st.integers(0, 9),
    ),
    min_size=2,
    max_size=30,
)


@given(EXAMPLES, st.floats(0, 1), st.integers(0, 5), st.randoms())
def test_no_request_and_no_text_is_on_both_sides(examples: list[Example], share: float, seed: int, chance: Any) -> None:
    try:
        train, held_out = split(examples, share, seed)
    except WriterError:
        return
    assert train and held_out and sorted(train + held_out) == sorted(examples)
    for of in (lambda e: e.prompt, lambda e: e.text):
        assert not {of(e) for e in train} & {of(e) for e in held_out}
    chance.shuffle(examples)
    again = split(examples, share, seed)
    assert {e.prompt for e in again[1]} == {e.prompt for e in held_out}


@given(st.binary(max_size=300), st.sampled_from([".jsonl", ".csv", ".txt", ".md", ".docx"]))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_bytes_a_file_holds_it_is_read_or_refused_in_a_sentence(
    tmp_path: Path, content: bytes, kind: str
) -> None:
    path = tmp_path / f"a{kind}"
    path.write_bytes(content)
    try:
        found = read(path)
    except WriterError as error:
        assert str(error).endswith(".")
    else:
        assert all(e.prompt and e.text for e in found.examples)
