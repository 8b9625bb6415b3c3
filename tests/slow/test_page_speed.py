"""How fast an update reaches an open page, and what the page costs the model, with twenty rounds of 800 words shown.

A live studio process writes and judges one more round with the starter model. Turns with a real browser that follows
it alternate with turns without one; both write the same tokens. Figures go to `docs/proof/page_speed.json`.

- `delivery_ms`: from the moment a stretch of text may be seen to the page's DOM showing it.
- `held_ms`: how long a token waits before, because a job lets text go in stretches (`job.DELTA_S`).
- `text_ms`: from the model's token to the DOM; `score_ms`: from a score to the DOM of both boards.
"""

import json
import os
import subprocess
import sys
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import pytest
from conftest import ROOT, STARTER, isolated, require_starter
from live import SOON_MS, Pages, Studio
from playwright.sync_api import Browser, Page, expect

PROOF = ROOT / "docs" / "proof"
PAIRS = 5
ROUNDS, NEXT = 20, 22  # finished after the first draft, and the number of the attempt that is written
WATCH = f"""() => {{
  window.seen = {{ text: [], scores: [] }};
  const last = {{ text: 0, scores: 0 }};
  const note = () => {{
    const text = document.querySelector("#sheet article.text")?.textContent.length ?? 0;
    if (document.querySelector("#sheet article.writing") && text > last.text) {{
      window.seen.text.push([Date.now(), (last.text = text)]);
    }}
    const card = document.querySelectorAll('#rounds .round-card[data-attempt="{NEXT}"] .rows .bar').length;
    const scores = Math.min(card, document.querySelectorAll("#criteria .criterion .bar .fill").length);
    if (document.querySelector("#criteria .pending, #criteria .overall.pending") && card && scores > last.scores) {{
      while (last.scores < scores) window.seen.scores.push([Date.now(), (last.scores += 1)]);
    }}
  }};
  for (const part of ["#sheet", "#criteria", "#rounds"]) {{
    const whole = {{ childList: true, characterData: true, subtree: true }};
    new MutationObserver(note).observe(document.querySelector(part), whole);
  }}
}}"""


class SpeedStudio(Studio):
    """A studio that takes turns; see `speed_studio.py`."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.environment = isolated(folder, STARTER.parent) | {
            "PATH": "/usr/bin:/bin",
            "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests")]),
        }
        program = ROOT / "tests" / "slow" / "speed_studio.py"
        self.command = [sys.executable, str(program), str(self.home), str(self.port), str(STARTER)]

    def start(self) -> None:
        self.process = subprocess.Popen(
            self.command, cwd=ROOT, env=self.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout
        assert self.process.stdout.readline() == f"Writer-R1 Studio: {self.address}\n"

    def tell(self, line: str) -> None:
        assert self.process.stdin
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def answer(self) -> dict[str, Any]:
        assert self.process.stdout
        told: dict[str, Any] = json.loads(self.process.stdout.readline())
        return told


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[SpeedStudio]:
    require_starter()
    live = SpeedStudio(tmp_path)
    live.start()
    yield live
    live.process.terminate()
    live.process.communicate(timeout=30)


def turn(studio: SpeedStudio, run: str, seed: int, pages: Pages | None) -> dict[str, Any]:
    """Return the times of one more round, followed by a page or by none."""
    studio.tell(json.dumps({"run": run, "seed": seed}))
    page = watched(pages, run) if pages else None
    studio.tell("go")
    told = studio.answer()
    if page and pages:
        expect(page.locator("#phase .phase.done")).to_be_visible(timeout=SOON_MS)
        told |= {"seen": page.evaluate("window.seen")}
        pages.leaving = True
        page.context.close()
        pages.leaving = False
    return told


def watched(pages: Pages, run: str) -> Page:
    """Return a page that shows all the finished rounds and notes when it shows more."""
    page = pages.open(query=f"?run={run}")
    expect(page.locator("#rounds .round-card")).to_have_count(ROUNDS + 1, timeout=SOON_MS)
    page.wait_for_timeout(1500)  # the first view is drawn, and the sidebar is asked for
    page.evaluate(WATCH)
    return page


def at(times: Sequence[Sequence[float]], length: float) -> float | None:
    """Return when at least this much was there; None where it never was."""
    place = bisect_left([row[1] for row in times], length)
    return times[place][0] if place < len(times) else None


def delays(told: dict[str, Any]) -> dict[str, list[float]]:
    """Return what each stretch, token and score of one turn waited, in ms; what was never seen is left out."""
    seen, found = told["seen"], {"delivery_ms": [], "held_ms": [], "text_ms": [], "score_ms": []}
    for when, length in told["released"][:-1]:  # the last comes together with the whole text
        if (shown := at(seen["text"], length)) is not None:
            found["delivery_ms"].append(shown - when)
    end = told["released"][-2][1]
    for when, length in told["tokens"]:
        let_go, shown = at(told["released"], length), at(seen["text"], length)
        if length <= end and let_go is not None and shown is not None:
            found["held_ms"].append(let_go - when)
            found["text_ms"].append(shown - when)
    for number, when in enumerate(told["scored"], 1):
        if (shown := at(seen["scores"], number)) is not None:
            found["score_ms"].append(shown - when)
    return found


def summary(values: Sequence[float]) -> dict[str, float]:
    return {"median": round(median(values), 1), "p95": round(quantiles(values, n=20)[-1], 1), "samples": len(values)}


def figures(alone: list[dict[str, Any]], followed: list[dict[str, Any]]) -> dict[str, Any]:
    """Return all turns as one row of numbers."""
    waits = [delays(told) for told in followed]
    quick, slow = (sorted(t["tokens_per_s"] for t in turns) for turns in (alone, followed))
    return {
        "model": STARTER.name,
        "rounds": ROUNDS,
        **{name: summary([v for w in waits for v in w[name]]) for name in waits[0]},
        "tokens_per_s_alone": [round(v, 1) for v in quick],
        "tokens_per_s_followed": [round(v, 1) for v in slow],
        "kept": round(median(slow) / median(quick), 3),
    }


@pytest.mark.slow
@pytest.mark.browser
@pytest.mark.timeout(1800)
def test_an_update_is_on_the_page_at_once_and_the_page_leaves_the_model_its_pace(
    studio: SpeedStudio, browser: Browser, capsys: pytest.CaptureFixture[str]
) -> None:
    pages = Pages(browser, studio)
    turn(studio, "warm", 0, None)
    alone, followed = list[dict[str, Any]](), list[dict[str, Any]]()
    for n in range(1, PAIRS + 1):
        alone.append(turn(studio, f"alone{n}", n, None))
        followed.append(turn(studio, f"followed{n}", n, pages))
    assert pages.faults == []
    told_of = sum(len(t["released"]) - 1 + len(t["scored"]) for t in followed)
    seen = sum(len(w["delivery_ms"]) + len(w["score_ms"]) for w in map(delays, followed))
    assert seen >= 0.95 * told_of  # else the figures below leave out what came too late to be seen by itself
    found = figures(alone, followed)
    (PROOF / "page_speed.json").write_text(json.dumps(found, indent=1) + "\n", "utf-8")
    with capsys.disabled():
        print("\n" + json.dumps(found))
    assert found["delivery_ms"]["median"] <= 150
    assert found["score_ms"]["median"] <= 150
    assert found["kept"] >= 0.85
