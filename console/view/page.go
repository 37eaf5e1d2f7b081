// Package view renders the pages of the console.
package view

//go:generate go tool templ generate -path ../..

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/console/language"
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
	First    string // text of links to its first page
	SignIn   string // advice under the form
	sections []section
}

// ConsoleSite returns the console.
func ConsoleSite() Site {
	return Site{Root, "", language.Key("To the overview"), "", []section{
		{"overview", language.Key("Overview"), "/", "o", ""},
		{"flows", language.Key("Flows"), "/flows", "f", auth.ScopeReadFlows},
		{"runs", language.Key("Runs"), "/runs", "r", auth.ScopeWatchRuns},
		{"failures", language.Key("Failures"), "/failures", "e", auth.ScopeWatchRuns},
		{"queues", language.Key("Queues"), "/lines", "q", auth.ScopeReadQueues},
		{"connections", language.Key("Connections"), "/connections", "c", auth.ScopeClients},
		{"access", language.Key("Access"), "/access/keys", "a", auth.ScopeClients},
		{"refused", language.Key("Rejected"), "/refused", "x", auth.ScopeClients},
	}}
}

// DeveloperSite returns the developer portal.
func DeveloperSite() Site {
	return Site{Developers, language.Key("Developers"), language.Key("To your APIs"), language.Key("Your administrator makes your user, and grants what you may call."), []section{
		{"apis", language.Key("APIs"), "/", "a", ""},
		{"clients", language.Key("API clients"), "/clients", "c", ""},
	}}
}

// Page is the data of the layout of a page.
type Page struct {
	Site       Site
	Section    string // current entry of the navigation; empty: none
	Title      string
	User       string // signed-in user; empty: none
	MaxForm    int64  // maximum size of a form in bytes
	CSRF       string // masked token for forms and scripts
	Nonce      string // of the Content-Security-Policy, for styles created by the editor
	Theme      string // "light" or "dark"; empty: that of the system
	Notice     string // message about the last action; empty: none
	Asset      func(name string) string
	May        func(auth.Scope) bool // whether the user has a scope for what the page is about; nil: none
	MayForSome func(auth.Scope) bool // whether the user has a scope for at least one flow; nil: none
	Now        time.Time

	Dev        bool      // the process is for development
	Request    string    // id of the request; empty: it has none
	Posted     bool      // the page is the response to a form
	Away       bool      // Redis does not answer
	Troubles   []Trouble // what does not answer, the worst first
	HasFolders bool      // the user may look at the folders
	HasBox     bool      // the page has a search box of its own
	Layered    bool      // the style of the console is a layer, below that of another interface on the page
}

// withBox returns the layout data of a page that has a search box of its own.
func (p Page) withBox() Page {
	p.HasBox = true
	return p
}

// Allows reports whether the user has a scope: for the flow that the page is about, or for all flows.
func (p Page) Allows(scope auth.Scope) bool { return p.May != nil && p.May(scope) }

// AllowsForSome reports whether the user has a scope for at least one flow.
func (p Page) AllowsForSome(scope auth.Scope) bool { return p.MayForSome != nil && p.MayForSome(scope) }

// section is one entry of the navigation.
type section struct {
	name, title, path, key string // key: keyboard shortcut after g
	scope                  auth.Scope
}

func (p Page) sections() []section {
	var some []section
	for _, s := range p.Site.sections {
		if s.scope == "" || p.AllowsForSome(s.scope) {
			some = append(some, s)
		}
	}
	return some
}

// ago describes the age of a time in short form.
func ago(ctx context.Context, t, now time.Time) string {
	d := now.Sub(t)
	switch {
	case t.IsZero():
		return "–"
	case d < 2*time.Second:
		return language.T(ctx, "now")
	case d < time.Minute:
		return language.T(ctx, "%ds ago", int(d.Seconds()))
	case d < time.Hour:
		return language.T(ctx, "%dm ago", int(d.Minutes()))
	case d < 48*time.Hour:
		return language.T(ctx, "%dh ago", int(d.Hours()))
	case d < 90*24*time.Hour:
		return language.T(ctx, "%dd ago", int(d.Hours()/24))
	}
	return language.Time(ctx, t.UTC(), "2 Jan 2006")
}

// Took formats a duration with about three digits.
func Took(ctx context.Context, d time.Duration) string {
	switch {
	case d <= 0:
		return "0 ms"
	case d < time.Millisecond:
		return strconv.FormatInt(d.Microseconds(), 10) + " µs"
	case d < 10*time.Millisecond:
		return language.Decimal(ctx, float64(d.Microseconds())/1000, 1) + " ms"
	case d < time.Second:
		return strconv.FormatInt(d.Milliseconds(), 10) + " ms"
	case d < time.Minute:
		return language.Decimal(ctx, d.Seconds(), 2) + " s"
	case d < time.Hour:
		return language.T(ctx, "%dm %02ds", int(d.Minutes()), int(d.Seconds())%60)
	}
	return language.T(ctx, "%dh %02dm", int(d.Hours()), int(d.Minutes())%60)
}

// length formats a round duration in words.
func length(ctx context.Context, d time.Duration) string {
	switch {
	case d < time.Minute:
		return language.N(ctx, int(d.Seconds()), "%d second", "%d seconds")
	case d < 2*time.Hour:
		return language.N(ctx, int(d.Minutes()), "%d minute", "%d minutes")
	}
	return language.N(ctx, int(d.Hours()), "%d hour", "%d hours")
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
func count(ctx context.Context, n int) string { return language.Int(ctx, n) }

// stateTexts are the states of runs, steps, failures, webhooks, deliveries and operations as pages name them. Read only.
var stateTexts = map[string]string{
	"queued": language.Key("queued"), "running": language.Key("running"), "waiting": language.Key("waiting"), "succeeded": language.Key("succeeded"),
	"failed": language.Key("failed"), "timed_out": language.Key("timed out"), "cancelled": language.Key("cancelled"), "uncertain": language.Key("uncertain"),
	"skipped": language.Key("skipped"), "lost": language.Key("lost"), "parked": language.Key("parked"), "pending": language.Key("pending"),
	"open": language.Key("open"), "resolved": language.Key("resolved"), "ignored": language.Key("ignored"), "muted": language.Key("muted"),
	"delivered": language.Key("delivered"), "disabled": language.Key("disabled"), "accepted": language.Key("accepted"), "rejected": language.Key("rejected"), "answered": language.Key("answered"),
	"stopped": language.Key("stopped"), "done": language.Key("done"),
}

// phaseTexts are the parts of a run's time. Read only.
var phaseTexts = map[string]string{
	"door": language.Key("door"), "queue": language.Key("queue"), "steps": language.Key("steps"), "parked": language.Key("parked"),
	"lost": language.Key("lost"), "reply": language.Key("reply"),
}

// phaseText names a part of a run's time.
func phaseText(ctx context.Context, name string) string {
	if text := phaseTexts[name]; text != "" {
		return language.T(ctx, text)
	}
	return name
}

// stateText formats a state for display.
func stateText(ctx context.Context, state string) string {
	if text := stateTexts[state]; text != "" {
		return language.T(ctx, text)
	}
	return strings.ReplaceAll(state, "_", " ")
}

// iso formats a time for scripts.
func iso(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// number formats a number with the digits that it has after the decimal sign.
func number(ctx context.Context, x float64) string {
	_, after, _ := strings.Cut(strconv.FormatFloat(x, 'f', -1, 64), ".")
	return language.Decimal(ctx, x, len(after))
}
