package ldap

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/go-ldap/ldap/v3"
	"github.com/google/go-cmp/cmp"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/moduletest"
	"github.com/penstock/penstock/internal/testenv"
)

// directory is a server with the connection bus.
type directory struct {
	t *testing.T
	testenv.Directory
	client flows.Client
}

func newDirectory(t *testing.T) *directory {
	t.Helper()
	d := &directory{t: t, Directory: testenv.Slapd(t)}
	d.client = moduletest.Open(t, Module(), d.settings())
	d.run("ldap: {connection: bus, add: \"dc=example,dc=org\", entry: {objectClass: [dcObject, organization], dc: example, o: Example}}", nil, `[{"added":true,"dn":"dc=example,dc=org"}]`)
	d.run("ldap: {connection: bus, add: \"ou=people,dc=example,dc=org\", entry: {objectClass: organizationalUnit}}", nil, `[{"added":true,"dn":"ou=people,dc=example,dc=org"}]`)
	return d
}

func (d *directory) settings() map[string]string {
	return map[string]string{"host": "127.0.0.1", "port": d.TLSPort, "ca": d.CA, "bind_dn": d.Admin, "password": d.Secret}
}

// run executes a step and compares what it puts out.
func (d *directory) run(step string, event any, want string) {
	d.t.Helper()
	out, err := moduletest.Run(d.t, Module(), d.client, step, event)
	if diff := cmp.Diff(want, string(flows.EncodeJSON(out))); err != nil || diff != "" {
		d.t.Errorf("%s\n%v (-want +got)\n%s", step, err, diff)
	}
}

// fails executes a step that fails.
func (d *directory) fails(step string, event any, want string) {
	d.t.Helper()
	out, err := moduletest.Run(d.t, Module(), d.client, step, event)
	if err == nil || !strings.Contains(err.Error(), want) {
		d.t.Errorf("%s\nput out %v, error %v, want %s", step, out, err, want)
	}
}

const (
	addPerson = "ldap: {connection: bus, add: \"uid=${ .uid },ou=people,dc=example,dc=org\", entry: \"${ {objectClass: \\\"inetOrgPerson\\\", sn: \\\"S\\\"} + . }\"}"
	findBy    = "ldap: {connection: bus, search: \"ou=people,dc=example,dc=org\", filter: \"(&(objectClass=person)(cn=${ .cn }))\", attributes: [cn, mail]}"
)

func TestDirectory(t *testing.T) {
	t.Parallel()
	d := newDirectory(t)
	d.run(addPerson, map[string]any{"uid": "ann", "cn": "Ann (A*)", "mail": []any{"a@example.org", "b@example.org"}, "userPassword": "right", "jpegPhoto": map[string]any{"base64": "/9j/AA=="}},
		`[{"added":true,"dn":"uid=ann,ou=people,dc=example,dc=org"}]`)
	t.Run("values are escaped", func(t *testing.T) { testEscaped(d.in(t)) })
	t.Run("changes", func(t *testing.T) { testChanges(d.in(t)) })
	t.Run("passwords", func(t *testing.T) { testPasswords(d.in(t)) })
	t.Run("pages", func(t *testing.T) { testPages(d.in(t)) })
	t.Run("a lost worker", func(t *testing.T) { testLostWorker(d.in(t)) })
	t.Run("connections", func(t *testing.T) { testConnections(d.in(t)) })
}

func (d *directory) in(t *testing.T) *directory {
	return &directory{t, d.Directory, d.client}
}

func testEscaped(d *directory) {
	ann := `{"attributes":{"cn":["Ann (A*)"],"mail":["a@example.org","b@example.org"]},"dn":"uid=ann,ou=people,dc=example,dc=org"}`
	d.run(findBy, map[string]any{"cn": "Ann (A*)"}, "["+ann+"]")
	for _, hostile := range []string{"*", "*)(uid=*", "x)(|(uid=*", `\2a`, "\x00"} {
		d.run(findBy, map[string]any{"cn": hostile}, "[]")
	}
	d.fails(findBy, map[string]any{"cn": nil}, "filter: a value is null")
	d.fails(findBy, map[string]any{"cn": []any{"a"}}, "filter: a value is a list or an object")
	d.run("ldap: {connection: bus, search: \"${ .dn }\", filter: \"(jpegPhoto=*)\", attributes: jpegPhoto}", map[string]any{"dn": "uid=ann,ou=people,dc=example,dc=org"},
		`[{"attributes":{"jpegPhoto":["/9j/AA=="]},"dn":"uid=ann,ou=people,dc=example,dc=org"}]`)
	d.run("ldap: {connection: bus, search: \"ou=people,dc=example,dc=org\", filter: \"(cn=${ {base64: .} })\", attributes: cn, binary: CN}", "QW5uIChBKik=",
		`[{"attributes":{"cn":["QW5uIChBKik="]},"dn":"uid=ann,ou=people,dc=example,dc=org"}]`)
	d.fails("ldap: {connection: bus, search: \"\", filter: \"(cn=${ . }\"}", "a", "is no filter")
	// A name in a name stays one.
	hostile := map[string]any{"uid": "x,ou=people,dc=example,dc=org+cn=y", "cn": "n"}
	d.run(addPerson, hostile, `[{"added":true,"dn":"uid=x\\,ou=people\\,dc=example\\,dc=org\\+cn=y,ou=people,dc=example,dc=org"}]`)
	d.run("ldap: {connection: bus, delete: \"uid=${ .uid },ou=people,dc=example,dc=org\"}", hostile, `[{"deleted":true,"dn":"uid=x\\,ou=people\\,dc=example\\,dc=org\\+cn=y,ou=people,dc=example,dc=org"}]`)
	d.fails("ldap: {connection: bus, delete: \"uid=${ .uid },ou=people,dc=example,dc=org\"}", map[string]any{"uid": ""}, "a value in the name is empty")
	d.fails("ldap: {connection: bus, delete: \"${ . }\"}", "no name", "is no distinguished name")
}

func testChanges(d *directory) {
	bob := "uid=bob,ou=people,dc=example,dc=org"
	d.run(addPerson, map[string]any{"uid": "bob", "cn": "Bob", "description": nil, "employeeNumber": 7}, `[{"added":true,"dn":"`+bob+`"}]`)
	d.fails(addPerson, map[string]any{"uid": "bob", "cn": "Bob"}, `"Entry Already Exists" (68)`)
	d.run(addPerson+"\n", map[string]any{"uid": "carl", "cn": "C"}, `[{"added":true,"dn":"uid=carl,ou=people,dc=example,dc=org"}]`)
	d.run(strings.Replace(addPerson, "add:", "existing: keep, add:", 1), map[string]any{"uid": "carl", "cn": "other"}, `[{"added":false,"dn":"uid=carl,ou=people,dc=example,dc=org"}]`)
	read := "ldap: {connection: bus, search: \"" + bob + "\", scope: base, attributes: [cn, mail, employeeNumber, title]}"
	d.run(read, nil, `[{"attributes":{"cn":["Bob"],"employeeNumber":["7"]},"dn":"`+bob+`"}]`)
	change := "ldap: {connection: bus, modify: \"" + bob + "\", replace: {title: [T, U], employeeNumber: null}, add_values: {mail: \"${ .mail }\"}, remove_values: {cn: \"${ .old }\"}}"
	for range 2 { // a repeated change changes nothing more
		d.run(change, map[string]any{"mail": []any{"b@x.org"}, "old": []any{}}, `[{"dn":"`+bob+`"}]`)
		d.run(read, nil, `[{"attributes":{"cn":["Bob"],"mail":["b@x.org"],"title":["T","U"]},"dn":"`+bob+`"}]`)
	}
	d.run("ldap: {connection: bus, modify: \""+bob+"\", add_values: {description: [a, b, c]}}", nil, `[{"dn":"`+bob+`"}]`)
	for range 2 { // what is not there any more is no mistake; the other changes are made
		d.run("ldap: {connection: bus, modify: \""+bob+"\", replace: {title: V}, remove_values: {description: [A, none, c], mail: other}}", nil, `[{"dn":"`+bob+`"}]`)
		d.run(strings.Replace(read, "cn, mail, employeeNumber, title", "description, title, mail", 1), nil, `[{"attributes":{"description":["b"],"mail":["b@x.org"],"title":["V"]},"dn":"`+bob+`"}]`)
	}
	d.run("ldap: {connection: bus, modify: \""+bob+"\", replace: {title: [T, U]}}", nil, `[{"dn":"`+bob+`"}]`)
	d.fails(change, map[string]any{"mail": map[string]any{"a": 1}, "old": nil}, "mail: a value is an object that is not {base64: …}")
	d.fails("ldap: {connection: bus, modify: \"uid=none,dc=example,dc=org\", replace: {title: T}}", nil, `"No Such Object" (32)`)
	d.run("ldap: {connection: bus, rename: \""+bob+"\", to: \"cn=Robert,dc=example,dc=org\"}", nil, `[{"dn":"cn=Robert,dc=example,dc=org"}]`)
	d.run("ldap: {connection: bus, search: \"dc=example,dc=org\", scope: one, filter: \"(title=U)\", attributes: [uid, cn]}", nil, `[{"attributes":{"cn":["Bob","Robert"]},"dn":"cn=Robert,dc=example,dc=org"}]`)
	for _, deleted := range []string{"true", "false"} {
		d.run("ldap: {connection: bus, delete: \"cn=Robert,dc=example,dc=org\"}", nil, `[{"deleted":`+deleted+`,"dn":"cn=Robert,dc=example,dc=org"}]`)
	}
}

func testPasswords(d *directory) {
	verify := "ldap: {connection: bus, verify: \"${ .dn }\", password: \"${ .password }\"}"
	for password, valid := range map[any]bool{"right": true, "wrong": false, "": false, nil: false} {
		d.run(verify, map[string]any{"dn": "uid=ann,ou=people,dc=example,dc=org", "password": password}, fmt.Sprintf(`[{"dn":"uid=ann,ou=people,dc=example,dc=org","valid":%t}]`, valid))
	}
	d.run(verify, map[string]any{"dn": "uid=nobody,dc=example,dc=org", "password": "right"}, `[{"dn":"uid=nobody,dc=example,dc=org","valid":false}]`)
	d.fails(verify, map[string]any{"dn": "", "password": "right"}, "the name is empty")
	_, err := moduletest.Run(d.t, Module(), d.client, verify, map[string]any{"dn": "no name", "password": "the-password"})
	if err == nil || strings.Contains(err.Error(), "the-password") {
		d.t.Errorf("error %v, want one without the password", err)
	}
}

// A search of more than a page puts out all entries, and not more than it may.
func testPages(d *directory) {
	const n = 1203
	for i := range n {
		d.run(addPerson, map[string]any{"uid": fmt.Sprintf("p%d", i), "cn": "many"}, fmt.Sprintf(`[{"added":true,"dn":"uid=p%d,ou=people,dc=example,dc=org"}]`, i))
	}
	out, err := moduletest.Run(d.t, Module(), d.client, findBy, map[string]any{"cn": "many"})
	names := map[string]bool{}
	for _, item := range out {
		names[item.(map[string]any)["dn"].(string)] = true
	}
	if err != nil || len(out) != n || len(names) != n {
		d.t.Errorf("%v: %d items, %d names, want %d", err, len(out), len(names), n)
	}
	d.fails(findBy[:len(findBy)-1]+", max_entries: 1202}", map[string]any{"cn": "many"}, "there are more than 1202 entries")
	d.run(findBy, map[string]any{"cn": "nobody"}, "[]")
}

func testLostWorker(d *directory) {
	count := func(cn string) int {
		out, err := moduletest.Run(d.t, Module(), d.client, findBy, map[string]any{"cn": cn})
		if err != nil {
			d.t.Error(err)
		}
		return len(out)
	}
	_, err := moduletest.RunAfterLoss(d.t, Module(), d.client, addPerson, map[string]any{"uid": "lost", "cn": "lost"})
	if !moduletest.Uncertain(err) || count("lost") != 1 {
		d.t.Errorf("added again: %v, %d entries", err, count("lost"))
	}
	out, err := moduletest.RunAfterLoss(d.t, Module(), d.client, strings.Replace(addPerson, "add:", "existing: keep, add:", 1), map[string]any{"uid": "kept", "cn": "kept"})
	if err != nil || count("kept") != 1 || string(flows.EncodeJSON(out)) != `[{"added":false,"dn":"uid=kept,ou=people,dc=example,dc=org"}]` {
		d.t.Errorf("with existing: keep: %v, %v", out, err)
	}
	_, err = moduletest.RunAfterLoss(d.t, Module(), d.client, "ldap: {connection: bus, rename: \"uid=lost,ou=people,dc=example,dc=org\", to: \"uid=found,ou=people,dc=example,dc=org\"}", nil)
	if !moduletest.Uncertain(err) {
		d.t.Errorf("renamed again: %v", err)
	}
}

func testConnections(d *directory) {
	for name, tt := range map[string]struct {
		change map[string]string
		want   string
	}{
		"ldaps":            {},
		"StartTLS":         {change: map[string]string{"starttls": "yes", "port": d.Port}},
		"without TLS":      {change: map[string]string{"tls": "none", "port": d.Port}},
		"without a login":  {change: map[string]string{"bind_dn": "", "password": ""}},
		"wrong password":   {change: map[string]string{"password": "wrong-password"}, want: `connection "bus": the server refuses the login`},
		"untrusted":        {change: map[string]string{"ca": ""}, want: `connection "bus": the LDAP server has a certificate that is not trusted`},
		"untrusted later":  {change: map[string]string{"ca": "", "starttls": "yes", "port": d.Port}, want: `connection "bus": the LDAP server has a certificate that is not trusted`},
		"no server":        {change: map[string]string{"port": "1"}, want: `connection "bus": the LDAP server does not accept connections`},
		"TLS without LDAP": {change: map[string]string{"starttls": "yes"}, want: `connection "bus": the LDAP server`},
	} {
		settings := d.settings()
		for name, v := range tt.change {
			settings[name] = v
		}
		err := moduletest.Open(d.t, Module(), settings).Test(d.t.Context())
		if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.HasPrefix(err.Error(), tt.want)) {
			d.t.Errorf("%s: %v, want %s", name, err, tt.want)
		}
	}
}

func TestMistakes(t *testing.T) {
	t.Parallel()
	moduletest.Examples(t, Module())
	for step, want := range map[string]string{
		"ldap: {connection: bus, search: a, entry: {}}":          "entry has no meaning for search",
		"ldap: {connection: bus, search: a, max_entries: 0}":     "max_entries is from 1 to 100000",
		"ldap: {connection: bus, modify: a}":                     "modify needs replace, add_values or remove_values",
		"ldap: {connection: bus, rename: a}":                     "rename needs to",
		"ldap: {connection: bus, verify: a}":                     "verify needs a password",
		"ldap: {connection: bus, search: a, delete: b}":          "search",
		"ldap: {connection: bus, search: a, filter: b, x: c}":    `unknown field "x"`,
		"ldap: {connection: bus, filter: \"(a=b)\", scope: one}": "search",
	} {
		if err := moduletest.Check(Module(), step); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", step, err, want)
		}
	}
}

// A server that accepts connections and says nothing is given up.
func TestSilentServer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		defer far.Close()
		go func() { _, _ = io.Copy(io.Discard, far) }()
		c := &client{name: "bus", user: "cn=a", password: "p"}
		on := &conn{Conn: ldap.NewConn(near, false), wire: &meter{Conn: near}}
		on.Start()
		ctx, cancel := context.WithTimeout(t.Context(), loginLimit)
		defer cancel()
		err := c.during(ctx, on, func() error { return on.Bind(c.user, c.password) })
		if got := fmt.Sprint(c.failure(ctx, err)); got != `connection "bus": the LDAP server does not answer in time` {
			t.Errorf("error %s", got)
		}
	})
}

// What a server sends is limited.
func TestMeter(t *testing.T) {
	t.Parallel()
	near, far := net.Pipe()
	defer far.Close()
	go func() { _, _ = far.Write(make([]byte, 100)) }()
	m := &meter{Conn: near}
	m.left.Store(50)
	if _, err := io.ReadAll(m); !errors.Is(err, errTooMuch) {
		t.Errorf("error %v", err)
	}
}
