// Package pinned finds the flows that steps run as a part of their run, in one version for all attempts.
package pinned

import (
	"context"
	"encoding/json"
	"strconv"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/steps/internal/failure"
)

// Flow returns the flow with that number or slug in the version that the step ran first for the item.
func Flow(ctx context.Context, in *flows.Input, ref string) (*flows.Flow, error) {
	known := in.Env().Flows
	if known == nil {
		return nil, failure.Errorf("there are no other flows here to call")
	}
	v, err := in.Remember(ctx, "flow "+ref, func() (any, error) { // another version of the caller may call another flow
		flow, ok := known.Find(ref)
		if !ok {
			return nil, failure.Errorf("there is no flow %q", ref)
		}
		return map[string]any{"number": json.Number(strconv.FormatInt(flow.Number, 10)), "version": flow.Version}, nil
	})
	if err != nil {
		return nil, err
	}
	pin, _ := v.(map[string]any)
	number, _ := pin["number"].(json.Number)
	version, _ := pin["version"].(string)
	id, _ := number.Int64()
	flow, err := known.Version(ctx, id, version)
	if err != nil {
		return nil, failure.Errorf("the flow %q, version %.12s, cannot be found", ref, version)
	}
	return flow, nil
}
