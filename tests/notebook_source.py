"""Finds the definition of a function, a struct or a constant in a C++ file by its name, and compares quotes with it."""
import re


def without_comments_and_strings(text):
    """The text with comments, strings and characters blanked out: the same length, the same lines."""
    pattern = re.compile(r"//[^\n]*|/\*.*?\*/|\"(?:\\.|[^\"\\\n])*\"|(?<![0-9a-zA-Z_])'(?:\\.|[^'\\\n])+'", re.S)
    return pattern.sub(lambda match: re.sub(r"[^\n]", " ", match.group()), text)


def after_pair(text, at):
    """The position behind the bracket that closes the one at `at`; None where none does."""
    depth = 0
    for i in range(at, len(text)):
        depth += (text[i] in "([{") - (text[i] in ")]}")
        if depth == 0:
            return i + 1
    return None


# What may stand between a function's parameters and its body: qualifiers, a result, members and how they begin.
BEFORE_BODY = re.compile(r"(?:\s|const|noexcept|override|->[^;{}]*|:(?!:)(?:[^;{}]|(?<=\w)\{[^{}]*\})*)*\{")


def end_of_definition(text, at):
    """The end of the definition whose name ends at `at`, or None where the name is only used or declared."""
    match = re.compile(r"\s*").match(text, at)
    at = match.end()
    if text[at:at + 1] == "(":  # a function: parameters, then qualifiers or a list of members, then its body
        at = after_pair(text, at)
        match = at and BEFORE_BODY.match(text, at)
        end = match and after_pair(text, match.end() - 1)
    elif match := re.compile(r"(?:final\s*)?(?::[^;{}()]*)?\{").match(text, at):  # a struct
        end = after_pair(text, match.end() - 1)
    elif re.compile(r"(?:\[[^\]]*\]\s*)*=(?!=)").match(text, at):  # a constant, a member or a lambda: up to its semicolon
        end = at
        while end is not None and end < len(text) and text[end] != ";":
            end = after_pair(text, end) if text[end] in "([{" else end + 1 if text[end] not in ")]}" else None
    else:
        return None
    if end is None:
        return None
    match = re.compile(r"\s*;").match(text, end)
    return match.end() if match else end


def definitions(text, name):
    """Each definition of the name, as (first line of its comment, of `template` or signature, of the signature,
    behind the last line), counted from 0."""
    code = without_comments_and_strings(text)
    lines, found = text.split("\n"), []
    for match in re.finditer(r"(?<![\w.>])" + re.escape(name) + r"(?!\w)", code):
        end = end_of_definition(code, match.end())
        if end is None:
            continue
        # The statement begins behind the last thing that ended one.
        begin = max(code.rfind(c, 0, match.start()) for c in ";{}") + 1
        hash_line = [m.end() for m in re.finditer(r"^\s*#[^\n]*$", code[:match.start()], re.M)]
        begin = max([begin, *hash_line[-1:]])
        before = re.sub(r"\[\[.*?\]\]", "", code[begin:match.start()])
        while re.search(r"<[^<>]*>", before):  # the arguments of templates
            before = re.sub(r"<[^<>]*>", "", before)
        if re.search(r"\b(return|else|if|for|while)\b|[=(,]", before):
            continue  # a call, not a definition
        begin += len(code[begin:match.start()]) - len(code[begin:match.start()].lstrip())
        template = code.count("\n", 0, begin)
        signature = template
        while re.match(r"\s*(template\s*<.*>|\[\[.*\]\])\s*$", lines[signature]):
            signature += 1
        comment = template
        while comment > 0 and lines[comment - 1].lstrip().startswith("//"):
            comment -= 1
        found.append((comment, template, signature, code.count("\n", 0, end) + 1))
    return found


def same_line(quoted, source, cut):
    """Is this the line of the source, with `cut` characters of its indentation left out?"""
    return quoted.rstrip() == (source[cut:] if not source[:cut].strip() else source).rstrip()


def parts_of(quote):
    """The runs of lines between lines `...`, each as (number of its first line, lines)."""
    parts, begin = [], 0
    for i in range(len(quote) + 1):
        if i == len(quote) or quote[i].strip() == "...":
            parts.append((begin, quote[begin:i]))
            begin = i + 1
    return parts


def compare_from(quote, source, begin, end, cut):
    """Compares the quote with source[begin:end]. Returns None, or (line of the quote, line of the source) that differ first."""
    parts, at = parts_of(quote), begin
    for index, (first, lines) in enumerate(parts):
        if not lines:
            continue
        last = index + 1 == len(parts)
        if index == 0:
            starts = [at]
        elif last:
            starts = [end - len(lines)] if end - len(lines) >= at else [at]
        else:
            starts = range(at, end)
        best = (-1, None)
        for start in starts:
            count = 0
            while count < len(lines) and start + count < end and same_line(lines[count], source[start + count], cut):
                count += 1
            if count > best[0]:
                best = (count, start)
            if count == len(lines):
                break
        count, start = best
        if count < len(lines):
            return first + count, min(start + count, end)
        at = start + len(lines)
        if index == 0 and last and at != end:
            return len(quote), at
    return None


def quote_fault(quote, path, text, name):
    """None where the quote's lines are those of the definition; else (line of the quote, a sentence, today's lines or None)."""
    source = text.split("\n")
    found = definitions(text, name)
    if not found:
        return 0, f"{path} defines no {name}", None
    faults = []
    for comment, template, signature, end in found:
        for begin in dict.fromkeys((comment, template, signature)):
            indents = {len(line) - len(line.lstrip()) for line in source[begin:end] if line.strip()}
            for cut in sorted(indents | {0}):
                fault = compare_from(quote, source, begin, end, cut)
                if fault is None:
                    return None
                faults.append((fault[0], fault[1], begin, end))
    line, at, begin, end = max(faults)
    where = f"{path}:{at + 1}"
    if line >= len(quote):
        sentence = f"{where} goes on where the quote of {name} ends: {source[at].strip()!r}"
    elif at >= end:
        sentence = f"{path}: {name} has ended before this line of the quote: {quote[line].strip()!r}"
    else:
        sentence = f"the quote of {name} departs from {where}: {quote[line].strip()!r} is {source[at].strip()!r} there"
    indent = min(len(row) - len(row.lstrip()) for row in source[begin:end] if row.strip())
    today = [row[indent:].rstrip() for row in source[begin:end]]
    return line, sentence, None if any(row.strip() == "..." for row in quote) or len(found) > 1 else today
