package httpstep

import "strings"

// nextLink returns the target of rel="next" in Link headers (RFC 8288); "" when there is none.
func nextLink(headers []string) string {
	for _, header := range headers {
		for rest := header; ; {
			_, after, ok := strings.Cut(rest, "<")
			if !ok {
				break
			}
			target, params, ok := strings.Cut(after, ">")
			if !ok {
				break
			}
			var link string
			link, rest = cutUnquoted(params, ',')
			if isNext(link) {
				return target
			}
		}
	}
	return ""
}

// isNext reports whether the parameters of a link contain rel=next, alone or in a quoted list of relations.
func isNext(params string) bool {
	for params != "" {
		var param string
		param, params = cutUnquoted(params, ';')
		name, value, _ := strings.Cut(param, "=")
		if !strings.EqualFold(strings.TrimSpace(name), "rel") {
			continue
		}
		for _, relation := range strings.Fields(strings.Trim(strings.TrimSpace(value), `"`)) {
			if strings.EqualFold(relation, "next") {
				return true
			}
		}
		return false // only the first rel counts
	}
	return false
}

// cutUnquoted cuts at the first separator outside of quotes.
func cutUnquoted(s string, separator byte) (before, after string) {
	quoted := false
	for i := 0; i < len(s); i++ {
		switch {
		case quoted && s[i] == '\\':
			i++
		case s[i] == '"':
			quoted = !quoted
		case s[i] == separator && !quoted:
			return s[:i], s[i+1:]
		}
	}
	return s, ""
}
