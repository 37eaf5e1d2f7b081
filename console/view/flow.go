package view

import (
	"strconv"
	"time"

	"github.com/penstock/penstock/console/picture"
	"github.com/penstock/penstock/flows"
)

// FlowRow is a flow in a list.
type FlowRow struct {
	Number   int64
	Slug     string
	Name     string
	Trigger  string
	Enabled  bool
	Problem  string // why this binary cannot run it
	Version  string
	Versions int
	Deployed time.Time
	Paused   time.Time // since when no run of it begins; zero: it is not paused
	Last     *RunRow   // nil: no run is known
}

func (f FlowRow) number() string { return strconv.FormatInt(f.Number, 10) }

func (f FlowRow) path() string { return Root + "/flows/" + f.number() }

// Flow is a flow on its own page.
type Flow struct {
	FlowRow
	Source   string
	Picture  *picture.Picture // nil: it cannot be drawn
	Problems flows.Problems   // why it was not saved
	Trouble  string           // likewise, in one sentence
	Writable bool
	New      bool
	Schema   string // address of the JSON Schema
}

// Version is one version of a flow.
type Version struct {
	Version  string
	Deployed time.Time
	Current  bool
	Changes  []DiffLine // against the version before; nil: none, or not asked for
	Shown    bool
	First    bool
}

// clip shortens a text for a place of so many characters.
func clip(text string, room int) string {
	runes := []rune(text)
	if len(runes) <= room {
		return text
	}
	return string(runes[:room-1]) + "…"
}

// titleLine is the base line of a box's title: its middle when nothing
// stands below.
func titleLine(b picture.Box) int {
	if b.Step.Detail == "" {
		return picture.BoxHeight/2 + 4
	}
	return 19
}

func px(n int) string { return strconv.Itoa(n) }

// curve is a line that leaves and arrives upright.
func curve(l picture.Line) string {
	if l.FromX == l.ToX {
		return "M" + px(l.FromX+1) + " " + px(l.FromY) + "V" + px(l.ToY)
	}
	middle := (l.FromY + l.ToY) / 2
	return "M" + px(l.FromX+1) + " " + px(l.FromY) + "C" + px(l.FromX+1) + " " + px(middle) + " " + px(l.ToX+1) + " " + px(middle) + " " + px(l.ToX+1) + " " + px(l.ToY)
}
