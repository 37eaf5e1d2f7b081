package yaml

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"regexp"
	"strings"

	goyaml "github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"

	"github.com/penstock/penstock/flows/internal/mistake"
	"github.com/penstock/penstock/internal/strictjson"
)

// Limits of a flow file.
const (
	maxSource  = 256 << 10 // bytes
	maxTokens  = 30_000    // YAML tokens; the parser's time is quadratic in them
	maxNesting = 64        // nesting of the YAML
)

// Report receives one problem of a file. hint is a suggested correction, or empty.
type Report func(code mistake.Code, at Place, hint, format string, args ...any)

// reader reads one file, or a part of it.
type reader struct {
	lines  Lines // of the file
	before int   // lines of the file before the part
	report Report
}

// Read parses a file, whose lines are given as well, into nodes. Problems go to the report. It returns nil when the
// file cannot be parsed; members and numbers with a problem are left out of the node or kept as text.
func Read(src []byte, lines Lines, report Report) (root *Node) {
	return ReadPart(Part{Text: string(src)}, lines, report)
}

// ReadPart is Read for a part of a file; lines are those of the whole file, and so are the positions.
func ReadPart(part Part, lines Lines, report Report) (root *Node) {
	r := &reader{lines: lines, before: part.Before, report: report}
	start := Place{part.Before + 1, 1}
	if len(part.Text) > maxSource {
		r.report(mistake.TooLarge, start, "", "the file has %d bytes, %d are allowed", len(part.Text), maxSource)
		return nil
	}
	defer func() {
		if trouble := recover(); trouble != nil {
			r.report(mistake.BadYAML, start, "", "the YAML cannot be read: %v", trouble)
			root = nil
		}
	}()
	tokens := lexer.Tokenize(part.Text)
	if len(tokens) > maxTokens {
		r.report(mistake.TooLarge, start, "split the flow, or put data elsewhere", "the file has %d YAML tokens, %d are allowed", len(tokens), maxTokens)
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
		r.report(mistake.SecondDocument, r.place(file.Docs[1].Body.GetToken()), "put it into a file of its own", "a second document: one file holds one flow")
		return nil
	}
	if len(file.Docs) == 0 || file.Docs[0].Body == nil {
		r.report(mistake.EmptyFile, start, "", "the file is empty")
		return nil
	}
	return r.node(file.Docs[0].Body)
}

// malformed reports an error of the YAML parser.
func (r *reader) malformed(err error) {
	var syntax *goyaml.SyntaxError
	if !errors.As(err, &syntax) || syntax.Token == nil {
		r.report(mistake.BadYAML, r.place(nil), "", "the YAML cannot be read: %v", err)
		return
	}
	at := r.place(syntax.Token)
	code := mistake.BadYAML
	if at.Line <= len(r.lines) && strings.Contains(r.lines[at.Line-1], "\t") {
		code = mistake.TabIndent
	}
	r.report(code, at, r.syntaxHint(at, syntax.Message), "YAML: %s", syntax.Message)
}

// syntaxHint returns a hint for a syntax error whose message is clear, or whose line shows a frequent mistake.
func (r *reader) syntaxHint(at Place, message string) string {
	for _, bracket := range []struct{ open, shut string }{{"[", "]"}, {"{", "}"}} {
		shut := "'" + bracket.shut + "'"
		if strings.Contains(message, "end token "+shut+" not found") || strings.Contains(message, "',' or "+shut+" must be specified") {
			return "a " + bracket.open + " before this is not closed"
		}
	}
	return r.quoteHint(at)
}

// quoteHint guesses the most frequent mistakes in such a line.
func (r *reader) quoteHint(at Place) string {
	if at.Line < 1 || at.Line > len(r.lines) {
		return ""
	}
	line := r.lines[at.Line-1]
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

func (r *reader) place(t *token.Token) Place {
	if t == nil || t.Position == nil {
		return Place{r.before + 1, 1}
	}
	return Place{r.before + max(1, t.Position.Line), max(1, t.Position.Column)}
}

func (r *reader) node(n ast.Node) *Node {
	switch n := n.(type) {
	case *ast.MappingNode:
		return r.mappingNode(r.place(n.Start), n.Values)
	case *ast.MappingValueNode:
		return r.mappingNode(r.place(n.Key.GetToken()), []*ast.MappingValueNode{n})
	case *ast.SequenceNode:
		list := &Node{Place: r.place(n.Start), Shape: Sequence}
		for _, v := range n.Values {
			list.Items = append(list.Items, r.node(v))
		}
		return list
	case *ast.LiteralNode:
		return &Node{Place: r.place(n.Start), Style: Block, Value: n.Value.Value}
	case nil:
		return &Node{Place: r.place(nil)}
	}
	return r.scalarNode(n.GetToken())
}

func (r *reader) mappingNode(at Place, values []*ast.MappingValueNode) *Node {
	m := &Node{Place: at, Shape: Mapping}
	seen := map[string]Place{}
	for i, v := range values {
		k := Key{Name: v.Key.GetToken().Value, Place: r.place(v.Key.GetToken())}
		if i == 0 && k.Place.Line == at.Line && k.Place.Column < at.Column {
			m.Place = k.Place // in a block mapping the library gives the position of the colon
		}
		if first, twice := seen[k.Name]; twice {
			r.report(mistake.DuplicateKey, k.Place, "", "%q is given twice, first in line %d", k.Name, first.Line)
			continue
		}
		seen[k.Name] = k.Place
		m.Keys = append(m.Keys, k)
		m.Items = append(m.Items, r.node(v.Value))
	}
	return m
}

var (
	jsonNumber  = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?$`)
	otherNumber = regexp.MustCompile(`^[-+]?(0x[0-9a-fA-F]+|0o[0-7]+|0b[01]+)$`)
	oddNumber   = regexp.MustCompile(`^[-+]?(\.inf|\.Inf|\.INF|\.nan|\.NaN|\.NAN|0[0-9]+|[0-9][0-9_]*_[0-9_]*(\.[0-9_]*)?|\.[0-9]+|[0-9]+\.|\+[0-9.]+)$|^\+[0-9]`)
)

func (r *reader) scalarNode(t *token.Token) *Node {
	n := &Node{Place: r.place(t), Value: t.Value}
	switch t.Type {
	case token.SingleQuoteType:
		n.Style = Single
		return n
	case token.DoubleQuoteType:
		n.Style = Double
		return n
	case token.NullType, token.ImplicitNullType:
		n.Value = nil
		return n
	case token.BoolType:
		n.Value = strings.EqualFold(t.Value, "true")
		return n
	}
	switch {
	case jsonNumber.MatchString(t.Value):
		if len(t.Value) > strictjson.MaxDigits {
			r.report(mistake.BadNumber, n.Place, "quote it", "a number of %d characters, %d are allowed", len(t.Value), strictjson.MaxDigits)
		}
		n.Value = json.Number(t.Value)
	case otherNumber.MatchString(t.Value):
		i, _ := new(big.Int).SetString(t.Value, 0)
		n.Value = json.Number(i.String())
	case oddNumber.MatchString(t.Value):
		r.report(mistake.BadNumber, n.Place, fmt.Sprintf("write %q with quotes for text, or a number as JSON has it", t.Value),
			"%s is read differently by different programs", t.Value)
	}
	return n
}
