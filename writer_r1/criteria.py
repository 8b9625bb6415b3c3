"""A request -> Rubric, the grounded-theory way, yielding every stage as it happens.

Open coding (short codes tied to spans), constant comparison (near-duplicates merged), axial coding (categories with
relations), selective coding (criteria), and a reviewer who drops duplicates, copies and generic ones and asks for more
until the list is full or nothing new comes. What can be read from the request by rule is not asked of a model.

Source: Strauss & Corbin's coding stages; thresholds are ours (`docs/papers.md` 1). No scoring happens here.
"""

import math
import re
from collections.abc import Callable, Generator, Sequence
from typing import Literal, NamedTuple

from writer_r1.checks.aside import parted
from writer_r1.errors import RubricError
from writer_r1.events import Categorised, Coded, Event, Proposed, RubricReady, Status
from writer_r1.facts import codes, measured_criteria, read_facts
from writer_r1.llm import LLM, Cancel, Request, Sampling
from writer_r1.prompts import fixed_start, render
from writer_r1.review import ABOUT_LENGTH, Review, general_criteria
from writer_r1.trajectory import MAX_CRITERIA, Category, Code, Criterion, Rubric, Source, name_key, prompt_id

Similarity = Callable[[str, Sequence[str]], Sequence[float]]

SAME_CODE = 0.85  # cosine from which two codes are one
SATURATED = 0.1  # share of new codes below which another coding round is not worth its time
WANTED = 5  # judged criteria in a rubric
ENOUGH_CODES = 6
MOST_CODES = 9  # from one material; a model that goes on beyond this only varies what it said
CATEGORIES = 4
NOTHING_LEFT = (
    "Nothing is left to judge by: you said of every criterion that was found that it is not for this piece; add one of "
    "your own, or bring one back."
)
_QUOTES = "\"'“”‘’«»「」 "


class Analyst(NamedTuple):
    """Who does the coding: a model, a measure of likeness (None without the embedding model), and a way to stop."""

    llm: LLM
    similarity: Similarity | None
    cancel: Cancel
    seed: int = 0


def derive_rubric(
    prompt: str,
    analyst: Analyst,
    depth: Literal["quick", "full"] = "quick",
    kept: Sequence[Criterion] = (),
    dismissed: Sequence[Criterion] = (),
) -> Generator[Event, None, Rubric]:
    """Return a rubric of measured and judged criteria for `prompt`; never empty, never with two alike.

    `kept` criteria stand first, as they are; the others are made around them, and none where they are enough. What is
    like one of the `dismissed` is left out.

    Raises:
        RubricError: everything that was found is dismissed.
    """
    facts = read_facts(prompt)
    for code in codes(facts):
        yield Coded(code=code)
    review = Review(prompt, analyst.similarity, [c for c in kept if c.check is not None], dismissed)
    measured = review.measure(_beside(kept, measured_criteria(facts)))
    own = [c for c in kept if c.check is None]
    review.kept.extend(own)
    if len(own) < WANTED:
        found = yield from _open_coding(prompt, analyst, depth)
        categories = yield from _axial_coding(found, analyst)
        yield from _selective_coding(prompt, categories, review, analyst)
    for criterion in general_criteria(facts.form.value if facts.form else None):
        if len(review.kept) < WANTED:
            review.take(criterion)
    criteria = (*kept, *review.kept[len(own) :], *measured)[:MAX_CRITERIA]
    if not criteria:
        raise RubricError(NOTHING_LEFT)
    rubric = Rubric(prompt_id=prompt_id(prompt), criteria=criteria)
    yield RubricReady(rubric=rubric, dropped=tuple(review.dropped))
    return rubric


def _beside(kept: Sequence[Criterion], measured: Sequence[Criterion]) -> tuple[Criterion, ...]:
    """Return the measured criteria that none of `kept` stands for already."""
    names, checks = {name_key(c.name) for c in kept}, [c.check for c in kept if c.check is not None]
    return tuple(c for c in measured if name_key(c.name) not in names and c.check not in checks)


def _open_coding(prompt: str, analyst: Analyst, depth: str) -> Generator[Event, None, list[Code]]:
    """Code the request, and with depth `full` also sample drafts of it, until saturation."""
    found: list[Code] = []
    yield Status(text="reading the request closely")
    analyst.llm.warm(fixed_start("open_coding"))
    request = render("open_coding", request=prompt).request
    for round_number in range(2):
        fresh = yield from _code_lines(request, prompt, found, analyst, seed=analyst.seed + round_number)
        if len(found) >= ENOUGH_CODES or analyst.cancel() or fresh < SATURATED:
            break
    if depth == "full" and not analyst.cancel():
        yield Status(text="writing sample drafts to learn from")
        samples = _samples(prompt, analyst)
        if len(samples) < 2:  # nothing to compare
            return found
        yield Status(text="comparing the sample drafts")
        request = render("open_coding_samples", request=prompt, samples="\n\n* * *\n\n".join(samples)).request
        material, most = "\n".join((prompt, *samples)), len(found) + MOST_CODES
        yield from _code_lines(request, material, found, analyst, seed=analyst.seed, most=most)
    return found


def _samples(prompt: str, analyst: Analyst) -> list[str]:
    """Return up to four short drafts of different quality: one close to greedy, the others drawn ever more loosely."""
    request = render("draft", request=prompt, hints="\n\nWrite only the first 60 words of it.").request
    texts: list[str] = []
    for temperature, count in ((0.3, 1), (0.9, 2), (1.4, 1)):
        if analyst.cancel():
            break
        sampling = Sampling(max_tokens=90, temperature=temperature, min_p=0.02, seed=analyst.seed + len(texts))
        texts += analyst.llm.drafts(request, sampling, count, analyst.cancel)
    texts = [parted(text, prompt)[1].strip() for text in texts]
    return [text for text in texts if text]


def _code_lines(
    request: Request, material: str, found: list[Code], analyst: Analyst, *, seed: int, most: int = MOST_CODES
) -> Generator[Event, None, float]:
    """Stream one coding call, yielding each code as its line ends; return the share that was new."""
    sampling = Sampling(max_tokens=150, temperature=0.4, repeat_penalty=1.05, seed=seed, stop=("\n\n", "<"))
    seen = new = 0
    for line in lines(analyst.llm, request, sampling, analyst.cancel):
        code = read_code(line, material)
        if code is None:
            continue
        seen += 1
        if _same(code.label, [c.label for c in found], analyst.similarity):
            continue
        new += 1
        found.append(code)
        yield Coded(code=code)
        if len(found) >= most:
            break
    return new / seen if seen else 1.0


def lines(llm: LLM, request: Request, sampling: Sampling, cancel: Cancel) -> Generator[str, None, None]:
    """Yield each finished line of a reply while the rest is still being written."""
    if cancel():
        return
    held, stream = "", llm.stream(request, sampling, cancel)
    while True:
        try:
            held += next(stream)
        except StopIteration as end:
            if end.value.reason == "stop" and held.strip():
                yield held
            return
        *done, held = held.split("\n")
        yield from (line for line in done if line.strip())


def read_code(line: str, material: str) -> Code | None:
    """Return the code on a line such as `- "span" -> label`, or None if it holds none.

    A span that does not occur in `material` is dropped, not repaired: it would be a made-up citation.
    """
    quoted, arrow, label = line.replace("→", "->").partition("->")
    span, label = quoted.strip().lstrip("-*• ").strip(_QUOTES), label.strip().strip(_QUOTES + "*`_.").strip()
    if not arrow or not label or len(label.split()) > 9 or len(label) > 80 or set(label) & set('<>"'):
        return None
    if _flat(label) == _flat(span) or ABOUT_LENGTH.search(label):
        return None
    return Code(label=label, span=span if span and _flat(span) in _flat(material) else None)


def _flat(text: str) -> str:
    return " ".join(text.casefold().split())


def _same(text: str, others: Sequence[str], similarity: Similarity | None) -> bool:
    if _flat(text) in map(_flat, others):
        return True
    return bool(others) and similarity is not None and max(similarity(text, others)) >= SAME_CODE


def _axial_coding(found: list[Code], analyst: Analyst) -> Generator[Event, None, list[Category]]:
    """Group codes that are alike and have the model name each group and its part in the piece.

    A small model that is asked to sort numbers drops half of them; likeness sorts, the model names.
    """
    if not found or analyst.cancel():
        return []
    yield Status(text="grouping what was found")
    groups = group([c.label for c in found], analyst.similarity)
    numbered = "\n".join(f"{i}. {'; '.join(labels)}" for i, labels in enumerate(groups, 1))
    analyst.llm.warm(fixed_start("axial_coding"))
    request = render("axial_coding", groups=numbered).request
    sampling = Sampling(max_tokens=14 * len(groups), temperature=0.2, seed=analyst.seed, stop=("\n\n", "<"))
    named: list[Category] = []
    for line in lines(analyst.llm, request, sampling, analyst.cancel):
        if len(named) < len(groups):
            named.append(read_category(line, groups[len(named)], {c.name.casefold() for c in named}))
            yield Categorised(category=named[-1])
    for labels in groups[len(named) :]:
        named.append(Category(name=labels[0], codes=tuple(labels)))
        yield Categorised(category=named[-1])
    return named


def group(labels: Sequence[str], similarity: Similarity | None, most: int = CATEGORIES) -> list[list[str]]:
    """Return `labels` in at most `most` groups, merging the two most alike (average link) until so few are left."""
    groups = [[label] for label in labels]
    if similarity is None:
        return [list(labels[k::most]) for k in range(min(most, len(labels)))]
    likeness = {a: dict(zip(labels, similarity(a, labels), strict=True)) for a in labels}

    def closeness(x: list[str], y: list[str]) -> float:
        # Divided by the joint size once more, so that one large group does not swallow the rest.
        total = float(sum(likeness[a][b] for a in x for b in y))
        return total / (len(x) * len(y)) / math.sqrt(len(x) + len(y))

    while len(groups) > most:
        pairs = [(i, j) for i in range(len(groups)) for j in range(i)]
        i, j = max(pairs, key=lambda p: closeness(groups[p[0]], groups[p[1]]))
        groups[j] += groups.pop(i)
    return groups


def read_category(line: str, labels: Sequence[str], taken: set[str]) -> Category:
    """Return the group with the name on a line such as `1. Name (condition)`, or named by its first code."""
    head, _, tail = line.strip().lstrip("-*•0123456789.) ").partition("(")
    name, relation = head.strip(" *:`" + _QUOTES), tail.strip(" ).*").casefold()
    if not name or len(name.split()) > 6 or name.casefold() in taken or "<" in name:
        name = labels[0]
    known = relation if relation in ("condition", "action", "consequence") else ""
    return Category(name=name, codes=tuple(labels), relation=known)


def _selective_coding(
    prompt: str, categories: list[Category], review: Review, analyst: Analyst
) -> Generator[Event, None, None]:
    """Word criteria from the categories, have them reviewed, and ask once more for what is missing."""
    yield Status(text="wording the criteria")
    open_categories = categories
    for call in range(2):
        if analyst.cancel() or len(review.kept) >= WANTED - call:  # for one alone it is not asked again
            break
        analyst.llm.warm(fixed_start("selective_coding"))
        missing = WANTED - len(review.kept)
        seen = "; ".join(label for c in open_categories for label in c.codes) or prompt
        request = render("selective_coding", request=prompt, seen=seen).request
        sampling = Sampling(
            max_tokens=38 * (missing + 2),
            temperature=0.5 + 0.3 * call,
            repeat_penalty=1.05,
            seed=analyst.seed + call,
            stop=("\n\n", "<", "\nRequest"),
        )
        for line in lines(analyst.llm, request, sampling, analyst.cancel):
            criterion = read_criterion(without_example(line, prompt), categories, analyst.similarity)
            if criterion and review.take(criterion):
                yield Proposed(name=criterion.name, description=criterion.description)
            if len(review.kept) >= WANTED:
                break
        open_categories = [c for c in categories if not review.covers(c)] or categories


def without_example(line: str, prompt: str) -> str:
    """Return the line with the forms of the prompt's worked examples put right: small models carry them over."""
    for form, named in (("letter", "letter"), ("email", "mail")):
        if named not in prompt.casefold():
            line = re.sub(rf"\b([Tt])he {form}\b", r"\1he piece", line)
    return line


def read_criterion(line: str, categories: Sequence[Category], similarity: Similarity | None) -> Criterion | None:
    """Return the criterion on a line such as `- Name: one sentence.`, tied to the category nearest to it."""
    text = line.strip().lstrip("-*•0123456789.) ").strip()
    name, _, description = text.partition(":") if ":" in text else text.partition("：")
    name, description = " ".join(name.strip(" *\"'`_").split()), description.strip(" *\"'`_")
    if not name or len(name) > 60 or len(name.split()) > 6 or not 12 <= len(description) <= 400:
        return None
    if description[-1] not in ".!?。！？…":
        description += "."
    near = None
    if categories and similarity:
        scores = similarity(f"{name}: {description}", [f"{c.name}: {', '.join(c.codes)}" for c in categories])
        near = categories[max(range(len(categories)), key=lambda k: scores[k])]
    return Criterion(
        name=name[0].upper() + name[1:],
        description=description,
        weight=float(min(3, max(1, len(near.codes)))) if near else 1.0,
        source=Source(stage="selective", codes=near.codes if near else ()),
    )
