package flows_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/problem"
	"github.com/penstock/penstock/flows/steps"
)

// httpFlow is a flow with an http trigger, whose fields are given in YAML.
func httpFlow(trigger, rest string) string {
	return "flow: 9\ntrigger:\n  http:\n    " + strings.ReplaceAll(trigger, "\n", "\n    ") + "\n" + rest + "\n"
}

const passes = "steps: [{transform: .}]"

func parseHTTP(t *testing.T, trigger, rest string) *flows.Flow {
	t.Helper()
	flow, err := flows.Parse("f.yaml", []byte(httpFlow(trigger, rest)), steps.Catalogue())
	if err != nil {
		t.Fatalf("%v", err)
	}
	return flow
}

func TestHTTPTrigger(t *testing.T) {
	t.Parallel()
	f := parseHTTP(t, `get: /appservices/api/v1/External/Data/{feed}/Subscribers
summary: The subscribers of a feed
params:
  feed: {enum: [NCS, ISP], description: The feed}
  since: {type: string, format: date}
  limit: {type: integer, min: 1, max: 100, default: 10}
  X-Tenant: {in: header, required: true}
scopes:
  subscribers:read: Read subscribers
  feeds:read:
auth: [bearer, basic]
listing: {filter: [state, age], order_by: [name, age], default_order: "-age,name", page_size: 20}
response: page
cache: 30s`, "output_schema: {type: object, properties: {age: {type: integer}, name: {type: string}}}\n"+passes)
	o := f.HTTP.Operations[0]
	if o.Name != "get" || o.Method != "GET" || o.Path.String() != "/appservices/api/v1/External/Data/{feed}/Subscribers" || o.Line != 4 || o.Summary == "" {
		t.Errorf("%+v", o)
	}
	low, high := 1.0, 100.0
	want := []flows.HTTPParam{
		{Name: "X-Tenant", In: "header", Type: "string", Required: true},
		{Name: "feed", In: "path", Type: "string", Enum: []any{"NCS", "ISP"}, Required: true, Description: "The feed"},
		{Name: "limit", In: "query", Type: "integer", Min: &low, Max: &high, Default: o.Param("limit").Default},
		{Name: "since", In: "query", Type: "string", Format: "date"},
	}
	if diff := cmp.Diff(want, o.Params); diff != "" {
		t.Error(diff)
	}
	if fmt.Sprint(o.Param("limit").Default) != "10" {
		t.Errorf("default %v", o.Param("limit").Default)
	}
	wantListing := &flows.Listing{
		Filter: []flows.ListingField{{Name: "state", Type: "string"}, {Name: "age", Type: "integer"}},
		Order:  []flows.ListingField{{Name: "name", Type: "string"}, {Name: "age", Type: "integer"}}, Default: "-age,name", MaxOrder: 8, MaxPageSize: 20,
	}
	if diff := cmp.Diff(wantListing, o.Listing); diff != "" {
		t.Error(diff)
	}
	wantScopes := []flows.HTTPScope{{Name: "subscribers:read", Description: "Read subscribers"}, {Name: "feeds:read"}}
	if diff := cmp.Diff(wantScopes, o.Scopes); diff != "" || o.Cache.Seconds() != 30 || o.Response != "page" || !cmp.Equal(o.Auth, []string{"bearer", "basic"}) {
		t.Errorf("%s %+v", diff, o)
	}
	if f.HTTP.Pushdown() || f.HTTP.AnyFilter() || f.HTTP.Operation("GET", o.Path.String()) != o || f.HTTP.Operation("PUT", o.Path.String()) != nil {
		t.Error("pushdown, or another operation")
	}
	wantEnds := []flows.Endpoint{{Method: "GET", Path: o.Path.String(), Line: 4, Scopes: wantScopes}}
	if diff := cmp.Diff(wantEnds, f.Endpoints()); diff != "" {
		t.Error(diff)
	}
}

func TestHTTPTriggerOfSeveralOperations(t *testing.T) {
	t.Parallel()
	f := parseHTTP(t, "- get: /people/{id}\n- put: /people/{id}\n  schema: {type: object}\n- name: all\n  get: /people\n  auth: none", passes)
	var got []string
	for _, o := range f.HTTP.Operations {
		got = append(got, fmt.Sprint(o.Name, " ", o.Method, " ", o.Path, " ", o.Auth, " ", o.ChecksBody()))
	}
	want := []string{"get GET /people/{id} [bearer basic key] false", "put PUT /people/{id} [bearer basic key] true", "all GET /people [] false"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// Each mistake is told with its place in the file.
func TestHTTPTriggerMistakes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, trigger, rest, want string }{
		{"no method", "summary: x", passes, "4:5: one of its fields is missing"},
		{"two methods", "get: /a\npost: /a", passes, "5:11: get and post exclude each other"},
		{"no path", "get: people", passes, "4:10: get: a path begins with /"},
		{"slash at the end", "get: /a/", passes, "does not end with /"},
		{"parameter first", "get: /{a}/b", passes, "first segment of a path is a text"},
		{"ours", "get: /v1/flows/{x}", passes, "4:10: get: /v1/* is the server's own path"},
		{"ours exactly", "post: /appservices/token", passes, "/appservices/token is the server's own"},
		{"could be ours", "post: /appservices/{what}", passes, "/appservices/token is the server's own"},
		{"template in a path", "get: /a/${ .x }", passes, "write {name} for a part that varies"},
		{"unknown field", "get: /a\nscope: [a:b]", passes, `5:5: unknown field "scope" (did you mean scopes?)`},
		{"empty list", "[]", passes, "expected 1 to 50 operations"},
		{"same twice", "- get: /a/{x}\n- get: /a/{x}\n  name: b", passes, "5:7: GET /a/{x}: line 4 has the same method and path"},
		{"renamed", "- get: /a/{x}\n- put: /a/{y}", passes, "it is the path /a/{x} of line 4, with other names (use the same names)"},
		{"ambiguous", "- get: /a/{x}/b\n- get: /a/c/{y}\n  name: b", passes, "some paths fit both it and /a/{x}/b of line 4"},
		{"no name", "- get: /a\n- get: /b", passes, "5:7: name is missing"},
		{"same name", "- get: /a\n  name: x\n- get: /b\n  name: x", passes, `7:13: name: another operation is named "x"`},
		{"bad name", "get: /a\nname: 1 x", passes, "5:11: name: expected letters"},
		{"param not in path", "get: /a\nparams: {id: {in: path}}", passes, "5:14: params: id is not in the path /a"},
		{"param in path and query", "get: /a/{id}\nparams: {id: {in: query}}", passes, "params: id is not in the path"},
		{"path default", "get: /a/{id}\nparams: {id: {default: 1}}", passes, "always has a value"},
		{"path array", "get: /a/{id}\nparams: {id: array}", passes, "cannot be an array"},
		{"bad type", "get: /a\nparams: {id: int}", passes, "5:18: type: \"int\" is not among its values"},
		{"bad default", "get: /a\nparams: {n: {type: integer, default: x}}", passes, "5:42: params: default of n: expected a whole number"},
		{"default beyond", "get: /a\nparams: {n: {type: integer, max: 3, default: 4}}", passes, "that is at most 3"},
		{"bad enum", "get: /a\nparams: {n: {type: integer, enum: [1, x]}}", passes, "enum: n: expected a whole number"},
		{"enum is no list", "get: /a\nparams: {n: {enum: x}}", passes, "enum is a list"},
		{"min above max", "get: /a\nparams: {n: {type: integer, min: 3, max: 1}}", passes, "max is less than min"},
		{"min of a truth", "get: /a\nparams: {n: {type: boolean, min: 3}}", passes, "of type boolean takes no min"},
		{"required with default", "get: /a\nparams: {n: {required: true, default: a}}", passes, "never missing"},
		{"secret header", "get: /a\nparams: {Authorization: {in: header}}", passes, "carries a credential"},
		{"our scope", "get: /a\nscopes: [flows:run]", passes, `5:14: scopes: "flows:run": scopes of flows are the server's own`},
		{"no scope", "get: /a\nscopes: [read]", passes, "two words with a colon"},
		{"unknown way", "get: /a\nauth: [baerer]", passes, `5:11: auth: "baerer" is no way to authenticate (did you mean bearer?)`},
		{"none and another", "get: /a\nauth: [none, basic]", passes, "exclude each other"},
		{"none with scopes", "get: /a\nauth: none\nscopes: [a:b]", passes, "nobody shows any"},
		{"exploded text", "get: /a\nparams: {a: {explode: true}}", passes, "explode is for arrays in the query"},
		{"exploded header", "get: /a\nparams: {A: {in: header, type: array, explode: true}}", passes, "explode is for arrays in the query"},
		{"bad schema", "post: /a\nschema: {type: 3}", passes, "schema:"},
		{"schema of GET", "get: /a\nschema: {}", passes, "GET has no body"},
		{"cached POST", "post: /a\ncache: 30s", passes, "only answers to GET are cached"},
		{"cache too short", "get: /a\ncache: 1ms", passes, "cache: expected 1s to 24h"},
		{"listing of POST", "post: /a\nlisting: {}", passes, "only GET takes filter"},
		{"page without listing", "get: /a\nresponse: page", passes, "a page needs listing"},
		{"one of a listing", "get: /a\nresponse: one\nlisting: {}", passes, "answers with items or a page, not with one"},
		{"body without respond", "get: /a\nresponse: body", passes, "no step of the flow responds"},
		{"order size", "get: /a\nlisting: {max_order: 9}", passes, "max_order: expected 1 to 8"},
		{"page size", "get: /a\nlisting: {page_size: 0}", passes, "page_size: expected 1 to 1000"},
		{"order not declared", "get: /a\nlisting: {default_order: x}", passes, `"x" is not in order_by`},
		{"operator", "get: /a\nlisting: {filter: {a: {type: integer, operators: [contains]}}}", passes, `takes no "contains"`},
		{"page as a parameter", "get: /a\nparams: [page]\nlisting: {}", passes, "page is a parameter of the listing"},
		{"total without pushdown", "get: /a\nlisting: {total: n}", passes, "no program reads $listing"},
		{"listing without", "get: /a", "steps: [{transform: $listing.page}]", "$listing belongs to an http trigger with listing"},
		{"no member", "get: /a\nlisting: {}", "steps: [{transform: $listing.sort}]", `$listing has no "sort"`},
		{"no such parameter", "get: /a/{id}", "steps: [{transform: $params.di}]", `has a parameter "di" (did you mean id?)`},
		{"output schema", "get: /a", "output_schema: {type: 3}\n" + passes, "output_schema:"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, err := flows.Parse("f.yaml", []byte(httpFlow(c.trigger, c.rest)), steps.Catalogue())
			if err == nil || !strings.Contains(err.Error()+flat(err), c.want) {
				t.Errorf("%v\nwant %s", err, c.want)
			}
		})
	}
}

// flat is each problem on one line, as file:line:column: message (hint).
func flat(err error) string {
	var b strings.Builder
	problems, _ := err.(problem.List)
	for i := range problems {
		b.WriteString("\n" + problems[i].Error())
	}
	return b.String()
}

// What a run sees of a request; whoever runs the flow by its number gets the same defaults and checks.
func TestHTTPEvent(t *testing.T) {
	t.Parallel()
	one := parseHTTP(t, `get: /a/{id}
params:
  id: integer
  tags: {type: array, items: integer}
  on: {type: boolean, default: true}
  when: {format: date}
listing: {filter: [x]}`, "steps: [{transform: '{p: $params, e: $event.operation, l: $listing.limit, m: .method}'}]")
	two := parseHTTP(t, "- get: /a\n- post: /a\n  schema: {type: object, required: [n]}", "steps: [{transform: '[$event.operation, $event.body]'}]")
	for _, c := range []struct {
		name string
		flow *flows.Flow
		in   string
		want string // the output, or a part of the message
	}{
		{"converted", one, `{"params":{"id":"7","tags":"1,2","on":"false","when":"2026-11-29"}}`, `[{"e":"get","l":50,"m":"GET","p":{"id":7,"on":false,"tags":[1,2],"when":"2026-11-29"}}]`},
		{"exact", one, `{"params":{"id":90071992547409931234,"tags":[3]}}`, `[{"e":"get","l":50,"m":"GET","p":{"id":90071992547409931234,"on":true,"tags":[3],"when":null}}]`},
		{"with a listing", one, `{"params":{"id":1},"listing":{"limit":3}}`, `[{"e":"get","l":3,"m":"GET","p":{"id":1,"on":true,"tags":null,"when":null}}]`},
		{"nothing", one, `null`, `[{"e":"get","l":50,"m":"GET","p":{"id":null,"on":true,"tags":null,"when":null}}]`},
		{"not an object", one, `[]`, "expected an object with operation"},
		{"unknown parameter", one, `{"params":{"di":1}}`, "get has no parameter di"},
		{"unknown member", one, `{"parms":{}}`, "there is no member \"parms\"; the members are operation, params, body, listing, method, path"},
		{"wrong", one, `{"params":{"id":"x"}}`, "params: id: expected a whole number"},
		{"an object", one, `{"params":{"id":{}}}`, "id: expected a whole number"},
		{"wrong in a list", one, `{"params":{"tags":["x"]}}`, "tags: expected a list of whole numbers"},
		{"no operation", two, `{}`, "operation is one of get, post"},
		{"unknown operation", two, `{"operation":"put"}`, "operation is one of get, post"},
		{"body", two, `{"operation":"post","body":{"n":1}}`, `[["post",{"n":1}]]`},
		{"bad body", two, `{"operation":"post","body":{}}`, "body: "},
		{"no body", two, `{"operation":"get"}`, `[["get",null]]`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			event, err := flows.DecodeJSON([]byte(c.in))
			if err != nil {
				t.Fatal(err)
			}
			output, err := c.flow.Execute(t.Context(), flows.Run{Event: event}, flows.Env{})
			got := string(flows.EncodeJSON(output))
			if err != nil {
				got = err.Error()
			}
			if got != c.want && (err == nil || !strings.Contains(got, c.want)) {
				t.Errorf("%s\nwant %s", got, c.want)
			}
		})
	}
}

func TestHTTPParams(t *testing.T) {
	t.Parallel()
	f := parseHTTP(t, `get: /a
params:
  text: {min: 2, max: 3}
  int: {type: integer, min: -5, max: 5}
  num: {type: number, max: 1.5}
  yes: boolean
  list: {type: array, max: 2}
  words: {type: array, explode: true, max: 2}
  few: {type: array, enum: [a, b]}
  size: {type: integer, enum: [1, 2]}
  date: {format: date}
  at: {format: date-time}
  clock: {format: time}
  id: {format: uuid}
  mail: {format: email}
  uri: {format: uri}`, passes)
	for _, c := range []struct{ name, text, want string }{
		{"text", "ab", `"ab"`}, {"text", "é☃x", `"é☃x"`}, {"text", "a", "text of 2 to 3 characters"}, {"text", "abcd", "2 to 3"}, {"text", "a\xff", "text"},
		{"int", "-5", "-5"}, {"int", "05", "a whole number that is -5 to 5"}, {"int", "6", "-5 to 5"}, {"int", "1.0", "whole"}, {"int", "", "whole"}, {"int", "+1", "whole"},
		{"num", "1.50", "1.50"}, {"num", "1e0", "1e0"}, {"num", "2", "a number that is at most 1.5"}, {"num", "NaN", "number"}, {"num", "0x1", "number"}, {"num", "-1e999", "number"},
		{"yes", "True", "true"}, {"yes", "0", "false"}, {"yes", "yes", "true or false"},
		{"list", "a,b", `["a","b"]`}, {"list", "", "[]"}, {"list", "a,b,c", "a list of texts, separated by commas of at most 2 elements"}, {"list", "a,", `["a",""]`},
		{"words", "a,b", `["a,b"]`}, {"words", "", "[]"},
		{"few", "b,a", `["b","a"]`}, {"few", "c", "a list of a, b"}, {"size", "2", "2"}, {"size", "3", "one of 1, 2"},
		{"date", "2026-02-28", `"2026-02-28"`}, {"date", "2026-02-30", "a date such as"}, {"at", "2026-02-28T01:02:03.4+01:00", `"2026-02-28T01:02:03.4+01:00"`},
		{"at", "2026-02-28", "a time such as"}, {"clock", "08:30", `"08:30"`}, {"clock", "24:30", "time of day"}, {"id", "0b9b7f0e-6b2b-4a3e-9d1a-1f2e3d4c5b6a", `"0b9b7f0e-6b2b-4a3e-9d1a-1f2e3d4c5b6a"`},
		{"id", "0b9b7f0e", "a UUID"}, {"mail", "a@b.org", `"a@b.org"`}, {"mail", "A <a@b.org>", "e-mail"}, {"uri", "https://a/b", `"https://a/b"`}, {"uri", "/b", "absolute URI"},
	} {
		v, err := f.HTTP.Operations[0].Param(c.name).Texts([]string{c.text})
		got := string(flows.EncodeJSON(v))
		if err != nil {
			got = err.Error()
		}
		if got != c.want && (err == nil || !strings.Contains(got, c.name+": expected ") || !strings.Contains(got, c.want)) {
			t.Errorf("%s=%q gives %s, want %s", c.name, c.text, got, c.want)
		}
	}
	if v, err := f.HTTP.Operations[0].Param("list").Texts([]string{"a", "b"}); err != nil || len(v.([]any)) != 2 {
		t.Errorf("repeated: %v %v", v, err)
	}
	words := f.HTTP.Operations[0].Param("words")
	if v, err := words.Texts([]string{"a,b", ""}); err != nil || string(flows.EncodeJSON(v)) != `["a,b",""]` {
		t.Errorf("exploded: %v %v", v, err)
	}
	if _, err := words.Texts([]string{"a", "b", "c"}); err == nil || !strings.Contains(err.Error(), "texts, each in a parameter of its own of at most 2 elements") {
		t.Errorf("too many: %v", err)
	}
	if _, err := f.HTTP.Operations[0].Param("text").Texts([]string{"ab", "ab"}); err == nil {
		t.Error("a text that comes twice is taken")
	}
}

// The tests of a flow give parameters, and hold the output against its schema.
func TestHTTPTriggerInTests(t *testing.T) {
	t.Parallel()
	f := parseHTTP(t, "get: /a/{id}\nparams: {id: integer}", `output_schema: {type: integer, maximum: 8}
steps: [{transform: $params.id + 1}]
tests:
  - {name: good, params: {id: 7}, output: [8]}
  - {name: beyond the schema, params: {id: 8}, output: [9]}
  - {name: refused, params: {id: x}, error: {status: 422}}`)
	results := flows.RunTests(t.Context(), f)
	if results[0].Failure != "" || !strings.Contains(results[1].Failure, "output_schema") || results[2].Failure != "" {
		t.Errorf("%+v", results)
	}
}

// FuzzHTTPParam looks for texts that a parameter takes and that are not of its type.
func FuzzHTTPParam(f *testing.F) {
	flow, err := flows.Parse("f.yaml", []byte(httpFlow("get: /a\nparams: {i: integer, n: number, b: boolean, l: {type: array, items: number}, s: {max: 9}, d: {format: date-time}}", passes)), steps.Catalogue())
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{"1", "-0", "1e5", "true", "1,2", "2026-11-29T00:00:00Z", "", "\xff", "1,,2", strings.Repeat("9", 400)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for i := range flow.HTTP.Operations[0].Params {
			p := &flow.HTTP.Operations[0].Params[i]
			v, err := p.Texts([]string{text})
			if err != nil {
				continue
			}
			encoded := flows.EncodeJSON(v)
			back, err := flows.DecodeJSON(encoded)
			if err != nil {
				t.Fatalf("%s of %q is %s: %v", p.Name, text, encoded, err)
			}
			if again, err := p.Value(back); err != nil || string(flows.EncodeJSON(again)) != string(encoded) {
				t.Fatalf("%s of %q is %s, and that is %v %v", p.Name, text, encoded, again, err)
			}
		}
	})
}
