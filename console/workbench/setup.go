package workbench

import (
	"errors"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/penstock/penstock/console/view"
	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/internal/localhost"
	"github.com/penstock/penstock/internal/sender"
	"github.com/penstock/penstock/store"
)

// hookName returns how the URL of a webhook names the flow.
func hookName(head *store.Deployment) string {
	if head.Slug != "" {
		return head.Slug
	}
	return strconv.FormatInt(head.Number, 10)
}

// hookURL returns the URL of the webhook of a flow for its sender.
func (b *Workbench) hookURL(r *Request, head *store.Deployment) string {
	return b.config.Base(r.HTTP) + "/hooks/" + hookName(head)
}

// setup returns what to enter at the sender of a flow, and what the flow expects of it.
func (b *Workbench) setup(r *Request, head *store.Deployment) (view.Setup, error) {
	s := view.Setup{URL: b.hookURL(r, head)}
	s.Unreachable = b.config.Issuer == "" || isLoopback(s.URL)
	flow, ok := b.config.Store.Flows().Find(strconv.FormatInt(head.Number, 10))
	if !ok || flow.Webhook == nil || flow.Webhook.Verify == nil {
		s.Senders, s.Chosen = senders(), r.HTTP.URL.Query().Get("sender")
		if e, known := sender.Find(s.Chosen); known {
			s.Add(r.HTTP.Context(), e)
			s.Lines = e.Lines()
		}
		return s, nil
	}
	v := flow.Webhook.Verify
	s.Verified, s.Open = true, v.Open != nil
	if v.URL != "" {
		s.URL, s.Unreachable = v.URL, isLoopback(v.URL)
	}
	e := sender.Describe(v.Scheme, v.Sender)
	s.Add(r.HTTP.Context(), e)
	s.Events = eventsIn(flow, e.Verify.Event)
	for _, name := range v.Secrets {
		if err := b.addSecret(r, &s, name, "Its value"); err != nil {
			return s, err
		}
	}
	if v.VerifyToken != "" {
		if err := b.addSecret(r, &s, v.VerifyToken, "The verify token, with which it asks about the URL,"); err != nil {
			return s, err
		}
	}
	return s, nil
}

// addSecret says whether a secret is stored, also if this process cannot open it. Its value is dropped.
func (b *Workbench) addSecret(r *Request, s *view.Setup, name, what string) error {
	_, err := b.config.Store.Secrets().Secret(r.ctx(), name)
	stored := err == nil || errors.As(err, new(*store.DamagedError)) || errors.As(err, new(*store.MissingKeyError))
	if !stored && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	s.Secrets = append(s.Secrets, view.SetupSecret{Name: name, What: what, Stored: stored})
	return nil
}

// senders lists the senders of the catalogue.
func senders() (all []view.SenderName) {
	for _, e := range sender.All() {
		all = append(all, view.SenderName{Name: e.Name, Title: e.Title})
	}
	slices.SortFunc(all, func(a, b view.SenderName) int {
		return strings.Compare(strings.ToLower(a.Title), strings.ToLower(b.Title))
	})
	return all
}

// isLoopback reports whether only the machine itself can call a URL. Unlike internal/localhost, it takes names below localhost for the
// machine, as browsers do (RFC 6761, section 6.3): the page only warns.
func isLoopback(text string) bool {
	u, err := url.Parse(text)
	if err != nil {
		return false
	}
	return localhost.Is(u.Hostname()) || strings.HasSuffix(u.Hostname(), ".localhost")
}

// eventPlace is the place of the name of an event: {header:X-GitHub-Event} or {member:event.type}.
var eventPlace = regexp.MustCompile(`^\{(header|member):([A-Za-z0-9_.-]+)\}$`)

// maxEvents is the maximum number of events that a page names.
const maxEvents = 20

// eventsIn returns the names of events with which the text of a flow compares the place of the event's name; nil: it compares it with
// none. It looks at texts alone, so that it may miss what an expression computes.
func eventsIn(flow *flows.Flow, place string) (names []string) {
	m := eventPlace.FindStringSubmatch(place)
	if m == nil {
		return nil
	}
	path := `(?:^|[^\w])\.` + regexp.QuoteMeta(m[2])
	if m[1] == "header" {
		path = `(?i:headers\[\\?["']` + regexp.QuoteMeta(strings.ToLower(m[2])) + `\\?["']\])`
	}
	compared := regexp.MustCompile(path + `\s*==\s*\\?"([^"\\]{1,100})\\?"`)
	for _, found := range compared.FindAllStringSubmatch(string(flow.Source), -1) {
		if name := found[1]; !slices.Contains(names, name) && len(names) < maxEvents {
			names = append(names, name)
		}
	}
	return names
}
