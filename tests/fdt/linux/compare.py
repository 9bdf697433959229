# SPDX-License-Identifier: GPL-2.0-or-later
"""Lays what Linux makes of trees beside what hvcma makes of them.

    compare.py LINUX OURS [NAME FIRST]  outputs of linux-view and linux-ours; what Linux it is, the
                                        number of the first test

Windows and coherency of each device are to be the same to the byte, and what a device would do DMA
by (fdt/device_windows.h) is to lead where Linux's dma_range_map does, page by page. Of reserved memory, what
Linux refuses, can't place or finds to overlap is to be a finding of ours at the same node, and
the other way round. Prints each difference, and as TAP, without its plan, how much there was to
compare. What is no difference, and why, is said where it is passed over.
"""
import os
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


PAGE = 4096

# Boards that people ask for: all that is in their trees is read, nothing refused.
BOARDS = ("bcm2712-rpi-5-b", "bcm2711-rpi-4-b", "imx8mp-evk", "rk3588-rock-5b", "fsl-ls1046a-rdb",
          "zynqmp-zcu102-rev1.0")


def lead(windows, address):
    """Where translate_phys_to_dma() does, or None."""
    for cpu, dma, size in windows:
        if cpu <= address < cpu + size:
            return dma + address - cpu
    return None


def triple(text):
    return tuple(int(n, 16) for n in text.split(":"))


def misled(line, facts):
    """Of a line "map": where a device would do DMA elsewhere than Linux has it."""
    _, node, *words = line.split(" ")
    theirs = [f.split(" ")[2:] for f in facts if f.split(" ")[:2] in (["dma", node], ["pci", node])]
    if words[0] in ("identity", "wrong"):
        if theirs or words[0] == "wrong":
            yield "%s: ours has no windows" % node
        return
    if not theirs or theirs[0] == ["none"]:
        yield "%s: Linux has no windows" % node
        return
    left = [triple(word[5:]) for word in words if word.startswith("left:")]
    ours = [triple(word) for word in words if not word.startswith("left:")]
    linux = [triple(word) for word in theirs[0]]
    for one in left:
        linux.remove(one)
    for cpu, dma, size in ours + linux:
        first, end = (cpu + PAGE - 1) & -PAGE, min((cpu + size) & -PAGE, (1 << 64) - PAGE, (1 << 64) - PAGE - dma + cpu)
        if (cpu ^ dma) % PAGE or end <= first:
            continue
        for address in (first, end - 1):
            if lead(ours, address) != lead(linux, address):
                yield "%s: %#x is %s, with Linux %s" % (node, address, lead(ours, address), lead(linux, address))


class Ours:
    """Findings: {(id, node)}; overlaps: nodes; maps: the lines of what DMA would be done by."""

    def __init__(self, lines):
        self.facts = [l for l in lines if l.startswith(("dma ", "pci ", "coherent "))]
        self.is_broken = "broken" in lines
        self.maps = [l for l in lines if l.startswith("map ")]
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
    for line in ours.maps:
        if line.split(" ")[2] != "refused":
            yield from misled(line, linux.facts)
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
    nr_differences = nr_facts = nr_decisions = nr_maps = nr_refused = 0
    boards = set()
    for (name, theirs), (other, mine) in zip(linux, ours):
        assert name == other
        theirs, mine = Linux(theirs), Ours(mine)
        nr_facts += len(theirs.facts)
        nr_decisions += len(theirs.decisions) + len(theirs.overlaps)
        refused = [line for line in mine.maps if line.split(" ")[2] == "refused"]
        nr_refused += len(refused)
        nr_maps += len(mine.maps) - len(refused)
        board = os.path.basename(name)[:-len(".dtb")]
        if board in BOARDS and mine.maps and not refused:
            boards.add(board)
        if refused and "/dtbs/" in name:
            print("# %s: %s" % (name, "; ".join(refused)))
        for text in differences(theirs, mine):
            nr_differences += 1
            print("# %s: %s" % (name, text))
    results = [(linux and len(linux) == len(ours), "%d trees" % len(linux)),
               (nr_facts and nr_decisions, "%d windows and coherent devices, %d decisions on reserved memory" %
                (nr_facts, nr_decisions)),
               (nr_maps and boards == set(BOARDS), "DMA of %d buses leads where Linux leads, %d are refused; "
                "of boards that people ask for all are read: %s" % (nr_maps, nr_refused, " ".join(sorted(boards)))),
               (not nr_differences, "differences from Linux%s: %d" % (" " + series if series else "", nr_differences))]
    for i, (good, text) in enumerate(results, int(first)):
        print("%s %d - %s" % ("ok" if good else "not ok", i, text))
    return 0 if all(good for good, _ in results) else 1


if __name__ == "__main__":
    sys.exit(main())
