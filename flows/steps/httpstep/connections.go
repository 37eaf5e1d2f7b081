package httpstep

import (
	"cmp"
	"context"
	"net/http"
	"slices"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/steps/internal/failure"
)

// maxConnections is the maximum number of connections of one request.
const maxConnections = 8

// connections are the connections of a step: fixed names, or one of several that an expression chooses.
type connections struct {
	names  []string
	choose *flows.Template // nil: names
	of     []string        // what may be chosen
}

// ConnectionParam is the parameter for the connections of a request.
func ConnectionParam() flows.Param {
	return flows.Param{
		Name: "connection", Type: flows.TypeObject, Summary: "Connection whose credential the request carries, to its allowed hosts only.",
		Fields: []flows.Param{
			{Name: "names", Type: flows.TypeStrings, Inline: true, OneOf: "connections", Names: flows.ResourceConnection, Summary: "Name of the connection, or of several: the request carries the credentials of all."},
			{Name: "choose", Type: flows.TypeTemplate, OneOf: "connections", Summary: "Gives the name of the connection, for instance by the tenant; it is one of `of`."},
			{Name: "of", Type: flows.TypeStrings, Names: flows.ResourceConnection, Summary: "Names of the connections that may be chosen."},
		},
	}
}

// ProxyParam is the parameter for the proxy of a request.
func ProxyParam() flows.Param {
	return flows.Param{Name: "proxy", Type: flows.TypeString, Names: flows.ResourceConnection, Summary: "Name of the connection with the proxy that the request goes through. What can be reached is decided by the proxy. By `http://` the header `Host` cannot be set."}
}

func (s *step) setConnections(args *flows.Args) error {
	object := args.Object("connection")
	if object == nil {
		return nil
	}
	s.connections = connections{names: object.Strings("names"), choose: object.Template("choose"), of: object.Strings("of")}
	switch n := len(s.connections.names); {
	case object.Has("choose") != object.Has("of"):
		return object.Errorf("of", "choose and of belong together: of names the connections that may be chosen")
	case n > maxConnections:
		return object.Errorf("names", "a request has at most %d connections", maxConnections)
	}
	for i, name := range s.connections.names {
		if slices.Contains(s.connections.names[:i], name) {
			return object.Errorf("names", "the connection %q comes twice", name)
		}
	}
	return nil
}

// chosen returns the names of the connections for an item.
func (c *connections) chosen(ctx context.Context, in *flows.Input) ([]string, error) {
	if c.choose == nil {
		return c.names, nil
	}
	name, err := c.choose.Text(ctx, in)
	if err != nil {
		return nil, err
	}
	if !slices.Contains(c.of, name) {
		return nil, failure.Errorf("connection: %q is not one of those that may be chosen", failure.ShortLine(name))
	}
	return []string{name}, nil
}

// orderer is an HTTPConnection that must see a request after others: 1 signs it as it is, 2 sends it by a transport of its
// own. Other connections have 0.
type orderer interface{ Order() int }

// find returns the connections for an item in the order in which they change a request. Each must allow the first one.
func (c *connections) find(ctx context.Context, in *flows.Input, call *httpCall) ([]flows.HTTPConnection, error) {
	names, err := c.chosen(ctx, in)
	if err != nil {
		return nil, err
	}
	all := make([]flows.HTTPConnection, len(names))
	for i, name := range names {
		if all[i], err = connect(ctx, in.Env().Connections, name, call); err != nil {
			return nil, err
		}
	}
	if err := oneHeaderEach(names, all); err != nil {
		return nil, err
	}
	order := func(conn flows.HTTPConnection) int {
		if o, ok := conn.(orderer); ok {
			return o.Order()
		}
		return 0
	}
	slices.SortStableFunc(all, func(a, b flows.HTTPConnection) int { return cmp.Compare(order(a), order(b)) })
	for i := 1; i < len(all); i++ {
		if n := order(all[i]); n > 0 && n == order(all[i-1]) {
			return nil, failure.Errorf("two of the connections sign the request, or have a client certificate each: one can")
		}
	}
	return all, nil
}

// baser is an HTTPConnection that knows the base of its API, such as the address of a tenant that comes with its token.
type baser interface {
	// Base returns an absolute URL; empty: there is none.
	Base(ctx context.Context) (string, error)
}

// base returns the URL that a URL without a host continues: that of the first connection that has one.
func (c *connections) base(ctx context.Context, in *flows.Input) (string, error) {
	names, err := c.chosen(ctx, in)
	if err != nil {
		return "", err
	}
	for _, name := range names {
		conn, err := find(ctx, in.Env().Connections, name)
		if err != nil {
			return "", err
		}
		if b, ok := conn.(baser); ok {
			if base, err := b.Base(ctx); base != "" || err != nil {
				return base, err
			}
		}
	}
	return "", failure.Errorf("the URL begins with /, and no connection of the step has a base")
}

// headerSetter is an HTTPConnection that knows the names of the headers that it sets.
type headerSetter interface{ Sets() []string }

// oneHeaderEach returns an error when two connections set the same header: one credential would replace the other.
func oneHeaderEach(names []string, all []flows.HTTPConnection) error {
	by := map[string]string{}
	for i, conn := range all {
		setter, ok := conn.(headerSetter)
		if !ok {
			continue
		}
		for _, header := range setter.Sets() {
			key := http.CanonicalHeaderKey(header)
			if other := by[key]; other != "" && other != names[i] {
				return failure.Errorf("the connections %q and %q both set the header %s: a request has one of them", other, names[i], key)
			}
			by[key] = names[i]
		}
	}
	return nil
}

// through returns base with the credentials of the connections that allow the request. The last one is nearest to base.
func through(all []flows.HTTPConnection, req *http.Request, base http.RoundTripper) http.RoundTripper {
	for _, conn := range slices.Backward(all) {
		if conn.Allows(req.URL) && conn.Allows(withHost(req.URL, req.Host)) {
			base = conn.Transport(base)
		}
	}
	return base
}
