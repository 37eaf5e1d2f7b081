package connect

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/penstock/penstock/connect/internal/database"
	"github.com/penstock/penstock/connect/internal/fileserver"
	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/internal/hostlist"
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
type Field = flows.ConnectionField

// The types of settings.
const (
	FieldText   = flows.FieldText
	FieldNumber = flows.FieldNumber
	FieldChoice = flows.FieldChoice
	FieldLines  = flows.FieldLines
	FieldPairs  = flows.FieldPairs
)

// Types lists the types in the order of the reference, and those of the catalogue's modules; nil: of no modules.
func Types(catalogue *flows.Catalogue) []Type {
	all := []Type{
		basicType(), bearerType(), apiKeyType(), apiType(), sessionType(),
		digestType(), ntlmType(), oauth1Type(), hmacRequestType(), awsType(),
		oauthClientType(), oauthRefreshType(), oauthPasswordType(), jwtAssertionType(),
		mtlsType(),
		serverType(database.Postgres()), serverType(database.MySQL()), serverType(database.SQLServer()), sqliteType(),
		openAIType(), anthropicType(),
		smtpType(), serverType(fileserver.SFTP()), serverType(fileserver.S3()), proxyType(),
	}
	for i := range all {
		if all[i].Pinned {
			all[i].Fields = append(all[i].Fields, testFields()...)
		}
	}
	if catalogue != nil {
		for _, t := range catalogue.Connections() {
			all = append(all, moduleType(t))
		}
	}
	return all
}

func typeNamed(catalogue *flows.Catalogue, name string) (Type, error) {
	var names []string
	for _, t := range Types(catalogue) {
		if t.Name == name {
			return t, nil
		}
		names = append(names, t.Name)
	}
	return Type{}, fmt.Errorf("type is %q, not one of %s", name, strings.Join(names, ", "))
}

// Check returns the first error of a connection that is to be stored, written for its author. It does not connect.
// The error never contains the value of a secret field.
func Check(catalogue *flows.Catalogue, c *store.Connection) error {
	if err := checkReferences(catalogue, c); err != nil {
		return err
	}
	r := &Resolver{config: Config{SQLiteDir: "."}, catalogue: catalogue}
	t, err := typeNamed(catalogue, c.Type)
	if err != nil {
		return err
	}
	as, err := r.open(withPlaceholders(c, t))
	if err != nil && !causedByPlaceholder(c, err) {
		return err
	}
	if closer, ok := as.(io.Closer); ok {
		return closer.Close()
	}
	return nil
}

// Shown returns the connection without its secrets.
func Shown(catalogue *flows.Catalogue, c *store.Connection) store.Connection {
	shown := *c
	shown.Settings = map[string]string{}
	t, _ := typeNamed(catalogue, c.Type) // of an unknown type nothing is shown
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
func secretsOf(catalogue *flows.Catalogue, c *store.Connection) []string {
	t, err := typeNamed(catalogue, c.Type)
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
	t, err := typeNamed(r.catalogue, c.Type)
	if err != nil {
		return nil, err
	}
	s, err := read(c, t)
	if err != nil {
		return nil, err
	}
	s.Rejected = r.rotation(c)
	hosts, err := hostlist.Read(c.Hosts)
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
		p.kind, p.hosts = c.Type, hosts
		err = checkTest(p, s)
	}
	return as, err
}
