"""Manuscripts that are hard to carry from one form to another."""

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
TITLE = 'A <&>"/ title: \u202eback & 灯塔'


def novel(words: int = 60_000) -> str:
    """Return a manuscript of about so many words, in chapters."""
    sentence = "The keeper went down to the *harbour* and counted the ropes that the night had left there, one by one. "
    paragraphs = [sentence.strip() + " " + sentence * 3 for _ in range(words // 80)]
    for at in range(0, len(paragraphs), 40):
        paragraphs.insert(at, f"# Chapter {at // 40 + 1}")
    return "\n\n".join(p.strip() for p in paragraphs)
