"""Curves of fine-tuning by three programs with a fault, beside those of runs/story."""
import json

from svg import Picture

# Letter, run, then its panels: title, stage, metric, and the last step to show.
PATIENTS = (("F", "mask_shifted", (("pretraining: loss", "pretrain", "loss", 2000),
                                   ("its drills, from step 60", "pretrain", "loss", -520))),
            ("G", "gradient_not_cleared", (("SL-CAI: loss", "sft-sl-cai", "loss", 120),
                                           ("SL-CAI: norm of the gradient", "sft-sl-cai", "grad_norm", 120))),
            ("H", "tokenizer_of_another_run", (("helpful-only: loss", "sft-helpful", "loss", 100),
                                               ("helpful-only: norm of the gradient", "sft-helpful", "grad_norm", 100))))
LEFT, TOP, WIDTH, HEIGHT, GAP_X, GAP_Y = 56, 26, 250, 84, 60, 50


def curve(run, stage, metric, last):
    with open(f"runs/{run}/metrics.jsonl") as file:
        rows = [json.loads(line) for line in file]
    points = [(row["step"], row[metric]) for row in rows if row["stage"] == stage]
    return [point for point in points if point[0] <= abs(last) and (last > 0 or point[0] >= 60)]


picture = Picture(width=LEFT + 2 * (WIDTH + GAP_X), height=TOP + len(PATIENTS) * (HEIGHT + GAP_Y))
for row, (letter, run, panels) in enumerate(PATIENTS):
    y = TOP + row * (HEIGHT + GAP_Y)
    picture.text(4, y + HEIGHT / 2, letter, colour="blue", bold=True, size=16)
    for column, (title, *what) in enumerate(panels):
        x = LEFT + column * (WIDTH + GAP_X)
        healthy, patient = curve("story", *what), curve(run, *what)
        first, last = min(healthy[0][0], patient[0][0]), max(healthy[-1][0], patient[-1][0])
        most = max(value for _, value in healthy + patient)

        def place(points):
            return [(x + WIDTH * (step - first) / (last - first), y + HEIGHT * (1 - value / most)) for step, value in points]

        picture.text(x, y - 8, title, size=12, bold=True)
        picture.text(x - 6, y + 8, f"{most:.2g}" if most < 10 else f"{most:.0f}", anchor="end", size=11, colour="grey")
        picture.text(x - 6, y + HEIGHT + 4, "0", anchor="end", size=11, colour="grey")
        picture.text(x + WIDTH, y + HEIGHT + 16, f"step {last}", anchor="end", size=11, colour="grey")
        picture.line([(x, y), (x, y + HEIGHT), (x + WIDTH, y + HEIGHT)], width=0.8)
        picture.line(place(healthy), colour="grey", width=1.5)
        picture.line(place(patient), colour="blue", width=1.5)
print(picture.svg(), end="")
