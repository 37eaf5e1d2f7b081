// These tests compute on one goroutine, which the race detector makes many times slower.

//go:build !race

package flows_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/flows"
)

// Programs that would take unlimited time or memory without bounds. The tests run one after the other, because each
// measures the memory that remains.
func TestHostileProgramsFailTheRun(t *testing.T) {
	deep := strings.Repeat("[", 400) + strings.Repeat("]", 400)
	tests := []struct{ name, program, want string }{
		{"endless recursion", "def f: f; f", "takes longer than"},
		{"growing recursion", "def f: 1 + f; f", ""},
		{"recursion of arrays", "def f: [f, f]; f", ""},
		{"endless array", "[range(1e12)]", ""},
		{"endless results", "range(1e12)", "more than 100000 results"},
		{"endless repeat", "[repeat(1)]", ""},
		{"endless last", "last(repeat(1))", "takes longer than"},
		{"repeated string", `. as $n | "a" * 1e9`, "too large"},
		{"repeated computed string", `(1e9 + 0) as $n | "aaaaaaaaaa" * $n`, "too large"},
		{"doubled string", `reduce range(60) as $i ("ab"; . + .)`, "too large"},
		{"doubled by update", `reduce range(60) as $i ({a: "ab"}; .a += .a)`, "too large"},
		{"doubled by assignment", `reduce range(60) as $i ({a: "ab"}; .a |= . + .)`, "too large"},
		{"doubled by interpolation", `reduce range(60) as $i ("ab"; "\(.)\(.)")`, "too large"},
		{"doubled object key", `reduce range(60) as $i ("ab"; {"\(.)\(.)": 1} | keys[0])`, "too large"},
		{"doubled by multiplication", `reduce range(60) as $i ("ab"; . * 2)`, "too large"},
		{"doubled array", `reduce range(60) as $i ([1]; . + .)`, "too large"},
		{"doubled by join", `reduce range(60) as $i ("ab"; [., .] | join(""))`, "too large"},
		{"joined with much", `("a" * 1000000) as $s | [range(100000)] | join($s)`, "too large"},
		{"doubled by add", `reduce range(60) as $i ("ab"; [., .] | add)`, "too large"},
		{"doubled by implode", `reduce range(60) as $i ([97]; . + . | implode | explode)`, "too large"},
		{"empty groups at every place of a text", `"a" * 500000 | gsub("(?<a0>)(?<a1>)(?<a2>)(?<a3>)(?<a4>)"; "b") | length`, "longer than"},
		{"groups at every place of a text", `"a" * 300000 | [scan("(x*)(y*)(z*)")] | length`, "longer than"},
		{"doubled by gsub", `reduce range(60) as $i ("a"; gsub("a"; "aa"))`, ""},
		{"encoded again and again", `reduce range(200) as $i ("\""; @json)`, ""},
		{"shared tree as text", `reduce range(60) as $i (1; [., .]) | tojson`, "too large"},
		{"shared tree interpolated", `reduce range(60) as $i (1; [., .]) | "\(.)"`, "too large"},
		{"shared tree formatted", `reduce range(60) as $i (1; [., .]) | @json`, "too large"},
		{"shared tree compared", `reduce range(60) as $i (1; [., .]) | . == (reduce range(60) as $i (1; [., .]))`, "too large"},
		{"shared trees sorted", `reduce range(60) as $i (1; [., .]) | [., (reduce range(60) as $i (1; [., .]))] | sort`, "too large"},
		{"shared trees sorted by", `[1, 2] | sort_by(reduce range(60) as $i (1; [., .]))`, ""},
		{"shared tree flattened", `reduce range(60) as $i (1; [., .]) | flatten`, "too large"},
		{"shared objects merged", `reduce range(60) as $i ({}; {a: ., b: .}) | . * (reduce range(60) as $i ({}; {a: ., b: .}))`, "too large"},
		{"shared tree put out", `reduce range(60) as $i (1; [., .])`, "too large"},
		{"shared tree contained", `reduce range(60) as $i (1; [., .]) | contains(reduce range(60) as $i (1; [., .]))`, "too large"},
		{"shared tree as an error", `error(reduce range(60) as $i (1; [., .]))`, "too large"},
		{"deep nesting", `reduce range(1e6) as $i (1; [.])`, ""},
		{"deep nesting as text", `reduce range(10000) as $i (1; [.]) | tojson`, "nested deeper than"},
		{"deep path", `[limit(5000; repeat("a"))] as $p | setpath($p; 1)`, "a path of 5000 parts"},
		{"far index", `[.[1000000000]] | 1`, "index"},
		{"far assignment", `(500000000 + 0) as $i | null | .[$i] = 1`, "index beyond"},
		{"far path", `null | setpath([500000000]; 1)`, "index beyond"},
		{"squared number", `reduce range(60) as $i (10; . * .)`, "multiplies numbers"},
		{"subtracted arrays", `[range(100000)] - [range(100000; 200000)]`, "too large"},
		{"long number", `("1" * 1000000) | tonumber`, "a number of 1000000 characters"},
		{"empty matches", `("a" * 10000000) | [match(""; "g")] | length`, "matches a text"},
		{"many copies", `("a" * 8000000) as $s | [range(100000) | $s + "b"] | length`, ""},
		{"ragged rows", `[range(1000) | [1]] + [[range(900000)]] | transpose | length`, "too large"},
		{"wide date", `now | strftime("%1000000000d" + "%1000000000Y") | error`, ""},
		{"endless walk", "reduce range(40) as $i (1; [., .]) | walk(.)", ""},
		{"endless paths", "reduce range(40) as $i (1; [., .]) | [paths] | length", ""},
		{"caught and tried again", `[repeat(try ("a" * 1e9) catch "x")] | length`, ""},
		{"much to take apart", `("a" * 16000000) as $s | [range(1000) | $s | explode] | length`, ""},
		{"much to split", `("a" * 16000000) as $s | [range(1000) | $s / ""] | length`, ""},
		{"nested literal", "{a: " + deep + "} | tojson | length | error", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			flow, err := flows.Parse("test.yaml", fmt.Appendf(nil, "flow: 1\nsteps:\n- transform: %s\n", quote(test.program)), catalogue())
			if err != nil {
				if test.want == "" || !strings.Contains(err.Error(), test.want) {
					t.Fatal(err)
				}
				return
			}
			begun := time.Now()
			output, err := flow.Execute(context.Background(), flows.Run{ID: "r"}, flows.Env{})
			took := time.Since(begun)
			var failure *flows.Error
			if !errors.As(err, &failure) {
				t.Fatalf("%d items, %v, want a failure", len(output), err)
			}
			stopped := strings.Contains(failure.Message, test.want) || strings.Contains(failure.Message, "takes longer than") // on a busy machine
			if failure.Code != flows.CodeExpression && failure.Code != flows.CodeLimit || !stopped {
				t.Errorf("%s: %s, want %q", failure.Code, failure.Message, test.want)
			}
			if took > 10*time.Second {
				t.Errorf("it took %v", took)
			}
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			t.Logf("%v, heap %d MiB, %s", took, m.HeapAlloc>>20, failure.Message)
			if m.HeapInuse > 1<<30 {
				t.Errorf("the heap has %d MiB", m.HeapInuse>>20)
			}
		})
	}
}

// Steps could build up together a value that one program may not build.
func TestHostileStepsFailTheRun(t *testing.T) {
	t.Parallel()
	tree := "${ reduce range(60) as $i (1; [., .]) }"
	tests := []struct{ name, steps string }{
		{"doubling steps", strings.Repeat("  - set: {a: '${ . }', b: '${ . }'}\n", 60)},
		{"a tree in text", "  - set: {a: 'x" + tree + "'}\n"},
		{"a tree as a message", "  - log: '" + tree + "'\n"},
		{"a tree as a field", "  - log: {message: m, fields: {a: '" + tree + "'}}\n"},
		{"a tree in a list", "  - set: {a: ['" + tree + "']}\n"},
		{"a tree as a failure", "  - fail: '" + tree + "'\n"},
	}
	for _, test := range tests {
		_, err := parse(t, test.steps).Execute(t.Context(), flows.Run{}, flows.Env{Trace: &tracer{}})
		if err == nil || !strings.Contains(err.Error(), "too large") {
			t.Errorf("%s: %v", test.name, err)
		}
	}
}
