package flows_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/penstock/penstock/flows"
)

// constituent is an event of about one kilobyte.
func constituent(t testing.TB) []byte {
	t.Helper()
	return fmt.Appendf(nil, `{"id":9007199254740993123,"first":"Robert","last":"Hernandez","email":{"address":"r@example.org","primary":true},"age":54,"gift":1.10,"source":"form","note":%q}`,
		strings.Repeat("x", 850))
}

func benchmark(b *testing.B, flow *flows.Flow, v any, items int) {
	b.Helper()
	b.ReportAllocs()
	for b.Loop() {
		output, err := flow.Execute(b.Context(), flows.Run{ID: "r", Event: v}, flows.Env{})
		if err != nil || len(output) != items {
			b.Fatal(len(output), err)
		}
	}
}

// BenchmarkThreeSteps runs the flow that the benchmarks of queue and front door use.
func BenchmarkThreeSteps(b *testing.B) {
	source, err := os.ReadFile("examples/three-steps.yaml")
	if err != nil {
		b.Fatal(err)
	}
	benchmark(b, parseFile(b, string(source)), event(b, string(constituent(b))), 1)
}

// BenchmarkThreeStepsBytes is the same with decoding of the event and encoding of the output, as in a worker.
func BenchmarkThreeStepsBytes(b *testing.B) {
	source, err := os.ReadFile("examples/three-steps.yaml")
	if err != nil {
		b.Fatal(err)
	}
	flow, src := parseFile(b, string(source)), constituent(b)
	b.ReportAllocs()
	for b.Loop() {
		v, err := flows.DecodeJSON(src)
		if err != nil {
			b.Fatal(err)
		}
		output, err := flow.Execute(b.Context(), flows.Run{ID: "r", Event: v}, flows.Env{})
		if err != nil || len(flows.EncodeJSON(output)) < 80 {
			b.Fatal(err)
		}
	}
}

func BenchmarkHello(b *testing.B) {
	source, err := os.ReadFile("examples/hello.yaml")
	if err != nil {
		b.Fatal(err)
	}
	benchmark(b, parseFile(b, string(source)), event(b, `{"name":"Zoë"}`), 1)
}

const sixFields = "{id, first, last, address: .email.address, age, gift}"

func BenchmarkPickSixFields(b *testing.B) {
	benchmark(b, parse(b, "  - transform: "+quote(sixFields)+"\n"), event(b, string(constituent(b))), 1)
}

func BenchmarkSetSixFields(b *testing.B) {
	fields := "{id: '${ .id }', first: '${ .first }', last: '${ .last }', address: '${ .email.address }', age: '${ .age }', gift: '${ .gift }'}"
	benchmark(b, parse(b, "  - set: "+fields+"\n"), event(b, string(constituent(b))), 1)
}

func BenchmarkMapHundred(b *testing.B) {
	list := "[" + strings.TrimSuffix(strings.Repeat(string(constituent(b))+",", 100), ",") + "]"
	benchmark(b, parse(b, "  - transform: "+quote("map("+sixFields+")")+"\n"), event(b, list), 1)
}

func BenchmarkHundredItems(b *testing.B) {
	benchmark(b, parse(b, "  - split: .[]\n  - name: n\n    set: {n: '${ . }'}\n  - filter: .n >= 0\n  - transform: '{n: $steps.n.n}'\n"), numbers(100), 100)
}

func BenchmarkParse(b *testing.B) {
	source, err := os.ReadFile("examples/upsert.yaml")
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	kinds := catalogue()
	for b.Loop() {
		if _, err := flows.Parse("upsert.yaml", source, kinds); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecodeJSON(b *testing.B) {
	src := constituent(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := flows.DecodeJSON(src); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEncodeJSON(b *testing.B) {
	v := event(b, string(constituent(b)))
	b.ReportAllocs()
	for b.Loop() {
		if len(flows.EncodeJSON(v)) == 0 {
			b.Fatal("empty")
		}
	}
}
