package schema

import (
	"errors"
	"fmt"
	"math/big"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6/kind"
	"golang.org/x/text/language"
	"golang.org/x/text/message"
)

// Limits of a report.
const (
	maxShown   = 5   // violations in a ValidationError
	maxCounted = 100 // counted violations
	maxNames   = 20  // names or indices in one violation
	maxText    = 200 // bytes of a quoted text of the value
)

// violation is a violation of the library, which formats its text.
type violation interface {
	LocalizedString(p *message.Printer) string
}

// path is the path from the root value, which is nil, to a value.
type path struct {
	up   *path
	name string
}

func (p *path) String() string {
	if p == nil {
		return ""
	}
	if p.up == nil {
		return truncate(p.name)
	}
	return p.up.String() + "." + truncate(p.name)
}

// report collects violations. A nil report collects none.
type report struct {
	printer *message.Printer
	texts   []string
	count   int
}

func newReport() *report { return &report{printer: message.NewPrinter(language.English)} }

// add records a violation. Only the first maxShown are formatted.
func (r *report) add(at *path, reason violation) {
	if r == nil || r.full() {
		return
	}
	if r.count++; r.count > maxShown {
		return
	}
	said := reason.LocalizedString(r.printer)
	if at != nil {
		said = truncate(at.String()) + ": " + said
	}
	r.texts = append(r.texts, said)
}

func (r *report) full() bool { return r != nil && r.count > maxCounted }

func (r *report) err() error {
	texts := r.texts
	switch more := r.count - len(texts); {
	case r.full():
		texts = append(texts, fmt.Sprintf("and more than %d more", maxCounted-maxShown))
	case more > 0:
		texts = append(texts, fmt.Sprintf("and %d more", more))
	case len(texts) == 0:
		return errors.New("the value does not fit its schema")
	}
	return &ValidationError{strings.Join(texts, "; ")}
}

// circularReference is a schema that refers to itself at the same value.
type circularReference struct{ location string }

func (c *circularReference) LocalizedString(p *message.Printer) string {
	return p.Sprintf("the schema %s refers to itself without end", strings.TrimPrefix(c.location, "flow:schema"))
}

// truncate shortens a text quoted in a violation.
func truncate(s string) string {
	if len(s) <= maxText {
		return s
	}
	return strings.ToValidUTF8(s[:maxText], "") + "…"
}

// violation returns the violation of the bound by v.
func (b *bound) violation(v any) violation {
	got := approximate(v)
	switch b.keyword {
	case "minimum":
		return &kind.Minimum{Got: got, Want: b.limit}
	case "maximum":
		return &kind.Maximum{Got: got, Want: b.limit}
	case "exclusiveMinimum":
		return &kind.ExclusiveMinimum{Got: got, Want: b.limit}
	}
	return &kind.ExclusiveMaximum{Got: got, Want: b.limit}
}

// approximate converts a number for a text. An exponent out of range is limited.
func approximate(v any) *big.Rat {
	d, _ := decimalOf(v)
	d.exponent = max(-maxExponent, min(maxExponent, d.exponent))
	return d.rat()
}
