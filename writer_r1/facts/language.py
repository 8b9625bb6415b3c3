"""Text -> words and language, by script and small words: good enough to say that a draft left the language asked for.

Scripts without spaces (Chinese, Japanese) count a character as a word, as writers in them do. Close relatives written
in Latin letters (Norwegian and Danish) are not told apart.
"""

import re

# Signs that are part of a word: accents, Hebrew and Arabic points, vowels of India and Thailand.
_MARKS = (
    "\u0300-\u036f\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0610-\u061a\u064b-\u065f"
    "\u0900-\u0963\u0981-\u0d7f\u0e31-\u0e4e"
)
CJK = "\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"  # scripts without spaces: a character is a word
WORD = re.compile(rf"[{CJK}]|[^\W_{CJK}](?:['’-]?[^\W_{CJK}]|[{_MARKS}])*")

LANGUAGES = {
    "en": "English",
    "zh": "Chinese",
    "ja": "Japanese",
    "ko": "Korean",
    "ar": "Arabic",
    "he": "Hebrew",
    "ru": "Russian",
    "uk": "Ukrainian",
    "el": "Greek",
    "hi": "Hindi",
    "th": "Thai",
    "de": "German",
    "fr": "French",
    "es": "Spanish",
    "it": "Italian",
    "pt": "Portuguese",
    "nl": "Dutch",
    "pl": "Polish",
    "sv": "Swedish",
    "da": "Danish",
    "tr": "Turkish",
}
HAN_LANGUAGES = {"中文": "zh", "汉语": "zh", "英文": "en", "英语": "en", "日语": "ja", "日文": "ja", "法语": "fr"}
HAN_LANGUAGES |= {"法文": "fr", "德语": "de", "西班牙语": "es", "韩语": "ko", "俄语": "ru", "意大利语": "it"}
_SCRIPTS = {
    "latin": (re.compile("[A-Za-z\u00c0-\u024f]"), 1),
    "zh": (re.compile("[\u3400-\u9fff\U00020000-\U0003ffff]"), 3),  # one character carries about three letters
    "ja": (re.compile("[\u3040-\u30ff]"), 3),
    "ko": (re.compile("[\uac00-\ud7af]"), 2),
    "ru": (re.compile("[\u0400-\u04ff]"), 1),
    "ar": (re.compile("[\u0620-\u06ff]"), 1),
    "he": (re.compile("[\u05d0-\u05ea]"), 1),
    "el": (re.compile("[\u0370-\u03ff]"), 1),
    "hi": (re.compile("[\u0900-\u097f]"), 1),
    "th": (re.compile("[\u0e00-\u0e7f]"), 1),
}
_STOP_WORDS = {
    "en": "the and of to in is that with for was it as his her on be at by he she a you not are but from "
    "write about me my i what who which how tell some have this should can do your an or if their",
    "de": "der die das und ist nicht ein eine zu mit den von ich auf für sie es im dem auch wie schreibe über",
    "fr": "le la les et est des un une du que pas pour dans qui au avec sur je il elle de écris ne",
    "es": "el la los las y de que en un una es no por con para se su como del al escribe",
    "it": "il la di che e un una per non con del della sono è gli le si scrivi come nel",
    "pt": "o a os as e de que um uma não com para em do da por se como escreva é",
    "nl": "de het een en van is dat niet op te zijn met voor ik ook schrijf over",
    "pl": "i w na nie się z to jest że do jak o po napisz",
    "sv": "och att det i en är som på av för inte med den ett skriv jag",
    "da": "og at det i en er som på af for ikke med den et skriv jeg",
    "tr": "ve bir bu da de için ile çok gibi yaz olarak daha ne",
}
_STOP_SETS = {code: frozenset(words.split()) for code, words in _STOP_WORDS.items()}


def detect_language(text: str) -> str | None:
    """Return the code of the language `text` is mostly in, or None where too little tells."""
    head = text[:20_000]
    counts = {code: len(pattern.findall(head)) * weight for code, (pattern, weight) in _SCRIPTS.items()}
    if counts["ja"] * 10 > counts["zh"]:
        counts["ja"] += counts.pop("zh")
    script = max(counts, key=lambda code: counts[code])
    if script != "latin":
        return "uk" if script == "ru" and re.search("[іїєґ]", head) else script if counts[script] else None
    words = [m.group().lower() for m in WORD.finditer(head)]
    votes = sorted(((sum(w in stop for w in words), code) for code, stop in _STOP_SETS.items()), reverse=True)
    (first, code), (second, _) = votes[:2]
    return code if first >= 2 and first > second and first >= 0.08 * len(words) else None
