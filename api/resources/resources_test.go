package resources_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/penstock/penstock/api"
	"github.com/penstock/penstock/api/apitest"
	"github.com/penstock/penstock/api/httpx"
	"github.com/penstock/penstock/api/resources"
	"github.com/penstock/penstock/api/runner"
	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/steps"
	"github.com/penstock/penstock/internal/pathtree"
	"github.com/penstock/penstock/store"
)

// echo gives back what a run sees of its request.
const echo = "steps: [{transform: '{op: $event.operation, path: $event.path, p: $params, body: $event.body, run: $run.principal}'}]"

func trigger(fields string, steps string) string {
	return "trigger:\n  http:\n    " + strings.ReplaceAll(fields, "\n", "\n    ") + "\n" + steps
}

// The curl lines of syncAccess' page work with the host changed.
func TestSyncAccessDataExtract(t *testing.T) {
	t.Parallel()
	p := apitest.NewProduct(t)
	p.Deploy(1, trigger("get: /appservices/api/v1/External/Data/{feed}/Subscribers\nparams:\n  feed: {enum: [NCS, ISP]}\nauth: [bearer, basic]", "steps: [{transform: '{feed: $params.feed}'}]"))
	form := url.Values{"grant_type": {"password"}, "username": {"ulf"}, "password": {apitest.Password}}.Encode()
	token := p.Want(p.Do("POST", "/appservices/token", "", form, "Content-Type", "application/x-www-form-urlencoded", "Accept", "application/json"), 200)["access_token"].(string)
	const path = "/appservices/api/v1/External/Data/NCS/Subscribers"
	for name, r := range map[string]apitest.Reply{
		"bearer": p.Do("GET", path, "", "", "Accept", "application/json", "Authorization", "bearer "+token),
		"basic":  p.Do("GET", path, "ulf", "", "Accept", "application/json"),
	} {
		if r.StatusCode != 200 || r.Text != `[{"feed":"NCS"}]` || r.Header.Get("Content-Type") != "application/json" || r.Header.Get("Penstock-Run-Id") == "" || r.Header.Get("ETag") == "" {
			t.Errorf("%s: %d %s %v", name, r.StatusCode, r.Text, r.Header)
		}
	}
	if r := p.Do("GET", path, "key-one", ""); r.StatusCode != 401 || !strings.Contains(r.Text, "a bearer token or Basic") {
		t.Errorf("a signature, which the operation does not take: %d %s", r.StatusCode, r.Text)
	}
}

// Answers are those that the Ansira page lists.
func TestAnswers(t *testing.T) {
	t.Parallel()
	p := apitest.NewProduct(t)
	p.Deploy(1, "name: people\n"+trigger(`- get: /crm/people/{id}
  params:
    id: {type: integer, min: 1}
    since: {format: date}
    debug: {type: boolean, default: false}
    X-Tenant: {in: header}
- post: /crm/people
  schema: {type: object, required: [name]}
- delete: /crm/people/{id}
  params: {id: integer}
- name: open
  get: /crm/open
  auth: none`, echo))
	p.Deploy(2, trigger("get: /crm/slow", "run: {limit: 1s}\n"+strings.SplitN(apitest.FlowWaits, "\n", 2)[1]))
	p.Deploy(3, "enabled: false\n"+trigger("get: /crm/off", echo))
	p.Deploy(4, trigger("get: /crm/fails", "steps: [{fail: {message: no such person, status: 410}}]"))
	p.Deploy(5, trigger("- get: /crm/one/{n}\n  params: {n: integer}\n  response: one", "steps: [{transform: '[range($params.n)]'}, {split: '.[]'}]"))
	for _, c := range []struct {
		call, who, body string
		header          []string
		status          int
		want            string // in the body
	}{
		{"GET /crm/people/7", "ulf", "", nil, 200, `[{"body":null,"op":"get","p":{"X-Tenant":null,"debug":false,"id":7,"since":null},"path":"/crm/people/7","run":"user:ulf"}]`},
		{"GET /crm/people/7/?since=2026-11-29&debug=1", "key-one", "", []string{"X-Tenant", "a"}, 200, `"p":{"X-Tenant":"a","debug":true,"id":7,"since":"2026-11-29"},"path":"/crm/people/7","run":"key:key-one"`},
		{"GET /crm/open", "", "", nil, 200, `"run":"public:1"`},
		{"POST /crm/people", "ulf", `{"name":"Zoë","n":1.10}`, nil, 200, `"body":{"n":1.10,"name":"Zoë"}`},
		{"DELETE /crm/people/7", "ulf", "", nil, 200, `"op":"delete"`},
		{"GET /crm/people/7", "", "", nil, 401, "credentials are required"},
		{"GET /crm/people/7", "", "", []string{"Authorization", "Bearer pst_x"}, 401, "unknown"},
		{"GET /crm/people/x", "ulf", "", nil, 400, "the parameter id is wrong: expected a whole number that is at least 1 (in the path)"},
		{"GET /crm/people/0", "ulf", "", nil, 400, "at least 1"},
		{"GET /crm/people/7?since=yesterday", "ulf", "", nil, 400, "the parameter since is wrong: expected a date such as"},
		{"GET /crm/people/7?since=2026-11-29&since=2026-11-30", "ulf", "", nil, 400, "expected one value"},
		{"GET /crm/people/7?sinse=1", "ulf", "", nil, 400, "no such parameters: sinse"},
		{"GET /crm/people/7?X-Tenant=a", "ulf", "", nil, 400, "no such parameters: X-Tenant"},
		{"GET /crm/people/7?filter=a", "ulf", "", nil, 400, "no such parameters: filter"},
		{"GET /crm/people/7?a;b", "ulf", "", nil, 400, "cannot be read"},
		{"GET /crm/people/7?since=%ff", "ulf", "", nil, 400, "not UTF-8"},
		{"GET /crm/people/7", "ulf", `{}`, nil, 400, "has no body here"},
		{"POST /crm/people", "ulf", `{"n":1}`, nil, 422, "body: "},
		{"POST /crm/people", "ulf", "", nil, 422, "body: "},
		{"POST /crm/people", "ulf", `{"name":1,"name":2}`, nil, 400, "was read as json: duplicate member"},
		{"POST /crm/people", "ulf", `name`, []string{"Content-Type", "text/plain; charset=klingon"}, 415, "klingon"},
		{"GET /crm/nothing", "ulf", "", nil, 404, "nothing is at this path"},
		{"GET /crm/people%2f7", "ulf", "", nil, 404, "nothing is at this path"},
		{"GET /crm/./people/7", "ulf", "", nil, 404, "nothing is at this path"},
		{"GET /crm//people/7", "ulf", "", nil, 404, "nothing is at this path"},
		{"GET /CRM/people/7", "ulf", "", nil, 404, "nothing is at this path"},
		{"PUT /crm/people/7", "ulf", `{}`, nil, 405, "allowed here: DELETE, GET, HEAD, OPTIONS"},
		{"GET /crm/off", "ulf", "", nil, 503, "switched off"},
		{"GET /crm/fails", "ulf", "", nil, 410, "no such person"},
		{"GET /crm/slow", "ulf", "", nil, 504, "execution limit"},
		{"GET /crm/slow", "ulf", "", []string{"Prefer", "respond-async"}, 202, `"href":"/v1/runs/`},
		{"GET /crm/one/1", "ulf", "", nil, 200, "0"},
		{"GET /crm/one/0", "ulf", "", nil, 404, `"code":"no_item"`},
		{"GET /crm/one/2", "ulf", "", nil, 500, "gave 2 items where one is declared"},
	} {
		method, path, _ := strings.Cut(c.call, " ")
		r := p.Do(method, path, c.who, c.body, c.header...)
		if r.StatusCode != c.status || !strings.Contains(r.Text, c.want) {
			t.Errorf("%s as %q: %d %s, want %d %s", c.call, c.who, r.StatusCode, r.Text, c.status, c.want)
		}
		challenges, retry := len(r.Header.Values("WWW-Authenticate")), r.Header.Get("Retry-After")
		if (c.status == 401) != (challenges > 0) || (c.status == 503) != (retry != "") || (c.status == 405) != (r.Header.Get("Allow") != "") {
			t.Errorf("%s: %v", c.call, r.Header)
		}
	}
	head := p.Do("HEAD", "/crm/people/7", "ulf", "")
	if head.StatusCode != 200 || head.Text != "" || head.ContentLength < 20 || head.Header.Get("ETag") == "" {
		t.Errorf("HEAD: %d %d %v", head.StatusCode, head.ContentLength, head.Header)
	}
	if r := p.Do("OPTIONS", "/crm/people/7", "", ""); r.StatusCode != 204 || r.Header.Get("Allow") != "DELETE, GET, HEAD, OPTIONS" {
		t.Errorf("OPTIONS: %d %v", r.StatusCode, r.Header)
	}
	if r := p.Do("OPTIONS", "/crm/nothing", "", ""); r.StatusCode != 404 {
		t.Errorf("OPTIONS of nothing: %d", r.StatusCode)
	}
	again := p.Do("POST", "/crm/people", "ulf", `{"name":"a"}`, "Idempotency-Key", "k")
	if r := p.Do("POST", "/crm/people", "ulf", `{"name":"a"}`, "Idempotency-Key", "k"); r.Text != again.Text || r.Header.Get("Idempotent-Replayed") != "true" || r.Header.Get("Penstock-Run-Id") != again.Header.Get("Penstock-Run-Id") {
		t.Errorf("again: %s %v", r.Text, r.Header)
	}
	if r := p.Do("POST", "/crm/people", "ulf", `{"name":"b"}`, "Idempotency-Key", "k"); r.StatusCode != 422 {
		t.Errorf("another payload: %d", r.StatusCode)
	}
}

// Routes follow deployments at once: a path is free when its flow has left it.
func TestRoutesFollowDeployments(t *testing.T) {
	t.Parallel()
	p := apitest.NewProduct(t)
	p.Deploy(1, trigger("get: /a/{x}", echo))
	source := []byte("flow: 2\n" + trigger("name: two\nget: /a/{x}", echo) + "\n")
	r := p.Do("PUT", "/v1/flows/2", "ann", string(source), "Content-Type", "application/yaml")
	problem := p.Want(r, 422)
	if text := fmt.Sprint(problem["problems"]); !strings.Contains(text, "flow 1, line 4 of its file, has the same method and path") || !strings.Contains(text, "line:4") {
		t.Errorf("problem %v", problem)
	}
	p.Deploy(1, trigger("get: /b/{x}", echo))
	p.Deploy(2, trigger("get: /a/{x}", echo))
	for path, want := range map[string]int{"/a/1": 200, "/b/1": 200, "/c/1": 404} {
		if r := p.Do("GET", path, "ulf", ""); r.StatusCode != want {
			t.Errorf("%s: %d", path, r.StatusCode)
		}
	}
	p.Want(p.Do("DELETE", "/v1/flows/1", "ann", ""), 204)
	p.Want(p.Do("GET", "/b/1", "ulf", ""), 404)
	if r := p.Do("POST", "/v1/flows/2/rollback", "ann", `{}`); r.StatusCode != 409 {
		t.Errorf("nothing to go back to: %d %s", r.StatusCode, r.Text)
	}
	p.Deploy(2, trigger("get: /c", echo))
	p.Deploy(3, trigger("get: /a/{x}", echo))
	if r := p.Do("POST", "/v1/flows/2/rollback", "ann", `{}`); r.StatusCode != 422 || !strings.Contains(r.Text, "flow 3, line 4") {
		t.Errorf("a version whose path is another's now: %d %s", r.StatusCode, r.Text)
	}
}

// Scopes of the installation's own making are granted to users, keys and
// clients, narrowed in tokens, and listed with who holds them.
func TestOwnScopes(t *testing.T) {
	t.Parallel()
	p := apitest.NewProduct(t)
	p.Deploy(1, trigger("get: /subs\nscopes:\n  subscribers:read: Read subscribers\n  feeds:read:", echo))
	denied := p.Do("GET", "/subs", "ulf", "")
	if denied.StatusCode != 403 || !strings.Contains(denied.Header.Get("WWW-Authenticate"), `error="insufficient_scope", scope="subscribers:read"`) {
		t.Errorf("without the scope: %d %v", denied.StatusCode, denied.Header)
	}
	byNumber := func(who string) apitest.Reply {
		return p.Do("POST", "/v1/flows/1/runs", who, `{}`, "Prefer", "respond-async")
	}
	if r := byNumber("ulf"); r.StatusCode != 403 || !strings.Contains(r.Header.Get("WWW-Authenticate"), `scope="subscribers:read"`) {
		t.Errorf("by its number, without the scope: %d %v", r.StatusCode, r.Header)
	}
	execute := p.Send(p.Signed("POST", "/apis/execute.php", "1", `{}`))
	if !strings.Contains(execute.Text, "subscribers:read is required") {
		t.Errorf("by SmartSYNC, without the scope: %d %s", execute.StatusCode, execute.Text)
	}
	wantStatus(t, byNumber("ann"), 202) // she may write the flow
	const both = `{"scopes":["subscribers:read","feeds:read"]}`
	for _, who := range []string{"users/ulf", "keys/key-one"} {
		if r := p.Do("PATCH", "/v1/"+who, "ann", `{"scopes":["subscribers:raed"]}`); r.StatusCode != 400 || !strings.Contains(r.Text, "no deployed flow asks for") {
			t.Errorf("%s, misspelt: %d %s", who, r.StatusCode, r.Text)
		}
		if r := p.Do("PATCH", "/v1/"+who, "ann", `{"scopes":["flows:write"]}`); r.StatusCode != 400 {
			t.Errorf("%s, ours: %d %s", who, r.StatusCode, r.Text)
		}
		p.Want(p.Do("PATCH", "/v1/"+who, "ann", both), 200)
	}
	for _, who := range []string{"ulf", "key-one"} {
		wantStatus(t, p.Do("GET", "/subs", who, ""), 200)
		wantStatus(t, byNumber(who), 202)
	}
	if r := p.Do("GET", "/subs", "key-two", ""); r.StatusCode != 403 {
		t.Errorf("another key: %d", r.StatusCode)
	}
	client := p.Want(p.Do("POST", "/v1/clients", "ann", `{"name":"c","scopes":["subscribers:read:1","feeds:read"],"assertion_expires_on":"2099-01-01"}`), 201)
	id, secret := client["identifier"].(string), client["secret"].(string)
	token := func(scope string) apitest.Reply {
		r := p.Request("POST", "/oauth2/token", "", url.Values{"grant_type": {"client_credentials"}, "scope": {scope}}.Encode(), "Content-Type", "application/x-www-form-urlencoded")
		r.URL.Path = "/oauth/v2/oauth-token"
		r.SetBasicAuth(id, secret)
		return p.Send(r)
	}
	whole := p.Want(token(""), 200)["access_token"].(string)
	wantStatus(t, p.Do("GET", "/subs", "", "", "Authorization", "Bearer "+whole), 200)
	narrow := p.Want(token("feeds:read"), 200)["access_token"].(string)
	if r := p.Do("GET", "/subs", "", "", "Authorization", "Bearer "+narrow); r.StatusCode != 403 {
		t.Errorf("a narrowed token: %d %s", r.StatusCode, r.Text)
	}
	if r := token("subscribers:read"); r.StatusCode != 400 || !strings.Contains(r.Text, "invalid_scope") {
		t.Errorf("wider than granted: %d %s", r.StatusCode, r.Text)
	}
	listed := p.Do("GET", `/v1/scopes?filter=name+eq+%22subscribers:read%22`, "ann", "")
	want := `{"name":"subscribers:read","description":"Read subscribers","own":true,"flows":[1],"operations":["GET /subs"],"users":["ulf"],"keys":["key-one"],"clients":["` + id + `"]}`
	if listed.StatusCode != 200 || !strings.Contains(listed.Text, want) {
		t.Errorf("listed: %s\nwant %s", listed.Text, want)
	}
	p.Want(p.Do("PATCH", "/v1/users/ulf", "ann", `{"scopes":[]}`), 200)
	p.Want(p.Do("GET", "/subs", "ulf", ""), 403)
}

// Nobody grants a scope to themselves by administering others.
func TestOwnScopesAreNotTakenBySelf(t *testing.T) {
	t.Parallel()
	p := apitest.NewProduct(t)
	p.Deploy(1, trigger("get: /subs\nscopes: [subscribers:read]", echo))
	if _, err := p.Store.Clients().Create(t.Context(), store.Client{Identifier: "client-x", Name: "x", Hash: "x", Scopes: []string{"clients:admin", "flows:run", "runs:read"}}); err != nil {
		t.Fatal(err)
	}
	made := p.Want(p.Do("POST", "/v1/clients", "ann", `{"name":"admin of clients","scopes":["clients:admin","flows:run","runs:read"]}`), 201)
	r := p.Request("POST", "/oauth/v2/oauth-token", "", "grant_type=client_credentials", "Content-Type", "application/x-www-form-urlencoded")
	r.SetBasicAuth(made["identifier"].(string), made["secret"].(string))
	bearer := "Bearer " + p.Want(p.Send(r), 200)["access_token"].(string)
	for _, call := range []string{"POST /v1/clients", "POST /v1/keys", "PATCH /v1/keys/key-one"} {
		method, path, _ := strings.Cut(call, " ")
		body := `{"name":"y","scopes":["subscribers:read"]}`
		if r := p.Do(method, path, "", body, "Authorization", bearer); r.StatusCode != 403 {
			t.Errorf("%s: %d %s", call, r.StatusCode, r.Text)
		}
	}
	p.Want(p.Do("PATCH", "/v1/keys/key-one", "ann", `{"scopes":["subscribers:read"]}`), 200)
	key := p.Want(p.Do("GET", "/v1/keys/key-one", "", "", "Authorization", bearer), 200)
	if key["secret"] != nil {
		t.Error("the secret of a key that may do more is shown")
	}
	if r := p.Do("POST", "/v1/keys/key-one/rotate", "", `{}`, "Authorization", bearer); r.StatusCode != 403 {
		t.Errorf("rotate: %d %s", r.StatusCode, r.Text)
	}
}

// A conditional request is answered without a body.
func TestETag(t *testing.T) {
	t.Parallel()
	p := apitest.NewProduct(t)
	p.Deploy(1, trigger("- get: /fixed\n- post: /fixed", "steps: [{set: {a: 1}}, {transform: '{a}'}]"))
	p.Deploy(2, trigger("get: /own\nresponse: body", `steps: [{respond: {status: 200, headers: {ETag: '"v1"', Cache-Control: max-age=5, Content-Type: text/csv}, text: "a,b"}}]`))
	first := p.Do("GET", "/fixed", "ulf", "")
	tag := first.Header.Get("ETag")
	if first.Text != `[{"a":1}]` || !strings.HasPrefix(tag, `"`) || first.Header.Get("Cache-Control") != "private, no-cache" {
		t.Fatalf("%s %v", first.Text, first.Header)
	}
	for match, want := range map[string]int{tag: 304, "W/" + tag: 304, `"x", ` + tag: 304, "*": 304, `"x"`: 200, strings.Trim(tag, `"`): 200} {
		r := p.Do("GET", "/fixed", "ulf", "", "If-None-Match", match)
		if r.StatusCode != want || r.Header.Get("ETag") != tag || (want == 304) != (r.Text == "") {
			t.Errorf("%s: %d %q %v", match, r.StatusCode, r.Text, r.Header)
		}
	}
	if r := p.Do("POST", "/fixed", "ulf", "", "If-None-Match", "*"); r.StatusCode != 200 || r.Header.Get("Cache-Control") != "no-store" || r.Header.Get("ETag") != "" {
		t.Errorf("POST: %d %v", r.StatusCode, r.Header)
	}
	r := p.Do("GET", "/own", "ulf", "")
	if r.Text != "a,b" || r.Header.Get("ETag") != `"v1"` || r.Header.Get("Cache-Control") != "max-age=5" || r.Header.Get("Content-Type") != "text/csv" {
		t.Errorf("the flow's own: %s %v", r.Text, r.Header)
	}
	if r := p.Do("GET", "/own", "ulf", "", "If-None-Match", `"v1"`); r.StatusCode != 304 {
		t.Errorf("the flow's own tag: %d", r.StatusCode)
	}
}

func decodeItems(t *testing.T, text string) (ids []string) {
	t.Helper()
	var items []map[string]any
	if err := json.Unmarshal([]byte(text), &items); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	for _, i := range items {
		ids = append(ids, fmt.Sprint(i["id"]))
	}
	return ids
}

// A listing is filtered, ordered and cut after the run when the flow does not
// do so itself.
func TestListingOfOutput(t *testing.T) {
	t.Parallel()
	p := apitest.NewProduct(t)
	p.Deploy(1, trigger(`- get: /people
  params: {team: {default: a}}
  listing: {filter: {state: string, age: integer}, order_by: [age, id], default_order: id, page_size: 100}
- name: page
  get: /pages
  response: page
  listing: {filter: {state: {operators: [eq]}}, page_size: 3}`, `steps: [{transform: '[range(25) | {id: (. + 1), age: (. % 10), state: (if . % 2 == 0 then "CO" else "NY" end)}]'}, {split: '.[]'}]`))
	get := func(query string) apitest.Reply { return p.Do("GET", query, "ulf", "") }
	q := url.QueryEscape
	r := get("/people?filter=" + q(`state eq "CO" and age ge 6`) + "&order_by=-age,id&page_size=3&team=b")
	if got := strings.Join(decodeItems(t, r.Text), " "); got != "9 19 7" || r.Header.Get("X-Total-Count") != "4" {
		t.Errorf("%s %v", got, r.Header)
	}
	link := r.Header.Get("Link")
	if !strings.Contains(link, `rel="next"`) || !strings.Contains(link, "page=2") || !strings.Contains(link, "team=b") || !strings.Contains(link, `rel="last"`) || !strings.HasPrefix(link, "</people?") {
		t.Errorf("Link %s", link)
	}
	if r := get("/people"); len(decodeItems(t, r.Text)) != 25 || r.Header.Get("X-Total-Count") != "25" {
		t.Errorf("all: %s", r.Text)
	}
	if r := get("/pages?page=10"); r.Text != `{"items":[],"page":10,"page_size":3,"total":25}` {
		t.Errorf("a page: %s", r.Text)
	}
	for query, want := range map[string]string{
		"/people?filter=" + q(`name eq "x"`): `there is no field \"name\"`, "/people?order_by=state": "there is no field", "/people?page=0": "from 1",
		"/people?page_size=101": "from 1 to 100", "/pages?filter=" + q(`state ne "x"`): "takes eq", "/people?filter=" + q("age eq"): "position 7",
		"/people?page=1&page=2": "comes twice",
	} {
		if r := get(query); r.StatusCode != 400 || !strings.Contains(r.Text, want) || !strings.Contains(r.Text, `"code":"bad_listing"`) {
			t.Errorf("%s: %d %s", query, r.StatusCode, r.Text)
		}
	}
}

func wantStatus(t *testing.T, r apitest.Reply, status int) {
	t.Helper()
	if r.StatusCode != status {
		t.Fatalf("%s %s: status %d, want %d: %s", r.Request.Method, r.Request.URL.Path, r.StatusCode, status, r.Text)
	}
}

// One run answers many equal callers; each principal has its own.
func TestCachedRuns(t *testing.T) {
	t.Parallel()
	p := apitest.NewProduct(t)
	p.Deploy(1, trigger("get: /slow/{id}\ncache: 30s", "steps: [{name: gate, gate: {}}, {transform: '{id: $params.id, run: $run.id}'}]"))
	replies := make(chan apitest.Reply, 20)
	for range cap(replies) {
		go func() { replies <- p.Do("GET", "/slow/1", "ulf", "") }()
	}
	<-p.At
	p.Gate <- struct{}{}
	first := <-replies
	for range cap(replies) - 1 {
		r := <-replies
		if r.StatusCode != 200 || r.Text != first.Text || r.Header.Get("Penstock-Run-Id") != first.Header.Get("Penstock-Run-Id") || r.Header.Get("ETag") != first.Header.Get("ETag") {
			t.Errorf("%d %s %v, the first is %s", r.StatusCode, r.Text, r.Header, first.Text)
		}
	}
	hit := p.Do("GET", "/slow/1/", "ulf", "", "Cache-Control", "no-cache")
	if !strings.HasPrefix(hit.Header.Get("Cache-Status"), "Penstock; hit; ttl=") || hit.Header.Get("Cache-Control") != "private, max-age=30" || hit.Header.Get("Age") == "" ||
		!slices.Contains(hit.Header.Values("Vary"), "Authorization, Penstock-Key") || hit.Text != first.Text {
		t.Errorf("hit: %s %v", hit.Text, hit.Header)
	}
	if r := p.Do("GET", "/slow/1", "ulf", "", "If-None-Match", first.Header.Get("ETag")); r.StatusCode != 304 {
		t.Errorf("If-None-Match: %d", r.StatusCode)
	}
	if len(p.At) != 0 {
		t.Fatal("there was a further run")
	}
	for _, other := range [][2]string{{"/slow/2", "ulf"}, {"/slow/1", "vera"}} {
		go func() { replies <- p.Do("GET", other[0], other[1], "") }()
		<-p.At
		p.Gate <- struct{}{}
		if r := <-replies; r.StatusCode != 200 || r.Text == first.Text {
			t.Errorf("%v has the answer of others: %s", other, r.Text)
		}
	}
	p.Deploy(1, trigger("get: /slow/{id}\ncache: 30s", "steps: [{transform: '\"another version\"'}]"))
	if r := p.Do("GET", "/slow/1", "ulf", ""); r.Text != `["another version"]` {
		t.Errorf("another version of the flow: %s", r.Text)
	}
}

// When who led goes away, another takes its place, and the same run.
func TestWhoLeadsMayLeave(t *testing.T) {
	t.Parallel()
	p := apitest.NewProduct(t)
	p.Deploy(1, trigger("get: /slow\ncache: 30s", "steps: [{name: gate, gate: {}}, {transform: $run.id}]"))
	ctx, leave := context.WithCancel(t.Context())
	left := make(chan error, 1)
	go func() {
		w, err := p.HTTP.Do(p.Request("GET", "/slow", "ulf", "").WithContext(ctx))
		if err == nil {
			_ = w.Body.Close()
		}
		left <- err
	}()
	<-p.At
	second := make(chan apitest.Reply, 1)
	go func() { second <- p.Do("GET", "/slow", "ulf", "") }()
	leave()
	if err := <-left; err == nil {
		t.Fatal("who left was answered")
	}
	p.Gate <- struct{}{}
	if r := <-second; r.StatusCode != 200 || !strings.Contains(r.Text, r.Header.Get("Penstock-Run-Id")) {
		t.Errorf("%d %s", r.StatusCode, r.Text)
	}
	if len(p.At) != 0 {
		t.Error("there was a further run")
	}
}

// Two processes make one run of equal requests.
func TestCacheIsSharedByTheQueue(t *testing.T) {
	t.Parallel()
	var config api.Config
	p := apitest.NewProduct(t, func(c *api.Config) { config = *c })
	p.Deploy(1, trigger("get: /x\ncache: 30s", "steps: [{transform: $run.id}]"))
	other, err := api.New(config)
	apitest.Fatal(t, err)
	first := p.Do("GET", "/x", "ulf", "")
	r := p.Request("GET", "/x", "ulf", "")
	w := httptest.NewRecorder()
	other.ServeHTTP(w, r)
	if w.Code != 200 || w.Body.String() != first.Text || w.Header().Get("Idempotent-Replayed") != "" || !strings.HasPrefix(w.Header().Get("Cache-Control"), "private, max-age=") {
		t.Errorf("%d %s %v, the first is %s", w.Code, w.Body, w.Header(), first.Text)
	}
}

// FuzzRequest sends paths and queries: none makes an answer that the API does
// not have, and none runs the flow with a parameter of another type.
func FuzzRequest(f *testing.F) {
	flow, err := flows.Parse("f", []byte("flow: 69\n"+trigger("get: /f/{n}/{s}\nauth: none\nparams: {n: integer, when: {format: date}, list: {type: array, items: number}}\nlisting: {filter: {a: integer}}", echo)), steps.Catalogue())
	if err != nil {
		f.Fatal(err)
	}
	queue := apitest.NewFakeQueue()
	queue.Result.Output = []byte(`[{"a":1},{"a":"x"},3]`)
	door := gin.New()
	frame := httpx.Frame{Now: time.Now, MaxBody: 1 << 20}
	door.Use(func(c *gin.Context) { frame.Begin(c) }, httpx.LimitBody)
	resources.Mount(door, resources.Config{
		Flows: oneFlow{flow}, Runner: runner.New(runner.Config{Submit: queue.Submit, Records: queue}),
		Authenticate: func(*gin.Context, []string) error { return nil }, LimitAddress: func(*gin.Context) error { return nil },
		NotFound: func(c *gin.Context) { c.Status(404) },
	})
	for _, seed := range [][2]string{{"/f/1/a", ""}, {"/f/x/a", "when=2026-11-29"}, {"/f/1/a/", "list=1,2&list=3"}, {"/f/1/%00", "a;b"}, {"/f/-1/é", "filter=a eq 1"}, {"/f/1", "page=2"}} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, path, query string) {
		r := httptest.NewRequest("GET", "/", nil)
		r.URL.Path, r.URL.RawQuery = path, query
		w := httptest.NewRecorder()
		door.ServeHTTP(w, r)
		if !slices.Contains([]int{200, 400, 404}, w.Code) {
			t.Fatalf("%q?%q: %d %s", path, query, w.Code, w.Body)
		}
		all := queue.Submitted()
		if w.Code != 200 || len(all) == 0 {
			return
		}
		var event struct {
			Params struct {
				N    json.Number   `json:"n"`
				S    string        `json:"s"`
				When *string       `json:"when"`
				List []json.Number `json:"list"`
			} `json:"params"`
		}
		if err := json.Unmarshal(all[len(all)-1].Event, &event); err != nil || event.Params.S == "" {
			t.Fatalf("%q?%q: %v: %s", path, query, err, all[len(all)-1].Event)
		}
	})
}

// oneFlow serves GET at the path of its flow's first operation.
type oneFlow struct{ flow *flows.Flow }

func (o oneFlow) Find(string) (*flows.Flow, bool) { return o.flow, true }
func (o oneFlow) Enabled(int64) bool              { return true }

func (o oneFlow) tree() *pathtree.Tree[store.Route] {
	var tree pathtree.Tree[store.Route]
	at := o.flow.HTTP.Operations[0]
	tree.Add(at.Method, at.Path, store.Route{Flow: o.flow.Number, Method: at.Method, Path: at.Path.String()})
	return &tree
}

func (o oneFlow) Route(method, path string) (store.Route, []string, bool) {
	found, ok := o.tree().Lookup(method, path)
	return found.Value, found.Values, ok
}

func (o oneFlow) Methods(path string) []string { return o.tree().Methods(path) }
