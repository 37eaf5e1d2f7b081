package flows

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"golang.org/x/net/http/httpguts"

	"github.com/penstock/penstock/flows/internal/jq"
	"github.com/penstock/penstock/flows/internal/mistake"
	"github.com/penstock/penstock/flows/internal/yaml"
	"github.com/penstock/penstock/flows/problem"
	"github.com/penstock/penstock/internal/hostlist"
	"github.com/penstock/penstock/internal/phrase"
	"github.com/penstock/penstock/internal/suggest"
)

// secretSettings are the built-in types of connections with their settings that are secret. A test of package connect compares
// them with the types themselves. Read only.
var secretSettings = map[string][]string{
	"basic": {"password"}, "bearer": {"token"}, "api_key": {"value"}, "api": {"headers", "query", "body"}, "session": {"login"}, "digest": {"password"}, "ntlm": {"password"},
	"oauth1": {"consumer_secret", "token_secret"}, "hmac_request": {"key"}, "aws_sigv4": {"secret_access_key", "session_token"},
	"oauth2_client":   {"client_secret", "client_key", "token_params"},
	"oauth2_refresh":  {"client_secret", "client_key", "refresh_token", "token_params"},
	"oauth2_password": {"client_secret", "client_key", "password", "token_params"},
	"jwt_assertion":   {"client_secret", "client_key", "key", "assertion", "token_params"},
	"mtls":            {"key"}, "postgres": {"password"}, "mysql": {"password"}, "sqlserver": {"password"}, "sqlite": nil, "smtp": {"password"},
	"sftp": {"password", "private_key", "passphrase"}, "s3": {"secret_access_key", "session_token"}, "proxy": {"password"},
	"openai": {"key"}, "anthropic": {"key"},
}

// ConnectionTypes returns the types of connections by their names, each with its settings that are secret: the built-in ones, and those
// of the catalogue's modules. catalogue may be nil.
func ConnectionTypes(catalogue *Catalogue) map[string][]string {
	all := maps.Clone(secretSettings)
	if catalogue != nil {
		for _, t := range catalogue.connections {
			all[t.Name] = nil
			for _, f := range t.Fields {
				if f.Secret {
					all[t.Name] = append(all[t.Name], f.Name)
				}
			}
		}
	}
	return all
}

// checkHead reports the mistakes in the head of a connector that its operations do not show.
func (c *compiler) checkHead(d *connectorDoc, head *Args) {
	if n := d.head.Member("connection"); n != nil {
		c.checkConnection(n)
	}
	if base := d.head.Member("base"); base != nil {
		c.checkAddress(base, "base")
	}
	if common := d.head.Member("http"); common != nil {
		c.checkHeaders(common.Member("headers"))
	}
	c.retry(head.Object("retry"), Read)
}

// checkConnection checks what a connector says of its connection.
func (c *compiler) checkConnection(n *yaml.Node) {
	known := ConnectionTypes(c.catalogue)
	var types []string
	for _, t := range itemsOf(n.Member("types")) {
		name, ok := t.Value.(string)
		if _, is := known[name]; ok && !is {
			c.Add(mistake.UnknownValue, t.Place, suggest.DidYouMean(name, slices.Sorted(maps.Keys(known))), "types: there is no type of connection %q", name)
		}
		types = append(types, name)
	}
	for _, h := range itemsOf(n.Member("hosts")) {
		host, ok := h.Value.(string)
		if _, err := hostlist.Read([]string{host}); ok && err != nil {
			c.Add(mistake.Of(err, mistake.BadURL), h.Place, "", "%v", err)
		}
	}
	if settings := n.Member("settings"); settings != nil {
		for i, k := range settings.Keys {
			t := slices.IndexFunc(types, func(t string) bool { return slices.Contains(known[t], k.Name) })
			if t >= 0 && settings.Items[i].Value != nil {
				c.Add(mistake.SecretPlace, k.Place, "a connection has it, not the file", "settings: %s is a secret of the type %s", k.Name, types[t])
			}
		}
	}
	if test := n.Member("test"); test != nil {
		c.checkAddress(test, "test")
	}
}

// itemsOf are the values of a list; one value stands for a list of it.
func itemsOf(n *yaml.Node) []*yaml.Node {
	switch {
	case n == nil:
		return nil
	case n.Shape == yaml.Scalar:
		return []*yaml.Node{n}
	}
	return n.Items
}

// checkAddress checks a URL, or a path that begins with /.
func (c *compiler) checkAddress(n *yaml.Node, what string) {
	text, ok := n.Value.(string)
	if !ok || n.Shape != yaml.Scalar {
		return
	}
	if err := addressError(text); err != nil {
		c.Add(mistake.Of(err, mistake.BadURL), n.Place, "", "%s: %v", what, err)
	}
}

func addressError(text string) error {
	pieces, open := jq.Split(text)
	if open >= 0 || len(pieces) == 0 || pieces[0].Program {
		return nil
	}
	fixed := pieces[0].Text
	if strings.HasPrefix(fixed, "/") {
		return nil
	}
	scheme, rest, absolute := strings.Cut(fixed, "://")
	if scheme = strings.ToLower(scheme); !absolute || scheme != "https" && scheme != "http" {
		return fmt.Errorf("expected a URL such as https://api.example.org, or a path that begins with /, found %q", phrase.Shorten(fixed, 60))
	}
	if at := strings.IndexAny(rest, "/?#"); at >= 0 || len(pieces) == 1 {
		if u, err := url.Parse(fixed); err != nil || u.Host == "" || u.User != nil {
			return fmt.Errorf("%s is no address of a server: its host, and nothing else, follows ://", phrase.Shorten(scheme+"://…", 60))
		}
	}
	return nil
}

// checkHeaders checks the values of headers as far as they are written in the file.
func (c *compiler) checkHeaders(n *yaml.Node) {
	if n == nil || n.Shape != yaml.Mapping {
		return
	}
	for i, k := range n.Keys {
		for _, v := range itemsOf(n.Items[i]) {
			text, _ := v.Value.(string)
			pieces, _ := jq.Split(text)
			if slices.ContainsFunc(pieces, func(p jq.Piece) bool { return !p.Program && !httpguts.ValidHeaderFieldValue(p.Text) }) {
				c.Add(mistake.BadHeader, v.Place, "", "headers: the value of %s has a line break or another control character", k.Name)
			}
		}
	}
}

// checkOperation reports the mistakes of an operation that its compilation does not.
func (c *compiler) checkOperation(d *connectorDoc, o *operationDoc, op *operation) {
	node := c.operationNode(o)
	if request := node.Member("http"); request != nil && request.Shape == yaml.Mapping {
		c.checkHeaders(request.Member("headers"))
		for i, k := range request.Keys {
			if isURLParam(op.kind, k.Name) {
				c.checkAddress(request.Items[i], k.Name)
			}
		}
	}
	if op.args.Has("output") {
		if _, err := NewValidator(op.args.Literal("output")); err != nil {
			c.Add(mistake.Of(err, mistake.BadSchema), op.args.places["output"], "", "output: %v", err)
		}
	}
}

// reportedOnce removes problems that are found in the same place for several operations.
func reportedOnce(all problem.List) problem.List {
	seen := map[string]bool{}
	return slices.DeleteFunc(all, func(p problem.Problem) bool {
		key := fmt.Sprint(p.Line, ":", p.Column, ":", p.Message)
		twice := seen[key]
		seen[key] = true
		return twice
	})
}
