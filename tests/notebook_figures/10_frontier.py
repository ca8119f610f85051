"""The Elo of each model of the run that `make story` makes, on both scales, with standard errors."""
import json

from svg import Picture

with open("runs/story/results.json") as file:
    elo = json.load(file)["elo"]

LEFT, TOP, WIDTH, HEIGHT = 70, 20, 520, 260
picture = Picture(width=LEFT + WIDTH + 30, height=TOP + HEIGHT + 50)


def place(harmlessness, helpfulness):
    return LEFT + WIDTH * (harmlessness + 100) / 1600, TOP + HEIGHT * (300 - helpfulness) / 400


picture.line([place(-100, 300), place(-100, -100), place(1500, -100)])
for points in (0, 500, 1000, 1500):
    picture.text(place(points, 0)[0], TOP + HEIGHT + 20, str(points), anchor="middle")
for points in (-100, 0, 100, 200, 300):
    picture.text(LEFT - 10, place(0, points)[1] + 4, str(points), anchor="end")
picture.text(LEFT + WIDTH / 2, TOP + HEIGHT + 40, "Elo, harmlessness", anchor="middle", colour="grey")
picture.text(LEFT + 8, TOP + 4, "Elo, helpfulness", colour="grey")
for model, colour in (("helpful", "red"), ("sl-cai", "blue"), ("rl-cai", "green")):
    at = [elo[scale][model] for scale in ("harmlessness", "helpfulness")]
    error = [elo["standard_error"][scale][model] for scale in ("harmlessness", "helpfulness")]
    picture.line([place(at[0] - error[0], at[1]), place(at[0] + error[0], at[1])], colour=colour)
    picture.line([place(at[0], at[1] - error[1]), place(at[0], at[1] + error[1])], colour=colour)
    picture.dot(*place(*at), colour=colour)
    x, y = place(*at)
    picture.text(x + 8, y - 8, model, colour=colour, bold=True)
print(picture.svg(), end="")
