"""Every number of `cai dump` and `cai logprobs` beside PyTorch and transformers: each intermediate of forward and
backward, each weight's gradient, and each step of training, from the same weights and tokens.
python -B check_dump.py --cai build/cai [--run RUN]
A verdict gives the largest difference of its tensors, relative to the largest magnitude of the tensor that it is in,
from the reference in float64; in brackets that of transformers' own float32. With --run the run's models are checked
too, otherwise only models with random weights, made in a temporary folder."""
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

import verdicts
from verdicts import verdict

try:
    import torch
    import transformers
    from safetensors import safe_open
    from safetensors.torch import load_file, save_file
    from torch.nn import functional as F
    from transformers.models.llama import modeling_llama
except ImportError as error:
    print("peer: torch and transformers, not installed")
    print(f"skipped: intermediates, gradients and steps of training ({error})")
    sys.exit(0)

transformers.logging.set_verbosity_error()
transformers.utils.logging.disable_progress_bar()
torch.set_num_threads(1)
TOLERANCE = 1e-4  # of the largest magnitude of a tensor, for float32 against float64
UPDATE_TOLERANCE = 5e-4  # of an update, a difference of two float32 weights of which it is a thousandth


def distance(ours, reference):
    """The largest difference relative to the largest magnitude; infinite if shapes differ or a number is not finite."""
    ours, reference = ours.detach().double(), reference.detach().double()
    if ours.shape != reference.shape or not torch.isfinite(ours).all():
        return float("inf")
    if ours.numel() == 0:
        return 0.0
    return ((ours - reference).abs().max() / reference.abs().max().clamp(min=1e-30)).item()


def compare(what, ours, reference, other=None, tolerance=TOLERANCE):
    """ours, reference, other: tensors by name. Every name of each side has to be on the other."""
    missing = sorted(set(ours) ^ set(reference))
    distances = {name: distance(ours[name], reference[name]) for name in reference if name in ours}
    worst = max(distances, key=distances.get)
    figures = f"{len(distances)} tensors, at most {distances[worst]:.1e}, in {worst}"
    if other:
        figures += f" [{max(distance(other[name], reference[name]) for name in distances):.1e}]"
    if missing:
        figures += f"; on one side only: {', '.join(missing)}"
    verdict(not missing and distances[worst] <= tolerance, what, figures)


class Dump:
    def __init__(self, cai, model, *options):
        with tempfile.TemporaryDirectory() as folder:
            path = f"{folder}/dump.safetensors"
            subprocess.run([cai, "dump", str(model), "--out", path, "--json", *options], check=True,
                           stdout=subprocess.PIPE)
            self.tensors = load_file(path)
            with safe_open(path, "pt") as file:
                self.order, self.settings = (json.loads(file.metadata()[key]) for key in ("order", "settings"))

    def __getitem__(self, name):
        return self.tensors[name]

    def part(self, prefix):
        """The tensors whose name begins with the prefix, without it."""
        return {name[len(prefix):]: value for name, value in self.tensors.items() if name.startswith(prefix)}

    def sequences(self):
        offsets = self["sequence_offsets"].tolist()
        return [self["input_ids"][a:b] for a, b in zip(offsets, offsets[1:])]


# ---- models


def random_model(folder, tied, kv_heads):
    torch.manual_seed(7)
    config = transformers.LlamaConfig(
        vocab_size=97, hidden_size=48, intermediate_size=80, num_hidden_layers=3, num_attention_heads=6,
        num_key_value_heads=kv_heads, head_dim=8, max_position_embeddings=64, rms_norm_eps=1e-5,
        tie_word_embeddings=tied)
    model = transformers.LlamaForCausalLM(config)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            weight.copy_(torch.randn_like(weight) * (0.2 if weight.ndim == 2 else 0.1) + (weight.ndim == 1))
    model.save_pretrained(folder)
    return folder


def language_model(folder, dtype):
    return transformers.LlamaForCausalLM.from_pretrained(folder, dtype=dtype, attn_implementation="eager")


def from_weights(config, weights, dtype=torch.float64):
    """The language model, or the model with a score head, with these weights."""
    scorer = "score.weight" in weights
    config = transformers.LlamaConfig.from_dict(config.to_dict())
    config._attn_implementation = "eager"
    config.num_labels = 1
    model = (modeling_llama.LlamaForSequenceClassification if scorer else transformers.LlamaForCausalLM)(config)
    model.load_state_dict({name: value.to(dtype) for name, value in weights.items()}, strict=scorer)
    return model.to(dtype)


def row_outputs(model, sequence):
    """What the model computes at each token: logits (T,V), or scores (T)."""
    hidden = model.model(sequence[None]).last_hidden_state[0]
    return model.score(hidden)[:, 0] if hasattr(model, "score") else model.lm_head(hidden)


def next_logprobs(model, sequence):
    """log p of each token but the first."""
    logprobs = torch.log_softmax(row_outputs(model, sequence), -1)
    return logprobs[:-1].gather(1, sequence[1:, None])[:, 0]


def gradients_of(model):
    """By the names of the dump: a table that is also the head is one parameter there too."""
    return {name: weight.grad for name, weight in model.named_parameters() if weight.grad is not None}


# ---- forward and backward


def reference_pass(model, ids):
    """Every intermediate and every gradient, by the names of the dump."""
    seen = {}
    config = model.config
    H, K, D = config.num_attention_heads, config.num_key_value_heads, config.head_dim

    def keep(name, tensor, shape=None):
        """shape: as the dump has it, where transformers' differs; a gradient gets the same one."""
        tensor.retain_grad()
        seen[name] = (tensor, shape or (lambda x: x[0]))

    def output_of(name, shape=None):
        return lambda module, inputs, output: keep(name, output[0] if isinstance(output, tuple) else output, shape)

    def input_of(name, shape=None):
        return lambda module, inputs: keep(name, inputs[0], shape)

    hooks = [model.model.embed_tokens.register_forward_hook(output_of("embeddings")),
             model.model.norm.register_forward_hook(output_of("normed")),
             model.lm_head.register_forward_hook(output_of("logits"))]
    rotated = []
    for number, layer in enumerate(model.model.layers):
        name = f"layers.{number}."
        heads = lambda count: (lambda x: x[0].reshape(len(ids), count, D))
        hooks += [
            layer.input_layernorm.register_forward_hook(output_of(name + "attention_in")),
            layer.self_attn.q_proj.register_forward_hook(output_of(name + "q_before_rope", heads(H))),
            layer.self_attn.k_proj.register_forward_hook(output_of(name + "k_before_rope", heads(K))),
            layer.self_attn.v_proj.register_forward_hook(output_of(name + "v", heads(K))),
            layer.self_attn.o_proj.register_forward_pre_hook(input_of(name + "attention", heads(H))),
            layer.post_attention_layernorm.register_forward_pre_hook(input_of(name + "mid")),
            layer.post_attention_layernorm.register_forward_hook(output_of(name + "ff_in")),
            layer.mlp.gate_proj.register_forward_hook(output_of(name + "gate")),
            layer.mlp.up_proj.register_forward_hook(output_of(name + "up")),
            layer.mlp.down_proj.register_forward_pre_hook(input_of(name + "swiglu")),
            layer.register_forward_hook(output_of(name + "out"))]
    rotate = modeling_llama.apply_rotary_pos_emb

    def observed_rotate(*arguments, **options):
        q, k = rotate(*arguments, **options)
        name = f"layers.{len(rotated)}."
        rotated.append((q, k))
        by_token = lambda x: x[0].transpose(0, 1)  # from (heads, tokens, width)
        keep(name + "q", q, by_token)
        keep(name + "k", k, by_token)
        return q, k

    modeling_llama.apply_rotary_pos_emb = observed_rotate
    try:
        output = model(ids[None], labels=ids[None])
        output.loss.backward()
    finally:
        modeling_llama.apply_rotary_pos_emb = rotate
        for hook in hooks:
            hook.remove()

    result = {name: shape(tensor) for name, (tensor, shape) in seen.items()}
    result.update({"grad." + name: shape(tensor.grad) for name, (tensor, shape) in seen.items()})
    result.update({"grad." + name: gradient for name, gradient in gradients_of(model).items()})
    for number, (q, k) in enumerate(rotated):
        scores = q @ k.repeat_interleave(H // K, dim=1).transpose(2, 3) / D**0.5
        mask = torch.ones(len(ids), len(ids)).tril() == 0
        result[f"layers.{number}.attention_logsumexp"] = scores.masked_fill(mask, -torch.inf).logsumexp(-1)[0].T
    logprobs = torch.log_softmax(result["logits"], -1)
    result["logprobs"] = F.pad(logprobs[:-1].gather(1, ids[1:, None])[:, 0], (0, 1))
    result["entropies"] = -(logprobs.exp() * logprobs).sum(-1)
    result["loss"] = output.loss
    result["input_ids"], result["targets"] = ids, F.pad(ids[1:], (0, 1), value=-1)
    return {name: value.detach() for name, value in result.items()}


def check_pass(cai, what, folder):
    config = transformers.AutoConfig.from_pretrained(folder)
    ids = torch.from_numpy(np.random.default_rng(3).integers(0, config.vocab_size, 23))
    words = " ".join(str(i) for i in ids.tolist())
    dump = Dump(cai, folder, "--ids", words)
    reference = reference_pass(language_model(folder, torch.float64), ids)
    other = reference_pass(language_model(folder, torch.float32), ids)
    # Where the model is saved tied, transformers names the head too.
    compare(f"forward and backward of {what}", dump.tensors, reference, other)

    out = subprocess.run([cai, "logprobs", str(folder), "--ids", words, "--json"], check=True, stdout=subprocess.PIPE)
    ours = json.loads(out.stdout)
    logprobs = torch.log_softmax(reference["logits"], -1)[:-1]
    own = logprobs.gather(1, ids[1:, None])
    compare(f"cai logprobs of {what}",
            {name: torch.tensor(ours[name][1:]) for name in ("logprobs", "entropies")} |
            {"total": torch.tensor(ours["total"], dtype=torch.float64)},
            {"logprobs": own[:, 0], "entropies": -(logprobs.exp() * logprobs).sum(-1), "total": own.sum()})
    ranks = ((logprobs > own).sum(-1) + 1).tolist()
    verdict(ours["ranks"][1:] == ranks, f"ranks of {what}", f"{len(ranks)} tokens")


# ---- steps of training


def clipped(gradients, max_norm):
    norm = torch.sqrt(sum((g**2).sum() for g in gradients.values()))
    return norm, {name: g * min(1.0, max_norm / norm.item()) for name, g in gradients.items()}


def zeropower(g):
    """Newton-Schulz of Jordan et al. 2024, in float64."""
    x = g / (g.norm() + 1e-7)
    x = x.T if g.shape[0] > g.shape[1] else x
    for _ in range(5):
        a = x @ x.T
        x = 3.4445 * x + (-4.7750 * a + 2.0315 * a @ a) @ x
    return x.T if g.shape[0] > g.shape[1] else x


class Updater:
    """torch.optim.AdamW, or Muon by its formula for the layers' matrices."""

    def __init__(self, model, settings, prefix=""):
        self.model, self.settings = model, {name: settings[prefix + name] for name in (
            "optimizer", "learning_rate", "beta1", "beta2", "eps", "momentum", "weight_decay", "max_norm")}
        s = self.settings
        self.muon = {name: torch.zeros_like(weight) for name, weight in model.named_parameters()
                     if s["optimizer"] == "muon" and name.startswith("model.layers.") and weight.ndim == 2}
        groups = [{"params": [weight for name, weight in model.named_parameters()
                              if name not in self.muon and (weight.ndim == 2) == decays],
                   "weight_decay": s["weight_decay"] if decays else 0.0} for decays in (True, False)]
        self.adamw = torch.optim.AdamW(groups, lr=s["learning_rate"], betas=(s["beta1"], s["beta2"]), eps=s["eps"])

    def step(self, given):
        """Returns what the dump records, by its names. given: the gradients, by the names of the weights."""
        s = self.settings
        for name, weight in self.model.named_parameters():
            weight.grad = given[name].double()
        before = {name: weight.detach().clone() for name, weight in self.model.named_parameters()}
        norm, gradients = clipped(gradients_of(self.model), s["max_norm"])
        for name, weight in self.model.named_parameters():
            weight.grad = gradients[name]
        self.adamw.step()
        result = {"gradient_norm": norm}
        for name, weight in self.model.named_parameters():
            if name in self.muon:
                beta, g = s["momentum"], gradients[name]
                self.muon[name] = beta * self.muon[name] + (1 - beta) * g
                step = zeropower(beta * self.muon[name] + (1 - beta) * g) * 0.2 * max(g.shape)**0.5
                with torch.no_grad():
                    weight.mul_(1 - s["learning_rate"] * s["weight_decay"]).sub_(s["learning_rate"] * step)
                result["m." + name], result["v." + name] = self.muon[name], torch.zeros_like(g)
            else:
                state = self.adamw.state[weight]
                result["m." + name], result["v." + name] = state["exp_avg"], state["exp_avg_sq"]
            result["update." + name] = (weight.detach() - before[name]) / s["learning_rate"]
            weight.grad = None
        return {name: value.clone() for name, value in result.items()}


def check_update(what, dump, prefix, before, updater):
    """The update from the dump's own gradients, which are compared by themselves: AdamW divides a gradient by its own
    size, and so makes differences of it large where it is small. before: the prefix of the weights before."""
    reference = updater.step(dump.part(prefix + "grad."))
    names = [name[len(before):] for name in dump.tensors if name.startswith(before)]
    rate = dump.settings.get(prefix + "learning_rate", dump.settings.get("learning_rate"))
    ours = {"gradient_norm": dump[prefix + "gradient_norm"]}
    for name in names:
        ours["m." + name], ours["v." + name] = dump[f"{prefix}m.{name}"], dump[f"{prefix}v.{name}"]
        ours["update." + name] = (dump[f"{prefix}after.{name}"].double() - dump[before + name].double()) / rate
    compare(what, ours, reference, tolerance=UPDATE_TOLERANCE)


def learned_logprobs(model, dump):
    learn = dump["learn"].split([len(s) for s in dump.sequences()])
    return torch.cat([next_logprobs(model, s)[mask[1:] == 1] for s, mask in zip(dump.sequences(), learn)])


def weight_gradients(dump, prefix, model):
    names = {name for name, _ in model.named_parameters()}
    return {name: value for name, value in dump.part(prefix + "grad.").items() if name in names}


def check_supervised(cai, what, folder):
    config = transformers.AutoConfig.from_pretrained(folder)
    dump = Dump(cai, folder, "--step", "sft")
    model = from_weights(config, dump.part("before."))
    logprobs = learned_logprobs(model, dump)
    loss = -logprobs.mean()
    loss.backward()
    compare(f"fine-tuning step of {what}: loss and gradients",
            {"loss": dump["loss"], "logprobs": dump["logprobs"], **weight_gradients(dump, "", model)},
            {"loss": loss, "logprobs": logprobs, **gradients_of(model)})
    check_update(f"fine-tuning step of {what}: torch.optim.AdamW", dump, "", "before.",
                 Updater(model, dump.settings))

    for step, rule in (("adamw", "torch.optim.AdamW"), ("muon", "Muon's formula in float64")):
        dump = Dump(cai, folder, "--step", step, "--learning-rate", "0.002")
        model = from_weights(config, dump.part("before."))
        updater = Updater(model, dump.settings)
        for update, before in (("first.", "before."), ("second.", "first.after.")):
            # From the dump's own weights, so that each update is compared by itself.
            model.load_state_dict({n: v.double() for n, v in dump.part(before).items()}, strict=False)
            loss = -learned_logprobs(model, dump).mean()
            loss.backward()
            compare(f"{update[:-1]} update of {what} with {step}: loss and gradients",
                    {"loss": dump[update + "loss"], **weight_gradients(dump, update, model)},
                    {"loss": loss, **gradients_of(model)})
            check_update(f"{update[:-1]} update of {what}: {rule}", dump, update, before, updater)


def check_preference(cai, what, folder):
    config = transformers.AutoConfig.from_pretrained(folder)
    dump = Dump(cai, folder, "--step", "preference")
    model = from_weights(config, dump.part("before."))
    scores = torch.stack([row_outputs(model, sequence)[-1] for sequence in dump.sequences()])
    scores.retain_grad()
    deltas = scores[0::2] - scores[1::2]
    deltas.retain_grad()
    losses = F.binary_cross_entropy_with_logits(deltas, dump["labels"], reduction="none")
    losses.mean().backward()
    pairs = len(losses)
    ours = {name: dump[name] for name in ("scores", "score_differences", "pair_losses", "loss", "grad.scores",
                                          "grad.score_differences")}
    compare(f"preference step of {what}: soft-label cross-entropy and gradients",
            {**ours, **weight_gradients(dump, "", model)},
            {"scores": scores, "score_differences": deltas, "pair_losses": losses, "loss": losses.mean(),
             "grad.scores": scores.grad, "grad.score_differences": deltas.grad * pairs, **gradients_of(model)})
    check_update(f"preference step of {what}: torch.optim.AdamW", dump, "", "before.",
                 Updater(model, dump.settings))


def whitened(x, p, shift):
    variance = x.var(unbiased=p["variance"] == "bessel")
    y = (x - x.mean()) / (variance + p["whiten_epsilon"]).sqrt()
    return y if shift else y + x.mean()


def token_kl(logprobs, reference, p):
    k1 = logprobs - reference
    kl = {"k1": k1, "k2": k1**2 / 2, "k3": torch.expm1(-k1) + k1, "abs": k1.abs()}[p["kl_estimator"]]
    return kl.clamp(-p["kl_clip"], p["kl_clip"]) if p["kl_clip"] else kl


def ppo_targets(dump, p):
    """Rewards, advantages, returns and token weights from what sampling left, by the conventions of `p`."""
    offsets = dump["response_offsets"].tolist()
    old = dump["old_logprobs"].double()
    kl = token_kl(old, dump["reference_logprobs"].double(), p)
    rewards = torch.zeros_like(kl)
    if p["kl_placement"] == "every_token":
        rewards = -p["kl_coefficient"] * kl
    shaped = dump["scores"].clone()
    if p["score_clip"]:
        shaped = shaped.clamp(-p["score_clip"], p["score_clip"])
    for s, (first, last) in enumerate(zip(offsets, offsets[1:])):
        if not dump["ended"][s] and p["missing_end"] != "none":
            shaped[s] = (0 if p["missing_end"] == "replace" else shaped[s]) - p["missing_end_penalty"]
        if p["kl_placement"] == "last_token":
            rewards[last - 1] = -p["kl_coefficient"] * kl[first:last].sum()
        rewards[last - 1] += shaped[s]
    result = {"kl": kl, "shaped_scores": shaped, "rewards_before_whitening": rewards}
    if p["whiten_rewards"]:
        rewards = whitened(rewards, p, False)
    advantages, weights = torch.zeros_like(rewards), torch.zeros_like(rewards)
    for first, last in zip(offsets, offsets[1:]):
        sequence_mean = p["aggregation"] == "sequence_mean"
        weights[first:last] = 1 / ((len(offsets) - 1) * (last - first)) if sequence_mean else 1 / len(rewards)
    result["rewards"] = rewards
    if p["advantage_estimator"] == "gae":
        values = dump["old_values"].double()
        for first, last in zip(offsets, offsets[1:]):
            following = next_value = 0.0
            for t in reversed(range(first, last)):
                delta = rewards[t] + p["gamma"] * next_value - values[t]
                advantages[t] = following = delta + p["gamma"] * p["lambda"] * following
                next_value = values[t]
        result["returns"] = advantages + values
    else:
        groups = torch.stack([rewards[a:b].sum() for a, b in zip(offsets, offsets[1:])]).view(-1, p["group_size"])
        if p["advantage_estimator"] == "leave_one_out":
            others = (groups.sum(1, keepdim=True) - groups) / (p["group_size"] - 1)
            of_responses = (groups - others).flatten()
        else:
            deviation = groups.std(1, keepdim=True, unbiased=p["variance"] == "bessel")
            of_responses = ((groups - groups.mean(1, keepdim=True)) / (deviation + 1e-4)).flatten()
        for a, b, advantage in zip(offsets, offsets[1:], of_responses):
            advantages[a:b] = advantage
    result["advantages_before_whitening"] = advantages
    if p["advantage_whitening"] != "none":
        advantages = whitened(advantages, p, True)
    return result | {"advantages": advantages, "token_weights": weights}


def check_ppo(cai, what, folder, library):
    config = transformers.AutoConfig.from_pretrained(folder)
    dump = Dump(cai, folder, "--step", "ppo", "--like", library)
    p = dump.settings["ppo"]
    targets = ppo_targets(dump, p)
    compare(f"PPO like {library} of {what}: rewards and advantages", {name: dump[name] for name in targets}, targets,
            tolerance=1e-9)

    advantages, weights = targets["advantages"], targets["token_weights"]
    policy = from_weights(config, dump.part("policy.before."))
    logprobs = learned_logprobs(policy, dump)
    logprobs.retain_grad()
    old, offsets = dump["old_logprobs"].double(), dump["response_offsets"].tolist()
    token_ratios = ratios = (logprobs - old).exp()
    token_advantages, token_weights = advantages, weights
    if p["ratio"] == "sequence":  # one ratio and one loss for each response, and their mean
        ratios = torch.stack([(logprobs - old)[a:b].sum().exp() for a, b in zip(offsets, offsets[1:])])
        advantages, weights = advantages[offsets[:-1]], torch.full_like(ratios, 1 / len(ratios))
    losses = torch.maximum(-advantages * ratios,
                           -advantages * ratios.clamp(1 - p["clip_ratio"], 1 + p["clip_ratio"]))
    if p["dual_clip"]:
        losses = torch.where(advantages < 0, torch.minimum(losses, -advantages * p["dual_clip"]), losses)
    loss = (weights * losses).sum()
    if p["kl_placement"] == "loss":
        kl = token_kl(logprobs, dump["reference_logprobs"].double(), p)
        loss = loss + (token_weights * p["kl_coefficient"] * token_ratios * kl).sum()
    ratios, advantages, weights = token_ratios, token_advantages, token_weights
    loss.backward()
    reference = {"logprobs": logprobs, "ratios": ratios, "loss": loss, "grad.logprobs": logprobs.grad}
    ours = dump.part("policy.")
    compare(f"PPO like {library} of {what}: policy loss and gradients",
            {**{name: ours[name] for name in reference}, **weight_gradients(dump, "policy.", policy)},
            {**reference, **gradients_of(policy)})
    check_update(f"PPO like {library} of {what}: the policy's AdamW", dump, "policy.", "policy.before.",
                 Updater(policy, dump.settings, "policy."))

    if p["advantage_estimator"] != "gae":
        return
    value = from_weights(config, dump.part("value.before."))
    learn = dump["learn"].split([len(s) for s in dump.sequences()])
    values = torch.cat([row_outputs(value, s)[:-1][mask[1:] == 1] for s, mask in zip(dump.sequences(), learn)])
    values.retain_grad()
    old_values, returns = dump["old_values"].double(), targets["returns"]
    bounded = old_values + (values - old_values).clamp(-p["clip_value"], p["clip_value"])
    loss = (weights * torch.maximum((values - returns)**2, (bounded - returns)**2) / 2).sum()
    (p["value_coefficient"] * loss).backward()
    reference = {"scores": values, "loss": loss, "grad.scores": values.grad}
    ours = dump.part("value.")
    compare(f"PPO like {library} of {what}: value loss and gradients",
            {**{name: ours[name] for name in reference}, **weight_gradients(dump, "value.", value)},
            {**reference, **gradients_of(value)})


def check_dpo(cai, what, folder):
    config = transformers.AutoConfig.from_pretrained(folder)
    dump = Dump(cai, folder, "--step", "dpo", "--beta", "0.2")
    model = from_weights(config, dump.part("before."))
    logprobs = learned_logprobs(model, dump)
    logprobs.retain_grad()
    offsets = dump["response_offsets"].tolist()
    log_ratios = logprobs - dump["reference_logprobs"].double()
    rewards = torch.stack([0.2 * log_ratios[a:b].sum() for a, b in zip(offsets, offsets[1:])])
    margins = rewards[0::2] - rewards[1::2]
    losses = -dump["labels"] * F.logsigmoid(margins) - (1 - dump["labels"]) * F.logsigmoid(-margins)
    losses.mean().backward()
    reference = {"logprobs": logprobs, "rewards": rewards, "margins": margins, "pair_losses": losses,
                 "loss": losses.mean(), "grad.logprobs": logprobs.grad}
    compare(f"DPO step of {what}: loss and gradients",
            {**{name: dump[name] for name in reference}, **weight_gradients(dump, "", model)},
            {**reference, **gradients_of(model)})
    check_update(f"DPO step of {what}: torch.optim.AdamW", dump, "", "before.", Updater(model, dump.settings))


def check_diff(cai, folder):
    """A number changed by hand is found, and named."""
    with tempfile.TemporaryDirectory() as changed:
        weights = load_file(Path(folder) / "model.safetensors")
        name = "model.layers.1.mlp.up_proj.weight"
        weights[name][3, 5] += 0.01
        save_file(weights, Path(changed) / "model.safetensors")
        run = subprocess.run([cai, "diff", str(folder), changed, "--json"], stdout=subprocess.PIPE)
        out = json.loads(run.stdout)
        found = [t for t in out["tensors"] if t["verdict"] != "alike"]
        verdict(run.returncode == 1 and len(found) == 1 and out["first"] == name and found[0]["at"] == "[3,5]",
                "cai diff finds one changed weight", f"{out['first']} at {found[0]['at'] if found else 'nowhere'}")


def main():
    arguments = verdicts.parser().parse_args()
    cai = str(Path(arguments.cai).resolve())
    print(f"peer: torch {torch.__version__}, transformers {transformers.__version__}")
    with tempfile.TemporaryDirectory() as temporary:
        grouped = random_model(Path(temporary) / "grouped", tied=True, kv_heads=2)
        untied = random_model(Path(temporary) / "untied", tied=False, kv_heads=6)
        models = [("a tied model with grouped queries", grouped), ("an untied model", untied)]
        if arguments.run:
            models.append(("the run's rl-cai", Path(arguments.run) / "rl-cai"))
        for what, folder in models:
            check_pass(cai, what, folder)
            check_supervised(cai, what, folder)
            check_preference(cai, what, folder)
            check_ppo(cai, what, folder, "cai")
            check_dpo(cai, what, folder)
        for library in ("hh", "oai", "n+", "trl", "dsc", "openrlhf", "verl", "nemo", "rloo", "grpo"):
            check_ppo(cai, "an untied model", untied, library)
        if arguments.run:
            check_preference(cai, "the run's preference model", Path(arguments.run) / "preference-model")
        check_diff(cai, grouped)
    return verdicts.failed


if __name__ == "__main__":
    sys.exit(main())
