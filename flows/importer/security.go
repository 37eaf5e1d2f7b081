package importer

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"golang.org/x/net/http/httpguts"
)

// security is what the operations of a connector need: the kinds of connection that carry their credentials.
type security struct {
	spec    *spec
	schemes node     // securityDefinitions or components/securitySchemes
	names   []string // of the schemes in use, in their order
	pairs   []string // schemes that go together, by their names
	keys    []undescribed
	scopes  map[string][]string // that the operations name, by their scheme
	others  []string            // places of alternatives that name other scopes of the same scheme
	lost    []finding           // parts of the schemes that are not taken over
}

func newSecurity(s *spec) *security {
	schemes := s.root.get("components", "securitySchemes")
	if s.swagger {
		schemes = s.root.get("securityDefinitions")
	}
	return &security{spec: s, schemes: schemes, scopes: map[string][]string{}}
}

// needs are the alternatives of an operation.
func (s *security) needs(op *operation) node {
	if needs := op.node.get("security"); needs.exists() {
		return needs
	}
	return s.spec.root.get("security")
}

// needed reports whether an operation names a security scheme.
func (s *security) needed(op *operation) bool {
	return slices.ContainsFunc(s.needs(op).list(), func(alternative node) bool { return len(alternative.names()) > 0 })
}

// use notes what an operation needs.
func (s *security) use(op *operation) {
	needs := s.needs(op)
	s.useScopes(needs)
	for _, alternative := range needs.list() {
		names := alternative.names()
		for _, name := range names {
			if !slices.Contains(s.names, name) && len(s.names) < 50 {
				s.names = append(s.names, name)
			}
		}
		if pair := strings.Join(names, " and "); len(names) > 1 && !slices.Contains(s.pairs, pair) && len(s.pairs) < 10 {
			s.pairs = append(s.pairs, pair)
		}
	}
}

// carries reports whether a parameter is the credential of a scheme.
func (s *security) carries(in, name string) bool {
	return slices.ContainsFunc(s.schemes.names(), func(scheme string) bool {
		n := s.schemes.get(scheme)
		return n.str("type") == "apiKey" && n.str("in") == in && strings.EqualFold(n.str("name"), name)
	})
}

// connectionType is a type of connection with the settings that the document says.
type connectionType struct {
	name     string
	settings mapping
	doc      string
}

// lose notes what of the schemes is not taken over.
func (s *security) lose(at, format string, args ...any) {
	s.lost = append(s.lost, finding{at, fmt.Sprintf(format, args...)})
}

// typesOf returns the connections that carry a scheme, the best one first.
func (s *security) typesOf(scheme string) []connectionType {
	n := s.schemes.get(scheme)
	if n.str("type") == "apiKey" && n.str("in") != "query" && !httpguts.ValidHeaderFieldName(n.str("name")) {
		s.lose(n.place(), "the security scheme %q is left out: %q cannot be the name of a header or cookie", shorten(scheme, 60), shorten(n.str("name"), 60))
		return nil
	}
	switch n.str("type") {
	case "basic":
		return []connectionType{{name: "basic"}}
	case "http":
		switch strings.ToLower(n.str("scheme")) {
		case "basic":
			return []connectionType{{name: "basic"}}
		case "digest":
			return []connectionType{{name: "digest"}}
		case "negotiate", "ntlm":
			return []connectionType{{name: "ntlm"}}
		case "aws-sigv4":
			return []connectionType{{name: "aws_sigv4"}}
		}
		return []connectionType{{name: "bearer"}}
	case "apiKey":
		return apiKeyType(n)
	case "oauth2":
		return s.oauthTypes(n, scheme)
	case "openIdConnect":
		return []connectionType{{name: "bearer", doc: "The token endpoint is told by " + shorten(n.str("openIdConnectUrl"), 200) + "." + s.tokenScopes(scheme)}}
	case "mutualTLS":
		return []connectionType{{name: "mtls"}}
	}
	return nil
}

func apiKeyType(n node) []connectionType {
	name := n.str("name")
	switch {
	case n.str("in") == "header" && strings.EqualFold(name, "Authorization"):
		if said := strings.ToLower(n.str("description") + n.str("x-prefix")); strings.Contains(said, "bearer") {
			return []connectionType{{name: "bearer"}}
		}
		return []connectionType{{name: "api_key", settings: mapping{{"name", "Authorization"}}, doc: "The value is all of the header Authorization, such as `Bearer …`."}}
	case n.str("in") == "cookie":
		return []connectionType{{name: "api", doc: "Its setting `headers` is `Cookie: " + name + "=…`."}}
	case n.str("in") == "query":
		return []connectionType{{name: "api_key", settings: mapping{{"in", "query"}, {"name", name}}}}
	}
	return []connectionType{{name: "api_key", settings: mapping{{"name", name}}}}
}

// oauthTypes returns the grants of OAuth 2.0 that a scheme offers: those without a person first.
func (s *security) oauthTypes(n node, scheme string) []connectionType {
	flows := map[string]node{}
	if s.spec.swagger {
		flows[map[string]string{"application": "clientCredentials", "accessCode": "authorizationCode"}[n.str("flow")]+strings.NewReplacer("application", "", "accessCode", "").Replace(n.str("flow"))] = n
	} else {
		for _, name := range n.get("flows").names() {
			flows[name] = n.get("flows", name)
		}
	}
	scopes := s.scopesOf(n, scheme, flows)
	var all []connectionType
	for _, flow := range []string{"clientCredentials", "authorizationCode", "password", "implicit"} {
		f, ok := flows[flow]
		if !ok {
			continue
		}
		t := connectionType{name: map[string]string{
			"clientCredentials": "oauth2_client", "authorizationCode": "oauth2_refresh", "password": "oauth2_password", "implicit": "bearer",
		}[flow]}
		if flow == "authorizationCode" {
			t.settings.add("authorize_url", s.address(f, "authorizationUrl"))
		}
		if flow == "implicit" {
			t.doc = strings.TrimSpace(s.tokenScopes(scheme))
		} else {
			t.settings.add("token_url", s.address(f, "tokenUrl"))
			t.settings.add("scope", scopes[flow])
		}
		all = append(all, t)
	}
	return all
}

// address returns a URL that a connection takes; "" for another, such as one relative to the server, which is noted.
func (s *security) address(n node, name string) string {
	url := n.str(name)
	if strings.HasPrefix(url, "https://") && !strings.ContainsAny(url, "{} \r\n") && len(url) < 500 {
		return url
	}
	if url != "" {
		s.lose(n.get(name).place(), "the %s is left out: %s is no https:// URL", name, quoted(shorten(url, 100)))
	}
	return ""
}

// describeTypes lists types of connections. The settings are those of the first one; those of the others are in a line each.
func describeTypes(all []connectionType) (types []any, settings mapping, lines []string) {
	for i, t := range all {
		if slices.ContainsFunc(all[:i], func(other connectionType) bool { return reflect.DeepEqual(t, other) }) {
			continue
		}
		if !slices.Contains(types, any(t.name)) {
			types = append(types, t.name)
		}
		if i == 0 {
			settings = t.settings
		} else if len(t.settings) > 0 {
			lines = append(lines, "Settings of a connection of type "+t.name+": "+t.settings.prose()+".")
		}
		if t.doc != "" {
			lines = append(lines, t.doc)
		}
	}
	return types, settings, lines
}

// prose writes the members of a mapping of texts for a person.
func (m mapping) prose() string {
	var words []string
	for _, e := range m {
		words = append(words, fmt.Sprintf("`%s: %v`", e.key, e.value))
	}
	return strings.Join(words, ", ")
}

// connection describes what the operations need.
func (b *builder) connection() mapping {
	var all []connectionType
	b.op = &operation{}
	for _, scheme := range b.security.names {
		lost := len(b.security.lost)
		found := b.security.typesOf(scheme)
		if len(found) == 0 {
			n := b.security.schemes.get(scheme)
			at := "#/security"
			if n.exists() {
				at = n.place()
			}
			if len(b.security.lost) == lost {
				b.security.lose(at, "the security scheme %q is not described, or has an unknown type", shorten(scheme, 60))
			}
			continue
		}
		all = append(all, found...)
	}
	for _, key := range b.security.keys {
		all = append(all, apiKeyType(node{b.spec.root.doc, "", map[string]any{"in": key.in, "name": key.name}})...)
	}
	for _, p := range b.security.lost {
		b.tell(p.at, p.why)
	}
	for _, place := range b.security.others {
		b.tell(place, "the scopes of the first alternative are those of the connection: others would do, too")
	}
	types, settings, lines := describeTypes(all)
	for _, pair := range b.security.pairs {
		lines = append(lines, "Some operations need several credentials at once ("+shorten(pair, 100)+"): name a connection for each, `connection: [a, b]`.")
	}
	m := mapping{}
	m.add("types", types)
	if len(types) > 0 {
		var hosts []any
		for _, h := range b.hosts {
			hosts = append(hosts, h)
		}
		m.add("hosts", hosts)
	}
	m.add("settings", settings)
	m.add("doc", strings.Join(lines, "\n"))
	return m
}

func (s *spec) newBuilder(c Config) *builder {
	b := &builder{spec: s, config: c, seen: map[string]bool{}, told: map[string]*alike{}, security: newSecurity(s), op: &operation{}}
	switch {
	case c.Base != "":
		b.base = b.plainServer(c.Base, "--base")
		b.addHost(b.base, "--base")
	case s.swagger:
		scheme := "https"
		if schemes := s.root.strings("schemes"); len(schemes) > 0 && !slices.Contains(schemes, "https") {
			scheme = schemes[0]
		}
		base := strings.TrimRight(s.root.str("basePath"), "/")
		if host := s.root.str("host"); host != "" {
			base = scheme + "://" + host + base
		}
		b.base, b.vars = b.withHost(base, nil, s.root)
	default:
		if first := s.root.get("servers").element(0); first.exists() {
			b.tellServers(s.root.get("servers"))
			b.base, b.vars = b.server(first)
		} else {
			b.base, b.vars = b.withHost("", nil, s.root)
		}
	}
	return b
}

// head is the connector without its operations.
func (b *builder) head(r *Result) mapping {
	m := mapping{{"connector", r.Name}}
	m.add("title", r.Title)
	m.add("doc", oneLine(b.spec.root.str("info", "description"), 600))
	source := mapping{}
	source.add("title", r.Title)
	source.add("version", shorten(b.spec.root.str("info", "version"), 60))
	source.add("format", r.Format)
	source.add("sha256", b.spec.docs.source.sum)
	source.add("security", needsGroups(r.ops))
	m.add("source", source)
	o := object{}
	for _, v := range b.vars {
		o.fields = append(o.fields, &field{name: paramName(v.name), in: "server", wire: v.name})
	}
	m.add("base", withVars(b.base, &o))
	m.add("connection", b.connection())
	return m
}
