// Package view renders the pages of the console.
package view

//go:generate go tool templ generate -path ../..

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/penstock/penstock/auth"
)

const (
	// Root is the path of the console.
	Root = "/console"
	// Developers is the path of the developer portal.
	Developers = "/developers"
)

// Site is one of the two sets of pages.
type Site struct {
	Root     string // path
	Name     string // beside the product's
	First    string // what its first page is, for links
	SignIn   string // advice under the form
	sections []section
}

// ConsoleSite returns the console.
func ConsoleSite() Site {
	return Site{Root, "", "the overview", "", []section{
		{"overview", "Overview", "/", "o", ""},
		{"flows", "Flows", "/flows", "f", auth.ScopeReadFlows},
		{"runs", "Runs", "/runs", "r", auth.ScopeReadRuns},
		{"failures", "Failures", "/failures", "e", auth.ScopeReadRuns},
		{"queues", "Queues", "/lines", "q", auth.ScopeReadQueues},
		{"connections", "Connections", "/connections", "c", auth.ScopeClients},
		{"access", "Access", "/access/keys", "a", auth.ScopeClients},
		{"refused", "Rejected", "/refused", "x", auth.ScopeClients},
	}}
}

// DeveloperSite returns the developer portal.
func DeveloperSite() Site {
	return Site{Developers, "Developers", "your APIs", "Your administrator makes your user, and grants what you may call.", []section{
		{"apis", "APIs", "/", "a", ""},
		{"clients", "API clients", "/clients", "c", ""},
	}}
}

// Page is the data of the layout of a page.
type Page struct {
	Site    Site
	Section string // current entry of the navigation; empty: none
	Title   string
	User    string // signed-in user; empty: none
	MaxForm int64  // maximum size of a form in bytes
	CSRF    string // masked token for forms and scripts
	Nonce   string // of the Content-Security-Policy, for styles created by the editor
	Theme   string // "light" or "dark"; empty: that of the system
	Notice  string // message about the last action; empty: none
	Asset   func(name string) string
	May     func(auth.Scope) bool // whether the user has a scope; nil: none
	Now     time.Time

	Dev      bool      // the process is for development
	Request  string    // id of the request; empty: it has none
	Posted   bool      // the page is the response to a form
	Away     bool      // Redis does not answer
	Troubles []Trouble // what does not answer, the worst first
	HasBox   bool      // the page has a search box of its own
	Layered  bool      // the style of the console is a layer, below that of another interface on the page
}

// withBox returns the layout data of a page that has a search box of its own.
func (p Page) withBox() Page {
	p.HasBox = true
	return p
}

// Allows reports whether the user has a scope.
func (p Page) Allows(scope auth.Scope) bool { return p.May != nil && p.May(scope) }

// section is one entry of the navigation.
type section struct {
	name, title, path, key string // key: keyboard shortcut after g
	scope                  auth.Scope
}

func (p Page) sections() []section {
	var some []section
	for _, s := range p.Site.sections {
		if s.scope == "" || p.Allows(s.scope) {
			some = append(some, s)
		}
	}
	return some
}

// ago describes the age of a time in short form.
func ago(t, now time.Time) string {
	d := now.Sub(t)
	switch {
	case t.IsZero():
		return "–"
	case d < 2*time.Second:
		return "now"
	case d < time.Minute:
		return fmt.Sprintf("%ds ago", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%dm ago", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh ago", int(d.Hours()))
	case d < 90*24*time.Hour:
		return fmt.Sprintf("%dd ago", int(d.Hours()/24))
	}
	return t.UTC().Format("2 Jan 2006")
}

// Took formats a duration with about three digits.
func Took(d time.Duration) string {
	switch {
	case d <= 0:
		return "0 ms"
	case d < time.Millisecond:
		return strconv.FormatInt(d.Microseconds(), 10) + " µs"
	case d < 10*time.Millisecond:
		return strconv.FormatFloat(float64(d.Microseconds())/1000, 'f', 1, 64) + " ms"
	case d < time.Second:
		return strconv.FormatInt(d.Milliseconds(), 10) + " ms"
	case d < time.Minute:
		return strconv.FormatFloat(d.Seconds(), 'f', 2, 64) + " s"
	case d < time.Hour:
		return fmt.Sprintf("%dm %02ds", int(d.Minutes()), int(d.Seconds())%60)
	}
	return fmt.Sprintf("%dh %02dm", int(d.Hours()), int(d.Minutes())%60)
}

// length formats a round duration in words.
func length(d time.Duration) string {
	switch {
	case d < time.Minute:
		return many(int(d.Seconds()), "second", "seconds")
	case d < 2*time.Hour:
		return many(int(d.Minutes()), "minute", "minutes")
	}
	return many(int(d.Hours()), "hour", "hours")
}

// Short returns the beginning of an id, enough to distinguish a few by eye.
func Short(id string) string {
	if len(id) <= 12 {
		return id
	}
	return id[:8]
}

// tail returns the end of a run id. The beginnings are alike, because ids are ordered by time.
func tail(id string) string {
	if len(id) <= 12 {
		return id
	}
	return "…" + id[len(id)-12:]
}

// count formats a number in groups of three digits.
func count(n int) string {
	text := strconv.Itoa(n)
	for i := len(text) - 3; i > 0 && text[i-1] != '-'; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// many formats a number with the singular or plural of its noun.
func many(n int, one, more string) string {
	if n == 1 {
		return "1 " + one
	}
	return count(n) + " " + more
}

// stateText formats a state for display.
func stateText(state string) string { return strings.ReplaceAll(state, "_", " ") }

// iso formats a time for scripts.
func iso(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }
