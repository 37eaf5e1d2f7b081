package admin

import (
	"encoding/json"
	"errors"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/penstock/penstock/api/httpx"
	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/store"
)

// wantInvalid checks that an error is about the member; empty: that there is none.
func wantInvalid(t *testing.T, input string, err error, member string) {
	t.Helper()
	var invalid *store.InvalidError
	if got := errors.As(err, &invalid); got != (member != "") || got && invalid.Member != member || !got && err != nil {
		t.Errorf("%s: error %v, want one about %q", input, err, member)
	}
}

func TestKeyInput(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ input, member string }{
		{`{"name":"n","api_access":false,"flows":[1,2],"on_replay":"attach","impersonate":["ann"],"rate_limit":"5/s"}`, ""},
		{`{"ts_window":1}`, ""},
		{`{"ts_window":86400}`, ""},
		{`{"ts_window":0}`, "ts_window"},
		{`{"ts_window":86401}`, "ts_window"},
		{`{"secret":"12345678"}`, ""},
		{`{"secret":"1234567"}`, "secret"},
		{`{"secret":"` + strings.Repeat("x", maxKeySecret) + `"}`, ""},
		{`{"secret":"` + strings.Repeat("x", maxKeySecret+1) + `"}`, "secret"},
		{`{"secret":null}`, "secret"},
		{`{"flows":null}`, ""},
		{`{"flows":[1,0]}`, "flows"},
		{`{"flows":[-1]}`, "flows"},
		{`{"public_key":"no PEM"}`, "public_key"},
		{`{"rate_limit":"many"}`, "rate_limit"},
	} {
		var in keyInput
		if err := json.Unmarshal([]byte(tc.input), &in); err != nil {
			t.Fatal(err)
		}
		wantInvalid(t, tc.input, in.apply(new(api), &store.Key{}), tc.member)
	}
}

// Absent members stay as they are, and a new secret ends the rotation.
func TestKeyInputMembers(t *testing.T) {
	t.Parallel()
	before := store.Key{
		Name: "crm", Secret: "old secret", Previous: "older secret", PreviousUntil: time.Unix(1, 0), APIAccess: true, Flows: []int64{69},
		Window: time.Minute, OnReplay: "reject", Impersonate: []string{"ann"}, Rate: "5/s",
	}
	same := before
	if err := new(keyInput).apply(new(api), &same); err != nil || !reflect.DeepEqual(same, before) {
		t.Errorf("without members: %+v, %v", same, err)
	}
	in := keyInput{Secret: httpx.Optional[string]{Set: true, Value: "new secret"}, SignatureV1: httpx.Optional[bool]{Set: true}}
	changed := before
	if err := in.apply(new(api), &changed); err != nil {
		t.Fatal(err)
	}
	if changed.Secret != "new secret" || changed.Previous != "" || !changed.PreviousUntil.IsZero() || !changed.RefuseV1 || changed.Name != "crm" {
		t.Errorf("changed to %+v", changed)
	}
}

func TestClientInput(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ input, member string }{
		{`{}`, ""},
		{`{"scopes":["flows:run","flows:run:69"]}`, ""},
		{`{"scopes":["flows:run:x"]}`, "scopes"},
		{`{"scopes":["everything"]}`, "scopes"},
		{`{"token_ttl_minutes":1}`, ""},
		{`{"token_ttl_minutes":0}`, "token_ttl_minutes"},
		{`{"scope_separator":"comma"}`, ""},
		{`{"scope_separator":"space"}`, ""},
		{`{"scope_separator":""}`, ""},
		{`{"scope_separator":"tab"}`, "scope_separator"},
	} {
		var in clientInput
		if err := json.Unmarshal([]byte(tc.input), &in); err != nil {
			t.Fatal(err)
		}
		wantInvalid(t, tc.input, in.apply(new(api), &store.Client{}), tc.member)
	}
}

// A principal grants only scopes that it holds for all flows.
func TestMayGrant(t *testing.T) {
	t.Parallel()
	gin.SetMode(gin.ReleaseMode)
	for _, tc := range []struct {
		name      string
		principal auth.Principal
		scopes    []auth.Scope
		want      bool
	}{
		{"what it holds", auth.Principal{Scopes: []auth.Scope{auth.ScopeClients, auth.ScopeRun}}, []auth.Scope{auth.ScopeRun}, true},
		{"a part of what it holds", auth.Principal{Scopes: []auth.Scope{auth.ScopeRun}}, []auth.Scope{"flows:run:69"}, true},
		{"nothing", auth.Principal{}, nil, true},
		{"what it does not hold", auth.Principal{Scopes: []auth.Scope{auth.ScopeClients}}, []auth.Scope{auth.ScopeRun}, false},
		{"more flows than its own", auth.Principal{Scopes: []auth.Scope{"flows:run:69"}}, []auth.Scope{auth.ScopeRun}, false},
		{"limited to some flows", auth.Principal{Scopes: []auth.Scope{auth.ScopeRun}, Flows: []int64{69}}, []auth.Scope{auth.ScopeRun}, false},
		{"limited to no flow", auth.Principal{Scopes: []auth.Scope{auth.ScopeRun}, Flows: []int64{}}, nil, false},
	} {
		c, _ := gin.CreateTestContext(httptest.NewRecorder())
		frame := httpx.Frame{Now: time.Now}
		frame.Begin(c).Principal = &tc.principal
		err := mayGrant(c, tc.scopes)
		var rejected *auth.Error
		if (err == nil) != tc.want || err != nil && (!errors.As(err, &rejected) || rejected.Code != auth.CodeForbidden) {
			t.Errorf("%s: %v", tc.name, err)
		}
	}
}
