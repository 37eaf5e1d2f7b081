package api_test

import (
	"errors"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/api/apitest"
	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/queue"
)

// The test causes each status that one of the four documents lists, by the words of its row. The tests of the
// domains check the bodies.
func TestStatusesOfTheDocuments(t *testing.T) {
	t.Parallel()
	failed := queue.Result{State: queue.Failed, Error: &flows.Error{Code: flows.CodeStepFailed, Message: "HTTP 500"}}
	over := queue.Result{State: queue.TimedOut}
	token := func(o *authAPI) string { return bearer(o.token(o.ansira(o.assertion(), ""))) }
	for _, row := range []struct {
		name   string
		status int
		header string // that the answer has; "name: a part of its value"
		ask    func(o *authAPI) *httptest.ResponseRecorder
	}{
		{"SmartSYNC/200: successful run", 200, "", func(o *authAPI) *httptest.ResponseRecorder { return o.Call(apitest.Call{}) }},
		{"SmartSYNC/400: error occurred during run", 400, "", func(o *authAPI) *httptest.ResponseRecorder {
			o.Queue.Result = failed
			return o.Call(apitest.Call{})
		}},
		{"SmartSYNC/400: execution time is limited", 400, "", func(o *authAPI) *httptest.ResponseRecorder {
			o.Queue.Result = over
			return o.Call(apitest.Call{})
		}},
		{"SmartSYNC/500: an unexpected server error", 500, "", func(o *authAPI) *httptest.ResponseRecorder {
			o.Queue.Fail = errors.New("ours")
			return o.Call(apitest.Call{})
		}},
		{"syncAccess/200: the credentials are valid", 200, "Cache-Control: no-store", func(o *authAPI) *httptest.ResponseRecorder {
			return o.form("/appservices/token", passwordForm)
		}},
		{"syncAccess/400: the credentials are not", 400, "", func(o *authAPI) *httptest.ResponseRecorder {
			return o.form("/appservices/token", with(passwordForm, "password", "wrong"))
		}},
		{"syncAccess/200: Bearer", 200, "", func(o *authAPI) *httptest.ResponseRecorder { return o.run("bearer " + o.annsToken()) }},
		{"syncAccess/200: Basic", 200, "", func(o *authAPI) *httptest.ResponseRecorder { return o.run(basic("ann", annsPassword)) }},
		{"syncAccess/401: without the role Api User", 401, `Www-Authenticate: Basic`, func(o *authAPI) *httptest.ResponseRecorder { return o.run(basic("guest", annsPassword)) }},
		{"syncAccess/403: after 30 minutes", 403, `Www-Authenticate: error="invalid_token"`, func(o *authAPI) *httptest.ResponseRecorder {
			anns := o.annsToken()
			o.clock.pass(30*time.Minute + time.Second)
			return o.run(bearer(anns))
		}},
		{"Ansira/200: an API call", 200, "", func(o *authAPI) *httptest.ResponseRecorder { return o.run(token(o)) }},
		{"Ansira/401: the access token is missing", 401, "Www-Authenticate: Bearer", func(o *authAPI) *httptest.ResponseRecorder { return o.run("") }},
		{"Ansira/401: unknown token", 401, "Www-Authenticate: Bearer", func(o *authAPI) *httptest.ResponseRecorder { return o.run(bearer("pst_unknown")) }},
		{"Ansira/403: expired", 403, `Www-Authenticate: error="invalid_token"`, func(o *authAPI) *httptest.ResponseRecorder {
			old := token(o)
			o.clock.pass(5*time.Minute + time.Second)
			return o.run(old)
		}},
		{"Ansira/403: invalidated", 403, `Www-Authenticate: error="invalid_token"`, func(o *authAPI) *httptest.ResponseRecorder {
			old := token(o)
			o.assertion()
			return o.run(old)
		}},
		{"Ansira/403: not granted the scopes", 403, `Www-Authenticate: error="insufficient_scope"`, func(o *authAPI) *httptest.ResponseRecorder {
			return o.run(bearer(o.token(o.ansira(o.assertion(), "runs:read"))))
		}},
		{"Ansira/404: the resource does not exist", 404, "", func(o *authAPI) *httptest.ResponseRecorder {
			return o.API("POST", "/v1/flows/4711/runs", token(o), `{}`)
		}},
		{"Ansira/429: past the rate limit of its address", 429, "Retry-After: ", func(o *authAPI) *httptest.ResponseRecorder {
			o.API("GET", "/v1/runs/"+apitest.RunID(9), "", "")
			o.API("GET", "/v1/runs/"+apitest.RunID(9), "", "")
			o.API("GET", "/v1/runs/"+apitest.RunID(9), "", "")
			return o.API("GET", "/v1/runs/"+apitest.RunID(9), "", "")
		}},
		{"Ansira/500: an issue while processing", 500, "", func(o *authAPI) *httptest.ResponseRecorder {
			o.Queue.Fail = errors.New("ours")
			return o.run(token(o))
		}},
		{"Ansira/503: too many calls", 503, "Retry-After: ", func(o *authAPI) *httptest.ResponseRecorder {
			o.Queue.Fail = queue.ErrFull
			return o.run(token(o))
		}},
		{"Ansira/504: it takes too long", 504, "Link: status", func(o *authAPI) *httptest.ResponseRecorder {
			o.Queue.Result = over
			return o.run(token(o))
		}},
		{"Integrify/200: an access token for a JWT", 200, "", func(o *authAPI) *httptest.ResponseRecorder { return o.integrify(o.signed(nil)) }},
		{"Integrify/200: impersonate", 200, "", func(o *authAPI) *httptest.ResponseRecorder {
			return o.run(bearer(o.token(o.integrify(o.signed(claims{"sub": "ann"})))))
		}},
		{"Integrify/400: the JWT is not valid any more", 400, "", func(o *authAPI) *httptest.ResponseRecorder {
			old := o.signed(nil)
			o.clock.pass(2 * time.Hour)
			return o.integrify(old)
		}},
		{"Integrify/403: after 3600 seconds", 403, `Www-Authenticate: error="invalid_token"`, func(o *authAPI) *httptest.ResponseRecorder {
			old := bearer(o.token(o.integrify(o.signed(nil))))
			o.clock.pass(time.Hour + time.Second)
			return o.run(old)
		}},
		{"Integrify/200: Basic", 200, "", func(o *authAPI) *httptest.ResponseRecorder { return o.run(basic("ann", annsPassword)) }},
		{"Integrify/401: Basic, another password", 401, "Www-Authenticate: Basic", func(o *authAPI) *httptest.ResponseRecorder { return o.run(basic("ann", "wrong")) }},
		{"around them/200: metadata", 200, "", func(o *authAPI) *httptest.ResponseRecorder {
			return o.API("GET", "/.well-known/oauth-authorization-server", "", "")
		}},
		{"around them/200: introspection", 200, "", func(o *authAPI) *httptest.ResponseRecorder {
			return o.form("/oauth/introspect", url.Values{"token": {"x"}}, "Authorization", crmBasic)
		}},
		{"around them/401: introspection without a client", 401, "Www-Authenticate: Basic", func(o *authAPI) *httptest.ResponseRecorder {
			return o.form("/oauth/introspect", url.Values{"token": {"x"}})
		}},
		{"around them/200: revocation of what there is not", 200, "", func(o *authAPI) *httptest.ResponseRecorder {
			return o.form("/oauth/revoke", url.Values{"token": {"x"}}, "Authorization", crmBasic)
		}},
		{"around them/429: too many token requests", 429, "Retry-After: ", func(o *authAPI) *httptest.ResponseRecorder {
			for range 3 {
				o.form("/token", url.Values{})
			}
			return o.form("/oauth2/token", url.Values{})
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			open := newAuthAPI
			if row.status == 429 {
				open = newLimitedAPI
			}
			o := open(t)
			w := row.ask(o)
			name, part, _ := strings.Cut(row.header, ": ")
			if w.Code != row.status || name != "" && (w.Header().Get(name) == "" || !strings.Contains(strings.Join(w.Header().Values(name), ", "), part)) {
				t.Errorf("%d %v %s", w.Code, w.Header(), w.Body)
			}
		})
	}
}
