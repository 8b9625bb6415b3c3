"""Scripted models and a small likeness of texts for tests of the writing loop: exact, instant, without weights."""

import math
from collections.abc import Callable, Generator, Sequence
from typing import TypeVar

from hypothesis import settings
from pytest import MonkeyPatch

from writer_r1.events import Event
from writer_r1.llm import Cancel, Finish, Reply, Request, Sampling, never
from writer_r1.llm.fake import FakeLLM
from writer_r1.loop import Task, Team
from writer_r1.prompts import fixed_start
from writer_r1.reflection import Recall
from writer_r1.review import content_words
from writer_r1.trajectory import Check, Criterion, Evaluation, JudgeInfo, Lesson, Rubric, Score, weighted_reward
from writer_r1.workspace import Workspace

PROMPT = "A farewell from a lighthouse keeper to the sea, 60 to 90 words."
STATIONS = (
    "open_coding",
    "open_coding_samples",
    "axial_coding",
    "selective_coding",
    "reflect",
    "revise",
    "reword",
    "rephrase",
    "reason",
    "summary",
    "plan",
    "reconsider",
    "think",
    "verdict",
)
Value = TypeVar("Value")

settings.register_profile("busy machine", deadline=None)  # a shared core may take a second over one example
settings.load_profile("busy machine")

CODES = """farewell" -> warmth held back
- "lighthouse keeper" -> hands that know the lamp
- "the sea" -> addressed like an old rival
- "keeper" -> nights counted in rotations
- "lighthouse" -> stairs worn by one man
- "farewell from" -> no promise to return
- "to the sea" -> salt in every object
- "A farewell" -> one last entry in the log"""
CATEGORIES = """ Working nights (condition)
2. Holding back (action)
3. Old company (condition)
4. What goes dark (consequence)"""
CRITERIA = """ Worn stairs: Each object in the lighthouse carries marks of decades of use by one pair of hands.
- Old rival: He speaks with the sea as with somebody who has beaten him more than once.
- Unsaid grief: What the keeper feels shows only in gestures and never in named emotions.
- Salt and oil: Smells and textures of brass, oil and wet rope make the sea air physical.
- Last rotation: At its close the keeper watches one beam go round and then says nothing more."""
FIRST = (
    "I have kept your lamp for thirty winters, and you have kept nothing of mine.\n\n"
    "The stairs are worn where my left boot falls. The brass remembers my thumb, the rope my temper, "
    "and the window has a crack shaped like the coast.\n\n"
    "Tomorrow a man with a laptop will come. Be rough with him. I leave you the kettle, "
    "the log and the last of the oil."
)
PEOPLE = ("The keeper", "His sister", "A boy from the mainland", "Nobody he knew")
DEEDS = ("mended", "counted", "lost", "sold", "carried up", "spoke of")
THINGS = (
    "the ropes",
    "a kettle",
    "the brass lamp",
    "seven letters",
    "the spare wick",
    "an oar",
    "the log",
    "his boots",
)
ENDLESS = " ".join(f"{who} {did} {what}." for what in THINGS for who in PEOPLE for did in DEEDS)
"""A draft that outlasts a slow machine's page."""
ADVICE = '{"paragraph": 2, "quote": "worn where my left boot", "fault": "Too tidy.", "edit": "Name the tin of polish."}'
PLAINER = "The stairs are plain, plain wood, and my boot knows each of them by its voice."
THOUGHT = f"""<plan>
I begin with the lamp, then the stairs, and end with the oil.
</plan>
<draft>
{FIRST}
</draft>
<reflection>
“my left boot” is dull; I want the stairs plainer.
</reflection>
<revision paragraph="2">
{PLAINER}
</revision>
</think>

{FIRST.replace(FIRST.split(chr(10) * 2)[1], PLAINER)}"""


def overlap(query: str, texts: Sequence[str]) -> list[float]:
    """Return the cosine of the content words of each text and the query."""
    mine, rows = set(content_words(query)), [set(content_words(t)) for t in texts]
    return [len(mine & r) / math.sqrt(len(mine) * len(r)) if mine and r else 0.0 for r in rows]


def station(request: Request) -> str:
    """Return which prompt file a streamed request was made from."""
    here = request.messages
    if len(here) > 3 and here[-3].content.startswith(fixed_start("story").messages[-1].content):
        here = (*here[:-3], here[-1])  # what it was told of the rest of a manuscript
    for name in STATIONS:
        start = fixed_start(name)
        *turns, last = start.messages
        if here[:-1] == tuple(turns) and here[-1].content.startswith(last.content):
            return name
    return "extend" if request.answer else "draft"


def script(**replies: str | Callable[[Request], str]) -> Callable[[Request], str]:
    """Return a script with one reply per station; those not named get a sound one."""
    sound: dict[str, str | Callable[[Request], str]] = {
        "open_coding": CODES,
        "axial_coding": CATEGORIES,
        "selective_coding": CRITERIA,
        "draft": FIRST,
        "reflect": ADVICE,
        "reason": 'my left boot" show a lived detail.',
        "open_coding_samples": "",
        "summary": "Somebody goes somewhere.",
        "verdict": "4\nThe stairs are told too neatly. More salt would help.",
        "plan": " begin with the lamp and end with the oil.",
        "think": THOUGHT,
        "reconsider": "Wait, “my left boot” is all I show of the stairs. I let the boots remember.",
    }

    def reply(request: Request) -> str:
        found = (sound | replies)[station(request)]
        return found if isinstance(found, str) else found(request)

    return reply


class Watched(FakeLLM):
    """Also counts the pieces of the call that is now being read, so that a test sees how far it has come."""

    given = 0
    ended = False
    warmed = 0

    def warm(self, request: Request) -> None:
        self.warmed += 1

    def stream(self, request: Request, sampling: Sampling, cancel: Cancel = never) -> Reply:
        self.given, self.ended = 0, False
        inner = super().stream(request, sampling, cancel)
        while True:
            try:
                piece = next(inner)
            except StopIteration as end:
                self.ended = True
                finish: Finish = end.value
                return finish
            self.given += 1
            yield piece


def run(events: Generator[Event, None, Value]) -> tuple[list[Event], Value]:
    """Return what a station yielded and what it came to."""
    seen: list[Event] = []
    while True:
        try:
            seen.append(next(events))
        except StopIteration as end:
            return seen, end.value


def of(kind: type[Value], events: Sequence[object]) -> list[Value]:
    return [e for e in events if isinstance(e, kind)]


def criterion(name: str, *, weight: float = 1.0, locked: bool = False, check: Check | None = None) -> Criterion:
    kind = "measured" if check else "judged"
    text = f"What {name} asks of this piece."
    return Criterion(name=name, description=text, weight=weight, locked=locked, check=check, kind=kind)


def rubric_of(*criteria: Criterion) -> Rubric:
    return Rubric(prompt_id="p-1", criteria=criteria)


def evaluation(rubric: Rubric, *values: float | None, width: float = 0.0) -> Evaluation:
    """Return an evaluation with these values in the rubric's order, each in the middle of a range of `width`."""
    scores = tuple(
        Score(
            criterion_id=c.id,
            value=v,
            low=None if v is None else v - width / 2,
            high=None if v is None else v + width / 2,
        )
        for c, v in zip(rubric.criteria, values, strict=True)
    )
    reward = weighted_reward(rubric, {s.criterion_id: s.value for s in scores})
    return Evaluation(rubric_id=rubric.id, reward=reward, scores=scores, judge=JudgeInfo(model="fake"))


# Whole runs. A draft's mark (alpha, beta …) says what the judge thinks of it, on 1 to 9.


def revision(mark: str) -> str:
    return f"The stairs, {mark} as ever, remember the boots that wore them down."


def model(marks: dict[str, float], *revisions: str, **replies: str | Callable[[Request], str]) -> FakeLLM:
    texts = iter([revision(m) for m in revisions])
    llm = FakeLLM(script(**({"revise": lambda request: next(texts)} | replies)))
    llm.judge = lambda draft, question: next((v for m, v in marks.items() if m in draft), 3.0)
    return llm


def every_workspace_has(monkeypatch: MonkeyPatch, llm: Callable[[], FakeLLM]) -> None:
    """Have each command find a scripted model, by whatever name, and texts alike by their words."""
    monkeypatch.setattr(Workspace, "llm", lambda self, name: llm())
    monkeypatch.setattr(Workspace, "name_of", lambda self, name: "fake")
    monkeypatch.setattr(Workspace, "similarity", lambda self, text, others: overlap(text, others))


def nothing(prompt: str, name: str | None) -> list[Lesson]:
    return []


def team(llm: FakeLLM, stop: Callable[[], bool] = never, lessons: Recall = nothing) -> Team:
    return Team(llm, llm, None, lessons, stop)


def task(**changes: object) -> Task:
    return Task("t-1", PROMPT, rubric_of(criterion("Warmth")))._replace(**changes)
