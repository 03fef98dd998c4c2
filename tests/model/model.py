"""Executable specification of logs, cursors, frontiers, forks, refusals and re-datings.

What a store keeps is a grow-only set of signed commits in an append-only, causally ordered log.
States are a function of that set. README.md states the rules by number; `OFF` switches rules off,
and sim.py then finds a counterexample.
"""
from commits import Commit, Tomb, World, digest_of, root_of

OFF = set()         # rules switched off
MODE = set()        # variants: see `run`
BOUND = 5           # how far a stamp may be ahead of a hub's clock
BRANCHES_MAX = 3    # live branches of a key that hubs admit


def on(rule):
    return rule not in OFF


class Lie(Exception):
    """A forged or withheld commit."""


class Gap(Exception):
    """A commit needs one that is not held."""


class Store:
    SETS = "log digest commits cursors source refused clamps own acked met".split()
    NESTED = "kids heads agg_heads closed".split()
    SINGLE = "key own_head used_elsewhere folded".split()

    def __init__(self, world, name, hub=False):
        self.world, self.name, self.hub, self.offset = world, name, hub, 0
        self.log, self.digest = [], [digest_of("log")]      # ids in order; the digest after each
        self.commits, self.kids, self.heads = {}, {}, {}    # kids: (key, parent) -> ids
        self.folded, self.agg_heads = 0, {}         # how far states reflect the log; newest commits
        self.cursors = {}                           # peer key -> (position in its log, digest)
        self.source = {}                            # only read with `session_marks` switched off
        self.met = {}                               # only read with `late_rulings` switched off
        self.refused, self.clamps, self.closed = set(), {}, {}     # from the control events held
        self.own, self.acked = set(), set()
        self.new_key()
        self.open()

    # Files

    def snapshot(self):
        snap = {f: getattr(self, f).copy() for f in self.SETS}
        snap |= {f: {k: v.copy() for k, v in getattr(self, f).items()} for f in self.NESTED}
        return snap | {f: getattr(self, f) for f in self.SINGLE}

    def load(self, snap):
        for f in self.SETS:
            setattr(self, f, snap[f].copy())
        for f in self.NESTED:
            setattr(self, f, {k: v.copy() for k, v in snap[f].items()})
        for f in self.SINGLE:
            setattr(self, f, snap[f])

    def new_key(self):
        self.fold_through(len(self.log))            # its commits so far are another author's
        self.key, self.own_head, self.used_elsewhere = self.world.token(), None, False
        if self.hub:
            self.world.hub_keys.add(self.key)

    def open(self, same_file=True):
        self.nonce = self.world.token() if on("nonce") else 0
        if not same_file and on("token"):
            self.new_key()
        if not on("own_line"):
            self.take_back()

    def take_back(self):
        """Not a rule: continues the branch of its key that it met first, whoever wrote it."""
        ids = [i for i in self.log if self.commits[i].key == self.key]
        following = root_of(self.key)
        while following is not None:
            head = following
            following = next((i for i in ids if self.commits[i].prev == head), None)
        if ids:
            self.own_head, self.used_elsewhere = (head, self.commits[head].seq), False

    # Reading

    def clock(self):
        return max(0, self.world.now + self.offset)

    def path(self, i):
        """The ids of a commit and of all before it on its chain, last first."""
        while i in self.commits:
            yield i
            i = self.commits[i].prev

    def covered(self, prev, ctx):
        """What an author saw: its own path, and of each anchor's path the events up to a number."""
        for i in self.path(prev):
            yield i
        for anchor, seq in ctx:
            if on("context_chain"):
                ids = self.path(anchor)
            else:                                   # number alone: whatever branch it lies on
                key = self.commits[anchor].key
                ids = [i for i, c in self.commits.items() if c.key == key]
            for i in ids:
                if self.commits[i].seq <= seq or not on("context_number"):
                    yield i

    def stamp(self, i):
        c = self.commits[i]
        return None if c.agg is None else min(c.hlc, self.clamps.get(i, c.hlc))

    def past_stamp(self, prev, ctx, agg):
        """The highest stamp in force that an author saw in an aggregate."""
        ids = {i for i in self.covered(prev, ctx) if self.commits[i].agg == agg}
        if on("past_in_force"):
            ids = {i for i in ids if not self.is_refused(self.commits[i])}
        return max(map(self.stamp, ids), default=0)

    def is_void(self, c):
        """Whether a hub has closed the key before this commit."""
        return c.key in self.closed and c.id not in self.closed[c.key]

    def is_refused(self, c):
        return c.id in self.refused or (c.key, c.seq) in self.refused or self.is_void(c)

    def forks(self):
        return {place for place, ids in self.kids.items() if len(ids) > 1}

    def live_branches(self, key):
        forks = (ids for (of, _), ids in self.kids.items() if of == key)
        live = (sum(not self.is_void(self.commits[i]) for i in ids) for ids in forks)
        return 1 + sum(count - 1 for count in live if count > 1)

    # Writing

    def author(self, agg, ops, hlc, ctx, uids=(), seen=frozenset()):
        if self.used_elsewhere and on("new_key"):
            self.new_key()
        prev, seq = self.own_head or (root_of(self.key), 0)
        c = Commit(self.key, seq + len(ops), prev, agg, ops, hlc, ctx, self.nonce, uids, seen,
                   self.world.now)
        c = self.world.mint(c)
        if c.id not in self.commits:                # held already: only without the nonce
            self.own_head = (c.id, c.seq)
            self.own.add(c.id)
            self.append(c)
        return c

    def edit(self, agg, ops, uids, ahead=1):
        """One edit of an application: never refused because of a clock. A cheat goes `ahead`."""
        if self.used_elsewhere and on("new_key"):
            self.new_key()
        self.acked.update(uids)
        prev = self.own_head[0] if self.own_head else root_of(self.key)
        ctx = self.context(agg, set(self.path(prev)))
        past = self.past_stamp(prev, ctx, agg) if on("stamp_after_past") else 0
        seen = set(self.log[:self.folded]) | self.own.intersection(self.path(prev))
        seen = frozenset(u for i in seen for u in self.commits[i].uids)
        if all(op[0] == "add" for op in ops):       # what commutes names nothing
            ctx = ()
        return self.author(agg, ops, max(self.clock(), ahead + past), ctx, uids, seen)

    def context(self, agg, own_path):
        """The newest commits folded there, each as a number on the path to an anchor."""
        rows = []
        for i in self.agg_heads.get(agg, set()) - own_path:
            key, seq = self.commits[i].key, self.commits[i].seq
            anchor = min(h for h in self.heads[key] if i in self.path(h))
            rows.append((anchor, seq))
        return tuple(sorted(rows))

    def fold_through(self, position):
        """States follow the log, at their own pace."""
        for i in self.log[self.folded:position]:
            c = self.commits[i]
            if c.agg is None:
                continue
            newest = self.agg_heads.setdefault(c.agg, set())
            newest.difference_update(list(self.path(c.prev)))
            newest.add(i)
        self.folded = max(self.folded, position)

    def append(self, c):
        self.index(c)
        self.enter(c)

    def enter(self, c):
        self.log.append(c.id)
        self.digest.append(digest_of(self.digest[-1], c.key, c.seq, c.id))

    def index(self, c):
        """Knows a commit, which stands in the log at the end of its batch."""
        self.commits[c.id] = c
        self.kids.setdefault((c.key, c.prev), set()).add(c.id)
        heads = self.heads.setdefault(c.key, set())
        heads.discard(c.prev)
        heads.add(c.id)
        if self.is_ruling(c):
            self.obey(*c.ops[0])
        self.met[c.id] = (self.stamp(c.id), self.is_refused(c))

    def is_ruling(self, c):
        return not c.tomb and c.agg is None and c.key in self.world.hub_keys

    def obey(self, kind, what, value=None):
        """A control event of a certified hub. Each only ever takes away: no order matters."""
        if kind == "refused":
            self.refused.add(what)
        elif kind == "redated":
            for i, at in what:
                was = self.clamps.get(i, at)
                self.clamps[i] = min(was, at) if on("clamp_min") else was
        elif kind == "closed":
            live = {i for head in value for i in self.path(head)}
            self.closed[what] = self.closed.get(what, live) & live
            self.used_elsewhere |= what == self.key

    # Frontier

    def frontier(self):
        """Of every branch the head, and the commits 1, 2, 4 … before it."""
        if not on("frontier_chain"):
            return {k: max(self.commits[h].seq for h in hs) for k, hs in self.heads.items() if hs}
        out = set()
        for head in (h for hs in self.heads.values() for h in hs):
            path = list(self.path(head))
            steps = [0] + [1 << n for n in range(len(path).bit_length())]
            out.update(path[n] for n in steps if n < len(path))
        return out

    def held_by(self, frontier):
        """What of this log a peer holds: what lies behind a commit of its frontier."""
        if not on("frontier_chain"):
            return {i for i, c in self.commits.items() if c.seq <= frontier.get(c.key, 0)}
        held = set()
        for i in frontier:
            for j in self.path(i):
                if j in held:
                    break
                held.add(j)
        return held

    # Receiving

    def verify(self, m):
        """A signature vouches for a chain value; the content has to hash to it."""
        if not m.tomb and on("signatures") and m.leaf_of() != m.leaf:
            raise Lie("content")
        if digest_of(m.prev, m.leaf) != m.id:
            raise Lie("chain")
        signed = self.world.minted.get(m.id)
        if on("signatures") and (signed is None or (signed.key, signed.seq) != (m.key, m.seq)):
            raise Lie("signature")
        if m.tomb and not self.is_refused(m) and on("tomb_needs_refusal"):
            raise Lie("payload withheld")

    def take(self, frame, peer_key, rng):
        """Takes a frame in batches: what a hub rules on commits stands before them."""
        batch, rulings = [], []
        try:
            for m in (m for m in frame if m.id not in self.commits):
                self.check(m)
                if self.hub and (m.tomb or m.agg is not None):
                    self.judge(m, batch, rulings)
                if m.key == self.key and m.id not in self.own:
                    self.used_elsewhere = True
                tomb = "payloads" not in MODE and rng.random() < .5
                if tomb and self.is_refused(m) and not m.tomb:
                    m = Tomb(m)
                self.index(m)
                self.source[m.id] = peer_key
                batch.append(m)
                if self.is_ruling(m) and on("ruling_order"):
                    self.settle(batch, rulings)     # what is ruled in view of it stands behind it
        finally:                                    # what came before a lie or a gap is taken
            self.settle(batch, rulings)

    def check(self, m):
        """It is its author's, and what it needs is held."""
        self.verify(m)
        first = m.prev == root_of(m.key)
        if first != (m.base == 0):
            raise Lie("number")
        needs = [anchor for anchor, _ in m.ctx] + ([] if first else [m.prev])
        if any(i not in self.commits for i in needs):
            raise Gap(f"{self.name} lacks what {m.key}:{m.seq} needs")
        if not first:
            parent = self.commits[m.prev]
            if (parent.key, parent.seq) != (m.key, m.base):
                raise Lie("spliced")
        if self.kids.get((m.key, m.prev)) and not on("branches"):
            raise Gap(f"{self.name} holds another branch of {m.key}")

    def judge(self, m, batch, rulings):
        """At hubs only."""
        rivals = self.kids.get((m.key, m.prev)) and not self.is_void(m)
        if rivals and on("cap") and self.live_branches(m.key) >= BRANCHES_MAX:
            self.settle(batch, rulings)             # a closing stands behind the heads it names
            live = sorted(h for h in self.heads[m.key] if not self.is_void(self.commits[h]))
            ctx = tuple((h, self.commits[h].seq) for h in live)
            self.author(None, (("closed", m.key, tuple(live)),), 0, ctx)
        if m.tomb or self.is_refused(m):
            return
        if m.bad and (self.key + m.uids[0]) % 3:
            ruling = ("refused", m.id if on("refuse_by_chain") else (m.key, m.seq))
        else:
            ruling = None if "interim" in MODE else self.redating(m)
        if ruling:
            rulings.append(ruling)
            self.obey(*ruling)                      # what follows in this batch is judged by it

    def redating(self, m):
        clock, past = self.clock(), self.past_stamp(m.prev, m.ctx, m.agg)
        self.world.clock_max = max(self.world.clock_max, clock)
        at = min(m.hlc, self.clamps.get(m.id, m.hlc))
        if at <= (max(clock + BOUND, 1 + past) if on("clamp_step") else max(clock, past) + BOUND):
            return None
        to = clock + BOUND if "to_bound" in MODE else clock
        return "redated", ((m.id, max(to, 1 + past) if on("clamp_after_past") else to),)

    def settle(self, batch, rulings):
        """Ends a batch. One ruling lists all commits that were re-dated."""
        if not on("ruling_first"):
            self.enter_all(batch)
        dated = tuple(pair for kind, pairs in rulings if kind == "redated" for pair in pairs)
        ops = [r for r in rulings if r[0] != "redated"] + [("redated", dated)] * bool(dated)
        rulings.clear()
        for op in ops:
            self.author(None, (op,), 0, ())
        self.enter_all(batch)

    def enter_all(self, batch):
        for m in batch:
            self.enter(m)
        batch.clear()


def session(a, b, rng, cut=0.0, stats=None, meanwhile=lambda: None):
    """Both directions at once, frame by frame. True if it ran to the end."""
    if a is b:
        return True
    keys = {a: a.key, b: b.key}                     # a session goes on under the key it began with
    arrived, streams = {a: set(), b: set()}, []
    for s, r in ((a, b), (b, a)):
        position, digest = r.cursors.get(keys[s], (0, None))
        known = digest is not None and position < len(s.digest)
        # If it does not fit, the receiver says what it holds, and the session goes on.
        fits = known and (s.digest[position] == digest or not on("cursor_digest"))
        if stats is not None:
            stats["cursor" if fits else "rewind" if position else "frontier"] += 1
        held = None if fits else s.held_by(r.frontier())
        streams.append([s, r, position if fits else 0, held])
    while any(t[2] < len(t[0].log) for t in streams):
        t = rng.choice([t for t in streams if t[2] < len(t[0].log)])
        s, r, position, held = t
        frame, count = [], rng.randint(1, 6)
        while position < len(s.log) and len(frame) < count:
            i = s.log[position]
            position += 1
            skip = i in arrived[s]
            if not on("session_marks"):             # a durable mark of where a commit came from
                skip = held is None and s.source.get(i) == keys[r]
            if not skip and i not in (held or ()):
                frame.append(s.commits[i])
        if rng.random() < cut:
            return False                            # sent, never committed
        try:
            r.take(frame, keys[s], rng)
        except Gap:
            r.cursors.pop(keys[s], None)            # by frontier the next time
            if stats is not None:
                stats["gap"] += 1
            return False
        t[2] = position
        arrived[r].update(m.id for m in frame)
        r.cursors[keys[s]] = (position, s.digest[position])
        if rng.random() < cut:
            return False                            # committed, never acknowledged
        meanwhile()
    return True
