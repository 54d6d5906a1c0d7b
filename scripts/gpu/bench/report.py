"""results.md: the ratios first, then what they are made of."""

# Ratios ours / theirs that the project has set itself, by (variant, form of theirs).
LAYER_TARGETS = {"0": 3.0, "2": 2.5, "3": 2.5, "5": 2.5, "6": 4.0}
MODEL_TARGET = 1.5
PEAK_TARGET = 0.5  # of variant 2, parallel
ERROR_TARGET = 2e-2  # ours, parallel


def table(rows):
    """A Markdown table; the first row is the heading."""
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    lines.insert(1, "|" + " --- |" * len(rows[0]))
    return "\n".join(lines) + "\n"


def number(value, digits=2, unit=""):
    """A number as text, or a dash where there is none."""
    return "–" if value is None else f"{value:.{digits}f}{unit}"


def speed(row, side, form):
    """Tokens a second of a form, or None."""
    return row[side].get(form, {}).get("tokens_per_second")


def divide(a, b):
    """a / b, or None where one is missing."""
    return a / b if a and b else None


def layer_ratio(row):
    """(form, ratio): in the parallel form where theirs has one, else in the recurrent one."""
    form = "parallel" if "parallel" in row["published_a100_mtokens"] else "recurrent"
    return form, divide(speed(row, "ours", form), speed(row, "theirs", form))


def median(values):
    """The median; the mean of the middle two where the number is even."""
    values = sorted(values)
    middle = len(values) // 2
    return values[middle] if len(values) % 2 else (values[middle - 1] + values[middle]) / 2


def our_time(section, key):
    """Median seconds of our runs."""
    values = [run[key] for run in section["ours"] if key in run]
    return median(values) if values else None


def their_time(section, key):
    """(seconds, way) of the fastest way to run theirs."""
    times = [(row[key], way) for way, row in section["theirs"].items() if key in row]
    return min(times) if times else (None, None)


def verdict(value, target, at_least=True):
    """The target, and whether the value reaches it."""
    words = f"{'≥' if at_least else '≤'} {target:g}"
    if value is None:
        return f"{words}: not measured"
    return f"{words}: {'yes' if (value >= target) == at_least else 'NO'}"


def ratio_rows(data):
    """The first table."""
    rows = [["work", "ours ÷ theirs", "target", "ours", "theirs"]]
    for row in data.get("layers", {}).get("rows", []):
        form, ratio = layer_ratio(row)
        target = LAYER_TARGETS.get(row["variant"])
        ours, theirs = (speed(row, side, form) for side in ("ours", "theirs"))
        rows.append([f"layer, variant {row['variant']}, {form}", number(ratio),
                     verdict(ratio, target) if target else "–",
                     number(ours and ours / 1e6, 2, " M tokens/s"), number(theirs and theirs / 1e6, 2, " M tokens/s")])
    for name, key, work in (("nvs", "reconstruct", "LaCT-NVS, reading the views"), ("nvs", "view", "LaCT-NVS, one view"),
                            ("classify", "seconds", "ViT³-T, images")):
        if name in data:
            ours, (theirs, way) = our_time(data[name], key), their_time(data[name], key)
            ratio = divide(theirs, ours)
            cells = [number(t and t * 1e3, 2, " ms") for t in (ours, theirs)]
            rows.append([work, number(ratio), verdict(ratio, MODEL_TARGET), cells[0],
                         cells[1] + (f" ({way})" if way else "")])
    return rows


def other_targets(data):
    """What is not a ratio between the two sides: share of the peak, accuracy."""
    lines = []
    for row in data.get("layers", {}).get("rows", []):
        if row["variant"] == "2":
            share = peak_share(data["layers"], row, "ours", "parallel")
            lines.append(f"- Variant 2, parallel: {number(share and share * 100, 0)} % of the matrix product's "
                         f"operations a second; target {verdict(share, PEAK_TARGET)}")
    errors = [row["errors"].get("ours parallel") for row in data.get("accuracy", {}).get("rows", [])
              if row["chunks"] == 256]
    if errors:
        worst = None if None in errors else max(errors)
        lines.append(f"- Ours, parallel, 256 chunks: relative error up to {worst if worst is None else f'{worst:.1e}'}; "
                     f"target {verdict(worst, ERROR_TARGET, at_least=False)}")
    return "\n".join(lines) + ("\n" if lines else "")


def peak_share(section, row, side, form):
    """Needed operations a second over those of the matrix product."""
    case = row[side].get(form)
    return row["operations"] / case["seconds"] / section["matmul_peak"] if case else None


def layer_part(section):
    """Everything about the layer."""
    size = section["size"]
    text = (f"\n## The layer\n\nBatch {size['batch']}, {size['tokens']} tokens, width and hidden width {size['width']}, "
            f"chunks of {size['chunk']}, bfloat16. A product of {section['matmul_size']}² matrices in the same process: "
            f"{section['matmul_peak'] / 1e12:.3g} TFLOP/s. TFLOP/s count the operations that the rule needs. "
            "Published: the paper's figures, on an A100.\n")
    if not section["same_rule"]:
        text += "\n**The library updates before it applies and has other coefficients: another rule than theirs.**\n"
    if "theirs_missing" in section:
        text += f"\nTheirs: {section['theirs_missing']}.\n"
    rows = [["variant", "form", "side", "M tokens/s", "ms", "TFLOP/s", "share of peak", "published", "difference"]]
    for row in section["rows"]:
        for form in ("recurrent", "parallel"):
            for side in ("ours", "theirs"):
                case = row[side].get(form)
                if case is None:
                    continue
                difference = row["difference"].get(form) if side == "ours" else None
                published = row["published_a100_mtokens"].get(form) if side == "theirs" else None
                rows.append([row["variant"], form, side, number(case["tokens_per_second"] / 1e6),
                             number(case["seconds"] * 1e3, 3), number(row["operations"] / case["seconds"] / 1e12, 1),
                             number(100 * peak_share(section, row, side, form), 0, " %"), number(published),
                             "–" if difference is None else f"{difference:.1e}"])
    text += "\n" + table(rows)
    for row in section["rows"]:
        for name, message in row.get("errors", {}).items():
            text += f"\nVariant {row['variant']}, {name} failed: {message}\n"
    return text


def accuracy_part(section):
    """The errors against float64."""
    names = ["ours parallel", "ours recurrent", "theirs parallel", "theirs recurrent"]
    rows = [["variant", "momentum", "chunks", *names]]
    for row in section["rows"]:
        errors = [row["errors"].get(name) for name in names]
        rows.append([row["variant"], f"{row['momentum']:g}", str(row["chunks"]),
                     *("–" if error is None else f"{error:.1e}" for error in errors)])
    return (f"\n## Accuracy\n\n‖o − o₆₄‖ / ‖o₆₄‖ of the output in bfloat16 against the recurrence in float64; width "
            f"{section['width']}, chunks of {section['chunk']}. Weights: ours float32, theirs bfloat16, as each is "
            "timed.\n\n" + table(rows))


def model_part(data):
    """The ways in which the published models were run, and what failed."""
    text = ""
    for name, heading in (("nvs", "LaCT-NVS"), ("classify", "ViT³-T")):
        if name not in data:
            continue
        section = data[name]
        text += f"\n## {heading}\n\n"
        if name == "nvs":
            a = section["architecture"]
            text += (f"{a['layers']} layers of width {a['dim']}, {section['input_views']} input views of "
                     f"{section['size']}², bfloat16, random weights.\n\n")
            rows = [["side", "reading, ms", "one view, ms"]]
            keys = ("reconstruct", "view")
        else:
            text += f"{section['batch']} images of {section['size']}², bfloat16, random weights.\n\n"
            rows = [["side", "ms"]]
            keys = ("seconds",)
        cases = [("ours", run) for run in section["ours"]]
        cases += [(f"theirs, {way}", row) for way, row in section["theirs"].items()]
        for side, case in cases:
            rows.append([side, *(number(case[key] * 1e3 if key in case else None, 3) for key in keys)])
        text += table(rows)
        for way, message in section["errors"].items():
            text += f"\nFailed: {way}: {message}\n"
        if section["left_out"]:
            text += f"\nLeft out, as too little time was left: {'; '.join(section['left_out'])}.\n"
    return text


def markdown(data):
    """The whole page."""
    text = "# Parallax and the published code on one machine\n\n"
    machine = data.get("machine", {})
    if machine:
        text += ", ".join(f"{key} {value}" for key, value in machine.items() if key != "quick") + ".\n\n"
        if machine.get("quick"):
            text += "**Tiny sizes: this tests the scripts; the numbers mean nothing.**\n\n"
    if data.get("peers"):
        text += "Published code: " + ", ".join(f"{k} {v[:10]}" for k, v in data["peers"].items()) + ".\n\n"
    rows = ratio_rows(data)
    if len(rows) > 1:
        text += table(rows) + "\n" + other_targets(data)
    if "layers" in data:
        text += layer_part(data["layers"])
    if "accuracy" in data:
        text += accuracy_part(data["accuracy"])
    return text + model_part(data)
