# SPDX-License-Identifier: GPL-2.0-or-later
"""Device trees at random, for what no board has: buses whose cells, dma-ranges and parents are of
any kind, reserved memory that fits and that does not.

    random_trees.py FOLDER N        N files; the same each time
"""
import random
import struct
import sys


class Writer:
    """A blob by chapter 5 of the specification."""

    def __init__(self):
        self.structure, self.strings, self.names = [], b"", {}

    def prop(self, name, value=b""):
        if isinstance(value, str):
            value = value.encode() + b"\0"
        if isinstance(value, list):
            value = struct.pack(">%dI" % len(value), *value)
        if name not in self.names:
            self.names[name] = len(self.strings)
            self.strings += name.encode() + b"\0"
        self.structure.append(struct.pack(">III", 3, len(value), self.names[name]) + pad(value))

    def begin(self, name):
        self.structure.append(struct.pack(">I", 1) + pad(name.encode() + b"\0"))

    def end(self):
        self.structure.append(struct.pack(">I", 2))

    def blob(self):
        body = b"".join(self.structure) + struct.pack(">I", 9)
        header, reserved = 40, bytes(16)
        at = header + len(reserved)
        total = at + len(body) + len(self.strings)
        return struct.pack(">10I", 0xd00dfeed, total, at, at + len(body), header, 17, 16, 0,
                           len(self.strings), len(body)) + reserved + body + self.strings


def pad(value):
    return value + bytes(-len(value) % 4)


def cells(value, nr):
    return [(value >> 32 * i) & 0xffffffff if i < 2 else 0 for i in reversed(range(nr))]


class Tree:
    def __init__(self, seed):
        self.r = random.Random(seed)
        self.w = Writer()
        self.nr = 0
        self.phandles = 100
        self.providers = []

    def chance(self, percent):
        return self.r.randrange(100) < percent

    def name(self, what):
        self.nr += 1
        return "%s@%x" % (what, self.nr)

    # ---- memory ----

    def range(self, granule=1 << 20):
        base = self.r.randrange(0x40000000, 0xa0000000, granule)
        return base, self.r.choice([granule, granule * 3, 1 << 22, 1 << 24, 1 << 26, 1 << 28])

    def pair(self, base, size, address, bytes_):
        return cells(base, address) + cells(size, bytes_)

    def pool(self, address, size):
        self.w.begin(self.name("pool"))
        kind = self.r.choice(["shared-dma-pool"] * 3 + ["restricted-dma-pool", "other", None])
        if kind:
            self.w.prop("compatible", kind)
        for flag, percent in ("reusable", 45), ("no-map", 30), ("linux,cma-default", 8):
            if self.chance(percent):
                self.w.prop(flag)
        if self.chance(12):
            self.w.prop("status", self.r.choice(["disabled", "okay", "ok", "fail"]))
        granule = self.r.choice([1 << 12, 1 << 20, 1 << 21, 1 << 21])
        if self.chance(60):
            regs = []
            for _ in range(self.r.choice([1, 1, 1, 2])):
                base, length = self.range(granule)
                regs += self.pair(base, 0 if self.chance(3) else length, address, size)
            self.w.prop("reg", regs[:-1] if self.chance(4) else regs)
        else:
            length = granule * self.r.choice([1, 2, 16, 64, 300])
            self.w.prop("size", cells(length, size + (1 if self.chance(5) else 0)))
            if self.chance(50):
                self.w.prop("alignment", cells(1 << self.r.randrange(12, 27),
                                               address + (1 if self.chance(5) else 0)))
            if self.chance(50):
                ranges = []
                for _ in range(self.r.choice([1, 1, 2])):
                    base, length = self.range()
                    ranges += self.pair(base, length * self.r.choice([1, 4]), address, size)
                self.w.prop("alloc-ranges", ranges[:-1] if self.chance(5) else ranges)
        self.w.end()

    def reserved(self, address, size):
        if self.chance(15):
            return
        self.w.begin("reserved-memory")
        self.w.prop("#address-cells", [address if self.chance(97) else 3 - address])
        self.w.prop("#size-cells", [size])
        if self.chance(97):
            self.w.prop("ranges")
        for _ in range(self.r.randrange(0, 7)):
            self.pool(address, size)
        self.w.end()

    # ---- buses ----

    def address(self):
        return self.r.choice([0, 0, 0x40000000, 0x80000000, 0xc0000000, 0x100000000, 0x200000000])

    def windows(self, own, size, above, flags):
        value = []
        for _ in range(self.r.choice([1, 1, 2, 3])):
            child = cells(self.address(), own)
            parent = cells(self.address(), above)
            if own == 3:
                child[0] = self.r.choice(flags)
            if above == 3:
                parent[0] = self.r.choice(flags)
            value += child + parent + cells(self.r.choice([1 << 28, 1 << 30, 1 << 30, 1 << 31]), size)
        return value[:-1] if self.chance(3) else value

    def bus(self, depth, above, inherited):
        """A node with others below; above: its parent's address cells."""
        kind = self.r.choice(["bus"] * 6 + ["pci", "pcie", "isa"])
        self.w.begin(self.name(kind if kind != "pci" else "bridge"))
        own, size = inherited
        if kind in ("pci", "pcie"):
            own, size = 3, 2
        elif self.chance(90):
            own, size = self.r.choice([1, 2, 2, 2, 3]), self.r.choice([1, 2, 2])
        if kind == "isa":
            own, size = 2, 1
        if kind == "pci":
            self.w.prop("device_type", "pci")
        self.w.prop("compatible", "bus")
        if (own, size) != inherited or self.chance(80):
            self.w.prop("#address-cells", [own])
            self.w.prop("#size-cells", [size])
        if self.chance(80):
            self.w.prop("ranges")
        self.phandles += 1
        self.w.prop("phandle", [self.phandles])
        provider = self.phandles
        if self.chance(20):
            self.w.prop("#interconnect-cells", [1])
            self.providers.append(provider)
        choice = self.r.randrange(100)
        flags = [0x02000000, 0x03000000, 0x43000000, 0x01000000]
        if choice < 55:
            self.w.prop("dma-ranges", self.windows(own, size, above, flags[:self.r.choice([1, 4])]))
        elif choice < 75:
            self.w.prop("dma-ranges")
        if self.chance(8):
            self.w.prop(self.r.choice(["dma-coherent", "dma-noncoherent"]))
        for _ in range(self.r.randrange(1, 4)):
            if depth < 4 and self.chance(60):
                self.bus(depth + 1, own, (own, size))
            else:
                self.device(own, size)
        self.w.end()

    def device(self, own, size):
        self.w.begin(self.name("dev"))
        self.w.prop("compatible", "device")
        self.w.prop("reg", [0] * (own + size))
        if self.chance(10):
            self.w.prop(self.r.choice(["dma-coherent", "dma-noncoherent"]))
        if self.providers and self.chance(25):
            self.w.prop("interconnects", [self.r.choice(self.providers), 1])
            self.w.prop("interconnect-names", self.r.choice(["dma-mem", "dma-mem", "other"]))
        self.w.end()

    def make(self):
        address, size = self.r.choice([1, 2, 2]), self.r.choice([1, 2, 2])
        self.w.begin("")
        self.w.prop("compatible", "random")
        self.w.prop("#address-cells", [address])
        self.w.prop("#size-cells", [size])
        self.w.begin("chosen")
        if self.chance(5):
            self.w.prop("bootargs", "quiet cma=64M")
        self.w.end()
        self.w.begin("memory@40000000")
        self.w.prop("device_type", "memory")
        self.w.prop("reg", self.pair(0x40000000, self.r.choice([1 << 28, 1 << 30]), address, size) +
                    (self.pair(0x90000000, 1 << 28, address, size) if self.chance(30) else []))
        self.w.end()
        self.reserved(address, size)
        for _ in range(self.r.randrange(1, 4)):
            self.bus(1, address, (address, size))
        self.w.end()
        return self.w.blob()


def main():
    folder, nr = sys.argv[1], int(sys.argv[2])
    for seed in range(nr):
        with open("%s/random-%04d.dtb" % (folder, seed), "wb") as file:
            file.write(Tree(seed).make())


if __name__ == "__main__":
    main()
