"""Reads events with Google's protobuf library.

Arguments: a file with an encoded FileDescriptorSet. Standard input: a line for each event, its message's name and
its payload in hexadecimal. Standard output: for each a line of JSON, `value` being what the library reads, and
`again` what it writes for that, in hexadecimal. Fields that it does not know are an error, and so is another value
after writing and reading once more.
"""

import json
import sys

from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory


def classes(path):
    files = descriptor_pb2.FileDescriptorSet()
    with open(path, "rb") as file:
        files.ParseFromString(file.read())
    pool = descriptor_pool.DescriptorPool()
    for file in files.file:
        pool.Add(file)
    return lambda name: message_factory.GetMessageClass(pool.FindMessageTypeByName(name))


def value_of(message):
    """The value with all defaults, so that nothing is equal by being absent."""
    names = {"preserving_proto_field_name": True}
    try:
        return json_format.MessageToDict(message, always_print_fields_with_no_presence=True, **names)
    except TypeError:  # Before version 26 the option had another name.
        return json_format.MessageToDict(message, including_default_value_fields=True, **names)


def parse(kind, payload):
    message = kind()
    if message.ParseFromString(payload) != len(payload):
        raise ValueError(f"{kind.DESCRIPTOR.name}: bytes are left over")
    known = kind()
    known.CopyFrom(message)
    known.DiscardUnknownFields()
    if known.ByteSize() != message.ByteSize():
        raise ValueError(f"{kind.DESCRIPTOR.name}: it has unknown fields")
    return message


def main():
    kind = classes(sys.argv[1])
    for line in sys.stdin:
        name, payload = line.rstrip("\n").split(" ")
        message = parse(kind(name), bytes.fromhex(payload))
        again = message.SerializeToString(deterministic=True)
        if parse(kind(name), again) != message:
            raise ValueError(f"{name}: it reads another value in what it wrote")
        print(json.dumps({"value": value_of(message), "again": again.hex()}))


main()
