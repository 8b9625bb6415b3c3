"""The form of a new training run: a plan -> what its fields hold, and what they hold -> a plan."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import ValidationError

from writer_r1 import catalog
from writer_r1.errors import WriterError
from writer_r1.training.config import Config, usual
from writer_r1.training.own_work import Work
from writer_r1.training.plan import Plan, path_of
from writer_r1.training.starts import fits, starts
from writer_r1.ui import gradio as gr
from writer_r1.workspace import Workspace

GOALS = [("Match my style", "sft"), ("Write to these criteria", "mrpo")]
SOURCES = [("The sample set", "sample"), ("My own work", "own"), ("A file or folder", "file")]
WORK: list[tuple[str, Work]] = [
    ("Rounds I took over", "taken"),
    ("Rounds that I changed", "changed"),
    ("My own words", "written"),
    ("Paragraphs I decided in reviews", "reviewed"),
    ("Texts I preferred blind", "blind"),
]
PRESET = [("Quick try", "quick"), ("Standard", "standard"), ("Thorough", "thorough")]
SCORED = [("What can be checked", "checks"), ("Checks and the judge", "judge")]
PRACTISED = [
    ("Pieces", "off"),
    ("Thoughts, paid for their piece", "outcome"),
    ("Thoughts, each part paid for what it did", "credits"),
    ("Thoughts, each reflection paid besides", "dense"),
    ("The same, with a part that learns to foresee the reward (PPO)", "ppo"),
]
BASE_ITSELF = ("The base itself", "")
NUMBERS = {  # name of a setting: label, what it does, and of which goals
    "steps": ("Steps", "Updates of the adapter.", ("sft", "mrpo")),
    "learning_rate": ("Learning rate", "How far each step goes.", ("sft", "mrpo")),
    "batch": ("Pieces a step", "Fewer need less memory.", ("sft",)),
    "group": ("Drafts a request", "The model learns from how they differ.", ("mrpo",)),
    "text_tokens": ("Longest text, in tokens", "100 tokens are about 75 words.", ("sft", "mrpo")),
    "micro_tokens": ("Tokens in one pass", "Halve it when memory is short.", ("sft", "mrpo")),
    "rank": ("Rank of the adapter", "How much it can hold.", ("sft", "mrpo")),
    "checkpoint_every": ("Steps between checkpoints", "A stopped run goes on from the last one.", ("sft", "mrpo")),
    "threads": ("Threads", "More than free cores make it slower.", ("sft", "mrpo")),
    "seed": ("Seed", "The same seed gives the same run.", ("sft", "mrpo")),
}


class Form(NamedTuple):
    """The fields, in the order of `values`."""

    goal: Any
    source: Any
    path: Any
    works: Any
    base: Any
    preset: Any
    reward: Any
    thoughts: Any
    start: Any
    name: Any
    numbers: tuple[Any, ...]

    @property
    def choices(self) -> list[Any]:
        return [self.goal, self.source, self.works, self.base, self.preset, self.reward, self.thoughts, self.start]

    @property
    def typed(self) -> list[Any]:
        return [self.path, self.name, *self.numbers]

    @property
    def fields(self) -> list[Any]:
        first = [self.goal, self.source, self.path, self.works, self.base, self.preset, self.reward]
        return [*first, self.thoughts, self.start, self.name, *self.numbers]


def place(workspace: Workspace, plan: Plan) -> Form:
    """Place the fields in the open block."""
    goal = gr.Radio(
        GOALS,
        value=plan.goal,
        label="1 · Goal",
        info="Style learns to write like the pieces it is shown (SFT). Criteria practises on requests and learns from "
        "how its own drafts score (MRPO).",
        elem_id="train-goal",
    )
    source, path, works = _place_data(plan, shared=bool(workspace.writer_name))
    base = gr.Dropdown(
        bases(workspace, plan),
        value=plan.base,
        label="3 · Base model",
        info="One that is on this machine."
        if workspace.writer_name
        else "One that is on this machine, or the path of a GGUF or of a folder with safetensors.",
        allow_custom_value=not workspace.writer_name,
        elem_id="train-base",
    )
    preset = gr.Radio(
        PRESET,
        value=plan.preset,
        label="4 · How long",
        info="A quick try takes about ten minutes on two cores with the starter; the others hours.",
        elem_id="train-preset",
    )
    reward, thoughts = _place_practice(plan)
    start = _place_start(workspace, plan)
    name = gr.Textbox(
        label="Name of the adapter",
        info="Left empty, a name is found.",
        max_lines=1,
        max_length=60,
        value=plan.name,
        elem_id="train-name",
    )
    with gr.Accordion("Numbers", open=False, elem_id="train-numbers"), gr.Row():
        numbers = tuple(
            gr.Number(
                value=plan.numbers.get(key),
                label=label,
                info=info,
                min_width=150,
                visible=plan.goal in goals,
                elem_id=f"train-{key}",
            )
            for key, (label, info, goals) in NUMBERS.items()
        )
    return Form(goal, source, path, works, base, preset, reward, thoughts, start, name, numbers)


def _place_practice(plan: Plan) -> tuple[gr.Radio, gr.Dropdown]:
    reward = gr.Radio(
        SCORED,
        value=plan.numbers.get("reward", "checks"),
        label="5 · How drafts are scored",
        info="Length, words to include, repetition and the ending can be checked. Criteria in words need the judge, "
        "who has at most half of the say and makes it slower.",
        visible=plan.goal == "mrpo",
        elem_id="train-reward",
    )
    thoughts = gr.Dropdown(
        PRACTISED,
        value=plan.numbers.get("thoughts", "off"),
        label="6 · What it writes",
        info="A thought is plan, draft, reflections and piece in one go. It is longer, so a step takes several times "
        "as long, and its form has to be learned first, from thinking traces.",
        visible=plan.goal == "mrpo",
        elem_id="train-thoughts",
    )
    return reward, thoughts


def _place_start(workspace: Workspace, plan: Plan) -> gr.Dropdown:
    found = beginnings(workspace, plan)
    return gr.Dropdown(
        found,
        value=plan.adapter or "",
        label="Begins with",
        info="A run can go on from what an earlier one on this base learned.",
        visible=len(found) > 1,
        elem_id="train-start-with",
    )


def beginnings(workspace: Workspace, plan: Plan) -> list[tuple[str, str]]:
    """Return what a run on this base may begin with, and the adapter that is chosen."""
    left = starts(workspace.home)  # a large file is read for its digest only where there is something to compare
    try:
        base = catalog.find(plan.base, workspace.models)
        found = [(one.title, str(one.folder)) for one in left if fits(one, base)]
    except WriterError:
        found = []
    if plan.adapter and plan.adapter not in [path for _, path in found]:
        found.append((plan.adapter, plan.adapter))  # gone since; the checklist says so
    return [BASE_ITSELF, *found]


def own_alone(plan: Plan, home: Path) -> bool:
    """Return whether all files that a plan names are its writer's own: of others' pieces nothing may be read."""
    mine = plan.source != "file" or path_of(plan.path).resolve().is_relative_to(home.resolve())
    return mine and os.sep not in plan.base and "/" not in plan.base


def sources(plan: Plan, *, shared: bool) -> list[tuple[str, str]]:
    """Return what may be learned from; where a studio is shared a file only if the plan has one already."""
    return [one for one in SOURCES if not (shared and one[1] == "file" != plan.source)]


def _place_data(plan: Plan, *, shared: bool) -> tuple[gr.Radio, gr.Textbox, gr.CheckboxGroup]:
    source = gr.Radio(
        sources(plan, shared=shared),
        value=plan.source,
        label="2 · What to learn from",
        info="Your own work is what you kept, wrote or decided in your library; what nobody took over is none of it.",
        elem_id="train-data",
    )
    path = gr.Textbox(
        label="File or folder on this machine",
        info="JSON lines or CSV with prompt and text, or .txt, .md and .docx pieces.",
        placeholder="~/stories",
        max_lines=1,
        value=plan.path,
        visible=plan.source == "file",
        elem_id="train-path",
    )
    works = gr.CheckboxGroup(
        WORK,
        value=list(plan.works),
        label="Of your own work",
        info="The list beside says how many rows each gives, and what was left out and why. Paragraphs are asked for "
        "as such, and a text preferred blind is a model's: tick them if the model shall learn from them, too.",
        visible=plan.source == "own",
        elem_id="train-works",
    )
    return source, path, works


def bases(workspace: Workspace, plan: Plan) -> list[tuple[str, str]]:
    """Return the models of this machine that may be trained, and the one that is chosen."""
    found = [(m.label, m.name) for m in catalog.rows(workspace.models) if m.state == "ready" and m.path.is_file()]
    aliases = {alias: m for m in catalog.rows(workspace.models) for alias in m.aliases}
    if plan.base not in [name for _, name in found]:
        known = aliases.get(plan.base)
        found = [(label, plan.base if known and known.name == name else name) for label, name in found]
        if plan.base not in [name for _, name in found]:
            found.append((known.label if known else plan.base, plan.base))
    return found


def plan_from(values: Sequence[Any], before: Plan, judge: str) -> Plan:
    """Return the plan that the fields hold; settings that have no field stay as they were. `judge` is who judges.

    A browser may send anything; what cannot be is told by the checklist. The room for a prompt holds for both goals.
    """
    goal, source, path, works, base, preset, reward, thoughts, start, name, *numbers = values
    told = (*NUMBERS, "reward", "judge", "thoughts")
    kept = {k: v for k, v in before.numbers.items() if k == "prompt_tokens" or (goal == before.goal and k not in told)}
    if goal == "mrpo" and reward == "judge":
        kept |= {"reward": reward, "judge": judge}
    if goal == "mrpo" and thoughts in [name for _, name in PRACTISED[1:]]:
        kept["thoughts"] = thoughts
    for (key, (_, _, goals)), value in zip(NUMBERS.items(), numbers, strict=True):
        if value is not None and goal in goals:
            kept[key] = int(value) if isinstance(value, float) and value.is_integer() else value
    try:
        return Plan.model_validate(
            {
                "goal": goal,
                "source": source,
                "path": str(path or ""),
                "works": works,
                "base": str(base or ""),
                "preset": preset,
                "name": str(name or ""),
                "adapter": str(start) if start and base == before.base else None,  # another base has others
                "numbers": kept,
            }
        )
    except ValidationError:
        return before


def values_of(workspace: Workspace, plan: Plan) -> list[Any]:
    """Return the fields as they are for a plan."""
    base = gr.update(choices=bases(workspace, plan), value=plan.base)
    path, works, reward, thoughts, start = shown(workspace, plan)
    filled = [hint | {"value": plan.numbers.get(key)} for hint, key in zip(hints(plan), NUMBERS, strict=True)]
    return [
        plan.goal,
        gr.update(choices=sources(plan, shared=bool(workspace.writer_name)), value=plan.source),
        path | {"value": plan.path},
        works | {"value": list(plan.works)},
        base,
        plan.preset,
        reward | {"value": plan.numbers.get("reward", "checks")},
        thoughts | {"value": plan.numbers.get("thoughts", "off")},
        start,
        plan.name,
        *filled,
    ]


def shown(workspace: Workspace, plan: Plan) -> list[dict[str, Any]]:
    """Return whether path, own work, reward, thoughts and beginning have a say in this plan; what was chosen stays."""
    practice = plan.goal == "mrpo"
    seen = [gr.update(visible=v) for v in (plan.source == "file", plan.source == "own", practice, practice)]
    found = beginnings(workspace, plan)
    return [*seen, gr.update(choices=found, value=plan.adapter or "", visible=len(found) > 1)]


def hints(plan: Plan) -> list[dict[str, Any]]:
    """Return the numbers of this goal, with what the preset has in each; what was typed stays."""
    there = usual(plan.goal, plan.preset, plan.numbers.get("thoughts", "off"))
    return [
        gr.update(placeholder=f"{there.get(key, Config.model_fields[key].default):g}", visible=plan.goal in goals)
        for key, (_, _, goals) in NUMBERS.items()
    ]
