package calldiff_test

import (
	"strings"
	"testing"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/calldiff"
	"github.com/penstock/penstock/flows/steps"
)

func TestBetween(t *testing.T) {
	t.Parallel()
	parse := func(text string) *flows.Flow {
		t.Helper()
		f, err := flows.Parse("f", []byte("flow: 1\n"+text), steps.Catalogue())
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	const steps = "\nsteps: [{transform: .}]"
	for _, c := range []struct{ a, b, want string }{
		{"trigger: webhook" + steps, "name: X\non: {webhook: {}}\nrun: {limit: 5s}\nsteps: [{transform: '{a: .}'}]", ""},
		{steps, "trigger: manual" + steps, ""},
		{"trigger: webhook" + steps, steps, "trigger.manual, trigger.webhook"},
		{"trigger: {webhook: {schema: {type: object}, params: [a]}}" + steps, "trigger: {webhook: {params: [a], schema: {type: array}}}" + steps, "trigger.webhook.schema"},
		{"trigger: {webhook: {params: [a, b]}}" + steps, "trigger: {webhook: {body: text, params: [b, a]}}" + steps, "trigger.webhook.body, trigger.webhook.params"},
		{"trigger: {webhook: {idempotency_key: '${ .a }'}}" + steps, "trigger: {webhook: {idempotency_key: '${ .b }'}}" + steps, "trigger.webhook.idempotency_key"},
		{"trigger: webhook" + steps, "trigger: webhook\nsteps: [{transform: '$headers[\"x-a\"]'}]", "the headers that programs read"},
		{"trigger: webhook\nenabled: false" + steps, "trigger: webhook\nrun: {queue: slow}" + steps, "enabled, run.queue"},
		{"slug: old" + steps, "slug: new" + steps, "slug"},
		{"run: {concurrency: {limit: 1, key: '${ .a }'}}" + steps, "run: {concurrency: {limit: 1, key: '${ .b }'}}" + steps, "run.concurrency"},
		{"run: {debounce: {for: 1s}}" + steps, "run: {batch: {size: 2, within: 1s}}" + steps, "run.debounce, run.batch"},
		{"run: {limit: 1s, concurrency: 2}" + steps, "run: {concurrency: 2}" + steps, ""},
	} {
		if got := strings.Join(calldiff.Between(parse(c.a), parse(c.b)), ", "); got != c.want {
			t.Errorf("%s\nagainst\n%s:\n%q, want %q", c.a, c.b, got, c.want)
		}
	}
}
