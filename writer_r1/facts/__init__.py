"""Request -> Facts: what it states outright (length, form, person, words to use), each with the words that state it.

Rules only: instant, the same every time, and every fact can be shown in the request. They would rather miss than guess,
since a measured criterion made from a misreading punishes good drafts; what they miss, the coding model still reads.
"""

from collections.abc import Iterable

from writer_r1.facts.language import CJK, LANGUAGES, WORD, detect_language
from writer_r1.facts.length import Length, asked_length
from writer_r1.facts.manner import asked_audience, asked_form, asked_language, asked_person, asked_tense
from writer_r1.facts.wording import Fact, asked_wording
from writer_r1.trajectory import Check, CheckType, Code, Criterion, Noun, Source

__all__ = [
    "CJK",
    "LANGUAGES",
    "POEMS",
    "WORD",
    "Fact",
    "Facts",
    "Length",
    "TOLD",
    "VOICE_WORDS",
    "codes",
    "detect_language",
    "facts_of_part",
    "measured_criteria",
    "read_facts",
    "voice_criterion",
    "voice_of",
]

POEMS = frozenset(
    {
        "poem",
        "haiku",
        "sonnet",
        "limerick",
        "ballad",
        "elegy",
        "ode",
        "villanelle",
        "tanka",
        "couplet",
        "quatrain",
        "song",
        "lyrics",
        "free verse",
    }
)


VOICE_WORDS = 80  # of a sample or a text: in fewer, habits are accidents
ASKED = 2.0  # weight of what a request states outright
TOLD = {
    "first": "Tell it in the first person: the narrator says “I”.",
    "second": "Tell it in the second person: the reader is “you”.",
    "third": "Tell it in the third person: nobody but people who speak says “I”.",
    "past": "Tell it in the past tense.",
    "present": "Tell it in the present tense: what happens, happens now.",
    "future": "Tell it in the future tense: everything is still to come.",
}
"""What a person or a tense asks of a writer; its name alone is forgotten by small models."""

MAX_CHARACTERS = 20_000  # of a longer request the two ends are read: orders stand there, material between them


class Facts(Noun):
    length: Length | None = None
    form: Fact | None = None
    person: Fact | None = None  # first, second, third
    tense: Fact | None = None  # past, present, future
    audience: Fact | None = None
    language: Fact | None = None  # a code of LANGUAGES; without a span it is the request's own
    opening: Fact | None = None
    ending: Fact | None = None
    must_include: tuple[Fact, ...] = ()
    must_not: tuple[Fact, ...] = ()
    letters_not: tuple[Fact, ...] = ()


def facts_of_part(facts: Facts) -> Facts:
    """Return those that hold for each part of a piece: not how long the whole is, or what must be somewhere in it."""
    whole = {"length": None, "form": None, "opening": None, "ending": None, "must_include": ()}
    return facts.model_copy(update=whole)


def read_facts(request: str) -> Facts:
    """Return what `request` states outright; every span is a part of it, letter for letter."""
    # A lone surrogate (half an emoji) is not text that can be stored.
    request = request.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if len(request) > MAX_CHARACTERS:
        request = f"{request[: MAX_CHARACTERS // 2]}\n…\n{request[-MAX_CHARACTERS // 2 :]}"
    form, single = asked_form(request)
    fixed = form if single else None
    return Facts(
        length=asked_length(request, fixed.value if fixed else None, fixed.span if fixed else None),
        form=form,
        person=asked_person(request),
        tense=asked_tense(request),
        audience=asked_audience(request),
        language=asked_language(request),
        **asked_wording(request)._asdict(),
    )


def codes(facts: Facts) -> tuple[Code, ...]:
    """Return the facts as open codes of two to six words, for the coding model to build on."""
    rows: list[tuple[str, str | None]] = []
    if facts.length:
        rows.append((facts.length.label, facts.length.span))
    for words, fact in (
        ("written as: {}", facts.form),
        ("told in {} person", facts.person),
        ("told in {} tense", facts.tense),
        ("written for {}", facts.audience),
        ("opens with {}", facts.opening),
        ("ends with {}", facts.ending),
    ):
        if fact:
            rows.append((words.format(fact.value), fact.span))
    if facts.language and facts.language.span:
        rows.append((f"written in {LANGUAGES[facts.language.value]}", facts.language.span))
    rows += [(f"to include: {f.value}", f.span) for f in facts.must_include]
    rows += [(f"to avoid: {f.value}", f.span) for f in facts.must_not]
    rows += [(f"without the letter {f.value}", f.span) for f in facts.letters_not]
    return tuple(Code(label=_short(label), span=span, stage="rule") for label, span in rows)


def _short(label: str) -> str:
    words = label.split()
    return (" ".join(words[:6]) + ("…" if len(words) > 6 else ""))[:120]


def measured_criteria(facts: Facts) -> tuple[Criterion, ...]:
    """Return the criteria that can be measured without a model: three for every piece, the rest where asked for.

    What the user asked for outright weighs twice as much as a judged criterion of one code: a piece that misses it
    misses the point. Checks that most drafts pass weigh one half, so that they do not drown the rest; person and tense
    are only estimated and weigh 1.
    """
    form = facts.form.value if facts.form else None
    ending = "The piece is finished: it does not break off inside a sentence or a quotation."
    found = [
        _measured("Complete ending", ending, Check(type="completeness", value=form), 0.5),
        _measured("No repetition", "No sentence or phrase is said again without need.", Check(type="repetition"), 0.5),
        _measured("On topic", "The piece is about what the request asks for.", Check(type="relevance")),
    ]
    if n := facts.length:
        check = Check(type="length", low=n.low, high=n.high, unit=n.unit)
        found.append(_measured("Length", f"The piece is {n.label} long.", check, ASKED, n.span))
    found += _wording_criteria(facts)
    if (f := facts.language) and (f.span or f.value != "en"):
        check = Check(type="language", value=f.value)
        found.append(_measured("Language", f"The piece is written in {LANGUAGES[f.value]}.", check, ASKED, f.span))
    if f := facts.person:
        check = Check(type="person", value=f.value)
        found.append(_measured("Point of view", f"The piece is told in the {f.value} person.", check, 1.0, f.span))
    if f := facts.tense:
        check = Check(type="tense", value=f.value)
        found.append(_measured("Tense", f"The piece is told in the {f.value} tense.", check, 1.0, f.span))
    return tuple(found)


def voice_criterion(sample: str) -> Criterion:
    """Return the criterion that a piece be in the voice of this sample; it is the user's, so it outlives a search."""
    described = "In manner the piece is near your sample: its sentences, small words and punctuation."
    check = Check(type="voice", value=sample)
    return Criterion(
        name="Your voice", description=described, kind="measured", check=check, source=Source(stage="user")
    )


def voice_of(criteria: Iterable[Criterion]) -> str:
    """Return the sample that the criterion of a voice holds, empty where there is none."""
    return next((c.check.value or "" for c in criteria if c.check and c.check.type == "voice"), "")


def _wording_criteria(facts: Facts) -> list[Criterion]:
    rows: tuple[tuple[str, str, CheckType, str | None, tuple[Fact | None, ...]], ...] = (
        ("Opening words", "The piece opens with {}.", "must_include", "start", (facts.opening,)),
        ("Closing words", "The piece ends with {}.", "must_include", "end", (facts.ending,)),
        ("Must include", "These words appear in the piece: {}.", "must_include", None, facts.must_include),
        ("Left out", "These words do not appear in the piece: {}.", "must_not", None, facts.must_not),
        ("Letters left out", "These letters do not appear in the piece: {}.", "must_not", "letters", facts.letters_not),
    )
    found = []
    for name, words, type_, value, stated in rows:
        literal = [f for f in stated if f and f.literal]
        if literal:
            listed = ", ".join(f"“{f.value}”" for f in literal)
            check = Check(type=type_, items=tuple(f.value for f in literal), value=value)
            text = words.format(listed if len(listed) <= 500 else listed[:500] + "…")
            found.append(_measured(name, text, check, ASKED, literal[0].span))
    return found


def _measured(name: str, description: str, check: Check, weight: float = 1.0, span: str | None = None) -> Criterion:
    source = Source(stage="rule", span=span)
    return Criterion(name=name, description=description, weight=weight, kind="measured", check=check, source=source)
