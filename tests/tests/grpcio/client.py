"""A client of two hubs, over gRPC and TLS, with code generated from sync.proto alone.

    client.py PROTO FOLDER ROOTS TOKEN FIRST SECOND

Carries what the first hub holds to the second one, stays live with both, and carries what comes next.
Each line that it prints is a step that succeeded.
"""

import os
import queue
import sys
import time

import blake3
import grpc
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from grpc_tools import protoc

proto, folder, roots, token, first, second = sys.argv[1:]
include = os.path.join(proto, "synckit", "v1", "sync.proto")
assert protoc.main(["", f"-I{proto}", f"--python_out={folder}", f"--grpc_python_out={folder}", include]) == 0
sys.path.insert(0, folder)
from synckit.v1 import sync_pb2 as pb  # noqa: E402
from synckit.v1 import sync_pb2_grpc as service  # noqa: E402

WITHIN = 60  # seconds for a whole session


def say(word):
    print(word, flush=True)


def channel(address):
    with open(roots, "rb") as file:
        return grpc.secure_channel(address, grpc.ssl_channel_credentials(file.read()))


def varint(number):
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes(out + bytes([number]))


def transcript(initiator, acceptor):
    """What the initiator signs, of both greetings in the bytes in which they travelled."""
    hasher = blake3.blake3(derive_key_context="synckit 2026 session handshake")
    for greeting in (initiator, acceptor):
        hasher.update(varint(len(greeting)) + greeting)
    hasher.update(b"\x01")
    return hasher.digest()


class Session:
    def __init__(self, address, shown):
        key = Ed25519PrivateKey.generate()
        public = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        self.outgoing = queue.Queue(64)
        self.channel = channel(address)
        stub = service.SyncServiceStub(self.channel)
        metadata = [("authorization", f"Bearer {shown}")] if shown else []
        self.frames = stub.Sync(iter(self.outgoing.get, None), metadata=metadata, timeout=WITHIN)
        wall = time.time_ns() // 1_000_000
        hello = pb.Hello(
            protocol=2, replica=public, space="default", nonce=os.urandom(32), sends=True, receives=True, wall=wall
        )
        self.send(hello=hello)
        frame = next(self.frames)
        if frame.HasField("goodbye"):
            raise PermissionError(pb.GoodbyeCode.Name(frame.goodbye.code))
        # A hub's greeting holds no zeros, so it is encoded again as it travelled.
        signed = transcript(hello.SerializeToString(), frame.hello.SerializeToString())
        theirs = next(self.frames).start
        assert theirs.signature and theirs.head >= 0
        self.send(start=pb.Start(signature=key.sign(signed), frontier=pb.Holds(), head=0))
        self.sent = 0

    def send(self, **body):
        self.outgoing.put(pb.Frame(**body))

    def pull(self):
        """The blocks up to the end of the hub's log, acknowledged."""
        blocks = []
        while True:
            events = next(frame.events for frame in self.frames if frame.HasField("events"))
            blocks += events.blocks
            through = events.through.position
            self.send(ack=pb.Ack(through=through))
            if through == events.head and blocks:
                return blocks, through

    def push(self, blocks, position):
        digest = blake3.blake3(b"".join(blocks)).digest()
        through = pb.Place(position=position, digest=digest)
        self.send(events=pb.Events(through=through, head=position, blocks=blocks))
        while True:
            frame = next(self.frames)
            assert not frame.HasField("goodbye"), frame
            if frame.HasField("ack") and frame.ack.through == position:
                return

    def end(self):
        self.send(goodbye=pb.Goodbye(code=pb.GOODBYE_CODE_DONE))
        self.outgoing.put(None)
        for _ in self.frames:
            pass
        assert self.frames.code() == grpc.StatusCode.OK, self.frames.code()
        self.channel.close()


reflection = reflection_pb2_grpc.ServerReflectionStub(channel(first))
asked = [
    reflection_pb2.ServerReflectionRequest(list_services=""),
    reflection_pb2.ServerReflectionRequest(file_containing_symbol="synckit.v1.SyncService"),
]
listed, described = reflection.ServerReflectionInfo(iter(asked), timeout=WITHIN)
names = [service.name for service in listed.list_services_response.service]
assert "synckit.v1.SyncService" in names and "grpc.health.v1.Health" in names, names
assert described.file_descriptor_response.file_descriptor_proto
say("described")

for shown in (None, "synckit_unknown"):
    try:
        Session(first, shown)
        raise AssertionError("let in")
    except PermissionError as denied:
        assert str(denied) == "GOODBYE_CODE_UNAUTHENTICATED", denied
say("turned away")

pulling, pushing = Session(first, token), Session(second, token)
blocks, position = pulling.pull()
say("pulled")
pushing.push(blocks, position)
say("pushed")
blocks, position = pulling.pull()
say("received live")
pushing.push(blocks, position)
pulling.end()
pushing.end()
say("done")
