"""This machine -> figures: how long a writer waits, and what forked and parallel decoding are worth.

Rivals are measured side by side in one process, turn by turn, because speed drifts on a shared machine: ratios and
medians are to be quoted, not single times. The plain ways are llama-cpp-python's own `Llama`.
"""

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from writer_r1 import catalog
from writer_r1.criteria import Analyst, derive_rubric
from writer_r1.errors import WriterError
from writer_r1.events import Coded
from writer_r1.judge import DIGITS
from writer_r1.llm import LLM, Message, Request, Sampling, complete, never
from writer_r1.llm.llamacpp import LlamaCpp
from writer_r1.prompts import fixed_start, render
from writer_r1.warming import PINNED
from writer_r1.workspace import Workspace

PROMPT = (
    "Write a 200-word story about a lighthouse keeper who discovers that the light attracts something other than ships."
)
DRAFT = (
    "The keeper climbed the iron stair each evening with a can of oil and a folded cloth. Tonight the beam swept the "
    "bay and nothing with a sail answered it. Something did, though: a slow paleness under the swell that turned when "
    "the lamp turned. He wound the clockwork, counted to nine, and looked. It had come closer by a boat's length. "
) * 5
SMALL = "starter"
NAMES = ("Concrete scene", "A turn", "Voice", "Earned ending", "Pace", "Light as lure", "Solitude", "Fresh words")


def bench_loop(model: str | None, *, quick: bool) -> int:
    """Print the figures of one model, ending with a `RESULT {json}` line; return the exit code."""
    workspace = Workspace()
    repeats = 1 if quick else 3
    figures: dict[str, Any] = {}
    try:
        with workspace.machine():
            name = model or workspace.writer
            figures["model"] = name
            llm = workspace.llm(name)
            if not isinstance(llm, LlamaCpp):
                raise WriterError(f"{name} is no GGUF file, and what it is measured beside runs on the very same one.")
            workspace.similarity("warm", ["up"])
            for prompt in PINNED:
                llm.warm(fixed_start(prompt))
            figures |= _rubric(llm, workspace, repeats)
            figures |= _decoding(llm, repeats)
            figures |= _judging(llm, catalog.path_of(name, workspace.models), repeats)
            figures |= _drafts(llm, catalog.path_of(name, workspace.models), repeats)
            if catalog.path_of(SMALL, workspace.models) != catalog.path_of(name, workspace.models):
                print(f"The same of {SMALL}, which leaves more of the cores free:")
                small = workspace.llm(SMALL)
                assert isinstance(small, LlamaCpp)
                figures[SMALL] = _drafts(small, catalog.path_of(SMALL, workspace.models), repeats)
        figures |= _page_start(repeats)
    finally:
        workspace.close()
    print("RESULT " + json.dumps(figures))
    return 0


def _say(label: str, value: float, unit: str) -> None:
    print(f"{label:<52} {value:8.2f} {unit}", flush=True)


def _rubric(llm: LLM, workspace: Workspace, repeats: int) -> dict[str, float]:
    firsts, wholes = list[float](), list[float]()
    for seed in range(repeats):
        began, first = time.monotonic(), None
        for event in derive_rubric(PROMPT, Analyst(llm, workspace.similarity, never, seed)):
            if first is None and isinstance(event, Coded) and event.code.stage == "open":
                first = time.monotonic() - began
        wholes.append(time.monotonic() - began)
        firsts.append(wholes[-1] if first is None else first)
    figures = {"first_code_s": statistics.median(firsts), "rubric_s": statistics.median(wholes)}
    _say("first code made by the model, warm", figures["first_code_s"], "s")
    _say("whole rubric", figures["rubric_s"], "s")
    return figures


def _decoding(llm: LLM, repeats: int) -> dict[str, float]:
    request = render("draft", request=PROMPT, hints="").request
    rates = []
    for seed in range(repeats):
        complete(llm, request, Sampling(max_tokens=1))  # the prompt is evaluated outside the measured time
        began = time.monotonic()
        _, finish = complete(llm, request, Sampling(max_tokens=96, temperature=0.8, seed=seed))
        rates.append(finish.tokens / (time.monotonic() - began))
    _say("drafting", statistics.median(rates), "tokens/s")
    return {"draft_tokens_per_s": statistics.median(rates)}


def _judging(llm: LlamaCpp, path: Path, repeats: int) -> dict[str, float]:
    """Judge 8 criteria three ways: forked, eight cold completions, eight completions that reuse their prefix."""
    plain = _plain(llm, path)
    shared = render("judge", request=PROMPT, draft=DRAFT, question="").request
    suffixes = [f"\n\nCriterion: {n}. The draft shows it throughout. Answer with one digit from 1 to 9." for n in NAMES]
    head, tail = llm.encode(shared)
    prompts = [[*head, *llm.tokens(s), *tail] for s in suffixes]  # the same tokens for every rival

    def forked() -> None:
        complete(llm, Request((Message("user", "x"),)), Sampling(max_tokens=1))  # nothing of the draft is held
        llm.choice_logprobs(shared, suffixes, DIGITS)

    def cold() -> None:
        for prompt in prompts:
            plain.reset()
            plain._ctx.kv_cache_clear()
            plain.create_completion(prompt, max_tokens=1, temperature=0)

    def reused() -> None:
        plain.reset()
        plain._ctx.kv_cache_clear()
        for prompt in prompts:
            plain.create_completion(prompt, max_tokens=1, temperature=0)

    times = _in_turn({"forked": forked, "cold": cold, "reused": reused}, repeats)
    plain.close()
    figures = {
        "judge_forked_s": times["forked"],
        "judge_cold_ratio": times["cold"] / times["forked"],
        "judge_reused_ratio": times["reused"] / times["forked"],
    }
    _say("judging 8 criteria, forked", times["forked"], "s")
    _say("  against 8 cold completions", figures["judge_cold_ratio"], "x")
    _say("  against 8 completions with prefix reuse", figures["judge_reused_ratio"], "x")
    return figures


def _drafts(llm: LlamaCpp, path: Path, repeats: int) -> dict[str, float]:
    """Write 8 drafts three ways: side by side, one after another, and by `Llama`'s own call, one after another."""
    plain = _plain(llm, path)
    request = render("draft", request=PROMPT, hints="").request
    sampling = Sampling(max_tokens=64, temperature=0.8)
    head, tail = llm.encode(request)
    tokens = dict.fromkeys(("parallel", "sequential", "plain"), 0)

    def parallel() -> None:
        tokens["parallel"] = sum(llm.count(t) for t in llm.drafts(request, sampling, 8))

    def sequential() -> None:
        texts = [complete(llm, request, sampling._replace(seed=seed))[0] for seed in range(8)]
        tokens["sequential"] = sum(map(llm.count, texts))

    def one_by_one() -> None:
        made = [plain.create_completion([*head, *tail], max_tokens=64, temperature=0.8, seed=s) for s in range(8)]
        tokens["plain"] = sum(one["usage"]["completion_tokens"] for one in made)

    times = _in_turn({"parallel": parallel, "sequential": sequential, "plain": one_by_one}, repeats)
    plain.close()
    rates = {name: tokens[name] / times[name] for name in tokens}
    figures = {
        "parallel_tokens_per_s": rates["parallel"],
        "parallel_ratio": rates["parallel"] / rates["sequential"],
        "parallel_plain_ratio": rates["parallel"] / rates["plain"],
    }
    _say("8 drafts side by side", rates["parallel"], "tokens/s")
    _say("  against one after another", figures["parallel_ratio"], "x")
    _say("  against 8 completions one after another", figures["parallel_plain_ratio"], "x")
    return figures


def _in_turn(rivals: dict[str, Callable[[], None]], repeats: int) -> dict[str, float]:
    """Return the median seconds of each rival, run in turn A B C A B C."""
    times: dict[str, list[float]] = {name: [] for name in rivals}
    for _ in range(repeats):
        for name, run in rivals.items():
            began = time.monotonic()
            run()
            times[name].append(time.monotonic() - began)
    return {name: statistics.median(row) for name, row in times.items()}


def _plain(llm: LlamaCpp, path: Path) -> Any:
    """Return llama-cpp-python's own model of this file, on as many threads."""
    import llama_cpp

    one, batch = llm.threads
    return llama_cpp.Llama(str(path), n_ctx=4096, n_threads=one, n_threads_batch=batch, verbose=False)


def _page_start(repeats: int) -> dict[str, float]:
    """Time from starting `app.py` to the page answering."""
    import tempfile

    app = Path(__file__).parent.parent / "app.py"
    if not app.exists():
        return {}
    seconds = []
    for _ in range(repeats):
        with tempfile.TemporaryDirectory() as home:
            began = time.monotonic()
            command = [sys.executable, str(app), "--port", "0", "--home", home, "--no-browser"]
            studio = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
            for line in studio.stdout or ():
                if "http://" in line:
                    break
            seconds.append(time.monotonic() - began)
            studio.terminate()
            studio.wait(20)
    _say("from start to a page that answers", statistics.median(seconds), "s")
    return {"page_start_s": statistics.median(seconds)}
