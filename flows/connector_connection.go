package flows

import (
	"context"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/penstock/penstock/flows/internal/yaml"
	"github.com/penstock/penstock/internal/hostlist"
)

// requireConnection notes what an operation needs of the connections that the step names in n. It reports false when the step names
// several for one request: they add to each other, and the operation restricts none of them.
func (c *compiler) requireConnection(n *yaml.Node, op *operation) bool {
	if n == nil {
		return false
	}
	names := []*yaml.Node{n}
	if n.Shape == yaml.Mapping {
		names = slices.DeleteFunc([]*yaml.Node{n.Member("names"), n.Member("of")}, func(n *yaml.Node) bool { return n == nil })
	}
	for _, list := range names {
		if list.Shape != yaml.Sequence {
			continue
		}
		if len(list.Items) > 1 && list != n.Member("of") {
			return false
		}
		names = append(names, list.Items...)
	}
	for i := range c.flow.uses {
		u := &c.flow.uses[i]
		if u.Resource == ResourceConnection && slices.ContainsFunc(names, func(n *yaml.Node) bool { return n.Place == u.place }) {
			u.operation = op
		}
	}
	return len(op.types) > 0
}

// CheckConnection says why a connection with these hosts cannot serve the operation of a connector for which a step names it;
// empty: it can, or the step uses no operation.
func (u Use) CheckConnection(kind string, hosts []string) string {
	if u.operation == nil {
		return ""
	}
	if trouble := u.operation.refuses(kind); trouble != "" {
		return trouble
	}
	allowed, err := hostlist.Read(hosts)
	if origin := u.operation.origin; origin != nil && len(hosts) > 0 && err == nil && !allowed.Allows(origin) {
		return fmt.Sprintf("its hosts do not include %s, where %s sends its requests", origin, u.operation.ref)
	}
	return ""
}

// refuses says why the operation cannot use a connection of a type; empty: it can.
func (op *operation) refuses(kind string) string {
	if len(op.types) == 0 || slices.Contains(op.types, kind) {
		return ""
	}
	return fmt.Sprintf("it is of the type %s, and %s needs one of type %s", kind, op.ref, strings.Join(op.types, " or "))
}

// fixedOrigin matches the scheme and host at the start of a URL.
var fixedOrigin = regexp.MustCompile(`^(https?://[^/?#]+)([/?#]|$)`)

// origin returns the scheme and host of the URLs that the template gives; nil when expressions decide on them.
func (t *Template) origin() *url.URL {
	fixed, whole := "", true
	for _, p := range t.texts() {
		fixed += p.text
		if whole = p.expr == nil; !whole {
			break
		}
	}
	match := fixedOrigin.FindStringSubmatch(fixed)
	if match == nil || match[2] == "" && !whole {
		return nil
	}
	origin, err := url.Parse(match[1])
	if err != nil {
		return nil
	}
	return origin
}

// typedConnections gives an operation only those connections for http steps whose type it takes.
type typedConnections struct {
	Connections
	operation *operation
}

// HTTP implements Connections. Connections of tests and rehearsals have no type.
func (t typedConnections) HTTP(ctx context.Context, name string) (HTTPConnection, error) {
	conn, err := t.Connections.HTTP(ctx, name)
	if typed, ok := conn.(interface{ Type() string }); ok && err == nil {
		if trouble := t.operation.refuses(typed.Type()); trouble != "" {
			return nil, &Error{Code: CodeStepFailed, Message: fmt.Sprintf("connection %q: %s", name, trouble)}
		}
	}
	return conn, err
}
