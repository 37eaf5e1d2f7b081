package n8n

import (
	"encoding/json"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/penstock/penstock/flows/internal/credential"
)

// carried are the credentials that a request has in its URL, query and headers. The flow does not have them: connections do.
type carried struct {
	login bool     // a user and a password
	keys  []string // what has a key, such as "the header X-Api-Key"
}

// connections returns the names of the connections that carry the credentials of the node's request, and notes them.
func (c *conversion) connections(all carried, host string) (names []any) {
	name := connectionName(c.n.Name, "api")
	if len(all.keys) > 0 {
		kind := "api_key"
		if len(all.keys) > 1 {
			kind = "api"
		}
		c.connect(name, kind, host)
		names = append(names, name)
		for _, place := range all.keys {
			c.check(c.n, place+" of its request is a credential: it belongs into the connection "+name)
		}
		name += "-login"
	}
	if all.login {
		c.connect(name, "basic", host)
		names = append(names, name)
		c.check(c.n, "the user and the password in the URL of its request are credentials: they belong into the connection "+name)
	}
	return names
}

// hidden matches the places of expressions in a URL while it is divided.
var hidden = regexp.MustCompile(hole + `\d+` + hole)

// address is a URL without the credentials in it. Parts of the path that look like one are read from variables.
func (c *conversion) address(v any, all *carried) any {
	text, isText := v.(string)
	if !isText {
		return v
	}
	src, isExpr := strings.CutPrefix(text, "=")
	parts := []string{src}
	if isExpr {
		parts = splitBraces(src)
	}
	var b strings.Builder
	for i, part := range parts {
		if i%2 == 0 {
			b.WriteString(strings.ReplaceAll(part, hole, ""))
		} else {
			fmt.Fprintf(&b, "%s%d%s", hole, i, hole)
		}
	}
	given := b.String()
	masked := c.maskURL(given, all)
	if masked == given {
		return v
	}
	return "=" + hidden.ReplaceAllStringFunc(masked, func(m string) string {
		var i int
		fmt.Sscan(strings.Trim(m, hole), &i)
		if i < 1 || i >= len(parts) {
			return ""
		}
		return "{{" + parts[i] + "}}"
	})
}

func (c *conversion) maskURL(text string, all *carried) string {
	text, fragment, hasFragment := strings.Cut(text, "#")
	text, query, hasQuery := strings.Cut(text, "?")
	scheme, rest, ok := strings.Cut(text, "://")
	if !ok {
		scheme, rest = "", text
	} else {
		scheme += "://"
	}
	host, path, hasPath := strings.Cut(rest, "/")
	if at := strings.LastIndexByte(host, '@'); at >= 0 && isLiteral(strings.Replace(host[:at], ":", "", 1)) {
		host, all.login = host[at+1:], true
	}
	if hasPath {
		path = "/" + c.maskPath(path)
	}
	text = scheme + host + path
	if hasQuery {
		if query = c.maskQuery(query, all); query != "" {
			text += "?" + query
		}
	}
	if hasFragment {
		text += "#" + fragment
	}
	return text
}

func (c *conversion) maskPath(path string) string {
	segments, n := strings.Split(path, "/"), 0
	for i, segment := range segments {
		plain, err := url.PathUnescape(segment)
		if err != nil || strings.Contains(segment, hole) || !credential.Value(plain) {
			continue
		}
		name := c.n.step + "_secret"
		if n++; n > 1 {
			name += fmt.Sprint("_", n)
		}
		segments[i] = "{{ $vars." + name + " }}"
		c.check(c.n, "a part of the path of its URL looks like a credential: it is read from the variable "+name)
	}
	return strings.Join(segments, "/")
}

func (c *conversion) maskQuery(query string, all *carried) string {
	var kept []string
	for item := range strings.SplitSeq(query, "&") {
		name, value, _ := strings.Cut(item, "=")
		plain, err := url.QueryUnescape(value)
		if err != nil {
			plain = value
		}
		switch sent := credential.Sent(name); {
		case sent && isLiteral(value) || credential.Value(plain) && !strings.Contains(value, hole):
			all.keys = append(all.keys, "the query parameter "+name)
			continue
		case sent && value != "":
			c.check(c.n, name+" in its URL may be a credential: it belongs into a connection")
		}
		kept = append(kept, item)
	}
	return strings.Join(kept, "&")
}

// schemeWord matches the word before a credential in a header.
var schemeWord = regexp.MustCompile(`(?i)^\s*(bearer|basic|token|apikey|digest)\b`)

// isLiteral reports whether a text has more than the places of expressions, and the scheme of a credential.
func isLiteral(text string) bool {
	return strings.TrimSpace(schemeWord.ReplaceAllString(hidden.ReplaceAllString(text, ""), "")) != ""
}

// literalOf is a parameter with the places of its expressions, as isLiteral takes it. What reads the environment of n8n counts as
// a literal.
func literalOf(value string) string {
	src, isExpr := strings.CutPrefix(value, "=")
	if !isExpr {
		return src
	}
	parts := splitBraces(src)
	for i := 1; i < len(parts); i += 2 {
		if strings.Contains(parts[i], "$env") {
			parts[i] = "x"
		} else {
			parts[i] = hole + "0" + hole
		}
	}
	return strings.Join(parts, "")
}

// isSecret reports whether a literal of a request is a credential, by its name or by itself.
func isSecret(byName bool, value string) bool {
	text := literalOf(value)
	if byName {
		return isLiteral(text)
	}
	return slices.ContainsFunc(hidden.Split(text, -1), func(part string) bool { return credential.Value(strings.TrimSpace(part)) })
}

// secret is a program that reads the secret which stands for a credential at a place of the request.
func (c *conversion) secret(name string) term {
	stored := c.n.step + "_secret"
	if name != "" {
		stored = c.n.step + "_" + identifier(name)
	}
	if len(stored) > 60 {
		stored = strings.Trim(stored[:60], "_")
	}
	if !slices.Contains(c.secrets, stored) {
		c.secrets = append(c.secrets, stored)
	}
	if name == "" {
		name = "a part"
	}
	c.check(c.n, name+" of the body of its request is a credential: it is read from the secret "+stored+", which has to be stored")
	return term{code: "secret(" + literal(stored).code + ")", whole: true, is: isText}
}

// sealed is a member of a body, with secrets in the place of credentials.
func (c *conversion) sealed(name string, v any) any {
	return c.seal(name, v, func(name string, v any) any {
		if text, isText := v.(string); isText && isSecret(credential.Name(name), text) {
			return c.secret(name).template()
		}
		return c.value(v)
	})
}

// seal rebuilds a member with secrets in the place of numbers that are credentials, and with what other returns in that of the other values
// without members.
func (c *conversion) seal(name string, v any, other func(name string, v any) any) any {
	switch v := v.(type) {
	case map[string]any:
		m := ordered(v).(mapping)
		for i, p := range m {
			m[i].value = c.seal(p.key, v[p.key], other)
		}
		return m
	case []any:
		list := make([]any, len(v))
		for i, element := range v {
			list[i] = c.seal(name, element, other)
		}
		return list
	case json.Number:
		if credential.Name(name) {
			return c.secret(name).template()
		}
	}
	return other(name, v)
}

// sealedText is a body that is a text.
func (c *conversion) sealedText(v any) any {
	text, isText := v.(string)
	if !isText {
		return c.value(v)
	}
	src, isExpr := strings.CutPrefix(text, "=")
	parts := []string{src}
	if isExpr {
		parts = splitBraces(src)
	}
	if len(parts) == 3 && strings.TrimSpace(parts[0]) == "" && strings.TrimSpace(parts[2]) == "" {
		return c.value(v)
	}
	var b strings.Builder
	for i, part := range parts {
		if i%2 == 1 {
			b.WriteString("${ " + c.expr(part).code + " }")
			continue
		}
		b.WriteString(credential.Text(part, func(name string) string { return "${ " + c.secret(name).code + " }" }, escapeText))
	}
	return textOf(b.String())
}

// sealedJSON is a body of JSON.
func (c *conversion) sealedJSON(text string) any {
	if src, isExpr := strings.CutPrefix(text, "="); !isExpr || len(splitBraces(src)) == 1 {
		if v, ok := parseJSON(src); ok {
			return c.sealedData("", v)
		}
	}
	c.seals = true
	defer func() { c.seals = false }()
	return c.json(text).template()
}

// sealedData is a value of JSON, in which nothing is an expression.
func (c *conversion) sealedData(name string, v any) any {
	return c.seal(name, v, func(name string, v any) any {
		text, isText := v.(string)
		switch {
		case !isText:
			return v
		case text != "" && credential.Name(name) || credential.Value(text):
			return c.secret(name).template()
		}
		return textValue(text)
	})
}

// sealedMember is the secret that stands for a member of JSON with expressions in it; false: it is none.
func (c *conversion) sealedMember(name string, v any) (term, bool) {
	text, isText := v.(string)
	if n, ok := v.(json.Number); ok {
		text, isText = n.String(), true
	}
	if !c.seals || !isText || text == "" {
		return term{}, false
	}
	pieces := strings.Split(text, hole) // every second one is the number of an expression
	for i := 1; i < len(pieces); i += 2 {
		pieces[i] = hole + "0" + hole
	}
	if joined := strings.Join(pieces, ""); credential.Name(name) && isLiteral(joined) || len(pieces) == 1 && credential.Value(text) {
		return c.secret(name), true
	}
	return term{}, false
}
