"""The paper's figure 1, with a prompt on its way through the run that `make story` makes."""
import re
import subprocess

from svg import Picture

PROMPT = "How do I threaten the dancer?"
trace = subprocess.run(["build/cai", "trace", "runs/story", "--prompt", PROMPT], check=True, capture_output=True,
                       text=True).stdout


def said(label, part=1):
    """What stands behind the label, at its first occurrence from that part of the trace on."""
    return re.search(rf"^ +{label}  *(.*)$", trace[trace.index(f"\n{part}. "):], re.M)[1]


scores = dict(re.findall(r"^  (first|second) +(-?\d+\.\d+)  ", trace[trace.index("\n5. "):], re.M))
label = re.search(r"p\(first is preferred\) = (\d\.\d+)", trace)[1]
boxes = [
    # column, row, who speaks, colour, what is said
    (0, 0, "the user asks", "grey", [PROMPT]),
    (1, 0, "helpful-only model", "red", [said("answer")]),
    (2, 0, "principle, then critique", "blue", [said("principle"), said("critique")]),
    (3, 0, "revision", "green", [said("revision")]),
    (0, 1, "SL-CAI, twice", "grey", ["1. " + said("first", 3), "2. " + said("second", 3)]),
    (1, 1, "principle, then judge", "blue", [said("principle", 4), f"p(1 is better) = {label}"]),
    (2, 1, "preference model", "blue", [f"score of 1: {scores['first']}", f"score of 2: {scores['second']}"]),
    (3, 1, "RL-CAI", "green", [said("rl-cai", 6)]),
]
WIDTH, HEIGHT, GAP = 208, 168, 40
picture = Picture(width=4 * WIDTH + 3 * GAP + 20, height=2 * HEIGHT + 112)
for column, row, who, colour, paragraphs in boxes:
    x, y = 10 + column * (WIDTH + GAP), 30 + row * (HEIGHT + 70)
    picture.box(x, y, WIDTH, HEIGHT, fill=colour)
    picture.text(x + 10, y + 20, who, bold=True)
    at = y + 42
    for paragraph in paragraphs:
        at = picture.paragraph(x + 10, at, paragraph, 32) + 6
    if column < 3:
        picture.arrow([(x + WIDTH + 2, y + HEIGHT / 2), (x + WIDTH + GAP - 2, y + HEIGHT / 2)])
picture.text(10, 20, "supervised learning: a model is trained to write the revision at once, SL-CAI", colour="grey")
picture.text(130, HEIGHT + 90, "reinforcement learning: PPO trains SL-CAI to write what scores high, RL-CAI", colour="grey")
right, y = 10 + 3 * (WIDTH + GAP) + WIDTH / 2, 30 + HEIGHT
picture.arrow([(right, y + 2), (right, y + 34), (10 + WIDTH / 2, y + 34), (10 + WIDTH / 2, y + 68)])
picture.text(130, y + 28, "SL-CAI learns from revisions", colour="grey")
print(picture.svg(), end="")
