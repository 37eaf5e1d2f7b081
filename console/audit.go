package console

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/penstock/penstock/api/auditlist"
	"github.com/penstock/penstock/api/changes"
	"github.com/penstock/penstock/api/listing"
	"github.com/penstock/penstock/audit"
	"github.com/penstock/penstock/console/language"
	"github.com/penstock/penstock/console/view"
)

// audit writes an entry of the audit log for the signed-in user. A failure to write it is logged only, because the
// action has already been done.
func (req *requestState) audit(act, object string) { req.auditMessage(act, object, "") }

// auditMessage is audit with what the user said about the action.
func (req *requestState) auditMessage(act, object, message string) {
	e := req.entry(act, object, http.StatusOK)
	e.Message = message
	e.Describe()
	if req.before.kind == e.Kind {
		id := req.before.id
		if id == "" {
			id = strings.TrimPrefix(object, e.Kind+":")
		}
		e.Subject = req.recordReader().Subject(e.Kind, id)
		e.Changes = changes.Between(req.before.state, req.recordReader().Read(req.ctx(), e.Kind, e.Subject))
	}
	req.noted = true
	e.LogMissing(req.ctx(), req.console.config.Log, req.console.config.Store.Audit().Add(context.WithoutCancel(req.ctx()), e))
}

// noteRefusal notes that the user, or somebody who is not signed in, was refused.
func (req *requestState) noteRefusal(act, object string, status int) {
	e := req.entry(act, object, status)
	e.LogMissing(req.ctx(), req.console.config.Log, req.console.config.Store.Audit().Refuse(context.WithoutCancel(req.ctx()), e))
}

// entry returns the entry of an act of the user.
func (req *requestState) entry(act, object string, status int) audit.Entry {
	e := audit.Entry{
		Actor: audit.Anonymous, Act: act, Object: object, Status: status, IP: req.ip(), Via: audit.ViaConsole, RequestID: req.w.Header().Get(headerRequestID),
	}
	if req.site.Root != Root {
		e.Via = audit.ViaPortal
	}
	if req.who != nil {
		e.Actor, e.Name = req.who.String(), req.user.Name
	}
	return e
}

// recordBefore is what a write is about, as it was before it.
type recordBefore struct {
	kind, id string // id is empty for what is made
	state    *changes.State
}

func (req *requestState) recordReader() changes.Reader {
	return changes.Reader{Store: req.console.config.Store}
}

// namesOf are the parameters of paths that name what a request is about. Read only.
var namesOf = []string{"flow", "run", "failure", "key", "client", "user", "name", "queue", "operation"}

// readBefore keeps what a write is about, for the audit log.
func (req *requestState) readBefore(act string) {
	kind := audit.ActOf(act).Kind
	if kind == "" {
		return
	}
	b := recordBefore{kind: kind}
	for _, name := range namesOf {
		if b.id = req.r.PathValue(name); b.id != "" {
			break
		}
	}
	switch act {
	case "POST " + Root + "/connections", "POST " + Root + "/secrets", "POST " + Root + "/vars":
		b.id = strings.TrimSpace(req.r.PostFormValue("name"))
	case "POST " + Root + "/flows":
		b.id = req.r.PostFormValue("flow")
	}
	b.state = req.recordReader().Read(req.ctx(), kind, b.id)
	req.before = b
}

// actOf returns the name of the act of a route.
func (s *site) actOf(pattern string) string {
	method, path, _ := strings.Cut(pattern, " ")
	return method + " " + s.Root + path
}

// notedByFrame are the writes that have an entry when they succeed, without asking for one. Read only.
var notedByFrame = map[string]bool{
	"POST /runs/{run}/cancel": true, "POST /runs/{run}/replay": true, "POST /runs/{run}/resume": true, "POST /queues/{path...}": true, "DELETE /queues/{path...}": true,
}

// handleWrite handles a write, and notes it if it does not itself.
func (req *requestState) handleWrite(to route) error {
	act := req.site.actOf(to.pattern)
	req.readBefore(act)
	err := req.handleOnce(to.handle)
	switch leads := req.sentTo != "" || strings.Contains(to.pattern, "{path...}"); {
	case errors.Is(err, errForbidden):
		req.noteRefusal(act, req.before.id, http.StatusForbidden)
	case err == nil && !req.noted && leads && notedByFrame[to.pattern]:
		object := req.before.id
		if object == "" {
			object = req.r.PathValue("path")
		}
		req.audit(act, object)
	}
	return err
}

// auditPage lists the audit log.
func auditPage(req *requestState) error {
	params := req.r.URL.Query()
	for name, values := range params {
		if strings.Join(values, "") == "" {
			params.Del(name) // an empty field of the form
		}
	}
	list := view.AuditList{Params: params}
	s, _, err := auditlist.ParseSearch(params, req.zone())
	list.Older = params.Has(listing.ParamCursor)
	params.Del(listing.ParamCursor)
	var page listing.Page[audit.Entry]
	if err == nil {
		page, err = auditlist.Find(req.ctx(), req.console.config.Store.Audit(), s)
	}
	var wrong *listing.Error
	if errors.As(err, &wrong) {
		list.Trouble = wrong.Error()
		return req.render(http.StatusBadRequest, view.AuditPage(req.page("access", language.T(req.ctx(), "Audit")), list))
	}
	if err != nil {
		return err
	}
	list.Items, list.Next, list.Warning, list.Looked = page.Items, page.Next, page.Warning, page.Looked
	if page.LookedBackTo != nil {
		list.Back = *page.LookedBackTo
	}
	log := req.console.config.Store.Audit()
	if list.Entries, err = log.Len(req.ctx()); err != nil {
		list.Entries = 0 // the warning says that the history does not answer
	}
	if list.Head, err = log.Head(req.ctx()); err != nil {
		return redisAway(err)
	}
	if list.Exports, err = log.Exports(req.ctx()); err != nil {
		return redisAway(err)
	}
	return req.render(http.StatusOK, view.AuditPage(req.page("access", language.T(req.ctx(), "Audit")), list))
}

// auditEntryPage shows an entry.
func auditEntryPage(req *requestState) error {
	e, err := req.console.config.Store.Audit().Find(req.ctx(), req.r.PathValue("entry"))
	if errors.Is(err, audit.ErrNotFound) {
		return errNotFound
	}
	if err != nil {
		return err
	}
	return req.render(http.StatusOK, view.AuditEntryPage(req.page("access", language.T(req.ctx(), "Audit entry")), view.AuditSheet{Entry: *e}))
}

// auditCheckPage verifies the chain.
func auditCheckPage(req *requestState) error {
	begun := time.Now()
	r, err := req.console.config.Store.Audit().Verify(req.ctx())
	if err != nil {
		return err
	}
	return req.render(http.StatusOK, view.AuditCheckPage(req.page("access", language.T(req.ctx(), "Verify the audit log")), view.AuditCheck{Report: r, Took: time.Since(begun)}))
}

// maxExport is the maximum size of an export of the console in bytes. The API has no such bound.
const maxExport = 64 << 20

var errExport = &fault{http.StatusUnprocessableEntity, language.Key("This is too much for the browser"), language.Key("Choose a shorter time, or use the command penstock audit export.")}

// exportAudit sends the chosen entries as a file, the oldest first.
func exportAudit(req *requestState) error {
	params := req.r.URL.Query()
	format := params.Get("format")
	params.Del("format")
	s, _, err := auditlist.ParseSearch(params, req.zone())
	var wrong *listing.Error
	if errors.As(err, &wrong) {
		return &fault{http.StatusBadRequest, language.Key("This cannot be exported"), wrong.Error()}
	}
	var out limitedBuffer
	if err := req.console.config.Store.Audit().Export(req.ctx(), s.Query, format == "csv", &out); err != nil {
		return err
	}
	req.audit(req.site.actOf("GET /access/audit/export"), exportObject(params))
	name, kind := "audit.jsonl", "application/x-ndjson"
	if format == "csv" {
		name, kind = "audit.csv", "text/csv; charset=utf-8; header=present"
	}
	h := req.w.Header()
	h.Set("Content-Type", kind)
	h.Set("Content-Disposition", `attachment; filename="`+name+`"`)
	req.send(http.StatusOK, out.Bytes())
	return nil
}

func exportObject(params url.Values) string {
	if len(params) == 0 {
		return "audit"
	}
	return "audit?" + params.Encode()
}

// limitedBuffer is a buffer that takes maxExport bytes.
type limitedBuffer struct{ bytes.Buffer }

// Write implements io.Writer.
func (b *limitedBuffer) Write(p []byte) (int, error) {
	if b.Len()+len(p) > maxExport {
		return 0, errExport
	}
	return b.Buffer.Write(p)
}

// lateExports says which exports of the audit log need attention.
func lateExports(ctx context.Context, exports []audit.Export, now time.Time) (all []view.Need) {
	for i := range exports {
		if late := exports[i].Late(now); late != "" {
			all = append(all, view.Need{Urgent: true, Text: language.T(ctx, "The export of the audit log to %s: %s", exports[i].Sink, late), Path: "/access/audit"})
		}
	}
	return all
}
