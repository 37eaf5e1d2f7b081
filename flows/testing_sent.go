package flows

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/penstock/penstock/internal/blob"
	"github.com/penstock/penstock/third_party/gojq"
)

// observation is what a test sees of a run besides its end: what mocked steps would have sent, and the response to the caller.
type observation struct {
	rehearsal *rehearsal // renders requests

	mu       sync.Mutex
	sent     map[string][]any // guarded by mu; by the name of the step, or its kind
	response map[string]any   // guarded by mu; nil: none
}

func newObservation() *observation {
	return &observation{rehearsal: &rehearsal{waiting: map[string]*RehearsedEffect{}, remembered: map[string][]byte{}}, sent: map[string][]any{}}
}

// request executes a mocked step for one item up to the point where it would reach the outside, and records what it would have
// sent. The error says that the step fails before.
func (o *observation) request(ctx context.Context, p *stepRun, in *Input) error {
	if !p.step.reaches {
		return nil
	}
	e := &RehearsedEffect{Key: in.Key()}
	if !p.step.throughEnv {
		e.requests = []any{map[string]any{"item": in.Value()}}
	} else {
		x := *p.x
		x.env = o.rehearsal.env(RehearsalEnv{Scripts: p.x.env.Scripts, Connection: anyConnection})
		x.env.Files, x.env.Secrets = p.x.env.Files, p.x.env.Secrets
		observed := &stepRun{x: &x, step: p.step, at: p.at, entry: p.entry, items: p.items}
		one := *in
		one.p, one.outcome, one.made = observed, nil, new(atomic.Int64)
		o.rehearsal.wait(e)
		_, err := p.step.runner.Run(withEffect(ctx, e), &one)
		o.rehearsal.waited(e)
		if err != nil && len(e.requests) == 0 {
			return err
		}
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	name := cmp.Or(p.step.name, p.step.operation(), p.step.kind)
	o.sent[name] = append(o.sent[name], e.requests...)
	return nil
}

// anyConnection returns the type of a connection in tests, which have none.
func anyConnection(context.Context, string) (string, error) { return string(Postgres), nil }

// respond returns the Respond of the environment, which keeps the first response. Files are those of the run.
func (o *observation) respond(run string, files *blob.Store) func(context.Context, Response) error {
	return func(ctx context.Context, a Response) error {
		if a.File != "" {
			content, err := files.Open(ctx, run, a.File)
			if err != nil {
				return err
			}
			defer content.Close()
			if a.Body, err = io.ReadAll(content); err != nil {
				return err
			}
			a.File = ""
		}
		o.mu.Lock()
		defer o.mu.Unlock()
		if o.response == nil {
			o.response = responseRequest(&rehearsal{}, &a)
		}
		return nil
	}
}

// compare describes how what was sent and responded differs from what the test wants; empty when it does not.
func (o *observation) compare(t *test) string {
	o.mu.Lock()
	defer o.mu.Unlock()
	var differs []string
	for _, name := range slices.Sorted(maps.Keys(t.sent)) {
		want, _ := t.sent[name].([]any)
		got, wants := comparable(o.sent[name]), slices.Clone(want)
		for i := range min(len(got), len(wants)) {
			got[i] = asked(got[i], wants[i])
		}
		if gojq.Compare(wants, got) != 0 {
			differs = append(differs, fmt.Sprintf("what %s sent differs (- wanted, + sent)\n%s", name, diff(indented(wants), indented(got))))
		}
	}
	switch {
	case t.response == nil:
	case o.response == nil:
		differs = append(differs, "the flow did not respond before its end")
	default:
		if got := asked(comparable([]any{o.response})[0], t.response); gojq.Compare(t.response, got) != 0 {
			differs = append(differs, "the response differs (- wanted, + got)\n"+diff(indented(t.response), indented(got)))
		}
	}
	return strings.Join(differs, "\n")
}

// comparable returns values as DecodeJSON has them.
func comparable(all []any) []any {
	values := make([]any, len(all))
	for i, v := range all {
		values[i], _ = DecodeJSON(EncodeJSON(v)) // what EncodeJSON returns is JSON
	}
	return values
}

// asked returns a request or response with the members that the test names, and of its headers those that the test names.
func asked(got, want any) any {
	object, ok := got.(map[string]any)
	wanted, isObject := want.(map[string]any)
	if !ok || !isObject {
		return got
	}
	kept := map[string]any{}
	for name, v := range wanted {
		switch member, has := object[name]; {
		case !has:
		case name == "headers":
			kept[name] = asked(member, v)
		default:
			kept[name] = member
		}
	}
	return kept
}
