package ldap

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/go-ldap/ldap/v3"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/problem"
)

// oidPermissiveModify names the control of Microsoft with which values that are there already, or not there, are no mistake.
const oidPermissiveModify = "1.2.840.113556.1.4.1413"

// add adds an entry.
type add struct {
	dn, attributes *flows.Template
	keep           bool
}

// Effect implements operation. With keep, an entry that is there is the result, too.
func (a *add) Effect() flows.Effect {
	if a.keep {
		return flows.Idempotent
	}
	return flows.Once
}

func (a *add) run(ctx context.Context, in *flows.Input, c *client) ([]any, error) {
	dn, err := renderName(ctx, in, "add", a.dn)
	if err != nil {
		return nil, err
	}
	v := in.Value()
	if a.attributes != nil {
		if v, err = a.attributes.Render(ctx, in); err != nil {
			return nil, err
		}
	}
	request := ldap.NewAddRequest(dn, nil)
	err = eachAttribute("add", v, func(name string, values []string) {
		if len(values) > 0 {
			request.Attribute(name, values)
		}
	})
	if err != nil {
		return nil, err
	}
	there := false
	err = c.use(ctx, func(on *ldap.Conn) error {
		err := on.Add(request)
		if there = a.keep && ldap.IsErrorWithCode(err, ldap.LDAPResultEntryAlreadyExists); there {
			return nil
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return []any{map[string]any{"dn": dn, "added": !there}}, nil
}

// modify changes attributes of an entry.
type modify struct{ dn, replace, add, remove *flows.Template }

func newModify(a *flows.Args) (*modify, error) {
	m := &modify{a.Template("modify"), a.Template("replace"), a.Template("add_values"), a.Template("remove_values")}
	if m.replace == nil && m.add == nil && m.remove == nil {
		return nil, a.Refuse(problem.DependentKey, "modify", "modify needs replace, add_values or remove_values")
	}
	return m, nil
}

// Effect implements operation. Values of an attribute are a set, and values to remove that are not there are left out.
func (*modify) Effect() flows.Effect { return flows.Idempotent }

func (m *modify) run(ctx context.Context, in *flows.Input, c *client) ([]any, error) {
	dn, err := renderName(ctx, in, "modify", m.dn)
	if err != nil {
		return nil, err
	}
	request := ldap.NewModifyRequest(dn, []ldap.Control{ldap.NewControlString(oidPermissiveModify, false, "")})
	for _, part := range []struct {
		name   string
		values *flows.Template
		change func(attribute string, values []string)
	}{{"replace", m.replace, request.Replace}, {"add_values", m.add, request.Add}, {"remove_values", m.remove, request.Delete}} {
		if part.values == nil {
			continue
		}
		v, err := part.values.Render(ctx, in)
		if err != nil {
			return nil, err
		}
		err = eachAttribute(part.name, v, func(attribute string, values []string) {
			if len(values) > 0 || part.name == "replace" { // to remove no values would remove the attribute
				part.change(attribute, values)
			}
		})
		if err != nil {
			return nil, err
		}
	}
	if len(request.Changes) > 0 {
		err := c.use(ctx, func(on *ldap.Conn) error {
			err := on.Modify(request)
			if !ldap.IsErrorWithCode(err, ldap.LDAPResultNoSuchAttribute) || !leaveOut(on, request) {
				return err
			}
			if len(request.Changes) == 0 {
				return nil
			}
			return on.Modify(request)
		})
		if err != nil {
			return nil, err
		}
	}
	return []any{map[string]any{"dn": dn}}, nil
}

// leaveOut drops from a request what it would remove and what the entry does not have; false: nothing. OpenLDAP answers such a removal with
// noSuchAttribute in spite of the control, when the attribute has other values. The server compares, by the rules of the attribute.
func leaveOut(on *ldap.Conn, request *ldap.ModifyRequest) (dropped bool) {
	for i := range request.Changes {
		change := &request.Changes[i]
		if change.Operation != ldap.DeleteAttribute {
			continue
		}
		kept := []string{}
		for _, value := range change.Modification.Vals {
			has, err := on.Compare(request.DN, change.Modification.Type, value)
			if err != nil && !ldap.IsErrorWithCode(err, ldap.LDAPResultNoSuchAttribute) || has {
				kept = append(kept, value) // what cannot be compared is removed, or fails
			}
		}
		dropped = dropped || len(kept) < len(change.Modification.Vals)
		change.Modification.Vals = kept
	}
	request.Changes = slices.DeleteFunc(request.Changes, func(change ldap.Change) bool {
		return change.Operation == ldap.DeleteAttribute && len(change.Modification.Vals) == 0
	})
	return dropped
}

// remove deletes an entry.
type remove struct{ dn *flows.Template }

// Effect implements operation.
func (*remove) Effect() flows.Effect { return flows.Idempotent }

func (r *remove) run(ctx context.Context, in *flows.Input, c *client) ([]any, error) {
	dn, err := renderName(ctx, in, "delete", r.dn)
	if err != nil {
		return nil, err
	}
	missing := false
	err = c.use(ctx, func(on *ldap.Conn) error {
		err := on.Del(ldap.NewDelRequest(dn, nil))
		if missing = ldap.IsErrorWithCode(err, ldap.LDAPResultNoSuchObject); missing {
			return nil
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return []any{map[string]any{"dn": dn, "deleted": !missing}}, nil
}

// rename gives an entry another name.
type rename struct{ dn, to *flows.Template }

// Effect implements operation: the old name is gone afterwards.
func (*rename) Effect() flows.Effect { return flows.Once }

func (r *rename) run(ctx context.Context, in *flows.Input, c *client) ([]any, error) {
	dn, err := renderName(ctx, in, "rename", r.dn)
	if err != nil {
		return nil, err
	}
	to, err := renderName(ctx, in, "to", r.to)
	if err != nil {
		return nil, err
	}
	old, _ := ldap.ParseDN(dn) // renderName has parsed both
	wanted, _ := ldap.ParseDN(to)
	above := &ldap.DN{RDNs: wanted.RDNs[1:]}
	superior := ""
	if !above.EqualFold(&ldap.DN{RDNs: old.RDNs[1:]}) {
		superior = above.String()
	}
	request := ldap.NewModifyDNRequest(dn, wanted.RDNs[0].String(), true, superior)
	if err := c.use(ctx, func(on *ldap.Conn) error { return on.ModifyDN(request) }); err != nil {
		return nil, err
	}
	return []any{map[string]any{"dn": to}}, nil
}

// eachAttribute calls with the values of each attribute of an object, by name.
func eachAttribute(what string, v any, with func(name string, values []string)) error {
	object, ok := v.(map[string]any)
	if !ok {
		return flows.Failed("%s: attributes are an object, with a value or a list for each name", what)
	}
	for _, name := range slices.Sorted(maps.Keys(object)) {
		if name == "" || strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
			return flows.Failed("%s: %.200q is no name of an attribute", what, name)
		}
		list, ok := object[name].([]any)
		if !ok && object[name] != nil {
			list = []any{object[name]}
		}
		values := make([]string, len(list))
		for i, element := range list {
			var err error
			if values[i], err = attributeValue(name, element); err != nil {
				return err
			}
		}
		with(name, values)
	}
	return nil
}

func attributeValue(name string, v any) (string, error) {
	if object, ok := v.(map[string]any); ok {
		value, ok, err := fromBase64(object)
		if err != nil || !ok {
			return "", flows.Failed("%s: a value is an object that is not {base64: …}", name)
		}
		return value, nil
	}
	return scalar(name, v)
}
