#!/usr/bin/env python3
"""TRL trains on what `cai export RUN --format trl` writes: every row is read, and each of its trainers takes two steps from
our models. Without --run, a micro run is made."""
import contextlib
import io
import json
import math
import os
import pathlib
import subprocess
import sys
import tempfile
import warnings

import verdicts
from verdicts import verdict

os.environ.update(HF_HUB_OFFLINE="1", TOKENIZERS_PARALLELISM="false", TRL_EXPERIMENTAL_SILENCE="1")
warnings.filterwarnings("ignore")


def lines(path):
    return len(path.read_text().splitlines()) if path.exists() else 0


def main():
    options = verdicts.parser().parse_args()
    try:
        import datasets
        import transformers
        import trl
        from transformers import AutoModelForSequenceClassification, AutoTokenizer
    except ImportError as error:
        print(f"skipped: TRL trains on our exports (no package {error.name})")
        return
    print(f"peer: trl {trl.__version__}, transformers {transformers.__version__}, datasets {datasets.__version__}")
    datasets.disable_progress_bars()
    transformers.utils.logging.set_verbosity_error()
    with tempfile.TemporaryDirectory() as folder:
        run = verdicts.run_or_micro_run(options, folder)
        out = pathlib.Path(folder, "trl")
        subprocess.run([options.cai, "export", run, "--format", "trl", "--out", str(out)], check=True, stdout=subprocess.DEVNULL)
        os.environ["HF_DATASETS_CACHE"] = folder + "/cache"

        # 1. Every row arrives, and none of our columns has a meaning for TRL that we did not mean.
        sets = {}
        for name in ["messages", "completions", "preferences", "prompts"]:
            sets[name] = datasets.load_dataset(str(out / name), cache_dir=folder + "/cache")
            read = {split: len(rows) for split, rows in sets[name].items()}
            written = {split: count for split in ["train", "test"] if (count := lines(out / name / f"{split}.jsonl"))}
            columns = sets[name]["train"].column_names
            taken = {"margin", "label", "tools", "images"} & set(columns)
            verdict(read == written and not taken, f"rows of {name}", f"read {read}, written {written}, columns {columns}")
        records = [json.loads(line) for name in ["comparisons", "helpfulness"]
                   for line in pathlib.Path(run, name + ".jsonl").read_text().splitlines()]
        decided = sum(r["p_a"] != 0.5 and r["a"] != r["b"] for r in records)
        exported = sum(map(len, sets["preferences"].values()))
        verdict(decided == exported, "decided pairs of the run", f"{decided}, exported {exported}")

        # 2. Two steps of each trainer.
        common = dict(output_dir=folder + "/out", max_steps=2, report_to="none", use_cpu=True, logging_steps=1, save_strategy="no",
                      per_device_train_batch_size=4, disable_tqdm=True, bf16=False, gradient_checkpointing=False)

        def train(what, make, key, rows=None):
            heard = io.StringIO()
            try:
                with contextlib.redirect_stdout(heard), contextlib.redirect_stderr(heard):
                    trainer = make()
                    trainer.train()
                values = [entry[key] for entry in trainer.state.log_history if key in entry]
                # A pair that is too long vanishes from a trainer without a count, so ours are counted.
                kept = len(trainer.train_dataset)
                good = len(values) == 2 and all(map(math.isfinite, values)) and (rows is None or kept == rows)
                verdict(good, what, f"{key} {values}, {kept} of {rows or kept} rows")
                return trainer
            except Exception as error:
                verdict(False, what, f"{type(error).__name__}: {' '.join(str(error).split())[:200]}")

        train_rows = {name: rows["train"] for name, rows in sets.items()}
        count = {name: len(rows) for name, rows in train_rows.items()}
        trainer = train("SFTTrainer, the answers of messages only", lambda: trl.SFTTrainer(
            run + "/pretrained", trl.SFTConfig(**common, max_length=256, assistant_only_loss=True),
            train_dataset=train_rows["messages"]), "loss", count["messages"])
        if trainer:
            tokenizer = AutoTokenizer.from_pretrained(run + "/pretrained")
            batch = trainer.data_collator([trainer.train_dataset[0]])
            learned = tokenizer.decode(batch["labels"][0][batch["labels"][0] != -100])
            answer = train_rows["messages"][0]["messages"][-1]["content"]
            verdict(learned == answer + tokenizer.eos_token, "what SFTTrainer learns of a dialogue", json.dumps(learned))
        train("SFTTrainer, prompts and completions", lambda: trl.SFTTrainer(
            run + "/pretrained", trl.SFTConfig(**common, max_length=256), train_dataset=train_rows["completions"]), "loss",
            count["completions"])

        def score_model():
            model = AutoModelForSequenceClassification.from_pretrained(run + "/sl-cai", num_labels=1)
            model.config.pad_token_id = AutoTokenizer.from_pretrained(run + "/sl-cai").pad_token_id
            return model

        train("RewardTrainer, from SL-CAI", lambda: trl.RewardTrainer(
            score_model(), trl.RewardConfig(**common, max_length=256), train_dataset=train_rows["preferences"],
            processing_class=AutoTokenizer.from_pretrained(run + "/sl-cai")), "loss", count["preferences"])
        train("DPOTrainer, from SL-CAI", lambda: trl.DPOTrainer(
            run + "/sl-cai", args=trl.DPOConfig(**common, max_length=256), train_dataset=train_rows["preferences"]), "loss",
            count["preferences"])
        rollouts = dict(common, num_generations=2, max_completion_length=16)
        for name, trainer, config in [("RLOOTrainer", trl.RLOOTrainer, trl.RLOOConfig), ("GRPOTrainer", trl.GRPOTrainer, trl.GRPOConfig)]:
            train(f"{name}, against our preference model", lambda: trainer(
                run + "/sl-cai", run + "/preference-model", config(**rollouts), train_dataset=train_rows["prompts"]), "reward",
                count["prompts"])
    sys.exit(verdicts.failed)


if __name__ == "__main__":
    main()
