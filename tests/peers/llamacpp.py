"""llama.cpp as a contender (contender.h, ours.cpp), by the functions of its library: a token takes two calls from
Python, of some microseconds together. python llamacpp.py THREADS."""
import json
import sys
import time

import llama_cpp as llama
import numpy

from formats import write_gguf

silent = llama.llama_log_callback(lambda level, text, data: None)
llama.llama_log_set(silent, None)
llama.llama_backend_init()


class Decoder:
    def __init__(self, directory, threads):
        write_gguf(directory)
        self.directory = directory
        file = f"{directory}/model.gguf".encode()
        self.model = llama.llama_model_load_from_file(file, llama.llama_model_default_params())
        self.positions = llama.llama_model_n_ctx_train(self.model)
        options = llama.llama_context_default_params()
        options.n_ctx = options.n_batch = options.n_ubatch = self.positions
        options.n_threads = options.n_threads_batch = threads
        options.type_k = options.type_v = llama.GGML_TYPE_F32
        self.context = llama.llama_init_from_model(self.model, options)
        self.sampler = llama.llama_sampler_init_dist(1)

    def restart(self):
        llama.llama_memory_clear(llama.llama_get_memory(self.context), True)

    def loss(self):
        """The mean cross-entropy of batch.json."""
        with open(self.directory + "/batch.json") as file:
            batch = numpy.array(json.load(file))
        V = llama.llama_vocab_n_tokens(llama.llama_model_get_vocab(self.model))
        rows, losses = llama.llama_batch_init(self.positions, 0, 1), []
        rows.n_tokens = batch.shape[1] - 1
        for sequence in batch:
            self.restart()
            for t in range(rows.n_tokens):
                rows.token[t], rows.pos[t], rows.n_seq_id[t], rows.logits[t] = int(sequence[t]), t, 1, True
                rows.seq_id[t][0] = 0
            llama.llama_decode(self.context, rows)
            for t in range(rows.n_tokens):
                logits = numpy.ctypeslib.as_array(llama.llama_get_logits_ith(self.context, t), (V,)).astype(float)
                losses.append(numpy.log(numpy.exp(logits).sum()) - logits[sequence[t + 1]])
        llama.llama_batch_free(rows)
        return numpy.mean(losses)

    def decode(self):
        """One sequence up to the context: how many tokens that took."""
        self.restart()
        token = (llama.llama_token * 1)(0)
        batch = llama.llama_batch_get_one(token, 1)
        for _ in range(self.positions - 1):
            llama.llama_decode(self.context, batch)
            token[0] = llama.llama_sampler_sample(self.sampler, self.context, -1)
        return self.positions - 1


def main():
    for line in sys.stdin:
        words = line.split()
        if words[0] == "version":
            answer = f"llama.cpp of llama-cpp-python {llama.__version__}, {llama.llama_print_system_info().decode()}"
        elif words[0] == "model":
            decoder = Decoder(words[2], int(sys.argv[1]))
            answer = llama.llama_model_n_params(decoder.model)
        elif words[0] == "loss":
            answer = decoder.loss()
        else:
            start = time.perf_counter()
            tokens = decoder.decode()
            answer = f"{time.perf_counter() - start} {tokens}"
        print(answer, flush=True)


main()
