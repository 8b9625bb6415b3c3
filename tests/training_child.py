"""A training process without a model: it follows the run folder's protocol, and misbehaves as its data file tells it.

`data`, or else training.json in the home, is a JSON file: `pause` (seconds a step), `flood` (bytes printed a step),
`fail` (a kind of failure, said properly), `die` (a step at which an error is not caught), `mute` (no sign of life),
`deaf` (no heed of `stop`).
"""

import json
import sys
import time
from pathlib import Path

from writer_r1 import places
from writer_r1.training import run_folder
from writer_r1.training.run_folder import newest_step

PROMPTS = ("A fable about a proud kettle", "A letter from a lighthouse", "Two sisters part at a station")
BEGAN = time.monotonic()
CRITERIA = ("Says it plainly", "Keeps to the length")


def rows(kind: str, step: int, steps: int) -> dict[str, object]:
    """Return a row of metrics that looks like one of a run that goes well."""
    far = step / steps
    common = {"step": step, "t": time.monotonic() - BEGAN, "gradient_norm": 1.0, "learning_rate": 1e-4}
    if kind == "sft":
        return {**common, "loss": 3.2 - 0.8 * far + 0.1 * (step % 3)}
    return {
        **common,
        "reward": 0.4 + 0.3 * far,
        "reward_std": 0.12,
        "reward_min": 0.2 + 0.3 * far,
        "reward_max": 0.6 + 0.3 * far,
        **{f"rewards/{c}/mean": 0.3 + 0.1 * i + 0.3 * far for i, c in enumerate(CRITERIA)},
        "frac_reward_zero_std": 0.0,
        "groups": 1,
        "groups_flat": 2 if step > steps / 2 else 0,
        "kl": 0.002 * step,
        "entropy": 3.0 - far,
        "completions/mean_length": 40 + 10 * far,
        "replay/share": 0.1 * far,
    }


def main(folder: Path) -> None:
    config = run_folder.config_of(folder)
    script = Path(config.data)
    if script.suffix != ".json":
        script = places.home() / "training.json"
    told = json.loads(script.read_text("utf-8")) if script.exists() else {}
    if told.get("mute"):
        time.sleep(600)
    with run_folder.alive(folder):
        run_folder.beat(folder, "preparing")
        run_folder.set_state(folder, "training")
        begun = newest_step(folder) or 0
        print(f"going on from step {begun}" if begun else "beginning", flush=True)
        if told.get("fail"):
            sentence = f"It failed for want of {told['fail']}."
            return run_folder.end(folder, run_folder.Exit(outcome="failed", kind=told["fail"], sentence=sentence))
        for step in range(begun + 1, config.steps + 1):
            asked = None if told.get("deaf") else run_folder.stop_asked(folder)
            if asked:
                if asked == "save":
                    save(folder, step - 1)
                outcome = "stopped" if asked == "save" else "discarded"
                return run_folder.end(folder, run_folder.Exit(outcome=outcome, sentence=f"Stopped at step {step - 1}."))
            if step == told.get("die"):
                raise MemoryError("no room")
            print("x" * told.get("flood", 0), file=sys.stderr)
            run_folder.add_metrics(folder, rows(config.kind, step, config.steps))
            if step == 1 or step % 10 == 0:
                for i, prompt in enumerate(PROMPTS):
                    text = f"{prompt}, as it is told after {step} steps. <b>Nothing</b> was left but the sea."
                    run_folder.add_sample(folder, {"step": step, "prompt_id": str(i), "prompt": prompt, "text": text})
                far = step / config.steps
                value = {"loss": 3.3 - 0.5 * far} if config.kind == "sft" else {"reward": 0.35 + 0.2 * far}
                run_folder.add_metrics(folder, {"step": step, "split": "held_out"} | value)
            run_folder.beat(folder, "training", step, config.steps)
            if step % config.checkpoint_every == 0:
                save(folder, step)
            time.sleep(told.get("pause", 0.01))
        (folder / "adapter").mkdir(exist_ok=True)
        (folder / "adapter" / "adapter_model.safetensors").touch()
        run_folder.end(folder, run_folder.Exit(outcome="finished", sentence=f"Learned for {config.steps} steps."))


def save(folder: Path, step: int) -> None:
    (folder / "checkpoints" / f"step-{step:06d}").mkdir(parents=True, exist_ok=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
