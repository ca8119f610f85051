"""The row of tokens of chapter 1 with its mask and its targets, as the chapter's table has them."""
import re

from svg import Picture

ROW = re.compile(r"^\| (\d+) \| `(.+?)` \| (\d+) \| ([01]) \| ", re.M)

with open("notebooks_md/01_tokens_and_masks.md") as file:
    rows = [(token.replace("\\|", "|"), ident, mask == "1") for _, token, ident, mask in ROW.findall(file.read())]

widths = [max(34, 8 * len(token) + 10) for token, _, _ in rows]
picture = Picture(width=sum(widths) + 90, height=170)
for y, word in ((52, "token"), (88, "id"), (112, "mask")):
    picture.text(8, y, word, colour="grey")
x, centres = 70, []
for (token, ident, learned), width in zip(rows, widths):
    picture.box(x + 2, 34, width - 4, 28, fill="green" if learned else "grey")
    picture.text(x + width / 2, 52, token, anchor="middle", code=True)
    picture.text(x + width / 2, 88, ident, anchor="middle", code=True)
    picture.text(x + width / 2, 112, "1" if learned else "0", anchor="middle", bold=learned)
    centres.append(x + width / 2)
    x += width
for i in range(1, len(rows)):
    if rows[i][2]:
        picture.arrow([(centres[i - 1], 120), (centres[i - 1], 142), (centres[i] - 6, 142), (centres[i] - 6, 122)])
first = next(i for i, row in enumerate(rows) if row[2])
picture.text(centres[first - 1], 162, "each position is told what comes next, where that is the assistant's", colour="grey")
print(picture.svg(), end="")
