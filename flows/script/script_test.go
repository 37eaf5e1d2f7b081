package script

import (
	"context"
	"errors"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/penstock/penstock/flows"
)

// The binary of the test is also the child of its pools.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "script-child" {
		if err := Serve(os.Stdin, os.Stdout); err != nil {
			os.Exit(1)
		}
		os.Exit(0)
	}
	if len(os.Args) > 1 && os.Args[1] == "script-try" {
		if err := runForbiddenOperations(); err != nil {
			panic(err)
		}
		os.Exit(0)
	}
	if len(os.Args) > 1 && os.Args[1] == "script-hog" {
		if err := restrict(); err != nil {
			panic(err)
		}
		os.Stdout.Write(make([]byte, 2<<30)[:1])
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func pool(t *testing.T, size int) *Pool {
	t.Helper()
	p, err := NewPool(Config{Command: []string{os.Args[0], "script-child"}, Size: size})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() })
	return p
}

// newScript is a script with more time than it needs on any machine.
func newScript(code, input string) *flows.Script {
	return &flows.Script{Code: code, Input: []byte(input), Mark: "mark:", Time: time.Minute, Memory: 8_000_000}
}

// endlessScript is a script that does not end.
func endlessScript(code string) *flows.Script {
	s := newScript(code, "{}")
	s.Time, s.Memory = 250*time.Millisecond, 32_000_000
	return s
}

// inProcessAndChild runs a test in this process and in a child.
func inProcessAndChild(t *testing.T, test func(t *testing.T, eval func(context.Context, *flows.Script) (flows.ScriptResult, error))) {
	t.Run("in this process", func(t *testing.T) { t.Parallel(); test(t, Eval) })
	t.Run("in a child", func(t *testing.T) { t.Parallel(); test(t, pool(t, 1).Eval) })
}

func TestEval(t *testing.T) {
	t.Parallel()
	inProcessAndChild(t, func(t *testing.T, eval func(context.Context, *flows.Script) (flows.ScriptResult, error)) {
		for _, test := range []struct{ code, input, want, message string }{
			{code: "return item.a + 1", input: `{"item":{"a":1}}`, want: "[2]"},
			{code: "return [1, {b: [event]}, null]", input: `{"event":"é☃😀"}`, want: `[1,{"b":["é☃😀"]},null]`},
			{code: "return [[1, 2]]", want: "[[1,2]]"},
			{code: "item = 5", want: "[]"},
			{code: "return null", want: "[null]"},
			{code: "return []", want: "[]"},
			{code: "return steps.find.id + vars.x + index", input: `{"steps":{"find":{"id":1}},"vars":{"x":2},"index":3}`, want: "[6]"},
			{code: "return {id: item, twice: item * 2n}", input: `{"item":"mark:9007199254740993"}`, want: `[{"id":"mark:9007199254740993","twice":"mark:18014398509481986"}]`},
			{code: "return item.__proto__", input: `{"item":{"__proto__":{"a":1}}}`, want: `[{"a":1}]`},
			{code: "JSON.parse = JSON.stringify = Array.isArray = String.prototype.startsWith = () => 'mine'; return 1", want: "[1]"},
			{code: "return new Date(0)", want: `["1970-01-01T00:00:00.000Z"]`},
			{code: "return [typeof std, typeof os, typeof require, typeof fetch, typeof print, typeof process, typeof setTimeout]", want: `["undefined","undefined","undefined","undefined","undefined","undefined","undefined"]`},

			{code: "\n\nnobody()", message: "the script failed: ReferenceError: 'nobody' is not defined (line 3 of the script)"},
			{code: "throw new Error('no such ' + item)", input: `{"item":"thing"}`, message: "the script failed: Error: no such thing (line 1 of the script)"},
			{code: "x = 5", message: "ReferenceError"},
			{code: `return new Date(0).toLocaleString("en-GB", {timeZone: "Europe/London"})`, message: "toLocaleString takes no locale and no options here (line 1 of the script)"},
			{code: "return new Date(0).toLocaleTimeString(undefined, {hour: '2-digit'})", message: "toLocaleTimeString takes no locale"},
			{code: "return (1234.5).toLocaleString('de')", message: "toLocaleString takes no locale"},
			{code: "return 10n.toLocaleString('de')", message: "toLocaleString takes no locale"},
			{code: "return [(0).toLocaleString(), [1, 2].toLocaleString()]", want: `["0","1,2"]`},
			{code: "return async () => 1", message: "a script returns its items, not a function"},
			{code: "return (async () => 1)()", message: "not a promise"},
			{code: "return import('fs').then(() => 1)", message: "not a promise"},
			{code: "let a = {}; a.a = a; return a", message: "circular reference"},
		} {
			input := test.input
			if input == "" {
				input = "{}"
			}
			got, err := eval(t.Context(), newScript(test.code, input))
			switch {
			case test.message != "" && (err == nil || !strings.Contains(err.Error(), test.message)):
				t.Errorf("%s: %s, %v, want %s", test.code, got.Items, err, test.message)
			case test.message == "" && (err != nil || string(got.Items) != test.want):
				t.Errorf("%s: %s, %v, want %s", test.code, got.Items, err, test.want)
			}
		}
	})
}

// The local time of a script is UTC, whatever that of the machine is.
func TestLocalTimeIsUTC(t *testing.T) {
	t.Parallel()
	got, err := pool(t, 1).Eval(t.Context(), newScript("return [new Date(2026, 6, 1, 12).toISOString(), new Date(0).getTimezoneOffset(), new Date(0).toLocaleString()]", "{}"))
	if want := `["2026-07-01T12:00:00.000Z",0,"01/01/1970, 12:00:00 AM"]`; err != nil || string(got.Items) != want {
		t.Errorf("%s, %v, want %s", got.Items, err, want)
	}
}

// What a script logs is kept when it fails, too, up to a bound.
func TestConsole(t *testing.T) {
	t.Parallel()
	inProcessAndChild(t, func(t *testing.T, eval func(context.Context, *flows.Script) (flows.ScriptResult, error)) {
		got, err := eval(t.Context(), newScript("console.log('a', 1, item, null, undefined, [2n]); console.warn(new Error('e')); console.error(); throw 'x'", `{"item":{"b":"é"}}`))
		want := []flows.ScriptLine{
			{Level: "info", Message: "a 1 null undefined", Values: []byte(`[{"b":"é"},["2"]]`)}, {Level: "warn", Message: "Error: e"}, {Level: "error"},
		}
		if diff := cmp.Diff(want, got.Lines); err == nil || diff != "" {
			t.Errorf("%v, lines (-want +got)\n%s", err, diff)
		}
		got, err = eval(t.Context(), newScript(`const a = {}; a.a = a; console.log("x", a, {get y() { throw 1 }}, {b: 1}); return 1`, "{}"))
		if err != nil || len(got.Lines) != 1 || got.Lines[0].Message != "x [a value that cannot be written] [a value that cannot be written]" {
			t.Errorf("values that cannot be written: %+v, %v", got, err)
		}
		got, err = eval(t.Context(), newScript("for (let i = 0; i < 300; i++) console.log('é'.repeat(5000), ['x'.repeat(5000)])", "{}"))
		size := 0
		for _, line := range got.Lines {
			size += len(line.Message) + len(line.Values)
		}
		if last := got.Lines[len(got.Lines)-1].Message; err != nil || len(got.Lines) != 101 || last != "the script logs more than 100 lines" || size > 250_000 {
			t.Errorf("%d lines of %d bytes, the last %q, %v", len(got.Lines), size, last, err)
		}
	})
}

// Scripts share no state.
func TestScriptsAreApart(t *testing.T) {
	t.Parallel()
	inProcessAndChild(t, func(t *testing.T, eval func(context.Context, *flows.Script) (flows.ScriptResult, error)) {
		if _, err := eval(t.Context(), newScript("globalThis.left = 1; Object.prototype.left = 1; return 1", "{}")); err != nil {
			t.Fatal(err)
		}
		if got, err := eval(t.Context(), newScript("return typeof left + typeof {}.left", "{}")); err != nil || string(got.Items) != `["undefinedundefined"]` {
			t.Errorf("%s, %v", got, err)
		}
	})
}

func TestHostileScripts(t *testing.T) {
	t.Parallel()
	inProcessAndChild(t, func(t *testing.T, eval func(context.Context, *flows.Script) (flows.ScriptResult, error)) {
		var before runtime.MemStats
		runtime.ReadMemStats(&before)
		for name, test := range map[string]struct{ code, message string }{
			"loop":              {"for (;;) {}", "the script took longer than 250ms"},
			"loop that catches": {"for (;;) { try { for (;;) {} } catch (e) {} finally { for (;;) {} } }", "the script took longer than 250ms"},
			"iterator":          {"for (const x of {[Symbol.iterator]: () => ({next: () => ({done: false})})}) {}", "the script took longer than 250ms"},
			"regex":             {"return /^(a+)+$/.test('a'.repeat(40) + 'b')", "the script took longer than 250ms"},
			"memory":            {"const a = []; for (;;) a.push('x'.repeat(10000) + a.length)", "the script used more than 8 MB"},
			"one large text":    {"return 'x'.repeat(1 << 29)", "the script used more than 8 MB"},
			"buffer":            {"return new ArrayBuffer(1 << 30).byteLength", "the script used more than 8 MB"},
			"large result":      {"return Array(1000).fill('x'.repeat(1 << 16))", "the script used more than 8 MB"},
			"recursion":         {"function f() { return f() + 1 }; return f()", "stack overflow"},
			"toString":          {"const o = {}; o.toString = () => '' + o; return '' + o", "stack overflow"},
			"deep source":       {"return eval('('.repeat(1e5))", "stack overflow"},
		} {
			s := newScript(test.code, "{}")
			if strings.Contains(test.message, "longer") {
				s = endlessScript(test.code)
			}
			begun := time.Now()
			got, err := eval(t.Context(), s)
			if err == nil || !strings.Contains(err.Error(), test.message) {
				t.Errorf("%s: %.50s, %v, want %s", name, got.Items, err, test.message)
			}
			if took := time.Since(begun); took > 20*time.Second && s.Time < time.Second { // the machine may be busy
				t.Errorf("%s took %v", name, took)
			}
		}
		if got, err := eval(t.Context(), newScript("return 1", "{}")); err != nil || string(got.Items) != "[1]" {
			t.Errorf("after them: %s, %v", got, err)
		}
		var after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&after)
		if after.HeapAlloc > before.HeapAlloc+256<<20 {
			t.Errorf("the heap grew from %d to %d MB", before.HeapAlloc>>20, after.HeapAlloc>>20)
		}
	})
}

// Built-in functions that cannot be interrupted end with their process.
func TestPoolEndsWhatCannotBeInterrupted(t *testing.T) {
	t.Parallel()
	p := pool(t, 2)
	codes := []string{
		"const a = []; a.length = 2 ** 32 - 1; return a.join('x').length",
		"return Array.prototype.indexOf.call({length: 2 ** 53 - 1}, 1)",
		"return 'a'.repeat(5e6).indexOf('a'.repeat(2500000) + 'b')",
		"const u = new Uint8Array(2e7); for (;;) u.indexOf(1)",
	}
	var all sync.WaitGroup
	for _, code := range codes {
		all.Go(func() {
			_, err := p.Eval(t.Context(), endlessScript(code))
			var told *flows.Error
			if !errors.As(err, &told) || told.Code != flows.CodeExpression || !strings.Contains(told.Message, "the script took longer than 250ms") {
				t.Errorf("%s: %v", code, err)
			}
		})
	}
	all.Wait()
	if got, err := p.Eval(t.Context(), newScript("return 1", "{}")); err != nil || string(got.Items) != "[1]" {
		t.Errorf("after them: %s, %v", got, err)
	}
}

func TestPoolMindsTheContext(t *testing.T) {
	t.Parallel()
	p := pool(t, 1)
	slow := newScript("for (;;) {}", "{}")
	ctx, cancel := context.WithCancel(t.Context())
	working := make(chan error, 1)
	go func() {
		_, err := p.Eval(ctx, slow)
		working <- err
	}()
	for len(p.slots) == 0 {
		runtime.Gosched()
	}
	waiting, stop := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer stop()
	if _, err := p.Eval(waiting, newScript("return 1", "{}")); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a second script while the only child works: %v", err)
	}
	cancel()
	if err := <-working; !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled script: %v", err)
	}
	if got, err := p.Eval(t.Context(), newScript("return 1", "{}")); err != nil || string(got.Items) != "[1]" {
		t.Errorf("after it: %s, %v", got, err)
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Eval(t.Context(), newScript("return 1", "{}")); !errors.Is(err, errClosed) {
		t.Errorf("after Close: %v", err)
	}
}

func TestPoolKeepsItsChildren(t *testing.T) {
	t.Parallel()
	p := pool(t, 1)
	var first *child
	for range 20 {
		if _, err := p.Eval(t.Context(), newScript("return 1", "{}")); err != nil {
			t.Fatal(err)
		}
		p.mu.Lock()
		if first == nil {
			first = p.idle[0]
		}
		if len(p.idle) != 1 || p.idle[0] != first {
			t.Errorf("the idle children changed: %v", p.idle)
		}
		p.mu.Unlock()
	}
	first.served = maxServed
	if _, err := p.Eval(t.Context(), newScript("return 1", "{}")); err != nil {
		t.Fatal(err)
	}
	if len(p.idle) != 0 {
		t.Error("a child that has served its time is kept")
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	for code, want := range map[string]int{"return 1": 0, "return `${item}`": 0, "return 1 +": 2, "\n\nlet let = 1": 3, "}); evil(); (function () {": 0} {
		line, err := Check(code)
		if line != want || (err != nil) != (want > 0) {
			t.Errorf("%q: line %d, %v, want line %d", code, line, err, want)
		}
	}
}

func TestPoolWithoutAProgram(t *testing.T) {
	t.Parallel()
	for _, command := range [][]string{{os.DevNull}, {os.Args[0], "-test.run=^$"}} {
		p, err := NewPool(Config{Command: command})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := p.Eval(t.Context(), newScript("return 1", "{}")); err == nil || !strings.Contains(err.Error(), "start script process") {
			t.Errorf("%v: %v", command, err)
		}
		_ = p.Close()
	}
	if _, err := NewPool(Config{}); err == nil {
		t.Error("a pool without a command is made")
	}
}

func BenchmarkEval(b *testing.B) {
	s := newScript("return {id: item.id, name: item.first + ' ' + item.last}", `{"item":{"id":1,"first":"a","last":"b"}}`)
	b.Run("in this process", func(b *testing.B) {
		for b.Loop() {
			if _, err := Eval(b.Context(), s); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("in a child", func(b *testing.B) {
		p, err := NewPool(Config{Command: []string{os.Args[0], "script-child"}, Size: 1})
		if err != nil {
			b.Fatal(err)
		}
		defer p.Close()
		for b.Loop() {
			if _, err := p.Eval(b.Context(), s); err != nil {
				b.Fatal(err)
			}
		}
	})
}
