"""A writing run told by hand, event by event, for tests of what shows it: two rounds, the second not kept."""

from writer_r1.events import (
    Accepted,
    Categorised,
    Coded,
    DraftDelta,
    Drafted,
    Evaluated,
    Event,
    Finished,
    Proposed,
    Recalled,
    Reflected,
    Rejected,
    RubricReady,
    Scored,
    Started,
    Status,
    Stopped,
)
from writer_r1.trajectory import (
    Advice,
    Category,
    Check,
    Code,
    Criterion,
    Evaluation,
    JudgeInfo,
    Lesson,
    Note,
    Reflection,
    Rubric,
    Score,
    Source,
    prompt_id,
    weighted_reward,
)

PROMPT = (
    "A letter from a lighthouse keeper to the girl who will take over the lamp next spring. First person, about 200 "
    "words, no advice about bravery."
)
CODES = (
    Code(label="keeper to successor", span="a lighthouse keeper to the girl"),
    Code(label="handing over next spring", span="take over the lamp next spring"),
    Code(label="the lamp as a charge", span="the lamp"),
    Code(label="a letter's nearness", span="A letter"),
    Code(label="bravery left unsaid", span="no advice about bravery"),
    Code(label="about 200 words", span="about 200 words", stage="rule"),
)
CATEGORIES = (
    Category(name="What is handed over", codes=("handing over next spring", "the lamp as a charge"), relation="action"),
    Category(
        name="Who speaks to whom", codes=("keeper to successor", "a letter's nearness"), relation="between people"
    ),
    Category(name="What must stay out", codes=("bravery left unsaid",), relation="condition"),
)
CRITERIA = (
    Criterion(
        name="The lamp's daily work",
        description="The letter shows wicks, glass and hours of the lamp, so the girl could do tomorrow's from it.",
        weight=2,
        source=Source(stage="selective", codes=("the lamp as a charge",), span="the lamp"),
    ),
    Criterion(
        name="One voice to one girl",
        description="The keeper speaks to this girl and to nobody else: what he knows of her colours what he says.",
        weight=2,
        source=Source(stage="selective", codes=("keeper to successor",)),
    ),
    Criterion(
        name="Parting in plain sight",
        description="That he leaves in spring is felt in objects and habits rather than announced.",
        source=Source(stage="selective", codes=("handing over next spring",)),
        locked=True,
    ),
    Criterion(
        name="No talk of courage",
        description="Nowhere does the keeper advise her to be brave.",
        kind="measured",
        check=Check(type="must_not", items=("brave", "bravery", "courage")),
        source=Source(stage="rule", span="no advice about bravery"),
    ),
    Criterion(
        name="About 200 words",
        description="The letter is between 170 and 230 words long.",
        kind="measured",
        check=Check(type="length", low=170, high=230),
        source=Source(stage="rule", span="about 200 words"),
    ),
    Criterion(
        name="Clear sentences",
        description="A reader follows every sentence at the first reading.",
        source=Source(stage="general"),
    ),
)
RUBRIC = Rubric(prompt_id=prompt_id(PROMPT), criteria=CRITERIA)
FIRST = (
    "Dear Ines,\n\nThe wick wants trimming at four, before you have had your tea. I used to think the tea came first, "
    "and for two winters the glass was never clear by dusk. You will find the small scissors in the drawer that "
    "sticks; lift it as you pull.\n\nThe boat comes on Thursdays unless the wind is in the north, and then it comes "
    "when it likes. Your mother says you count things when you cannot sleep. There are one hundred and forty-one "
    "steps. I have counted them in the dark more often than you have had birthdays.\n\nI have left my oilskin on its "
    "nail, because the nail looks wrong without it.\n\nYours,\nthe keeper, until April"
)
SECOND = FIRST.replace(
    "lift it as you pull.",
    "lift it as you pull. Wipe the lens from the top down with the yellow cloth, never the grey, and write the hour "
    "in the book when the flame stands still: she keeps better time than I do.",
).replace(
    "because the nail looks wrong without it.",
    "because the nail looks wrong without it. My cup is on the second hook. The first has been yours since you came "
    "up with the lamp oil in October and asked who dusts the stairs.",
)
THIRD = SECOND.replace("Dear Ines,", "Dear girl,").replace("Your mother says you count things", "People count things")


def score(number: int, value: float | None, spread: float = 0.06, reason: str = "", quote: str | None = None) -> Score:
    low = None if value is None else max(0.0, value - spread)
    high = None if value is None else min(1.0, value + spread)
    return Score(
        criterion_id=CRITERIA[number].id,
        value=value,
        low=low,
        high=high,
        reason=reason,
        quote=quote,
        quote_found=quote is not None,
    )


NOTES = (
    Note(
        check="stock_phrases",
        value=0.4,
        said="some worn phrases",
        reason="Worn phrases: “her heart skipped a beat”.",
        quote="her heart skipped a beat",
    ),
    Note(check="relevance", value=0.9, said="on topic", reason="The piece keeps to the request (likeness 0.52)."),
    Note(check="completeness", value=1.0, said="complete", reason="It ends with a finished sentence."),
)


def evaluation(*scores: Score) -> Evaluation:
    reward = weighted_reward(RUBRIC, {s.criterion_id: s.value for s in scores})
    return Evaluation(
        rubric_id=RUBRIC.id,
        reward=reward,
        scores=scores,
        judge=JudgeInfo(model="fake"),
        readers={"grammaticality": 0.74, "cohesiveness": 0.61, "likability": 0.48, "relevance": 0.8},
        notes=NOTES,
    )


SCORES = {
    1: evaluation(
        score(0, 0.42, reason="Only the wick is shown; the glass is named but not worked on.", quote="The wick wants"),
        score(1, 0.61, reason="Her counting belongs to her alone.", quote="you count things when you cannot sleep"),
        score(2, 0.55, reason="The oilskin says it.", quote="the nail looks wrong without it"),
        score(3, 1.0, 0.0),
        score(4, 0.31, 0.0, reason="117 words; asked for 170 to 230."),
        score(5, None, reason="The judge's answer could not be read."),
    ),
    2: evaluation(
        score(0, 0.71, reason="Lens, cloth and log book can be done from this.", quote="Wipe the lens from the top"),
        score(
            1, 0.66, reason="The hook and the question about the stairs are hers.", quote="asked who dusts the stairs"
        ),
        score(2, 0.68, reason="Cup and hook share the leaving out.", quote="My cup is on the second hook"),
        score(3, 1.0, 0.0),
        score(4, 0.92, 0.0, reason="173 words."),
        score(5, 0.72),
    ),
    3: evaluation(
        score(0, 0.71),
        score(1, 0.32, reason="Nothing in it is hers any more.", quote="People count things"),
        score(2, 0.66),
        score(3, 1.0, 0.0),
        score(4, 0.92, 0.0),
        score(5, 0.72),
    ),
}
ADVICE = {
    2: (
        Advice(
            criterion_id=CRITERIA[0].id,
            paragraph=1,
            fault="one task only",
            edit="Show the lens being cleaned and one thing she writes down.",
            quote="the glass was never clear by dusk",
            quote_found=True,
        ),
        Advice(
            criterion_id=CRITERIA[2].id,
            paragraph=3,
            operation="extend",
            fault="parting rests on one object",
            edit="Give the parting a second object that is already half hers.",
        ),
    ),
    3: (
        Advice(
            criterion_id=CRITERIA[1].id, paragraph=2, fault="mother as a source", edit="Let him know it at first hand."
        ),
    ),
}
LESSON = Lesson(
    id="l-1",
    kind="success",
    criterion="A voice with habits",
    text="Give the speaker one small rule of the house and the price of breaking it.",
    prompt="A note from a baker to her apprentice.",
    rubric_id="r-0",
    trajectory_id="earlier",
    delta=0.12,
)


def coding() -> list[Event]:
    """Return what happens up to the criteria."""
    proposed = [Proposed(name=c.name, description=c.description) for c in CRITERIA[:3]]
    return [
        Started(prompt=PROMPT, model="smollm2-135m", judge="smollm2-135m", seed=0, settings={"rounds": 2}),
        Status(text="reading the request closely", t=0.4),
        *(Coded(code=c, t=1.0 + i / 3) for i, c in enumerate(CODES)),
        Status(text="grouping what was found", t=4.0),
        *(Categorised(category=c, t=5.0) for c in CATEGORIES),
        Status(text="wording the criteria", t=6.0),
        *proposed,
        RubricReady(rubric=RUBRIC, dropped=("Emotional depth: could be said of any text",), t=14.0),
    ]


def attempt(number: int, text: str, parent: int | None = None) -> list[Event]:
    """Return the writing and judging of one attempt, from 20 seconds times its number on."""
    t = 20.0 * number
    head = [] if parent is None else [Reflected(attempt=number, reflection=reflection(number, parent), t=t)]
    words = text.split(" ")
    pieces = [" ".join(words[i : i + 8]) + " " for i in range(0, len(words), 8)]
    return [
        *head,
        Status(text="drafting" if parent is None else "revising", t=t),
        *(DraftDelta(attempt=number, text=p, parent=parent, t=t + i / 2) for i, p in enumerate(pieces)),
        Drafted(attempt=number, text=text, parent=parent, t=t + 12, tokens=260, seconds=12.0),
        Status(text="judging", t=t + 12),
        *(Scored(attempt=number, score=s, t=t + 13) for s in SCORES[number].scores),
        Evaluated(attempt=number, evaluation=SCORES[number], t=t + 15, seconds=3.0),
    ]


def reflection(number: int, parent: int) -> Reflection:
    return Reflection(on_attempt=parent, advice=ADVICE[number])


def whole_run(run_id: str) -> list[Event]:
    """Return the run from request to end."""
    return [
        *coding(),
        Recalled(lesson=LESSON, origin="recalled", t=15.0),
        *attempt(1, FIRST),
        Accepted(attempt=1, why="first draft", t=36.0),
        *attempt(2, SECOND, parent=1),
        Accepted(attempt=2, why="better by 1.7 of 10", t=56.0),
        *attempt(3, THIRD, parent=2),
        Rejected(attempt=3, why="One voice to one girl fell by 3.1", t=76.0),
        Stopped(why="no improvement", t=76.0),
        Finished(trajectory_id=run_id, best_attempt=2, rounds=2, t=76.0),
    ]
