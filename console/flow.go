package console

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/console/diagram"
	"github.com/penstock/penstock/console/flowpage"
	"github.com/penstock/penstock/console/language"
	"github.com/penstock/penstock/console/steprecord"
	"github.com/penstock/penstock/console/view"
	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/problem"
	"github.com/penstock/penstock/flows/reference"
	"github.com/penstock/penstock/store"
)

// flowPage shows the diagram of a flow beside its source.
func flowPage(req *requestState) error {
	head, err := req.head()
	if err != nil {
		return err
	}
	source, err := req.source(&head)
	if err != nil {
		return err
	}
	f := view.Flow{FlowRow: req.flowRow(head), Source: string(source), Diagram: req.diagram(source), Schema: Root + "/flows/schema.json"}
	if f.Overlays = req.may(auth.ScopeReadRuns) && f.Diagram != nil; f.Overlays {
		if f.Diagram.Over, err = req.overlay(&head, &f.Diagram.Outline); err != nil {
			return err
		}
		if req.fragment() && req.r.Header.Get("HX-Target") == "figures" {
			return req.render(200, view.StepFiguresPart(req.page("flows", ""), head.Number, f.Diagram.Over, true))
		}
	}
	f.Topics = req.topics(&head)
	if f.Proposal, err = req.proposalOf(head.Number); err != nil {
		return err
	}
	f.Writable, f.Rehearse, f.Base = req.may(auth.ScopeWriteFlows), req.mayRehearse(), head.Version
	return req.render(200, view.FlowPage(req.page("flows", f.Name), f))
}

// overlay returns what the parameter over asks to lay over the picture of a flow; nil: nothing.
func (req *requestState) overlay(head *store.Deployment, o *diagram.Outline) (*view.Overlay, error) {
	pages, name := req.console.flowPages, req.r.URL.Query().Get("over")
	switch name {
	case view.OverDay, view.OverWeek:
		return pages.OverTime(req.ctx(), name, head.Number, o, req.away)
	case view.OverLast, view.OverFailed:
	default:
		return nil, nil
	}
	id, err := pages.LastRun(req.ctx(), head.Number, name == view.OverFailed, req.away)
	if err != nil {
		return nil, err
	}
	if id == "" {
		return &view.Overlay{Page: name, Flow: head.Number, None: language.T(req.ctx(), "There is no such run among those that are kept.")}, nil
	}
	record, err := req.recordOf(id)
	if err != nil {
		return nil, err
	}
	a := steprecord.Decode(&record)
	run := req.runOf(&record, &a)
	over := flowpage.OverRun(req.ctx(), name, &run, o)
	over.Stale = record.Version != head.Version
	return over, nil
}

// runPicture shows the flow that a run has executed, with the run laid over it.
func runPicture(req *requestState) error {
	record, err := req.record()
	if err != nil {
		return err
	}
	a := steprecord.Decode(&record)
	run := req.runOf(&record, &a)
	page := req.page("runs", language.T(req.ctx(), "Picture of a run"))
	var picture *view.FlowPicture
	source, err := req.console.config.Store.Flows().Source(req.ctx(), record.Flow, record.Version)
	if err == nil {
		picture = req.diagram(source)
	} else if !errors.Is(err, store.ErrNotFound) {
		return err
	}
	if picture == nil {
		return req.render(200, view.RunPicturePage(page, flowpage.OverRun(req.ctx(), view.OverRun, &run, &diagram.Outline{}), nil))
	}
	picture.Over = flowpage.OverRun(req.ctx(), view.OverRun, &run, &picture.Outline)
	return req.render(200, view.RunPicturePage(page, picture.Over, picture))
}

// source returns the text of a flow. While Redis does not answer it is that which this process executes.
func (req *requestState) source(head *store.Deployment) ([]byte, error) {
	all := req.console.config.Store.Flows()
	if flow, ok := all.Find(strconv.FormatInt(head.Number, 10)); ok && req.away {
		return flow.Source, nil
	}
	return all.Source(req.ctx(), head.Number, head.Version)
}

// topics returns the lines about the topics of a flow.
func (req *requestState) topics(head *store.Deployment) (lines []view.TopicLine) {
	all := req.console.config.Store.Flows()
	if head.Topic != "" {
		lines = append(lines, topicLine(req.ctx(), language.T(req.ctx(), "Subscribes to %s, which is published by", head.Topic), all.Publishers(head.Topic)))
	}
	for _, topic := range head.Publishes {
		lines = append(lines, topicLine(req.ctx(), language.T(req.ctx(), "Publishes %s, to which subscribe", topic), all.Subscribers(topic)))
	}
	return lines
}

func topicLine(ctx context.Context, text string, flows []int64) view.TopicLine {
	if len(flows) == 0 {
		return view.TopicLine{Text: text + " " + language.T(ctx, "no flows")}
	}
	line := view.TopicLine{Text: text + " "}
	for _, flow := range flows {
		line.Flows = append(line.Flows, strconv.FormatInt(flow, 10))
	}
	return line
}

// diagram returns the picture of a valid source; nil when the source cannot be parsed.
func (req *requestState) diagram(source []byte) *view.FlowPicture {
	o, err := diagram.Read(source, req.console.config.Catalogue)
	if err != nil {
		return nil
	}
	return &view.FlowPicture{Outline: o}
}

// newSource is the source of a new flow.
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

// newFlowPage shows the editor with a template for a new flow.
func newFlowPage(req *requestState) error {
	return req.showNewFlow(func(number int64) string { return req.inFolder(fmt.Sprintf(newSource, number)) }, "")
}

// inFolder returns the text of a new flow in the first folder in which the user may edit, if that is not the top.
func (req *requestState) inFolder(source string) string {
	known, err := req.console.config.Store.Folders().View(req.ctx())
	if err != nil || req.who.MayIn(auth.ScopeWriteFlows, "") {
		return source
	}
	for _, name := range known.Folders() {
		if req.who.MayIn(auth.ScopeWriteFlows, name) {
			first, rest, _ := strings.Cut(source, "\n")
			return first + "\nfolder: " + name + "\n" + rest
		}
	}
	return source
}

// showNewFlow shows the editor with the text of a new flow, for the next free number. A notice says where the text comes from; it is
// then not lost without a question.
func (req *requestState) showNewFlow(text func(number int64) string, notice string) error {
	source := text(req.freeNumber())
	f := view.Flow{Source: source, Diagram: req.diagram([]byte(source)), Writable: true, New: true, Schema: Root + "/flows/schema.json", Unsaved: notice != ""}
	f.Name, f.Base = language.T(req.ctx(), "New flow"), store.NoVersion
	page := req.page("flows", language.T(req.ctx(), "New flow"))
	if notice != "" {
		page.Notice = notice
	}
	return req.render(http.StatusOK, view.FlowPage(page, f))
}

// flowSchema serves the JSON Schema of flow files, which the editor's completion uses.
func flowSchema(req *requestState) error {
	schema, err := req.console.flowSchema()
	if err != nil {
		return err
	}
	req.w.Header().Set("Content-Type", "application/schema+json")
	req.send(http.StatusOK, schema)
	return nil
}

// checkResult is the response to a check of a source by the editor.
type checkResult struct {
	Problems problem.List `json:"problems"`
	Warnings problem.List `json:"warnings,omitempty"` // of lint; for writers also of what the server does not have
	Diagram  string       `json:"picture,omitempty"`  // HTML; empty: the source has mistakes
	Tests    []testResult `json:"tests,omitempty"`

	Operations map[string]any `json:"operations,omitempty"` // of the connectors in the source: definitions of the schema, by their names
}

// testResult is the result of one test of a flow.
type testResult struct {
	Name    string `json:"name"`
	Line    int    `json:"line"`
	Failure string `json:"failure,omitempty"`
}

// checkFlow reports the mistakes in a source. For a source without mistakes it returns the diagram and the test
// results.
func checkFlow(req *requestState) error {
	source := req.submittedSource()
	flow, err := flows.Parse("flow.yaml", source, req.console.config.Catalogue)
	result := checkResult{Problems: problem.List{}, Operations: map[string]any{}}
	for _, c := range flows.ConnectorsIn("flow.yaml", source, req.console.config.Catalogue) {
		maps.Copy(result.Operations, reference.WithSchemas(c))
	}
	switch {
	case err == nil:
		result.Tests, result.Warnings = runTests(req.ctx(), flow), flow.Warnings()
		if req.may(auth.ScopeWriteFlows) {
			result.Warnings = slices.Concat(result.Warnings, req.console.config.Store.Flows().Missing(req.ctx(), "flow.yaml", flow))
		}
		if result.Diagram, err = req.diagramHTML(source); err != nil {
			return err
		}
	case !errors.As(err, &result.Problems):
		return err
	}
	text, err := json.Marshal(result)
	if err != nil {
		return fmt.Errorf("encode check result: %w", err)
	}
	req.w.Header().Set("Content-Type", "application/json")
	req.send(http.StatusOK, text)
	return nil
}

func runTests(ctx context.Context, f *flows.Flow) []testResult {
	var result []testResult
	for _, r := range flows.RunTests(ctx, f) {
		result = append(result, testResult{r.Name, r.Line, r.Failure})
	}
	return result
}

// diagramHTML renders the diagram; empty when the source cannot be parsed.
func (req *requestState) diagramHTML(source []byte) (string, error) {
	var b strings.Builder
	if p := req.diagram(source); p != nil {
		if err := view.FlowDiagram(*p).Render(req.ctx(), &b); err != nil {
			return "", err
		}
	}
	return b.String(), nil
}
