package view

import (
	"context"
	"strconv"
	"strings"

	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/console/language"
)

// Palette is what a text finds.
type Palette struct {
	Text   string
	Groups []FoundGroup
}

// FoundGroup is what was found of one kind.
type FoundGroup struct {
	Title string
	Finds []Found
	More  int // that are not listed
}

// Found is a page or an action. One of Href, Post and Button is set.
type Found struct {
	Group, Title string
	Beside       string // the number of a flow, for instance; empty: nothing
	Keys         string // shortcut; empty: none
	Href         string // page
	Post, Value  string // address of a form, and the value of its field paused
	Button       string // button of the layout: "theme" or "help"
}

// Place is a page of the console.
type Place struct {
	Title, About string
	Path         string
	Keys         string // shortcut; empty: none
	scope        auth.Scope
}

// Places lists the pages that a user with these scopes may open, without those of single things.
func Places(ctx context.Context, may func(auth.Scope) bool) []Place {
	var all []Place
	for _, s := range ConsoleSite().sections {
		all = append(all, Place{language.T(ctx, s.title), "", Root + s.path, "g " + s.key, s.scope})
	}
	all = append(all, []Place{
		{language.T(ctx, "Operations"), language.T(ctx, "actions on many runs"), Root + "/operations", "", auth.ScopeWatchRuns},
		{language.T(ctx, "Workers"), language.T(ctx, "processes, heartbeats"), Root + "/workers", "", auth.ScopeReadQueues},
		{language.T(ctx, "Tasks, in asynqmon"), language.T(ctx, "asynq, turns, pending"), Root + "/queues", "", auth.ScopeReadQueues},
		{language.T(ctx, "API keys"), "access", Root + "/access/keys", "", auth.ScopeClients},
		{language.T(ctx, "API clients"), "access", Root + "/access/clients", "", auth.ScopeClients},
		{language.T(ctx, "Users"), language.T(ctx, "access, people"), Root + "/access/users", "", auth.ScopeUsers},
		{language.T(ctx, "Audit"), language.T(ctx, "access, log, changes"), Root + "/access/audit", "", auth.ScopeUsers},
		{language.T(ctx, "Your account"), language.T(ctx, "password, sessions, preferences"), Root + "/account", "", ""},
	}...)
	var some []Place
	for _, place := range all {
		if place.scope == "" || may(place.scope) {
			some = append(some, place)
		}
	}
	return some
}

// count returns the number of finds, for screen readers.
func (p Palette) count(ctx context.Context) int {
	n := 0
	for _, g := range p.Groups {
		n += len(g.Finds)
	}
	return n
}

func foundID(group, at int) string { return "found-" + strconv.Itoa(group) + "-" + strconv.Itoa(at) }

// within returns a path of the console; of any other text the first page.
func within(path string) string {
	if !strings.HasPrefix(path, Root+"/") {
		return Root + "/"
	}
	return path
}
