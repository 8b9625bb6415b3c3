"""A LoRA adapter for the starter, as PEFT writes one, with fixed random weights: real files, without a training run."""

from pathlib import Path

from writer_r1.adapters import Adapter

STARTER_SHA = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"


def peft_adapter(folder: Path, seed: int = 0, rank: int = 4, size: float = 0.1) -> Path:
    """Return the folder, with an adapter in it whose B matrices have this standard deviation."""
    import torch
    from peft import LoraConfig, get_peft_model, get_peft_model_state_dict
    from safetensors.torch import save_file
    from transformers import LlamaConfig, LlamaForCausalLM

    shape = LlamaConfig(
        vocab_size=49152,
        hidden_size=576,
        intermediate_size=1536,
        num_hidden_layers=30,
        num_attention_heads=9,
        num_key_value_heads=3,
    )
    lora = LoraConfig(r=rank, lora_alpha=2 * rank, target_modules="all-linear", task_type="CAUSAL_LM")
    with torch.device("meta"):  # the base's own weights are of no use here
        model = get_peft_model(LlamaForCausalLM(shape), lora)
    chance = torch.Generator().manual_seed(seed)
    weights = {
        name: torch.randn(tensor.shape, generator=chance) * (size if "lora_B" in name else tensor.shape[1] ** -0.5)
        for name, tensor in get_peft_model_state_dict(model).items()
    }
    folder.mkdir(parents=True, exist_ok=True)
    save_file(weights, folder / "adapter_model.safetensors")
    model.peft_config["default"].save_pretrained(str(folder))
    return folder


def manifest(name: str = "sea-1", **changes: object) -> Adapter:
    """Return the manifest of an adapter for the starter."""
    told = {
        "name": name,
        "kind": "sft",
        "base": "SmolLM2-135M-Instruct",
        "base_sha256": STARTER_SHA,
        "trained_on": ("p-1", "p-2"),
        "pieces": 2,
        "source": "two pieces about the sea",
        "metrics": {"eval_loss": 2.5},
        "created": 1_700_000_000.0,
    }
    return Adapter.model_validate(told | changes)
