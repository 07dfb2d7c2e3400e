"""A client that knows nothing but the .proto files: submits a run, watches it, fetches the adapter, reads an error."""

import hashlib
import json
import sys
import uuid

import grpc
from qtune.training.v1 import training_pb2, training_service_pb2_grpc


def submit(trainer, config, request_id):
    request = training_pb2.CreateRunRequest(request_id=request_id)
    request.run.config.json = json.dumps(config)
    return trainer.CreateRun(request, timeout=60)


def watch(trainer, name):
    losses, states = [], []
    for response in trainer.WatchRun(training_pb2.WatchRunRequest(name=name), timeout=180):
        kind = response.WhichOneof("event")
        if kind == "metrics":
            losses.append(response.metrics.loss)
        elif kind == "state":
            states.append(training_pb2.RunState.Name(response.state.state))
    return losses, states


def download(trainer, name):
    request = training_pb2.DownloadCheckpointRequest(name=name + "/checkpoints/last")
    files, entry = {}, None
    for response in trainer.DownloadCheckpoint(request, timeout=60):
        chunk = response.chunk
        if chunk.HasField("entry"):
            entry = chunk.entry
            files[entry.path] = {"bytes": b"", "sha256": entry.sha256}
        files[entry.path]["bytes"] += chunk.data
    return {path: hashlib.sha256(file["bytes"]).hexdigest() == file["sha256"] for path, file in files.items()}


def refused(trainer, config):
    broken = dict(config, adapter={"kind": "lora", "rnak": 8}, modle="x")
    try:
        submit(trainer, broken, str(uuid.uuid4()))
    except grpc.RpcError as error:
        details = dict(error.trailing_metadata()).get("grpc-status-details-bin", b"")
        return {"code": error.code().name, "message": error.details(), "fields": [b"adapter.rnak" in details, b"modle" in details]}
    return None


def main():
    config = json.loads(sys.argv[2])
    with grpc.insecure_channel(sys.argv[1]) as channel:
        trainer = training_service_pb2_grpc.TrainerServiceStub(channel)
        request_id = str(uuid.uuid4())
        run = submit(trainer, config, request_id)
        again = submit(trainer, config, request_id)
        losses, states = watch(trainer, run.name)
        result = trainer.GetRun(training_pb2.GetRunRequest(name=run.name), timeout=30).result
        print(json.dumps({
            "same": run.name == again.name,
            "losses": losses,
            "states": states,
            "trainable": result.trainable_parameters,
            "files": download(trainer, run.name),
            "refused": refused(trainer, config),
        }))


main()
