package flows

import (
	"context"
	"regexp"
	"time"
	"unicode/utf8"

	"github.com/penstock/penstock/flows/internal/mistake"
)

// Keep is how long the history keeps the runs of a flow after their end. Zero: as long as the installation says.
type Keep struct {
	Succeeded time.Duration
	Failed    time.Duration // those that did not succeed
	Payloads  time.Duration // event, output and what the steps recorded; zero: as long as the run
}

// keepParams are the fields of keep.
var keepParams = []Param{
	{Name: "succeeded", Type: TypeDuration, Summary: "Runs that succeeded, for instance `7d`. The setting `--history-retention` by default."},
	{Name: "failed", Type: TypeDuration, Summary: "Runs that failed, took too long or were cancelled."},
	{Name: "payloads", Type: TypeDuration, Summary: "What was sent and returned: event, output, items and the results of steps. As long as the run by default."},
}

// The limits of labels.
const (
	maxLabels = 10
	maxLabel  = 200 // characters of a value; the rest is cut off
)

var labelForm = regexp.MustCompile(`^[a-z][a-z0-9_-]{0,31}$`)

// IsLabel reports whether a label may have a name.
func IsLabel(name string) bool { return labelForm.MatchString(name) }

// history reads what the history does with the runs of the flow.
func (c *compiler) history(a *Args) {
	if k := a.Object("keep"); k != nil {
		c.flow.Keep = Keep{k.Duration("succeeded"), k.Duration("failed"), k.Duration("payloads")}
		for _, p := range keepParams {
			if k.Has(p.Name) && k.Duration(p.Name) < time.Minute {
				c.Add(mistake.OutOfRange, k.places[p.Name], "", "%s: expected at least 1m", p.Name)
			}
		}
	}
	c.flow.labels = a.Fields("labels")
	if len(c.flow.labels) > maxLabels {
		c.Add(mistake.TooMany, a.places["labels"], "", "labels: a run has at most %d", maxLabels)
	}
	for _, l := range c.flow.labels {
		if !IsLabel(l.Name) {
			c.Add(mistake.BadName, a.places["labels"], "", "labels: %q is no name of a label: small letters, digits, - and _, at most 32, a letter first", l.Name)
		}
	}
}

// HasLabels reports whether runs of the flow have labels.
func (f *Flow) HasLabels() bool { return len(f.labels) > 0 }

// LabelNames returns the names of the labels that runs of the flow may have, in the order of the file.
func (f *Flow) LabelNames() []string {
	names := make([]string, len(f.labels))
	for i, l := range f.labels {
		names[i] = l.Name
	}
	return names
}

// StepNames returns the paths of the steps, in the order of the file: "find", "switch.else.http".
func (f *Flow) StepNames() []string {
	names := make([]string, len(f.allSteps))
	for i, s := range f.allSteps {
		names[i] = s.path
	}
	return names
}

// Labels renders the labels of a run from its event. Those that cannot be computed, and empty ones, are left out.
func (f *Flow) Labels(ctx context.Context, run Run) map[string]string {
	labels := map[string]string{}
	for _, l := range f.labels {
		if value, err := f.Text(ctx, l.Value, run); err == nil && value != "" {
			labels[l.Name] = string([]rune(value)[:min(maxLabel, utf8.RuneCountInString(value))])
		}
	}
	return labels
}
