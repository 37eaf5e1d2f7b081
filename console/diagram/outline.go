// Package diagram reads the structure of a flow, of which the console draws a picture: its trigger, steps and branches.
package diagram

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"github.com/penstock/penstock/flows"
)

// Outline is the structure of a flow file.
type Outline struct {
	Trigger string // "webhook"
	Detail  string // of the trigger: "0 6 * * *"
	Steps   []Step

	OnFailure []Step // of on_failure
}

// Step is one step of a flow file.
type Step struct {
	Path     string // the same as in the records of runs
	Title    string // name, or kind if it has no name
	Kind     string
	Detail   string // main parameter, on one line
	Line     int    // in the file, from 1
	Branches []Branch
}

// Branch is a list of nested steps.
type Branch struct {
	Title string // "when .missing", "else", "on error"
	Steps []Step
}

// Nested returns the number of steps in the branches of a step.
func (s *Step) Nested() (n int) {
	for _, b := range s.Branches {
		for i := range b.Steps {
			n += 1 + b.Steps[i].Nested()
		}
	}
	return n
}

// All calls do for the steps of the flow and of on_failure, nested ones after the step that they are nested in.
func (o *Outline) All(do func(*Step)) {
	var each func([]Step)
	each = func(steps []Step) {
		for i := range steps {
			do(&steps[i])
			for _, b := range steps[i].Branches {
				each(b.Steps)
			}
		}
	}
	each(o.Steps)
	each(o.OnFailure)
}

// branchTitles say what goes through the nested steps of kinds that have one list of them. Read only.
var branchTitles = map[string]string{
	"changes": "each change", "dedupe": "the first item", "limit": "at its time", "lock": "while it is locked", "repeat": "each round", "wait_for": "sends the URL",
}

// reader builds an outline. It ignores what it does not know, because flows.Parse has checked the file.
type reader struct{ catalogue *flows.Catalogue }

// Read returns the outline of a flow file that flows.Parse has accepted.
func Read(source []byte, catalogue *flows.Catalogue) (o Outline, err error) {
	defer func() { // the YAML library may panic
		if trouble := recover(); trouble != nil {
			err = fmt.Errorf("read outline: %v", trouble)
		}
	}()
	file, err := parser.ParseBytes(source, 0)
	if err != nil {
		return Outline{}, fmt.Errorf("read outline: %w", err)
	}
	if len(file.Docs) == 0 {
		return Outline{}, errors.New("read outline: the file is empty")
	}
	r, root := reader{catalogue}, file.Docs[0].Body
	o.Trigger, o.Detail = trigger(root)
	o.Steps = r.steps(member(root, "steps"), "")
	onFailure := member(root, "on_failure")
	if all := member(onFailure, "steps"); all != nil {
		onFailure = all
	}
	o.OnFailure = r.steps(onFailure, "on_failure")
	return o, nil
}

func trigger(root ast.Node) (name, detail string) {
	n := member(root, "trigger")
	if n == nil {
		n = member(root, "on")
	}
	all := members(n)
	if len(all) == 0 {
		return text(n), ""
	}
	for _, m := range all {
		for _, about := range []string{"cron", "every", "reply"} {
			if detail = text(member(m.Value, about)); detail != "" {
				return text(m.Key), about + " " + detail
			}
		}
	}
	return text(all[0].Key), text(all[0].Value) // the name of a topic
}

// steps reads a list of steps. path is the path of the parent.
func (r reader) steps(n ast.Node, path string) []Step {
	list, _ := unwrap(n).(*ast.SequenceNode)
	if list == nil {
		return nil
	}
	taken := map[string]bool{}
	for _, element := range list.Values {
		if name := text(member(element, "name")); name != "" {
			taken[name] = true
		}
	}
	var steps []Step
	for _, element := range list.Values {
		if s, ok := r.step(element, path, taken); ok {
			steps = append(steps, s)
		}
	}
	return steps
}

func (r reader) step(n ast.Node, path string, taken map[string]bool) (Step, bool) {
	all := members(n)
	at := slices.IndexFunc(all, func(m *ast.MappingValueNode) bool { _, ok := r.catalogue.Kind(text(m.Key)); return ok })
	if at < 0 {
		return Step{}, false
	}
	kind, _ := r.catalogue.Kind(text(all[at].Key))
	label := text(member(n, "name"))
	if label == "" {
		label = kind.Name
		if _, operation, uses := strings.Cut(operationOf(kind, all[at].Value), "."); uses {
			label = operation
		}
		for first, i := label, 2; taken[label]; i++ {
			label = first + "-" + strconv.Itoa(i)
		}
		taken[label] = true
	}
	s := Step{Path: strings.TrimPrefix(path+"."+label, "."), Title: label, Kind: kind.Name, Line: line(n), Detail: detail(all[at].Value)}
	if s.Title != s.Kind && s.Detail == "" {
		s.Detail = s.Kind
	}
	if operation := operationOf(kind, all[at].Value); operation != "" {
		s.Detail = operation
	}
	s.Branches = r.branches(kind.Params, all[at].Value, s.Path)
	for i := range s.Branches {
		if title := branchTitles[kind.Name]; title != "" && s.Branches[i].Title == "steps" {
			s.Branches[i].Title = title
		}
	}
	if handler := member(member(n, "on_error"), "steps"); handler != nil {
		s.Branches = append(s.Branches, Branch{"on error", r.steps(handler, s.Path+".on_error")})
	}
	return s, true
}

// operationOf returns the operation that a step uses; empty: none.
func operationOf(kind flows.Kind, n ast.Node) string {
	if kind.Name != flows.UsesKind {
		return ""
	}
	if long := member(n, "operation"); long != nil {
		n = long
	}
	return text(n)
}

// branches finds nested steps in the parameters of a step. It names them like the compiler in package flows.
func (r reader) branches(params []flows.Param, n ast.Node, path string) []Branch {
	var all []Branch
	for _, p := range params {
		value := member(n, p.Name)
		if value == nil && p.Inline {
			value = n
		}
		switch p.Type {
		case flows.TypeSteps:
			if steps := r.steps(value, branchPath(path, p.Name)); len(steps) > 0 {
				title := p.Name
				if condition := text(member(n, "until")); condition != "" {
					title = "until " + condition
				}
				all = append(all, Branch{title, steps})
			}
		case flows.TypeObject:
			all = append(all, r.branches(p.Fields, value, path+"."+p.Name)...)
		case flows.TypeList:
			all = append(all, r.list(p, value, path)...)
		}
	}
	return all
}

func (r reader) list(p flows.Param, n ast.Node, path string) []Branch {
	list, _ := unwrap(n).(*ast.SequenceNode)
	if list == nil {
		return nil
	}
	var all []Branch
	for i, element := range list.Values {
		for _, b := range r.branches(p.Fields, element, path+"."+strconv.Itoa(i+1)) {
			if condition := text(member(element, "when")); condition != "" {
				b.Title = "when " + condition
			} else if name := branchName(element); name != "" {
				b.Title = name
			} else if b.Title == "steps" {
				b.Title = "branch " + strconv.Itoa(i+1)
			}
			all = append(all, b)
		}
	}
	return all
}

// branchName returns the name of an element of a list with nested steps; empty: it has none.
func branchName(n ast.Node) string {
	if name := text(member(n, "branch")); name != "" { // of parallel
		return name
	}
	return text(member(n, "name"))
}

// branchPath returns the path of nested steps: that of their parent for a parameter named "steps", "switch.else" for
// the else of a list.
func branchPath(path, param string) string {
	switch param {
	case "steps":
		return path
	case "else":
		cut := strings.LastIndexByte(path, '.')
		if _, err := strconv.Atoi(path[cut+1:]); err == nil && cut > 0 {
			return path[:cut] + ".else"
		}
	}
	return path + "." + param
}
