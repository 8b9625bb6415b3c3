"""Fine-tuning: a run folder and a configuration in, a LoRA adapter out, in a process of its own.

What pages and commands may import holds no model library: `config`, `run_folder` and `data`. The rest is imported by
the training process alone, which `python -m writer_r1.training.sft RUN_DIR` and `….mrpo RUN_DIR` start; both files read
from top to bottom. Everything that process says goes into its run folder, so it outlives whoever started it.
"""
