"""Manuscripts that are hard to carry from one form to another, and long ones."""

import random
from itertools import product

CHINESE = "# 第一章\n\n灯塔守望者在**四点**修剪灯芯。\n他从不先喝茶。\n\n***\n\n*船*每逢星期四到来。"
ARABIC = "# الفصل الأول\n\nكان الحارس *يعدّ* الدرجات كل ليلة.\n\nשלום, אמר הים."
EMOJI = "She wrote back 👩‍👩‍👧 and 🏳️‍🌈 and e\u0301 (é), nothing else. \U00020000"
CONTROL = "A bell\x07 rang, \x00nul, \x0bvertical, \ufffe\uffff and \x1besc."
MARKUP = "</p><script>alert(1)</script> & <b>x</b> ]]> {{7*7}} <!-- \" ' -->"
PLAIN = (
    "# The lamp\n\nDear Ines,\n\nThe *wick* wants **trimming** at four, ***before*** tea.\n\n---\n\n"
    "## Winter\n\nIt is 3 \\* 4 steps_and_more.\n    indented\n\n#\n\n* * *\n\nDone."
)
HARD = {
    "chinese": CHINESE,
    "arabic": ARABIC,
    "emoji": EMOJI,
    "control": CONTROL,
    "markup": MARKUP,
    "plain": PLAIN,
    "no words": "***\n\n***",
    "one line": "x",
}
SYLLABLES = ("ba", "cor", "del", "fen", "gar", "hol", "lin", "mar", "nor", "pel", "ros", "sal", "tam", "vel", "wen")
ENDS = ("den", "dle", "ful", "ing", "ket", "low", "mer", "ness", "or", "ped", "ry", "ster", "t", "ward", "ys")
VOCABULARY = ["".join(pair) for pair in product(SYLLABLES, ENDS)] + ["the", "a", "and", "of", "to", "she", "his"] * 12
TITLE = 'A <&>"/ title: \u202eback & 灯塔'


def novel(words: int = 60_000) -> str:
    """Return a manuscript of about so many words, in chapters."""
    sentence = "The keeper went down to the *harbour* and counted the ropes that the night had left there, one by one. "
    paragraphs = [sentence.strip() + " " + sentence * 3 for _ in range(words // 80)]
    for at in range(0, len(paragraphs), 40):
        paragraphs.insert(at, f"# Chapter {at // 40 + 1}")
    return "\n\n".join(p.strip() for p in paragraphs)


def chaptered(words: int = 60_000, chapters: int = 24, scenes: int = 3, seed: int = 7) -> str:
    """Return a manuscript of about so many words whose sentences all differ, in chapters of so many scenes each."""
    dice = random.Random(seed)

    def sentence() -> str:
        found = dice.choices(VOCABULARY, k=dice.randint(6, 18))
        return " ".join(found).capitalize() + dice.choice(".....?!")

    parts = list[str]()
    for chapter in range(1, chapters + 1):
        parts.append(f"# Chapter {chapter}")
        for scene in range(scenes):
            parts += ["***"] if scene else []
            left = words / chapters / scenes
            while left > 0:
                paragraph = " ".join(sentence() for _ in range(dice.randint(3, 7)))
                parts.append(paragraph)
                left -= paragraph.count(" ") + 1
    return "\n\n".join(parts)
