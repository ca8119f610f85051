"""PPO's curves of five programs with a fault, beside those of runs/story."""
import json

from svg import Picture

# Lettered in another order than the names in notebooks_md/broken/: the chapter asks which is which.
PATIENTS = (("A", "value_untrained"), ("B", "learning_rate_high"), ("C", "labels_swapped"), ("D", "kl_off"), ("E", "length_reward"))
CURVES = (("score", "objective/scores"), ("KL, nats", "objective/kl"), ("entropy, nats", "policy/entropy_avg"),
          ("share clipped", "policy/clipfrac_avg"), ("value loss", "loss/value_avg"), ("tokens", "monitor/response_tokens"))
LEFT, TOP, WIDTH, HEIGHT, GAP_X, GAP_Y = 24, 44, 96, 52, 16, 26
EACH = 4  # iterations whose mean is a point: the score of 128 answers jumps with their prompts


def curve(run, metric):
    with open(f"runs/{run}/metrics.jsonl") as file:
        rows = [json.loads(line) for line in file]
    values = [row[metric] for row in rows if row["stage"] == "ppo"]
    return [sum(values[i:i + EACH]) / EACH for i in range(0, len(values), EACH)]


def short(value):
    return f"{value:.2g}" if abs(value) < 10 else f"{value:.0f}"


picture = Picture(width=LEFT + len(CURVES) * (WIDTH + GAP_X), height=TOP + len(PATIENTS) * (HEIGHT + GAP_Y) + 8)
for column, (title, metric) in enumerate(CURVES):
    x = LEFT + column * (WIDTH + GAP_X)
    picture.text(x, 18, title, size=12, bold=True)
    healthy = curve("story", metric)
    for row, (letter, run) in enumerate(PATIENTS):
        y, patient = TOP + row * (HEIGHT + GAP_Y), curve(run, metric)
        least, most = min([*healthy, *patient, 0]), max(*healthy, *patient)
        span = most - least or 1

        def place(points):
            return [(x + WIDTH * i / (len(points) - 1), y + HEIGHT * (1 - (value - least) / span)) for i, value in enumerate(points)]

        picture.line([(x, y), (x, y + HEIGHT), (x + WIDTH, y + HEIGHT)], width=0.8)
        picture.line(place(healthy), colour="grey", width=1.5)
        picture.line(place(patient), colour="blue", width=1.5)
        picture.text(x + 3, y - 3, f"{short(most)}", colour="grey", size=10)
        picture.text(x + WIDTH, y - 3, short(patient[-1]), anchor="end", colour="blue", size=10)
        if column == 0:
            picture.text(2, y + HEIGHT / 2, letter, colour="blue", bold=True, size=16)
print(picture.svg(), end="")
