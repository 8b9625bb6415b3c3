"""The studio as a process with runs of twenty finished rounds and then a real model: `speed_studio.py HOME PORT MODEL`.

Each line on its input is a turn, `{"run": id, "seed": n}`, and a second line, `go`, lets its model begin. The line that
comes back says when each token came, when each stretch of text was let go to the readers, when each score came (all in
ms since 1970), and how long the model's tokens took together.
"""

import json
import random
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from writer_r1.events import (
    Accepted,
    DraftDelta,
    Drafted,
    Evaluated,
    Event,
    Reflected,
    RubricReady,
    Scored,
    Started,
    Status,
)
from writer_r1.job import Job
from writer_r1.llm import LLM, Message, Request, Sampling, load
from writer_r1.trajectory import (
    Advice,
    Criterion,
    Evaluation,
    JudgeInfo,
    Reflection,
    Rubric,
    Score,
    Source,
    prompt_id,
    weighted_reward,
)
from writer_r1.ui.app import serve
from writer_r1.workspace import Workspace

ROUNDS, WORDS, CRITERIA = 20, 800, 8
TOKENS, JUDGE_TOKENS = 600, 40  # of the text that is written, and between one score and the next
PARAGRAPHS = 8
PROMPT = "Tell at length what a keeper does on one winter day in his lighthouse, from before dawn until after dark."


def vocabulary() -> list[str]:
    pick = random.Random(0)
    heads, tails = "bcdfghlmnprstvw", ("ain", "ar", "ell", "end", "ick", "ight", "ode", "ow", "un", "y")
    return sorted(
        {pick.choice(heads) + pick.choice(tails) + pick.choice(["", "", "er", "ing", "s"]) for _ in range(900)}
    )


def paragraph(pick: random.Random) -> str:
    known, sentences = vocabulary(), list[str]()
    for length in (12, 18, 9, 21, 14, 16, 10):
        sentences.append(" ".join(pick.choices(known, k=length)).capitalize() + ".")
    return " ".join(sentences)  # 100 words


def texts() -> list[str]:
    """Return a first draft and what each round made of the one before: half of its paragraphs are new."""
    pick = random.Random(1)
    parts = [paragraph(pick) for _ in range(PARAGRAPHS)]
    found = ["\n\n".join(parts)]
    for _ in range(ROUNDS):
        for at in pick.sample(range(PARAGRAPHS), PARAGRAPHS // 2):
            parts[at] = paragraph(pick)
        found.append("\n\n".join(parts))
    return found


def rubric() -> Rubric:
    criteria = tuple(
        Criterion(
            name=f"Criterion {n} of the day",
            description="What is done at this hour can be seen, heard and smelled, and nothing is said twice of it.",
            source=Source(stage="selective"),
        )
        for n in range(1, CRITERIA + 1)
    )
    return Rubric(prompt_id=prompt_id(PROMPT), criteria=criteria)


def scores(asked: Rubric, text: str, pick: random.Random) -> tuple[Score, ...]:
    found = []
    for n, criterion in enumerate(asked.criteria):
        value, quote = pick.uniform(0.2, 0.9), " ".join(text.split()[90 * n : 90 * n + 8])
        reason = "The hour is there to be seen, but what is smelled in it is only named and comes back once too often."
        found.append(
            Score(
                criterion_id=criterion.id,
                value=value,
                low=value - 0.03,
                high=value + 0.03,
                reason=reason,
                quote=quote,
                quote_found=True,
            )
        )
    return tuple(found)


def finished() -> Iterator[Event]:
    """Yield what happened before the model goes on: criteria, a draft and twenty rounds, all judged."""
    asked, pick = rubric(), random.Random(2)
    yield Started(prompt=PROMPT, model="starter", judge="starter", seed=0)
    yield RubricReady(rubric=asked)
    for number, text in enumerate(texts(), 1):
        if number > 1:
            yield Reflected(attempt=number, reflection=advised(asked, number))
        yield Drafted(attempt=number, text=text, parent=number - 1 or None, tokens=1100, seconds=60)
        yield from judged(asked, number, scores(asked, text, pick))
        yield Accepted(attempt=number, why="first draft" if number == 1 else "better by 0.3 of 10")


def advised(asked: Rubric, number: int) -> Reflection:
    edit = "Show the work of the hands at this hour and take out the sentence that says it a second time."
    advice = [
        Advice(criterion_id=c.id, paragraph=i + 1, fault="said twice", edit=edit)
        for i, c in enumerate(asked.criteria[:2])
    ]
    return Reflection(on_attempt=number - 1, advice=tuple(advice))


def judged(asked: Rubric, number: int, given: tuple[Score, ...]) -> Iterator[Event]:
    reward = weighted_reward(asked, {s.criterion_id: s.value for s in given})
    evaluation = Evaluation(rubric_id=asked.id, reward=reward, scores=given, judge=JudgeInfo(model="starter"))
    yield Evaluated(attempt=number, evaluation=evaluation)


class Turn:
    """One more round by a real model on top of the finished ones, and when what happened in it."""

    def __init__(self, llm: LLM, seed: int) -> None:
        self.llm, self.seed, self.go = llm, seed, threading.Event()
        self.tokens: list[tuple[float, int]] = []  # when, and how long the text was then
        self.released: list[tuple[float, int]] = []
        self.scored: list[float] = []
        self.seconds, self.count, self.length = 0.0, 0, 0

    def work(self, stop: Callable[[], bool]) -> Iterator[Event]:
        """Yield the finished rounds; after `go`, a round that is written and judged."""
        yield from finished()
        yield Status(text="revising")
        self.go.wait()
        number, text = ROUNDS + 2, ""
        for piece in self.generate(TOKENS, 0):
            text += piece
            self.length += len(piece.encode("utf-16-le")) // 2  # as a browser counts
            self.tokens.append((now_ms(), self.length))
            yield DraftDelta(attempt=number, text=piece, parent=number - 1)
        yield Drafted(attempt=number, text=text, parent=number - 1)
        yield Status(text="judging")
        given = scores(rubric(), text, random.Random(3))
        for n, score in enumerate(given, 1):
            for _ in self.generate(JUDGE_TOKENS, n):
                pass
            self.scored.append(now_ms())
            yield Scored(attempt=number, score=score)
        for _ in self.generate(JUDGE_TOKENS, 0):
            pass
        yield from judged(rubric(), number, given)

    def generate(self, count: int, part: int) -> Iterator[str]:
        """Yield `count` tokens of text without line breaks, adding up the time they take after the first."""
        left = count
        while left > 1:
            sampling = Sampling(max_tokens=left, temperature=0.8, seed=1000 * self.seed + 10 * left + part)
            request = Request((Message("user", f"{PROMPT} ({part})"),))
            stream, began = self.llm.stream(request, sampling), None
            while True:
                try:
                    piece = next(stream)
                except StopIteration as end:
                    made = end.value.tokens
                    break
                if began is None:
                    began = time.monotonic()
                yield piece.replace("\n", " ")
            if began is not None:
                self.seconds += time.monotonic() - began
                self.count += made - 1
            left -= max(1, made)

    def told(self) -> dict[str, Any]:
        return {
            "tokens_per_s": self.count / self.seconds,
            "tokens": self.tokens,
            "released": self.released,
            "scored": self.scored,
        }


def now_ms() -> float:
    return time.time() * 1000


def watch(turns: dict[str, Turn]) -> None:
    """Note when a job lets the text go that it held together; nothing about it changes."""
    let_go = Job._let_go

    def noting(job: Job) -> None:
        if job._held and job.id in turns:
            turn = turns[job.id]
            before = turn.released[-1][1] if turn.released else 0
            turn.released.append((now_ms(), before + len(job._held.text.encode("utf-16-le")) // 2))
        let_go(job)

    Job._let_go = noting  # type: ignore[method-assign]


def main(home: Path, port: int, model: Path) -> None:
    """Answer turns until the input ends."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    workspace, turns = Workspace(home, model.parent), dict[str, Turn]()
    workspace.open_studio()
    watch(turns)
    llm = load(model, name=model.stem)
    try:
        _, address = serve(workspace, port, open_browser=False)
        print(f"Writer-R1 Studio: {address}", flush=True)
        for line in sys.stdin:
            asked = json.loads(line)
            turn = turns[asked["run"]] = Turn(llm, asked["seed"])
            workspace.jobs.start(PROMPT, "starter", turn.work, asked["run"])
            sys.stdin.readline()
            turn.go.set()
            workspace.jobs.wait(asked["run"], 300)
            print(json.dumps(turn.told()), flush=True)
    except KeyboardInterrupt:
        pass
    finally:
        workspace.close()
        llm.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))
