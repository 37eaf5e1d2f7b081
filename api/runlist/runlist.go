// Package runlist lists runs. Redis has no index by state or flow: it reads runs in the order of their acceptance
// until the page is full, and returns how far it read.
package runlist

import (
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/penstock/penstock/api/listing"
	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/internal/failure"
	"github.com/penstock/penstock/queue"
)

// The limits of one call.
const (
	maxSorted   = 10_000          // maximum number of runs in another order than that of acceptance
	maxScanned  = 50_000          // maximum number of runs in the order of acceptance
	firstBatch  = 200             // runs that are read first, and in any case: lists that are not longer have an exact total
	growth      = 4               // the next batch has that many times as many
	maxBatch    = 5000            // and at most these
	maxScanTime = 3 * time.Second // after this time no further batch is read
)

// Lister reads runs. *queue.Client implements it.
type Lister interface {
	List(ctx context.Context, l queue.List, each func(*queue.Record)) (next queue.Place, more bool, err error)
}

// Runs is what Find reads. *queue.Client implements it.
type Runs interface {
	Lister
	// Unarchived returns how many runs have not ended, and how many of the others are not in the history yet.
	Unarchived(ctx context.Context) (open, ended int64, err error)
}

// Schema returns the fields by which runs can be filtered and ordered, and further ones.
func Schema(further ...listing.Field[queue.Record]) listing.Schema[queue.Record] {
	type run = queue.Record
	return listing.Schema[run]{
		Order: "-created_at", Cursor: true, Others: []string{ParamSearch},
		Fields: append([]listing.Field[run]{
			listing.Text("run_id", func(r *run) string { return r.ID }),
			listing.Word("state", queue.States(), func(r *run) queue.State { return r.State }),
			listing.Number("flow", func(r *run) int64 { return r.Flow }),
			listing.Text("version", func(r *run) string { return r.Version }),
			listing.Text("principal", func(r *run) string { return r.Principal }),
			listing.Text("queue", func(r *run) string { return r.Queue }),
			listing.Text("replay_of", func(r *run) string { return r.ReplayOf }),
			listing.Text("resumed_from", func(r *run) string { return r.ResumedFrom }),
			listing.Text("resumed_by", func(r *run) string { return r.ResumedBy }),
			listing.Text("replayed_by", func(r *run) string { return r.ReplayedBy }),
			listing.Word("trigger", queue.Triggers(), (*run).Trigger),
			listing.Text("failure", failureOf),
			listing.Word("triage", queue.TriageStates(), (*run).TriageState),
			listing.Text("failure_of", func(r *run) string { return r.FailureOf }),
			listing.Text("failure_run", func(r *run) string { return r.FailureRun }),
			listing.Number("attempt", func(r *run) int64 { return int64(r.Attempt) }),
			listing.Number("crashes", func(r *run) int64 { return int64(r.Crashes) }),
			listing.Text("code", func(r *run) string { return string(errorOf(r).Code) }),
			listing.Text("step", func(r *run) string { return errorOf(r).Step }),
			listing.Text("message", func(r *run) string { return errorOf(r).Message }),
			listing.Text("worker", func(r *run) string { return r.Worker }),
			listing.Number("duration_ms", func(r *run) int64 { return r.Duration().Milliseconds() }),
			listing.List("labels", labelsOf),
			listing.Time("created_at", (*run).AcceptedAt),
			listing.Time("started_at", func(r *run) time.Time { return r.Times.Started }),
			listing.Time("finished_at", func(r *run) time.Time { return r.Times.Finished }),
		}, further...),
	}
}

// ParamSearch is the parameter with words that a run must contain.
const ParamSearch = "search"

// errorOf returns the error of a run; an empty one when it has none.
func errorOf(r *queue.Record) *flows.Error {
	if r.Error == nil {
		return &flows.Error{}
	}
	return r.Error
}

// failureOf returns the id of the failure that a run is one of; empty: it has not failed, or not taken too long.
func failureOf(r *queue.Record) string {
	if r.State != queue.Failed && r.State != queue.TimedOut {
		return ""
	}
	code := string(r.State)
	if r.Error != nil {
		code = string(r.Error.Code)
	}
	return failure.IDOf(failure.Run{Flow: r.Flow, Step: errorOf(r).Step, Code: code, Message: errorOf(r).Message})
}

// labelsOf returns the labels of a run as a filter writes them: name=value.
func labelsOf(r *queue.Record) []string {
	labels := make([]string, 0, len(r.Labels))
	for name, value := range r.Labels {
		labels = append(labels, name+"="+value)
	}
	return labels
}

// Find returns one page of the runs that match the query and that visible accepts. In an order other than that of
// acceptance it sorts the first 10,000 runs after the query's cursor. Errors: *listing.Error for an invalid cursor,
// and those of the lister.
func Find(ctx context.Context, runs Runs, q *listing.Query[queue.Record], visible func(*queue.Record) bool) (listing.Page[queue.Record], error) {
	scan, inOrder, err := scanOf(q)
	if err != nil {
		return listing.Page[queue.Record]{}, err
	}
	if scan.After, err = parseCursor(q.Cursor); err != nil {
		return listing.Page[queue.Record]{}, err
	}
	f := &finder{query: q, visible: visible, inOrder: inOrder, limit: maxSorted}
	var waiting int64 // counted first: a run that is copied meanwhile is found
	if scan.Lookup() {
		if _, waiting, err = runs.Unarchived(ctx); err != nil {
			return listing.Page[queue.Record]{}, err
		}
	}
	scan.Most, scan.Unwanted = maxSorted, &f.scanned
	if inOrder {
		f.limit, scan.Most = maxScanned, min(max(firstBatch, q.Offset()+q.PageSize+1), maxBatch)
	}
	for begun := time.Now(); ; scan.Most = min(scan.Most*growth, maxBatch, f.limit-f.scanned) {
		from := scan.After
		next, more, err := runs.List(ctx, scan, f.add)
		if errors.Is(err, queue.ErrNoHistory) {
			return listing.Page[queue.Record]{}, noHistory(&scan)
		}
		if err != nil && !errors.Is(err, queue.ErrHistory) {
			return listing.Page[queue.Record]{}, err
		}
		if scan.After = next; more && next != (queue.Place{}) {
			f.scannedTo = time.UnixMilli(next.At).UTC()
		}
		if next == (queue.Place{}) && err != nil {
			page := f.page(next, false) // there is no position to go on from
			page.AtLeast, page.Warning = true, away(&scan)
			return page, nil
		}
		done := f.full() || f.scanned >= f.limit || time.Since(begun) > maxScanTime || next == from || err != nil
		if !more || done {
			page := f.page(next, more)
			switch {
			case err != nil:
				page.Warning = away(&scan)
			case waiting > 0:
				page.Warning = fmt.Sprintf(notCopied, waiting)
			}
			return page, nil
		}
	}
}

// The warnings of a page without the runs of the history.
const (
	historyAway = "The history does not answer: only runs that Redis still has are listed."
	lookupAway  = "The history does not answer: words and labels cannot be looked up without it."
)

func away(l *queue.List) string {
	if l.Lookup() {
		return lookupAway
	}
	return historyAway
}

// notCopied is the warning of a page of found runs while Redis has ended runs that the history does not have.
const notCopied = "%d ended runs are not in the history yet, and so are not searched."

// The limits of Collect.
const (
	maxCollectScanned = 1_000_000
	MaxCollectTime    = 30 * time.Second
)

// Collect returns the ids of all runs that match the query and that visible accepts, the oldest first, at most a number of
// them. Errors: *listing.Error when there are more, or too many runs to look through, and those of the lister.
func Collect(ctx context.Context, runs Lister, q *listing.Query[queue.Record], most int, visible func(*queue.Record) bool) ([]string, error) {
	scan, _, err := scanOf(q)
	if err != nil {
		return nil, err
	}
	scan.Oldest = true
	var ids []string
	scanned := 0
	for begun := time.Now(); ; {
		from := scan.After
		next, more, err := runs.List(ctx, scan, func(r *queue.Record) {
			scanned++
			if q.Match(r) && visible(r) {
				ids = append(ids, r.ID)
			}
		})
		switch {
		case errors.Is(err, queue.ErrNoHistory):
			return nil, noHistory(&scan)
		case err != nil:
			return nil, err
		case len(ids) > most:
			return nil, &listing.Error{Param: listing.ParamFilter, Message: fmt.Sprintf("matches more than %d runs: narrow it, for instance by created_at", most)}
		case !more || next == from:
			return ids, nil
		case scanned > maxCollectScanned || time.Since(begun) > MaxCollectTime:
			return nil, &listing.Error{Param: listing.ParamFilter, Message: "leaves too many runs to look through: narrow it by created_at"}
		}
		scan.After = next
	}
}

// Each calls do for all runs that match a query, the oldest first, from its cursor on. Errors: *listing.Error for the cursor,
// those of the lister and of do.
func Each(ctx context.Context, runs Lister, q *listing.Query[queue.Record], do func(*queue.Record) error) error {
	scan, _, err := scanOf(q)
	if err == nil {
		scan.After, err = parseCursor(q.Cursor)
	}
	if err != nil {
		return err
	}
	scan.Oldest = true
	for {
		var failed error
		next, more, err := runs.List(ctx, scan, func(r *queue.Record) {
			if failed == nil && q.Match(r) {
				failed = do(r)
			}
		})
		if errors.Is(err, queue.ErrNoHistory) {
			err = noHistory(&scan)
		}
		if err = cmp.Or(failed, err); err != nil || !more || next == scan.After {
			return err
		}
		scan.After = next
	}
}

// Cursor returns the cursor behind a run that was listed.
func Cursor(r *queue.Record) string { return formatCursor(r.Place()) }

// finder collects the runs of a page. In the order of acceptance it keeps only the runs of the page, in other
// orders all matches.
type finder struct {
	query   *listing.Query[queue.Record]
	visible func(*queue.Record) bool
	inOrder bool
	limit   int // runs to read

	scanned   int
	total     int       // matches
	scannedTo time.Time // time of acceptance of the last run that was read
	found     []queue.Record
}

func (f *finder) add(r *queue.Record) {
	f.scanned++
	if !f.visible(r) || !f.query.Match(r) {
		return
	}
	f.total++
	if !f.inOrder || f.total > f.query.Offset() && len(f.found) < f.query.PageSize {
		f.found = append(f.found, *r)
	}
}

// full reports whether the page is full and there is a next one.
func (f *finder) full() bool { return f.total > f.query.Offset()+f.query.PageSize }

// page returns the page. more says that there are runs after behind that were not read.
func (f *finder) page(behind queue.Place, more bool) listing.Page[queue.Record] {
	var p listing.Page[queue.Record]
	var last queue.Place // last run of the page, in the order of acceptance
	if f.inOrder && len(f.found) > 0 {
		last = f.found[len(f.found)-1].Place()
	}
	slices.SortStableFunc(f.found, func(a, b queue.Record) int { return f.query.Compare(&a, &b) })
	if f.inOrder {
		p = listing.Page[queue.Record]{Items: append([]queue.Record{}, f.found...), Page: f.query.Page, PageSize: f.query.PageSize, Total: f.total}
	} else {
		p = f.query.Cut(f.found)
	}
	if p.AtLeast = more; more && !f.scannedTo.IsZero() {
		p.CountedBackTo = &f.scannedTo
	}
	switch {
	case f.inOrder && f.full():
		p.Next = formatCursor(last)
	case more && !f.full():
		p.Next = formatCursor(behind)
		p.Looked, p.LookedBackTo = f.scanned, &f.scannedTo
	}
	return p
}

// scanOf returns the part of the query that the indexes of the queue and of the history support, and whether its order is
// that of acceptance.
func scanOf(q *listing.Query[queue.Record]) (l queue.List, inOrder bool, err error) {
	l.Queues, _ = q.Only("queue")
	l.From, l.To = q.Between("created_at")
	down, alone := q.OrderedBy("created_at")
	l.Oldest = alone && !down
	for _, field := range lookups {
		if values, restricted := q.Only(field); restricted {
			l.Where = append(l.Where, queue.Condition{Field: field, Values: values})
		}
	}
	if failures, restricted := q.Only("failure"); restricted {
		l.Where = append(l.Where, failedLike(failures)...)
	}
	for _, text := range q.Containing("message") {
		l.Where = append(l.Where, queue.Condition{Field: "message", Values: []string{text}})
	}
	for _, field := range numbers {
		if least, most := q.Bounds(field); least != nil || most != nil {
			l.Where = append(l.Where, queue.Condition{Field: field, Least: least, Most: most})
		}
	}
	for _, label := range q.Containing("labels") {
		name, value, _ := strings.Cut(label, "=")
		if l.Labels == nil {
			l.Labels = map[string]string{}
		}
		l.Labels[name] = value
	}
	if l.Search = q.Other(ParamSearch); len(l.Search) > maxSearch {
		return l, alone, &listing.Error{Param: ParamSearch, Message: fmt.Sprintf("is longer than %d bytes", maxSearch)}
	}
	return l, alone, nil
}

// failedLike returns what is looked up of the runs of failures: their flows, and the states that a failure has.
func failedLike(ids []string) []queue.Condition {
	flows := []string{}
	for _, id := range ids {
		if flow, ok := failure.FlowOf(id); ok {
			flows = append(flows, strconv.FormatInt(flow, 10))
		}
	}
	return []queue.Condition{{Field: "flow", Values: flows}, {Field: "state", Values: []string{string(queue.Failed), string(queue.TimedOut)}}}
}

// noHistory is the error of a query that needs a history.
func noHistory(l *queue.List) error {
	e := &listing.Error{Param: ParamSearch, Message: "needs a history of runs, which this installation does not keep: start its processes with --history"}
	if l.Search == "" {
		e.Param, e.Message = listing.ParamFilter, "labels: "+e.Message
	}
	return e
}

// lookups are the fields that a history may look up.
var lookups = []string{
	"run_id", "state", "flow", "version", "principal", "replay_of", "resumed_from", "resumed_by", "replayed_by", "triage", "failure_of", "failure_run",
	"code", "step", "message", "worker", "trigger",
}

// numbers are those of which it may look up a range.
var numbers = []string{"attempt", "crashes", "duration_ms"}

const maxSearch = 500 // bytes of the words to search

// formatCursor encodes a place as a cursor.
func formatCursor(p queue.Place) string {
	return base64.RawURLEncoding.EncodeToString([]byte(strconv.FormatInt(p.At, 10) + "." + p.ID))
}

func parseCursor(text string) (queue.Place, error) {
	if text == "" {
		return queue.Place{}, nil
	}
	place, err := base64.RawURLEncoding.DecodeString(text)
	at, id, found := strings.Cut(string(place), ".")
	ms, wrong := strconv.ParseInt(at, 10, 64)
	if err != nil || wrong != nil || !found || ms <= 0 || id == "" {
		return queue.Place{}, &listing.Error{Param: listing.ParamCursor, Message: "is none that a listing gave: take next_cursor as it is"}
	}
	return queue.Place{At: ms, ID: id}, nil
}
