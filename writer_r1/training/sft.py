"""Supervised fine-tuning: `python -m writer_r1.training.sft RUN_DIR` learns to write as the given pieces are written.

The loss is the mean negative log-prob of a piece's tokens after the very prompt that the writing model gets; the prompt
itself is not learned. Requests of the held-out pieces are never trained on. Read from top to bottom.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from writer_r1.training.config import Config
from writer_r1.training.data import Example, Tokens, read, split
from writer_r1.training.evaluation import held_out_loss, held_out_reward
from writer_r1.training.learner import Learner
from writer_r1.training.objective import supervised_loss
from writer_r1.training.optimizer import micro_batches, places
from writer_r1.training.process import Stopped, check_stop, run
from writer_r1.training.rewards import Rewarder
from writer_r1.training.run_folder import Exit


def train(folder: Path, config: Config) -> Exit:
    """Return how the run ended; what it learned is in its folder."""
    examples = read(Path(config.data)).examples
    trained_on, held_out = split(examples, config.held_out, config.seed)
    learner = Learner(folder, config)
    rows, dropped = learner.tokens_of(trained_on)
    unseen, dropped_unseen = learner.tokens_of(held_out)
    unseen = unseen[: config.held_out_prompts]
    learner.note_data(rows, unseen, dropped + dropped_unseen)
    rewarder = Rewarder(config.model_copy(update={"reward": "checks"}))
    try:
        while True:
            if learner.evaluation_due():
                evaluate(learner, unseen, rewarder)
            if learner.state["step"] >= config.steps:
                break
            step = learner.begin()
            batch = [rows[i][1] for i in places(len(rows), step * config.batch, config.batch, config.seed)]
            tokens = sum(len(row.text) for row in batch)  # of all processes, so that each divides by the same
            mine = [batch[i] for i in learner.crew.mine(len(batch))]
            total = learner.policy.zero()
            for micro in micro_batches([len(r.prompt) + len(r.text) for r in mine], config.micro_tokens):
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


def evaluate(learner: Learner, unseen: Sequence[tuple[Example, Tokens]], rewarder: Rewarder) -> None:
    """Keep the loss on what was held out, and what the policy's own texts for its requests earn."""
    step, config = learner.state["step"], learner.config
    loss = held_out_loss(
        learner.policy,
        [row for _, row in unseen],
        config.micro_tokens,
        lambda done, total: learner.beat("evaluating", done, 2 * total, "reading held-out pieces"),
    )
    row, shown = held_out_reward(
        learner.policy,
        [(example, row.prompt) for example, row in unseen],
        config.text_tokens,
        rewarder,
        cancel=learner.stopping,
        told=lambda done, total: learner.beat("evaluating", total + done, 2 * total, "writing for held-out prompts"),
    )
    if not row:
        check_stop(learner.folder)
    learner.add_metrics({"step": step, "split": "held_out", "loss": loss} | row)
    learner.add_samples(step, unseen, shown)
    learner.state["evaluated"] = step
    print(f"after {step} updates: held-out loss {loss:.4f}, reward {row['reward']:.3f}", flush=True)


if __name__ == "__main__":
    sys.exit(run(Path(sys.argv[1]), train))
