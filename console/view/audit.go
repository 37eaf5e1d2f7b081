package view

import (
	"context"
	"encoding/json"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/penstock/penstock/audit"
	"github.com/penstock/penstock/console/language"
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

// outcomeWord returns an outcome as people write it.
func outcomeWord(ctx context.Context, outcome string) string {
	switch audit.Outcome(outcome) {
	case audit.Done:
		return language.In(ctx, "outcome", "done")
	case audit.Refused:
		return language.In(ctx, "outcome", "refused")
	case audit.Failed:
		return language.In(ctx, "outcome", "failed")
	}
	return outcome
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
func auditVia(ctx context.Context, via string) string {
	switch via {
	case audit.ViaConsole:
		return language.T(ctx, "a session of the console")
	case audit.ViaPortal:
		return language.T(ctx, "the developer portal")
	case audit.ViaToken:
		return language.T(ctx, "an access token")
	case audit.ViaPassword:
		return language.T(ctx, "name and password with the request")
	case audit.ViaSignature:
		return language.T(ctx, "a signed request")
	case audit.ViaCLI:
		return language.T(ctx, "the command penstock")
	case audit.ViaMCP:
		return language.T(ctx, "a tool of MCP")
	case audit.ViaSystem:
		return language.T(ctx, "the engine itself")
	}
	return language.T(ctx, "not known")
}

// auditThrough says through what and from where somebody acted.
func auditThrough(ctx context.Context, e *audit.Entry) string {
	if e.IP == "" {
		return auditVia(ctx, e.Via)
	}
	return language.T(ctx, "%s, from %s", auditVia(ctx, e.Via), e.IP)
}

// AuditCheck is what the check of the chain has shown.
type AuditCheck struct {
	audit.Report
	Took time.Duration
}

func (c AuditCheck) said(ctx context.Context) string {
	if c.OK && c.Entries == 0 {
		return language.T(ctx, "The chain has no entry yet.")
	}
	if c.OK {
		return language.T(ctx, "Entries %s to %s are as they were written, and signed.", strconv.FormatInt(c.From, 10), strconv.FormatInt(c.To, 10))
	}
	return c.Fault.String()
}

// exportState says how an export goes.
func exportState(ctx context.Context, x *audit.Export, now time.Time) string {
	switch late := x.Late(now); {
	case late != "":
		return late
	case x.Error != "":
		return language.T(ctx, "is tried again: %s", x.Error)
	case x.Behind > 0:
		return language.N(ctx, int(x.Behind), "%d entry waits", "%d entries wait")
	}
	return language.T(ctx, "up to date")
}

// kindNames are kinds as people write them. Read only.
var kindNames = map[string]string{
	audit.KindFlow: language.Key("flow"), audit.KindFolder: language.Key("folder"), audit.KindRun: language.Key("run"), audit.KindRuns: language.Key("many runs"), audit.KindOperation: language.Key("operation"),
	audit.KindFailure: language.Key("failure"), audit.KindUser: language.Key("user"), audit.KindKey: language.Key("API key"), audit.KindClient: language.Key("API client"),
	audit.KindConnection: language.Key("connection"), audit.KindSecret: language.Key("secret"), audit.KindVar: language.Key("variable"),
	audit.KindSigningKey: language.Key("signing key"), audit.KindQueue: language.Key("queue"), audit.KindWorker: language.Key("worker"), audit.KindTopic: language.Key("topic"),
	audit.KindToken: language.Key("token"), audit.KindSearch: language.Key("search"), audit.KindCapture: language.Key("capture"), audit.KindAudit: language.Key("audit log"),
}

// kindWords returns a kind as people write it; one without a name as it is.
func kindWords(ctx context.Context, kind string) string {
	if name := kindNames[kind]; name != "" {
		return language.T(ctx, name)
	}
	return kind
}

// dateOf returns the date in a time of a parameter, for a field that takes a date.
func dateOf(text string) string { return text[:min(len(text), len(time.DateOnly))] }
