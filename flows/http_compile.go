package flows

import (
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/penstock/penstock/flows/internal/mistake"
	"github.com/penstock/penstock/flows/internal/yaml"
	"github.com/penstock/penstock/internal/pathtree"
	"github.com/penstock/penstock/internal/payload"
	"github.com/penstock/penstock/internal/suggest"
)

var (
	operationForm = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_-]{0,63}$`)
	fieldForm     = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,63}$`)
	scopeForm     = regexp.MustCompile(`^[a-z][a-z0-9_-]{0,31}$`)
)

// Bounds of an http trigger.
const (
	maxOperations = 50
	maxHTTPParams = 100
	minCache      = time.Second
	maxCache      = 24 * time.Hour
)

// httpNames prepares the http trigger with what its programs may name, before they are compiled; nil when the trigger
// is another one.
func (c *compiler) httpNames(n *yaml.Node) *HTTP {
	settings := n.Member("http")
	if settings == nil {
		return nil
	}
	operations := []*yaml.Node{settings}
	if settings.Shape == yaml.Sequence {
		operations = settings.Items
	}
	for _, o := range operations {
		for j, k := range o.Keys {
			switch text, _ := o.Items[j].Value.(string); {
			case slices.Contains(httpMethods, k.Name):
				if path, err := pathtree.Parse(text); err == nil {
					c.httpParams = append(c.httpParams, path.Params()...)
				}
			case k.Name == "params":
				for _, name := range o.Items[j].Keys {
					c.httpParams = append(c.httpParams, name.Name)
				}
				for _, name := range o.Items[j].Items {
					if text, ok := name.Value.(string); ok && o.Items[j].Shape == yaml.Sequence {
						c.httpParams = append(c.httpParams, text)
					}
				}
			case k.Name == "listing":
				c.httpListing = true
			}
		}
	}
	return &HTTP{}
}

// http compiles the operations. The steps are compiled already.
func (c *compiler) http(all []*Args, at yaml.Place) {
	h := c.flow.HTTP
	if len(all) == 0 || len(all) > maxOperations {
		c.Add(mistake.OutOfRange, at, "", "http: expected 1 to %d operations", maxOperations)
	}
	for _, a := range all {
		o := &Operation{
			Name: a.String("name"), Summary: a.String("summary"), Description: a.String("description"), Deprecated: a.Bool("deprecated"),
			Response: ResponseItems, Detailed: a.String("errors") == detailedErrors, Line: a.place.Line, Body: a.Literal("schema"), Output: c.flow.Output,
		}
		c.operation(a, o)
		h.Operations = append(h.Operations, o)
	}
	c.operationNames(all)
	for i, o := range h.Operations {
		for _, other := range h.Operations[:i] {
			if reason, hint := o.Overlaps(other.Method, other.Path, "line "+stringify(other.Line)); reason != "" {
				c.Add(mistake.TakenPath, all[i].place, hint, "%s %s: %s", o.Method, o.Path, reason)
			}
		}
	}
}

func (c *compiler) operation(a *Args, o *Operation) {
	for _, method := range httpMethods {
		if a.Has(method) {
			o.Method = strings.ToUpper(method)
			c.operationPath(a, o, method)
		}
	}
	if a.Has("response") {
		o.Response = a.String("response")
	}
	c.operationParams(a, o)
	c.operationAccess(a, o)
	c.operationSchemas(a, o)
	if l := a.Object("listing"); l != nil {
		o.Listing = c.listing(l, o)
	}
	if o.Cache = a.Duration("cache"); a.Has("cache") && (o.Cache < minCache || o.Cache > maxCache) {
		c.Add(mistake.OutOfRange, a.places["cache"], "", "cache: expected 1s to 24h")
	}
	get := o.Method == http.MethodGet || o.Method == ""
	if o.Cache > 0 && !get {
		c.Add(mistake.MeaninglessKey, a.places["cache"], "", "cache: only answers to GET are cached")
	}
	if o.Listing != nil && !get {
		c.Add(mistake.MeaninglessKey, a.places["listing"], "", "listing: only GET takes filter, order_by, page and page_size")
	}
	switch {
	case o.Response == ResponsePage && o.Listing == nil:
		c.Add(mistake.DependentKey, a.places["response"], "add listing:", "response: a page needs listing")
	case o.Listing != nil && (o.Response == ResponseOne || o.Response == ResponseBody):
		c.Add(mistake.IncompatibleSettings, a.places["response"], "write items or page", "response: a listing answers with items or a page, not with %s", o.Response)
	case o.Response == ResponseBody && c.flow.steps != nil && !c.flow.steps.Responds():
		c.Add(mistake.IncompatibleSettings, a.places["response"], "add a respond step", "response: no step of the flow responds, so that there would be no body")
	}
}

func (c *compiler) operationPath(a *Args, o *Operation, method string) {
	path, err := pathtree.Parse(a.String(method))
	switch {
	case err != nil:
		c.Add(mistake.Of(err, mistake.BadPath), a.places[method], "", "%s: %v", method, err)
		return
	case !path.Fixed():
		c.Add(mistake.ReservedPath, a.places[method], "", "%s: the first segment of a path is a text, so that the path is certainly none of the server's own", method)
	case reservedBy(path) != "":
		c.Add(mistake.ReservedPath, a.places[method], "choose another path", "%s: %s is the server's own path", method, reservedBy(path))
	}
	o.Path = path
}

// operationNames gives each operation its name.
func (c *compiler) operationNames(all []*Args) {
	seen := map[string]bool{}
	for i, o := range c.flow.HTTP.Operations {
		switch {
		case !all[i].Has("name"):
			if o.Name = strings.ToLower(o.Method); seen[o.Name] {
				c.Add(mistake.RequiredKey, all[i].place, "add name:", "name is missing: another operation has the same method")
			}
		case !operationForm.MatchString(o.Name):
			c.Add(mistake.BadName, all[i].places["name"], "", "name: expected letters, digits, - and _, at most 64, beginning with a letter")
		case seen[o.Name]:
			c.Add(mistake.DuplicateName, all[i].places["name"], "", "name: another operation is named %q", o.Name)
		}
		seen[o.Name] = true
	}
}

func (c *compiler) operationAccess(a *Args, o *Operation) {
	for _, s := range a.Map("scopes") {
		if why := CheckScope(s.Name); why != "" {
			c.Add(mistake.BadName, s.place, "", "scopes: %q: %s", s.Name, why)
		}
		o.Scopes = append(o.Scopes, HTTPScope{s.Name, s.String("description")})
	}
	o.Auth = []string{AuthBearer, AuthBasic, AuthKey}
	if !a.Has("auth") {
		return
	}
	o.Auth = nil
	words := a.Strings("auth")
	for _, word := range words {
		switch {
		case word == authNone && len(words) > 1:
			c.Add(mistake.ExclusiveKeys, a.places["auth"], "keep one of them", "auth: none and %s exclude each other", strings.Join(words, ", "))
		case word == authNone:
			if len(o.Scopes) > 0 {
				c.Add(mistake.IncompatibleSettings, a.places["scopes"], "remove one of them", "scopes: with auth: none nobody shows any")
			}
		case !slices.Contains([]string{AuthBearer, AuthBasic, AuthKey}, word):
			c.Add(mistake.UnknownValue, a.places["auth"], suggest.DidYouMean(word, []string{AuthBearer, AuthBasic, AuthKey, authNone}), "auth: %q is no way to authenticate", word)
		case !slices.Contains(o.Auth, word):
			o.Auth = append(o.Auth, word)
		}
	}
	if len(words) == 0 {
		c.Add(mistake.OutOfRange, a.places["auth"], "write none for an open operation", "auth: expected at least one way to authenticate")
	}
}

func (c *compiler) operationSchemas(a *Args, o *Operation) {
	if o.BodyForm = payload.Form(a.String("body")); o.BodyForm != "" {
		c.needsBody(a, o, "body")
	}
	if o.MaxBody = c.maxBody(a); o.MaxBody > 0 {
		c.needsBody(a, o, "max_body")
	}
	if a.Has("schema") {
		c.needsBody(a, o, "schema")
		var err error
		if o.body, err = NewValidator(o.Body); err != nil {
			c.Add(mistake.Of(err, mistake.BadSchema), a.places["schema"], "", "schema: %v", err)
		}
	}
	if a.Has("output_schema") {
		o.Output = a.Literal("output_schema")
		if _, err := NewValidator(o.Output); err != nil {
			c.Add(mistake.Of(err, mistake.BadSchema), a.places["output_schema"], "", "output_schema: %v", err)
		}
	}
}

// needsBody checks that requests of the operation have a body, which a field is about.
func (c *compiler) needsBody(a *Args, o *Operation, field string) {
	if !slices.Contains([]string{http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, ""}, o.Method) {
		c.Add(mistake.MeaninglessKey, a.places[field], "", "%s: a request with %s has no body", field, o.Method)
	}
}

// Overlaps returns why an operation cannot exist beside one with another method and path, which is told by owner;
// empty: both can.
func (o *Operation) Overlaps(method string, path pathtree.Template, owner string) (reason, hint string) {
	relation := pathtree.Relate(o.Path, path)
	switch {
	case relation == pathtree.Renamed:
		return "it is the path " + path.String() + " of " + strings.TrimSuffix(owner, ",") + ", with other names", "use the same names"
	case o.Method != method:
	case relation == pathtree.Same:
		return owner + " has the same method and path", "choose another path"
	case relation == pathtree.Ambiguous:
		return "some paths fit both it and " + path.String() + " of " + strings.TrimSuffix(owner, ",") + ", and neither says more", "choose another path"
	}
	return "", ""
}

// httpTest puts the parameters of a test into its event.
func (c *compiler) httpTest(a *Args, t *test) {
	if c.flow.HTTP == nil || !a.Has("params") {
		return
	}
	event, ok := t.run.Event.(map[string]any)
	if _, both := event[eventParams]; both || !ok && t.run.Event != nil {
		c.Add(mistake.IncompatibleSettings, a.places["params"], "keep one of them", "params: the event has params, or is no object")
		return
	}
	event = maps.Clone(event)
	if event == nil {
		event = map[string]any{}
	}
	event[eventParams], t.run.Params = a.Literal("params"), nil
	t.run.Event = event
}
