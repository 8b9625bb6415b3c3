"""Forty requests for about 150 words, of the development data -> a file for `writer-r1 bench reflection --prompts`.

    python benchmarks/reflection_requests.py ../shared/data /tmp/requests.jsonl

The data is others', so the file is made anew from it and not kept here: of the ideas that HANNA's stories were written
to and of CS4's instructions, the first ones, three to one; always the same.
"""

import json
import sys
from pathlib import Path
from typing import Any

WORDS = "Write about 150 words."


def rows(path: Path) -> list[dict[str, Any]]:
    """Return the rows of a file of lines."""
    return [json.loads(line) for line in path.read_text("utf-8").split("\n") if line]


def asked(data: Path) -> list[dict[str, str]]:
    """Return the requests in their order."""
    hanna = iter(dict.fromkeys(r["prompt"] for r in rows(data / "hanna_scores.jsonl")))
    cs4 = iter(dict.fromkeys(r["instruction"] for r in rows(data / "cs4_constraints.jsonl") if r.get("instruction")))
    ideas = [" ".join(next(cs4 if i % 4 == 3 else hanna).split()) for i in range(40)]
    return [{"id": f"r{i}", "prompt": f"{idea}\n\n{WORDS}"} for i, idea in enumerate(ideas)]


if __name__ == "__main__":
    source, out = Path(sys.argv[1]), Path(sys.argv[2])
    out.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in asked(source)), "utf-8")
