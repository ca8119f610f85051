"""PPO's loss of one token against its ratio, for an advantage of 1 and of -1, with clip 0.2."""
from svg import Picture

LEFT, TOP, WIDTH, HEIGHT, GAP = 50, 30, 270, 170, 60
picture = Picture(width=2 * (LEFT + WIDTH) + GAP, height=TOP + HEIGHT + 45)
for part, (advantage, colour) in enumerate(((1, "green"), (-1, "red"))):
    left = LEFT + part * (WIDTH + GAP + LEFT)

    def place(ratio, loss):
        return left + WIDTH * ratio / 2, TOP + HEIGHT * (1 - (loss - min(0, -2 * advantage)) / 2)

    for bound in (0.8, 1, 1.2):
        picture.line([place(bound, min(0, -2 * advantage)), place(bound, max(0, -2 * advantage))], dashed=True, width=1)
        picture.text(place(bound, 0)[0] + (bound - 1) * 30, TOP + HEIGHT + 18, str(bound), anchor="middle", size=11)
    picture.line([place(0, max(0, -2 * advantage)), place(0, min(0, -2 * advantage)), place(2, min(0, -2 * advantage))])
    picture.line([place(0, 0), place(2, -2 * advantage)], width=1)
    ratios = [step / 100 for step in range(201)]
    losses = [max(-advantage * r, -advantage * min(max(r, 0.8), 1.2)) for r in ratios]
    picture.line([place(r, loss) for r, loss in zip(ratios, losses)], colour=colour, width=3)
    words = "A = 1: a gain above 1.2 is not believed" if advantage > 0 else "A = -1: nor one below 0.8"
    picture.text(left, TOP - 12, words, colour=colour, bold=True)
    picture.text(place(1, 0)[0], TOP + HEIGHT + 36, "ratio", anchor="middle", colour="grey")
    picture.text(left + WIDTH, place(2, losses[-1])[1] - 8, "loss", anchor="end", colour=colour)
    picture.text(left - 8, place(0, 0)[1] + 4, "0", anchor="end")
    picture.text(left - 8, place(0, -2 * advantage)[1] + 4, str(-2 * advantage), anchor="end")
print(picture.svg(), end="")
