package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/penstock/penstock/flows"
)

// stepTrace collects what the steps of a run did. It implements flows.Tracer.
type stepTrace struct {
	mu    sync.Mutex     // guards the fields below
	steps []*stepSummary // in the order of their first start
	lines []flows.LogLine
}

// stepSummary is one step with all its runs combined: a step inside a switch runs once for every item.
type stepSummary struct {
	path     string
	in, out  int
	attempts int
	duration time.Duration
	err      error
}

// Begin implements flows.Tracer.
func (t *stepTrace) Begin(b flows.StepStart) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.step(b.Step)
}

// End implements flows.Tracer.
func (t *stepTrace) End(e flows.StepEnd) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.step(e.Step)
	s.in, s.out, s.attempts, s.duration = s.in+e.In, s.out+e.Out, s.attempts+e.Attempts, s.duration+e.Duration
	if e.Err != nil {
		s.err = e.Err
	}
}

// Log implements flows.Tracer.
func (t *stepTrace) Log(l flows.LogLine) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.lines = append(t.lines, l)
}

// step returns a step and creates it if needed. The caller holds mu.
func (t *stepTrace) step(path string) *stepSummary {
	for _, s := range t.steps {
		if s.path == path {
			return s
		}
	}
	s := &stepSummary{path: path}
	t.steps = append(t.steps, s)
	return s
}

// print prints the steps, nested ones below their parents.
func (t *stepTrace) print(w io.Writer) {
	t.mu.Lock()
	defer t.mu.Unlock()
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for i, s := range t.steps {
		note := ""
		if s.attempts > s.in {
			note = fmt.Sprintf("  %d attempts", s.attempts)
		}
		if s.err != nil {
			note += "  failed"
		}
		fmt.Fprintf(table, "%s\t%d → %d\t%s%s\n", t.label(i), s.in, s.out, round(s.duration), note)
	}
	_ = table.Flush()
	for _, l := range t.lines {
		fmt.Fprintf(w, "%s %s: %s", l.Level, l.Step, l.Message)
		if len(l.Fields) > 0 {
			fmt.Fprintf(w, " %s", flows.EncodeJSON(l.Fields))
		}
		fmt.Fprintln(w)
	}
}

// label returns the step's name below its parent.
func (t *stepTrace) label(i int) string {
	path := t.steps[i].path
	for j := i - 1; j >= 0; j-- {
		if rest, below := strings.CutPrefix(path, t.steps[j].path+"."); below {
			depth := strings.Count(t.steps[j].path, ".") + 1
			return strings.Repeat("  ", depth) + "└ " + rest
		}
	}
	return path
}

// printJSON prints the output indented, otherwise as the API returns it.
func printJSON(w io.Writer, output []any) error {
	var pretty bytes.Buffer
	if err := json.Indent(&pretty, flows.EncodeJSON(output), "", "  "); err != nil {
		return fmt.Errorf("print output: %w", err)
	}
	_, err := fmt.Fprintf(w, "%s\n", pretty.Bytes())
	return err
}

// round rounds to about three digits.
func round(d time.Duration) time.Duration {
	switch {
	case d > 10*time.Second:
		return d.Round(100 * time.Millisecond)
	case d > 10*time.Millisecond:
		return d.Round(100 * time.Microsecond)
	}
	return d.Round(time.Microsecond)
}
