"""A plan and this machine -> what is in order before a run can begin, and what is not, each with where to put it right.

Memory is an estimate from the base's header: its weights, what a forward pass keeps of each token, and the libraries.
It is ours, fitted to what was measured of the starter, and errs on the large side.
"""

import shutil
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Literal, NamedTuple

import psutil

from writer_r1 import catalog
from writer_r1.catalog import amount
from writer_r1.checks import word_count
from writer_r1.errors import WriterError
from writer_r1.facts import measured_criteria, read_facts
from writer_r1.gguf_header import Header, read_header
from writer_r1.one_go import is_thought
from writer_r1.store import Store
from writer_r1.training import job
from writer_r1.training.config import TOKENS_A_WORD_OF_THOUGHT, WHOLE_THOUGHT, Config
from writer_r1.training.data import Read, split
from writer_r1.training.own_work import counted
from writer_r1.training.plan import Plan, config_of, data_of, name_of, path_of
from writer_r1.training.starts import fits, start_at

Standing = Literal["good", "note", "fault"]
Place = Literal["data", "base", "start", "reward", "name", "numbers", "runs", ""]

TOKENS_A_WORD = 4 / 3  # of English prose
LIBRARIES = 700_000_000  # torch, transformers and peft in memory
ROOM = 500_000_000  # bytes on disk for checkpoints, of the starter
FEW = 12  # pieces: below these a model learns them by heart
ANOTHER = "Choose another beginning"
KEPT_A_LAYER = 34  # numbers kept for each token, layer and dimension until the backward pass


class Check(NamedTuple):
    """One line of the list. `wanted` is what Start says where it is a fault; `place` where it is put right."""

    name: str
    standing: Standing
    said: str
    place: Place = ""
    wanted: str = ""


class Ready(NamedTuple):
    """The list, the rows that would be learned from, and the settings; None where they cannot be told yet."""

    checks: tuple[Check, ...]
    data: Read | None
    config: Config | None

    @property
    def wanted(self) -> str:
        """What is missing, as Start says it; an empty string where nothing is."""
        return next((check.wanted for check in self.checks if check.standing == "fault"), "")


def ready(plan: Plan, home: Path, models: Path, store: Store) -> Ready:
    """Return what is in order and what is not."""
    config, about_name = _settings(plan, home)
    data, about_data = _data(plan, store, config)
    header, about_base = _base(plan, models)
    checks = [*about_data, *about_base, about_name, *_start(plan, home, models)]
    if data and config:
        checks.append(_length(data, config))
        checks += [*_criteria(data, config, models), *_thoughts(config)] if config.kind == "mrpo" else []
    if config and header:
        checks.append(_memory(config, header, data))
    checks += [_disk(home), *_others(home)]
    return Ready(tuple(checks), data, config)


def _data(plan: Plan, store: Store, config: Config | None) -> tuple[Read | None, list[Check]]:
    try:
        data = data_of(plan, store)
    except WriterError as error:
        wanted = "Choose what to learn from" if plan.source == "file" else "Choose other data"
        return None, [Check("Data", "fault", str(error), "data", wanted)]
    many, left = len(data.examples), len(data.dropped)
    what = "piece" if plan.goal == "sft" else "request"
    said = f"{many} {what}{'s' if many != 1 else ''} to learn from"
    said += f": {of}" if plan.goal == "sft" and (of := counted(data.examples)) else ""
    said += f"; {left} row{'s' if left != 1 else ''} left out, see below why." if left else "."
    checks = [Check("Data", "note" if left else "good", said, "data" if left else "")]
    try:
        _, held = split(data.examples, *((config.held_out, config.seed) if config else ()))
        checks.append(Check("Test", "good", f"Held out, to see what was really learned: {len(held)} of them."))
    except WriterError as error:
        checks.append(Check("Test", "fault", str(error), "data", "Add more pieces"))
        return data, checks
    if many < FEW:
        few = f"{many} are few: the model may learn them by heart. {FEW} or more are better."
        checks.append(Check("Enough", "note", few, "data"))
    return data, checks


def _settings(plan: Plan, home: Path) -> tuple[Config | None, Check]:
    try:
        name = name_of(plan, home)
    except WriterError as error:
        return None, Check("Name", "fault", str(error), "name", "Choose another name")
    try:
        config = config_of(plan, home)
    except WriterError as error:
        return None, Check("Numbers", "fault", str(error), "numbers", "Correct the numbers")
    return config, Check("Name", "good", f"The adapter will be called “{name}”.")


def _base(plan: Plan, models: Path) -> tuple[Header | None, list[Check]]:
    """Return the header of the base, where it is a GGUF, and whether it can be trained."""
    folder = path_of(plan.base)
    if (folder / "config.json").is_file():
        if any(folder.glob("*.safetensors")):
            return None, [Check("Base", "good", f"{folder.name}, a folder of safetensors.")]
        said = f"{str(folder)!r} holds no *.safetensors, the only weights that are read from a folder."
        return None, [Check("Base", "fault", said, "base", "Choose another base")]
    try:
        path = catalog.path_of(plan.base, models)
        header = read_header(path)
        label = catalog.find(plan.base, models).label
    except WriterError as error:
        return None, [Check("Base", "fault", str(error), "base", "Choose a base model")]
    checks = [Check("Base", "good", f"{label}; its weights are unpacked once, and stay as they are.")]
    return header, checks


def _start(plan: Plan, home: Path, models: Path) -> list[Check]:
    """Return what a run goes on from, where that was chosen, and whether it fits its base."""
    if not plan.adapter:
        return []
    try:
        start = start_at(plan.adapter, home)
    except WriterError as error:
        return [Check("Begins with", "fault", str(error), "start", ANOTHER)]
    with suppress(WriterError):  # told beside the base
        if not fits(start, base := catalog.find(plan.base, models)):
            said = (
                f"“{start.title}” was trained on {start.base}, and the base is {base.name}; choose its base, or begin "
            )
            return [Check("Begins with", "fault", f"{said}with the base itself.", "start", ANOTHER)]
    return [Check("Begins with", "good", f"What “{start.title}” learned; it goes on from there.")]


def _thoughts(config: Config) -> list[Check]:
    """Return whether whole thoughts can be practised as it is planned."""
    if config.thoughts == "off":
        return []
    found = list[Check]()
    short = [f"{getattr(config, k)} of {n} {k}" for k, n in WHOLE_THOUGHT.items() if getattr(config, k) < n]
    if short:
        said = f"A thought that is cut off earns nothing, and there is little room: {', '.join(short)}."
        found.append(Check("Thoughts", "note", said, "numbers"))
    if not config.adapter:
        said = "A base hardly writes a whole thought. Teach it the form first: train on thinking traces, then begin "
        said += "with that run."
        found.append(Check("Form", "note", said, "start"))
    return found


def _length(data: Read, config: Config) -> Check:
    room = config.text_tokens
    if config.kind == "mrpo":
        what, each = ("Drafts", TOKENS_A_WORD) if config.thoughts == "off" else ("Thoughts", TOKENS_A_WORD_OF_THOUGHT)
        return Check("Length", "good", f"{what} of up to {room} tokens, about {round(room / each)} words.")
    longest = max((e.text for e in data.examples), key=_tokens)
    tokens = round(_tokens(longest))
    said = f"The longest piece has {word_count(longest)} words, about {tokens} tokens; {room} fit."
    if tokens <= room:
        return Check("Length", "good", said)
    long = sum(_tokens(e.text) > room for e in data.examples)
    said = f"{said} About {long} of {len(data.examples)} pieces are too long to be learned whole."
    return Check("Length", "note", said, "numbers")


def _tokens(text: str) -> float:
    """Return about how many tokens a piece has, or a thought."""
    return word_count(text) * (TOKENS_A_WORD_OF_THOUGHT if is_thought(text) else TOKENS_A_WORD)


def _criteria(data: Read, config: Config, models: Path) -> list[Check]:
    """Return what drafts are scored by, and whether it can tell them apart."""
    usual = {c.name for c in measured_criteria(read_facts(""))}
    stated = sum(any(c.name not in usual for c in measured_criteria(read_facts(e.prompt))) for e in data.examples)
    judged = sum(any(c.check is None for c in e.rubric.criteria) for e in data.examples if e.rubric)
    many = len(data.examples)
    said = f"Requests that state something to check, such as a length or words to include: {stated} of {many}."
    checks = [Check("Criteria", "good", said)]
    if stated < many / 2 and config.reward == "checks":
        said += " The others are scored by their ending and by repetition alone, which hardly tells drafts apart."
        checks = [Check("Criteria", "note", said, "data")]
    if judged and config.reward == "checks":
        said = f"Requests with criteria in words: {judged}. These count only where the judge scores, too."
        checks.append(Check("Words", "note", said, "reward"))
    if config.reward == "judge" and config.judge:
        checks.append(_judge(config.judge, config.base, models))
    if config.reward == "judge" and not judged:
        said = "No request has a criterion in words, so a judge would have nothing to say; score by checks alone."
        checks.append(Check("Words", "fault", said, "reward", "Choose what drafts are scored by"))
    return checks


def _judge(judge: str, base: str, models: Path) -> Check:
    try:
        model = catalog.find(judge, models)
        catalog.path_of(judge, models)
        if model.name == catalog.find(base, models).name:
            said = f"{model.label} cannot judge its own training; choose another judge on the Models page."
            return Check("Judge", "fault", said, "base", "Choose another judge")
    except WriterError as error:
        return Check("Judge", "fault", str(error), "base", "Choose another judge")
    return Check("Judge", "good", f"{model.label} judges, without the adapter.")


def _memory(config: Config, header: Header, data: Read | None) -> Check:
    need, free = memory_of(config, header, data), int(psutil.virtual_memory().available)
    said = f"About {amount(need)} are needed (an estimate), {amount(free)} are free."
    if need > free:
        said += " The writing model is let go first; smaller sizes, or closing other programs, help."
        return Check("Memory", "note", said, "numbers")
    return Check("Memory", "good", said)


def memory_of(config: Config, header: Header, data: Read | None = None) -> int:
    """Return about how many bytes of memory a run takes at its highest."""
    width, layers = header.number("embedding_length", 576), header.number("block_count", 30)
    inner, words = header.number("feed_forward_length", 3 * width), header.number("vocab_size", 50_000)
    parameters = layers * (3 * width * inner + 3 * width * width) + words * width
    size = 4 if parameters < 300_000_000 else 2  # bytes a number: see `weights.SMALL`
    row = config.prompt_tokens + config.text_tokens
    if data and config.kind == "sft":
        longest = max(word_count(e.prompt) + word_count(e.text) for e in data.examples)
        row = min(row, round(longest * TOKENS_A_WORD) + 60)
    rows = config.batch if config.kind == "sft" else config.group
    tokens = min(max(config.micro_tokens, row), rows * row)
    kept = layers * width * (4 if config.activation_checkpointing else KEPT_A_LAYER) + 3 * words
    return LIBRARIES + parameters * size + tokens * kept * size


def _disk(home: Path) -> Check:
    folder = next(p for p in (home, *home.absolute().parents) if p.exists())
    free = shutil.disk_usage(folder).free
    if free < ROOM:
        said = f"Only {amount(free)} are free on the disk and checkpoints need about {amount(ROOM)}: free some space."
        return Check("Disk", "fault", said, "", "Free some disk space")
    return Check("Disk", "good", f"{amount(free)} are free for checkpoints.")


def _others(home: Path) -> Sequence[Check]:
    if (other := job.running()) is None:
        return [Check("Writing", "note", "While it trains the writing model is let go; Write says how it goes on.")]
    name = job.called(other, home)
    who = f"{name[0].upper()}{name[1:]}"
    said = f"{who} is training on this machine; one run trains at a time. Stop it, or wait for its end."
    return [Check("Machine", "fault", said, "runs", "Another run is training")]
