package jq

import (
	"context"
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/penstock/penstock/flows/internal/mistake"
	"github.com/penstock/penstock/internal/cputime"
)

// noScope has no variables.
type noScope struct{}

func (noScope) Names() []string          { return nil }
func (noScope) Resolve(Reference) string { return "" }

func compiled(t testing.TB, source string) *Program {
	t.Helper()
	p := Compile(source, noScope{}, func(_ mistake.Code, _ int, _, format string, args ...any) { t.Errorf(source+": "+format, args...) },
		func(int, string, string, string, ...any) {})
	if p == nil {
		t.FailNow()
	}
	return p
}

// people returns n objects.
func people(n int) []any {
	list := make([]any, n)
	for i := range list {
		list[i] = map[string]any{"id": i, "name": fmt.Sprintf("Person %d", i), "group": i % 100, "active": i%2 == 0, "address": map[string]any{"city": "London", "zip": "123"}}
	}
	return list
}

// Time in which an evaluation does not compute is not counted.
func TestMeterCountsProcessorTime(t *testing.T) {
	t.Parallel()
	now := cputime.Now()
	if now.Thread == 0 {
		t.Skip("there is no clock for threads")
	}
	hourAgo := now.Wall.Add(-time.Hour)
	for name, test := range map[string]struct {
		looked cputime.Reading
		late   bool
	}{
		"waiting":   {cputime.Reading{Wall: hourAgo, Thread: -1}, false},
		"first":     {cputime.Reading{Wall: hourAgo}, false},
		"computing": {cputime.Reading{Wall: hourAgo, Thread: now.Thread, CPU: now.CPU - time.Second}, true},
	} {
		for range 100 { // until the goroutine is on the thread of before
			m := newMeter(t.Context(), nil, nil, DefaultTime)
			m.looked = test.looked
			err := m.look(false)
			if test.late && m.looked.Thread != test.looked.Thread {
				now = cputime.Now()
				test.looked.Thread, test.looked.CPU = now.Thread, now.CPU-time.Second
				continue
			}
			if IsLate(err) != test.late {
				t.Errorf("%s: %v", name, err)
			}
			break
		}
	}
}

// steps returns what an evaluation costs in opcodes and steps of native operations.
func steps(t *testing.T, p *Program, v any) int {
	t.Helper()
	m := newMeter(context.Background(), v, p.patterns, time.Hour)
	results := p.code.RunWithContext(m, v)
	for {
		v, ok := results.Next()
		if err, failed := v.(error); failed {
			t.Fatal(err)
		}
		if !ok {
			return int(m.ops) + m.spent
		}
	}
}

// Everyday programs over lists cost in proportion to the list.
func TestEverydayProgramsAreLinear(t *testing.T) {
	t.Parallel()
	for _, source := range everyday {
		p := compiled(t, source)
		small, large := steps(t, p, people(1000)), steps(t, p, people(20_000))
		if large > 28*small { // sorting is a bit more
			t.Errorf("%s: %d steps for 1,000 objects, %d for 20,000", source, small, large)
		}
	}
}

var everyday = []string{
	"INDEX(.id)", "INDEX(.[]; .name)", "group_by(.group)", "map({id, n: .name})", "map(select(.active) | .name)", "walk(.)",
	`walk(if type == "string" then ascii_upcase else . end)`, `. as $all | INDEX(.id) as $by | $all | map(. + {same: $by[.id | tostring].name})`,
	"unique_by(.name)", "sort_by(.name)", "map({key: .name, value: .id}) | from_entries",
}

func TestIndex(t *testing.T) {
	t.Parallel()
	for source, want := range map[string]any{
		`INDEX(.[]; .a)`:                  map[string]any{"1": map[string]any{"a": 1, "b": 3}, "x": map[string]any{"a": "x"}},
		`INDEX(.a) | length`:              2,
		`INDEX(.[0]; .a, .b)`:             map[string]any{"1": map[string]any{"a": 1, "b": 2}, "2": map[string]any{"a": 1, "b": 2}},
		`INDEX(.[]; empty)`:               map[string]any{},
		`INDEX(empty; .a)`:                map[string]any{},
		`. as $row | INDEX(1; $row[0].b)`: map[string]any{"2": 1},
	} {
		v := []any{map[string]any{"a": 1, "b": 2}, map[string]any{"a": "x"}, map[string]any{"a": 1, "b": 3}}
		var got any
		err := compiled(t, source).Run(t.Context(), v, nil, 0, func(v any) error { got = v; return nil })
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %v, %v, want %v", source, got, err, want)
		}
	}
}

func BenchmarkEveryday(b *testing.B) {
	list := people(20_000)
	for _, source := range everyday {
		b.Run(source, func(b *testing.B) {
			p := compiled(b, source)
			for b.Loop() {
				if err := p.Run(b.Context(), list, nil, 0, func(any) error { return nil }); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
