"""Request -> the length it asks for: the nearest reading of "about 250 words", "five sentences", "不少于800字".

A bare or "about" number of words means within a tenth of it. Lengths of parts ("each chapter 200 words") are left out;
of several, a stated total wins, then the largest. Pages and minutes are not lengths.
"""

import re
from typing import Literal, NamedTuple

from writer_r1.trajectory import Noun

LengthUnit = Literal["words", "characters", "lines", "sentences"]
Kind = Literal["", "about", "exact", "most", "under", "least"]

POEM_LINES = {"haiku": 3, "sonnet": 14, "limerick": 5, "tanka": 5, "villanelle": 19, "quatrain": 4, "couplet": 2}

_NAMES = {
    "zero": 0,
    "one": 1,
    "two": 2,
    "three": 3,
    "four": 4,
    "five": 5,
    "six": 6,
    "seven": 7,
    "eight": 8,
    "nine": 9,
    "ten": 10,
    "eleven": 11,
    "twelve": 12,
    "thirteen": 13,
    "fourteen": 14,
    "fifteen": 15,
    "sixteen": 16,
    "seventeen": 17,
    "eighteen": 18,
    "nineteen": 19,
    "twenty": 20,
    "thirty": 30,
    "forty": 40,
    "fifty": 50,
    "sixty": 60,
    "seventy": 70,
    "eighty": 80,
    "ninety": 90,
    "a": 1,
    "an": 1,
    "and": 0,
    "dozen": 12,
}
_DIGITS = {char: n for n, char in enumerate("零一二三四五六七八九")} | {"两": 2}
_PLACES = {"十": 10, "百": 100, "千": 1000}

_NAMED = "|".join(sorted({*_NAMES, "hundred", "thousand"} - {"a", "an", "and"}, key=len, reverse=True))
_NAME = rf"(?:{_NAMED}|an?(?=[ -](?:hundred|thousand|dozen)))"
_NUMBER = rf"(?:\d{{1,3}}(?:,\d{{3}}){{1,2}}|\d{{1,6}}k?|{_NAME}(?:[ -](?:and )?{_NAME}){{0,5}})"
_HAN_NUMBER = r"(?:\d{1,3}(?:,\d{3}){1,2}|\d{1,6}(?:\.\d)?[万千]?|[一二三四五六七八九两十百千万零]{1,9})"
_WESTERN_UNITS = {"word": "words", "character": "characters", "line": "lines", "sentence": "sentences"}
_WESTERN_UNITS |= dict.fromkeys(["mot", "wört", "palabra", "parole", "palavra", "woord", "слов"], "words")
_HAN_UNITS = {"行": "lines", "句": "sentences", "词": "words", "단어": "words"}
_WESTERN = re.compile(
    rf"(?<![\w.,$%])(?:(?P<a>{_NUMBER})\+?\s?(?:-|–|—|~|to|and|or)\s?)??(?P<b>{_NUMBER})(?P<more>\+?)(?:\s|-)?"
    r"(?:(?:long|short|rhymed|rhyming|different)\s)?"
    r"(?P<unit>(?:word|character|line|sentence|mot|palabra)s?|wörter[n]?|parole|palavras|woorden|слов[ао]?)\b",
    re.IGNORECASE,
)
_HAN = re.compile(
    rf"(?<![\d.,一二三四五六七八九十百千万])(?:(?P<a>{_HAN_NUMBER})字?\s?(?:-|–|—|~|～|到|至)\s?)?(?P<b>{_HAN_NUMBER})(?P<more>\+?)"
    r"\s?(?:个|余|多)?(?P<unit>文字|字|个?单词|词|단어|자|行|句|(?=\s?(?:左右|上下|以上|以内|之间|$|[，。；\n])))"
)

# What stands before and after the number; the first that matches wins, so "no less than" comes before "less than".
_BEFORE: tuple[tuple[Kind, str], ...] = (
    (
        "least",
        r"(?:at lea?s[te]|(?:no|not) (?:less|fewer|shorter) than|minimum(?: of)?|min\.?|不少于|至少|不低于|不得少于)",
    ),
    ("most", r"(?:at most|up to|(?:no|not) (?:more|longer) than|not (?:to )?exceed(?:ing)?|max(?:imum)?\.?(?: of)?)"),
    (
        "most",
        r"(?:within|limit(?:ed)?(?: it)?(?: to| of)?|不得?超过|不多于|最多|控制在|höchstens|máximo)",
    ),
    ("under", r"(?:under|(?:less|fewer|shorter) than|below|少于)"),
    ("least", r"(?:more than|longer than|over|above|exceeding|超过|大于|au moins|mindestens|al menos)"),
    ("exact", r"(?:exactly|precisely|正好|恰好)"),
    ("about", r"(?:about|around|approximately|approx\.?|roughly|circa|some|nearly|close to|~|≈|大约|约|大概)"),
)
_AFTER: tuple[tuple[Kind, str], ...] = (
    ("least", r"(?:or (?:more|longer)|at (?:the )?least|minimum|min\b|以上|이상)"),
    ("most", r"(?:or (?:less|fewer)|at (?:the )?most|max|以内|之内|以下|이내|limit)"),
    ("about", r"(?:or so|左右|上下|程度|前後|내외|정도)"),
)
_PART_BEFORE = re.compile(
    r"(?:\b(?:each|every|slogan|title|headline|subject line|heading)\b|每|各|标题|题目)[^.;,。；，\n]{0,30}$"
    r"|(?:\b(?:first|last|opening|closing|final|next|of the)\s|第)$",
    re.IGNORECASE,
)
_PART_AFTER = re.compile(
    r"\)?[\s-]{0,2}(?:each\b|per\b|apiece|(?:in|for|long) each|a (?:day|line|minute)\b|stanza|couplet|verse|break"
    r"|of (?:direct |spoken )?(?:speech|dialogue)|per\b)",
    re.IGNORECASE,
)
_TOTAL_BEFORE = re.compile(
    r"(?:\b(?:total|overall|whole|altogether)\b|总|共|全文|全篇)[^.;。；\n]{0,25}$", re.IGNORECASE
)
_EXACTNESS_BEFORE = re.compile(r"\b(?:in|exactly|only|just|under|within)\s(?:about\s)?$", re.IGNORECASE)


class Length(Noun):
    low: int | None
    high: int | None
    unit: LengthUnit
    label: str  # "about 200 words"
    span: str


class _Reading(NamedTuple):
    total: bool
    prose: bool  # words or characters rather than lines or sentences
    size: int
    length: Length


def asked_length(request: str, form: str | None = None, form_span: str | None = None) -> Length | None:
    """Return the length asked for, or that of the fixed `form` asked for, or None."""
    readings = [r for pattern in (_WESTERN, _HAN) for m in pattern.finditer(request) if (r := _reading(request, m))]
    if readings:
        return max(readings, key=lambda r: (r.total, r.prose, r.size)).length
    if form in POEM_LINES and form_span:
        lines = POEM_LINES[form]
        return Length(low=lines, high=lines, unit="lines", label=f"{lines} lines", span=form_span)
    return None


def _reading(request: str, m: re.Match[str]) -> _Reading | None:
    before, after = request[max(0, m.start() - 60) : m.start()], request[m.end() : m.end() + 30]
    a, b = (_value(m[k]) if m[k] else None for k in ("a", "b"))
    unit = _unit(m["unit"], before)
    if b is None or unit is None or _PART_BEFORE.search(before) or _PART_AFTER.match(after):
        return None
    kind, words_before = _kind(before, after)
    if not _is_length(b, m["unit"].lower(), unit, bool(kind or _EXACTNESS_BEFORE.search(before))):
        return None
    if m["more"]:
        kind = "least"
    length = _length(a, b, kind, unit, request[m.start() - words_before : m.end()])
    prose = unit in ("words", "characters")
    return _Reading(bool(_TOTAL_BEFORE.search(before)), prose, b, length)


def _is_length(n: int, word: str, unit: LengthUnit, stated: bool) -> bool:
    """Return whether this counts the piece rather than people ("two characters") or things in it ("one line of")."""
    if word.startswith("character"):
        return 20 <= n <= 1_000_000
    if n <= 1_000_000 and n > 1 and (stated or word in ("word", "line", "sentence")):
        return True
    return (20 if unit in ("words", "characters") else 2) <= n <= 1_000_000


def _unit(word: str, before: str) -> LengthUnit | None:
    word = word.lower()
    if not word:  # "字数要求：2000左右": the unit stands before the number
        return "characters" if re.search(r"字数[^\d\n，。；]{0,6}$", before) else None
    for start, unit in (*_WESTERN_UNITS.items(), *_HAN_UNITS.items(), ("单词", "words"), ("个单", "words")):
        if word.startswith(start):
            return unit  # type: ignore[return-value]
    return "characters"


def _kind(before: str, after: str) -> tuple[Kind, int]:
    """Return how the number is meant, and how many characters before it say so."""
    meant = next((k for k, pattern in _AFTER if re.match(rf"[\s(,的]{{0,2}}{pattern}", after, re.IGNORECASE)), None)
    for kind, pattern in _BEFORE:
        if m := re.search(rf"(?:(?<!\w)|(?<=[\u4e00-\u9fff])){pattern}\s?:?\s?(?:an? |the )?$", before, re.IGNORECASE):
            return meant or kind, len(before) - m.start()
    return meant or "", 0


def _length(a: int | None, b: int, kind: Kind, unit: LengthUnit, span: str) -> Length:
    low: int | None = b
    high: int | None = b
    label = f"{b:,} {unit}"
    if a is not None and a < b:
        low, label = a, f"{a:,} to {b:,} {unit}"
    elif kind == "least":
        high, label = None, f"at least {b:,} {unit}"
    elif kind == "most":
        low, label = None, f"at most {b:,} {unit}"
    elif kind == "under":
        low, high, label = None, max(1, b - 1), f"under {b:,} {unit}"
    elif kind == "exact":
        label = f"exactly {b:,} {unit}"
    elif kind == "about" or unit in ("words", "characters"):
        low, high, label = round(b * 0.9), round(b * 1.1), f"about {b:,} {unit}"
    return Length(low=low, high=high, unit=unit, label=label, span=span)


def _value(text: str) -> int | None:
    text = text.lower().replace(",", "")
    if m := re.fullmatch(r"(\d+(?:\.\d)?)([k万千]?)", text):
        return round(float(m[1]) * {"": 1, "k": 1000, "千": 1000, "万": 10_000}[m[2]])
    if text[0] in _DIGITS or text[0] in _PLACES:
        return _han_value(text)
    total = part = 0
    for name in re.split(r"[ -]", text):
        if name == "hundred":
            part = max(part, 1) * 100
        elif name == "thousand":
            total, part = total + max(part, 1) * 1000, 0
        elif name == "dozen":
            part = max(part, 1) * 12
        else:
            part += _NAMES[name]
    return total + part


def _han_value(text: str) -> int | None:
    total = section = digit = 0
    for char in text:
        if char == "万":
            total, section, digit = (section + digit or 1) * 10_000, 0, 0
        elif char in _PLACES:
            section, digit = section + (digit or 1) * _PLACES[char], 0
        else:
            digit = _DIGITS[char]
    return total + section + digit
