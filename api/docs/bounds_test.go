package docs

import (
	"fmt"
	"strconv"
	"testing"

	"github.com/penstock/penstock/api/openapi/flowdoc"
	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/steps"
	"github.com/penstock/penstock/store"
)

// many are deployed flows, of which those from http on have an http trigger.
type many struct {
	t        *testing.T
	http     int64
	all      []store.Deployment
	compiled int
}

func newMany(t *testing.T, n, http int64) *many {
	m := &many{t: t, http: http}
	for i := range n {
		f := m.parse(i + 1)
		m.all = append(m.all, store.Deployment{Number: f.Number, Version: f.Version, Endpoints: f.Endpoints()})
	}
	return m
}

func (m *many) parse(number int64) *flows.Flow {
	source := fmt.Sprintf("flow: %d\nsteps: [{set: {a: 1}}]\n", number)
	if number >= m.http {
		source += fmt.Sprintf("trigger: {http: {get: /a/%d}}\n", number)
	}
	f, err := flows.Parse("f", []byte(source), steps.Catalogue())
	if err != nil {
		m.t.Fatal(err)
	}
	return f
}

func (m *many) List() []store.Deployment { return m.all }

func (m *many) Find(ref string) (*flows.Flow, bool) {
	m.compiled++
	number, err := strconv.ParseInt(ref, 10, 64)
	if err != nil {
		m.t.Fatal(err)
	}
	return m.parse(number), true
}

// Of many flows those with an http trigger are described first, and the document says that there are more.
func TestManyFlows(t *testing.T) {
	t.Parallel()
	m := newMany(t, 1200, 1101)
	a := &api{config: Config{Flows: m}, parts: newCache[*flowdoc.Part](maxParts), turn: make(chan struct{}, 1)}
	p := &auth.Principal{Kind: auth.KindUser, Scopes: []auth.Scope{auth.ScopeRun}}
	parts, note, err := a.visible(t.Context(), p)
	if err != nil || note == "" || len(parts) != 100 || parts[0].Flow != 1101 || m.compiled != maxFlows {
		t.Errorf("%d parts, %d compiled, note %q, %v", len(parts), m.compiled, note, err)
	}
	again, _, err := a.visible(t.Context(), p)
	if err != nil || len(again) != 100 || m.compiled > maxFlows+1 {
		t.Errorf("a second time: %d parts, %d compiled, %v", len(again), m.compiled, err)
	}
	stranger := &auth.Principal{Kind: auth.KindUser}
	if parts, note, err := a.visible(t.Context(), stranger); err != nil || len(parts) != 0 || note != "" {
		t.Errorf("a stranger: %d parts, note %q, %v", len(parts), note, err)
	}
}

func TestCacheIsBounded(t *testing.T) {
	t.Parallel()
	c := newCache[int](10 * 200)
	for i := range 100 {
		c.put(strconv.Itoa(i), i, 98)
		if v, ok := c.get("0"); !ok || v != 0 { // what is used stays
			t.Fatalf("0 is gone after %d", i)
		}
	}
	if n := len(c.now) + len(c.old); n > 20 {
		t.Errorf("%d values", n)
	}
	if _, ok := c.get("1"); ok {
		t.Error("what was not used stays")
	}
	if c.put("large", 1, 2000); c.size > c.max {
		t.Errorf("%d bytes", c.size)
	}
	if _, ok := c.get("large"); ok {
		t.Error("a value that is larger than all room is kept")
	}
}
