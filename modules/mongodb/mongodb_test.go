package mongodb

import (
	"crypto/tls"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/moduletest"
	"github.com/penstock/penstock/internal/testenv"
	"github.com/penstock/penstock/modules/mongodb/mongotest"
)

// database is a server with the connection bus.
type database struct {
	t *testing.T
	*mongotest.Server
	client flows.Client
}

func newDatabase(t *testing.T) *database {
	t.Helper()
	server := mongotest.Start(t, mongotest.Config{})
	return &database{t, server, moduletest.Open(t, Module(), map[string]string{"hosts": server.Address(), "database": "db", "tls": "none"})}
}

// run executes a step and compares what it puts out.
func (d *database) run(step string, event any, want string) {
	d.t.Helper()
	out, err := moduletest.Run(d.t, Module(), d.client, step, event)
	if diff := cmp.Diff(want, string(flows.EncodeJSON(out))); err != nil || diff != "" {
		d.t.Errorf("%s\n%v (-want +got)\n%s", step, err, diff)
	}
}

func (d *database) fails(step string, event any, want string) {
	d.t.Helper()
	out, err := moduletest.Run(d.t, Module(), d.client, step, event)
	if err == nil || !strings.Contains(err.Error(), want) {
		d.t.Errorf("%s\nput out %v, error %v, want %s", step, out, err, want)
	}
}

// stored compares the documents of a collection, as Extended JSON.
func (d *database) stored(collection, want string) {
	d.t.Helper()
	all := bson.A{}
	for _, document := range d.Documents(collection) {
		all = append(all, document)
	}
	text, err := bson.MarshalExtJSON(bson.D{{Key: "v", Value: all}}, true, false)
	if diff := cmp.Diff(`{"v":`+want+`}`, string(text)); err != nil || diff != "" {
		d.t.Errorf("%v: stored (-want +got)\n%s", err, diff)
	}
}

func parse(t *testing.T, text string) any {
	t.Helper()
	v, err := flows.DecodeJSON([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// Values have one representation in JSON, and members of a document keep the order of the flow.
func TestExtendedJSON(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	values := `{"_id":{"$oid":"65c0000000000000000000aa"},"at":{"$date":"2026-01-31T10:00:00Z"},"big":9007199254740993,"bytes":{"$binary":{"base64":"AAEC","subType":"00"}},"f":1.5,"large":9000000000,` +
		`"list":[1,{"b":true,"n":null}],"n":7,"price":{"$numberDecimal":"1.50"},"s":"ä$"}`
	d.run("mongodb: {connection: bus, insert: c, document: \"${ . }\"}", parse(t, values), `[{"id":{"$oid":"65c0000000000000000000aa"},"inserted":true}]`)
	d.stored("c", `[{"_id":{"$oid":"65c0000000000000000000aa"},"at":{"$date":{"$numberLong":"1769853600000"}},"big":{"$numberLong":"9007199254740993"},"bytes":{"$binary":{"base64":"AAEC","subType":"00"}},`+
		`"f":{"$numberDouble":"1.5"},"large":{"$numberLong":"9000000000"},"list":[{"$numberInt":"1"},{"b":true,"n":null}],"n":{"$numberInt":"7"},"price":{"$numberDecimal":"1.50"},"s":"ä$"}]`)
	d.run("mongodb: {connection: bus, find: c}", nil, "["+values+"]")
	d.run("mongodb: {connection: bus, find_one: c, filter: {_id: {$oid: \"${ . }\"}}, projection: {n: 1}}", "65c0000000000000000000aa", `[{"_id":{"$oid":"65c0000000000000000000aa"},"n":7}]`)
	d.run("mongodb: {connection: bus, find_one: c, filter: {_id: 1}}", nil, `[null]`)
	d.run("mongodb: {connection: bus, insert: o, document: {z: 1, _id: 5, a: {y: 1, x: \"${ .x }\"}}}", map[string]any{"x": "v"}, `[{"id":5,"inserted":true}]`)
	d.stored("o", `[{"_id":{"$numberInt":"5"},"z":{"$numberInt":"1"},"a":{"y":{"$numberInt":"1"},"x":"v"}}]`)
	for value, want := range map[string]string{
		`{"$oid":"1"}`: "is no value of Extended JSON", `{"$date":"soon"}`: "is no value of Extended JSON", "123456789012345678901": "write {$numberDecimal", "1e999": "write {$numberDecimal",
	} {
		d.fails("mongodb: {connection: bus, insert: c, document: {v: \"${ . }\"}}", parse(t, value), want)
	}
	d.fails("mongodb: {connection: bus, insert: c}", "text", "document: expected an object")
}

// Values of ${ } cannot become operators, whatever the caller sends.
func TestValuesAreData(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	d.run("mongodb: {connection: bus, insert: users, documents: [{_id: 1, user: ann, password: p1}, {_id: 2, user: bob, password: $p2}]}", nil, `[{"ids":[1,2],"inserted":2}]`)
	login := "mongodb: {connection: bus, find: users, filter: {user: \"${ .user }\", password: \"${ .password }\"}}"
	d.run(login, map[string]any{"user": "bob", "password": "$p2"}, `[{"_id":2,"password":"$p2","user":"bob"}]`)
	for _, hostile := range []string{`{"$ne":null}`, `{"$gt":""}`, `{"$regularExpression":{"pattern":".","options":""}}`, `[{"a":{"$where":"1"}}]`, `{"$oid":"1","$ne":1}`} {
		d.fails(login, map[string]any{"user": "ann", "password": parse(t, hostile)}, "filter: a value has the operator")
		d.fails("mongodb: {connection: bus, delete: users, filter: {user: \"${ . }\"}}", parse(t, hostile), "filter: a value has the operator")
		d.fails("mongodb: {connection: bus, update: users, filter: {_id: 1}, changes: {$set: {user: \"${ . }\"}}}", parse(t, hostile), "changes: a value has the operator")
		d.fails("mongodb: {connection: bus, insert: users}", map[string]any{"x": parse(t, hostile)}, "document: a value has the operator")
		d.fails("mongodb: {connection: bus, aggregate: users, pipeline: [{$match: {user: \"${ . }\"}}]}", parse(t, hostile), "pipeline: a value has the operator")
	}
	d.fails("mongodb: {connection: bus, delete: users, many: true, filter: \"${ . }\"}", parse(t, `{"user":{"$ne":1}}`), "filter: a value has the operator")
	d.fails("mongodb: {connection: bus, delete: users, many: true, filter: \"${ . }\"}", map[string]any{}, "filter: it has no members")
	d.fails("mongodb: {connection: bus, delete: users, many: true, filter: {email: \"${ .email }\"}}", map[string]any{}, "filter: a value is null")
	d.fails("mongodb: {connection: bus, aggregate: users, pipeline: [{$match: {user: \"${ . }\"}}]}", "$password", `the value "$password" begins with $`)
	d.fails("mongodb: {connection: bus, update: users, filter: {_id: 1}, changes: \"${ {} }\"}", nil, "changes: it has no members")
	d.fails("mongodb: {connection: bus, aggregate: users, pipeline: [{$match: {}}, {$out: other}]}", nil, "$out writes")
	d.fails("mongodb: {connection: bus, find: \"${ . }\"}", "system.users", "is no name of a collection")
	d.run("mongodb: {connection: bus, find: users, computed_operators: true, filter: \"${ . }\", projection: {user: 1}}", parse(t, `{"user":{"$ne":"ann"}}`), `[{"_id":2,"user":"bob"}]`)
	if n := d.Count("delete") + d.Count("update") + d.Count("aggregate"); n != 0 {
		t.Errorf("%d refused commands were sent", n)
	}
}

// Nor can they become names of fields, programs or patterns.
func TestValuesAreNoExpressions(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	for step, want := range map[string]string{
		"delete: c, many: true, filter: {_id: x, $expr: {$eq: [\"$token\", \"${ .v }\"]}}":                                     "would name a field",
		"update: c, filter: {_id: x, $and: [{$expr: {$eq: [\"$token\", {$concat: [\"${ .v }\"]}]}}]}, changes: {$set: {a: 1}}": "would name a field",
		"find: c, filter: {$expr: {$eq: [\"$owner\", \"${ .v }\"]}}":                                                           "would name a field",
		"find: c, projection: {label: \"${ .v }\"}":                                                                            "would name a field",
		"find_one: c, projection: \"${ {label: [.v]} }\"":                                                                      "would name a field",
		"find: c, filter: {$where: \"this.a == '${ .v }'\"}":                                                                   "part of a program",
		"find: c, filter: {$expr: {$function: {body: \"${ .v }\", args: [], lang: js}}}":                                       "part of a program",
		"find: c, filter: {$expr: {$function: {body: f, args: [\"${ .v }\"], lang: js}}}":                                      "would name a field",
		"aggregate: c, pipeline: [{$group: {_id: 1, a: {$accumulator: {init: \"${ .v }\"}}}}]":                                 "part of a program",
	} {
		d.fails("mongodb: {connection: bus, "+step+"}", map[string]any{"v": "$password"}, want)
	}
	if n := d.Count("find") + d.Count("delete") + d.Count("update") + d.Count("aggregate"); n != 0 {
		t.Errorf("%d refused commands were sent", n)
	}
	for step, want := range map[string]string{
		"find: c, filter: {$expr: {$eq: [\"$token\", {$literal: \"${ .v }\"}]}}":                              `{"$expr":{"$eq":["$token",{"$literal":"$a.*"}]}}`,
		"find: c, filter: {name: {$regex: \"^${ .v }\"}}":                                                     `{"name":{"$regex":"^\\$a\\.\\*"}}`,
		"find: c, filter: {$expr: {$regexMatch: {input: \"$a\", regex: \"${ .v }\"}}}":                        `{"$expr":{"$regexMatch":{"input":"$a","regex":"\\$a\\.\\*"}}}`,
		"find: c, filter: {$where: \"this.a == '${ .v }'\"}, computed_operators: true":                        `{"$where":"this.a == '$a.*'"}`,
		"find: c, filter: {name: {$regex: \"${ .v }\"}, b: \"${ .v }\"}, computed_operators: true":            `{"name":{"$regex":"$a.*"},"b":"$a.*"}`,
		"find: c, filter: {$expr: {$eq: [\"$n\", \"${ .v | length }\"]}, b: \"${ .v }\"}, projection: {a: 1}": `{"$expr":{"$eq":["$n",4]},"b":"$a.*"}`,
	} {
		_, _ = moduletest.Run(t, Module(), d.client, "mongodb: {connection: bus, "+step+"}", map[string]any{"v": "$a.*"}) // the server does not know all operators
		sent, err := bson.MarshalExtJSON(d.LastFilter(), false, false)
		if diff := cmp.Diff(want, string(sent)); err != nil || diff != "" {
			t.Errorf("%s: %v, sent (-want +got)\n%s", step, err, diff)
		}
	}
}

func TestFind(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	const n = 2503
	list := make([]any, n)
	for i := range list {
		list[i] = map[string]any{"_id": i, "group": i % 2, "back": n - i}
	}
	insert := "mongodb: {connection: bus, insert: many, documents: \"${ . }\"}"
	if out, err := moduletest.Run(t, Module(), d.client, insert, list); err != nil || out[0].(map[string]any)["inserted"] != n {
		t.Fatalf("%v %v", out, err)
	}
	out, err := moduletest.Run(t, Module(), d.client, "mongodb: {connection: bus, find: many, sort: {group: -1, back: 1}}", nil)
	if err != nil || len(out) != n || d.Count("getMore") != 2 {
		t.Fatalf("%v: %d documents in %d further batches", err, len(out), d.Count("getMore"))
	}
	if first, last := string(flows.EncodeJSON(out[0])), string(flows.EncodeJSON(out[n-1])); first != `{"_id":2501,"back":2,"group":1}` || last != `{"_id":0,"back":2503,"group":0}` {
		t.Errorf("the first is %s, the last %s", first, last)
	}
	d.fails("mongodb: {connection: bus, find: many, max_documents: 2502}", nil, "there are more than 2502 documents")
	d.fails("mongodb: {connection: bus, aggregate: many, max_documents: 1100, pipeline: [{$match: {group: 0}}]}", nil, "there are more than 1100 documents")
	if left := d.OpenCursors(); left != 0 {
		t.Errorf("%d cursors are open", left)
	}
	d.run("mongodb: {connection: bus, find: many, filter: {_id: {$gte: 2500, $lt: \"${ . }\"}}, limit: 1, projection: {_id: 1}}", 2503, `[{"_id":2500}]`)
	d.run("mongodb: {connection: bus, aggregate: many, pipeline: [{$match: {group: \"${ . }\"}}, {$count: n}]}", 1, `[{"n":1251}]`)
	d.run("mongodb: {connection: bus, find: none}", nil, "[]")
}

func TestChanges(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	d.run("mongodb: {connection: bus, insert: c, documents: [{_id: 1, s: new, n: 1}, {_id: 2, s: new, n: 2}, {_id: 3, s: old}]}", nil, `[{"ids":[1,2,3],"inserted":3}]`)
	d.run("mongodb: {connection: bus, update: c, filter: {_id: \"${ . }\"}, changes: {$set: {s: paid}, $inc: {n: 2}, $unset: {x: 1}}}", 1, `[{"matched":1,"modified":1,"upserted_id":null}]`)
	d.run("mongodb: {connection: bus, update: c, many: true, filter: {n: {$gte: 0}}, changes: {$set: {t: 1}}}", nil, `[{"matched":2,"modified":2,"upserted_id":null}]`)
	d.run("mongodb: {connection: bus, update: c, upsert: true, filter: {_id: 9}, changes: {$set: {s: made}}}", nil, `[{"matched":0,"modified":0,"upserted_id":9}]`)
	for _, modified := range []string{"1", "0"} {
		d.run("mongodb: {connection: bus, replace: c, upsert: true, filter: {_id: \"${ .id }\"}, document: {s: \"${ .s }\"}}", map[string]any{"id": 3, "s": "replaced"}, `[{"matched":1,"modified":`+modified+`,"upserted_id":null}]`)
	}
	d.run("mongodb: {connection: bus, delete: c, filter: {s: new}}", nil, `[{"deleted":1}]`)
	d.run("mongodb: {connection: bus, delete: c, many: true, filter: {s: {$in: [made, none]}}}", nil, `[{"deleted":1}]`)
	d.stored("c", `[{"_id":{"$numberInt":"1"},"s":"paid","n":{"$numberInt":"3"},"t":{"$numberInt":"1"}},{"_id":{"$numberInt":"3"},"s":"replaced"}]`)
	d.fails("mongodb: {connection: bus, update: c, filter: {_id: 1}, changes: {s: x}}", nil, `changes: "s" is no operator`)
	d.run("mongodb: {connection: bus, insert: c, existing: keep, documents: [{_id: 1, s: other}, {_id: 7}]}", nil, `[{"ids":[1,7],"inserted":1}]`)
	d.fails("mongodb: {connection: bus, insert: c, document: {_id: 1, s: other}}", nil, "[11000]: E11000 duplicate key")
	d.Fail("insert", 8000, "quota exceeded")
	d.fails("mongodb: {connection: bus, insert: c}", map[string]any{}, `connection "bus": the server answers [8000]: quota exceeded`)
	d.Fail("find", 13, "not authorized on db")
	d.fails("mongodb: {connection: bus, find: c}", nil, `connection "bus": the user has not the right to do this`)
}

// A worker is lost between a change and its record.
func TestLostWorker(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	for _, tt := range []struct {
		step      string
		uncertain bool
		want      string // of the collection c, without the _id that the run has made
	}{
		{step: "insert: c, document: {n: 1}", want: `[{"n":1}]`},
		{step: "insert: c, documents: [{_id: a, n: 2}, {n: 3}]", want: `[{"n":1},{"_id":"a","n":2},{"n":3}]`},
		{step: "update: c, filter: {_id: a}, changes: {$set: {n: 4}}", want: `[{"n":1},{"_id":"a","n":4},{"n":3}]`},
		{step: "update: c, filter: {_id: a}, changes: {$inc: {n: 1}}", uncertain: true, want: `[{"n":1},{"_id":"a","n":5},{"n":3}]`},
		{step: "update: c, filter: {n: {$gt: 0}}, changes: {$set: {n: 0}}", uncertain: true, want: `[{"n":0},{"_id":"a","n":5},{"n":3}]`},
		{step: "update: c, filter: {n: {$gt: 3}}, changes: \"${ {\\\"$set\\\": {n: 1}} }\", computed_operators: true", uncertain: true, want: `[{"n":0},{"_id":"a","n":1},{"n":3}]`},
		{step: "replace: c, filter: {n: {$gt: 2}}, document: {m: 1}", uncertain: true, want: `[{"n":0},{"_id":"a","n":1},{"m":1}]`},
		{step: "replace: c, upsert: true, filter: {_id: b}, document: {m: 2}", want: `[{"n":0},{"_id":"a","n":1},{"m":1},{"_id":"b","m":2}]`},
		{step: "delete: c, filter: {m: {$gt: 0}}", uncertain: true, want: `[{"n":0},{"_id":"a","n":1},{"_id":"b","m":2}]`},
		{step: "delete: c, many: true, filter: {_id: {$in: [a, b]}}", want: `[{"n":0}]`},
	} {
		_, err := moduletest.RunAfterLoss(t, Module(), d.client, "mongodb: {connection: bus, "+tt.step+"}", nil)
		if moduletest.Uncertain(err) != tt.uncertain || err != nil && !tt.uncertain {
			t.Errorf("%s: %v, want uncertain %t", tt.step, err, tt.uncertain)
		}
		out, err := moduletest.Run(t, Module(), d.client, "mongodb: {connection: bus, find: c}", nil)
		got := regexp.MustCompile(`"_id":\{[^}]*\},?`).ReplaceAllString(string(flows.EncodeJSON(out)), "")
		if err != nil || got != tt.want {
			t.Errorf("%s: %v, stored %s, want %s", tt.step, err, got, tt.want)
		}
	}
}

// The time of an _id is that of the run.
func TestNewID(t *testing.T) {
	t.Parallel()
	id := newID("019c13a1-1000-7abc-8def-000000000000.insert.0", 0)
	if got := id.Timestamp().UTC().Format("2006-01-02T15"); got != "2026-01-31T10" {
		t.Errorf("time %s", got)
	}
	if id != newID("019c13a1-1000-7abc-8def-000000000000.insert.0", 0) || id == newID("019c13a1-1000-7abc-8def-000000000000.insert.0", 1) || id == newID("019c13a1-1000-7abc-8def-000000000000.insert.1", 0) {
		t.Error("ids are not those of the run, the step and the document")
	}
}

func TestConnections(t *testing.T) {
	t.Parallel()
	cert := testenv.NewCertificate(t)
	pair, err := tls.LoadX509KeyPair(cert.CertFile, cert.KeyFile)
	if err != nil {
		t.Fatal(err)
	}
	plain := mongotest.Start(t, mongotest.Config{Username: "ann", Password: "right-password"})
	secured := mongotest.Start(t, mongotest.Config{TLS: &tls.Config{Certificates: []tls.Certificate{pair}}})
	login := map[string]string{"hosts": plain.Address(), "database": "db", "tls": "none", "username": "ann", "password": "right-password"}
	for name, tt := range map[string]struct {
		settings map[string]string
		change   map[string]string
		want     string
	}{
		"login":          {settings: login},
		"wrong password": {settings: login, change: map[string]string{"password": "wrong-password"}, want: `connection "bus": the server refuses the login`},
		"wrong user":     {settings: login, change: map[string]string{"username": "bob"}, want: `connection "bus": the server refuses the login`},
		"TLS":            {settings: map[string]string{"hosts": secured.Address(), "database": "db", "ca": cert.PEM}},
		"untrusted":      {settings: map[string]string{"hosts": secured.Address(), "database": "db"}, want: `connection "bus": the MongoDB server has a certificate that is not trusted`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			settings := map[string]string{}
			for _, m := range []map[string]string{tt.settings, tt.change} {
				for name, v := range m {
					settings[name] = v
				}
			}
			err := moduletest.Open(t, Module(), settings).Test(t.Context())
			if got := fmt.Sprint(err); tt.want == "" && err != nil || tt.want != "" && got != tt.want {
				t.Errorf("%s, want %s", got, tt.want)
			}
		})
	}
}

func TestMistakes(t *testing.T) {
	t.Parallel()
	moduletest.Examples(t, Module())
	for step, want := range map[string]string{
		"mongodb: {connection: bus, find: c, many: true}":                    "many has no meaning for find",
		"mongodb: {connection: bus, find: c, max_documents: 0}":              "max_documents is from 1 to 100000",
		"mongodb: {connection: bus, aggregate: c}":                           "aggregate needs a pipeline",
		"mongodb: {connection: bus, insert: c, document: {}, documents: []}": "document and documents exclude each other",
		"mongodb: {connection: bus, update: c, filter: {_id: 1}}":            "update needs filter and changes",
		"mongodb: {connection: bus, replace: c}":                             "replace needs a filter",
		"mongodb: {connection: bus, delete: c}":                              "delete needs a filter",
	} {
		if err := moduletest.Check(Module(), step); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", step, err, want)
		}
	}
	for name, settings := range map[string]map[string]string{
		"no servers": {}, "both": {"hosts": "a", "srv": "b"}, "no password": {"hosts": "a", "username": "u"}, "a URL": {"srv": "mongodb+srv://a/"}, "an empty host": {"hosts": "a,,b"},
	} {
		settings["tls"] = "none"
		if _, err := open(flows.ConnectionSettings{Connection: "bus", Text: settings}); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
