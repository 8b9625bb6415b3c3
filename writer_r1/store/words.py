"""What people type and read -> what is stored and shown of it: valid text, search terms, one short line.

Knows nothing of SQL. Lengths are in characters.
"""

import re
from collections.abc import Iterable, Sequence
from itertools import accumulate

SURROGATES = re.compile("[\ud800-\udfff]")

TITLE_CHARS = 60
SNIPPET_CHARS, BEFORE_CHARS = 90, 30  # of these so many before the term


def pure(text: str) -> str:
    """Return `text` with every lone surrogate replaced by U+FFFD: the rest is what SQLite can keep."""
    return SURROGATES.sub("\ufffd", text)


def shortened(text: str) -> str:
    """Return the first 60 characters of `text` on one line, with … where there is more."""
    line = " ".join(text.split(maxsplit=TITLE_CHARS))  # so many words are longer than that
    return line if len(line) <= TITLE_CHARS else line[: TITLE_CHARS - 1].rstrip() + "…"


def terms(query: str) -> list[str]:
    """Return the parts of `query` between white space; each means only itself, no character is special."""
    return pure(query[:500]).replace("\0", " ").split()[:20]  # SQLite limits a query's size


def place(text: str, term: str) -> int:
    """Return where `term` first begins in `text`, in any letter case, or -1."""
    folded = text.casefold()
    at = folded.find(term.casefold())
    if at <= 0 or len(folded) == len(text):
        return at
    ends = accumulate(len(c.casefold()) for c in text)  # "ß" folds to two letters
    return next(i for i, end in enumerate(ends) if end > at)


def snippet(text: str, at: int) -> str:
    """Return about 90 characters of `text` around index `at` on one line, with … where there is more."""
    start = max(0, min(at - BEFORE_CHARS, len(text) - SNIPPET_CHARS))
    end = start + SNIPPET_CHARS
    line = " ".join(text[start:end].split())
    return ("…" if start else "") + line + ("…" if end < len(text) else "")


def most_telling(places: Iterable[tuple[str | None, str]], words: Sequence[str]) -> tuple[int, str | None, str]:
    """Return of the first text that holds most of `words`: how many, whose it is, and a snippet around the first."""
    best: tuple[int, str | None, str] = (-1, None, "")
    for owner, text in places:
        found = [at for word in words if (at := place(text, word)) >= 0]
        if text and len(found) > best[0]:
            best = len(found), owner, snippet(text, found[0] if found else 0)
    return best
