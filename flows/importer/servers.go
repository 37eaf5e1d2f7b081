package importer

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// serverOf returns the base of an operation, with its variables in braces, and the variables.
func (b *builder) serverOf(op *operation) (base string, vars []*parameter) {
	if b.config.Base != "" || b.spec.swagger {
		return b.base, b.vars
	}
	servers := op.node.get("servers")
	if len(servers.list()) == 0 {
		servers = b.spec.root.get("paths", op.path).get("servers")
	}
	if first := servers.element(0); first.exists() && first.str("url") != b.spec.root.get("servers").element(0).str("url") {
		b.tellServers(servers)
		base, vars := b.server(first)
		if base != b.base {
			b.tell(servers.place(), "is sent to another server, "+shorten(base, 100))
		}
		return base, vars
	}
	return b.base, b.vars
}

// tellServers notes that a list names more servers than the one that is called.
func (b *builder) tellServers(servers node) {
	if all := servers.list(); len(all) > 1 {
		b.tell(servers.place(), fmt.Sprintf("of %d servers only %s is called: --base names another", len(all), shorten(b.plainServer(all[0].str("url"), all[0].place()), 100)))
	}
}

// server reads a Server Object. A URL without a host continues a param base_url.
func (b *builder) server(n node) (base string, vars []*parameter) {
	base = b.plainServer(strings.ReplaceAll(n.str("url"), "${", "{"), n.place())
	for _, m := range placeholder.FindAllStringSubmatch(base, -1) {
		v := n.get("variables", m[1])
		if values := v.strings("enum"); len(values) == 1 {
			base = strings.ReplaceAll(base, m[0], values[0])
			continue
		}
		before, behind, _ := strings.Cut(base, m[0])
		vars = append(vars, &parameter{
			node: v, in: "server", name: m[1], required: true, schema: serverSchema(v, n, serverPattern(before, behind)), description: v.str("description"),
		})
	}
	return b.withHost(base, vars, n)
}

// Patterns of variables: who gives a value must not choose another server with it.
const (
	addressPattern = `^https?://[^?#@\\\s]+$`
	hostPattern    = `^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?(:[0-9]{1,5})?$`
	pathPattern    = `^[^?#\\\s]+$`
)

// serverPattern is the pattern of a variable between two parts of a server's URL.
func serverPattern(before, behind string) string {
	_, host, absolute := strings.Cut(before, "://")
	switch {
	case before == "" && strings.HasPrefix(behind, "://"):
		return "^https?$"
	case before == "":
		return addressPattern
	case absolute && !strings.Contains(host, "/"), strings.HasPrefix(before, "//") && !strings.Contains(before[2:], "/"):
		return hostPattern
	}
	return pathPattern
}

// serverSchema is the schema of a variable v of a server n: its values, or a pattern that its default must have.
func serverSchema(v, n node, pattern string) node {
	schema := map[string]any{"type": "string"}
	if list, ok := v.get("enum").v.([]any); ok && len(list) > 0 && len(list) <= maxEnum {
		schema["enum"] = list
	} else if fallback := v.str("default"); fallback == "" || regexp.MustCompile(pattern).MatchString(fallback) {
		schema["pattern"] = pattern
	}
	if !v.exists() {
		v = n
	}
	return node{v.doc, v.at, schema}
}

// plainServer is the URL of a server without user information, query and fragment, which are told.
func (b *builder) plainServer(url, place string) string {
	plain := strings.TrimRight(url[:len(url)-len(afterAny(url, "?#"))], "?#")
	scheme, rest, ok := strings.Cut(plain, "://")
	if host, path, _ := strings.Cut(rest, "/"); ok && strings.Contains(host, "@") {
		plain = scheme + "://" + strings.TrimSuffix(host[strings.LastIndexByte(host, '@')+1:]+"/"+path, "/")
	}
	if plain != url {
		b.tell(place, "the user information, query and fragment of the server's URL are left out: the connection sends credentials")
	}
	return strings.TrimRight(plain, "/")
}

// afterAny returns the text behind the first of some characters.
func afterAny(s, chars string) string {
	if i := strings.IndexAny(s, chars); i >= 0 {
		return s[i+1:]
	}
	return ""
}

// withHost puts the param base_url before a base that names no host.
func (b *builder) withHost(base string, vars []*parameter, n node) (string, []*parameter) {
	if strings.HasPrefix(base, "https://") || strings.HasPrefix(base, "http://") || strings.HasPrefix(base, "{") {
		b.addHost(base, n.place())
		return base, vars
	}
	if strings.HasPrefix(base, "//") {
		b.addHost("https:"+base, n.place())
		return "https:" + base, vars
	}
	if base != "" && !strings.HasPrefix(base, "/") {
		b.addHost("https://"+base, n.place())
		return "https://" + base, vars
	}
	return "{base_url}" + base, append(vars, &parameter{
		node: n, in: "server", name: "base_url", required: true, schema: serverSchema(node{}, b.spec.root, addressPattern),
		description: "Address of the API's server, such as https://api.example.org.",
	})
}

// addHost adds the host of a base to those of the connection. One without TLS is noted in its place: whoever makes the connection decides
// whether its credential goes there.
func (b *builder) addHost(base, place string) {
	at := strings.Index(base, "://")
	if at < 0 {
		return
	}
	host, _, _ := strings.Cut(base[at+3:], "/")
	if i := strings.LastIndex(host, "}"); i >= 0 { // {tenant}.example.org is *.example.org
		if host = "*" + host[i+1:]; !strings.HasPrefix(host, "*.") {
			return
		}
	}
	if strings.HasSuffix(host, ":") { // a URL within a URL
		return
	}
	switch {
	case base[:at] != "http" || host == "":
	case b.config.Base != "":
		host = "http://" + host
	default:
		b.tell(place, "the server http://"+shorten(host, 100)+" has no TLS: it is not among the hosts of the connection, which would send its credential in clear")
		return
	}
	if host != "" && !slices.Contains(b.hosts, host) && len(b.hosts) < 20 {
		b.hosts = append(b.hosts, host)
	}
}

// withVars inserts the variables of a base.
func withVars(base string, o *object) string {
	return placeholder.ReplaceAllStringFunc(base, func(m string) string {
		if f := o.field("server", m[1:len(m)-1]); f != nil {
			return program("$params." + f.name)
		}
		return m
	})
}
