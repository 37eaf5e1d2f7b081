package importer

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/problem"
)

// maxChecks is how often a connector is read again without its operations with mistakes: reading reports a number of
// mistakes at once.
const maxChecks = 20

// Check reads the connector as `connector check` does, with the kinds of steps of a catalogue. Operations with mistakes are
// left out and noted. The error is a mistake outside of them.
func (r *Result) Check(catalogue *flows.Catalogue) error {
	for range maxChecks {
		if len(r.ops) == 0 {
			return nil // the caller says that nothing came over
		}
		text := r.YAML()
		_, err := flows.ParseConnector(r.Name+".yaml", text, catalogue)
		if err == nil {
			return nil
		}
		var problems problem.List
		if !errors.As(err, &problems) {
			return fmt.Errorf("check the connector: %w", err)
		}
		starts := r.lines(text)
		broken := map[string]string{}
		for _, p := range problems {
			at, exact := slices.BinarySearch(starts, p.Line)
			if !exact {
				at--
			}
			if at < 0 {
				return fmt.Errorf("the connector has a mistake: %s (--only leaves operations out)", p.Message)
			}
			if name := r.ops[at].Name; broken[name] == "" {
				broken[name] = p.Message
			}
		}
		r.leaveOut(broken)
	}
	return fmt.Errorf("the connector has mistakes in too many operations: choose some with --only")
}

// lines are the lines in which the operations begin, from 1.
func (r *Result) lines(text []byte) []int {
	var starts []int
	number, head := 0, bytes.Count(encode(r.head), []byte("\n"))+1 // with the line `operations:`
	for line := range bytes.SplitSeq(text, []byte("\n")) {
		number++
		if i := len(starts); number > head && i < len(r.ops) && bytes.HasPrefix(line, []byte("  "+r.ops[i].Name+":")) {
			starts = append(starts, number)
		}
	}
	return starts
}

// leaveOut removes operations and notes why.
func (r *Result) leaveOut(broken map[string]string) {
	for _, op := range r.ops {
		if why, ok := broken[op.Name]; ok {
			r.Left = append(r.Left, Note{Operation: op.Name, Place: op.place, Reason: "its operation has a mistake: " + why, Whole: true})
		}
	}
	r.ops = slices.DeleteFunc(r.ops, func(op imported) bool { return broken[op.Name] != "" })
	r.Operations = nil
	for _, op := range r.ops {
		r.Operations = append(r.Operations, op.Operation)
	}
}
