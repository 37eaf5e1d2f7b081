package palette

import (
	"cmp"
	"net/url"
	"strconv"
	"strings"

	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/console/language"
	"github.com/penstock/penstock/console/view"
	"github.com/penstock/penstock/queue"
)

// Groups of finds.
const (
	groupPages       = "Pages"
	groupActions     = "Actions"
	groupFlows       = "Flows"
	groupRuns        = "Runs"
	groupConnections = "Connections"
	groupAccess      = "Keys, clients and users"
)

// search finds what the user may open or do. While Redis does not answer, there is only what this process knows.
func (p *Palette) search(r *Request, text string) (view.Palette, error) {
	found := view.Palette{Text: text}
	f := newFinder(text)
	p.addPages(r, f)
	p.addActions(r, f)
	if len(f.words) > 0 {
		p.addFlows(r, f)
		if !r.Away {
			for _, add := range []func(*Request, *finder) error{p.addQueues, p.addConnections, p.addAccess} {
				if err := add(r, f); err != nil {
					return found, err
				}
			}
		}
	}
	found.Groups = f.best()
	runs, err := p.runs(r, strings.TrimSpace(text))
	found.Groups = append(found.Groups, runs...)
	return found, err
}

// addPages adds the pages of the navigation, and those below them.
func (p *Palette) addPages(r *Request, f *finder) {
	for _, page := range view.Places(r.HTTP.Context(), r.ForSome) {
		f.add(view.Found{Group: groupPages, Title: page.Title, Beside: page.About, Href: page.Path, Keys: page.Keys}, 0)
	}
}

// addActions adds what can be done without a choice.
func (p *Palette) addActions(r *Request, f *finder) {
	for _, action := range []struct {
		scope               auth.Scope
		title, beside, path string
		button              string
	}{
		{auth.ScopeWriteFlows, language.T(r.HTTP.Context(), "New flow"), "create", "/flows/new", ""},
		{auth.ScopeClients, language.T(r.HTTP.Context(), "New connection"), "create", "/connections", ""},
		{auth.ScopeClients, language.T(r.HTTP.Context(), "New API key"), "create", "/access/keys#new-key", ""},
		{auth.ScopeClients, language.T(r.HTTP.Context(), "New API client"), "create", "/access/clients#new-client", ""},
		{auth.ScopeUsers, language.T(r.HTTP.Context(), "New user"), "create", "/access/users#new-user", ""},
		{"", language.T(r.HTTP.Context(), "Switch between light and dark"), "theme", "", "theme"},
		{"", language.T(r.HTTP.Context(), "Show the keyboard shortcuts"), "help", "", "help"},
		{"", language.T(r.HTTP.Context(), "Change my password"), "account", "/account#password", ""},
	} {
		if action.scope != "" && !r.ForSome(action.scope) || action.button != "" && !r.Fragment { // buttons need the script
			continue
		}
		found := view.Found{Group: groupActions, Title: action.title, Beside: action.beside, Button: action.button}
		if action.path != "" {
			found.Href = view.Root + action.path
		}
		f.add(found, 1)
	}
}

// addFlows adds the flows and what can be done with each.
func (p *Palette) addFlows(r *Request, f *finder) {
	for _, head := range p.config.Store.Flows().List() {
		if !r.MayWith(auth.ScopeReadFlows, head.Number) {
			continue
		}
		number, name := strconv.FormatInt(head.Number, 10), cmp.Or(head.Name, head.Slug, "without a name")
		path, beside := view.Root+"/flows/"+number, number+" "+head.Slug
		f.add(view.Found{Group: groupFlows, Title: name, Beside: beside, Href: path}, 0)
		if r.MayWith(auth.ScopeRun, head.Number) {
			f.add(view.Found{Group: groupActions, Title: language.T(r.HTTP.Context(), "Run flow %s", name), Beside: beside, Href: path + "/try"}, 2)
		}
		if r.MayWith(auth.ScopeWriteFlows, head.Number) || r.May(auth.ScopeWriteQueues) {
			pause := head.Paused.IsZero()
			f.add(view.Found{Group: groupActions, Title: language.T(r.HTTP.Context(), verb(pause, language.Key("Pause flow %s"), language.Key("Resume flow %s")), name), Beside: beside, Post: path + "/paused", Value: strconv.FormatBool(pause)}, 3)
		}
	}
}

// verb returns the key of what is offered.
func verb(pause bool, toPause, toResume string) string {
	if pause {
		return toPause
	}
	return toResume
}

// addQueues adds the pauses of queues.
func (p *Palette) addQueues(r *Request, f *finder) error {
	if !r.May(auth.ScopeWriteQueues) {
		return nil
	}
	queues, err := p.config.Queue.Stats(r.ctx())
	if err != nil {
		return err
	}
	for _, q := range queues {
		f.add(view.Found{Group: groupActions, Title: language.T(r.HTTP.Context(), verb(!q.Paused, language.Key("Pause queue %s"), language.Key("Resume queue %s")), q.Queue), Post: view.Root + "/go/queues/" + url.PathEscape(q.Queue), Value: strconv.FormatBool(!q.Paused)}, 2)
	}
	return nil
}

func (p *Palette) addConnections(r *Request, f *finder) error {
	if !r.May(auth.ScopeClients) {
		return nil
	}
	all, err := p.config.Store.Connections().List(r.ctx())
	if err != nil {
		return err
	}
	for _, c := range all {
		f.add(view.Found{Group: groupConnections, Title: c.Name, Beside: strings.Join(append([]string{c.Type}, c.Hosts...), " "), Href: view.Root + "/connections/" + url.PathEscape(c.Name)}, 0)
	}
	return nil
}

// addAccess adds API keys, API clients and users.
func (p *Palette) addAccess(r *Request, f *finder) error {
	if r.May(auth.ScopeClients) {
		keys, err := p.config.Store.Keys().List(r.ctx())
		if err != nil {
			return err
		}
		for _, k := range keys {
			f.add(view.Found{Group: groupAccess, Title: cmp.Or(k.Name, k.Key), Beside: language.T(r.HTTP.Context(), "API key %s", k.Key), Href: view.KeyPath(k)}, 0)
		}
		clients, err := p.config.Store.Clients().List(r.ctx())
		if err != nil {
			return err
		}
		for _, c := range clients {
			f.add(view.Found{Group: groupAccess, Title: c.Name, Beside: language.T(r.HTTP.Context(), "API client %s", c.Identifier), Href: view.ClientPath(c)}, 0)
		}
	}
	if r.May(auth.ScopeUsers) {
		users, err := p.config.Store.Users().List(r.ctx())
		if err != nil {
			return err
		}
		for _, u := range users {
			f.add(view.Found{Group: groupAccess, Title: u.Name, Beside: strings.TrimSpace("user " + u.FullName() + " " + u.Email), Href: view.Root + "/access/users/" + url.PathEscape(u.Name)}, 0)
		}
	}
	return nil
}

// maxRuns is the maximum number of runs that are listed for a part of their ids.
const maxRuns = 5

// runs returns the runs of whose ids a text is a part, and the search of runs for the text.
func (p *Palette) runs(r *Request, text string) ([]view.FoundGroup, error) {
	if text == "" || !r.ForSome(auth.ScopeReadRuns) {
		return nil, nil
	}
	group := view.FoundGroup{Title: groupRuns}
	if id := strings.TrimLeft(strings.ToLower(text), "…."); queue.IsIDPart(id) && !r.Away && r.May(auth.ScopeReadRuns) {
		ids, err := p.config.Queue.FindIDs(r.ctx(), id, maxRuns+1)
		if err = queue.WithoutHistory(err); err != nil {
			return nil, err
		}
		for _, one := range ids[:min(len(ids), maxRuns)] {
			group.Finds = append(group.Finds, view.Found{Group: groupRuns, Title: one, Beside: "run", Href: view.Root + "/runs/" + one})
		}
	}
	group.Finds = append(group.Finds, view.Found{Group: groupRuns, Title: language.T(r.HTTP.Context(), "Search runs for “%s”", text), Href: view.Root + "/runs?" + url.Values{"filter": {text}}.Encode()})
	return []view.FoundGroup{group}, nil
}
