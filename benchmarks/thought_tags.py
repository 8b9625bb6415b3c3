"""Tags of thoughts as plain text or as tokens of their own: which form does the starter learn faster?

    python benchmarks/thought_tags.py DATA OUT

DATA are rows of thoughts (`tests/slow/test_thoughts_learn.py` makes `build/thoughts/data.jsonl`). SFT is the one of
that test, and so are the thirty requests with two replies each at temperature 1. New tokens cannot be had for a GGUF
base and its adapter; SmolLM2 has some that its makers left unused in chats (`<repo_name>` and the like), which stand
in for the tags here: eleven tokens in the place of eleven tags. Prints what can be read of the replies, a line of JSON
an arm.
"""

import json
import re
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from writer_r1.llm.chat import Template, Tokenise, encode
from writer_r1.one_go import OPENS
from writer_r1.traces import Refusal, parse
from writer_r1.training import learner, run_folder, sft
from writer_r1.training.config import configured
from writer_r1.training.data import Example, Tokens, chat_of, read_prompts, split, think_request
from writer_r1.training.optimizer import Crew
from writer_r1.training.policy import Policy, open_policy
from writer_r1.training.process import run
from writer_r1.training.weights import prepared

SFT: dict[str, Any] = {"steps": 96, "batch": 2, "prompt_tokens": 640, "text_tokens": 448, "learning_rate": 1e-3}
SFT |= {"held_out": 0.1, "held_out_prompts": 4, "evaluate_every": 48, "checkpoint_every": 48, "threads": 1}
REQUESTS = Path(__file__).parents[1] / "assets" / "sample_prompts.jsonl"
ASKED, DRAWS, LONGEST = 30, 2, 384
TAGS = ["<think>", "</think>", "<plan>", "</plan>", "<draft>", "</draft>", "<reflection>", "</reflection>"]
TAGS += ['<revision paragraph="', '<revision after="', "</revision>"]
UNUSED = 3  # the first token of SmolLM2 that no chat uses; fourteen of them stand in a row
PLACES = {tag: UNUSED + i for i, tag in enumerate(TAGS)}
SPLIT = re.compile("(" + "|".join(map(re.escape, TAGS)) + ")")


def tagged(text: str, tokenise: Tokenise) -> list[int]:
    """Return the tokens of a text, each tag as one of its own."""
    parts = ([PLACES[p]] if p in PLACES else tokenise(p, False) for p in SPLIT.split(text) if p)
    return [token for part in parts for token in part]


def as_tagged(example: Example, template: Template, tokenise: Tokenise, end: int) -> Tokens:
    """Return a row as `data.as_tokens` does, its tags as tokens of their own."""
    head, tail = encode(think_request(example.prompt), template, tokenise)
    return Tokens(head + tail, [*tagged(example.text, tokenise), end])


def read_back(policy: Policy, tokens: tuple[int, ...], own: bool) -> str:
    """Return what a reply reads as."""
    names = {place: tag for tag, place in PLACES.items()} if own else {}
    found, plain = "", list[int]()
    for token in (*tokens, None):
        if token is None or token in names:
            found += policy.tokenizer.decode(plain, skip_special_tokens=True)
            plain = []
            found += names.get(token, "") if token is not None else ""
        else:
            plain.append(token)
    return OPENS + found


def replies(folder: Path, own: bool) -> dict[str, Any]:
    """Return how many replies of the trained model can be read as thoughts, and why not."""
    config = configured("sft", name="tags", base="starter", data="d", adapter=str(folder / "adapter"), **SFT)
    policy = open_policy(prepared("starter"), config, Crew())
    template, tokenise = chat_of(policy.tokenizer)
    _, held_out = split(read_prompts(REQUESTS).examples, 0.5, 0)
    why, lengths, whole = Counter[str](), list[int](), 0
    for number, example in enumerate(held_out[:ASKED]):
        head, tail = encode(think_request(example.prompt), template, tokenise)
        opening = tagged(OPENS, tokenise) if own else tokenise(OPENS, False)
        seeds = range(DRAWS * number, DRAWS * (number + 1))
        for reply in policy.sample([head + tail + opening] * DRAWS, seeds, LONGEST):
            found = parse(read_back(policy, reply.tokens, own), example.prompt) if reply.whole else Refusal("cut")
            lengths.append(len(reply.tokens))
            whole += not isinstance(found, Refusal) and bool(found.segments)
            why[re.sub(r"\d+", "N", found.reason) if isinstance(found, Refusal) else "read"] += 1
    return {"reflecting": whole / len(lengths), "tokens": sum(lengths) / len(lengths), "why": dict(why.most_common())}


def main(data: Path, out: Path) -> None:
    """Train both arms, or those that are not trained yet, and print what they come to."""
    for own in (False, True):
        folder = out / ("tokens" if own else "text")
        if not (folder / "adapter").exists():
            if own:
                learner.as_tokens = as_tagged
            run_folder.create(folder, configured("sft", name=folder.name, base="starter", data=str(data), **SFT))
            run(folder, sft.train)
        print(json.dumps({"arm": folder.name} | replies(folder, own)), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
