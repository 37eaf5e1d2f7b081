package view

import (
	"encoding/json"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/penstock/penstock/audit"
)

// AuditList is one page of the audit log, the newest entries first.
type AuditList struct {
	Params  url.Values // that chose the entries, without the place
	Trouble string     // what is wrong with the parameters; empty: nothing
	Warning string     // why entries are missing; empty: none are
	Items   []audit.Entry
	Next    string    // id behind which the next page begins; empty: this is the last one
	Older   bool      // this is not the first page
	Looked  int       // entries that were read, if the page is not full and there may be more
	Back    time.Time // time of the last one of them
	Exports []audit.Export
	Entries int // in the whole log
	Head    audit.Head
}

// filtered reports whether the list has less than the log.
func (l AuditList) filtered() bool { return len(l.Params) > 0 }

func (l AuditList) get(name string) string { return l.Params.Get(name) }

// url returns the address of the list with one more parameter; an empty value: without it.
func (l AuditList) url(path, name, value string) string {
	params := url.Values{}
	for n, v := range l.Params {
		params[n] = v
	}
	if value != "" {
		params.Set(name, value)
	}
	if len(params) == 0 {
		return Root + path
	}
	return Root + path + "?" + params.Encode()
}

// AuditSheet is one entry of the audit log.
type AuditSheet struct{ audit.Entry }

func auditPath(e *audit.Entry) string { return Root + "/access/audit/" + url.PathEscape(e.ID) }

// AuditHistory returns the address of what was done to one thing.
func AuditHistory(kind, id string) string {
	return Root + "/access/audit?" + url.Values{"kind": {kind}, "object": {id}}.Encode()
}

// auditDid returns what was done, as a sentence if it is known.
func auditDid(e *audit.Entry) string {
	if e.Summary != "" {
		return e.Summary
	}
	return e.Act
}

// auditObject returns what was acted on; empty: nothing is known.
func auditObject(e *audit.Entry) string {
	switch {
	case e.Object == "":
		return e.Subject
	case e.Kind == "" || strings.HasPrefix(e.Object, e.Kind+":") || e.Kind == audit.KindAudit:
		return e.Object
	}
	return strings.ReplaceAll(e.Kind, "_", " ") + " " + e.Object
}

// auditOutcome returns the outcome, also of an entry of an earlier version.
func auditOutcome(e *audit.Entry) string {
	if e.Outcome == "" {
		return string(audit.OutcomeOf(e.Status))
	}
	return string(e.Outcome)
}

// subjectPath returns the page of what was acted on; empty: it has none.
func subjectPath(e *audit.Entry) string {
	id := url.PathEscape(e.Subject)
	if id == "" {
		return ""
	}
	switch e.Kind {
	case audit.KindFlow:
		return Root + "/flows/" + id
	case audit.KindRun:
		return Root + "/runs/" + id
	case audit.KindUser:
		return Root + "/access/users/" + id
	case audit.KindKey:
		return Root + "/access/keys/" + id
	case audit.KindClient:
		return Root + "/access/clients/" + id
	case audit.KindConnection:
		return Root + "/connections/" + id
	case audit.KindFailure:
		return Root + "/failures/" + id
	case audit.KindOperation:
		return Root + "/operations/" + id
	}
	return ""
}

// actorPath returns the page of who acted; empty: it has none.
func actorPath(e *audit.Entry) string {
	kind, id, _ := strings.Cut(e.Actor, ":")
	if id == "" {
		return ""
	}
	return subjectPath(&audit.Entry{Kind: kind, Subject: id})
}

// versionPath returns the page that compares the versions that a deployment changed; empty: it changed none.
func versionPath(e *audit.Entry) string {
	for _, c := range e.Changes {
		var after string
		if e.Kind == audit.KindFlow && c.Field == "version" && json.Unmarshal(c.After, &after) == nil && after != "" {
			return Root + "/flows/" + url.PathEscape(e.Subject) + "/versions?version=" + url.QueryEscape(after)
		}
	}
	return ""
}

// auditValue formats a value before or after.
func auditValue(text json.RawMessage) string {
	var s string
	switch {
	case len(text) == 0:
		return "–"
	case json.Unmarshal(text, &s) == nil:
		return s
	}
	return string(text)
}

// auditVia says through what somebody acted.
func auditVia(via string) string {
	switch via {
	case audit.ViaConsole:
		return "a session of the console"
	case audit.ViaPortal:
		return "the developer portal"
	case audit.ViaToken:
		return "an access token"
	case audit.ViaPassword:
		return "name and password with the request"
	case audit.ViaSignature:
		return "a signed request"
	case audit.ViaCLI:
		return "the command penstock"
	case audit.ViaMCP:
		return "a tool of MCP"
	case audit.ViaSystem:
		return "the engine itself"
	}
	return "not known"
}

// auditThrough says through what and from where somebody acted.
func auditThrough(e *audit.Entry) string {
	if e.IP == "" {
		return auditVia(e.Via)
	}
	return auditVia(e.Via) + ", from " + e.IP
}

// AuditCheck is what the check of the chain has shown.
type AuditCheck struct {
	audit.Report
	Took time.Duration
}

func (c AuditCheck) said() string {
	if c.OK && c.Entries == 0 {
		return "The chain has no entry yet."
	}
	if c.OK {
		return "Entries " + strconv.FormatInt(c.From, 10) + " to " + strconv.FormatInt(c.To, 10) + " are as they were written, and signed."
	}
	return c.Fault.String()
}

// exportState says how an export goes.
func exportState(x *audit.Export, now time.Time) string {
	switch late := x.Late(now); {
	case late != "":
		return late
	case x.Error != "":
		return "is tried again: " + x.Error
	case x.Behind > 0:
		return strconv.FormatInt(x.Behind, 10) + " entries wait"
	}
	return "up to date"
}

// kindWords returns a kind as people write it.
func kindWords(kind string) string {
	switch kind {
	case audit.KindVar:
		return "variable"
	case audit.KindKey:
		return "API key"
	case audit.KindClient:
		return "API client"
	case audit.KindRuns:
		return "many runs"
	}
	return strings.ReplaceAll(kind, "_", " ")
}

// dateOf returns the date in a time of a parameter, for a field that takes a date.
func dateOf(text string) string { return text[:min(len(text), len(time.DateOnly))] }
