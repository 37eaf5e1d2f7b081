// Package recording reads past runs from a server, to make tests of them.
package recording

import (
	"context"
	"fmt"
	"strconv"

	"github.com/penstock/penstock/client"
	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/recording"
)

// Read reads a run with its flow from a server and verifies that its mocks repeat it.
func Read(ctx context.Context, server *client.Client, kinds *flows.Catalogue, id string) (*recording.Run, error) {
	run, err := server.Status(ctx, id, 0)
	if err != nil {
		return nil, err
	}
	if run.State != "succeeded" && run.State != "failed" {
		return nil, fmt.Errorf("record run: it is %s: a test repeats what succeeded or failed", run.State)
	}
	input, err := server.Input(ctx, id)
	if err != nil {
		return nil, err
	}
	version, err := server.Version(ctx, strconv.FormatInt(run.Flow, 10), run.Version)
	if err != nil {
		return nil, fmt.Errorf("find the flow's version: %w", err)
	}
	source := recording.Source{Event: input.Event, Params: input.Params, Headers: input.Headers, Steps: run.Steps, Output: run.Output}
	if source.Flow, err = flows.Parse("flow", []byte(version.Source), kinds); err != nil {
		return nil, err
	}
	if run.State == "failed" {
		source.Failed = &recording.Failure{}
		if run.Error != nil {
			source.Failed = &recording.Failure{Code: run.Error.Code, Step: run.Error.Step}
		}
	}
	return recording.New(ctx, source)
}
