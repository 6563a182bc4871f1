"""Writes a LLaMA-family Hugging Face folder as one GGUF file, all matrices in BF16, for speed measurements.

The file has no vocabulary, so it measures but does not talk. Usage: folder_to_gguf.py FOLDER OUTPUT.gguf
"""
import json
import pathlib
import sys

import gguf
import safetensors
import torch


def rotary_base(config):
    """The base of rotary frequencies, which transformers keeps in either of two places."""
    parameters = config.get("rope_parameters") or config.get("rope_scaling") or {}
    if parameters.get("rope_type", "default") != "default":
        sys.exit(f"rope_type {parameters['rope_type']} is not converted")
    return parameters.get("rope_theta", config.get("rope_theta", 10000.0))


def neighbours(weight, head_count):
    """Rows of a query or key weight in the order in which llama.cpp rotates: channels i and i + 1 are a pair there, i and
    i + half a head in Hugging Face's order."""
    return weight.unflatten(0, (head_count, 2, -1)).transpose(1, 2).flatten(0, 2)


def main():
    folder, output = pathlib.Path(sys.argv[1]), sys.argv[2]
    matrix_type = gguf.GGMLQuantizationType.BF16
    config = json.loads((folder / "config.json").read_text())
    if config["model_type"] != "llama":
        sys.exit(f"{folder}: only LLaMA models are converted, not {config['model_type']}")
    blocks, heads = config["num_hidden_layers"], config["num_attention_heads"]
    key_heads = config.get("num_key_value_heads") or heads

    file = gguf.GGUFWriter(output, "llama")
    file.add_file_type(gguf.LlamaFileType.MOSTLY_BF16)
    file.add_tokenizer_model("no_vocab")
    file.add_vocab_size(config["vocab_size"])
    file.add_context_length(config["max_position_embeddings"])
    file.add_embedding_length(config["hidden_size"])
    file.add_feed_forward_length(config["intermediate_size"])
    file.add_block_count(blocks)
    file.add_head_count(heads)
    file.add_head_count_kv(key_heads)
    file.add_rope_dimension_count(config["hidden_size"] // heads)
    file.add_rope_freq_base(rotary_base(config))
    file.add_layer_norm_rms_eps(config["rms_norm_eps"])

    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, blocks)
    for shard in sorted(folder.glob("*.safetensors")):
        with safetensors.safe_open(shard, "pt") as tensors:
            for name in tensors.keys():
                weight = tensors.get_tensor(name).float()
                if ".q_proj." in name:
                    weight = neighbours(weight, heads)
                elif ".k_proj." in name:
                    weight = neighbours(weight, key_heads)
                target = names.get_name(name, try_suffixes=(".weight", ".bias"))
                if target is None:
                    sys.exit(f"{shard}: {name} is no tensor of a LLaMA model")
                if weight.dim() == 1:
                    file.add_tensor(target, weight.numpy())
                else:
                    packed = gguf.quants.quantize(weight.contiguous().numpy(), matrix_type)
                    file.add_tensor(target, packed, raw_dtype=matrix_type)
    file.write_header_to_file()
    file.write_kv_data_to_file()
    file.write_tensors_to_file()
    file.close()


with torch.inference_mode():
    main()
