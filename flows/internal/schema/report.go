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

// Bounds of what is reported.
const (
	maxShown   = 5   // violations that a Misfit tells
	maxCounted = 100 // violations that are counted
	maxNames   = 20  // names or positions in one violation
	maxText    = 200 // bytes of a text of the value in a violation
)

// violation is a violation of the library, which writes its text.
type violation interface {
	LocalizedString(p *message.Printer) string
}

// path leads to a value from the root, which is nil.
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

// report collects violations. Nil collects none.
type report struct {
	printer *message.Printer
	texts   []string
	count   int
}

func newReport() *report { return &report{printer: message.NewPrinter(language.English)} }

// add notes a violation; only those that are shown become text.
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

// circularReference is a schema that refers to itself at one and the same value.
type circularReference struct{ location string }

func (c *circularReference) LocalizedString(p *message.Printer) string {
	return p.Sprintf("the schema %s refers to itself without end", strings.TrimPrefix(c.location, "flow:schema"))
}

// truncate cuts a text that a violation quotes.
func truncate(s string) string {
	if len(s) <= maxText {
		return s
	}
	return strings.ToValidUTF8(s[:maxText], "") + "…"
}

// violation is that v is beyond the bound.
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

// approximate is a number for a text. One that is out of every range is cut.
func approximate(v any) *big.Rat {
	d, _ := decimalOf(v)
	d.exponent = max(-maxExponent, min(maxExponent, d.exponent))
	return d.rat()
}
