"""Chapter 10's three answers: mean score and true worth, as beta falls, against the divergence from the reference."""
import math

from svg import Picture

SCORE, WORTH = (1, 1, 2), (1, 1, 0)
points = []
for step in range(61):
    push = step / 10  # 1 / beta
    weights = [math.exp(score * push) for score in SCORE]
    p = [weight / sum(weights) for weight in weights]
    divergence = sum(x * math.log(3 * x) for x in p)
    points.append((divergence, sum(x * s for x, s in zip(p, SCORE)), sum(x * w for x, w in zip(p, WORTH))))

LEFT, TOP, WIDTH, HEIGHT = 60, 20, 480, 220
picture = Picture(width=LEFT + WIDTH + 120, height=TOP + HEIGHT + 50)


def place(divergence, value):
    return LEFT + WIDTH * divergence / 1.1, TOP + HEIGHT * (1 - value / 2)


picture.line([place(0, 2), place(0, 0), place(1.1, 0)])
for value in (0, 1, 2):
    picture.text(LEFT - 10, place(0, value)[1] + 4, str(value), anchor="end")
for divergence in (0, 0.5, 1):
    picture.text(place(divergence, 0)[0], TOP + HEIGHT + 20, str(divergence), anchor="middle")
picture.text(LEFT + WIDTH / 2, TOP + HEIGHT + 40, "divergence from the reference, nats an answer", anchor="middle", colour="grey")
for series, colour, name in ((1, "blue", "mean score"), (2, "red", "true worth")):
    picture.line([place(point[0], point[series]) for point in points], colour=colour, width=2.5)
    x, y = place(points[-1][0], points[-1][series])
    picture.text(x + 8, y + 4, name, colour=colour)
print(picture.svg(), end="")
