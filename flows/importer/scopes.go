package importer

import (
	"maps"
	"slices"
	"strings"
)

// Bounds of the scopes that one setting names.
const (
	maxScopes     = 200
	maxScopesText = 4000 // characters
)

// useScopes notes the scopes of an operation. Of several alternatives with the same scheme the first one counts, so that the connection
// may not do more than it needs; the others are noted.
func (s *security) useScopes(needs node) {
	first := map[string]bool{}
	for _, alternative := range needs.list() {
		for _, scheme := range alternative.names() {
			if s.schemes.get(scheme).str("type") != "oauth2" && s.schemes.get(scheme).str("type") != "openIdConnect" {
				continue
			}
			names := alternative.strings(scheme)
			if taken, known := first[scheme]; known {
				if taken && len(names) > 0 {
					s.others = append(s.others, alternative.get(scheme).place())
				}
				continue
			}
			first[scheme] = len(names) > 0
			for _, name := range names {
				s.useScope(scheme, name, alternative.get(scheme).place())
			}
		}
	}
}

// useScope adds a scope that is a word of RFC 6749, section 3.3.
func (s *security) useScope(scheme, name, place string) {
	all := s.scopes[scheme]
	switch {
	case slices.Contains(all, name):
	case name == "" || strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r > '~' || r == '"' || r == '\\' }):
		s.lose(place, "the scope %s is left out: it cannot be sent", quoted(shorten(name, 60)))
	case len(all) >= maxScopes || len(strings.Join(all, " "))+len(name) > maxScopesText:
		s.lose(place, "the scope %s is left out: the operations name more than %d", name, len(all))
	default:
		s.scopes[scheme] = append(all, name)
	}
}

// scopesOf returns the setting scope for each flow of a scheme: what the operations name, without what another flow alone offers.
func (s *security) scopesOf(n node, scheme string, flows map[string]node) map[string]string {
	offered := map[string]bool{}
	for _, f := range flows {
		for _, name := range f.get("scopes").names() {
			offered[name] = !strings.HasPrefix(name, "x-")
		}
	}
	all := slices.Sorted(slices.Values(s.scopes[scheme]))
	maps.DeleteFunc(offered, func(_ string, is bool) bool { return !is })
	if len(all) == 0 && len(offered) > 0 {
		s.lose(n.place(), "no operation says which scopes it needs: name them in the setting scope of the connection, of %s", shorten(strings.Join(slices.Sorted(maps.Keys(offered)), ", "), 200))
	}
	texts := map[string]string{}
	for flow, f := range flows {
		own := f.get("scopes")
		texts[flow] = strings.Join(slices.DeleteFunc(slices.Clone(all), func(name string) bool { return offered[name] && !own.member(name).exists() }), " ")
	}
	return texts
}

// tokenScopes says in a sentence what a token that somebody makes for a scheme may do.
func (s *security) tokenScopes(scheme string) string {
	if len(s.scopes[scheme]) == 0 {
		return ""
	}
	return " Its token has the scopes `" + strings.Join(slices.Sorted(slices.Values(s.scopes[scheme])), " ") + "`."
}
