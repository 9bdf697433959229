# SPDX-License-Identifier: GPL-2.0-or-later
"""hvcma fdt on many trees that nobody here wrote, beside a parser that is not libfdt's.

    corpus.py HVCMA FAULTS FOLDER

Of every .dtb below FOLDER: "show" says what the parser finds; an edit changes what it is asked
to and nothing else; an overlay of all edits, applied by the parser, gives the edited tree; what
"check" calls a fault is in the file FAULTS, and all that is there is found.
Prints TAP. Judges by nothing but the parser and the list.
"""
import json
import multiprocessing
import os
import struct
import subprocess
import sys
import tempfile

import plain_dtb
from plain_dtb import Tree, differences, number, u32s

hvcma = None
POOL = 1 << 22
WINDOW = (0, (1 << 30) - (1 << 20))
GUARD = 4096
ADDED = "hvcma,added"   # what is remembered for taking an edit back


class Wrong(Exception):
    pass


def run(*words, want=(0,)):
    done = subprocess.run([hvcma, "fdt", *words], stdin=subprocess.DEVNULL, capture_output=True,
                          timeout=60, check=False)
    if done.returncode not in want:
        raise Wrong("status %d of %s: %s" % (done.returncode, " ".join(words),
                                             done.stderr.decode(errors="replace").strip()))
    return done.stdout


def read(path):
    with open(path, "rb") as file:
        return Tree(file.read())


def same(what, have, want):
    if have != want:
        raise Wrong("%s: %s, not %s" % (what, have, want))


# ---- show ----

def split(node, name, address, size):
    """Pairs of a property with cells as given; None where they can't be."""
    if name not in node.props or not (1 <= address <= 2 and 1 <= size <= 2):
        return None
    cells = u32s(node.props[name])
    each = address + size
    return [{"base": number(cells[i:i + address]), "bytes": number(cells[i + address:i + each])}
            for i in range(0, len(cells) // each * each, each)]


def ranges(node, name):
    parent = node.parent
    return split(node, name, parent.cells("#address-cells"), parent.cells("#size-cells"))


def windows(bus):
    address = bus.cells("#address-cells")
    size = bus.cells("#size-cells")
    above = bus.parent.cells("#address-cells")
    cells = u32s(bus.props["dma-ranges"])
    each = address + above + size
    if not (1 <= address <= 3 and 1 <= above <= 2 and 1 <= size <= 2) or \
            len(bus.props["dma-ranges"]) % (4 * each):
        return []
    return [{"gpa": number(cells[i + address:i + address + above]),
             "dma": number(cells[i:i + address]), "bytes": number(cells[i + address + above:i + each])}
            for i in range(0, len(cells), each)]


def is_coherent(tree, node):
    """of_dma_is_coherent(): the nearest that says, on the way of DMA."""
    while node is not None:
        if "dma-coherent" in node.props:
            return True
        if "dma-noncoherent" in node.props:
            return False
        node = dma_parent(tree, node)
    return False


def dma_parent(tree, node):
    names = node.strings("interconnect-names") if "interconnect-names" in node.props else []
    if "dma-mem" not in names:
        return node.parent
    cells = list(u32s(node.props["interconnects"]))
    for name in names:
        target = tree.by_phandle[cells.pop(0)]
        if name == "dma-mem":
            return target
        del cells[:u32s(target.props["#interconnect-cells"])[0]]
    return node.parent


def shown(tree):
    """What show is to say: lists of dictionaries; it may say more."""
    memory, reserved, buses, clients = [], [], [], []
    place = tree.root.children.get("reserved-memory")
    for node in list(tree.root.walk())[1:]:
        if node.parent is tree.root and node.props.get("device_type") == b"memory\0":
            memory.append({"node": node.path, "ranges": ranges(node, "reg")})
        if place is not None and node.parent is place:
            pool = {"node": node.path, "ranges": ranges(node, "reg"),
                    "alloc-ranges": ranges(node, "alloc-ranges"),
                    "flags": [f for f in ("reusable", "no-map", "linux,cma-default",
                                          "linux,dma-default") if f in node.props]}
            for name, cells in ("size", place.cells("#size-cells")), \
                    ("alignment", place.cells("#address-cells")):
                value = node.props.get(name, b"")
                pool[name] = number(u32s(value)) if value and len(value) == 4 * cells else None
            reserved.append(pool)
        if "dma-ranges" in node.props:
            buses.append({"node": node.path, "windows": windows(node)})
        if "memory-region" in node.props:
            pools = [tree.by_phandle.get(h) for h in u32s(node.props["memory-region"])]
            clients.append({"node": node.path, "dma-coherent": is_coherent(tree, node),
                            "regions": [p.path if p else "?" for p in pools]})
    return {"memory": memory, "reserved": reserved, "buses": buses, "clients": clients}


def check_show(path, tree):
    said = json.loads(run("show", "--json", path))
    run("show", path)
    for kind, wanted in shown(tree).items():
        same("show: number of " + kind, len(said[kind]), len(wanted))
        for have, want in zip(said[kind], wanted):
            for key, value in want.items():
                same("show: %s of %s" % (key, want["node"]), have.get(key), value)


# ---- edits ----

def cells_of(value, nr):
    if value >> 32 * nr:
        raise Wrong("%#x does not fit" % value)
    return struct.pack(">Q", value)[8 - 4 * nr:]


def expect(before, after, wanted):
    """The edits did what is wanted and no more: {place: value}, a dictionary for a new node."""
    same("reservations", after.reserved, before.reserved)
    found = {place: what for place, what in differences(before.root, after.root).items()
             if not place.endswith(":" + ADDED)}
    for place, (_, new) in found.items():
        if place not in wanted:
            raise Wrong("changed, but should not be: " + place)
        if isinstance(new, plain_dtb.Node):
            new = {**new.props, **{name + "/": child.props for name, child in new.children.items()}}
            new.pop(ADDED, None)
        same(place, new, wanted[place])
    same("changes", sorted(found), sorted(wanted))


def free_place(tree):
    """Where memory is that nobody has, or None: the highest, whole megabytes."""
    taken = [(address, address + size) for address, size in tree.reserved]
    for pool in tree.root.children.get("reserved-memory", plain_dtb.Node("", None)).children.values():
        taken += [(r["base"], r["base"] + r["bytes"]) for r in ranges(pool, "reg") or []]
    all_memory = [r for m in shown(tree)["memory"] for r in m["ranges"] or [] if r["bytes"]]
    for piece in sorted(all_memory, key=lambda r: r["base"]):
        base = (piece["base"] + piece["bytes"] - POOL) & ~(POOL - 1)
        while base >= piece["base"]:
            hit = [t for t in taken if t[0] < base + POOL and base < t[1]]
            if not hit:
                return base
            base = (min(t[0] for t in hit) - POOL) & ~(POOL - 1)
    return None


def is_bus(node):
    return node.parent is not None and node.children and "ranges" in node.props and \
        "#address-cells" in node.props and "#size-cells" in node.props and \
        1 <= node.cells("#address-cells") <= 3 and 1 <= node.cells("#size-cells") <= 2 and \
        node.path not in ("/reserved-memory", "/chosen")	# of the latter a framebuffer is a child


def is_straight(tree, bus):
    """Do the dma-ranges above lead all of the new window to where it says?"""
    base, size = WINDOW
    above = dma_parent(tree, bus)
    while above is not None:
        if above.props.get("dma-ranges") and not any(
                w["gpa"] == w["dma"] <= base and base + size <= w["gpa"] + w["bytes"] for w in windows(above)):
            return False
        above = dma_parent(tree, above)
    return True


def find_buses(tree):
    """PCI host bridges, or else buses with devices, the first that is straight in front."""
    buses = [n for n in tree.root.walk() if is_bus(n)]
    bridges = [n for n in buses if n.props.get("device_type") == b"pci\0" and
               n.parent.props.get("device_type") != b"pci\0"]
    devices = [n for n in buses if [c for c in n.children.values() if "reg" in c.props]]
    return sorted(bridges, key=lambda n: not is_straight(tree, n)) + \
        sorted(devices, key=lambda n: not is_straight(tree, n))


def cells_of_root(tree, base, size):
    return cells_of(base, tree.root.cells("#address-cells")) + \
        cells_of(size, tree.root.cells("#size-cells"))


def edit_pool(tree, work, reserved):
    """A pool at a free place, or placed by the kernel; reserved: nodes that are to come."""
    base = free_place(tree)
    place = ["--align", "4M"] if base is None else ["--base", hex(base)]
    run("add-region", "--name", "corpus", "--type", "reusable", "--size", "4M", *place,
        work + "/0.dtb", "-o", work + "/1.dtb")
    pool = {"compatible": b"shared-dma-pool\0", "reusable": b"",
            "phandle": cells_of(max([*tree.by_phandle, 0]) + 1, 1)}
    if base is not None:
        pool["reg"] = cells_of_root(tree, base, POOL)
    else:
        pool["size"] = cells_of(POOL, tree.root.cells("#size-cells"))
        pool["alignment"] = cells_of(POOL, tree.root.cells("#address-cells"))
    reserved["corpus" if base is None else "corpus@%x" % base] = pool
    return pool["phandle"]


def window_cells(bus, base, size):
    """A window that is the same on both sides."""
    address = bus.cells("#address-cells")
    space = b""
    if address == 3:
        space = cells_of(0x02000000 if base + size <= 1 << 32 else 0x03000000, 1)
        address = 2
    return space + cells_of(base, address) + cells_of(base, bus.parent.cells("#address-cells")) + \
        cells_of(size, bus.cells("#size-cells"))


def overlap(a, a_size, b, b_size):
    return a < b + b_size and b < a + a_size


def kept_windows(tree, bus):
    """Cells of those that carry no memory and are not in the way of the new one."""
    cells = b""
    if "dma-ranges" not in bus.props:
        return cells
    memory = [r for m in shown(tree)["memory"] for r in m["ranges"] or []]
    old = windows(bus)
    each = len(bus.props["dma-ranges"]) // len(old) if old else 0
    for i, w in enumerate(old):
        if w["bytes"] and not overlap(w["gpa"], w["bytes"], *WINDOW) and \
                not overlap(w["dma"], w["bytes"], *WINDOW) and \
                not any(r["bytes"] and overlap(w["gpa"], w["bytes"], r["base"], r["bytes"]) for r in memory):
            cells += bus.props["dma-ranges"][i * each:(i + 1) * each]
    return cells


def edit_bus(tree, bus, handle, work, reserved):
    """A client and windows with guards. The bus's own changes."""
    client = [c for c in bus.children.values() if "reg" in c.props] + [bus]
    base, size = WINDOW
    run("bind", "--region", "corpus", "--client", client[0].path, work + "/1.dtb", "-o", work + "/2.dtb")
    run("dma-ranges", "--bus", bus.path, "--identity", "%#x,%#x" % WINDOW, "--guards",
        work + "/2.dtb", "-o", work + "/3.dtb")
    guard = base + size - GUARD
    reserved["dma-guard@%x" % guard] = {"compatible": b"hvcma,dma-guard\0", "no-map": b"",
                                        "reg": cells_of_root(tree, guard, GUARD)}
    wanted = {client[0].path + ":memory-region": client[0].props.get("memory-region", b"") + handle,
              bus.path + ":dma-ranges": window_cells(bus, base, size) + kept_windows(tree, bus)}
    if "dma-ranges" in bus.props:
        wanted[bus.path + ":hvcma,dma-ranges-before"] = bus.props["dma-ranges"]
    return client[0].path, wanted


def edit(tree, work):
    """Pool, client, windows, guards; all of it as an overlay; and all taken back."""
    buses = find_buses(tree)
    bus = next((b for b in buses if is_straight(tree, b)), None)
    reserved, wanted, last = {}, {}, 1
    handle = edit_pool(tree, work, reserved)
    for crooked in [b for b in buses if not is_straight(tree, b)][:1]:
        run("dma-ranges", "--bus", crooked.path, "--identity", "%#x,%#x" % WINDOW,
            work + "/1.dtb", "-o", work + "/none.dtb", want=(1,))
    if bus is not None:
        client, wanted = edit_bus(tree, bus, handle, work, reserved)
        last = 3
    if "reserved-memory" in tree.root.children:
        wanted.update({"/reserved-memory/" + name: props for name, props in reserved.items()})
    else:
        wanted["/reserved-memory"] = {
            "#address-cells": cells_of(tree.root.cells("#address-cells"), 1),
            "#size-cells": cells_of(tree.root.cells("#size-cells"), 1), "ranges": b"",
            **{name + "/": props for name, props in reserved.items()}}
    path = work + "/%d.dtb" % last
    after = read(path)
    expect(tree, after, wanted)
    check_show(path, after)
    faults_of(path)
    run("overlay", work + "/0.dtb", path, "-o", work + "/o.dtbo")
    if bus is not None:
        run("drop-windows", "--bus", bus.path, path, "-o", work + "/4.dtb")
        run("unbind", "--region", "corpus", "--client", client, work + "/4.dtb", "-o", path)
    run("remove-region", "--region", "corpus", path, "-o", work + "/5.dtb")
    undone = read(work + "/5.dtb")
    same("taken back", (undone.reserved, differences(tree.root, undone.root)), (tree.reserved, {}))
    plain_dtb.apply_overlay(tree, read(work + "/o.dtbo"))
    same("applied overlay", differences(tree.root, after.root), {})


# ---- all of them ----

def faults_of(path):
    return sorted({f["id"] for f in json.loads(run("check", "--json", path, want=(0, 4)))
                   if f["severity"] == "fault"})


def try_file(path):
    """(path, ids of faults, what is wrong or None)"""
    faults = []
    try:
        tree = read(path)
        faults = faults_of(path)
        check_show(path, tree)
        with tempfile.TemporaryDirectory() as work:
            os.symlink(path, work + "/0.dtb")
            edit(tree, work)
    except (Wrong, ValueError, KeyError, IndexError, struct.error, subprocess.TimeoutExpired) as why:
        return path, faults, "%s: %s" % (type(why).__name__, why)
    return path, faults, None


# Says that it has bound a client, and has not.
LIAR = """#!/bin/sh
"%s" "$@" || exit
[ "$2" = bind ] || exit 0
eval "from=\\${$(($# - 2))} to=\\${$#}"
cp "$from" "$to"
"""


def is_liar_found(path):
    """Is an edit that is none noticed?"""
    global hvcma
    honest = hvcma
    with tempfile.TemporaryDirectory() as work:
        hvcma = work + "/liar"
        with open(hvcma, "w", encoding="ascii") as file:
            file.write(LIAR % honest)
        os.chmod(hvcma, 0o755)
        why = try_file(path)[2]
    hvcma = honest
    return why is not None and ":memory-region" in why


def listed(path):
    """Lines FILE IDS REASON: {file: ids}"""
    known = {}
    with open(path, encoding="ascii") as file:
        for line in file:
            if line.strip() and not line.startswith("#"):
                name, ids, _ = line.split(None, 2)
                known[name] = sorted(ids.split(","))
    return known


def main():
    global hvcma
    hvcma, faults, folder = sys.argv[1:]
    # A folder may be a link into a cache.
    paths = sorted(os.path.join(where, name) for top in sorted(os.listdir(folder))
                   for where, _, names in os.walk(os.path.realpath(os.path.join(folder, top)))
                   for name in names if name.endswith(".dtb"))
    tops = {os.path.realpath(os.path.join(folder, top)): top for top in os.listdir(folder)}
    known, found, wrong = listed(faults), {}, []
    planted = bool(paths) and is_liar_found(paths[0])
    with multiprocessing.Pool(len(os.sched_getaffinity(0))) as pool:
        for path, ids, why in pool.imap(try_file, paths, 16):
            top = [t for t in tops if path.startswith(t + "/")][0]
            name = tops[top] + path[len(top):]
            if ids:
                found[name] = ids
            if why:
                wrong.append(name)
                print("# %s: %s" % (name, why))
    for name in sorted(set(known) | set(found)):
        if known.get(name) != found.get(name):
            print("# %s: listed %s, found %s" % (name, known.get(name), found.get(name)))
    results = [(bool(paths), "%d files" % len(paths)),
               (planted, "an edit that is only said to be done is noticed"),
               (not wrong, "show and edits are what another parser sees (%d wrong)" % len(wrong)),
               (known == found, "faults in %d files, %d of them listed as true: no others, none gone" %
                (len(found), len(set(known) & set(found))))]
    for i, (good, text) in enumerate(results, 1):
        print("%s %d - %s" % ("ok" if good else "not ok", i, text))
    print("1..%d" % len(results))
    return 0 if all(good for good, _ in results) else 1


if __name__ == "__main__":
    sys.exit(main())
