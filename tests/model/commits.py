"""Commits, and what cryptography and operators give: signatures, fresh keys, hubs' keys, time."""
from hashlib import blake2b


def digest_of(*parts):
    """A hash that is the same in every run of Python."""
    return int.from_bytes(blake2b(repr(parts).encode(), digest_size=8).digest(), "big")


def root_of(key):
    return digest_of("chain", key)


class Commit:
    """What its author signed. `id` is the chain value; `seq` the number of the last event."""
    __slots__ = "key seq prev agg ops hlc ctx nonce uids seen made leaf id".split()
    tomb = False

    def __init__(self, key, seq, prev, agg, ops, hlc, ctx, nonce,
                 uids=(), seen=frozenset(), made=0):
        self.key, self.seq, self.prev, self.agg, self.ops = key, seq, prev, agg, ops
        self.hlc, self.ctx, self.nonce = hlc, ctx, nonce
        self.uids, self.seen, self.made = uids, seen, made      # the oracle's: not on the wire
        self.leaf = self.leaf_of()
        self.id = digest_of(prev, self.leaf)

    def leaf_of(self):
        return digest_of(self.key, self.seq, self.agg, self.ops, self.hlc, self.ctx, self.nonce)

    @property
    def base(self):
        return self.seq - len(self.ops)

    @property
    def bad(self):
        return self.agg is not None and any(op[-1] == "bad" for op in self.ops)


class Tomb:
    """A refused commit without its payload: enough to continue the chain."""
    __slots__ = "key seq base prev leaf id".split()
    tomb, agg, ops, ctx, uids = True, None, (), (), ()

    def __init__(self, c):
        self.key, self.seq, self.base, self.prev = c.key, c.seq, c.base, c.prev
        self.leaf, self.id = c.leaf, c.id


class World:
    """What cryptography and operators give: who signed what, which keys are hubs'."""

    def __init__(self):
        self.minted, self.hub_keys, self.next, self.now = {}, set(), 1, 10_000
        # The oracle's: the fastest clock by which a hub ruled, and the events of each edit.
        self.clock_max, self.edits = 0, []

    def token(self):
        self.next += 1
        return self.next

    def mint(self, c):
        return self.minted.setdefault(c.id, c)
