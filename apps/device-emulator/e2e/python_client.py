"""A client that knows nothing but the .proto files: submits a batch, watches it, fetches a result, reads an error."""

import json
import struct
import sys
import uuid

import grpc
from qtune.device.v1 import device_pb2, device_service_pb2_grpc
from qtune.simulator.v1 import simulator_pb2, simulator_service_pb2_grpc

BELL = 'OPENQASM 2.0; include "qelib1.inc"; qreg q[2]; creg c[2]; h q[0]; cx q[0],q[1]; measure q -> c;'


def submit(devices, parent, shots):
    request = device_pb2.CreateTaskBatchRequest(parent=parent, request_id=str(uuid.uuid4()))
    request.task_batch.batch.structure.text.text = BELL
    request.task_batch.batch.rows = 3
    request.task_batch.options.shots = shots
    request.task_batch.options.seed = 7
    request.task_batch.options.returns.append(1)  # RETURN_KIND_COUNTS
    return devices.CreateTaskBatch(request, timeout=30)


def watch(devices, name):
    states, rows = [], []
    request = device_pb2.WatchTasksRequest(name=name, include_results=True)
    for event in devices.WatchTasks(request, timeout=120):
        if event.WhichOneof("event") == "task_batch":
            states.append(event.task_batch.state)
        elif event.WhichOneof("event") == "results":
            rows.extend(dict(row.counts) for row in event.results.counts)
    return states, rows


def simulate(simulator):
    request = simulator_pb2.RunRequest()
    request.batch.structure.text.text = BELL.replace("measure q -> c;", "")
    request.batch.rows = 1
    term = request.batch.observables.add().terms.add(coefficient=1.0)
    for qubit in (0, 1):
        term.paulis.add(qubit=qubit, pauli=3)  # Z Z
    response = simulator.Run(request, timeout=60)
    return struct.unpack("<d", response.results.expectations)[0]


def refused(devices, parent):
    try:
        submit(devices, parent, shots=7)
    except grpc.RpcError as error:
        details = dict(error.trailing_metadata()).get("grpc-status-details-bin", b"")
        return {"code": error.code().name, "message": error.details(), "details": b"google.rpc.BadRequest" in details}
    return None


def main():
    with grpc.insecure_channel(sys.argv[1]) as channel:
        devices = device_service_pb2_grpc.DeviceServiceStub(channel)
        simulator = simulator_service_pb2_grpc.SimulatorServiceStub(channel)
        device = devices.ListDevices(device_pb2.ListDevicesRequest(), timeout=30).devices[0]
        batch = submit(devices, device.name, shots=200)
        states, rows = watch(devices, batch.name)
        task = devices.GetTask(device_pb2.GetTaskRequest(name=batch.name + "/tasks/1"), timeout=30)
        result = {
            "device": device.name,
            "states": states,
            "rows": rows,
            "second": dict(task.result.counts[0].counts),
            "zz": simulate(simulator),
            "refused": refused(devices, device.name),
        }
    print(json.dumps(result))


main()
