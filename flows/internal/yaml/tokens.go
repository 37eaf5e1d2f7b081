package yaml

import (
	"github.com/goccy/go-yaml/token"

	"github.com/penstock/penstock/flows/internal/mistake"
)

// checkTokens checks the YAML tokens before parsing, because the parser is recursive: it bounds the nesting and
// rejects the YAML features that flows do not have, at their place. Authors who hit one of them mostly meant a jq
// program.
func (r *reader) checkTokens(tokens token.Tokens) bool {
	accepted := true
	refuse := func(code mistake.Code, at Place, hint, format string, args ...any) {
		accepted = false
		r.report(code, at, hint, format, args...)
	}
	depth := nesting{}
	for _, t := range tokens {
		switch t.Type {
		case token.TagType:
			refuse(mistake.UnsupportedYAML, r.place(t), "put quotes around it: '"+t.Value+"'", "YAML reads what starts with ! as a tag")
		case token.AnchorType:
			refuse(mistake.UnsupportedYAML, r.place(t), "put quotes around text; put shared values into vars", "YAML reads what starts with & as an anchor, flows have none")
		case token.AliasType:
			refuse(mistake.UnsupportedYAML, r.place(t), "put quotes around text; put shared values into vars", "YAML reads what starts with * as an alias, flows have none")
		case token.MergeKeyType:
			refuse(mistake.UnsupportedYAML, r.place(t), "write the members out", "flows have no merge keys (<<)")
		case token.MappingKeyType:
			refuse(mistake.UnsupportedYAML, r.place(t), "put quotes around a text that starts with ?", "flows have no complex keys")
		case token.DirectiveType:
			refuse(mistake.UnsupportedYAML, r.place(t), "", "flows have no YAML directives")
		}
		if depth.enter(t) > maxNesting {
			refuse(mistake.TooDeep, r.place(t), "", "nested deeper than %d", maxNesting)
			return false
		}
	}
	return accepted
}

// nesting tracks the nesting depth of a token stream.
type nesting struct {
	flow    int   // open { and [
	columns []int // of the enclosing block collections
	line    int
}

func (n *nesting) enter(t *token.Token) int {
	switch t.Type {
	case token.MappingStartType, token.SequenceStartType:
		n.flow++
	case token.MappingEndType, token.SequenceEndType:
		n.flow = max(0, n.flow-1)
	}
	if n.flow == 0 && (t.Position.Line != n.line || t.Type == token.SequenceEntryType || t.PreviousType() == token.SequenceEntryType) {
		n.line = t.Position.Line
		for len(n.columns) > 0 && n.columns[len(n.columns)-1] >= t.Position.Column {
			n.columns = n.columns[:len(n.columns)-1]
		}
		n.columns = append(n.columns, t.Position.Column)
	}
	return n.flow + len(n.columns)
}
