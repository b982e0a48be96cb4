"""Line charts as SVG, without a library: what the page needs and no more."""

WIDTH, HEIGHT = 760, 380
LEFT, RIGHT, TOP, BOTTOM = 60, 210, 34, 46
TICKS = 5
LABEL_HEIGHT = 14


def line_chart(title, x_label, y_label, series, names=None):
    """`series`: (label, colour, width, [(x, y), ...]) each; at least one point in all. `names` are
    the marks at x = 0, 1, ..., in place of numbers."""
    xs = [x for *_, points in series for x, _ in points]
    ys = [y for *_, points in series for _, y in points]
    x_low, x_high = min(xs), max(xs)
    margin = (max(ys) - min(ys) or 1) * 0.06
    y_low, y_high = min(ys) - margin, max(ys) + margin

    def place_x(x):
        return LEFT + (WIDTH - LEFT - RIGHT) * (x - x_low) / ((x_high - x_low) or 1)

    def place_y(y):
        return TOP + (HEIGHT - TOP - BOTTOM) * (y_high - y) / (y_high - y_low)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        'font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        text(LEFT, 20, title, "start", weight="bold"),
    ]
    for tick in range(TICKS):
        y = y_low + (y_high - y_low) * tick / (TICKS - 1)
        x = x_low + (x_high - x_low) * tick / (TICKS - 1)
        parts.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{place_y(y):.1f}" '
                     f'y2="{place_y(y):.1f}" stroke="#e5e5e5"/>')
        parts.append(text(LEFT - 8, place_y(y) + 4, f"{y:.3f}", "end"))
        if names is None:
            parts.append(text(place_x(x), HEIGHT - BOTTOM + 18, f"{x:,.0f}", "middle"))
    for x, name in enumerate(names or []):
        parts.append(text(place_x(x), HEIGHT - BOTTOM + 18, name, "middle"))
    parts.append(text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 8, x_label, "middle"))
    parts.append(f'<text transform="translate(14 {HEIGHT / 2:.0f}) rotate(-90)" '
                 f'text-anchor="middle">{escape(y_label)}</text>')
    ends = spread([place_y(points[-1][1]) + 4 for *_, points in series])
    for (label, colour, width, points), end in zip(series, ends):
        path = " ".join(f"{place_x(x):.1f},{place_y(y):.1f}" for x, y in points)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" '
                     f'stroke-width="{width}"/>')
        parts.append(text(WIDTH - RIGHT + 8, end, label, "start", colour))
    parts.append("</svg>\n")
    return "\n".join(parts)


def text(x, y, content, anchor, colour="black", weight="normal"):
    return (f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}" '
            f'font-weight="{weight}">{escape(content)}</text>')


def escape(content):
    return content.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def spread(heights):
    """Heights of labels, moved down where they would cover each other."""
    order = sorted(range(len(heights)), key=lambda index: heights[index])
    out, last = list(heights), float("-inf")
    for index in order:
        out[index] = max(heights[index], last + LABEL_HEIGHT)
        last = out[index]
    return out
