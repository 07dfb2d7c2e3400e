// A client that knows nothing but the .proto files: submits a batch, watches it, prints the counts as JSON.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"time"

	circuit "qtune.test/gen/qtune/circuit/v1"
	device "qtune.test/gen/qtune/device/v1"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
)

const bell = `OPENQASM 2.0; include "qelib1.inc"; qreg q[2]; creg c[2]; h q[0]; cx q[0],q[1]; measure q -> c;`

func request(parent string, shots uint32) *device.CreateTaskBatchRequest {
	seed := uint64(7)
	text := &circuit.CircuitText{Text: bell}
	return &device.CreateTaskBatchRequest{
		Parent: parent,
		TaskBatch: &device.TaskBatch{
			Batch: &circuit.CircuitBatch{
				Structure: &circuit.CircuitStructure{Form: &circuit.CircuitStructure_Text{Text: text}},
				Rows:      2,
			},
			Options: &circuit.RunOptions{
				Shots:   &shots,
				Seed:    &seed,
				Returns: []circuit.ReturnKind{circuit.ReturnKind_RETURN_KIND_COUNTS},
			},
		},
	}
}

func watch(ctx context.Context, client device.DeviceServiceClient, name string) ([]map[string]uint32, error) {
	stream, err := client.WatchTasks(ctx, &device.WatchTasksRequest{Name: name, IncludeResults: true})
	if err != nil {
		return nil, err
	}
	var rows []map[string]uint32
	for {
		event, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return rows, nil
		}
		if err != nil {
			return nil, err
		}
		for _, row := range event.GetResults().GetCounts() {
			rows = append(rows, row.GetCounts())
		}
	}
}

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	connection, err := grpc.NewClient(os.Args[1], grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		log.Fatal(err)
	}
	defer connection.Close()
	client := device.NewDeviceServiceClient(connection)
	devices, err := client.ListDevices(ctx, &device.ListDevicesRequest{})
	if err != nil {
		log.Fatal(err)
	}
	parent := devices.GetDevices()[0].GetName()
	batch, err := client.CreateTaskBatch(ctx, request(parent, 200))
	if err != nil {
		log.Fatal(err)
	}
	rows, err := watch(ctx, client, batch.GetName())
	if err != nil {
		log.Fatal(err)
	}
	_, refused := client.CreateTaskBatch(ctx, request(parent, 7))
	result := map[string]any{
		"device":  parent,
		"rows":    rows,
		"refused": status.Code(refused).String(),
		"details": len(status.Convert(refused).Proto().GetDetails()),
	}
	text, err := json.Marshal(result)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(string(text))
}
