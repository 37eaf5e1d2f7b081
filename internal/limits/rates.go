package limits

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// Rates are rates by what they limit, written "default=off,token=10/s,runs:69=5/s,GET /people/{id}=10/s". It is a flag
// value. A name is one of
//
//   - an endpoint, see Endpoints; "default" applies to all others;
//   - "execute", "runs" or "hooks" with the number of a flow: calls of this flow, counted apart from others;
//   - a method with the template of a path, of a flow's http trigger or of this API, counted apart as well.
//
// The most specific name applies, alone: a path before a flow before an endpoint.
type Rates map[string]Rate

// Endpoints are the endpoints with their own rates: "default" for all others, "token" for endpoints that take
// secrets, "execute" for the SmartSYNC API, "runs" for POST /v1/flows/{flow}/runs, "hooks", and "api" for the rest of
// /v1. Read only.
var Endpoints = []string{"default", "token", "execute", "runs", "hooks", "api"}

// perFlow are the endpoints that may be narrowed to a flow. Read only.
var perFlow = []string{"execute", "runs", "hooks"}

var methods = []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions} // read only

// Of returns the rate of an endpoint.
func (r Rates) Of(endpoint string) Rate {
	if rate, named := r[endpoint]; named {
		return rate
	}
	return r["default"]
}

// Applying returns the rate that applies to a request.
func (r Rates) Applying(u Use) Rate {
	rate, _ := r.of(&u)
	return rate
}

// of returns the rate for a request, and the name of the override that applies; an empty name: the rate is that of the
// endpoint.
func (r Rates) of(u *Use) (rate Rate, name string) {
	if name := r.operation(u.Method, u.Path); name != "" {
		return r[name], name
	}
	if u.Method == http.MethodHead { // a HEAD without a rate of its own is a GET
		if name := r.operation(http.MethodGet, u.Path); name != "" {
			return r[name], name
		}
	}
	if u.Flow > 0 && len(r) > 0 && slices.Contains(perFlow, u.Endpoint) {
		name := u.Endpoint + ":" + strconv.FormatInt(u.Flow, 10)
		if rate, named := r[name]; named {
			return rate, name
		}
	}
	return r.Of(u.Endpoint), ""
}

// operation returns the name of the override for a method and a template; empty: there is none. Of two that differ only
// in the names of parameters, it is the first by name.
func (r Rates) operation(method, path string) (least string) {
	for name := range r {
		m, p, found := strings.Cut(name, " ")
		if found && m == method && sameTemplate(p, path) && (least == "" || name < least) {
			least = name
		}
	}
	return least
}

// sameTemplate compares templates of paths, in which a parameter is {name} or :name. Names of parameters do not count.
func sameTemplate(a, b string) bool {
	for {
		one, restA, moreA := strings.Cut(a, "/")
		other, restB, moreB := strings.Cut(b, "/")
		if moreA != moreB || one != other && !(isParameter(one) && isParameter(other)) {
			return false
		}
		if !moreA {
			return true
		}
		a, b = restA, restB
	}
}

func isParameter(segment string) bool {
	return strings.HasPrefix(segment, ":") || strings.HasPrefix(segment, "{") && strings.HasSuffix(segment, "}")
}

// Unmatched returns the names of the overrides, sorted, that are about none of the flows and operations. An operation is a
// method and the template of a path.
func (r Rates) Unmatched(flows []int64, operations []string) (names []string) {
	known := func(name string) bool {
		if method, path, found := strings.Cut(name, " "); found {
			return slices.ContainsFunc(operations, func(o string) bool {
				m, p, _ := strings.Cut(o, " ")
				return m == method && sameTemplate(p, path) || method == http.MethodHead && m == http.MethodGet && sameTemplate(p, path)
			})
		}
		_, number, narrowed := strings.Cut(name, ":")
		return !narrowed || slices.ContainsFunc(flows, func(n int64) bool { return strconv.FormatInt(n, 10) == number })
	}
	for name := range r {
		if !known(name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// String returns the form that Set accepts: endpoints first, then overrides by name.
func (r Rates) String() string {
	var parts, overrides []string
	for _, endpoint := range Endpoints {
		if rate, named := r[endpoint]; named {
			parts = append(parts, endpoint+"="+rate.String())
		}
	}
	for name, rate := range r {
		if !slices.Contains(Endpoints, name) {
			overrides = append(overrides, name+"="+rate.String())
		}
	}
	slices.Sort(overrides)
	return strings.Join(append(parts, overrides...), ",")
}

// Set adds or replaces rates; other rates stay.
func (r *Rates) Set(text string) error {
	next := Rates{}
	for name, rate := range *r {
		next[name] = rate
	}
	for part := range strings.SplitSeq(text, ",") {
		part = strings.TrimSpace(part)
		end := strings.LastIndexByte(part, '=')
		name, value := part, ""
		if end >= 0 {
			name, value = part[:end], part[end+1:]
		}
		if err := checkName(name); err != nil {
			return err
		}
		rate, err := ParseRate(value)
		if err != nil {
			return err
		}
		next[name] = rate
	}
	*r = next
	return nil
}

func checkName(name string) error {
	if slices.Contains(Endpoints, name) {
		return nil
	}
	if method, path, found := strings.Cut(name, " "); found {
		if !slices.Contains(methods, method) || !strings.HasPrefix(path, "/") || strings.ContainsAny(path, " ?#") {
			return fmt.Errorf("%q is no operation: write a method and the template of a path, as in GET /people/{id}", name)
		}
		return nil
	}
	endpoint, number, narrowed := strings.Cut(name, ":")
	if !narrowed {
		return fmt.Errorf("%q is no endpoint; these are: %s", name, strings.Join(Endpoints, ", "))
	}
	flow, err := strconv.ParseInt(number, 10, 64)
	if err != nil || flow < 1 || strconv.FormatInt(flow, 10) != number || !slices.Contains(perFlow, endpoint) {
		return fmt.Errorf("%q names no flow: write %s and the number of a flow, as in runs:69", name, strings.Join(perFlow, ", "))
	}
	return nil
}

// Type is the name of the value in the help text.
func (r Rates) Type() string { return "rates" }
