package view

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/penstock/penstock/console/language"
	"github.com/penstock/penstock/flows/problem"
)

// FlowRow is a flow in a list.
type FlowRow struct {
	Number   int64
	Slug     string
	Name     string
	Trigger  string
	Hook     bool // its trigger is a webhook
	Enabled  bool
	Problem  string // why this binary cannot run it
	Version  string
	Versions int
	Deployed time.Time
	Paused   time.Time // start of the pause; zero: not paused
	Last     *RunRow   // nil: no run is known
	Charted  bool      // there are statistics of its runs
	Next     Firing    // of its schedule
	Tags     []string
	Folder   string       // empty: the top
	Figures  *FlowFigures // of its runs; nil: not known
}

// FlowFigures are figures of the runs of a flow that ended within a time.
type FlowFigures struct {
	Runs   int64
	Failed int64 // of them, those that failed or took too long
	P95    time.Duration
}

// Rate is the part of the runs that failed, from 0 to 1; 0 without runs.
func (f *FlowFigures) Rate() float64 {
	if f == nil || f.Runs == 0 {
		return 0
	}
	return float64(f.Failed) / float64(f.Runs)
}

func (f FlowRow) number() string { return strconv.FormatInt(f.Number, 10) }

func (f FlowRow) path() string { return Root + "/flows/" + f.number() }

// Flow is the content of a flow's page.
type Flow struct {
	FlowRow
	Source   string
	Topics   []TopicLine
	Proposal *Proposal    // nil: no change waits for approval
	Diagram  *FlowPicture // nil: the source cannot be parsed
	Overlays bool         // runs can be laid over the picture
	Problems problem.List // mistakes in a source that was not saved
	Trouble  string       // any other reason for not saving
	Writable bool
	Rehearse bool // a rehearsal is offered
	New      bool
	Schema   string // URL of the JSON Schema

	Base    string // the version that was opened, or store.NoVersion
	Unsaved bool   // the source was sent, and not saved
	Message string // about the version, as it was sent
	Merge   *Merge // with what somebody else has deployed; nil: there is nothing to merge
}

// draft names what a draft of the editor is of.
func (f *Flow) draft() string {
	if f.New {
		return "new"
	}
	return f.number()
}

// over is what is laid over the picture; nil: nothing.
func (f *Flow) over() *Overlay {
	if f.Diagram == nil {
		return nil
	}
	return f.Diagram.Over
}

// Merge is the merge of an edit with a version that somebody else has deployed in the meantime.
type Merge struct {
	Base      string // the version that was edited
	Baseless  bool   // it is not stored any more
	Theirs    string // the current version
	Versions  []Version
	Text      []string // lines of the merge
	Conflicts int
	Sides     []ConflictSides

	TheirChanges, MyChanges []DiffLine // of the base; nil: none
}

// ConflictSides has the lines of a conflict.
type ConflictSides struct{ Base, Mine, Theirs string }

// Review is what deploying a text would change, and what speaks against it.
type Review struct {
	Number    int64  // of the flow; zero: it is new and its text has mistakes
	New       bool   // the flow is not deployed yet
	Source    string // that would be deployed
	Base      string // the version that was opened
	Message   string
	Lines     int          // of a new flow
	Changes   []DiffLine   // of the current version; nil: none. With Since they are those of the merge.
	Conflicts int          // of the merge
	Problems  problem.List // mistakes in the text
	Trouble   string       // any other reason for which it cannot be deployed
	Missing   problem.List // what the server does not have
	Warnings  problem.List
	Tests     []ReviewTest
	Since     []Version // versions that others have deployed since; nil: none
	Rehearse  bool      // a rehearsal is offered
}

// ReviewTest is the result of a test of a flow.
type ReviewTest struct {
	Name    string
	Line    int
	Failure string // empty: it passes
}

func (r *Review) failed() (n int) {
	for _, t := range r.Tests {
		if t.Failure != "" {
			n++
		}
	}
	return n
}

// deployable reports whether the text can be deployed.
func (r *Review) deployable() bool {
	return len(r.Problems) == 0 && r.Trouble == "" && len(r.Since) == 0 && (r.New || r.Changes != nil)
}

// clear reports whether nothing speaks against deploying it.
func (r *Review) clear() bool { return r.deployable() && r.failed() == 0 && len(r.Missing) == 0 }

// verb is the text of the button that deploys.
func (r *Review) verb(ctx context.Context) string {
	switch {
	case r.failed() == 1:
		return language.T(ctx, "Deploy although a test fails")
	case r.failed() > 1:
		return language.T(ctx, "Deploy although tests fail")
	case len(r.Missing) > 0:
		return language.T(ctx, "Deploy all the same")
	}
	return language.T(ctx, "Deploy now")
}

func (r *Review) path() string { return Root + "/flows/" + strconv.FormatInt(r.Number, 10) }

// author is who deployed a version, in a few words.
func (v Version) author() string {
	kind, name, found := strings.Cut(v.By, ":")
	switch {
	case !found:
		return ""
	case kind == "user":
		return name
	}
	return kind + " " + name
}

// TopicLine says which flows are at the other end of a topic.
type TopicLine struct {
	Text  string
	Flows []string // numbers
}

// Version is one version of a flow.
type Version struct {
	Version  string
	Deployed time.Time
	Current  bool
	Changes  []DiffLine // compared with the previous version; nil: none, or not requested
	Shown    bool
	First    bool
	By       string // principal; empty: unknown
	Message  string
}

// clip shortens a text to a number of characters.
func clip(text string, room int) string {
	runes := []rune(text)
	if len(runes) <= room {
		return text
	}
	return string(runes[:room-1]) + "…"
}
