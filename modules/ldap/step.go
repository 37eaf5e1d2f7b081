package ldap

import (
	"context"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/problem"
)

func kind() flows.Kind {
	o := operations()
	return flows.Kind{
		Name:    "ldap",
		Summary: "Searches and changes a directory, and verifies passwords.",
		Doc: "Values of `${ }` within a filter are escaped (RFC 4515), and so are those within a distinguished name (RFC 4514): they cannot change its meaning. A name that " +
			"is one `${ }` is used as it is, for instance `${ .dn }` of a search.\n\n" +
			"`search` puts out an item `{dn, attributes}` for each entry, of all pages. Each attribute is a list. Values of attributes in `binary`, of known ones such as `objectGUID`, " +
			"`jpegPhoto` and `userCertificate`, and values that are no UTF-8 are in base64.\n\n" +
			"`add` and `modify` take texts, numbers, true and false, `{base64: …}`, and lists of them; null is no value. `modify` changes all or nothing; values to add that are there are no mistake for servers that know " +
			"the control Permissive Modify, such as OpenLDAP and Active Directory, and values to remove that are not there are left out.\n\n" +
			"`verify` says whether a password is right, as `{dn, valid}`, over a connection of its own. An empty password is never right. `redact: [password]` keeps it out of the records of steps; the event of a run, in which it came, is stored as it came.\n\n" +
			"Effects: `search` and `verify` read; `modify`, `delete` and, with `existing: keep`, `add` may be repeated; `rename` and other `add` happen once.",
		Params:  append([]flows.Param{{Name: "connection", Type: flows.TypeString, Names: flows.ResourceConnection, Required: true, Summary: "Name of an ldap connection."}}, o.Params()...),
		Example: "ldap: {connection: directory, search: \"ou=people,dc=example,dc=org\", filter: \"(mail=${ .mail })\", attributes: [cn, mail]}",
		Effect:  flows.Once,
		New: func(a *flows.Args) (flows.Runner, error) {
			name, err := o.Chosen(a)
			if err != nil {
				return nil, err
			}
			s := &step{connection: a.String("connection")}
			switch name {
			case "search":
				s.do, err = newSearch(a)
			case "add":
				s.do = &add{dn: a.Template(name), attributes: a.Template("entry"), keep: a.String("existing") == "keep"}
			case "modify":
				s.do, err = newModify(a)
			case "delete":
				s.do = &remove{dn: a.Template(name)}
			case "rename":
				s.do = &rename{dn: a.Template(name), to: a.Template("to")}
				if !a.Has("to") {
					err = a.Refuse(problem.DependentKey, name, "rename needs to, the new name")
				}
			case "verify":
				s.do = &verify{dn: a.Template(name), password: a.Template("password")}
				if !a.Has("password") {
					err = a.Refuse(problem.DependentKey, name, "verify needs a password")
				}
			}
			return s, err
		},
	}
}

func operations() flows.Operations {
	return flows.Operations{
		Names: []flows.Param{
			{Name: "search", Summary: "Distinguished name of the entry at or below which to search."},
			{Name: "add", Summary: "Distinguished name of an entry to add."},
			{Name: "modify", Summary: "Distinguished name of an entry to change."},
			{Name: "delete", Summary: "Distinguished name of an entry to delete. An entry that is not there is no mistake."},
			{Name: "rename", Summary: "Distinguished name of an entry to rename or to move."},
			{Name: "verify", Summary: "Distinguished name, or another name that the server takes, whose password to verify."},
		},
		Options: []flows.Option{
			{Param: flows.Param{Name: "filter", Type: flows.TypeTemplate, Default: "(objectClass=*)", Summary: "Filter of the search (RFC 4515), such as `(&(objectClass=person)(mail=${ .mail }))`."}, Of: []string{"search"}},
			{Param: flows.Param{Name: "scope", Type: flows.TypeEnum, Enum: []string{"sub", "one", "base"}, Default: "sub", Summary: "What is searched: the entry and all below it, those one level below, or the entry."}, Of: []string{"search"}},
			{Param: flows.Param{Name: "attributes", Type: flows.TypeStrings, Default: "all user attributes", Summary: "Names of the attributes to read."}, Of: []string{"search"}},
			{Param: flows.Param{Name: "binary", Type: flows.TypeStrings, Summary: "Names of attributes whose values are in base64."}, Of: []string{"search"}},
			{Param: flows.Param{Name: "max_entries", Type: flows.TypeInt, Default: "10000", Summary: "Most entries of a search; more are a failure. At most 100,000."}, Of: []string{"search"}},
			{Param: flows.Param{Name: "entry", Type: flows.TypeTemplate, Default: "the item", Summary: "Attributes of the entry to add, by name."}, Of: []string{"add"}},
			{Param: flows.Param{Name: "existing", Type: flows.TypeEnum, Enum: []string{"fail", "keep"}, Default: "fail", Summary: "What happens when the entry is there: the step fails, or keeps it and puts out `added: false`."}, Of: []string{"add"}},
			{Param: flows.Param{Name: "replace", Type: flows.TypeTemplate, Summary: "Attributes that get these values in place of theirs; null removes an attribute."}, Of: []string{"modify"}},
			{Param: flows.Param{Name: "add_values", Type: flows.TypeTemplate, Summary: "Values to add, by attribute."}, Of: []string{"modify"}},
			{Param: flows.Param{Name: "remove_values", Type: flows.TypeTemplate, Summary: "Values to remove, by attribute."}, Of: []string{"modify"}},
			{Param: flows.Param{Name: "to", Type: flows.TypeTemplate, Summary: "The new distinguished name."}, Of: []string{"rename"}},
			{Param: flows.Param{Name: "password", Type: flows.TypeTemplate, Secrets: true, Summary: "The password to verify."}, Of: []string{"verify"}},
		},
	}
}

// step is one step of a flow.
type step struct {
	connection string
	do         operation
}

// operation is one thing that a step does with a directory.
type operation interface {
	Effect() flows.Effect
	run(ctx context.Context, in *flows.Input, c *client) ([]any, error)
}

// Effect implements flows.Effecter.
func (s *step) Effect() flows.Effect { return s.do.Effect() }

// Run implements flows.Runner.
func (s *step) Run(ctx context.Context, in *flows.Input) ([]any, error) {
	c, release, err := flows.ClientOf[*client](ctx, in.Env(), s.connection)
	if err != nil {
		return nil, err
	}
	defer release()
	return s.do.run(ctx, in, c)
}
