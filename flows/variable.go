package flows

import (
	"maps"
	"slices"
	"strings"

	"github.com/penstock/penstock/flows/internal/jq"
	"github.com/penstock/penstock/flows/internal/mistake"
	"github.com/penstock/penstock/flows/internal/yaml"
	"github.com/penstock/penstock/internal/suggest"
)

// variable is a predefined variable that a program reads.
type variable struct {
	name string // name in the compiled program: "$event"
	kind variableKind
	slot int    // of the step, for ofStep
	text string // name of the secret, for ofSecret
}

type variableKind uint8

const (
	ofEvent variableKind = iota
	ofVars
	ofParams
	ofHeaders
	ofRun
	ofIndex
	ofListing
	ofError
	ofRound
	ofStep      // $steps.NAME
	ofOperation // $params of an operation of a connector
	ofSecret    // secret("NAME")
)

// variables are the predefined variables. $steps is not among them, because only its members are values.
var variables = map[string]variableKind{
	"$event": ofEvent, "$vars": ofVars, "$params": ofParams,
	"$headers": ofHeaders, "$run": ofRun, "$index": ofIndex, "$listing": ofListing, "$error": ofError, "$round": ofRound,
}

// runFields are the members of $run.
var runFields = []string{"id", "attempt", "flow", "version", "principal", "deadline"}

// value returns the value of the variable for an item. Values are shared between goroutines and must not be modified.
func (v variable) value(in *Input) any {
	switch v.kind {
	case ofEvent:
		return in.p.x.run.Event
	case ofVars:
		return in.p.x.vars
	case ofParams:
		return in.p.x.params
	case ofHeaders:
		return in.p.x.headers
	case ofRun:
		return in.p.x.runInfo
	case ofIndex:
		return in.index
	case ofListing:
		return in.p.x.listing
	case ofError:
		return in.p.x.failure
	case ofOperation:
		if in.call == nil {
			return nil
		}
		return in.call.params
	case ofRound:
		return in.item.lineage.find(roundSlot)
	}
	return in.item.lineage.find(v.slot)
}

// ancestor is a value that an item was made from at an earlier step. Only steps named by some program are recorded.
type ancestor struct {
	slot  int
	value any
	up    *ancestor
}

// roundSlot is the slot of the number of the round in which an item is.
const roundSlot = -2

// find returns the value at the step with that slot; nil when the item did not pass that step.
func (a *ancestor) find(slot int) any {
	for ; a != nil; a = a.up {
		if a.slot == slot {
			return a.value
		}
	}
	return nil
}

// resolver is the jq.Scope of one program.
type resolver struct {
	*compiler
	locate func(offset int) yaml.Place
	vars   []variable // that the program reads, in the order of its jq.Program.Variables
}

var _ jq.Scope = (*resolver)(nil)

// program compiles a jq program. locate returns the position in the file of a byte of the source. Problems go to the
// report; the Expr is then nil.
func (c *compiler) program(source string, locate func(offset int) yaml.Place) *Expr {
	r := &resolver{compiler: c, locate: locate}
	program := jq.Compile(source, r, func(code mistake.Code, offset int, hint, format string, args ...any) {
		c.Add(code, locate(offset), hint, format, args...)
	}, func(offset int, code, hint, format string, args ...any) {
		c.Warn(locate(offset), code, hint, format, args...)
	})
	if program == nil {
		return nil
	}
	return &Expr{program: program, vars: r.vars, secret: slices.ContainsFunc(r.vars, func(v variable) bool { return v.kind == ofSecret })}
}

// predefinedNames are the variables of a program. $steps has no value, only its members have.
var predefinedNames = []string{"$event", "$steps", "$vars", "$params", "$headers", "$run", "$index", "$listing", "$error", "$round"}

// Names implements jq.Scope.
func (r *resolver) Names() []string {
	if r.connector != nil {
		return []string{"$params"}
	}
	return predefinedNames
}

// Resolve implements jq.Scope.
func (r *resolver) Resolve(ref jq.Reference) string {
	if r.connector != nil {
		return r.connectorVariable(ref)
	}
	switch ref.Name {
	case "$steps":
		return r.stepVariable(ref)
	case jq.SecretFunction:
		return r.secretVariable(ref)
	}
	if ref.Name == "$listing" && !r.readListing(ref) {
		return ref.Name
	}
	if ref.Name == "$error" && !r.handlesFailure {
		ref.Report(mistake.UnavailableVariable, "", "$error belongs to the steps of on_failure")
		return ref.Name
	}
	if ref.Name == "$round" && r.repeats == 0 {
		ref.Report(mistake.UnavailableVariable, "", "$round belongs to the steps and the condition of repeat")
		return ref.Name
	}
	if ref.Member != "" {
		r.member(ref)
	}
	if r.depth > 0 && (ref.Name == "$headers" || ref.Name == "$params") {
		r.requestReads = append(r.requestReads, requestRead{r.locate(ref.Offset), ref.Name})
	}
	r.read(variable{name: ref.Name, kind: variables[ref.Name]})
	return ref.Name
}

// readListing notes that the flow applies the listing itself. It reports a flow without one.
func (r *resolver) readListing(ref jq.Reference) bool {
	if r.flow.HTTP == nil || !r.httpListing {
		ref.Report(mistake.UnavailableVariable, "", "$listing belongs to an http trigger with listing, this flow has none")
		return false
	}
	r.flow.HTTP.pushdown = true
	return true
}

func (r *resolver) read(v variable) {
	r.flow.reads[v.kind] = true
	if !slices.Contains(r.vars, v) {
		r.vars = append(r.vars, v)
	}
}

// stepVariable returns the variable for the value of a step.
func (r *resolver) stepVariable(ref jq.Reference) string {
	if ref.Member == "" {
		ref.Report(mistake.UnavailableVariable, "write $steps.NAME", "$steps is no value: name the step")
		return ""
	}
	slot, visible := r.scope.steps[ref.Member]
	if !visible {
		r.unknownStep(ref)
		return ""
	}
	r.slots[slot].recorded = true
	v := variable{name: "$__step_" + ref.Member, kind: ofStep, slot: slot}
	r.read(v)
	return v.name
}

func (r *resolver) unknownStep(ref jq.Reference) {
	name := ref.Member
	if by, gone := r.scope.ambiguous[name]; gone {
		ref.Report(mistake.AmbiguousStep, "carry what you need in the item itself",
			"$steps.%s is ambiguous here: %s made one list of all items, which have different ancestors", name, by)
		return
	}
	if _, later := r.names[name]; later {
		ref.Report(mistake.LaterStep, "only earlier steps have a value", "$steps.%s does not exist yet at this step", name)
		return
	}
	known := slices.Sorted(maps.Keys(r.scope.steps))
	ref.Report(mistake.UnknownStep, suggest.DidYouMean(name, known), "no step is named %q", name)
}

// member checks a member of $vars, $params, $headers, $run, $error or $listing.
func (r *resolver) member(ref jq.Reference) {
	name := ref.Member
	switch ref.Name {
	case "$vars":
		if !slices.Contains(r.flow.varNames, name) {
			ref.Report(mistake.UnknownMember, suggest.DidYouMean(name, r.flow.varNames), "vars has no %q", name)
		}
	case "$run":
		if !slices.Contains(runFields, name) {
			ref.Report(mistake.UnknownMember, suggest.DidYouMean(name, runFields), "$run has no %q", name)
		}
	case "$error":
		if !slices.Contains(errorFields, name) {
			ref.Report(mistake.UnknownMember, suggest.DidYouMean(name, errorFields), "$error has no %q", name)
		}
	case "$listing":
		if !slices.Contains(listingMembers, name) {
			ref.Report(mistake.UnknownMember, suggest.DidYouMean(name, listingMembers), "$listing has no %q", name)
		}
		if name == "filter" {
			r.flow.HTTP.filterTree = true
		}
	case "$params":
		r.param(ref)
	case "$headers":
		r.header(ref)
	}
}

func (r *resolver) param(ref jq.Reference) {
	if r.flow.HTTP != nil {
		if !slices.Contains(r.httpParams, ref.Member) {
			ref.Report(mistake.UnknownMember, suggest.DidYouMean(ref.Member, r.httpParams), "no operation of trigger.http has a parameter %q", ref.Member)
		}
		return
	}
	w := r.flow.Webhook
	if w == nil {
		ref.Report(mistake.UnavailableVariable, "", "$params belongs to a webhook or http trigger, this flow has none")
		return
	}
	if !slices.Contains(w.Params, ref.Member) {
		hint := suggest.DidYouMean(ref.Member, w.Params)
		if hint == "" {
			hint = "add it: trigger: {webhook: {params: [" + ref.Member + "]}}"
		}
		ref.Report(mistake.UnknownMember, hint, "the query parameter %q is not declared in trigger.webhook.params", ref.Member)
	}
}

// header declares the header that an expression names. Headers with credentials are rejected: no run receives them.
func (r *resolver) header(ref jq.Reference) {
	declared, lower := r.flow.headers(), strings.ToLower(ref.Member)
	switch {
	case declared == nil:
		ref.Report(mistake.UnavailableVariable, "", "$headers belongs to a webhook or http trigger, this flow has none")
	case lower != ref.Member:
		ref.Report(mistake.BadHeader, "write "+lower, "header names are lower-case here")
	case slices.Contains(secretHeaders, lower):
		ref.Report(mistake.CredentialRead, "", "the header %s carries a credential: no expression can read it", lower)
	case !slices.Contains(*declared, lower):
		*declared = append(*declared, lower)
	}
}

// secretHeaders never reach a run.
var secretHeaders = []string{"authorization", "cookie", "proxy-authorization", "penstock-signature"}
