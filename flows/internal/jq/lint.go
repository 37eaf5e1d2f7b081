package jq

import (
	"slices"

	"github.com/penstock/penstock/internal/suggest"
	"github.com/penstock/penstock/third_party/gojq"
)

// Codes of warnings.
const (
	CodeAssignment    = "assignment_as_condition"
	CodeLength        = "length_as_member"
	CodeUnknownFormat = "unknown_format"
)

// Warn receives one warning: what is valid, and probably not what is meant. code is stable, hint names the correction.
type Warn func(offset int, code, hint, format string, args ...any)

// formats are the formats that @NAME may name.
var formats = []string{"@text", "@json", "@csv", "@tsv", "@html", "@uri", "@urid", "@sh", "@base64", "@base64d"}

func (p *compilation) lintTerm(t *gojq.Term) {
	if t.Format != "" && !slices.Contains(formats, t.Format) {
		p.warn(p.find(t.Format[1:])-1, CodeUnknownFormat, suggest.DidYouMean(t.Format, formats), "there is no format %s: the program fails when it is evaluated", t.Format)
	}
	if t.If != nil {
		p.lintCondition(t.If.Cond)
		for _, elif := range t.If.Elif {
			p.lintCondition(elif.Cond)
		}
	}
	if t.Func != nil && t.Func.Name == "select" && len(t.Func.Args) == 1 {
		p.lintCondition(t.Func.Args[0])
	}
	for _, s := range t.SuffixList {
		if s.Index != nil && s.Index.Name == "length" {
			p.warn(p.find("length"), CodeLength, `for the number of elements write "| length"; for a member of that name, ["length"]`, ".length reads a member that is named length")
		}
	}
}

// lintCondition warns of a condition that assigns: its value is the whole item, which is always true.
func (p *compilation) lintCondition(q *gojq.Query) {
	if assigns(q) {
		p.warn(max(0, p.find("=")), CodeAssignment, AssignmentHint, AssignmentMessage)
	}
}

// The texts of CodeAssignment.
const (
	AssignmentHint    = "write == to compare"
	AssignmentMessage = "= assigns here, and its result counts as true whatever the values are"
)

func assigns(q *gojq.Query) bool { return q.Op == gojq.OpAssign }
