package api_test

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/penstock/penstock/api/apitest"
	"github.com/penstock/penstock/audit"
)

// notAudited are the operations that are no GET and have no entry, with the reason. The entries of all others are found after
// TestServerDoesWhatTheDocumentSays has called them.
var notAudited = map[string]string{
	"executeWithData": "the record of the run has the caller", "executeWithDataAlias": "likewise", "runFlow": "likewise",
	"deliverWebhook": "the run and the list of deliveries have it", "takeCallback": "the record of the run has it",
	"captureRequest": "it is a request of a sender that is looked at", "capturePut": "likewise", "capturePatch": "likewise", "captureDelete": "likewise",
	"syncAccessToken": "a token changes nothing; the use of a key on behalf of a user is an entry", "syncAccessTokenAlias": "likewise", "ansiraToken": "likewise", "integrifyToken": "likewise",
	"introspect": "it changes nothing", "mcp": "what a tool does is a request of its own, which is an entry", "endMcpSession": "it changes nothing",
}

// auditedReads are operations with GET that have an entry.
var auditedReads = []string{"exportAudit"}

// wantAudited checks that each operation of the document that may change something has an entry of a call that went well.
func wantAudited(doc *openapi3.T, p *apitest.Product, others ...*apitest.Product) {
	found := map[string]*audit.Entry{}
	for _, one := range append(others, p) {
		apitest.Fatal(p.T, one.Store.Audit().Scan(p.T.Context(), audit.Range{}, func(e *audit.Entry) bool {
			if e.Outcome == audit.Done {
				found[e.Operation] = e
			}
			return true
		}))
	}
	known := map[string]bool{}
	for path, item := range doc.Paths.Map() {
		for method, o := range item.Operations() {
			known[o.OperationID] = true
			if method == http.MethodOptions || method == http.MethodGet && !slices.Contains(auditedReads, o.OperationID) {
				continue
			}
			e := found[o.OperationID]
			if why := notAudited[o.OperationID]; why != "" {
				if e != nil {
					p.T.Errorf("%s has an entry, although %s", o.OperationID, why)
				}
				continue
			}
			switch {
			case e == nil:
				p.T.Errorf("%s %s (%s) has no entry of the audit log: name it in audit/acts.go, or say why it needs none", method, path, o.OperationID)
			case e.Act != method+" "+ginPath(path):
				p.T.Errorf("%s: its entry is of %s", o.OperationID, e.Act)
			case e.Kind == "" || e.Summary == "" || e.Actor == "" || e.RequestID == "" || e.IP == "" || e.Seq == 0:
				p.T.Errorf("%s: its entry lacks something: %+v", o.OperationID, e)
			}
		}
	}
	for id := range notAudited {
		if !known[id] {
			p.T.Errorf("%s is no operation", id)
		}
	}
	for _, e := range slices.Collect(maps.Values(found)) {
		if e.Operation != "" && !known[e.Operation] {
			p.T.Errorf("%s has the operation %s, which the document does not have", e.Act, e.Operation)
		}
	}
	if r, err := p.Store.Audit().Verify(p.T.Context()); err != nil || !r.OK {
		p.T.Errorf("the chain: %+v, %v", r, err)
	}
}

// ginPath returns the path of a document as the router names it.
func ginPath(path string) string { return strings.NewReplacer("{", ":", "}", "").Replace(path) }

func callAudit(p *apitest.Product) {
	first := p.Want(p.Do("GET", "/v1/audit?who=ann&page_size=1", "ann", ""), 200)
	next, _ := first["next_cursor"].(string)
	p.Want(p.Do("GET", "/v1/audit?page_size=1&cursor="+url.QueryEscape(next), "ann", ""), 200)
	p.Want(p.Do("GET", "/v1/audit?kind=cow", "ann", ""), 400)
	p.Want(p.Do("GET", "/v1/audit?cursor=x", "ann", ""), 400)
	id, _ := first["items"].([]any)[0].(map[string]any)["id"].(string)
	p.Want(p.Do("GET", "/v1/audit/"+id, "ann", ""), 200)
	p.Want(p.Do("GET", "/v1/audit/1-1", "ann", ""), 404)
	p.Want(p.Do("GET", "/v1/audit/state", "ann", ""), 200)
	p.Want(p.Do("GET", "/v1/audit/state", "vera", ""), 403)
	p.Want(p.Do("GET", "/v1/audit/verify", "ann", ""), 200)
	p.Want(p.Do("GET", "/v1/audit/verify", "vera", ""), 403)
	p.Do("GET", "/v1/audit/export?format=csv", "ann", "")
	p.Do("GET", "/v1/audit/export", "ann", "")
	p.Want(p.Do("GET", "/v1/audit/export?format=xml", "ann", ""), 400)
}

// An entry says who did what to what through what, and which fields changed; of a secret only that it did.
func TestEntriesSayWhatChanged(t *testing.T) {
	t.Parallel()
	p := apitest.NewProduct(t)
	p.Want(p.Do("POST", "/v1/users", "ann", `{"name":"bob","password":"a first long password","roles":["viewer"]}`), 201)
	p.Want(p.Do("PATCH", "/v1/users/bob", "ann", `{"roles":["viewer","operator"],"password":"a second long password"}`), 200)
	p.Want(p.Do("PUT", "/v1/secrets/gh", "ann", `{"value":"the-planted-secret"}`), 200)
	p.Want(p.Do("PUT", "/v1/vars/limit", "ann", `{"value":1.5}`), 200)
	p.Want(p.Do("PUT", "/v1/vars/limit", "ann", `{"value":2}`), 200)
	p.Want(p.Do("DELETE", "/v1/users/bob", "ann", ""), 204)
	var got []string
	apitest.Fatal(t, p.Store.Audit().Scan(t.Context(), audit.Range{Oldest: true}, func(e *audit.Entry) bool {
		line := e.Actor + " " + e.Via + " " + e.Operation + " " + e.Kind + " " + e.Subject + " " + string(e.Outcome)
		for _, c := range e.Changes {
			if c.Secret {
				line += " " + c.Field + ":secret"
			} else {
				line += " " + c.Field + ":" + string(c.Before) + ">" + string(c.After)
			}
		}
		for _, secret := range []string{"planted", "long password", "argon2"} {
			if strings.Contains(string(e.Text()), secret) {
				t.Errorf("%s is in %s", secret, e.Text())
			}
		}
		got = append(got, line)
		return true
	}))
	want := []string{
		`user:ann password createUser user bob done disabled:>false refresh_tokens:>false roles:>["viewer"] password:secret`,
		`user:ann password changeUser user bob done roles:["viewer"]>["viewer","operator"] password:secret`,
		`user:ann password putSecret secret gh done value:secret`,
		`user:ann password putVar var limit done value:>"1.5"`,
		`user:ann password putVar var limit done value:"1.5">2`,
		`user:ann password deleteUser user bob done disabled:false> refresh_tokens:false> roles:["viewer","operator"]> password:secret`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("entries\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// Somebody who guesses passwords or tries what is not permitted writes few entries, and no name that there is not.
func TestRefusalsAreEntriesAndBounded(t *testing.T) {
	t.Parallel()
	p := apitest.NewProduct(t)
	for range 5 {
		r := p.Request("GET", "/v1/users", "", "")
		r.SetBasicAuth("ann", "wrong")
		p.Want(p.Send(r), 401)
	}
	r := p.Request("GET", "/v1/users", "", "")
	r.SetBasicAuth("hunter2-in-the-wrong-field", "x")
	p.Want(p.Send(r), 401)
	for range 200 {
		p.Want(p.Do("DELETE", "/v1/users/ann", "vera", ""), 403)
	}
	p.Want(p.Do("GET", "/v1/users", "", ""), 401) // tries nothing
	var got []string
	apitest.Fatal(t, p.Store.Audit().Scan(t.Context(), audit.Range{Oldest: true}, func(e *audit.Entry) bool {
		if strings.Contains(string(e.Text()), "hunter2") {
			t.Errorf("a name that may be a password: %s", e.Text())
		}
		got = append(got, e.Actor+" "+e.Act+" "+e.Kind+" "+e.Subject+" "+string(e.Outcome))
		return true
	}))
	want := []string{"anonymous GET /v1/users user ann refused", "anonymous GET /v1/users   refused", "user:vera DELETE /v1/users/:name user ann refused"}
	if !slices.Equal(got, want) {
		t.Errorf("entries\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
