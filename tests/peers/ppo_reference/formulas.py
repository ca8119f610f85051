#!/usr/bin/env python3
"""PPO, RLOO and GRPO in NumPy and float64, one function a quantity; run alone, it writes vectors.json beside it.

Each function takes a dictionary v of all that comes before it, inputs and quantities, and the conventions c of one
implementation, and returns the quantity of its name. The eight responses of the vectors lie end to end: response s is the
tokens offsets[s] .. offsets[s+1]-1. The conventions are those of core/method/ppo_conventions.h, where their sources are.
"""
import json
from pathlib import Path

import numpy as np

DEFAULTS = {"kl_coefficient": 0.3, "kl_estimator": "k1", "kl_placement": "every_token", "kl_clip": 0, "kl_target": 0,
            "kl_horizon": 10000, "score_clip": 0, "missing_end": "none", "missing_end_penalty": 1,
            "whiten_rewards": False, "advantage_estimator": "gae", "group_size": 1, "advantage_whitening": "batch",
            "variance": "biased", "whiten_epsilon": 1e-8, "gamma": 1, "lambda": 0.95, "ratio": "token",
            "clip_ratio": 0.2, "dual_clip": 0, "clip_value": 0.2, "value_coefficient": 0.1,
            "aggregation": "token_mean", "target_kl": 0}
DIFFERENCES = {
    "cai": {},
    "hh": {"kl_coefficient": 0.001, "kl_placement": "last_token"},
    "oai": {"kl_coefficient": 0.15, "kl_target": 6, "missing_end": "replace", "whiten_rewards": True,
            "advantage_whitening": "minibatch"},
    "n+": {"kl_coefficient": 0.05, "missing_end": "replace", "aggregation": "sequence_mean"},
    "trl": {"kl_coefficient": 0.05, "variance": "bessel"},
    "dsc": {"kl_coefficient": 0.1, "score_clip": 5, "advantage_whitening": "none"},
    "openrlhf": {"kl_coefficient": 0.01, "kl_clip": 10, "score_clip": 10, "lambda": 1, "clip_value": 0.5},
    "verl": {"kl_coefficient": 0, "variance": "bessel", "lambda": 1, "dual_clip": 3, "clip_value": 0.5},
    "nemo": {"kl_coefficient": 0.01, "kl_estimator": "abs"},
    "rloo": {"kl_coefficient": 0.05, "kl_placement": "last_token", "advantage_estimator": "leave_one_out",
             "group_size": 2, "advantage_whitening": "none", "variance": "bessel", "ratio": "sequence",
             "aggregation": "sequence_mean"},
    "grpo": {"kl_coefficient": 0, "kl_estimator": "k3", "kl_placement": "loss", "advantage_estimator": "group",
             "group_size": 8, "advantage_whitening": "none", "variance": "bessel"},
}
# No library's own: what the columns above leave out.
DIFFERENCES |= {
    "trl, penalty subtracted": DIFFERENCES["trl"] | {"missing_end": "subtract", "missing_end_penalty": 0.5},
    "verl, KL k3 in the reward": DIFFERENCES["verl"] | {"kl_coefficient": 0.001, "kl_estimator": "k3", "kl_clip": 10},
    "k2, discounted": {"kl_estimator": "k2", "gamma": 0.9},
    "grpo, KL in the loss": DIFFERENCES["grpo"] | {"kl_coefficient": 0.04},
    "grpo, groups of 4, KL k1 in the loss": DIFFERENCES["grpo"] | {"kl_coefficient": 0.1, "group_size": 4,
                                                                  "kl_estimator": "k1", "kl_clip": 1},
}


def responses(v):
    return [slice(a, b) for a, b in zip(v["offsets"], v["offsets"][1:])]


def shaped_scores(v, c):
    scores = np.array(v["scores"], float)
    if c["score_clip"]:
        scores = np.clip(scores, -c["score_clip"], c["score_clip"])
    open_ended = ~np.array(v["ended"])
    if c["missing_end"] == "replace":
        scores[open_ended] = -c["missing_end_penalty"]
    if c["missing_end"] == "subtract":
        scores[open_ended] -= c["missing_end_penalty"]
    return scores


def kl_between(logprobs, reference, c):
    x = np.array(logprobs) - np.array(reference)
    kl = {"k1": x, "k2": x**2 / 2, "k3": np.expm1(-x) + x, "abs": abs(x)}[c["kl_estimator"]]
    return np.clip(kl, -c["kl_clip"], c["kl_clip"]) if c["kl_clip"] else kl


def kl(v, c):
    return kl_between(v["old_logprobs"], v["reference_logprobs"], c)


def next_kl_coefficient(v, c):
    """After these responses, of one iteration (Ziegler et al. 2019, section 2.2)."""
    if not c["kl_target"]:
        return c["kl_coefficient"]
    sequence_kl = (np.array(v["old_logprobs"]) - v["reference_logprobs"]).sum() / len(v["scores"])
    error = np.clip(sequence_kl / c["kl_target"] - 1, -0.2, 0.2)
    return c["kl_coefficient"] * (1 + error * len(v["scores"]) / c["kl_horizon"])


def rewards(v, c):
    r = np.zeros(v["offsets"][-1])
    penalty = c["kl_coefficient"] * np.array(v["kl"])
    for s, tokens in enumerate(responses(v)):
        if c["kl_placement"] == "every_token":
            r[tokens] -= penalty[tokens]
        if c["kl_placement"] == "last_token":
            r[tokens.stop - 1] -= penalty[tokens].sum()
        r[tokens.stop - 1] += v["shaped_scores"][s]
    return r


def whiten(x, c, shift_mean=True):
    x = np.array(x)
    white = (x - x.mean()) / np.sqrt(x.var(ddof=c["variance"] == "bessel") + c["whiten_epsilon"])
    return white if shift_mean else white + x.mean()


def whitened_rewards(v, c):
    return whiten(v["rewards"], c, shift_mean=False) if c["whiten_rewards"] else np.array(v["rewards"])


def estimated_advantages(v, c):
    """Before whitening: of GAE for each token, of a group the same for all tokens of an answer."""
    a, r, values = np.zeros(v["offsets"][-1]), np.array(v["whitened_rewards"]), np.array(v["old_values"])
    if c["advantage_estimator"] == "gae":
        for tokens in responses(v):
            follows = np.append(values[tokens][1:], 0)
            delta = r[tokens] + c["gamma"] * follows - values[tokens]
            n, decay = len(delta), c["gamma"] * c["lambda"]
            powers = np.triu(decay ** np.maximum(np.arange(n)[None] - np.arange(n)[:, None], 0))
            a[tokens] = powers @ delta  # A_t = sum over l of (gamma lambda)^l delta_{t+l}
        return a
    totals = np.array([r[tokens].sum() for tokens in responses(v)]).reshape(-1, c["group_size"])
    if c["advantage_estimator"] == "leave_one_out":
        others = (totals.sum(1, keepdims=True) - totals) / (c["group_size"] - 1)
        each = totals - others
    else:
        deviation = totals.std(1, ddof=c["variance"] == "bessel", keepdims=True)
        each = (totals - totals.mean(1, keepdims=True)) / (deviation + 1e-4)
    for tokens, advantage in zip(responses(v), each.reshape(-1)):
        a[tokens] = advantage
    return a


def advantages(v, c):
    """The eight responses are one minibatch, so that whitening over batch and minibatch are the same."""
    return np.array(v["estimated_advantages"]) if c["advantage_whitening"] == "none" else whiten(
        v["estimated_advantages"], c)


def weights(v, c):
    """Of each token in the mean."""
    w = np.zeros(v["offsets"][-1])
    for tokens in responses(v):
        n = tokens.stop - tokens.start
        w[tokens] = 1 / len(w) if c["aggregation"] == "token_mean" else 1 / (n * len(v["scores"]))
    return w


def ratios(v, c):
    """Of each token; with ratio = sequence every token has its answer's."""
    change = np.array(v["logprobs"]) - v["old_logprobs"]
    if c["ratio"] == "sequence":
        for tokens in responses(v):
            change[tokens] = change[tokens].sum()
    return np.exp(change)


def policy_terms(v, c):
    a, ratio, e = np.array(v["advantages"]), np.array(v["ratios"]), c["clip_ratio"]
    unclipped, clipped = -a * ratio, -a * np.clip(ratio, 1 - e, 1 + e)
    loss, slope = np.maximum(unclipped, clipped), np.where(unclipped >= clipped, unclipped, 0)
    if c["dual_clip"]:
        bounded = (a < 0) & (loss > -a * c["dual_clip"])
        loss, slope = np.where(bounded, -a * c["dual_clip"], loss), np.where(bounded, 0, slope)
    return loss, slope


def policy_loss(v, c):
    """The clipped loss, with beta · ratio · KL where the KL is in the loss. An answer's terms with ratio = sequence are
    equal, so that their mean over tokens is the answer's loss."""
    loss = weights(v, c) @ policy_terms(v, c)[0]
    if c["kl_placement"] == "loss":
        loss += c["kl_coefficient"] * weights(v, c) @ (
            np.exp(np.array(v["logprobs"]) - v["old_logprobs"]) * kl_between(v["logprobs"], v["reference_logprobs"], c))
    return loss


def policy_gradient(v, c):
    """d policy_loss / d logprobs."""
    g = weights(v, c) * policy_terms(v, c)[1]
    if c["ratio"] == "sequence":  # a token moves its answer's ratio, and with it all terms of the answer
        for tokens in responses(v):
            g[tokens] = g[tokens].sum()
    if c["kl_placement"] == "loss":
        x = np.array(v["logprobs"]) - v["reference_logprobs"]
        slope = {"k1": np.ones_like(x), "k2": x, "k3": 1 - np.exp(-x), "abs": np.sign(x)}[c["kl_estimator"]]
        if c["kl_clip"]:
            slope[abs(kl_between(v["logprobs"], v["reference_logprobs"], c | {"kl_clip": 0})) > c["kl_clip"]] = 0
        ratio = np.exp(np.array(v["logprobs"]) - v["old_logprobs"])
        g += c["kl_coefficient"] * weights(v, c) * ratio * (
            kl_between(v["logprobs"], v["reference_logprobs"], c) + slope)
    return g


def returns(v, c):
    return np.array(v["estimated_advantages"]) + v["old_values"]


def value_terms(v, c):
    value, old, r = np.array(v["values"]), np.array(v["old_values"]), np.array(v["returns"])
    clipped = np.clip(value, old - c["clip_value"], old + c["clip_value"])
    plain, bounded = (value - r) ** 2 / 2, (clipped - r) ** 2 / 2
    return np.maximum(plain, bounded), np.where(plain >= bounded, value - r, 0)


def value_loss(v, c):
    """Without value_coefficient."""
    return weights(v, c) @ value_terms(v, c)[0]


def value_gradient(v, c):
    """d value_loss / d values."""
    return weights(v, c) * value_terms(v, c)[1]


STEPS = [shaped_scores, kl, next_kl_coefficient, rewards, whitened_rewards, estimated_advantages, advantages, ratios,
         policy_loss, policy_gradient]
STEPS_OF_A_VALUE_MODEL = [returns, value_loss, value_gradient]


def inputs():
    """Multiples of 1/1024, exact in float32 as well. Tokens and answers that every clip of the table acts on are there."""
    rng = np.random.default_rng(7)
    lengths = [3, 1, 5, 2, 4, 6, 2, 3]
    tokens = sum(lengths)
    exact = lambda x: (np.round(np.asarray(x) * 1024) / 1024).tolist()
    old = -rng.exponential(1, tokens)
    reference, new = old + rng.normal(0, 0.5, tokens), old + rng.normal(0, 0.2, tokens)
    reference[4] = old[4] - 12  # beyond the KL's bounds
    new[[2, 6, 13, 20]] = old[[2, 6, 13, 20]] + [1.5, -1, 1.25, 1.5]
    old_values = rng.normal(0, 1, tokens)
    return {"offsets": np.cumsum([0] + lengths).tolist(), "scores": exact(rng.normal(0, 1, 6).tolist() + [7.5, -11]),
            "ended": [True, True, False, True, True, False, True, True], "old_logprobs": exact(old),
            "reference_logprobs": exact(reference), "logprobs": exact(new), "old_values": exact(old_values),
            "values": exact(old_values + rng.normal(0, 0.5, tokens))}


def plain(x):
    return x.tolist() if isinstance(x, np.ndarray) else x if isinstance(x, bool) else float(x)


def text_of(value, indent=""):
    """JSON with a line for each list."""
    if not isinstance(value, dict) or not any(isinstance(x, (dict, list)) for x in value.values()):
        return json.dumps(value)
    lines = ",\n".join(f"{indent} {json.dumps(key)}: {text_of(x, indent + ' ')}" for key, x in value.items())
    return "{\n" + lines + "\n" + indent + "}"


def main():
    vectors = {"about": "PPO, RLOO and GRPO under the conventions of eleven implementations; made by formulas.py in "
                        "float64. check.py compares other code with them.", "inputs": inputs(), "cases": {}}
    for name, differences in DIFFERENCES.items():
        conventions = DEFAULTS | differences
        known = dict(vectors["inputs"])
        steps = STEPS + (STEPS_OF_A_VALUE_MODEL if conventions["advantage_estimator"] == "gae" else [])
        for step in steps:
            known[step.__name__] = plain(step(known, conventions))
        for gradient, loss, variable in [(policy_gradient, policy_loss, "logprobs"), (value_gradient, value_loss, "values")]:
            if gradient not in steps:
                continue
            for t, slope in enumerate(known[gradient.__name__]):  # against central differences
                ends = []
                for shift in 1e-6, -1e-6:
                    moved = known | {variable: np.array(known[variable]) + shift * (np.arange(len(known["kl"])) == t)}
                    ends.append(loss(moved | {"ratios": ratios(moved, conventions)}, conventions))
                assert abs((ends[0] - ends[1]) / 2e-6 - slope) < 1e-8, (name, variable, t)
        vectors["cases"][name] = {"conventions": conventions,
                                  "expected": {step.__name__: known[step.__name__] for step in steps}}
    Path(__file__).with_name("vectors.json").write_text(text_of(vectors) + "\n")


if __name__ == "__main__":
    main()
