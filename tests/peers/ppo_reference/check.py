"""Compares someone's PPO, RLOO or GRPO with vectors.json, quantity by quantity. Needs NumPy only.

    from check import check, load
    failures = check(load(), {"advantages": my_advantages, "policy_loss": my_policy_loss}, cases=["trl", "grpo"])

A function takes (v, c): v has the inputs and every quantity before its own (so that each step is checked alone, on right
inputs), c the conventions of the case. It returns the quantity, an array over tokens or answers or a number.
formulas.py has one function for each quantity; vectors.json lists, for each case, those that it has.
"""
import json
from pathlib import Path

import numpy as np


def load(path=Path(__file__).with_name("vectors.json")):
    return json.loads(Path(path).read_text())


def check(vectors, functions, cases=None, tolerance=1e-6):
    """Returns a sentence for each quantity that is off by more than tolerance · max(1, |expected|); [] if none is."""
    failures = []
    for name in cases or vectors["cases"]:
        case = vectors["cases"][name]
        known = vectors["inputs"] | case["expected"]
        for quantity, function in functions.items():
            if quantity not in case["expected"]:
                continue
            expected, got = np.array(known[quantity], float), np.array(function(dict(known), case["conventions"]), float)
            if expected.shape != got.shape:
                failures.append(f"{name}: {quantity} has the shape {got.shape}, not {expected.shape}")
            elif not (np.abs(got - expected) <= tolerance * np.maximum(1, np.abs(expected))).all():
                worst = np.abs(got - expected).max()
                failures.append(f"{name}: {quantity} is off by up to {worst:.3g}: {got} instead of {expected}")
    return failures
