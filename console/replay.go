package console

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/penstock/penstock/api/runaccess"
	"github.com/penstock/penstock/console/language"
	"github.com/penstock/penstock/console/steprecord"
	"github.com/penstock/penstock/console/view"
	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/internal/strictjson"
	"github.com/penstock/penstock/queue"
)

// repeatable returns the run in the path for a page that shows what it contains, and that starts a run in its place.
func (req *requestState) repeatable() (queue.Record, error) {
	record, err := req.record()
	if err != nil {
		return record, err
	}
	if !runaccess.Reads(req.who, &record) || !req.who.MayOperate(record.Flow, true, nil) {
		return record, errForbidden
	}
	return record, nil
}

// replayPage shows the event of a run to be edited, and which effects a replay repeats.
func replayPage(req *requestState) error {
	record, err := req.repeatable()
	if err != nil {
		return err
	}
	form, err := req.replayForm(&record)
	if err != nil {
		return err
	}
	return req.renderReplay(http.StatusOK, form)
}

func (req *requestState) renderReplay(status int, form view.Replay) error {
	return req.render(status, view.ReplayPage(req.page("runs", language.T(req.ctx(), "Replay the run of %s", form.FlowName)), form))
}

func (req *requestState) replayForm(r *queue.Record) (form view.Replay, err error) {
	a := steprecord.Decode(r)
	form = view.Replay{Run: req.runOf(r, &a)}
	if len(r.Event) > 0 {
		form.Event = req.eventText(r.Event)
	}
	pinned, err := req.console.config.Store.Flows().Version(req.ctx(), r.Flow, r.Version)
	if err != nil {
		return form, err
	}
	journal, err := req.console.config.Queue.Journal(req.ctx(), r)
	if err != nil {
		return form, err
	}
	form.Done, err = pinned.Done(journal)
	return form, err
}

// replayRun starts a new run with the event of a run, or with that of the form, on the version of that run or on the
// current one. It asks first when the run has effects that would be repeated.
func replayRun(req *requestState) error {
	config := req.console.config
	record, err := req.repeatable()
	if err != nil {
		return err
	}
	flow, found := config.Store.Flows().Find(strconv.FormatInt(record.Flow, 10))
	if req.r.PostFormValue("version") == "pinned" {
		if flow, err = config.Store.Flows().Version(req.ctx(), record.Flow, record.Version); err != nil {
			return err
		}
	} else if !found {
		return errNotFound
	}
	form, err := req.replayForm(&record)
	if err != nil {
		return err
	}
	form.Version, form.Sent = req.r.PostFormValue("version"), true
	s, err := req.submission(flow)
	if err != nil {
		return err
	}
	if _, edited := req.r.PostForm["event"]; record.Dropped && !edited {
		return queue.ErrDropped
	}
	record.Replay(&s)
	if event, edited := req.r.PostForm["event"]; edited {
		form.Event = event[0]
		if form.Trouble = req.sizeTrouble(event[0]); form.Trouble != "" {
			return req.renderReplay(http.StatusRequestEntityTooLarge, form)
		}
		if s.Event = bytes.TrimSpace([]byte(event[0])); len(s.Event) == 0 {
			s.Event = nil
		}
		if form.Trouble, err = req.eventTrouble(flow, &s); err != nil {
			return err
		}
		if form.Trouble != "" {
			return req.renderReplay(http.StatusUnprocessableEntity, form)
		}
	}
	if len(form.Done) > 0 && req.r.PostFormValue("repeat") != "yes" {
		return req.renderReplay(http.StatusConflict, form)
	}
	return req.startReplay(flow, s, &record)
}

// sizeTrouble returns why an event is too large, as the API would say; empty: it is not.
func (req *requestState) sizeTrouble(event string) string {
	if size, limit := sizeOf(event), req.console.config.MaxBody; size > limit {
		return language.T(req.ctx(), "it has %d bytes; the limit here is %d", size, limit)
	}
	return ""
}

// sizeOf returns the size of an event in a form in bytes. White space around it does not count, and the line breaks of forms count as
// one byte.
func sizeOf(event string) int64 {
	return int64(len(strings.TrimSpace(strings.ReplaceAll(event, "\r\n", "\n"))))
}

// eventText returns an event for a form: indented, unless it would be too large to be sent back.
func (req *requestState) eventText(event []byte) string {
	if text := indented(event); sizeOf(text) <= req.console.config.MaxBody {
		return text
	}
	return string(event)
}

// eventTrouble returns why a flow fails at once with the event of a submission; empty: it does not.
func (req *requestState) eventTrouble(flow *flows.Flow, s *queue.Submission) (string, error) {
	run := flows.Run{Principal: s.Principal, Params: s.Params, Headers: s.Headers}
	if s.Event != nil {
		err := strictjson.Check(s.Event, flows.MaxEventDepth)
		if err == nil {
			run.Event, err = flows.DecodeJSON(s.Event)
		}
		if err != nil {
			return err.Error(), nil
		}
	}
	err := flow.CheckEvent(req.ctx(), run)
	if wrong := new(flows.Error); errors.As(err, &wrong) {
		return wrong.Message, nil
	}
	return "", err
}

// startReplay starts a run with copies of the files that its event names.
func (req *requestState) startReplay(flow *flows.Flow, s queue.Submission, first *queue.Record) error {
	files, owner := req.console.config.Files, queue.NewRunID(s.Queue)
	event, copies, err := flows.CopyFiles(req.ctx(), files, s.Event, first.FilesOf(), owner)
	if s.Event = event; len(copies) > 0 {
		s.ID = owner
	}
	if err == nil {
		err = req.setFairKey(flow, &s)
	}
	if err == nil {
		return req.start(s) // after an error the run may have begun; files without a run are swept
	}
	for _, id := range copies {
		_ = files.Delete(context.WithoutCancel(req.ctx()), owner, id) // else it is swept
	}
	return err
}

// triageRun sets the triage state of a run that failed.
func triageRun(req *requestState) error {
	id, state, note := req.r.PathValue("run"), queue.TriageState(req.r.PostFormValue("state")), req.r.PostFormValue("note")
	t := queue.Triage{State: cmp.Or(state, queue.Open), By: req.who.String(), At: req.console.config.Now().UTC(), Note: note}
	if err := t.Validate(); err != nil {
		return &fault{http.StatusUnprocessableEntity, language.Key("The run is unchanged"), err.Error()}
	}
	if err := req.console.config.Queue.SetTriage(req.ctx(), id, t); err != nil {
		return err
	}
	req.audit("triage run", id+" "+string(t.State))
	req.setNotice(language.T(req.ctx(), "The run is %s.", string(t.State)))
	return req.redirect(view.Root + "/runs/" + id)
}
