"""Request -> the words a draft must have or must not have, and what else it is told to include or avoid.

A fact is `literal` only where the request gives the very words (quoted, after "the words", or one to three words after
"mention"); "avoid preachiness" is kept as a fact for the coding model, but no rule could measure it.
"""

import re
from typing import NamedTuple

from writer_r1.trajectory import Noun

MAX_ITEMS = 8
MOST_OF_ITEM = 6  # words

_QUOTE = r"\"[^\"\n]{1,120}\"|“[^”\n]{1,120}”|‘[^’\n]{1,120}’|(?<!\w)'[^'\n]{1,120}'(?!\w)|「[^」\n]{1,120}」"
_QUOTED = re.compile(_QUOTE)
_CLAUSE = rf"(?P<rest>(?:{_QUOTE}|[^.;!?\n]){{1,240}})"
_THE_WORDS = r"(?:the |these |this |following |single |specific |exact |both |all |of |any |each |ever )*"
_WANTED = re.compile(
    rf"\b(?P<verb>include|includes|including|mention|incorporate|contains?|containing|us(?:e|es|ing)|with|work in)"
    rf"\s(?={_CLAUSE})",
    re.IGNORECASE,
)
_UNWANTED = re.compile(
    r"(?:\bwithout(?: ever)? "
    r"(?P<gerund>using|mentioning|saying|including|stating|naming|revealing|explaining|writing)\b"
    r"|\bwithout (?=the (?:letter|word)|any )|\bavoid(?:ing)?\b(?: using\b| the use of\b| mentioning\b)?|\bno use of\b"
    r"|(?<!who )(?<!that )(?<!they )(?<!I )(?<!we )"
    r"\b(?:do not|don['’]t|never|(?:must|should|may) not|(?:must|should)n['’]t)"
    r" (?:ever )?(?P<verb>use|mention|say|include|state|name|reveal|write|add|explain|tell|describe|end|start|begin)\b)"
    rf"\s?(?={_CLAUSE})",
    re.IGNORECASE,
)
_ORDER = re.compile(r"(?:^|[.;:,()•*\n-]\s*|\b(?:must|should|please|and|also|to|then|will)\s)$", re.IGNORECASE)
_TURN = re.compile(  # where the clause turns to something else, outside quotations
    rf"{_QUOTE}|(?P<turn>[,;]?\s(?:but|without|never|avoid|do not|don['’]t"
    r"|and (?:end|start|begin|use|do|avoid|never|write|keep|make|let|tell|give|set|show|finish))\b|[，。；])",
    re.IGNORECASE,
)
_NOUN = re.compile(rf"{_THE_WORDS}(?P<noun>letter|word|phrase|name|expression|term|sentence|line)s?\b[:,]?\s?", re.I)
_LETTERS = re.compile(r"['\"“‘]?[a-z]['\"”’]?(?:(?:,? and |,? or |, )['\"“‘]?[a-z]\b['\"”’]?)*(?!\w)", re.I)
_NOT_ITEMS = re.compile(
    r"(?:of|that|which|from|per|is|are|you|your|their|his|her|its|my|at|how|why|what|some|\d)\b", re.I
)
_LIST_END = re.compile(
    r"\s(?:in|at|somewhere|within|once|twice|exactly|as|for|to|when|anywhere|throughout|while)\b|[:(]"
)
_HAN_WANTED = re.compile(
    r"(?:(?P<no>[不别勿][^。\n“「]{0,4}|避免|禁止)|[须要需请得并且][^。，\n“「]{0,4}|(?<![^，。；：、\s]))(?:包含|包括|使用|用上|出现|提到|带有|写出)[^。，；\n“「]{0,12}"
    r"(?P<quotes>(?:[“「][^”」\n]{1,60}[”」][、，和与及]{0,2}){1,8})"
)
_PLACED = {
    where: re.compile(
        rf"\b(?:{verb})\s(?:(?:the|your|it|each|story|poem|piece|text)\s){{0,2}}with\s(?:{_THE_WORDS}"
        rf"(?:words?|sentence|line|phrase)[:,]?\s)?(?P<quote>{_QUOTE})",
        re.IGNORECASE,
    )
    for where, verb in (
        ("opening", "start(?:s|ing)?|begin(?:s|ning)?|open(?:s|ing)?"),
        ("ending", "end(?:s|ing)?|close(?:s)?|closing|finish(?:es|ing)?|conclud(?:e|es|ing)"),
    )
}
_PLACING = re.compile(r"\b(?:start|begin|open|end|clos|finish|conclud)\w*\s(?:\w+\s){0,2}$", re.IGNORECASE)


class Fact(Noun):
    """One thing the request states. `literal` is True where `value` can be looked for in a draft word by word."""

    value: str
    span: str | None = None  # None: not stated, read off the request as a whole
    literal: bool = False


class Wording(NamedTuple):
    opening: Fact | None
    ending: Fact | None
    must_include: tuple[Fact, ...]
    must_not: tuple[Fact, ...]
    letters_not: tuple[Fact, ...]


def asked_wording(request: str) -> Wording:
    """Return what the request says about the words of the draft."""
    placed = {where: _placed(pattern, request) for where, pattern in _PLACED.items()}
    wanted: list[Fact] = []
    unwanted: list[Fact] = []
    letters: list[Fact] = []
    taken: set[int] = set()  # where a "not" has spoken for the verb after it
    for m in _UNWANTED.finditer(request):
        taken.update(range(m.start(), m.end()))
        verb = (m["verb"] or m["gerund"] or "avoid").lower()
        found, are_letters = _facts(request, m, verb=verb, unwanted=True)
        (letters if are_letters else unwanted).extend(found)
    for m in _WANTED.finditer(request):
        if m.start() not in taken and not _is_placed(request, m):
            wanted += _facts(request, m, verb=m["verb"].lower(), unwanted=False)[0]
    for m in _HAN_WANTED.finditer(request):
        quotes = [q for quote in re.findall("[“「][^”」]+[”」]", m["quotes"]) if (q := _bare(quote))]
        (unwanted if m["no"] else wanted).extend(Fact(value=q, span=m.group(), literal=True) for q in quotes)
    return Wording(placed["opening"], placed["ending"], _distinct(wanted), _distinct(unwanted), _distinct(letters))


def _placed(pattern: re.Pattern[str], request: str) -> Fact | None:
    m = pattern.search(request)
    quote = _bare(m["quote"]) if m else ""
    return Fact(value=quote, span=m.group(), literal=True) if m and quote else None


def _is_placed(request: str, m: re.Match[str]) -> bool:
    """Return whether this is the "with" of "start with", which `opening` and `ending` have read already."""
    before = request[max(0, m.start() - 40) : m.start()]
    return m["verb"].lower() == "with" and bool(_PLACING.search(before))


def _facts(request: str, m: re.Match[str], *, verb: str, unwanted: bool) -> tuple[list[Fact], bool]:
    """Return the facts after one "include" or "avoid", and whether they are letters."""
    turn = next((t.start() for t in _TURN.finditer(m["rest"]) if t["turn"]), None)
    rest = m["rest"][:turn]
    span = request[m.start() : m.start("rest") + len(rest)].strip()
    noun = _NOUN.match(rest)
    tail = rest[noun.end() :] if noun else rest
    if noun and noun["noun"].lower() == "letter":
        run = _LETTERS.match(tail)
        found = re.findall(r"\b[a-z]\b", run.group().lower()) if run else []
        return [Fact(value=c, span=span, literal=True) for c in found if unwanted], True
    # "Use 'x'" is an order, "their names include 'x'" is not; after "the words" any form of the verb is one.
    order = unwanted or (verb != "with" and _ORDER.search(request[max(0, m.start() - 12) : m.start()]))
    if noun or (order and (verb == "mention" or _QUOTED.match(rest))):
        quotes = [q for quote in _QUOTED.findall(tail) if (q := _bare(quote))]
        if quotes and not re.search(r"['\"”]\sas\b", tail):
            return [Fact(value=q, span=span, literal=True) for q in quotes[:MAX_ITEMS]], False
    listed = noun is not None and noun["noun"].lower() not in ("sentence", "line")
    if (listed or order and verb in ("mention", "mentioning")) and (items := _items(tail)):
        return [Fact(value=item, span=span, literal=True) for item in items], False
    if not unwanted and (noun or not order or verb not in ("include", "mention", "incorporate")):
        return [], False
    if rest.startswith("the following"):
        return [], False
    if not unwanted and (several := _several(rest)):
        return several, False
    told = re.split(r"[,:，：(]", rest)[0].strip()
    lead = f"{verb} " if verb in ("state", "reveal", "explain", "describe", "tell", "end", "start", "begin") else ""
    return ([Fact(value=(lead + told)[:80], span=span)] if 1 <= len(told.split()) <= 10 else []), False


def _several(rest: str) -> list[Fact]:
    """Return the things of a plain list ("a storm, an old key and the word 'snow'"); nothing where it is none."""
    parts = [part.strip() for part in re.split(r",\s*(?:and |or )?|\sand\s", rest.strip())]
    parts = [part for part in parts if part]
    if not 2 <= len(parts) <= MAX_ITEMS or not all(len(part.split()) <= MOST_OF_ITEM for part in parts):
        return []
    quotes = [_QUOTED.search(part) if _NOUN.match(part) else None for part in parts]
    return [
        Fact(value=_bare(quote.group()) if quote else part, span=part, literal=bool(quote))
        for part, quote in zip(parts, quotes, strict=True)
    ]


def _items(tail: str) -> list[str]:
    """Return the words or short phrases of a plain list, or nothing where it does not look like one."""
    tail = re.sub(r"^(?:like|such as)\s", "", tail, flags=re.IGNORECASE)
    tail = _LIST_END.split(tail)[0]
    if _NOT_ITEMS.match(tail):
        return []
    parts = [
        re.sub(r"^(?:an?|the|any|both)\s", "", p.strip(), flags=re.I)
        for p in re.split(r",\s*(?:and |or )?|\sand\s|\sor\s", tail)
    ]
    parts = [p for p in parts if p]
    return parts if len(parts) <= MAX_ITEMS and all(len(p.split()) <= 3 for p in parts) else []


def _bare(quote: str) -> str:
    return quote.strip("\"“”‘’'「」").strip().rstrip(",")


def _distinct(found: list[Fact]) -> tuple[Fact, ...]:
    seen: dict[str, Fact] = {}
    for fact in found:
        seen.setdefault(fact.value.casefold(), fact)
    return tuple(seen.values())[:MAX_ITEMS]
