"""A picture for the book: boxes, lines, arrows and words as SVG, legible on light and on dark pages."""
import textwrap
from xml.sax.saxutils import escape

STROKES = {"grey": "#777", "green": "#2a7a3b", "red": "#b3362b", "blue": "#2b5fb3", "black": "#222"}
FILLS = {"grey": "#eee", "green": "#dff3e2", "red": "#f8dfdc", "blue": "#dde9fa", "white": "#fff"}


def number(value):
    return f"{value:.1f}".rstrip("0").rstrip(".")


class Picture:
    def __init__(self, width, height):
        self.width, self.height, self.parts = width, height, []

    def box(self, x, y, width, height, fill="white", stroke="grey"):
        self.parts.append(f'<rect x="{number(x)}" y="{number(y)}" width="{number(width)}" height="{number(height)}" rx="4" '
                          f'fill="{FILLS[fill]}" stroke="{STROKES[stroke]}"/>')

    def text(self, x, y, words, anchor="start", colour="black", size=13, code=False, bold=False):
        style = (' font-family="monospace"' if code else "") + (' font-weight="bold"' if bold else "")
        self.parts.append(f'<text x="{number(x)}" y="{number(y)}" text-anchor="{anchor}" font-size="{size}" '
                          f'fill="{STROKES[colour]}"{style}>{escape(words)}</text>')

    def paragraph(self, x, y, words, columns, colour="black", size=12, bold=False):
        """Words in lines of so many characters. Returns the y of the next line."""
        for line in textwrap.wrap(words, columns):
            self.text(x, y, line, colour=colour, size=size, bold=bold)
            y += size + 3
        return y

    def line(self, points, colour="grey", width=1.5, dashed=False, arrow=False):
        path = " ".join(f"{number(x)},{number(y)}" for x, y in points)
        self.parts.append(f'<polyline points="{path}" fill="none" stroke="{STROKES[colour]}" stroke-width="{width}"'
                          + (' stroke-dasharray="4 3"' if dashed else "") + (' marker-end="url(#head)"' if arrow else "") + "/>")

    def arrow(self, points, colour="grey"):
        self.line(points, colour, arrow=True)

    def dot(self, x, y, colour="blue", radius=4):
        self.parts.append(f'<circle cx="{number(x)}" cy="{number(y)}" r="{radius}" fill="{STROKES[colour]}"/>')

    def svg(self):
        head = (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {number(self.width)} {number(self.height)}" '
                f'width="{number(self.width)}" font-family="sans-serif">\n'
                '<defs><marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
                '<path d="M0,0 L8,4 L0,8 z" fill="#777"/></marker></defs>\n'
                f'<rect width="{number(self.width)}" height="{number(self.height)}" fill="#fff"/>\n')
        return head + "\n".join(self.parts) + "\n</svg>\n"
