"""The tiny base of `tiny_base.py` as a GGUF in 32 bits, without a vocabulary: token ids are all that is asked of it."""

from pathlib import Path

from writer_r1.training.export import MODULES, _as_ggml


def make_gguf(base: Path, out: Path) -> Path:
    import gguf
    import numpy as np
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(base)
    shape, weights = model.config, {k: v.detach().numpy() for k, v in model.state_dict().items()}
    writer = gguf.GGUFWriter(out, "llama")
    writer.add_name("tiny")
    writer.add_vocab_size(shape.vocab_size)
    writer.add_tokenizer_model("none")
    writer.add_context_length(2048)
    writer.add_embedding_length(shape.hidden_size)
    writer.add_feed_forward_length(shape.intermediate_size)
    writer.add_block_count(shape.num_hidden_layers)
    writer.add_head_count(shape.num_attention_heads)
    writer.add_head_count_kv(shape.num_key_value_heads)
    writer.add_layer_norm_rms_eps(shape.rms_norm_eps)
    writer.add_rope_dimension_count(shape.hidden_size // shape.num_attention_heads)
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)
    writer.add_tensor("token_embd.weight", weights["model.embed_tokens.weight"])
    writer.add_tensor("output_norm.weight", weights["model.norm.weight"])
    heads = {"self_attn.q_proj": shape.num_attention_heads, "self_attn.k_proj": shape.num_key_value_heads}
    norms = {"input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm"}
    for layer in range(shape.num_hidden_layers):
        for name, stored in (MODULES | norms).items():
            tensor = weights[f"model.layers.{layer}.{name}.weight"]
            tensor = _as_ggml(tensor, heads[name]) if name in heads else tensor
            writer.add_tensor(f"blk.{layer}.{stored}.weight", np.ascontiguousarray(tensor))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return out
