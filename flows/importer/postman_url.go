package importer

import (
	"errors"
	"net/url"
	"slices"
	"strings"

	"github.com/penstock/penstock/flows/internal/credential"
)

// rawURL is the text of a URL, made of its parts when the collection has only these.
func rawURL(n node) string {
	if text, ok := n.v.(string); ok {
		return text
	}
	if raw := n.str("raw"); raw != "" {
		return raw
	}
	join := func(member, separator string) string {
		if list := n.strings(member); len(list) > 0 {
			return strings.Join(list, separator)
		}
		return n.str(member)
	}
	host := join("host", ".")
	if host == "" {
		return ""
	}
	if protocol := n.str("protocol"); protocol != "" {
		host = strings.TrimSuffix(protocol, "://") + "://" + host
	}
	if port := n.str("port"); port != "" {
		host += ":" + port
	}
	return host + "/" + strings.TrimPrefix(join("path", "/"), "/")
}

// url reads a URL. Variables in the address of the server that have a value here are replaced by it. The others are params of the
// request's own address, so that no request goes to the server of another one. In the path a variable is a parameter, as is :name.
func (p *postman) url(c *call, raw string, n node) error {
	raw, query, _ := strings.Cut(beforeCut(raw, "#"), "?")
	address, rest := p.address(raw)
	if err := p.base(c, address); err != nil {
		return err
	}
	c.pathValues = map[string]string{}
	rest = c.maskPath(rest)
	var segments []string
	for segment := range strings.SplitSeq(rest, "/") {
		switch {
		case strings.HasPrefix(segment, ":") && len(segment) > 1:
			c.pathValues[segment[1:]] = ""
			segment = "{" + segment[1:] + "}"
		default:
			segment = postmanVar.ReplaceAllStringFunc(segment, func(m string) string {
				name := paramName(postmanVar.FindStringSubmatch(m)[1])
				c.pathValues[name] = p.value(m)
				return "{" + name + "}"
			})
		}
		segments = append(segments, segment)
	}
	if c.path = strings.Join(segments, "/"); !strings.HasPrefix(c.path, "/") {
		c.path = "/" + c.path
	}
	for _, v := range n.list("variable") {
		if name := v.str("key"); c.pathValues[name] == "" && strings.Contains(c.path, "{"+name+"}") {
			c.pathValues[name] = p.value(v.str("value"))
		}
	}
	p.query(c, query, n)
	return nil
}

// query adds the parameters. One that is disabled has no value.
func (p *postman) query(c *call, query string, n node) {
	if list := n.list("query"); len(list) > 0 {
		for _, q := range list {
			switch name := q.str("key"); {
			case name == "":
				c.note("the query", "a parameter without a name is left out")
			case q.flag("disabled"):
				c.addQuery(name, "")
			default:
				c.addQuery(name, p.value(q.str("value")))
			}
		}
		return
	}
	for item := range strings.SplitSeq(query, "&") {
		name, value, _ := strings.Cut(item, "=")
		plain, err := url.QueryUnescape(name)
		content, err2 := url.QueryUnescape(value)
		if err != nil || err2 != nil {
			plain, content = name, value
		}
		if plain != "" {
			c.addQuery(plain, p.value(content))
		}
	}
}

// address divides a URL behind its host. Variables before that are replaced by their values, as far as they have one: an address
// and perhaps the beginning of the path.
func (p *postman) address(raw string) (address, rest string) {
	address, rest = cutHost(raw)
	for range 5 { // values have variables in them, too
		address = postmanVar.ReplaceAllStringFunc(address, func(m string) string {
			if v := p.vars[postmanVar.FindStringSubmatch(m)[1]]; v != "" && len(v) < 2000 {
				return v
			}
			return m
		})
	}
	return address, rest
}

// cutHost divides a URL before the first / that follows its scheme and is in no variable.
func cutHost(raw string) (host, rest string) {
	inside := 0
	for i := 0; i < len(raw); i++ {
		switch {
		case strings.HasPrefix(raw[i:], "{{"):
			inside++
			i++
		case strings.HasPrefix(raw[i:], "}}"):
			inside--
			i++
		case strings.HasPrefix(raw[i:], "://") && inside <= 0:
			i += 2
		case raw[i] == '/' && inside <= 0:
			return raw[:i], raw[i:]
		}
	}
	return raw, ""
}

// base sets the address of the server. Variables without a value become variables of a server.
func (p *postman) base(c *call, address string) error {
	if address == "" {
		return errors.New("the request has no URL with a server")
	}
	if !strings.Contains(address, "{{") {
		if err := c.addURL(address); err != nil {
			return err
		}
		c.base += strings.TrimSuffix(c.path, "/")
		for name := range c.pathValues { // a credential in the path
			c.servers = append(c.servers, name)
		}
		return nil
	}
	scheme, host, absolute := strings.Cut(address, "://")
	if at := strings.LastIndexByte(host, '@'); at >= 0 {
		c.needAt("the user in the URL", "basic", map[string]any{"type": "http", "scheme": "basic"})
		host = host[at+1:]
	}
	whole := postmanVar.FindString(address) == address
	switch {
	case whole: // all of the address
		host = address
	case !absolute:
		host = "https://" + address
	case strings.Contains(scheme, "{{"):
		c.note("the scheme "+scheme+" of the URL", "has no value here: https is taken")
		host = "https://" + host
	default:
		host = strings.ToLower(scheme) + "://" + host
	}
	c.base = postmanVar.ReplaceAllStringFunc(host, func(m string) string {
		name := paramName(postmanVar.FindStringSubmatch(m)[1])
		if !slices.Contains(c.servers, name) {
			c.servers = append(c.servers, name)
		}
		return "{" + name + "}"
	})
	if plain := placeholder.ReplaceAllString(c.base, "1"); !whole {
		if u, err := url.Parse(plain); err != nil || strings.ContainsAny(plain, "{} ") || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" {
			return errors.New("the address of the server is no URL: " + quoted(shorten(credential.Redact(address), 60)))
		}
	}
	c.note("the server", "of "+strings.Join(c.servers, ", ")+" the collection has no value: each is a param of the operation")
	return nil
}
