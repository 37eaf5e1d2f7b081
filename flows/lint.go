package flows

import (
	"regexp"
	"strings"

	"github.com/penstock/penstock/flows/internal/jq"
	"github.com/penstock/penstock/flows/internal/yaml"
)

// Codes of warnings about texts; those about programs are in package jq.
const (
	codePathAsText     = "path_as_text"
	codeTemplateBraces = "template_braces"
	codeBatchRequest   = "batch_request"
)

var (
	// pathForm is a text that is a jq path, alone or at the beginning of a pipe: .email, $event.a[0] | length.
	pathForm = regexp.MustCompile(`^(\.[A-Za-z_]\w*|\$(event|steps|vars|params|headers|run|index|listing|error|round)\b)(\.[A-Za-z_]\w*|\[\d*\]|\["[^"]*"\])*\s*((\||//).*)?$`)
	// bracesForm is the placeholder of other template languages: {{ .email }}, {{ $json.email }}.
	bracesForm = regexp.MustCompile(`\{\{-?\s*([.$][\w.$\[\]"]*)\s*-?\}\}`)
)

// lintText warns of a text of the file that looks like a program and is none. A text in quotes may be meant as it is.
func (c *compiler) lintText(n *yaml.Node, s string) {
	if n.Style == yaml.Plain && pathForm.MatchString(s) {
		c.Warn(n.Place, codePathAsText, "did you mean ${ "+s+" }? If not, put quotes around it", "%s is text here", quoted(n))
	}
	if at := bracesForm.FindStringSubmatchIndex(s); at != nil {
		c.Warn(c.Lines.Locate(n, at[0]), codeTemplateBraces, "write ${ "+strings.TrimPrefix(s[at[2]:at[3]], "$json")+" }", "%s is text: {{ }} is not rendered", s[at[0]:at[1]])
	}
}

// requestRead is a use of $headers or $params in a program.
type requestRead struct {
	place yaml.Place
	name  string
}

// lintBatch warns of the steps of a flow with run.batch that read the request: a run of several events has none.
func (c *compiler) lintBatch() {
	if c.flow.Batch == nil {
		return
	}
	for _, read := range c.requestReads {
		c.Warn(read.place, codeBatchRequest, "each element of $event.events has its "+read.name[1:], "%s is empty in a flow with run.batch", read.name)
	}
}

// lintCondition warns of a condition that assigns.
func (c *compiler) lintCondition(n *yaml.Node, e *Expr) {
	if e != nil && e.program.Assigns {
		c.Warn(n.Place, jq.CodeAssignment, jq.AssignmentHint, jq.AssignmentMessage)
	}
}
