package importer

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// The needs of an operation are its alternatives, of which one is enough: what connections each names together, and their scopes. In a
// connector they are the member security of source, as in OpenAPI a list of objects, with the types of connections in place of the names
// of schemes. Drift compares them.

// needsOf returns the needs of an operation as the values of a connector; none when it needs no credential.
func (s *security) needsOf(op *operation) []any {
	var all []any
	for _, alternative := range s.needs(op).list() {
		terms := map[string]any{}
		for _, scheme := range alternative.names() {
			name := inWords(s.credential(scheme))
			scopes, _ := terms[name].([]any)
			for _, scope := range slices.Sorted(slices.Values(alternative.strings(scheme))) {
				scopes = append(scopes, inWords(scope))
			}
			if terms[name] = scopes; scopes == nil {
				terms[name] = []any{}
			}
		}
		if len(all) < 20 {
			all = append(all, terms)
		}
	}
	return all
}

// credential names what carries a scheme: the types of connection, and the parameter of an API key.
func (s *security) credential(scheme string) string {
	n, quiet := s.schemes.get(scheme), &security{spec: s.spec, schemes: s.schemes, scopes: s.scopes}
	var words []string
	for _, t := range quiet.typesOf(scheme) {
		if !slices.Contains(words, t.name) {
			words = append(words, t.name)
		}
	}
	switch {
	case len(words) == 0:
		return shorten(scheme, 60)
	case n.str("type") == "apiKey" && words[0] != "bearer":
		return words[0] + " (" + n.str("in") + " " + shorten(n.str("name"), 60) + ")"
	}
	return strings.Join(words, " or ")
}

// inWords is a text of the document in which no expression begins.
func inWords(s string) string { return strings.ReplaceAll(shorten(s, 200), "${", "{") }

// needsGroups writes the needs of operations: those that most have without their names, and behind them the others with them.
func needsGroups(ops []imported) []any {
	type group struct {
		needs      []any
		operations []any
	}
	var groups []*group
	known := map[string]*group{}
	for _, op := range ops {
		key := fmt.Sprintf("%q", op.needs)
		g := known[key]
		if g == nil {
			g = &group{needs: op.needs}
			known[key], groups = g, append(groups, g)
		}
		http := op.body.get("http").(mapping)
		g.operations = append(g.operations, signatureOf(http[0].key, http[0].value.(string)))
	}
	slices.SortStableFunc(groups, func(a, b *group) int { return len(b.operations) - len(a.operations) })
	if len(groups) == 0 || len(groups) == 1 && len(groups[0].needs) == 0 {
		return nil
	}
	all := []any{mapping{{"needs", groups[0].needs}}}
	for _, g := range groups[1:] {
		all = append(all, mapping{{"needs", g.needs}, {"operations", g.operations}})
	}
	return all
}

// needsAt returns the needs of an operation of a connector; ok is false when the connector does not say them.
func needsAt(connector any, signature string) (needs []any, ok bool) {
	groups := list(at(connector, "source", "security"))
	if len(groups) == 0 {
		return nil, false
	}
	for _, g := range groups[1:] {
		if slices.Contains(list(at(g, "operations")), any(signature)) {
			return list(at(g, "needs")), true
		}
	}
	return list(at(groups[0], "needs")), true
}

// needs compares what credentials operations need: a difference of all of them is one of the connector. It reports whether both
// connectors say it.
func (d *drift) needs(pairs []pair) bool {
	type change struct {
		what    string
		affects bool
	}
	var order []change
	of := map[change][]string{}
	for _, p := range pairs {
		before, known := needsAt(d.old, p.value)
		after, knownNow := needsAt(d.fresh, p.value)
		if !known || !knownNow {
			return false
		}
		if reflect.DeepEqual(before, after) {
			continue
		}
		c := change{"the credentials are " + needsText(after) + ", no longer " + needsText(before), !allStillEnough(before, after)}
		if of[c] == nil {
			order = append(order, c)
		}
		of[c] = append(of[c], p.name)
	}
	for _, c := range order {
		names := of[c]
		if len(names) == len(pairs) {
			names = []string{""}
		}
		for _, name := range names {
			d.add(name, c.affects, "%s", c.what)
		}
	}
	return len(pairs) > 0
}

// allStillEnough reports whether a call with any of the earlier alternatives has what one of the new ones needs.
func allStillEnough(before, after []any) bool {
	enough := func(had any) bool {
		return len(after) == 0 || slices.ContainsFunc(after, func(needed any) bool {
			terms, _ := needed.(map[string]any)
			for name, scopes := range terms {
				if !carriedBy(had, name, list(scopes)) {
					return false
				}
			}
			return true
		})
	}
	if len(before) == 0 {
		return enough(nil)
	}
	return !slices.ContainsFunc(before, func(had any) bool { return !enough(had) })
}

// carriedBy reports whether an alternative has a credential of one of the types, with the scopes.
func carriedBy(alternative any, credential string, scopes []any) bool {
	terms, _ := alternative.(map[string]any)
	types := strings.Split(credential, " or ")
	for name, had := range terms {
		other := slices.ContainsFunc(strings.Split(name, " or "), func(t string) bool { return !slices.Contains(types, t) })
		if !other && !slices.ContainsFunc(scopes, func(s any) bool { return !slices.Contains(list(had), s) }) {
			return true
		}
	}
	return false
}

// needsText writes needs for a person: a (read) and b, or c.
func needsText(needs []any) string {
	var all []string
	for _, alternative := range needs {
		terms, _ := alternative.(map[string]any)
		var parts []string
		for _, e := range sorted(terms) {
			word := e.key
			if scopes := list(e.value); len(scopes) > 0 {
				word += " with the scopes " + shorten(words(scopes), 200)
			}
			parts = append(parts, word)
		}
		if parts == nil {
			parts = []string{"none"}
		}
		all = append(all, strings.Join(parts, " and "))
	}
	if all == nil {
		return "none"
	}
	return strings.Join(all, ", or ")
}
