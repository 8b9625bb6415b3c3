"""Text -> plain numbers of its form, of fixed names and order and always finite, for a regression to weigh.

They are raw: nothing is scaled to [0, 1], and none has a good or a bad end.
"""

import re
import zlib
from collections.abc import Sequence
from math import log, sqrt
from statistics import fmean, pstdev

from writer_r1.checks.shape import completeness, copied_share, repetition
from writer_r1.checks.style import WINDOW, mattr, speech_share, worn_places
from writer_r1.checks.talk import talk_places
from writer_r1.checks.text import lines, paragraphs, sentences, word_count, words

LONG = 7  # letters of a long word

_SMALL_WORDS = (
    "a about after all an and are as at be been before but by can could did do for from had has have he her him his i "
    "if in into is it its me my no not of on one or our out she so some than that the their them then there they this "
    "to up was we were what when which who will with would you your"
)
_FIRST_WORDS = "i me my mine myself we us our ours i'm i've i'd i'll"
_THIRD_WORDS = "he him his himself she her hers herself they them their"
_SMALL, _FIRST, _THIRD = (frozenset(group.split()) for group in (_SMALL_WORDS, _FIRST_WORDS, _THIRD_WORDS))
_CONTRAST = re.compile(
    r"\b(?:not|(?:was|is|were|are)n['’]t)\s(?:just|only|merely|simply)\b[^.!?\n]{1,80}?\b(?:but|it|it['’]s)\b",
    re.IGNORECASE,
)


def form_numbers(text: str, request: str) -> dict[str, float]:
    """Return lengths, rhythm, variety, marks and habits of `text` by name; shares are of its words if not said."""
    found = words(text)
    n = max(1, len(found))
    plain = [word.replace("’", "'") for word in found]
    again = repetition(text).value
    return {
        "log_words": log(1 + len(found)),
        **_lengths(text),
        **{f"distinct_{size}": _distinct(found, size) for size in (2, 3, 4)},
        "compression": _compression(text),
        "mattr": mattr(found, WINDOW),
        "kinds_by_root": len(set(found)) / sqrt(n),
        "doubled": sum(a == b for a, b in zip(found, found[1:], strict=False)) / n,
        "word_length": fmean(map(len, found)) if found else 0.0,
        "long_words": sum(len(word) >= LONG for word in found) / n,
        "small_words": sum(word in _SMALL for word in plain) / n,
        "first_person": sum(word in _FIRST for word in plain) / n,
        "third_person": sum(word in _THIRD for word in plain) / n,
        **_marks(text, n),
        "finished": completeness(text).value or 0.0,
        "repetition": 1.0 if again is None else again,
        "speech": speech_share(text),
        "stock_per_1000": 1000 * len(worn_places(text)) / n,
        "contrasts_per_1000": 1000 * len(_CONTRAST.findall(text)) / n,
        "talk": float(len(talk_places(text, request))),
        "copied": copied_share(text, request),
    }


def _lengths(text: str) -> dict[str, float]:
    rows = sentences(text)
    counts = [word_count(text[start:end]) for start, end in rows] or [0]
    return {
        "log_sentences": log(1 + len(rows)),
        "log_paragraphs": log(1 + len(paragraphs(text))),
        "sentence_words": fmean(counts),
        "sentence_words_sd": pstdev(counts),
        "capital_starts": fmean(_starts_large(text[start:end]) for start, end in rows) if rows else 0.0,
    }


def _starts_large(sentence: str) -> float:
    first = next((char for char in sentence if char.isalpha()), "")
    return float(first.isupper())


def _distinct(found: Sequence[str], size: int) -> float:
    runs = list(zip(*(found[i:] for i in range(size)), strict=False))
    return len(set(runs)) / len(runs) if runs else 1.0


def _compression(text: str) -> float:
    raw = text.encode("utf-8", "surrogatepass")
    return len(zlib.compress(raw, 9)) / len(raw) if raw else 1.0


def _marks(text: str, n: int) -> dict[str, float]:
    size = max(1, len(text))
    return {
        "commas": (text.count(",") + text.count("，")) / n,
        "questions": (text.count("?") + text.count("？")) / n,
        "exclamations": (text.count("!") + text.count("！")) / n,
        "dashes": (text.count("—") + text.count("–") + text.count(" - ")) / n,
        "pauses": (text.count("...") + text.count("…")) / n,
        "quotes": sum(text.count(mark) for mark in '"“”«»「」') / n,
        "digits": sum(char.isdigit() for char in text) / size,
        "newlines": len(lines(text)) / n,
    }
