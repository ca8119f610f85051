#!/usr/bin/env python3
"""The reference vectors of PPO, RLOO and GRPO (ppo_reference/): against the NumPy formulas that made them, the gradients
against PyTorch's autograd, and the losses of RLOO and GRPO against TRL's own code where TRL is installed.

cai itself is compared with the vectors by tests/test_ppo_reference.cpp.
"""
import sys
from collections import defaultdict
from pathlib import Path
from types import SimpleNamespace

import numpy as np

import verdicts
from verdicts import verdict

sys.path.insert(0, str(Path(__file__).parent / "ppo_reference"))
import check
import formulas


def autograd(vectors):
    """The largest difference of a policy gradient from autograd's, over all cases."""
    import torch
    worst = 0
    for case in vectors["cases"].values():
        v, c = vectors["inputs"] | case["expected"], case["conventions"]
        tensor = lambda name: torch.tensor(v[name], dtype=torch.float64)
        logprobs = tensor("logprobs").requires_grad_()
        change = logprobs - tensor("old_logprobs")
        lengths = torch.tensor(np.diff(v["offsets"]))
        answer = torch.repeat_interleave(torch.arange(len(lengths)), lengths)
        if c["ratio"] == "sequence":
            change = torch.zeros(len(lengths), dtype=torch.float64).index_add(0, answer, change)[answer]
        ratio, a, e = change.exp(), tensor("advantages"), c["clip_ratio"]
        term = -torch.min(a * ratio, a * ratio.clamp(1 - e, 1 + e))
        if c["dual_clip"]:
            term = torch.where(a < 0, torch.min(term, -a * c["dual_clip"]), term)
        if c["kl_placement"] == "loss":
            x = logprobs - tensor("reference_logprobs")
            kl = {"k1": x, "k3": torch.exp(-x) - 1 + x}[c["kl_estimator"]]
            kl = kl.clamp(-c["kl_clip"], c["kl_clip"]) if c["kl_clip"] else kl
            term = term + c["kl_coefficient"] * (logprobs - tensor("old_logprobs")).exp() * kl
        weights = (1 / len(term) if c["aggregation"] == "token_mean" else 1 / (lengths[answer].double() * len(lengths)))
        (term * weights).sum().backward()
        worst = max(worst, (logprobs.grad - tensor("policy_gradient")).abs().max().item())
    return worst


def of_trl(vectors, name, trainer, **arguments):
    """The differences of the loss and of its gradient from what this trainer's _compute_loss makes of the same answers."""
    import torch
    case = vectors["cases"][name]
    v = vectors["inputs"] | case["expected"]
    lengths = np.diff(v["offsets"])
    mask = torch.arange(max(lengths))[None] < torch.tensor(lengths)[:, None]

    def padded(values):
        table = torch.zeros(mask.shape, dtype=torch.float64)
        table[mask] = torch.tensor(values, dtype=torch.float64)
        return table

    logprobs = padded(v["logprobs"]).requires_grad_()
    gathers = SimpleNamespace(gather=lambda x: x, reduce=lambda x, reduction: x, gather_for_metrics=lambda x: x,
                              num_processes=1)
    self = SimpleNamespace(model=SimpleNamespace(training=True), accelerator=gathers, aux_loss_enabled=False,
                           _metrics=defaultdict(lambda: defaultdict(list)), epsilon_low=0.2, epsilon_high=0.2,
                           beta=0.0, top_entropy_quantile=1.0, off_policy_mask_threshold=None,
                           importance_sampling_level="token", loss_type="dapo", use_vllm=False,
                           _entropy_bonus_enabled=False, current_gradient_accumulation_steps=1,
                           args=SimpleNamespace(delta=None, use_bias_correction_kl=True, steps_per_generation=1),
                           _get_per_token_logps_and_entropies=lambda *a, **k: (logprobs, torch.zeros_like(logprobs), None))
    vars(self).update(arguments)
    first = [v["advantages"][i] for i in v["offsets"][:-1]]
    old = padded(v["old_logprobs"])
    inputs = {"prompt_ids": torch.zeros(8, 1), "prompt_mask": torch.ones(8, 1), "completion_ids": torch.zeros(mask.shape),
              "completion_mask": mask.long(), "advantages": torch.tensor(first, dtype=torch.float64),
              "old_logps": old.sum(1), "old_per_token_logps": old,
              "ref_per_token_logps": padded(v["reference_logprobs"]), "num_items_in_batch": mask.sum()}
    loss = trainer._compute_loss(self, None, inputs)
    loss.backward()
    return max(abs(loss.item() - v["policy_loss"]),
               (logprobs.grad[mask] - torch.tensor(v["policy_gradient"], dtype=torch.float64)).abs().max().item())


def main():
    verdicts.parser().parse_args()
    vectors = check.load()
    print(f"peer: numpy {np.__version__}")
    failures = check.check(vectors, {step.__name__: step for step in formulas.STEPS + formulas.STEPS_OF_A_VALUE_MODEL},
                           tolerance=1e-12)
    count = sum(len(case["expected"]) for case in vectors["cases"].values())
    verdict(not failures, f"the formulas make the vectors ({count} quantities of {len(vectors['cases'])} cases, to 1e-12)")
    for failure in failures:
        print("  " + failure)
    wrong = {"rewards": lambda v, c: formulas.rewards(v, c | {"kl_coefficient": 1})}
    verdict(len(check.check(vectors, wrong)) > 5, "a wrong KL coefficient does not pass the check")
    try:
        import torch
        worst = autograd(vectors)
        verdict(worst < 1e-12, f"policy gradients are those of autograd (torch {torch.__version__}, off by {worst:.1e})")
    except ImportError:
        print("skipped: policy gradients against autograd (no torch)")
    try:
        import trl
        from trl import GRPOTrainer, RLOOTrainer
    except ImportError:
        print("skipped: losses of RLOO and GRPO against TRL's own (no trl)")
        sys.exit(verdicts.failed)
    for name, trainer, arguments in [("rloo", RLOOTrainer, {}), ("grpo", GRPOTrainer, {}),
                                     ("grpo, KL in the loss", GRPOTrainer, {"beta": 0.04})]:
        worst = of_trl(vectors, name, trainer, **arguments)
        verdict(worst < 1e-12, f"{name}: loss and gradient are those of TRL {trl.__version__} (off by {worst:.1e})")
    sys.exit(verdicts.failed)


if __name__ == "__main__":
    main()
