package flowdoc

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Change is a difference between two versions of an API that its callers may notice.
type Change struct {
	Operation string // method and path
	Text      string
	Breaking  bool // callers of the earlier version may fail
}

// Compare returns what differs in next, by operation, breaking changes first. Either may be nil: no operation. An
// operation is the same while it has the same method and path. Limits, caching and texts are not compared.
func Compare(old, next *Part) []Change {
	before, after := factsOf(old), factsOf(next)
	var all []Change
	for _, at := range slices.Sorted(maps.Keys(after)) {
		c := comparison{operation: at}
		if was := before[at]; was == nil {
			c.add(false, "The operation is new.")
		} else {
			c.compare(was, after[at])
		}
		slices.SortStableFunc(c.all, breakingFirst)
		all = append(all, c.all...)
	}
	for _, at := range slices.Sorted(maps.Keys(before)) {
		if after[at] == nil {
			all = append(all, Change{at, "The operation was removed.", true})
		}
	}
	return all
}

func breakingFirst(a, b Change) int {
	switch {
	case a.Breaking == b.Breaking:
		return 0
	case a.Breaking:
		return -1
	}
	return 1
}

// facts are what callers of an operation depend on.
type facts struct {
	params       map[string]Param  // by place and name
	request      map[string]Member // by path
	needed       bool              // there must be a body
	media        []string          // media types of the body; empty: there is none
	response     map[string]Member
	inferred     bool // the response is known from tests alone
	scopes, ways []string
	deprecated   bool
}

func factsOf(p *Part) map[string]*facts {
	all := map[string]*facts{}
	if p == nil {
		return all
	}
	for i := range p.Operations {
		o := &p.Operations[i]
		r := &resolver{schemas: o.schemas}
		op := r.decode(o.object)
		f := &facts{params: map[string]Param{}, scopes: o.Scopes, ways: o.Ways, deprecated: op["deprecated"] == true}
		for _, v := range listOf(op["parameters"]) {
			if param := r.param(r.follow(v)); param.Name != "" { // else one of the server's own
				f.params[param.In+" "+param.Name] = param
			}
		}
		body := r.follow(op["requestBody"])
		f.request, f.needed, f.media = r.byPath(body), body["required"] == true, preferred(asObject(body["content"]))
		success := r.follow(asObject(op["responses"])["200"])
		f.response = r.byPath(success)
		f.inferred = r.inferred(success)
		all[strings.ToUpper(o.Method)+" "+o.Path] = f
	}
	return all
}

// byPath returns the members of the body of a request or response, in the preferred media type.
func (r *resolver) byPath(of object) map[string]Member {
	members := map[string]Member{}
	content := asObject(of["content"])
	all := preferred(content)
	if len(all) == 0 {
		return members
	}
	schema := asObject(asObject(content[all[0]])["schema"])
	if len(schema) == 0 {
		return members
	}
	for _, m := range r.members(schema) {
		members[m.Path] = m
	}
	return members
}

// inferred reports whether the schema of a response was made from the flow's tests.
func (r *resolver) inferred(response object) bool {
	schema := r.follow(asObject(asObject(asObject(response["content"])["application/json"])["schema"]))
	items := r.follow(schema["items"])
	output := r.follow(r.follow(asObject(schema["properties"])["output"])["items"])
	page := r.follow(r.follow(asObject(schema["properties"])["items"])["items"])
	return slices.ContainsFunc([]object{schema, items, output, page}, func(o object) bool { return o["x-penstock-inferred"] == true })
}

// comparison collects the changes of one operation.
type comparison struct {
	operation string
	all       []Change
}

func (c *comparison) add(breaking bool, format string, args ...any) {
	c.all = append(c.all, Change{c.operation, fmt.Sprintf(format, args...), breaking})
}

func (c *comparison) compare(was, is *facts) {
	for _, s := range is.scopes {
		if !slices.Contains(was.scopes, s) {
			c.add(true, "It requires the scope `%s`.", s)
		}
	}
	for _, s := range was.scopes {
		if !slices.Contains(is.scopes, s) {
			c.add(len(is.scopes) == 0 && len(is.ways) > 0, "It no longer requires the scope `%s`.", s) // without any it is flows:run
		}
	}
	for _, way := range was.ways {
		if !slices.Contains(is.ways, way) && len(is.ways) > 0 {
			c.add(true, "It no longer takes the credentials `%s`.", way)
		}
	}
	if len(was.ways) == 0 && len(is.ways) > 0 {
		c.add(true, "It takes credentials now.")
	}
	if is.deprecated && !was.deprecated {
		c.add(false, "It is deprecated.")
	}
	c.params(was.params, is.params)
	if is.needed && !was.needed {
		c.add(true, "A body is required.")
	}
	for _, media := range missingIn(was.media, is.media) {
		c.add(true, "It no longer takes bodies as `%s`.", media)
	}
	if len(was.media) > 0 {
		for _, media := range missingIn(is.media, was.media) {
			c.add(false, "It takes bodies as `%s`, too.", media)
		}
	}
	c.request(was.request, is.request)
	c.response(was, is)
}

func (c *comparison) params(was, is map[string]Param) {
	for _, at := range slices.Sorted(maps.Keys(is)) {
		now := is[at]
		before, known := was[at]
		what := "parameter `" + now.Name + "` (" + now.In + ")"
		c.input(what, known, before.Required, now.Required)
		if known {
			c.values(true, what, before.Type, now.Type, before.Enum, now.Enum)
			if before.Default != now.Default {
				c.add(false, "The default of the %s is `%s`, and was `%s`.", what, now.Default, before.Default)
			}
		}
	}
	for _, at := range slices.Sorted(maps.Keys(was)) {
		if _, known := is[at]; !known {
			c.add(was[at].In != "header", "The parameter `%s` (%s) was removed.", was[at].Name, was[at].In) // undeclared ones are refused
		}
	}
}

// input tells whether callers have to send what they did not have to before. known: the version before had it.
func (c *comparison) input(what string, known, wasRequired, isRequired bool) {
	switch {
	case !known && isRequired:
		c.add(true, "The %s is new and required.", what)
	case !known:
		c.add(false, "The %s is new.", what)
	case isRequired && !wasRequired:
		c.add(true, "The %s is required.", what)
	case wasRequired && !isRequired:
		c.add(false, "The %s is optional.", what)
	}
}

func (c *comparison) request(was, is map[string]Member) {
	for _, at := range slices.Sorted(maps.Keys(is)) {
		now := is[at]
		before, known := was[at]
		what := "member `" + at + "` of the request"
		c.input(what, known, before.Required, now.Required && (known || !inside(was, is, at)))
		if known {
			c.values(true, what, before.Type, now.Type, before.Enum, now.Enum)
		}
	}
	for _, at := range slices.Sorted(maps.Keys(was)) {
		if _, known := is[at]; !known {
			c.add(true, "The member `%s` of the request was removed.", at)
		}
	}
}

// inside reports whether a new member is within another new one that is optional: callers who do not send that one need
// not send the member.
func inside(was, is map[string]Member, path string) bool {
	for cut := strings.LastIndexAny(path, ".["); cut > 0; cut = strings.LastIndexAny(path[:cut], ".[") {
		outer := path[:cut]
		if m, listed := is[outer]; listed && !m.Required {
			if _, known := was[outer]; !known {
				return true
			}
		}
	}
	return false
}

func (c *comparison) response(was, is *facts) {
	known := ""
	if was.inferred || is.inferred {
		known = " as far as tests of the flow tell"
	}
	if len(is.response) == 0 && len(was.response) > 0 {
		c.add(false, "The response is no longer described.")
		return
	}
	for _, at := range slices.Sorted(maps.Keys(is.response)) {
		now := is.response[at]
		before, had := was.response[at]
		switch {
		case !had:
			c.add(false, "The member `%s` of the response is new%s.", at, known)
			continue
		case before.Required && !now.Required:
			c.add(true, "The member `%s` of the response may be absent%s.", at, known)
		}
		c.values(false, "member `"+at+"` of the response", before.Type, now.Type, before.Enum, now.Enum)
	}
	for _, at := range slices.Sorted(maps.Keys(was.response)) {
		if _, has := is.response[at]; !has {
			c.add(true, "The member `%s` of the response was removed%s.", at, known)
		}
	}
}

// values compares the types and the allowed values of what a caller sends, or else gets.
func (c *comparison) values(sent bool, what, wasType, isType string, was, is []string) {
	if wasType != isType {
		wider := sent && (isType == "any" || wasType == "integer" && isType == "number")
		c.add(!wider, "The type of the %s is %s, and was %s.", what, isType, wasType)
	}
	less, more := missingIn(was, is), missingIn(is, was)
	switch {
	case len(was) == 0 && len(is) > 0:
		c.add(sent, "The %s is one of %s.", what, quoted(is))
		return
	case len(was) > 0 && len(is) == 0:
		c.add(!sent, "The %s may have any value.", what)
		return
	}
	if len(less) > 0 {
		c.add(sent, "The %s is no longer %s.", what, quoted(less))
	}
	if len(more) > 0 {
		c.add(!sent, "The %s may be %s.", what, quoted(more))
	}
}

// missingIn returns the texts of all that are not in others.
func missingIn(all, others []string) []string {
	return slices.DeleteFunc(slices.Clone(all), func(s string) bool { return slices.Contains(others, s) })
}

func quoted(all []string) string { return "`" + strings.Join(all, "`, `") + "`" }
