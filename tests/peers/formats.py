"""A checkpoint of ours (a directory in Hugging Face's format) in the formats of llama2.c and of llama.cpp."""
import json
import struct


def read_checkpoint(directory):
    """(config.json, the function that reads a tensor's bytes)."""
    with open(directory + "/config.json") as file:
        config = json.load(file)
    with open(directory + "/model.safetensors", "rb") as file:
        (size,) = struct.unpack("<Q", file.read(8))
        header, data = json.loads(file.read(size)), file.read()
    return config, lambda name: data[slice(*header[name]["data_offsets"])]


def write_llama2c(directory):
    """model.bin and tokenizer.bin in the format of llama2.c's read_checkpoint and build_tokenizer. Every token prints
    as one letter, so that what was printed counts them. Returns the length of the context."""
    c, tensor = read_checkpoint(directory)
    layers = range(c["num_hidden_layers"])
    with open(directory + "/model.bin", "wb") as file:
        file.write(struct.pack("<7i", c["hidden_size"], c["intermediate_size"], len(layers), c["num_attention_heads"],
                               c["num_key_value_heads"], c["vocab_size"], c["max_position_embeddings"]))
        file.write(tensor("model.embed_tokens.weight"))
        for name in ("input_layernorm", "self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj",
                     "post_attention_layernorm", "mlp.gate_proj", "mlp.down_proj", "mlp.up_proj"):
            for layer in layers:
                file.write(tensor(f"model.layers.{layer}.{name}.weight"))
        file.write(tensor("model.norm.weight"))
        file.write(bytes(4 * c["max_position_embeddings"] * c["head_dim"]))  # angles that run.c skips
    with open(directory + "/tokenizer.bin", "wb") as file:
        file.write(struct.pack("<i", 1))
        for _ in range(c["vocab_size"]):
            file.write(struct.pack("<fi", 0, 1) + b"x")
    return c["max_position_embeddings"]


def write_gguf(directory):
    """model.gguf in fp32, without a tokenizer, as llama.cpp reads it."""
    import gguf
    import numpy

    c, tensor = read_checkpoint(directory)
    C, F, D, V = c["hidden_size"], c["intermediate_size"], c["head_dim"], c["vocab_size"]
    H, K = c["num_attention_heads"], c["num_key_value_heads"]
    writer = gguf.GGUFWriter(directory + "/model.gguf", "llama")
    writer.add_context_length(c["max_position_embeddings"])
    writer.add_embedding_length(C)
    writer.add_feed_forward_length(F)
    writer.add_block_count(c["num_hidden_layers"])
    writer.add_head_count(H)
    writer.add_head_count_kv(K)
    writer.add_key_length(D)
    writer.add_value_length(D)
    writer.add_rope_dimension_count(D)
    writer.add_rope_freq_base(c["rope_theta"])
    writer.add_layer_norm_rms_eps(c["rms_norm_eps"])
    writer.add_vocab_size(V)
    writer.add_tokenizer_model("no_vocab")

    def add(name, ours, *shape, heads=0):
        values = numpy.frombuffer(tensor(ours + ".weight"), dtype=numpy.float32).reshape(shape)
        if heads:  # llama.cpp turns neighbours by an angle, not the halves of a head
            values = values.reshape(heads, 2, D // 2, C).swapaxes(1, 2).reshape(shape)
        writer.add_tensor(name + ".weight", numpy.ascontiguousarray(values))

    add("token_embd", "model.embed_tokens", V, C)
    add("output_norm", "model.norm", C)
    for l in range(c["num_hidden_layers"]):
        here, there = f"blk.{l}.", f"model.layers.{l}."
        add(here + "attn_norm", there + "input_layernorm", C)
        add(here + "attn_q", there + "self_attn.q_proj", H * D, C, heads=H)
        add(here + "attn_k", there + "self_attn.k_proj", K * D, C, heads=K)
        add(here + "attn_v", there + "self_attn.v_proj", K * D, C)
        add(here + "attn_output", there + "self_attn.o_proj", C, H * D)
        add(here + "ffn_norm", there + "post_attention_layernorm", C)
        add(here + "ffn_gate", there + "mlp.gate_proj", F, C)
        add(here + "ffn_up", there + "mlp.up_proj", F, C)
        add(here + "ffn_down", there + "mlp.down_proj", C, F)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
