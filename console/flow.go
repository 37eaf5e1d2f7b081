package console

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/console/picture"
	"github.com/penstock/penstock/console/view"
	"github.com/penstock/penstock/flows"
)

// flowPage shows a flow as a picture beside its text.
func flowPage(x *exchange) error {
	head, err := x.head()
	if err != nil {
		return err
	}
	source, err := x.console.config.Store.Flows().Source(x.ctx(), head.Number, head.Version)
	if err != nil {
		return err
	}
	f := view.Flow{FlowRow: x.flowRow(head), Source: string(source), Picture: x.draw(source), Schema: Root + "/flows/schema.json"}
	f.Writable = x.may(auth.ScopeWriteFlows)
	return x.show(200, view.FlowPage(x.page("flows", f.Name), f))
}

// draw lays out a flow whose text is right; nil: it cannot be read.
func (x *exchange) draw(source []byte) *picture.Picture {
	o, err := picture.Read(source, x.console.config.Catalogue)
	if err != nil {
		return nil
	}
	p := picture.Lay(o)
	return &p
}

// newSource is where a new flow begins.
const newSource = `flow: %d
slug: my-flow
name: What it does, in a few words
trigger: webhook
steps:
  - set: {message: "Hello, ${ .name // \"world\" }"}
tests:
  - name: says hello
    event: {name: Ada}
    output: [{message: "Hello, Ada"}]
`

// newFlowPage is the editor with a flow to begin with.
func newFlowPage(x *exchange) error {
	number := int64(1)
	for _, head := range x.console.config.Store.Flows().List() {
		if head.Number >= number {
			number = head.Number + 1
		}
	}
	source := fmt.Sprintf(newSource, number)
	f := view.Flow{Source: source, Picture: x.draw([]byte(source)), Writable: true, New: true, Schema: Root + "/flows/schema.json"}
	f.Name = "New flow"
	return x.show(200, view.FlowPage(x.page("flows", "New flow"), f))
}

// flowSchema is the JSON Schema of flow files, for the editor's completion.
func flowSchema(x *exchange) error {
	x.w.Header().Set("Content-Type", "application/schema+json")
	x.send(http.StatusOK, flows.Schema(x.console.config.Catalogue))
	return nil
}

// checked is what the editor is told of a text.
type checked struct {
	Problems flows.Problems `json:"problems"`
	Picture  string         `json:"picture,omitempty"` // empty: the text has mistakes
	Tests    []testTold     `json:"tests,omitempty"`
}

type testTold struct {
	Name    string `json:"name"`
	Line    int    `json:"line"`
	Failure string `json:"failure,omitempty"`
}

// written is the text of the editor. Forms end lines with CR LF, flow files
// with LF, and the version of a flow is that of its bytes.
func (x *exchange) written() []byte {
	return []byte(strings.ReplaceAll(x.r.PostFormValue("source"), "\r\n", "\n"))
}

// checkFlow tells the mistakes of a text, draws one that has none, and runs
// its tests.
func checkFlow(x *exchange) error {
	source := x.written()
	flow, err := flows.Parse("flow.yaml", source, x.console.config.Catalogue)
	told := checked{Problems: flows.Problems{}}
	switch {
	case err == nil:
		told.Tests = runTests(x.ctx(), flow)
		if told.Picture, err = x.pictureOf(source); err != nil {
			return err
		}
	case !errors.As(err, &told.Problems):
		return err
	}
	text, err := json.Marshal(told)
	if err != nil {
		return fmt.Errorf("tell problems: %w", err)
	}
	x.w.Header().Set("Content-Type", "application/json")
	x.send(http.StatusOK, text)
	return nil
}

func runTests(ctx context.Context, f *flows.Flow) []testTold {
	var told []testTold
	for _, r := range flows.RunTests(ctx, f) {
		told = append(told, testTold{r.Name, r.Line, r.Failure})
	}
	return told
}

// saveFlow deploys a text, or shows it again with its mistakes.
func saveFlow(x *exchange) error {
	source := x.written()
	flow, err := flows.Parse("flow.yaml", source, x.console.config.Catalogue)
	was, _ := strconv.ParseInt(x.r.PostFormValue("flow"), 10, 64) // zero: a new one
	store := x.console.config.Store.Flows()
	if err == nil {
		err = x.mayTake(flow.Number, was)
	}
	before, _ := store.Head(strconv.FormatInt(was, 10))
	if err == nil {
		_, err = store.Deploy(x.ctx(), flow)
	}
	if err != nil {
		return x.showAgain(source, was, err)
	}
	number := strconv.FormatInt(flow.Number, 10)
	x.audit("POST "+Root+"/flows", number)
	if before.Version == flow.Version {
		x.leaveNotice("Nothing had changed.")
	} else {
		x.leaveNotice("Saved. New runs use version " + view.Short(flow.Version) + ".")
	}
	return x.redirect(Root + "/flows/" + number)
}

// mayTake refuses a text that would replace another flow than the one that
// was opened.
func (x *exchange) mayTake(number, was int64) error {
	taken := slices.ContainsFunc(x.flowNames(), func(f view.FlowName) bool { return f.Number == number })
	if taken && number != was {
		return &fault{http.StatusConflict, "The number is taken", fmt.Sprintf("Flow %d is another flow. Choose a number that is free.", number)}
	}
	return nil
}

// pictureOf is the picture as HTML.
func (x *exchange) pictureOf(source []byte) (string, error) {
	var b strings.Builder
	if p := x.draw(source); p != nil {
		if err := view.Picture(*p).Render(x.ctx(), &b); err != nil {
			return "", err
		}
	}
	return b.String(), nil
}

// showAgain shows the editor with a text that was not saved.
func (x *exchange) showAgain(source []byte, was int64, err error) error {
	why := faultOf(err)
	if why.Status >= http.StatusInternalServerError {
		return err
	}
	f := view.Flow{Source: string(source), Picture: x.draw(source), Writable: true, New: was == 0, Schema: Root + "/flows/schema.json"}
	if head, err := x.console.config.Store.Flows().Head(strconv.FormatInt(was, 10)); err == nil {
		f.FlowRow = x.flowRow(head)
	}
	f.Trouble = why.Text
	var problems flows.Problems
	if errors.As(err, &problems) {
		f.Problems, f.Trouble = problems, ""
	}
	return x.show(why.Status, view.FlowPage(x.page("flows", "Not saved"), f))
}
