"""Criterion -> kept or dropped, with the reason: the reviewer at the end of the coding.

Small models name one thing five times, echo the request, or say what could be said of any text. These rules decide;
their thresholds are ours, set by reading what twelve requests gave.
"""

import re
from collections.abc import Callable, Sequence

from writer_r1.trajectory import Category, Criterion, Source, name_key

Similarity = Callable[[str, Sequence[str]], Sequence[float]]

ALIKE = 0.75  # cosine from which two criteria say the same
DISMISSED = "you said it is not for this piece"
COPIED = 1 / 3  # share of a criterion's words taken from the request above which it only echoes it
_WORD = re.compile(r"[^\W\d_]{2,}|[\u3040-\u30ff\u3400-\u9fff]")

_FUNCTION = frozenset(
    """
    a about after all also an and any are as at be been before but by can could did do does each every
    for from had has have he her him his how i if in into is it its just like may me more most must my
    no nor not of off on one only or other our out over own per she should so some such than that the
    their them then there these they this those through to too under until up us very was we were what
    when where which while who whom whose why will with without would you your
    """.split()  # noqa: SIM905
)

ABOUT_LENGTH = re.compile(
    r"\b(length|word count|word limit|\d+[- ]words?|how long|long enough|short enough)\b", re.IGNORECASE
)

# One-line requests of many kinds: a criterion nearer to one of them than to its own request is about any text at all.
OTHER_REQUESTS = (
    "A story about two sisters selling their late mother's bakery.",
    "A cover letter for a nursing job in a rural clinic.",
    "A blog post comparing three budget travel routes through Portugal.",
    "A poem about snow on a motorway at night.",
    "An essay arguing that cities should ban private cars.",
    "A speech for a school's hundredth anniversary.",
    "A product description of a hand-made fountain pen.",
    "A dialogue between a detective and an honest thief.",
    "An email asking the landlord to repair the heating.",
    "A fairy tale for small children about a shy dragon.",
    "A science article on how bees find their way home.",
    "A review of a disappointing restaurant by the harbour.",
)


def copied_share(criterion: Criterion, prompt: str) -> float:
    """Return the share of the criterion's content words that stand in the request (plurals count as the same)."""
    asked = set(content_words(prompt))
    words = content_words(said(criterion))
    return sum(w in asked for w in words) / len(words) if words else 1.0


def content_words(text: str) -> list[str]:
    """Return the words of `text` without function words, folded and without a plural s."""
    words = [w.casefold() for w in _WORD.findall(text)]
    return [
        w[:-1] if len(w) > 3 and w.endswith("s") and not w.endswith("ss") else w for w in words if w not in _FUNCTION
    ]


class Review:
    """The list as it grows: `take` keeps a criterion or says why not. `measured` ones are in the rubric already.

    What the user `dismissed` is refused whoever proposes it, and so is what says the same.
    """

    def __init__(
        self,
        prompt: str,
        similarity: Similarity | None,
        measured: Sequence[Criterion] = (),
        dismissed: Sequence[Criterion] = (),
    ) -> None:
        self.kept: list[Criterion] = []
        self.dropped: list[str] = []
        self._prompt, self._similarity, self._measured, self._dismissed = prompt, similarity, [*measured], dismissed

    def measure(self, criteria: Sequence[Criterion]) -> list[Criterion]:
        """Return those of the measured `criteria` that stand in the rubric: all but the dismissed."""
        found = [c for c in criteria if not self._is_dismissed(c)]
        self.dropped += [f"{c.name}: {DISMISSED}" for c in criteria if c not in found]
        self._measured += found
        return found

    def take(self, criterion: Criterion) -> bool:
        """Keep the criterion if it is new, particular and in its own words."""
        reason = DISMISSED if self._is_dismissed(criterion) else self._fault(criterion)
        if not reason:
            self.kept.append(criterion)
        elif (line := f"{criterion.name}: {reason}") not in self.dropped:
            self.dropped.append(line)
        return not reason

    def _fault(self, criterion: Criterion) -> str:
        if name_key(criterion.name) in {name_key(c.name) for c in (*self.kept, *self._measured)}:
            return "a name already used"
        if ABOUT_LENGTH.search(said(criterion)):
            return "about length, which is measured"
        words = criterion.description.casefold().split()
        if len(words) > 8 and len(set(words)) < 0.6 * len(words):
            return "repeats itself"
        text = said(criterion)
        if self._similarity and self.kept and max(self._similarity(text, [said(c) for c in self.kept])) >= ALIKE:
            return "says the same as another"
        if criterion.source.stage == "general":
            return ""
        if copied_share(criterion, self._prompt) > COPIED:
            return "only echoes the request"
        if self._similarity:
            own, *others = self._similarity(text, [self._prompt, *OTHER_REQUESTS])
            if own <= max(others):
                return "could be said of any text"
        return ""

    def _is_dismissed(self, criterion: Criterion) -> bool:
        """Return whether the user said of this criterion, or of one like it, that it is not for this piece."""
        name, words = name_key(criterion.name), name_key(criterion.description)
        if any(name == name_key(c.name) or words == name_key(c.description) for c in self._dismissed):
            return True
        if not (self._similarity and self._dismissed) or criterion.check:  # two measures may differ in a number only
            return False
        return max(self._similarity(said(criterion), [said(c) for c in self._dismissed])) >= ALIKE

    def covers(self, category: Category) -> bool:
        """Return whether a kept criterion grew from this category."""
        return any(c.source.codes == category.codes for c in self.kept)


def said(criterion: Criterion) -> str:
    """Return what a criterion says, as it is compared."""
    return f"{criterion.name}. {criterion.description}"


_GENERAL: dict[str, tuple[tuple[str, str], ...]] = {
    "story": (
        ("Concrete scene", "Places, objects and gestures are shown in particulars a reader can see, hear or touch."),
        ("A want and an obstacle", "Someone wants something definite, and something real stands in the way."),
        ("A turn", "Something changes between the first line and the last, and the change is caused, not announced."),
        ("A voice of its own", "The sentences sound like one narrator, with a rhythm and vocabulary that fit."),
        ("An earned ending", "The close follows from what came before and leaves an image, not a lesson."),
    ),
    "poem": (
        ("Exact images", "Each image is particular and could not be moved into another poem."),
        ("Sound and line", "Line breaks and sounds carry meaning and are not only where the sentence ends."),
        ("A movement of thought", "The last lines know something that the first ones did not."),
        ("Economy", "No word is there to fill a line; removing any would lose something."),
        ("Freshness", "Stock phrases and borrowed feelings are left out."),
    ),
    "essay": (
        ("A clear claim", "The reader can say after the first paragraph what is being argued."),
        ("Reasons with evidence", "Each claim stands on an example, a number or a case that can be checked."),
        ("The other side", "The strongest objection is stated fairly and answered."),
        ("Order", "Each paragraph needs the one before it and prepares the next."),
        ("Plain style", "Sentences say one thing each, in words the audience uses."),
    ),
    "practical": (
        ("Purpose at once", "The reader knows in the first lines why this was written and what is wanted."),
        ("Right tone", "Form of address and warmth fit the relation between writer and reader."),
        ("Useful particulars", "Names, times, facts and steps are concrete enough to act on."),
        ("Easy to take in", "Short paragraphs in a natural order; nothing has to be read twice."),
        ("A clear next step", "The close says what happens next and who does it."),
    ),
}
_FORMS = {"poem": "poem", "haiku": "poem", "sonnet": "poem", "essay": "essay", "article": "essay", "review": "essay"}
_PRACTICAL = {"email", "letter", "speech", "blog post", "product description", "outline"}


def general_criteria(form: str | None) -> list[Criterion]:
    """Return criteria that hold for any piece of this form, marked as general, for what a model leaves open."""
    kind = "practical" if form in _PRACTICAL else _FORMS.get(form or "", "story")
    return [Criterion(name=n, description=d, source=Source(stage="general")) for n, d in _GENERAL[kind]]
