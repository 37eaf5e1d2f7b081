package connect

import (
	"fmt"
	"slices"
	"strings"

	"github.com/penstock/penstock/store"
)

// Type is one type of connection. Its fields drive the validation, the reference and the console's form.
type Type struct {
	Name    string
	Summary string
	Pinned  bool // requires hosts, because a flow chooses the target
	Fields  []Field

	open func(r *Resolver, s settings) (any, error)
}

// Field is one setting of a type.
type Field struct {
	Name     string
	Summary  string
	Secret   bool // never shown again
	Required bool
	Kind     FieldKind
	Default  string   // shown in the reference, and applied
	Choices  []string // FieldChoice
}

// FieldKind is the type of a setting.
type FieldKind uint8

const (
	FieldText   FieldKind = iota
	FieldNumber           // from 1 to 65535
	FieldChoice           // one of Choices
	FieldLines            // text of several lines: PEM, JSON
	FieldPairs            // one "name: value" per line
)

// Types lists the types in the order of the reference.
func Types() []Type {
	all := []Type{
		basicType(), bearerType(), apiKeyType(), apiType(), sessionType(),
		digestType(), ntlmType(), oauth1Type(), hmacRequestType(), awsType(),
		oauthClientType(), oauthRefreshType(), oauthPasswordType(), jwtAssertionType(),
		mtlsType(),
		postgresType(), mysqlType(), sqlserverType(), sqliteType(),
		smtpType(), sftpType(), s3Type(), proxyType(),
	}
	for i := range all {
		if all[i].Pinned {
			all[i].Fields = append(all[i].Fields, testFields()...)
		}
	}
	return all
}

func typeNamed(name string) (Type, error) {
	var names []string
	for _, t := range Types() {
		if t.Name == name {
			return t, nil
		}
		names = append(names, t.Name)
	}
	return Type{}, fmt.Errorf("type is %q, not one of %s", name, strings.Join(names, ", "))
}

// Check returns the first error of a connection that is to be stored, written for its author. It does not connect.
// The error never contains the value of a secret field.
func Check(c *store.Connection) error {
	r := &Resolver{config: Config{SQLiteDir: "."}}
	as, err := r.open(c)
	if err != nil {
		return err
	}
	if p, ok := as.(*pool); ok {
		return p.Close()
	}
	return nil
}

// Shown returns the connection without its secrets.
func Shown(c *store.Connection) store.Connection {
	shown := *c
	shown.Settings = map[string]string{}
	t, _ := typeNamed(c.Type) // limiter an unknown type nothing is shown
	for _, f := range t.Fields {
		if v, given := c.Settings[f.Name]; given && !f.Secret {
			shown.Settings[f.Name] = v
		}
	}
	return shown
}

// notSecret are headers of an api connection that are no credentials: their values are ordinary words in responses.
var notSecret = []string{"accept", "accept-language", "content-type", "user-agent"}

// secretsOf returns the values of the secret settings, except PEM keys, which are never sent.
func secretsOf(c *store.Connection) []string {
	t, err := typeNamed(c.Type)
	if err != nil {
		return nil
	}
	var secrets []string
	if t.Name == "proxy" { // net/http sends them in Proxy-Authorization, in base64
		secrets = append(secrets, c.Settings["username"]+":"+c.Settings["password"])
	}
	for _, f := range t.Fields {
		v := c.Settings[f.Name]
		switch {
		case !f.Secret || strings.HasPrefix(v, "-----BEGIN "):
		case f.Kind == FieldPairs:
			pairs, _ := readPairs(f.Name, v) // checked when it was opened
			for _, p := range pairs {
				if !slices.Contains(notSecret, strings.ToLower(p.name)) {
					secrets = append(secrets, p.value)
				}
			}
		default:
			secrets = append(secrets, v)
		}
	}
	return secrets
}

// open checks a connection and prepares it. It does not connect yet.
func (r *Resolver) open(c *store.Connection) (any, error) {
	t, err := typeNamed(c.Type)
	if err != nil {
		return nil, err
	}
	s, err := read(c, t)
	if err != nil {
		return nil, err
	}
	hosts, err := readHosts(c.Hosts)
	switch {
	case err != nil:
		return nil, err
	case t.Pinned && len(hosts) == 0:
		return nil, fmt.Errorf("hosts is empty: a %s connection says who may see its credential", t.Name)
	case !t.Pinned && len(hosts) > 0:
		return nil, fmt.Errorf("hosts has no meaning for a %s connection", t.Name)
	}
	as, err := t.open(r, s)
	if err != nil {
		return nil, err
	}
	if p, ok := as.(*pinned); ok {
		p.hosts = hosts
		err = checkTest(p, s)
	}
	return as, err
}
