"""SQL texts by their tokens: what they do, to which table, and their parts."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

# A blank or a comment.
BLANK = r"(?:\s|--[^\n]*(?:\n|\Z)|/\*.*?(?:\*/|\Z))"
QUOTED = r'"(?:[^"]|"")*"|`(?:[^`]|``)*`|\[[^\]]*\]'
TOKEN = re.compile(
    rf"(?P<blank>{BLANK}+)|(?P<quoted>{QUOTED})|(?P<string>'(?:[^']|'')*')"
    r"|(?P<mark>%s|%\(\w+\)s)|(?P<word>\w+)|(?P<other>.)",
    re.DOTALL,
)
# The first word of a text, after comments and parentheses.
FIRST_WORD = re.compile(rf"(?:{BLANK}|\()*(\w+)", re.DOTALL)
# What a text begins with that is to be explained, not run.
EXPLAIN = re.compile(
    rf"\A{BLANK}*EXPLAIN{BLANK}+(?:QUERY{BLANK}+PLAN{BLANK}+)?",
    re.IGNORECASE | re.DOTALL,
)
READING = {"SELECT", "VALUES", "EXPLAIN"}
WRITING = {"INSERT", "UPDATE", "DELETE", "REPLACE"}


@dataclass(frozen=True)
class Token:
    """A word, name, string, parameter or sign; `depth` counts the open parentheses."""

    kind: str
    text: str
    start: int
    end: int
    depth: int

    @property
    def word(self) -> str:
        """The word in capitals, an empty string for other tokens."""
        return self.text.upper() if self.kind == "word" else ""


def tokens(sql: str) -> Iterator[Token]:
    """Yield the tokens of a text, without its blanks and comments."""
    depth = 0
    for found in TOKEN.finditer(sql):
        kind = str(found.lastgroup)
        if found[0] == ")":
            depth -= 1
        if kind != "blank":
            yield Token(kind, found[0], found.start(), found.end(), depth)
        if found[0] == "(":
            depth += 1


def verb_of(sql: str) -> str:
    """Return the word in capitals that says what a text does; an empty string for none.

    That is its first word, or the one after the tables of a WITH.
    """
    first = FIRST_WORD.match(sql)
    if first is None or first[1].upper() != "WITH":
        return first[1].upper() if first else ""
    found = (each.word for each in tokens(sql) if each.depth == 0)
    return next((word for word in found if word in READING | WRITING), "WITH")


def unquoted(name: str) -> str:
    """Return a name of SQL without its quotes."""
    mark = name[:1]
    if mark == "[":
        return name[1:-1]
    return name[1:-1].replace(mark * 2, mark) if mark in ('"', "`") else name


@dataclass(frozen=True)
class Write:
    """An INSERT, UPDATE or DELETE, taken apart.

    `text` is the statement without its RETURNING, whose list is `returning`, with
    `returning_marks` parameters by position. `resolution` is what it does about
    conflicts: the word of its OR, CONFLICT for an ON CONFLICT, or an empty string.
    `proposing` is the text without that ON CONFLICT, which has `conflict_marks`
    parameters. `selects` says whether there is a SELECT in it.
    """

    verb: str
    table: str
    text: str
    returning: str
    returning_marks: int
    resolution: str
    proposing: str
    conflict_marks: int
    selects: bool


def write_of(sql: str) -> Write | None:
    """Return what an INSERT, UPDATE or DELETE does; None for another text."""
    found = list(tokens(sql))
    while found and found[-1].text == ";":
        found.pop()
    outer = [each for each in found if each.depth == 0]
    verbs = [place for place, each in enumerate(outer) if each.word in WRITING]
    if not verbs or verb_of(sql) != outer[verbs[0]].word:
        return None
    place = verbs[0]
    words = [each.word for each in outer]
    verb = words[place]
    start = place + 1
    resolution = "REPLACE" if verb == "REPLACE" else ""
    if words[start : start + 1] == ["OR"]:
        resolution = "".join(words[start + 1 : start + 2])
        start += 2
    if verb != "UPDATE":
        start += 1  # INTO or FROM
    if "".join(each.text for each in outer[start + 1 : start + 2]) == ".":
        start += 2  # the name of the database
    if start >= len(outer) or outer[start].kind not in ("word", "quoted", "string"):
        return None

    def marks(begin: int, end: int) -> int:
        """Return the number of parameters by position between two places."""
        return sum(each.text == "%s" and begin < each.start < end for each in found)

    end = last = found[-1].end
    returning = ""
    conflict = None
    for each, following in zip(
        outer[start + 1 :], [*words[start + 2 :], ""], strict=False
    ):
        if each.word == "RETURNING":
            returning, end = sql[each.end : last], each.start
            break
        if (each.word, following) == ("ON", "CONFLICT") and conflict is None:
            conflict = each.start
    if conflict is not None:
        resolution = resolution or "CONFLICT"
    proposing = end if conflict is None else conflict
    return Write(
        "INSERT" if verb == "REPLACE" else verb,
        unquoted(outer[start].text.replace("'", '"')),
        sql[:end],
        returning,
        marks(end, last) if returning else 0,
        resolution,
        sql[:proposing],
        marks(proposing, end),
        any(each.word == "SELECT" for each in found),
    )
