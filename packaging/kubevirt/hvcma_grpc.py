# SPDX-License-Identifier: GPL-2.0-only
"""Messages and services of the protocols that Kubernetes and KubeVirt speak to plugins: tables instead of generated code.

Device plugins of Kubernetes are package v1beta1, hooks of KubeVirt 1.9 kubevirt.hooks.plugins.v1alpha1. Fields that
are not named here are left out of what is read. What is done with them is not for this file.
"""

import sys

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

FIELD = descriptor_pb2.FieldDescriptorProto
KINDS = {"string": FIELD.TYPE_STRING, "bytes": FIELD.TYPE_BYTES, "bool": FIELD.TYPE_BOOL, "int64": FIELD.TYPE_INT64}

# Of each message the fields: name, number, type; "*" is repeated, "map" one of texts to texts.
DEVICE_PLUGIN = {
    "Empty": (),
    "DevicePluginOptions": (("pre_start_required", 1, "bool"), ("get_preferred_allocation_available", 2, "bool")),
    "RegisterRequest": (("version", 1, "string"), ("endpoint", 2, "string"), ("resource_name", 3, "string"),
                        ("options", 4, "DevicePluginOptions")),
    "NUMANode": (("ID", 1, "int64"),),
    "TopologyInfo": (("nodes", 1, "*NUMANode"),),
    "Device": (("ID", 1, "string"), ("health", 2, "string"), ("topology", 3, "TopologyInfo")),
    "ListAndWatchResponse": (("devices", 1, "*Device"),),
    "ContainerAllocateRequest": (("devices_ids", 1, "*string"),),
    "AllocateRequest": (("container_requests", 1, "*ContainerAllocateRequest"),),
    "DeviceSpec": (("container_path", 1, "string"), ("host_path", 2, "string"), ("permissions", 3, "string")),
    "ContainerAllocateResponse": (("envs", 1, "map"), ("devices", 3, "*DeviceSpec")),
    "AllocateResponse": (("container_responses", 1, "*ContainerAllocateResponse"),),
}
DOMAIN_HOOK = {
    "SidecarContext": (("invocation_context", 1, "string"),),
    "MutateDomainRequest": (("domain_type", 1, "string"), ("domain", 2, "bytes"), ("vmi", 3, "bytes"),
                            ("sidecar_context", 4, "SidecarContext")),
    "MutateDomainResponse": (("domain", 1, "bytes"),),
}


def messages(package, table):
    """Classes of the table's messages, by name."""
    file = descriptor_pb2.FileDescriptorProto(name=f"{package}.proto", package=package, syntax="proto3")
    for name, fields in table.items():
        message = file.message_type.add(name=name)
        for field, number, kind in fields:
            one = message.field.add(name=field, number=number, label=FIELD.LABEL_OPTIONAL)
            if kind == "map":
                entry = message.nested_type.add(name=f"{field.capitalize()}Entry")
                entry.options.map_entry = True
                for part, of in (("key", 1), ("value", 2)):
                    entry.field.add(name=part, number=of, type=FIELD.TYPE_STRING, label=FIELD.LABEL_OPTIONAL)
                one.label, kind = FIELD.LABEL_REPEATED, f"{name}.{entry.name}"
            if kind.startswith("*"):
                one.label, kind = FIELD.LABEL_REPEATED, kind[1:]
            if kind in KINDS:
                one.type = KINDS[kind]
            else:
                one.type, one.type_name = FIELD.TYPE_MESSAGE, f".{package}.{kind}"
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    # The one is of protobuf 4.22 and newer, the other of those before.
    get = getattr(message_factory, "GetMessageClass", None) or message_factory.MessageFactory(pool).GetPrototype
    return {name: get(pool.FindMessageTypeByName(f"{package}.{name}")) for name in table}


def unary(function, request):
    return grpc.unary_unary_rpc_method_handler(function, request_deserializer=request.FromString,
                                               response_serializer=lambda answer: answer.SerializeToString())


def stream(function, request):
    return grpc.unary_stream_rpc_method_handler(function, request_deserializer=request.FromString,
                                                response_serializer=lambda answer: answer.SerializeToString())


def serve(executor, path, service, handlers):
    """A server of one service at the socket that has this path; who calls stops it."""
    server = grpc.server(executor, options=(("grpc.so_reuseport", 0),))
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, handlers),))
    if not server.add_insecure_port(f"unix:{path}"):
        raise OSError(f"{path} can't be listened on")
    server.start()
    return server


def say(program, text):
    print(f"{program}: {text}", file=sys.stderr, flush=True)
