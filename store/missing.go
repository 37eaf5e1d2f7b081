package store

import (
	"context"
	"errors"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/problem"
)

// Missing returns a warning for each connection, secret, other flow and value of a var that the flow uses and the store does not
// have, and for each connection that cannot serve the operation of a connector for which the flow names it. file is the name of the flow's file. What cannot be read at the moment is not reported.
func (f *Flows) Missing(ctx context.Context, file string, flow *flows.Flow) problem.List {
	vars := f.store.Vars().Values()
	return flow.Missing(file, func(u flows.Use) string {
		var err error
		switch u.Resource {
		case flows.ResourceVar:
			return flow.CheckVar(u.Name, vars)
		case flows.ResourceFlow:
			if !flow.IsRef(u.Name) {
				_, err = f.Deployment(u.Name)
			}
		case flows.ResourceConnection:
			var c *Connection
			if c, err = f.store.connections.find(ctx, u.Name); err == nil {
				return u.CheckConnection(c.Type, c.Hosts)
			}
		case flows.ResourceSecret:
			_, err = f.store.secrets.find(ctx, u.Name)
		}
		if errors.Is(err, ErrNotFound) {
			return "there is none"
		}
		return ""
	})
}
