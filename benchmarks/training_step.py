"""One MRPO or SFT step, ours and TRL's, on the same model, rows and sampler: CPU seconds on one thread and peak memory.

    python benchmarks/training_step.py                 all pairs that can be measured here, one RESULT line each
    python benchmarks/training_step.py ours mrpo tiny  one of them, as one JSON line
    python benchmarks/training_step.py gpu             the starter on a GPU in bf16: wall seconds, memory of the GPU

`mrpo_llamacpp` is MRPO with the replies written by llama.cpp, which stock TRL cannot use on a CPU: held against TRL's
own step. `sampling` is how far the sampler's log-probs are from the trainer's, on average.
The first step is dropped. `tiny` is a random Llama of 12.5 million parameters with 32,000 words, `smol` the starter. A
prompt of 128 tokens, 8 replies of 128; for SFT 8 rows of 256. TRL is the extra `trl` of pyproject.toml.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import fmean
from typing import Any

from meter import Meter

ROOT = Path(__file__).parent.parent
ROWS, PROMPT, REPLY, STEPS = 8, 128, 128, int(os.environ.get("BENCH_STEPS", "3"))
ON_GPU = "BENCH_GPU"  # without it a GPU is hidden: TRL would not use it, and ours would
NO_GPU = (
    "make bench-gpu measures on a GPU, and torch finds none here; on a machine that has one, see that torch is a build "
    "for it. Nothing was measured. Without one: make bench-training."
)
QUIET = {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "HF_HUB_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "TQDM_DISABLE": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "PYTHONWARNINGS": "ignore",
}


def learned(loop: str) -> int:
    """Return how many tokens a step learns from."""
    return ROWS * (2 * PROMPT if loop == "sft" else REPLY)


def base_of(size: str, folder: Path) -> Path:
    if size == "smol":
        from writer_r1.training.weights import prepared

        return prepared("starter").folder
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    vocab = {"<pad>": 0, "<|im_start|>": 1, "<|im_end|>": 2}
    vocab |= {c: i for i, c in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()), 3)}
    vocab |= {f"<unused{i}>": i for i in range(len(vocab), 32000)}
    raw = Tokenizer(models.BPE(vocab=vocab, merges=[]))
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    raw.decoder = decoders.ByteLevel()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=raw, pad_token="<pad>", eos_token="<|im_end|>")
    tokenizer.chat_template = "{% for m in messages %}{{ m['content'] }}{% endfor %}"
    import torch

    torch.manual_seed(0)
    shape = LlamaConfig(
        vocab_size=32000,
        hidden_size=256,
        intermediate_size=688,
        num_hidden_layers=6,
        num_attention_heads=8,
        num_key_value_heads=4,
        max_position_embeddings=2048,
        pad_token_id=0,
        bos_token_id=None,
        eos_token_id=2,
        tie_word_embeddings=True,
    )
    LlamaForCausalLM(shape).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def prompt_ids(tokenizer: Any, number: int, length: int = PROMPT) -> list[int]:
    words = "Write a short scene about a lighthouse keeper who finds a letter in a bottle, and keep the tone calm. "
    ids: list[int] = tokenizer(f"{number}: " + 20 * words, add_special_tokens=False)["input_ids"][:length]
    return ids


def ours(loop: str, size: str, folder: Path) -> dict[str, Any]:
    import torch

    from writer_r1.training import mrpo, practice
    from writer_r1.training.config import configured
    from writer_r1.training.group_advantage import of_group
    from writer_r1.training.llama_sampler import open_sampler
    from writer_r1.training.objective import supervised_loss
    from writer_r1.training.optimizer import Crew, Optimizer, micro_batches
    from writer_r1.training.policy import open_policy
    from writer_r1.training.replay import Buffer, Under
    from writer_r1.training.rewards import Reward
    from writer_r1.training.weights import Base, prepared

    torch.set_num_threads(1)
    source = prepared("starter").source if size == "smol" else folder
    base = Base("bench", source, base_of(size, folder), "0")
    chosen = {"name": "bench", "base": str(folder), "data": "-", "steps": STEPS + 1, "text_tokens": REPLY, "prompts": 1}
    objective = {"kl": 0.0}  # as TRL's default
    settings = {"group": ROWS, "micro_tokens": 4096, "learning_rate": 1e-4, "objective": objective}
    config = configured("mrpo", **chosen, **settings)
    policy = open_policy(base, config)
    policy.ends = ()  # every reply takes its full length, as it does for TRL
    learner: Any = type("Bench", (), {})()
    learner.policy, learner.config, learner.crew, learner.critic = policy, config, Crew(), None
    learner.sampler = open_sampler(policy, base, config) if loop == "mrpo_llamacpp" else policy
    learner.optimizer, learner.state = Optimizer(policy.parameters, config, learner.crew), {"step": 0, "drawn": 0}
    learner.beat, learner.stopping, learner.folder = lambda *_, **__: None, lambda: False, folder
    buffer, under, meter = Buffer(config.replay), Under("p", "r", "j", "t"), Meter()
    parts, gaps = list[dict[str, float]](), list[float]()
    for step in range(STEPS + 1):
        learner.state |= {"step": step, "drawn": step}
        began = meter.now()
        clock = practice.Clock()
        if loop != "sft":
            prompt = prompt_ids(policy.tokenizer, step)
            (rollouts,) = practice.write_groups(learner, [[prompt] * ROWS], clock)
            rewards = [Reward(sum(t % 2 for t in r.tokens) / REPLY, {}) for r in rollouts]
            advantage = of_group(rewards, [REPLY] * ROWS, [], config.objective, 0)
            group = practice.Group(prompt, under, rollouts, [""] * ROWS, rewards, [], advantage)
            gaps.append(mrpo.update(learner, [group], buffer, clock)["sampling/logp_difference/mean"])
        else:
            rows = [prompt_ids(policy.tokenizer, ROWS * step + i, 2 * PROMPT) for i in range(ROWS)]
            for batch in micro_batches([len(r) for r in rows], 4096):
                scored = policy.score([rows[i][:1] for i in batch], [rows[i][1:] for i in batch])
                supervised_loss(scored.logp, scored.mask, ROWS * (2 * PROMPT - 1)).backward()
            learner.optimizer.step(step)
        meter.seconds.append(meter.now() - began)
        parts.append(clock.spent)
    spent = {k: round(fmean(p.get(k, 0.0) for p in parts[1:]), 3) for k in parts[-1]}
    found = meter.told(learned(loop)) | {"wall": spent}
    return found | ({"sampling": round(fmean(gaps[1:]), 4)} if gaps else {})


def trl(loop: str, size: str, folder: Path) -> dict[str, Any]:
    trainer = trl_trainer(loop, base_of(size, folder), folder)
    step, meter = trainer.training_step, Meter()

    def timed(*args: Any, **named: Any) -> Any:
        began = meter.now()
        found = step(*args, **named)
        meter.seconds.append(meter.now() - began)
        return found

    trainer.training_step = timed
    trainer.train()
    return meter.told(learned(loop))


def trl_trainer(loop: str, base: Path, folder: Path) -> Any:
    import pyarrow
    import torch
    from datasets import Dataset
    from peft import LoraConfig
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from trl import GRPOConfig, GRPOTrainer, SFTConfig, SFTTrainer

    torch.set_num_threads(1)
    gpu = torch.cuda.is_available()
    tokenizer = AutoTokenizer.from_pretrained(base, padding_side="left")
    tokenizer.pad_token = tokenizer.pad_token or tokenizer.eos_token
    every = {
        "model": AutoModelForCausalLM.from_pretrained(base, dtype=torch.bfloat16 if gpu else torch.float32),
        "processing_class": tokenizer,
        "peft_config": LoraConfig(
            r=16, lora_alpha=32, target_modules="all-linear", lora_dropout=0.0, task_type="CAUSAL_LM"
        ),
    }
    shared = {
        "output_dir": str(folder / "out"),
        "per_device_train_batch_size": ROWS,
        "max_steps": STEPS + 1,
        "learning_rate": 1e-4,
        "bf16": gpu,
        "gradient_checkpointing": False,
        "save_strategy": "no",
        "report_to": [],
        "use_cpu": not gpu,
        "disable_tqdm": True,
        "logging_strategy": "no",
    }
    if loop == "sft":
        ids = [prompt_ids(tokenizer, i, 2 * PROMPT) for i in range(64)]
        rows = Dataset(pyarrow.table({"input_ids": ids}), fingerprint="rows")
        return SFTTrainer(args=SFTConfig(**shared, max_length=2 * PROMPT), train_dataset=rows, **every)
    texts = [tokenizer.decode(prompt_ids(tokenizer, i)) for i in range(64)]
    settings = GRPOConfig(
        **shared,
        num_generations=ROWS,
        max_completion_length=REPLY,
        beta=0.0,
        loss_type="dapo",
        temperature=1.0,
        generation_kwargs={"min_new_tokens": REPLY},
    )

    def reward(completions: Any, completion_ids: Any, **_: Any) -> list[float]:
        return [sum(t % 2 for t in ids) / max(1, len(ids)) for ids in completion_ids]

    prompts = Dataset(pyarrow.table({"prompt": texts}), fingerprint="prompts")
    return GRPOTrainer(reward_funcs=reward, args=settings, train_dataset=prompts, **every)


def measured(who: str, loop: str, size: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, __file__, who, loop, size],
        env={
            **os.environ,
            **QUIET,
            **({} if os.environ.get(ON_GPU) else {"CUDA_VISIBLE_DEVICES": ""}),
            "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
        },
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    found: dict[str, Any] = json.loads(done.stdout.strip().rsplit("\n", 1)[-1])
    return found


def gpu_of() -> dict[str, Any]:
    """Return the GPU that is measured from now on; without one the bench ends here."""
    import torch

    if not torch.cuda.is_available():
        sys.exit(NO_GPU)
    os.environ[ON_GPU] = "1"
    return {"gpu": torch.cuda.get_device_name(0), "dtype": "bfloat16", "torch": torch.__version__}


def main() -> None:
    if len(sys.argv) == 4:
        who, loop, size = sys.argv[1:]
        with tempfile.TemporaryDirectory() as folder:
            print(json.dumps({"ours": ours, "trl": trl}[who](loop, size, Path(folder))))
        return
    machine = gpu_of() if sys.argv[1:] == ["gpu"] else {}
    for size in os.environ.get("BENCH_SIZES", "smol" if machine else "tiny smol").split():
        theirs = {loop: measured("trl", loop, size) for loop in ("mrpo", "sft")}
        # llama.cpp needs a GGUF, and has nothing to win on a GPU
        theirs |= {"mrpo_llamacpp": theirs["mrpo"]} if size == "smol" and not machine else {}
        for loop in theirs:
            mine, rival = measured("ours", loop, size), theirs[loop]
            name = f"mrpo_{size}_llamacpp" if loop == "mrpo_llamacpp" else f"{loop}_{size}"
            row = {
                "name": name,
                "ratio_time": round(rival["seconds"] / mine["seconds"], 2),
                "ratio_memory": round(mine["peak_mib"] / rival["peak_mib"], 2),
                "ours": mine,
                "trl": rival,
                "steps": STEPS,
                **machine,
            }
            print("RESULT " + json.dumps(row), flush=True)


if __name__ == "__main__":
    main()
