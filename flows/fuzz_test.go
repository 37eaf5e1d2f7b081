package flows_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/problem"
)

// filesOf returns the contents of the files of each pattern, which has some.
func filesOf(f *testing.F, patterns ...string) (sources [][]byte) {
	f.Helper()
	for _, pattern := range patterns {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			f.Fatal(pattern, err)
		}
		for _, file := range files {
			source, err := os.ReadFile(file)
			if err != nil {
				f.Fatal(err)
			}
			sources = append(sources, source)
		}
	}
	return sources
}

// For any bytes Parse returns a flow, or a problem.List with positions in the file, and a flow executes to its end.
func FuzzParse(f *testing.F) {
	for _, source := range filesOf(f, "examples/*.yaml", "testdata/problems/*.yaml", "steps/testdata/*/*.yaml") {
		f.Add(source)
	}
	f.Add([]byte(`{"flow": 1, "steps": [{"set": {"a": "${ .b }"}}]}`))
	f.Add([]byte("flow: 1\nsteps:\n" + strings.Repeat(" - switch:\n - else:\n", 40)))
	f.Add([]byte(strings.Repeat("[", 2000)))
	f.Add([]byte(strings.Repeat("- ", 2000)))
	f.Add([]byte("a: &a [*a, *a]\nb: &b [*a, *a]"))
	kinds := catalogue()
	f.Fuzz(func(t *testing.T, source []byte) {
		flow, err := flows.Parse("fuzz.yaml", source, kinds)
		var problems problem.List
		if err != nil && (!errors.As(err, &problems) || len(problems) == 0) {
			t.Fatalf("%T %v", err, err)
		}
		lines := strings.Count(strings.ReplaceAll(string(source), "\r", "\n"), "\n") + 1
		for _, p := range problems {
			if p.Line < 1 || p.Line > lines || p.Column < 1 || p.Message == "" {
				t.Errorf("%d lines: %+v", lines, p)
			}
		}
		if flow == nil {
			return
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err = flow.Execute(ctx, flows.Run{ID: "r", Event: map[string]any{"a": "b"}}, flows.Env{})
		var failure *flows.Error
		if err != nil && !errors.As(err, &failure) {
			t.Fatalf("%T %v", err, err)
		}
		if failure != nil && failure.Code == flows.CodeInternal {
			t.Errorf("%v: %v", failure, failure.Err)
		}
	})
}

// A scanned text consists of its literals and programs in turn; no byte is lost.
func FuzzScan(f *testing.F) {
	for _, seed := range []string{
		"plain", "a ${ .b } c", `${ "\(.a | {b: "}"})" }`, "$${ x }", "${", "${ # }", "}${}${", `${"\`, "$$${ .a }",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		literals, programs, open := flows.Scan(text)
		if open >= 0 {
			if !strings.HasPrefix(text[open:], "${") || literals != nil || programs != nil {
				t.Errorf("open at %d of %q", open, text)
			}
			return
		}
		length := len(text)
		for _, p := range programs {
			length -= len("${}") + len(p)
		}
		for _, l := range literals {
			length -= len(l)
		}
		if escaped := strings.Count(text, "$${"); length < 0 || length > escaped {
			t.Errorf("%d bytes of %q are lost", length, text)
		}
	})
}
