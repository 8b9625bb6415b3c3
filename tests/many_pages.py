"""Fifty pages of five writers on one studio for a while: each starts a piece, follows it to its end, and another one.

What every page shows in the end is held against what the library has. The page is sent differences, so one event lost
or out of order on the way would leave something else there.
"""

import asyncio
import re
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import psutil
from http_page import HttpPage, connections
from live import Studio

from writer_r1.store import Store
from writer_r1.trajectory import Trajectory
from writer_r1.ui import render
from writer_r1.ui.view import View, advance
from writer_r1.writers import add_writer

WRITERS, PAGES = 5, 10
PASSWORD = "correct horse"
TEXT = "The keeper went down to the harbour and counted the ropes that the night had left there. " * 6


class Load(NamedTuple):
    """What came of it: pieces written by each writer, messages heard, the longest line seen, and memory in MB.

    Memory is measured from when each page had its first piece: until then each grows to its full size.
    """

    pieces: list[int]
    messages: int
    longest: int
    memory_mb: list[float]


def studio_of(folder: Path) -> Studio:
    """Return a studio of so many writers, not started yet."""
    for n in range(WRITERS):
        add_writer(folder / "writers", f"w{n}", PASSWORD)
    studio = Studio(folder, writers=folder / "writers")
    studio.script(texts=[TEXT])
    return studio


def held(studio: Studio, seconds: float) -> Load:
    """Return what came of so many pages that wrote for so long, and until each had two pieces."""
    with ThreadPoolExecutor(1) as own:  # where Chromium was driven before, this thread has a loop already
        return own.submit(asyncio.run, _held(studio, seconds)).result()


async def _held(studio: Studio, seconds: float) -> Load:
    process, memory = psutil.Process(studio.process.pid), list[float]()
    clients = [connections(studio.address, timeout=60) for _ in range(WRITERS)]
    for n, client in enumerate(clients):
        reply = await client.post("/sign-in", data={"name": f"w{n}", "password": PASSWORD, "onward": "/"})
        assert reply.status_code == 303
    pages = [(n, HttpPage(clients[n])) for n in range(WRITERS) for _ in range(PAGES)]
    configs: dict[int, dict[str, Any]] = {}  # one for a writer: to read half a megabyte for each page takes longest
    for n, page in pages:
        configs[n] = await page.open(config=configs.get(n))
    end, counts, over = time.monotonic() + seconds, [0] * len(pages), asyncio.Event()

    async def measured() -> list[int]:
        while time.monotonic() < end or min(counts) < 2:
            await asyncio.sleep(seconds / 20)
            if min(counts):
                memory.append(process.memory_info().rss / 1e6)
        over.set()
        return [sum(counts[n * PAGES : (n + 1) * PAGES]) for n in range(WRITERS)]

    stores = [Store(studio.home / "writers" / f"w{n}" / "library.db") for n in range(WRITERS)]
    wrote = [_wrote(page, stores[n], k, counts, over) for k, (n, page) in enumerate(pages)]
    done, *longest = await asyncio.gather(measured(), *wrote)
    for _, page in pages:
        await page.close()
    for client in clients:
        await client.aclose()
    return Load(done, sum(page.messages for _, page in pages), max(longest), memory)


async def _wrote(page: HttpPage, store: Store, k: int, counts: list[int], over: asyncio.Event) -> int:
    """Have pieces written by page `k` and count them until it is over; return how many were ahead of it at most."""
    longest = 0
    while not over.is_set():
        brief = f"Story {counts[k]} of page {k} on ropes"
        await page.start(brief)
        run_id = re.search(r'data-run="(\w+)"', page.shown["piece"])[1]  # type: ignore[index]
        await page.followed()
        events = store.events(run_id)
        view = advance(View(Trajectory(id=run_id, prompt=brief)), events)._replace(ended=True)
        assert events[-1][1].event == "finished" and [number for number, _ in events] == list(range(1, len(events) + 1))
        assert page.shown["sheet"] == render.manuscript(view) and brief in page.shown["sheet"]
        assert f'data-run="{run_id}"' in page.shown["phase"] and "phase done" in page.shown["phase"]
        told = [int(at[1]) for _, e in events if (at := re.search(r"(\d+) ahead of you", getattr(e, "text", "")))]
        longest = max([longest, *told])
        counts[k] += 1
    return longest
