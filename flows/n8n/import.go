// Package n8n makes flows of n8n's workflows. What has no equivalent becomes a step that fails, with a comment, and is listed.
package n8n

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Config says what is imported.
type Config struct {
	Flow    int64  // number of the flow; zero means 100
	Slug    string // name of the flow in URLs; empty: that of the workflow
	Trigger string // name of the node that starts the flow; empty: a webhook, a schedule, another trigger, a manual one, in this order
}

// maxFlow is the maximum size of a flow file in bytes.
const maxFlow = 256 << 10

// Result is an imported workflow.
type Result struct {
	Flow        []byte       // the flow file
	Connections []Connection // to be made, in the order of the flow
	Secrets     []string     // to be stored
	Vars        []string     // to be given a value
	Notes       []Note
	Nodes       int // that the trigger reaches, itself included
	// Steps are the names of the steps that put out what a node does, by the node's name. Nodes with several outputs are not
	// there.
	Steps map[string]string
}

// Note says what of a node was not taken over, or is not the same in all cases.
type Note struct {
	Node string `json:"node"`
	Type string `json:"type"`
	// Reason is the same for all nodes that it is the reason for; empty: the node was taken over and should be looked at.
	Reason string `json:"reason,omitempty"`
	Detail string `json:"detail"`
}

// ToDo reports whether something is left to do.
func (n Note) ToDo() bool { return n.Reason != "" }

func (n Note) comment() string {
	if n.ToDo() {
		return "TODO: " + n.text()
	}
	return "Look at it: " + n.Detail
}

// text is the reason with its detail.
func (n Note) text() string {
	if strings.HasPrefix(n.Detail, n.Reason) {
		return n.Detail
	}
	return n.Reason + ": " + n.Detail
}

// String is the note on one line.
func (n Note) String() string {
	if n.ToDo() {
		return fmt.Sprintf("%q: to do: %s", n.Node, n.text())
	}
	return fmt.Sprintf("%q: look at it: %s", n.Node, n.Detail)
}

// Import makes a flow file of a workflow that n8n has exported. The error says why the file is no workflow; nodes and
// expressions that cannot be taken over are notes.
func Import(src []byte, c Config) (*Result, error) {
	if c.Flow < 0 {
		return nil, fmt.Errorf("%d is no number of a flow: they begin at 1", c.Flow)
	}
	w, err := read(src)
	if err != nil {
		return nil, err
	}
	start, err := w.start(c.Trigger)
	if err != nil {
		return nil, err
	}
	order := w.build(start)
	i := &importer{w: w, start: start, singles: map[*node]bool{}, unwrap: map[wire]string{}, order: order}
	i.others()
	steps := i.tree(start, &scope{single: true, visible: map[string]string{}}, nil)
	if !responds(start) {
		steps = append(steps, i.last...)
	}
	if len(steps) == 0 {
		steps = []step{pass()}
	}
	number := c.Flow
	if number == 0 {
		number = 100
	}
	name := cmp.Or(strings.TrimSpace(printable(strings.Join(strings.Fields(w.Name), " "))), "Imported from n8n")
	slug := cmp.Or(c.Slug, slugOf(w.Name))
	file := mapping{{"flow", json.Number(strconv.FormatInt(number, 10))}, {"slug", slug}, {"name", name}}
	file = append(file, i.head...)
	if len(w.usedVars) > 0 {
		vars := mapping{}
		for _, name := range w.usedVars {
			vars = append(vars, pair{name, nil})
		}
		file = append(file, pair{"vars", vars})
	}
	file = append(file, pair{"steps", steps})
	out := &writer{}
	out.mapping(file, "", false)
	if out.b.Len() > maxFlow {
		return nil, fmt.Errorf("the flow would have %d KiB, and at most %d are possible: divide the workflow", out.b.Len()>>10, maxFlow>>10)
	}
	r := &Result{Flow: out.b.Bytes(), Connections: i.conns, Vars: w.usedVars, Notes: i.notes, Steps: map[string]string{}}
	slices.Sort(i.secrets)
	r.Secrets = slices.Compact(i.secrets)
	for _, n := range order {
		if n.kind != loopBack {
			r.Nodes++
			r.Steps[n.Name] = n.step
		}
	}
	return r, nil
}

// start finds the node that starts the flow.
func (w *workflow) start(name string) (*node, error) {
	if name != "" {
		if n := w.byName[name]; n != nil {
			return n, nil
		}
		return nil, fmt.Errorf("there is no node %q", name)
	}
	var best *node
	rank := func(n *node) int {
		switch {
		case n.Disabled && !strings.HasPrefix(n.kind, "manual"):
			return 9
		case n.kind == "webhook":
			return 0
		case n.kind == "scheduleTrigger" || n.kind == "cron" || n.kind == "interval":
			return 1
		case n.kind == "manualTrigger" || n.kind == "start":
			return 4
		case n.kind == "executeWorkflowTrigger":
			return 3
		case n.trigger():
			return 2
		}
		return 10
	}
	for _, n := range w.Nodes {
		if n.trigger() && (best == nil || rank(n) < rank(best)) {
			best = n
		}
	}
	if best != nil {
		return best, nil
	}
	return nil, errors.New("the workflow has no trigger: name the first node with --trigger")
}

// others notes triggers that start nodes which this one does not reach.
func (i *importer) others() {
	for _, n := range i.w.Nodes {
		if !n.trigger() || n == i.start || n.at >= 0 || n.kind == "manualTrigger" && !slices.ContainsFunc(n.out, func(e edge) bool { return e.to.at < 0 }) {
			continue
		}
		if slices.ContainsFunc(n.out, func(e edge) bool { return e.to.at < 0 }) {
			i.todo(n, "several triggers", fmt.Sprintf("a flow has one trigger: import what this one starts with --trigger %q", n.Name))
		} else {
			i.check(n, "a flow has one trigger: this one starts the same nodes and is left out")
		}
	}
}

func (i *importer) todo(n *node, reason, detail string) { i.note(Note{n.Name, n.kind, reason, detail}) }

func (i *importer) check(n *node, detail string) { i.note(Note{n.Name, n.kind, "", detail}) }

func (i *importer) note(n Note) {
	if !slices.Contains(i.notes, n) {
		i.notes = append(i.notes, n)
	}
}

// vars notes a variable of the flow.
func (w *workflow) vars(name string) {
	if !slices.Contains(w.usedVars, name) {
		w.usedVars = append(w.usedVars, name)
	}
}

// slugOf is a slug made of a name.
func slugOf(name string) string {
	slug := strings.ReplaceAll(identifier(name), "_", "-")
	if slug = strings.TrimPrefix(slug, "step-"); !strings.ContainsAny(slug, "abcdefghijklmnopqrstuvwxyz") {
		slug = strings.TrimRight("workflow-"+slug, "-")
	}
	return slug
}
