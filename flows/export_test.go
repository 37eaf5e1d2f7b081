package flows

import (
	"testing"

	"github.com/penstock/penstock/flows/internal/jq"
	"github.com/penstock/penstock/flows/internal/yaml"
	"github.com/penstock/penstock/flows/problem"
)

// ReadYAML returns the values of a file.
func ReadYAML(t testing.TB, src []byte) any {
	t.Helper()
	c := &compiler{Report: problem.NewReport("test.yaml", src)}
	root := yaml.Read(src, c.Lines, c.Add)
	if err := c.err(); err != nil {
		t.Fatal(err)
	}
	return c.literal(root)
}

// ParseDuration is parseDuration.
var ParseDuration = parseDuration

// Scan splits a text at its ${ }, into alternating literals and programs.
func Scan(s string) (literals, programs []string, open int) {
	pieces, open := jq.Split(s)
	for _, p := range pieces {
		if p.Program {
			programs = append(programs, p.Text)
		} else {
			literals = append(literals, p.Text)
		}
	}
	return literals, programs, open
}

// Ambiguous reports whether it is unknown what the other side did.
func (e *Error) Ambiguous() bool { return e.ambiguous() }
