"""Request -> what kind of piece it asks for: form, person, tense, audience, language.

Only what is said counts: a poem asked for without a word on tense has no tense fact. Forms are read in English and
Chinese; of several, the first one that follows a verb of asking ("write", "compose") is meant.
"""

import re

from writer_r1.facts.language import HAN_LANGUAGES, LANGUAGES, detect_language
from writer_r1.facts.wording import Fact

_FORMS = (
    "short stor(?:y|ies)|stor(?:y|ies)|vignette|novella|novel|flash fiction|fan ?fiction|fairy tale|tale|fable|parable|"
    "myth|legend|satire|haiku|sonnet|limerick|villanelle|ballad|elegy|ode|tanka|couplet|quatrain|lyrics|song|poems?|"
    "free verse|cover letter|letter(?!\\s['\"“‘]?[b-hj-z]\\b)|newsletter|e-?mail|essay|thesis|paper|speech|monologue|"
    "dialogue|screenplay|script|scene|play|blog post|article|news report|report|review|product description|"
    "press release|advertisement|slogan|proposal|outline|synopsis|summary|diary entry|diary|journal entry|memoir|"
    "biography|travel guide|guide|recipe|eulogy|toast|lesson plan|post|prose sketch|sketch|chapter"
)
_HAN_FORMS = {
    "小说": "novel",
    "故事": "story",
    "诗": "poem",
    "散文": "essay",
    "演讲稿": "speech",
    "讲稿": "speech",
    "作文": "essay",
    "记叙文": "story",
    "论文": "paper",
    "综述": "review",
    "剧本": "script",
    "脚本": "script",
    "日记": "diary entry",
    "书评": "review",
    "读后感": "review",
    "读书报告": "report",
    "新闻": "article",
    "报告": "report",
    "文章": "article",
    "教案": "lesson plan",
    "邮件": "email",
    "申请信": "letter",
    "一封信": "letter",
    "提纲": "outline",
    "推文": "post",
    "简介": "biography",
}
_ONE_NAME = {"stories": "story", "short stories": "short story", "poems": "poem", "e-mail": "email"}
_ONE_NAME |= {"diary": "diary entry", "fan fiction": "fanfiction"}
_VERB = re.compile(
    r"\b(?:write|compose|draft|prepare|create|generate|craft|produce|tell|make|pen|give|need|design)\b|[写创]|生成|拟",
    re.IGNORECASE,
)
_FORM = re.compile(
    rf"\b(?:{_FORMS})\b(?!['’]s)|(?<!史)诗(?![意人词])|{'|'.join(_HAN_FORMS.keys() - {'诗'})}", re.IGNORECASE
)
_WITHIN = re.compile(r"\b(?:includ\w+|mention\w*|contain\w*|incorporat\w+|featur\w+)\b", re.IGNORECASE)
_SINGLE = re.compile(r"\b(?:an?|one|the)\s(?:[\w-]+\s){0,4}$", re.IGNORECASE)
_NOT_A_PERSON = r"(?!\s(?:to|who|whom|that|ever|on|he|she|I)\b)"  # "the first person to land there"
_PERSON = re.compile(
    rf"(?:in|from|use|using) the (first|second|third)[- ]person\b{_NOT_A_PERSON}"
    rf"|(?<!the )\b(first|second|third)[- ]person\b{_NOT_A_PERSON}|第([一二三])人称",
    re.IGNORECASE,
)
_PERSONS = {"一": "first", "二": "second", "三": "third"}
_TENSE = re.compile(r"\b(?:in (?:the )?)?(past|present|future)[- ]tense\b", re.IGNORECASE)
_NEGATED = re.compile(r"(?:\b(?:avoid|not|never|without)|n['’]t)\b[^.;\n]{0,25}$|[不别勿][^。\n]{0,4}$", re.IGNORECASE)
_READERS = (
    r"(?:children|kids|toddlers|pre-?schoolers|teen(?:ager)?s|adolescents|young adults|adults|seniors|beginners|"
    r"students|parents|schoolchildren|pupils|child|"
    r"[a-z\d]{1,12}(?:-[a-z\d]{1,12}){0,2}[- ]years?[- ]olds?(?: (?:child|boy|girl|kid)(?:ren|s)?)?)"
)
_AUDIENCE = re.compile(
    r"\b(?:for|aimed at|targeted at|intended for|addressed to)\s"
    rf"((?:(?:an?|the|very|young|small|my|your|little|older)\s){{0,3}}{_READERS})\b"
    r"|\b(?:audience|readers)(?: is| are|:)\s([^.,;\n]{3,60})|(?:面向|受众为|读者[是为])([^，。；\n]{0,14}?(?:"
    r"读者|群体|人群|听众|观众|学生|高中生|初中生|儿童|孩子|小朋友|青少年|家长|爱好者|白领))",
    re.IGNORECASE,
)
_NAMES = {name.lower(): code for code, name in LANGUAGES.items()}
_LANGUAGE = re.compile(  # "in French", but not "in French cuisine"
    rf"\b(?:in|into)\s({'|'.join(_NAMES)})\b"
    r"(?!\s(?!(?:the|an?|about|of|on|with|that|to|for|and|or|as|using|at|no|under|only)\b)\w)",
    re.IGNORECASE,
)
_HAN_LANGUAGE = re.compile(rf"[用成以]({'|'.join(HAN_LANGUAGES)})")


def asked_form(request: str) -> tuple[Fact | None, bool]:
    """Return the form asked for, and whether one piece of it is ("a haiku", not "three haiku")."""
    every = _FORM.finditer(request)  # "include a lost letter" asks for no letter
    forms = [m for m in every if not _WITHIN.search(_same_sentence(request, m.start(), 100))]
    if not forms:
        return None, False
    m = next((m for m in forms if _VERB.search(_same_sentence(request, m.start(), 100))), forms[0])
    name = m.group().lower()
    single = not request[: m.start()].strip() or bool(_SINGLE.search(_same_sentence(request, m.start(), 60)))
    return Fact(value=_HAN_FORMS.get(name, _ONE_NAME.get(name, name)), span=m.group()), single


def _same_sentence(request: str, end: int, reach: int) -> str:
    return re.split(r"[.!?。\n]", request[max(0, end - reach) : end])[-1]


def asked_person(request: str) -> Fact | None:
    """Return the grammatical person asked for: first, second or third."""
    return _stated(_PERSON, request, _PERSONS)


def asked_tense(request: str) -> Fact | None:
    """Return the tense asked for: past, present or future."""
    return _stated(_TENSE, request, {})


def asked_audience(request: str) -> Fact | None:
    """Return the readers the piece is for, in the request's own words."""
    return _stated(_AUDIENCE, request, {})


def asked_language(request: str) -> Fact | None:
    """Return the code of the language asked for or, without a span, of the request's own language."""
    own = detect_language(request)
    asked = _stated(_LANGUAGE, request, _NAMES) or _stated(_HAN_LANGUAGE, request, HAN_LANGUAGES)
    return asked or (Fact(value=own) if own else None)


def _stated(pattern: re.Pattern[str], request: str, names: dict[str, str]) -> Fact | None:
    for m in pattern.finditer(request):
        if not _NEGATED.search(request[max(0, m.start() - 40) : m.start()]):
            value = next(g for g in m.groups() if g).lower()
            return Fact(value=names.get(value, value), span=m.group())
    return None
