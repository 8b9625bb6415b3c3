"""(draft, Evaluation) -> Reflection: which paragraph to change, why, and how, for the weakest criteria.

A judged criterion asks the model for one place and one change; a measured one words its own. Lessons of earlier work
stand in the prompt. The reply is data: a quote that is not in the draft is marked, a missing paragraph mended.
"""

import json
from collections.abc import Callable, Generator, Sequence
from typing import Any, NamedTuple

from writer_r1.checks import copied_share, length_fit, paragraphs
from writer_r1.events import Event, Recalled
from writer_r1.facts import TOLD, read_facts
from writer_r1.llm import LLM, Cancel, Request, Sampling, complete
from writer_r1.prompts import example, render
from writer_r1.reasons import occurs
from writer_r1.story import with_story
from writer_r1.trajectory import Advice, Attempt, Criterion, Lesson, Reflection, Rubric, Score

WEAKEST = 2
VERBS = ("Show", "Name", "Tell", "Let", "Give", "Replace", "Begin", "End", "Cut", "Add", "Describe", "Make")
"""How an edit begins, in English. Asked for one without this, small models give a sentence of the draft back."""

MENDED = ("completeness", "must_include", "must_not", "person", "tense", "language")  # checks: the rest may stay
SAID_BEFORE = 0.5  # share of an edit in runs of the draft from which on it asks for nothing
Recall = Callable[[str, str | None], Sequence[Lesson]]  # (request, criterion name) -> lessons


class Critic(NamedTuple):
    llm: LLM
    recall: Recall
    cancel: Cancel
    seed: int = 0
    part: str = ""  # what the scene is called that the draft is, of a longer manuscript
    story: str = ""  # and what stands around it there, in short


def weakest(rubric: Rubric, attempt: Attempt, most: int = WEAKEST) -> list[tuple[Criterion, Score]]:
    """Return the lowest-scoring criteria that a revision could raise, weakest first; heavier ones break ties."""
    if attempt.evaluation is None:
        return []
    rows = [(c, s) for c in rubric.criteria if (s := attempt.evaluation.score(c.id)) and s.value is not None]
    rows = [(c, s) for c, s in rows if s.value is not None and s.value < 0.95]
    return sorted(rows, key=lambda row: (row[1].value, -row[0].weight))[:most]


def reflect(prompt: str, rubric: Rubric, best: Attempt, critic: Critic) -> Generator[Event, None, Reflection]:
    """Return advice for the weakest criteria of the best attempt so far, yielding the lessons it recalled."""
    advice: list[Advice] = []
    used: list[str] = []
    for criterion, score in weakest(rubric, best):
        if criterion.check is not None:
            advice += measured_advice(criterion, score, best.text)
            continue
        lessons = list(critic.recall(prompt, criterion.name))
        for lesson in lessons:
            if lesson.id not in used:
                used.append(lesson.id)
                yield Recalled(lesson=lesson, origin="recalled")
        request = with_story(reflection_request(prompt, criterion, best.text, lessons), critic.part, critic.story)
        sampling = Sampling(max_tokens=160, temperature=0.4, repeat_penalty=1.05, seed=critic.seed + best.number)
        text, _ = complete(critic.llm, request, sampling, critic.cancel)
        if (found := read_advice(text, criterion, best.text)) is not None:
            advice.append(found)
    return Reflection(on_attempt=best.number, advice=tuple(_one_each(advice)), lesson_ids=tuple(used))


def _one_each(advice: Sequence[Advice]) -> list[Advice]:
    """Keep one piece of advice a paragraph: two changes at once are more than a small model follows."""
    return list({a.paragraph: a for a in reversed(advice)}.values())[::-1]


def reflection_request(prompt: str, criterion: Criterion, text: str, lessons: Sequence[Lesson]) -> Request:
    """Return the chat that asks for one change; the draft's paragraphs are numbered."""
    numbered = "\n\n".join(f"[{i}] {text[a:b]}" for i, (a, b) in enumerate(paragraphs(text), 1))
    told = {"success": "helped", "failure": "did not help"}
    shown = "\n".join(f"- {told[lesson.kind]}: {lesson.text}" for lesson in lessons)
    request = render(
        "reflect",
        request=prompt,
        draft=numbered,
        name=criterion.name,
        description=criterion.description,
        lessons=shown or "(none yet)",
    ).request
    language = read_facts(prompt).language
    return request._replace(schema=advice_schema(len(paragraphs(text)), language.value if language else None))


def advice_schema(count: int, language: str | None = None) -> dict[str, Any]:
    """Return the JSON schema of one piece of advice on a draft of `count` paragraphs, in a language (None: English)."""
    order = {"pattern": f'^({"|".join(VERBS)}) [^"\\\\\\n\\r]{{8,200}}[.!?]$'}
    properties: dict[str, Any] = {
        "paragraph": {"enum": list(range(1, max(1, count) + 1))},
        "quote": {"type": "string", "maxLength": 90},
        "fault": {"type": "string", "maxLength": 160},
        "edit": {"type": "string"} | (order if language in (None, "en") else {"maxLength": 220}),
    }
    return {"type": "object", "properties": properties, "required": list(properties)}


def read_advice(reply: str, criterion: Criterion, text: str) -> Advice | None:
    """Return the advice in a reply, or None where there is none to be read.

    Where the quoted words stand in another paragraph than the one named, the words win: they can be checked. An edit
    that is a piece of the draft, or of the prompt's own example, asks for nothing; what the criterion says then does.
    """
    try:
        row = json.loads(reply)
    except json.JSONDecodeError:
        return None
    if not isinstance(row, dict):
        return None
    quote, fault, edit = (str(row.get(k) or "").strip() for k in ("quote", "fault", "edit"))
    spans = paragraphs(text)
    number = row.get("paragraph")
    if not edit or not spans:
        return None
    where = next((i for i, (a, b) in enumerate(spans, 1) if quote and occurs(quote, text[a:b])), None)
    if where is None:
        where = number if isinstance(number, int) and 1 <= number <= len(spans) else len(spans)
    found = bool(quote) and occurs(quote, text)
    if max(copied_share(edit, said) for said in (text, example("reflect"))) > SAID_BEFORE:
        edit = in_its_words(criterion)
    return Advice(
        criterion_id=criterion.id, paragraph=where, fault=fault, edit=edit, quote=quote or None, quote_found=found
    )


def in_its_words(criterion: Criterion) -> str:
    """Return what a criterion asks of a text, where nobody said how."""
    return f"Change it so that this is true: {criterion.description or criterion.name}"


def measured_advice(criterion: Criterion, score: Score, text: str) -> list[Advice]:
    """Return what a failed check asks for, without a model."""
    check, spans = criterion.check, paragraphs(text)
    if check is None or not spans:
        return []
    last = len(spans)
    longest = max(range(last), key=lambda i: spans[i][1] - spans[i][0]) + 1
    where = next((i for i, (a, b) in enumerate(spans, 1) if score.quote and score.quote in text[a:b]), longest)

    def say(paragraph: int, edit: str, *, extend: bool = False) -> list[Advice]:
        return [
            Advice(
                criterion_id=criterion.id,
                paragraph=paragraph,
                operation="extend" if extend else "rewrite",
                fault=score.reason,
                edit=edit,
                quote=score.quote,
                quote_found=score.quote_found,
                mend=check.type in MENDED,
            )
        ]

    match check.type:
        case "length" if (length_fit(text, check.low, None, check.unit).value or 0.0) < 1.0:
            return say(last, f"{criterion.description} Go on with new particulars.", extend=True)
        case "length":
            return say(longest, "Say the same in half the words.")
        case "completeness" if score.quote and score.quote.startswith("["):
            return say(where, f"Put real words where {score.quote} stands.")
        case "completeness":
            return say(last, "Bring the piece to a finished close with a whole last sentence.")
        case "repetition":
            return say(where, "Say it once, without repeated words or sentences.")
        case "must_include":
            return say(longest, f"It must contain these words: {', '.join(check.items)}.")
        case "must_not":
            return say(where, f"Leave this out entirely: {', '.join(check.items)}.")
        case "person" | "tense" | "language":  # of the whole text, so of each paragraph
            told = TOLD.get(check.value or "", criterion.description)
            return [_where_it_stands(a, text[slice(*spans[k - 1])]) for k in range(1, last + 1) for a in say(k, told)]
        case "voice":
            return say(where, f"Tell the same in the writer's own manner. {score.reason}")
        case "relevance":
            return say(longest, "Tie it to what was asked for.")


def _where_it_stands(advice: Advice, paragraph: str) -> Advice:
    """Return the advice, without its quote where that stands in another paragraph."""
    if advice.quote is None or advice.quote in paragraph:
        return advice
    return advice.model_copy(update={"quote": None, "quote_found": False})
