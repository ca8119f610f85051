"""The loss of pretraining in the run that `make story` makes: drills, then documents."""
import json
import math

from svg import Picture

points = []
with open("runs/story/metrics.jsonl") as file:
    for line in file:
        record = json.loads(line)
        if record["stage"] == "pretrain":
            points.append((record["step"], record["loss"]))

LEFT, TOP, WIDTH, HEIGHT = 60, 20, 560, 240
LAST, MOST = points[-1][0], 8
picture = Picture(width=LEFT + WIDTH + 20, height=TOP + HEIGHT + 50)


def place(step, loss):
    return LEFT + WIDTH * step / LAST, TOP + HEIGHT * (1 - loss / MOST)


picture.line([place(0, MOST), place(0, 0), place(LAST, 0)])
for loss in (0, 2, 4, 6, 8):
    picture.text(LEFT - 10, place(0, loss)[1] + 4, str(loss), anchor="end")
for step in range(0, LAST, 250):
    picture.text(place(step, 0)[0], TOP + HEIGHT + 20, str(step), anchor="middle")
picture.text(LEFT + WIDTH / 2, TOP + HEIGHT + 40, "step", anchor="middle", colour="grey")
guessing = math.log(2048)
picture.line([place(0, guessing), place(LAST, guessing)], dashed=True)
picture.text(place(LAST, guessing)[0], place(0, guessing)[1] - 6, "ln 2048: knows nothing", anchor="end", colour="grey")
picture.line([place(*point) for point in points], colour="blue", width=2)
jump = next(after[0] for before, after in zip(points, points[1:]) if after[1] > before[1] + 2)
picture.text(place(jump / 2, 0)[0], place(0, 4)[1], "drills", anchor="middle", colour="blue", bold=True)
picture.text(place((jump + LAST) / 2, 0)[0], place(0, 4)[1], "documents", anchor="middle", colour="blue", bold=True)
print(picture.svg(), end="")
