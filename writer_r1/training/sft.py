"""Supervised fine-tuning: `python -m writer_r1.training.sft RUN_DIR` learns to write as the given pieces are written.

The loss is the mean negative log-prob of a piece's tokens after the very prompt that the writing model gets; the prompt
itself is not learned. Requests of the held-out pieces are never trained on. Read from top to bottom.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from writer_r1.one_go import is_thought
from writer_r1.traces import parse
from writer_r1.training.config import Config
from writer_r1.training.data import Example, Tokens, read, split
from writer_r1.training.evaluation import SHOWN, held_out_loss
from writer_r1.training.learner import Learner
from writer_r1.training.objective import supervised_loss
from writer_r1.training.optimizer import micro_batches, places
from writer_r1.training.process import Stopped, check_stop, run
from writer_r1.training.run_folder import Exit
from writer_r1.training.thoughts import readable


def train(folder: Path, config: Config) -> Exit:
    """Return how the run ended; what it learned is in its folder."""
    examples = read(Path(config.data)).examples
    trained_on, held_out = split(examples, config.held_out, config.seed)
    learner = Learner(folder, config)
    rows, dropped = learner.tokens_of(trained_on)
    unseen, dropped_unseen = learner.tokens_of(held_out)
    unseen = unseen[: config.held_out_prompts]
    learner.note_data(rows, unseen, dropped + dropped_unseen)
    try:
        while True:
            if learner.evaluation_due():
                evaluate(learner, unseen)
            if learner.state["step"] >= config.steps:
                break
            step = learner.begin()
            batch = [rows[i][1] for i in places(len(rows), step * config.batch, config.batch, config.seed)]
            tokens = sum(len(row.text) for row in batch)  # of all processes, so that each divides by the same
            mine = [batch[i] for i in learner.crew.mine(len(batch))]
            total = learner.policy.zero()
            micros = micro_batches([len(r.prompt) + len(r.text) for r in mine], config.micro_tokens)
            learner.policy.go_along(len(micros))
            for micro in micros:
                learner.beat("training", step, config.steps)
                scored = learner.policy.score([mine[i].prompt for i in micro], [mine[i].text for i in micro])
                loss = supervised_loss(scored.logp, scored.mask, tokens)
                loss.backward()
                total += loss.detach()
            done = learner.optimizer.step(step)
            learner.state["step"] = step + 1
            row = {"step": step + 1, "loss": learner.crew.sum(total).item(), "tokens": tokens}
            learner.add_metrics(row | done._asdict())
            learner.keep()
    except Stopped as stopped:
        learner.optimizer.adamw.zero_grad(set_to_none=True)
        return learner.ended(stopped.how)
    return learner.ended("finished")


def evaluate(learner: Learner, unseen: Sequence[tuple[Example, Tokens]]) -> None:
    """Keep the loss on what was held out, and the policy's own texts for the same few of its requests."""
    step, config = learner.state["step"], learner.config
    loss = held_out_loss(
        learner.policy,
        [row for _, row in unseen],
        config.micro_tokens,
        lambda done, total: learner.beat("evaluating", done, total, "reading held-out pieces"),
    )
    learner.beat("evaluating", len(unseen), len(unseen), "writing samples")
    few = [(example, row.prompt) for example, row in unseen[:SHOWN]]
    rollouts = learner.policy.sample([p for _, p in few], range(len(few)), config.text_tokens, learner.stopping)
    if not rollouts:
        check_stop(learner.folder)
    learner.add_metrics({"step": step, "split": "held_out", "loss": loss})
    texts = [_shown(example, learner.policy.text(r.tokens)) for (example, _), r in zip(few, rollouts, strict=True)]
    learner.add_samples(step, few, [(example.id, text) for (example, _), text in zip(few, texts, strict=True)])
    learner.keep_best(loss)
    learner.state["evaluated"] = step
    print(f"after {step} updates: held-out loss {loss:.4f}", flush=True)


def _shown(example: Example, text: str) -> str:
    """Return a sample as the page shows it: never a tag, where thoughts are what is learned."""
    return readable(parse(text, example.prompt)) if is_thought(example.text) else text


if __name__ == "__main__":
    sys.exit(run(Path(sys.argv[1]), train))
