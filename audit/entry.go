// Package audit is the log of what was done to an installation, and of what was refused. Its entries are a chain: each has the
// hash of the one before it and a signature, so that a change of what was written is found (docs/audit.md).
package audit

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/penstock/penstock/internal/entrylog"
)

// Outcome is what became of an action.
type Outcome string

// The outcomes. An entry of an earlier version has none.
const (
	Done    Outcome = "done"
	Refused Outcome = "refused" // for a missing right, or a wrong credential
	Failed  Outcome = "failed"  // by a mistake of the server; whether something changed is not known
)

// OutcomeOf returns the outcome of a request that was answered with a status.
func OutcomeOf(status int) Outcome {
	switch {
	case status >= http.StatusInternalServerError:
		return Failed
	case status >= http.StatusBadRequest:
		return Refused
	}
	return Done
}

// The ways through which somebody acts.
const (
	ViaConsole   = "console"   // a session of the console
	ViaPortal    = "portal"    // a session of the developer portal
	ViaToken     = "token"     // an access token
	ViaPassword  = "password"  // a name and a password, with the request
	ViaSignature = "signature" // a request signed with a key
	ViaCLI       = "cli"       // the command penstock
	ViaMCP       = "mcp"       // a tool of the Model Context Protocol
	ViaSystem    = "system"    // the engine itself
)

// Anonymous is the actor of a request without a valid credential.
const Anonymous = "anonymous"

// Entry is one action. It never contains a secret or the body of a request.
type Entry struct {
	ID        string    `json:"id"`                   // its place in the log: "<ms>-<seq>"
	Seq       int64     `json:"seq,omitempty"`        // its number in the chain, from 1; 0: written by a version without the chain
	At        time.Time `json:"at"`                   // time of writing, in ms, by the clock of Redis
	Actor     string    `json:"actor"`                // who acted: "user:ann"
	Name      string    `json:"name"`                 // display name of the actor
	ActedAs   string    `json:"acting_key,omitempty"` // the API key that acted as the actor; empty: none
	Via       string    `json:"via,omitempty"`        // through what; empty: not known
	Act       string    `json:"act"`                  // "PATCH /v1/users/:name", "impersonate"
	Operation string    `json:"operation,omitempty"`  // id in the OpenAPI document; empty: it has none
	Summary   string    `json:"summary,omitempty"`    // the same as a sentence
	Kind      string    `json:"kind,omitempty"`       // of what was acted on: "user"
	Object    string    `json:"object"`               // what was acted on: "bob"
	Subject   string    `json:"subject,omitempty"`    // its id alone, if Object says more: of a flow its number
	Outcome   Outcome   `json:"outcome,omitempty"`
	Status    int       `json:"status"` // of the response; 403: denied
	IP        string    `json:"ip"`
	RequestID string    `json:"request_id"`
	Message   string    `json:"message,omitempty"` // what the actor said about it: of a deployment
	Changes   []Change  `json:"changes,omitempty"` // the fields that changed
	Count     int64     `json:"count,omitempty"`   // how often it was refused since Since; 0: once
	Since     time.Time `json:"since,omitzero"`

	Prev string `json:"prev,omitempty"` // hash of the entry before; empty: it is the first
	Hash string `json:"hash,omitempty"`
	Key  string `json:"key,omitempty"` // id of the master key from which the signing key is derived
	MAC  string `json:"mac,omitempty"`

	text   []byte         // as it was stored
	stored entrylog.Place // where it was; zero: it was not read from the log
}

// Change is a field that changed. Of a secret there is neither value.
type Change struct {
	Field  string          `json:"field"`
	Before json.RawMessage `json:"before,omitempty"` // absent: there was none
	After  json.RawMessage `json:"after,omitempty"`  // absent: there is none
	Secret bool            `json:"secret,omitempty"`
}

// The bounds of an entry.
const (
	maxText    = 1024 // bytes of a text of the caller
	maxChanges = 64
	maxValue   = 2048     // bytes of a value before or after
	maxValues  = 32 << 10 // bytes of all values
)

// normalise bounds an entry, so that it can be hashed and stored.
func (e *Entry) normalise() {
	e.Describe()
	if e.Subject == "" && e.Kind != KindRuns {
		e.Subject = subjectOf(e.Kind, e.Object)
	}
	for _, s := range []*string{&e.Actor, &e.Name, &e.ActedAs, &e.Via, &e.Act, &e.Operation, &e.Summary, &e.Kind, &e.Object, &e.Subject, &e.IP, &e.RequestID, &e.Message} {
		*s = Bounded(*s, maxText)
	}
	if e.Outcome == "" && e.Status != 0 {
		e.Outcome = OutcomeOf(e.Status)
	}
	if len(e.Changes) > maxChanges {
		e.Changes = append(e.Changes[:maxChanges:maxChanges], Change{Field: fmt.Sprintf("(%d more)", len(e.Changes)-maxChanges)})
	}
	room := maxValues
	for i := range e.Changes {
		c := &e.Changes[i]
		c.Field, c.Before, c.After = Bounded(c.Field, maxText), value(c.Before), value(c.After)
		if c.Secret {
			c.Before, c.After = nil, nil
		}
		if room -= len(c.Before) + len(c.After); room < 0 {
			left := json.RawMessage(`"(too long to be written)"`)
			c.Before, c.After = left, left
		}
	}
	e.Since = e.Since.UTC().Truncate(time.Millisecond)
	e.ID, e.Seq, e.Prev, e.Hash, e.Key, e.MAC = "", 0, "", "", "", ""
}

// value returns a value that the canonical form can have: one that is too long, or has a number that is no small whole one, becomes
// a text.
func value(text json.RawMessage) json.RawMessage {
	if len(text) == 0 {
		return nil
	}
	if len(text) <= maxValue {
		if canonical, err := Canonical(text); err == nil {
			return canonical
		}
	}
	encoded, _ := json.Marshal(Bounded(string(text), maxValue)) // a string always can be
	return encoded
}

// Bounded returns a text of at most a number of bytes and three more, that is valid UTF-8.
func Bounded(s string, most int) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if len(s) <= most {
		return s
	}
	for most > 0 && !utf8.RuneStart(s[most]) {
		most--
	}
	return s[:most] + "…"
}

// Text returns the entry as a line of JSON, without the line's end: the canonical form of all its members.
func (e *Entry) Text() []byte {
	if e.Seq != 0 && len(e.text) > 0 {
		return e.text
	}
	text, err := json.Marshal(e)
	if err != nil {
		return []byte("{}")
	}
	if canonical, err := Canonical(text); err == nil {
		return canonical
	}
	return text
}

// ParseEntry reads an entry from JSON.
func ParseEntry(text []byte) (*Entry, error) {
	e := &Entry{text: text}
	if err := json.Unmarshal(text, e); err != nil {
		return nil, fmt.Errorf("read entry: %w", err)
	}
	return e, nil
}

// Place returns the place of an entry in the log.
func (e *Entry) Place() entrylog.Place {
	p, _ := entrylog.ParsePlace(e.ID)
	return p
}

func entryOf(stored entrylog.Entry) *Entry {
	e, err := ParseEntry(stored.Text)
	if err != nil {
		e = &Entry{Act: "unreadable", text: stored.Text} // shows that an entry exists
	}
	if e.Seq == 0 { // the stream says where it is and when it came; a chained entry says it itself
		e.ID, e.At = stored.Place.String(), time.UnixMilli(stored.At).UTC()
	}
	e.stored = stored.Place
	return e
}

// subjectOf returns the id in the text of an object: "7" of "flow:7/delivery:1".
func subjectOf(kind, object string) string {
	id := strings.TrimPrefix(object, kind+":")
	if kind == KindFlow || kind == KindRun {
		id, _, _ = strings.Cut(id, " ")
		id, _, _ = strings.Cut(id, "/")
	}
	return id
}
