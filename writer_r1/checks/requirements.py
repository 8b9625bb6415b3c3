"""Request -> what it demands, one by one, in its own words: split by sentences, clauses, "with", "and" and lists.

Rules only, as in `facts`: instant, and the same every time. What has a check of its own is left out (length, language,
person, tense, words to avoid), since no sentence of a draft could be like it. Rules cannot tell a demand from
background: of a page of notes, every sentence counts until the list is full.
"""

import re
from typing import Literal

from writer_r1.checks.text import sentences
from writer_r1.facts import MAX_CHARACTERS, WORD, Facts, read_facts
from writer_r1.trajectory import name_key

MAX_DEMANDS = 12

_QUOTE = r"\"[^\"\n]{1,200}\"|“[^”\n]{1,200}”|「[^」\n]{1,200}」"
_STARTS = (
    r"(?:an?|the|that|one|two|three|four|five|his|her|its|their|your|my|no|some|someone|somebody|something|"
    r"at least|exactly|he|she|it|they|you|there|where|who|which|whose|both|only|must|should|ends?|starts?|begins?|"
    r"includes?|mentions?|"
    r"uses?|makes?|has|have|is|are|was|were|shows?|lets?|keeps?|gives?|focus(?:es)?|describes?|explains?|with)\b"
)
_JOINT = re.compile(
    rf"(?:{_QUOTE})|(?P<joint>[;:；：，、]|\s[—–-]\s|—|[()]"
    r"|,?\s(?:including|featuring|involving|in which|where|while|because|although|until|so that|as well as|plus)\s"
    rf"|,?\swith\s(?={_STARTS})"
    rf"|,?\s(?:and|but|or|yet)\s(?={_STARTS})|,\s(?:and\s|but\s|or\s)?(?={_STARTS}|\w+ing\b))",
    re.IGNORECASE,
)
_INCLUDE = re.compile(
    r"\b(?:includ(?:e|es|ing)|contain(?:s|ing)?|mention(?:s|ing)?|featur(?:e|es|ing)|incorporat(?:e|es|ing)"
    r"|(?:use|using)(?=\s(?:all |the |these )*(?:following|words|phrases)))\s(?:all of )?"
    r"(?:(?:the|these) following|the words)?",
    re.IGNORECASE,
)
_LIST = re.compile(rf"(?:{_QUOTE})|(?P<joint>,\s*(?:and\s|or\s)?|\sand\s|\sor\s|[、])", re.IGNORECASE)
_LEAD = re.compile(  # "Please write me a short, sad story about"
    r"(?:(?:please|also|then|and|but|finally|you should|you must|can you|could you|would you|"
    r"i(?: would|['’]d) like(?: you to)?|i (?:want|need)(?: you to)?)\s)*"
    r"(?:(?:write|compose|draft|create|tell|give|produce|make|craft|generate|pen|prepare|continue|design)\s(?:me\s|us\s)?)"
    r"(?:(?!about\b|of\b|on\b|for\b|that\b|describing\b|telling\b|explaining\b|set\b|to\b|from\b)[\w'’,-]+\s){0,8}?"
    r"(?:about|of|on|that (?:describes|tells|explains|shows)|describing|telling|explaining|concerning|regarding)\s",
    re.IGNORECASE,
)
_FIRST = re.compile(r"(?:in which|about|of|on|that|and|or|but|then|to)\s", re.IGNORECASE)
_ASK = re.compile(
    r"(?:(?:please|also|then|finally|it|the \w+|this|they|and|but|or|make sure|be sure|ensure|try)\s)*"
    r"(?:to\s|that\s)?(?:must|should|has to|have to|needs? to|will|shall)?\s?"
    r"(?:(?:write|compose|include|includes|contain|contains|mention|mentions|use|feature|features|incorporate|have)\s)"
    r"(?:all of )?(?:the following:?)?",
    re.IGNORECASE,
)
_NOT = re.compile(
    r"\W*(?:do not|don['’]t|never|avoid|without|no|not|must not|mustn['’]t|should not|shouldn['’]t|nor|except"
    r"|feel free)\b",
    re.IGNORECASE,
)
_LABEL = re.compile(r"\[[^\]\n]{1,40}\]\s?:?")
_BULLET = re.compile(r"\A\s*(?:[-*•#>]+|\(?\d{1,2}[.)]|\(?[a-z][.)])\s+", re.IGNORECASE)
_EMPTY_WORDS = (
    "a an the of to in on at by for from with as is are be was were it its this that these those and or but so if then "
    "me my you your i we our he she they his her their them him us not no any some one two three four five each every "
    "write compose draft create tell give make produce craft pen about please can could would should must will story "
    "stories short long poem poems piece text essay letter email scene tale fable flash fiction prose novel chapter "
    "article post blog speech monologue script haiku sonnet song lyrics verse stanza stanzas line lines word words "
    "sentence sentences paragraph paragraphs page pages style tone good great nice creative original interesting "
    "opening ending include including mention use using following sure also like want need new very who which what "
    "where when how why there here do does did has have had ensure enough requirements keywords topic title prompt "
    "prompts based cover narrative writing information additional provide provided background"
)
_EMPTY = frozenset(_EMPTY_WORDS.split())
_NO_SPEECH = re.compile(
    r"\b(?:no|without|avoid(?:ing)?|(?:do not|don['’]t|never) (?:use|include|write|have|add))\s"
    r"(?:any\s|using\s|spoken\s|direct\s|the use of\s)*(?:dialogue|dialog|conversations?|direct speech|speech"
    r"|talking)\b|\bnobody (?:speaks|talks)\b",
    re.IGNORECASE,
)
_SPEECH = re.compile(r"\b(?:dialogues?|dialogs?|conversations?|direct speech|banter|argument between)\b", re.IGNORECASE)


def requirements(request: str) -> tuple[str, ...]:
    """Return at most twelve demands of `request`, in its words; words it wants used come last."""
    request = request.encode("utf-16", "surrogatepass").decode("utf-16", "replace")[:MAX_CHARACTERS]
    facts = read_facts(request)
    kept = _without_facts(request, facts)
    words = [fact.value for fact in facts.must_include if fact.literal]
    found: dict[str, str] = {}
    for start, end in sentences(kept):
        for clause in _clauses(_BULLET.sub("", kept[start:end])):
            demand = _bare(clause)
            if _says_something(demand):
                found.setdefault(name_key(demand), demand)
    demands = list(found.values())[: MAX_DEMANDS - len(words)]
    return tuple(dict.fromkeys(demands + words))


def _without_facts(request: str, facts: Facts) -> str:
    """Return the request with what other checks measure taken out."""
    literal = [fact for fact in facts.must_include if fact.literal]
    stated = [facts.person, facts.tense, facts.language, facts.audience, facts.opening, facts.ending, *literal]
    spans = {fact.span for fact in (*stated, *facts.must_not, *facts.letters_not) if fact and fact.span}
    spans |= {facts.length.span} if facts.length and facts.length.span else set()
    for span in sorted(spans, key=len, reverse=True):
        request = request.replace(span, " ")
    return re.sub(r"[^\S\n]+", " ", _LABEL.sub(" ; ", request))


def _clauses(sentence: str) -> list[str]:
    """Return the parts of a sentence between its joints; after "include", commas and "and" part a list."""
    found: list[str] = []
    for part in _split(_without_start(_LEAD, sentence), _JOINT):
        listed = _INCLUDE.search(part)
        if listed and not _NOT.match(part):
            found += [part[: listed.start()], *_split(part[listed.end() :], _LIST)]
        else:
            found.append(part)
    return [part for part in found if not _NOT.match(part)]


def _split(text: str, joint: re.Pattern[str]) -> list[str]:
    parts, start = [], 0
    for m in joint.finditer(text):
        if m["joint"] is None or (
            m["joint"][0] == "," and joint is _JOINT and " " not in text[start : m.start()].strip()
        ):
            continue  # a quotation, or one word before a comma ("Today, he is done")
        parts.append(text[start : m.start()])
        start = m.end()
    return [*parts, text[start:]]


def _bare(clause: str) -> str:
    clause = clause.strip(' \t\n,.;:!?…*_#()[]—–-"“”「」。，；：！？、')
    clause = _without_start(_ASK, _without_start(_LEAD, clause))
    return _without_start(_FIRST, " ".join(clause.split()).strip(" ,.;:!?"))


def _without_start(pattern: re.Pattern[str], text: str) -> str:
    m = pattern.match(text)
    return text[m.end() :] if m else text


def _says_something(demand: str) -> bool:
    found = [m.group().lower() for m in WORD.finditer(demand)]
    return any(word not in _EMPTY and not word.isdecimal() for word in found)


def asked_dialogue(request: str) -> Literal["speech", "none"] | None:
    """Return whether the request asks for dialogue, for none, or does not say."""
    if _NO_SPEECH.search(request):
        return "none"
    return "speech" if _SPEECH.search(request) else None
