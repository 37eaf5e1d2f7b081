package flows

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"regexp"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// Limits of a flow file.
const (
	maxSource  = 256 << 10 // bytes
	maxTokens  = 30_000    // YAML tokens; the parser's time is quadratic in them
	maxNesting = 64        // nesting of the YAML
)

// readYAML parses a file into nodes. It returns nil when the file cannot be parsed; problems are in the report.
func (r *report) readYAML(src []byte) (root *node) {
	if len(src) > maxSource {
		r.add(place{1, 1}, "", "the file has %d bytes, %d are allowed", len(src), maxSource)
		return nil
	}
	defer func() {
		if trouble := recover(); trouble != nil {
			r.add(place{1, 1}, "", "the YAML cannot be read: %v", trouble)
			root = nil
		}
	}()
	tokens := lexer.Tokenize(string(src))
	if len(tokens) > maxTokens {
		r.add(place{1, 1}, "split the flow, or put data elsewhere", "the file has %d YAML tokens, %d are allowed", len(tokens), maxTokens)
		return nil
	}
	if !r.checkTokens(tokens) {
		return nil
	}
	file, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		r.malformed(err)
		return nil
	}
	if len(file.Docs) > 1 && file.Docs[1].Body != nil {
		r.add(placeOf(file.Docs[1].Body.GetToken()), "put it into a file of its own", "a second document: one file holds one flow")
		return nil
	}
	if len(file.Docs) == 0 || file.Docs[0].Body == nil {
		r.add(place{1, 1}, "", "the file is empty")
		return nil
	}
	return r.node(file.Docs[0].Body)
}

// malformed reports an error of the YAML parser.
func (r *report) malformed(err error) {
	var syntax *yaml.SyntaxError
	if !errors.As(err, &syntax) || syntax.Token == nil {
		r.add(place{1, 1}, "", "the YAML cannot be read: %v", err)
		return
	}
	at := placeOf(syntax.Token)
	r.add(at, r.syntaxHint(at, syntax.Message), "YAML: %s", syntax.Message)
}

// syntaxHint returns a hint for a syntax error whose message is clear, or whose line shows a frequent mistake.
func (r *report) syntaxHint(at place, message string) string {
	for _, bracket := range []struct{ open, shut string }{{"[", "]"}, {"{", "}"}} {
		shut := "'" + bracket.shut + "'"
		if strings.Contains(message, "end token "+shut+" not found") || strings.Contains(message, "',' or "+shut+" must be specified") {
			return "a " + bracket.open + " before this is not closed"
		}
	}
	return r.quoteHint(at)
}

// quoteHint guesses the most frequent mistakes in such a line.
func (r *report) quoteHint(at place) string {
	if at.line < 1 || at.line > len(r.lines) {
		return ""
	}
	line := r.lines[at.line-1]
	switch {
	case strings.Contains(line, "\t"):
		return "indent with spaces, not with tabs"
	case strings.Contains(line, "${") && strings.ContainsAny(line[:strings.Index(line, "${")], "{["):
		return `inside { } or [ ] write "${ … }" with quotes around it`
	case strings.Contains(line, ": ") && strings.Count(line, ": ") > 1:
		return "put quotes around a text that contains a colon and a space"
	}
	return ""
}

func placeOf(t *token.Token) place {
	if t == nil || t.Position == nil {
		return place{1, 1}
	}
	return place{max(1, t.Position.Line), max(1, t.Position.Column)}
}

func (r *report) node(n ast.Node) *node {
	switch n := n.(type) {
	case *ast.MappingNode:
		return r.mappingNode(placeOf(n.Start), n.Values)
	case *ast.MappingValueNode:
		return r.mappingNode(placeOf(n.Key.GetToken()), []*ast.MappingValueNode{n})
	case *ast.SequenceNode:
		list := &node{place: placeOf(n.Start), shape: sequence}
		for _, v := range n.Values {
			list.items = append(list.items, r.node(v))
		}
		return list
	case *ast.LiteralNode:
		return &node{place: placeOf(n.Start), style: block, value: n.Value.Value}
	case nil:
		return &node{place: place{1, 1}}
	}
	return r.scalarNode(n.GetToken())
}

func (r *report) mappingNode(at place, values []*ast.MappingValueNode) *node {
	m := &node{place: at, shape: mapping}
	seen := map[string]place{}
	for i, v := range values {
		k := key{name: v.Key.GetToken().Value, place: placeOf(v.Key.GetToken())}
		if i == 0 && k.place.line == at.line && k.place.column < at.column {
			m.place = k.place // in a block mapping the library gives the position of the colon
		}
		if first, twice := seen[k.name]; twice {
			r.add(k.place, "", "%q is given twice, first in line %d", k.name, first.line)
			continue
		}
		seen[k.name] = k.place
		m.keys = append(m.keys, k)
		m.items = append(m.items, r.node(v.Value))
	}
	return m
}

var (
	jsonNumber  = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?$`)
	otherNumber = regexp.MustCompile(`^[-+]?(0x[0-9a-fA-F]+|0o[0-7]+|0b[01]+)$`)
	oddNumber   = regexp.MustCompile(`^[-+]?(\.inf|\.Inf|\.INF|\.nan|\.NaN|\.NAN|0[0-9]+|[0-9][0-9_]*_[0-9_]*(\.[0-9_]*)?|\.[0-9]+|[0-9]+\.|\+[0-9.]+)$|^\+[0-9]`)
)

func (r *report) scalarNode(t *token.Token) *node {
	n := &node{place: placeOf(t), value: t.Value}
	switch t.Type {
	case token.SingleQuoteType:
		n.style = single
		return n
	case token.DoubleQuoteType:
		n.style = double
		return n
	case token.NullType, token.ImplicitNullType:
		n.value = nil
		return n
	case token.BoolType:
		n.value = strings.EqualFold(t.Value, "true")
		return n
	}
	switch {
	case jsonNumber.MatchString(t.Value):
		if len(t.Value) > maxDigits {
			r.add(n.place, "quote it", "a number of %d characters, %d are allowed", len(t.Value), maxDigits)
		}
		n.value = json.Number(t.Value)
	case otherNumber.MatchString(t.Value):
		i, _ := new(big.Int).SetString(t.Value, 0)
		n.value = json.Number(i.String())
	case oddNumber.MatchString(t.Value):
		r.add(n.place, fmt.Sprintf("write %q with quotes for text, or a number as JSON has it", t.Value),
			"%s is read differently by different programs", t.Value)
	}
	return n
}
