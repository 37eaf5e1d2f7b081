package audit

import (
	"bytes"
	"context"
	"strings"
	"time"

	"github.com/penstock/penstock/internal/entrylog"
)

// Query chooses entries. Its zero value chooses all. Texts are compared without regard to their capitals.
type Query struct {
	Who     string            // part of the actor, its display name or the key that acts for it; with a colon the whole: "user:ann"
	What    string            // part of the operation, the act or its sentence
	Kind    string            // of what was acted on: "user"
	Object  string            // what was acted on: "bob"
	Outcome Outcome           // empty: any
	Via     string            // through what; empty: anything
	From    time.Time         // the first ms; zero: unbounded
	To      time.Time         // the last ms; zero: unbounded
	Also    func(*Entry) bool // chooses, too; nil: all
	Text    string            // part of any text of the entry, also of what changed
}

// Match reports whether the query chooses an entry.
func (q *Query) Match(e *Entry) bool {
	return q.matchesWho(e) &&
		(q.What == "" || has(e.Operation, q.What) || has(e.Act, q.What) || has(e.Summary, q.What)) &&
		(q.Kind == "" || e.Kind == q.Kind) &&
		(q.Object == "" || e.Object == q.Object || e.Subject == q.Object) &&
		(q.Outcome == "" || e.Outcome == q.Outcome || e.Outcome == "" && OutcomeOf(e.Status) == q.Outcome) &&
		(q.Via == "" || e.Via == q.Via) &&
		(q.From.IsZero() || !e.At.Before(q.From)) && (q.To.IsZero() || !e.At.After(q.To)) &&
		(q.Text == "" || has(string(e.Text()), q.Text)) && (q.Also == nil || q.Also(e))
}

func (q *Query) matchesWho(e *Entry) bool {
	if q.Who == "" {
		return true
	}
	if strings.Contains(q.Who, ":") {
		return e.Actor == q.Who || "key:"+e.ActedAs == q.Who
	}
	return has(e.Actor, q.Who) || has(e.Name, q.Who) || has(e.ActedAs, q.Who)
}

// mayMatch reports whether the query may choose an entry as it is stored: it need not be decoded if a text that it has to have is missing.
// Of an entry without a number the text that is compared is not the one that is stored.
func (q *Query) mayMatch(stored []byte) bool {
	if !bytes.Contains(stored, []byte(`"seq":`)) {
		return true
	}
	who := q.Who
	if _, name, whole := strings.Cut(who, ":"); whole { // the key that acts is stored without its kind
		who = name
	}
	var lower []byte
	for _, part := range []string{who, q.What, q.Text, q.Object, q.Kind, q.Via} {
		if part == "" || !isPlain(part) {
			continue
		}
		if lower == nil {
			lower = bytes.ToLower(stored)
		}
		if !bytes.Contains(lower, []byte(strings.ToLower(part))) {
			return false
		}
	}
	return q.Outcome == "" || bytes.Contains(stored, []byte(q.Outcome)) || !bytes.Contains(stored, []byte(`"outcome":`))
}

// isPlain reports whether a text stands in JSON as it is, and has other capitals only as letters of ASCII.
func isPlain(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' || strings.ContainsRune(`"\\<>&`, r) })
}

func has(text, part string) bool {
	return strings.Contains(strings.ToLower(text), strings.ToLower(part))
}

// ScanLimit is the number of entries that one page or one step of an export reads at most. Reading goes on behind the last of them.
const ScanLimit = 10_000

// Page is a part of the entries that a query chooses, the newest first.
type Page struct {
	Entries []*Entry
	Next    string    // id behind which the next page begins; empty: this is the last page
	Looked  int       // entries that were read
	Back    time.Time // time of the last one of them, if the page is not full and there may be more; zero: the log ends here
	Missing bool      // the history does not answer: only entries that Redis has were read
}

// Page returns at most size entries behind the one with the id after; empty: from the newest one on. It reads ScanLimit entries at most,
// whatever the length of the log. Error: ErrNotFound for an id that is none.
func (l *Log) Page(ctx context.Context, q Query, after string, size int) (p Page, err error) {
	r := Range{From: q.From, To: q.To}
	if after != "" {
		if r.After, err = entrylog.ParsePlace(after); err != nil || r.After.At < 1 {
			return p, ErrNotFound
		}
	}
	last := ""
	err = l.scan(ctx, r, func(stored entrylog.Entry) bool {
		full := len(p.Entries) == size
		if p.Looked == ScanLimit {
			p.Next = last
			return false
		}
		p.Looked++
		last, p.Back = stored.Place.String(), time.UnixMilli(stored.At).UTC()
		if !q.mayMatch(stored.Text) {
			return true
		}
		if e := entryOf(stored); q.Match(e) {
			if full {
				p.Next = p.Entries[size-1].at().String()
				return false
			}
			p.Entries = append(p.Entries, e)
		}
		return true
	})
	if isHistory(err) {
		p.Missing, err = true, nil
	}
	if p.Next == "" || len(p.Entries) == size {
		p.Back = time.Time{}
	}
	return p, err
}
