package flowdoc

import (
	"context"
	"fmt"
	"time"

	"github.com/penstock/penstock/flows"
)

type sample = flows.Sample

// samples are the tests of an operation.
func (d *describer) samples(o *flows.Operation) []sample {
	var all []sample
	for _, s := range d.flow.Samples() {
		if o == nil || s.Operation == o.Name {
			all = append(all, s)
		}
	}
	return all
}

// examplesOf are Example Objects from the tests that succeed, of what value returns. Those that do not fit the schema
// are left out, as it happens when a field is masked; a nil schema fits everything.
func examplesOf(all []sample, schema any, value func(sample) (any, bool)) object {
	examples := object{}
	for _, s := range all {
		if len(examples) >= maxSamples {
			break
		}
		v, ok := value(s)
		if !ok || !s.Succeeds || len(flows.EncodeJSON(v)) > maxSample || schema != nil && !fits(schema, v) {
			continue
		}
		examples[fmt.Sprintf("example%d", len(examples)+1)] = object{"summary": s.Name, "value": v}
	}
	return examples
}

// checkTime bounds the check of one example.
const checkTime = 100 * time.Millisecond

// fits reports whether a value fits a schema.
func fits(schema, v any) bool {
	validator, err := flows.NewValidator(schema)
	if err != nil {
		return false
	}
	ctx, cancel := context.WithTimeout(context.Background(), checkTime)
	defer cancel()
	return validator.Check(ctx, v) == nil
}
