# SPDX-License-Identifier: GPL-2.0-only
"""Regions in a domain that others have made: the declaration, the element <regions> of docs/libvirt.md as a text of whoever
owns the machine, is put into the domain's <metadata>, and "hvcma domain apply" does the rest. It checks nothing of a region:
that is hvcma's. Where the text comes from, and the domain, is for the programs that use this.
"""

import re
import subprocess
import sys
from xml.parsers import expat

NAMESPACE = "https://hvcma.example/schemas/domain/1.0"
EMPTY_ELEMENT = re.compile(rb"<([^\s/>]+)((?:\"[^\"]*\"|'[^']*'|[^\"'>])*?)/>")


class Refusal(Exception):
    """Words for who wrote the machine, and the exit status."""

    def __init__(self, text, status=1):
        super().__init__(text)
        self.status = status


def no_doctype(*_):
    raise Refusal("has a document type, which could make it anything")


def parsed(parser, data, what):
    """All of data, as the parser's handlers want it; words say what it is."""
    parser.StartDoctypeDeclHandler = no_doctype
    try:
        parser.Parse(data, True)
    except expat.ExpatError as error:
        raise Refusal(f"{what} is not well-formed XML: {error}") from error
    except Refusal as refusal:
        raise Refusal(f"{what} {refusal}") from refusal


def declaration(data, origin):
    """Of the text from there the element itself, without what XML may have before and after it, and its first line."""
    parser = expat.ParserCreate(namespace_separator=" ")
    found = {"depth": 0}

    def start(name, _):
        if not found["depth"]:
            found.update(name=name, begin=parser.CurrentByteIndex, line=parser.CurrentLineNumber)
        found["depth"] += 1

    def end(_):
        found["depth"] -= 1
        if not found["depth"]:
            found["end"] = parser.CurrentByteIndex

    parser.StartElementHandler, parser.EndElementHandler = start, end
    parsed(parser, data, origin)
    if found["name"] != f"{NAMESPACE} regions":
        raise Refusal(f"{origin}: the element is not <regions> of {NAMESPACE}")
    empty = EMPTY_ELEMENT.match(data, found["begin"])
    last = empty.end() if empty else data.index(b">", found["end"]) + 1
    return data[found["begin"]:last], found["line"]


def place(data):
    """Where in the domain <metadata> can take one element more: an offset; of an empty element, or of none, the match."""
    parser = expat.ParserCreate(namespace_separator=" ")
    found = {"depth": 0, "first": None, "metadata": None, "in": False, "end": None}

    def start(name, _):
        if found["depth"] == 1:
            if found["first"] is None:
                found["first"] = parser.CurrentByteIndex
            if name == "metadata" and found["metadata"] is None:
                found["metadata"], found["in"] = parser.CurrentByteIndex, True
        found["depth"] += 1

    def end(_):
        found["depth"] -= 1
        if found["depth"] == 1 and found["in"]:
            found["in"], found["end"] = False, parser.CurrentByteIndex

    parser.StartElementHandler, parser.EndElementHandler = start, end
    parsed(parser, data, "the domain")
    if found["first"] is None:
        raise Refusal("the domain is empty")
    if found["metadata"] is None:
        return found["first"], None
    empty = EMPTY_ELEMENT.match(data, found["metadata"])
    return (empty.start(), empty) if empty else (found["end"], None)


def declared(domain, regions):
    """The domain with the declaration, and the line that this begins at. No line is added but the declaration's own."""
    at, empty = place(domain)
    if empty:
        domain = domain[:at] + b"<%s%s></%s>" % (empty[1], empty[2], empty[1]) + domain[empty.end():]
        at += len(empty[1]) + len(empty[2]) + 2
    elif domain[at:at + 2] != b"</":
        regions = b"<metadata>%s</metadata>" % regions
    return domain[:at] + regions + domain[at:], domain.count(b"\n", 0, at) + 1


def applied(domain, begin, first, lines, origin):
    """What hvcma makes of it. Its findings have lines of what it was given: those of the declaration are told as such."""

    def where(match):
        line = int(match[1])
        if line < begin:
            return f"domain:{line}:"
        if line <= begin + lines:
            return f"{origin}:{line - begin + first}:"
        return f"domain:{line - lines}:"

    try:
        hvcma = subprocess.run(["hvcma", "domain", "apply", "-"], input=domain, capture_output=True, check=False)
    except OSError as error:
        raise Refusal(f"hvcma can't be run: {error.strerror}") from error
    said = hvcma.stderr.decode(errors="replace")
    sys.stderr.write(re.sub(r"^standard input:(\d+):", where, said, flags=re.MULTILINE))
    if hvcma.returncode:
        raise Refusal("hvcma domain apply refuses the regions",
                      hvcma.returncode if hvcma.returncode > 0 else 1)
    return hvcma.stdout


def with_regions(domain, text, origin):
    """The domain, bytes, with what this text declares; words call the text what origin says."""
    try:
        regions, first = declaration(text.encode(), origin)
    except UnicodeError as error:
        raise Refusal(f"{origin} is no UTF-8") from error
    both, begin = declared(domain, regions)
    return applied(both, begin, first, regions.count(b"\n"), origin)
