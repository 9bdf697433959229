# SPDX-License-Identifier: GPL-2.0-or-later
"""Lays what Linux makes of trees beside what hvcma makes of them.

    compare.py LINUX OURS [NAME FIRST]  outputs of linux-view and linux-ours; what Linux it is, the
                                        number of the first test

Windows and coherency of each device are to be the same to the byte. Of reserved memory, what
Linux refuses, can't place or finds to overlap is to be a finding of ours at the same node, and
the other way round. Prints each difference, and as TAP, without its plan, how much there was to
compare. What is no difference, and why, is said where it is passed over.
"""
import re
import sys


def files(path):
    """[(name, lines)]"""
    found = []
    with open(path, encoding="latin-1") as file:
        for line in file:
            line = line.rstrip("\n")
            if line.startswith("file "):
                found.append((line[5:], []))
            else:
                found[-1][1].append(line)
    return found


# What Linux says, and what is meant by it: the node is the group.
SAYINGS = [
    ("ignored", r"unsupported node format, ignoring()"),
    ("length", r"invalid reg property in '(.*)', skipping node"),
    ("sizes", r"invalid (?:size|alignment|alloc-ranges) property in '(.*?)'"),
    ("room", r"failed to allocate memory for node '(.*)': size"),
    ("reserve", r"failed to reserve memory for node '(.*)': base"),
    ("setup", r"node (.*) compatible matching fail"),
    ("bypassed", r"bypass (.*) node, using cmdline"),
    ("many", r"(?:not enough space for all defined regions|too many defined dynamic regions)()"),
]
OVERLAP = r"OVERLAP DETECTED! (.*) \(0x.*\) overlaps with (.*) \(0x"

# With these Linux is done with a node, or with all; ours says what else is wrong with it.
LAST = ("ignored", "length", "sizes", "room", "setup", "reserve")

# Ids of ours that are the same decision.
IDS = {
    "ignored": {"reserved-cells", "reserved-ranges"},
    "length": {"reserved-length"},
    "sizes": {"pool-length"},
    "room": {"pool-no-room"},
    "reserve": {"reserved-overlap", "reserved-empty"},
    "setup": {"pool-flags", "pool-alignment", "pool-bypassed"},
    "bypassed": {"pool-bypassed"},
    "many": {"reserved-many"},
    "no-memory": {"pool-no-memory", "pool-above-memory"},
    # What Linux does without a word: cuts off what wraps, takes an alignment for a mask.
    "wraps": {"reserved-wraps"},
    "misplaced": {"pool-alignment"},
    "ineffective": {"pool-flags", "pool-alignment", "pool-bypassed"},
}


class Linux:
    """Verdicts: {(kind, node)}; overlaps: nodes; facts: the lines of windows and coherency."""

    def __init__(self, lines):
        self.decisions, self.overlaps, self.others, self.long = set(), set(), set(), set()
        self.facts = [l for l in lines if l.startswith(("dma ", "pci ", "coherent "))]
        self.memory = [tuple(int(n, 16) for n in l.split()[1:]) for l in lines if l.startswith("memory ")]
        self.is_broken = any(l.startswith("broken") for l in lines)
        for line in lines:
            if line.startswith("say "):
                self.hear(line)
            elif line.startswith(("misplaced ", "ineffective ")):
                self.decisions.add(tuple(line.split()))
            elif line.startswith("long "):
                self.long.add(line[5:])
            elif line.startswith("pool "):
                self.look_at(*line.split()[1:])

    def look_at(self, name, base, size, kind):
        base, size = int(base, 16), int(size, 16)
        if base + size > 1 << 64:
            self.decisions.add(("wraps", name))
        # Pools that are never mapped may well be no memory: the RAM of a display.
        elif kind in ("cma", "swiotlb") and not self.covers(base, size):
            self.decisions.add(("no-memory", name))
        elif kind == "none":
            self.others.add(name)

    def hear(self, line):
        for kind, pattern in SAYINGS:
            hit = re.search(pattern, line)
            if hit:
                self.decisions.add((kind, hit[1]))
        hit = re.search(OVERLAP, line)
        if hit:
            self.overlaps |= {hit[1], hit[2]}

    def covers(self, base, size):
        for start, length in self.memory:
            if start <= base < start + length:
                if base + size <= start + length:
                    return True
                base, size = start + length, base + size - start - length
        return False


class Ours:
    """Findings: {(id, node)}; overlaps: nodes."""

    def __init__(self, lines):
        self.facts = [l for l in lines if l.startswith(("dma ", "pci ", "coherent "))]
        self.is_broken = "broken" in lines
        self.findings, self.overlaps = set(), set()
        for line in lines:
            if not line.startswith("find "):
                continue
            _, name, path, text = line.split(" ", 3)
            node = path.rsplit("/", 1)[1]
            self.findings.add((name, node))
            # The reservation block and the initial RAM disk are nothing that Linux compares with nodes.
            if name == "reserved-overlap" and not re.search("/memreserve/|/chosen/", path + text):
                self.overlaps |= {node, re.search(r"overlaps \S*/(\S+) at", text)[1]}

    def has(self, *names):
        return any(name in names for name, _ in self.findings)


def differences(linux, ours):
    if linux.is_broken or ours.is_broken:
        yield "Linux: %s, ours: %s" % tuple("does not read it" if x.is_broken else "reads it"
                                            for x in (linux, ours))
        return
    for line in sorted(set(linux.facts) ^ set(ours.facts)):
        yield ("Linux only: " if line in linux.facts else "ours only: ") + line
    # Without memory nothing can be placed: ours leaves out what needs it, and says so.
    is_unknown = ours.has("memory-unknown")
    for kind, node in sorted(linux.decisions):
        if kind in ("room", "no-memory") and is_unknown:
            continue
        # Also the set-up of what overlaps with one whose set-up failed: its memory is free then.
        if kind in ("reserve", "setup") and node in ours.overlaps:
            continue
        if not any(name in IDS[kind] and (node in ("", where) or kind == "many")
                   for name, where in ours.findings):
            yield "Linux only: %s %s" % (kind, node)
    for name, node in sorted(ours.findings):
        # Flags of what is no pool are a matter of the specification; of several ranges Linux makes
        # a pool of the first, ours judges all.
        if name.startswith("pool-") and node in linux.others | linux.long:
            continue
        # The kernel's own image is not in the memory of linux-view.
        if (name, node) == ("pool-no-room", "reserved-memory"):
            continue
        # Overlaps are looked at below; that there are too many is a note on older kernels.
        kinds = [kind for kind, ids in IDS.items()
                 if name in ids and name not in ("reserved-overlap", "reserved-many")]
        if kinds and not any((kind in kinds or kind in LAST) and where in ("", node)
                             for kind, where in linux.decisions):
            yield "ours only: %s %s" % (name, node)
    # The memory of what failed is free, and the next pool may be placed in it.
    reserve = {node for kind, node in linux.decisions if kind == "reserve"}
    failed = {node for kind, node in linux.decisions if kind == "setup"} | reserve
    if linux.overlaps - ours.overlaps and not linux.overlaps & failed:
        yield "Linux only: overlap of %s" % sorted(linux.overlaps - ours.overlaps)
    if ours.overlaps and not linux.overlaps | reserve and not ours.overlaps & linux.long and \
            ("ignored", "") not in linux.decisions:
        yield "ours only: overlap of %s" % sorted(ours.overlaps)


def main():
    linux, ours = files(sys.argv[1]), files(sys.argv[2])
    series, first = sys.argv[3:] or ("", 1)
    nr_differences = nr_facts = nr_decisions = 0
    for (name, theirs), (other, mine) in zip(linux, ours):
        assert name == other
        theirs, mine = Linux(theirs), Ours(mine)
        nr_facts += len(theirs.facts)
        nr_decisions += len(theirs.decisions) + len(theirs.overlaps)
        for text in differences(theirs, mine):
            nr_differences += 1
            print("# %s: %s" % (name, text))
    results = [(linux and len(linux) == len(ours), "%d trees" % len(linux)),
               (nr_facts and nr_decisions, "%d windows and coherent devices, %d decisions on reserved memory" %
                (nr_facts, nr_decisions)),
               (not nr_differences, "differences from Linux%s: %d" % (" " + series if series else "", nr_differences))]
    for i, (good, text) in enumerate(results, int(first)):
        print("%s %d - %s" % ("ok" if good else "not ok", i, text))
    return 0 if all(good for good, _ in results) else 1


if __name__ == "__main__":
    sys.exit(main())
