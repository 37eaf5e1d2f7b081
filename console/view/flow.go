package view

import (
	"strconv"
	"time"

	"github.com/penstock/penstock/console/diagram"
	"github.com/penstock/penstock/flows"
)

// FlowRow is a flow in a list.
type FlowRow struct {
	Number   int64
	Slug     string
	Name     string
	Trigger  string
	Hook     bool // senders may call its webhook
	Enabled  bool
	Problem  string // why this binary cannot run it
	Version  string
	Versions int
	Deployed time.Time
	Paused   time.Time // start of the pause; zero: not paused
	Last     *RunRow   // nil: no run is known
	Charted  bool      // there are statistics of its runs
	Next     Firing    // of its schedule
}

func (f FlowRow) number() string { return strconv.FormatInt(f.Number, 10) }

func (f FlowRow) path() string { return Root + "/flows/" + f.number() }

// Flow is the content of a flow's page.
type Flow struct {
	FlowRow
	Source   string
	Topics   []TopicLine
	Diagram  *diagram.Diagram // nil: the source cannot be parsed
	Problems flows.Problems   // mistakes in a source that was not saved
	Trouble  string           // any other reason for not saving
	Writable bool
	Rehearse bool // a rehearsal is offered
	New      bool
	Schema   string // URL of the JSON Schema
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
}

// clip shortens a text to a number of characters.
func clip(text string, room int) string {
	runes := []rune(text)
	if len(runes) <= room {
		return text
	}
	return string(runes[:room-1]) + "…"
}

// titleLine returns the y coordinate of a box's title: the middle if there is nothing below the title.
func titleLine(b diagram.Box) int {
	if b.Step.Detail == "" {
		return diagram.BoxHeight/2 + 4
	}
	return 19
}

func px(n int) string { return strconv.Itoa(n) }

// curve returns the SVG path of a line that starts and ends vertically.
func curve(l diagram.Line) string {
	if l.FromX == l.ToX {
		return "M" + px(l.FromX+1) + " " + px(l.FromY) + "V" + px(l.ToY)
	}
	middle := (l.FromY + l.ToY) / 2
	return "M" + px(l.FromX+1) + " " + px(l.FromY) + "C" + px(l.FromX+1) + " " + px(middle) + " " + px(l.ToX+1) + " " + px(middle) + " " + px(l.ToX+1) + " " + px(l.ToY)
}
