# SPDX-License-Identifier: GPL-2.0-or-later
"""Reads flattened device trees by chapter 5 of the specification, without libfdt.

For tests that compare: what it does not know is an error, and it judges nothing.
"""
import struct


class Node:
    """A node: properties by name (bytes), children by name, both in the order of the blob."""

    def __init__(self, name, parent):
        self.name = name
        self.parent = parent
        self.props = {}
        self.children = {}

    @property
    def path(self):
        if self.parent is None:
            return "/"
        above = self.parent.path
        return (above if above != "/" else "") + "/" + self.name

    def walk(self):
        """The node and all below it, in the order of the blob."""
        yield self
        for child in self.children.values():
            yield from child.walk()

    def cells(self, name, standard=1):
        """Of its children: what a node does not say, Linux takes from the one above."""
        node = self
        while node is not None and name not in node.props:
            node = node.parent
        return standard if node is None else u32s(node.props[name])[0]

    def string(self, name):
        return self.strings(name)[0] if name in self.props else None

    def strings(self, name):
        return [s.decode("latin-1") for s in self.props[name].split(b"\0")[:-1]]


class Tree:
    """A blob: its root, its reservations as (address, size)."""

    def __init__(self, blob):
        (magic, total, structure, strings, reserved, version, compatible, _,
         size_strings, size_structure) = struct.unpack_from(">10I", blob)
        if magic != 0xd00dfeed or version < 17 or compatible > 17 or total > len(blob):
            raise ValueError("no device tree of version 17")
        names = blob[strings:strings + size_strings]
        self.reserved = []
        while True:
            pair = struct.unpack_from(">QQ", blob, reserved)
            if pair == (0, 0):
                break
            self.reserved.append(pair)
            reserved += 16
        self.root = parse(blob, structure, structure + size_structure, names)
        self.by_phandle = {}
        for node in self.root.walk():
            for name in ("phandle", "linux,phandle"):
                if name in node.props:
                    self.by_phandle.setdefault(u32s(node.props[name])[0], node)

    def find(self, path):
        node = self.root
        for name in path.split("/")[1:]:
            if name:
                node = node.children.get(name)
            if node is None:
                break
        return node


def parse(blob, at, end, names):
    known = {}
    node = root = None
    while at < end:
        tag, = struct.unpack_from(">I", blob, at)
        at += 4
        if tag == 1:
            stop = blob.index(b"\0", at)
            child = Node(blob[at:stop].decode("ascii"), node)
            if node is None:
                if root:
                    raise ValueError("two roots")
                root = child
            else:
                if child.name in node.children:
                    raise ValueError("two nodes are called " + child.path)
                node.children[child.name] = child
            node = child
            at = (stop + 4) & ~3
        elif tag == 3:
            length, name = struct.unpack_from(">II", blob, at)
            if name not in known:
                known[name] = names[name:names.index(b"\0", name)].decode("ascii")
            if known[name] in node.props:
                raise ValueError("two properties " + known[name] + " of " + node.path)
            node.props[known[name]] = blob[at + 8:at + 8 + length]
            at = (at + 8 + length + 3) & ~3
        elif tag == 2:
            node = node.parent
        elif tag == 9:
            if node is not None or at != end:
                raise ValueError("the end comes too early")
            return root
        elif tag != 4:
            raise ValueError("unknown tag %#x" % tag)
    raise ValueError("no end")


def u32s(value):
    return struct.unpack(">%dI" % (len(value) // 4), value[:len(value) & ~3])


def number(cells):
    """Of a list of cells; of more than two the last two count, as in a PCI address."""
    value = 0
    for cell in cells[-2:]:
        value = value << 32 | cell
    return value


def differences(a, b, path=""):
    """What is to be done to node a to make it b: {path or path:property: (before, after)}."""
    found = {}
    for name in list(a.props) + [n for n in b.props if n not in a.props]:
        if a.props.get(name) != b.props.get(name):
            found[(path or "/") + ":" + name] = (a.props.get(name), b.props.get(name))
    for name in list(a.children) + [n for n in b.children if n not in a.children]:
        if name not in b.children:
            found[path + "/" + name] = (a.children[name], None)
        elif name not in a.children:
            found[path + "/" + name] = (None, b.children[name])
        else:
            found.update(differences(a.children[name], b.children[name], path + "/" + name))
    return found


def apply_overlay(tree, overlay):
    """Merges fragments with target-path into the tree, phandles made higher than its own."""
    shift = max(list(tree.by_phandle) + [0])

    def shifted(value, offset):
        handle = u32s(value[offset:offset + 4])[0] + shift
        return value[:offset] + struct.pack(">I", handle) + value[offset + 4:]

    def fix(node, fixups):
        for name in ("phandle", "linux,phandle"):
            if name in node.props:
                node.props[name] = shifted(node.props[name], 0)
        for name, offsets in fixups.props.items() if fixups else ():
            for offset in u32s(offsets):
                node.props[name] = shifted(node.props[name], offset)
        for name, child in node.children.items():
            fix(child, fixups.children.get(name) if fixups else None)

    def merge(node, source):
        node.props.update(source.props)
        for name, child in source.children.items():
            if name not in node.children:
                node.children[name] = Node(name, node)
            merge(node.children[name], child)

    fix(overlay.root, overlay.root.children.get("__local_fixups__"))
    for fragment in overlay.root.children.values():
        if "__overlay__" in fragment.children:
            merge(tree.find(fragment.string("target-path")), fragment.children["__overlay__"])
