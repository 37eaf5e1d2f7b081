// The race detector multiplies the times that are compared here.

//go:build !race

package auth

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/penstock/penstock/store"
)

// The duration of a rejection does not reveal whether a user or client exists. The noise is measured by comparing
// the request "known" with itself; a rejection without a hash shows that the test detects a difference.
func TestAttackEnumerationByTiming(t *testing.T) {
	a := newAuthority(t, noWait{}) // not parallel: it measures
	guesses := 0
	refused := func(r *TokenRequest, want Code) {
		if _, err := a.Token(t.Context(), r); asError(err) == nil || asError(err).Code != want {
			t.Fatalf("%v: %v", r.Params, err)
		}
	}
	guess := func() string { guesses++; return fmt.Sprint("guess ", guesses) }
	login := func(name string) func() {
		return func() {
			refused(&TokenRequest{Endpoint: SyncAccess, Params: map[string]string{"grant_type": "password", "username": name, "password": guess()}}, CodeInvalidGrant)
		}
	}
	client := func(id string) func() {
		return func() {
			h := &http.Request{Header: http.Header{}}
			h.SetBasicAuth(id, guess())
			refused(&TokenRequest{Endpoint: Integrify, Header: h.Header, Params: map[string]string{"grant_type": "client_credentials"}}, CodeInvalidClient)
		}
	}
	unhashed := func() {
		refused(&TokenRequest{Endpoint: SyncAccess, Params: map[string]string{"grant_type": "password", "username": "ann"}}, CodeInvalidRequest)
	}
	if _, err := a.config.Store.Keys().Put(t.Context(), store.Key{Key: "key-a", Secret: "a-secret-of-a-key", APIAccess: true}); err != nil {
		t.Fatal(err)
	}
	check := func(key string) func() {
		q, err := ParseQuery("flow=1&ts=1&check=00112233445566778899aabbccddeeff&key=" + key)
		if err != nil {
			t.Fatal(err)
		}
		return func() {
			for range 2000 { // one alone is too short to be measured
				_, secrets, err := FindKey(t.Context(), a.config.Store.Keys(), key, time.Now())
				if err != nil || VerifyCheck(q, []byte(`{"a":1}`), secrets) {
					t.Fatalf("%s: %v", key, err)
				}
			}
		}
	}
	for name, c := range map[string]*comparison{
		"keys":    {known: check("key-a"), others: map[string]func(){"unknown": check("key-b")}},
		"users":   {known: login("ann"), others: map[string]func(){"unknown": login("nobody"), "without the role": login("guest"), "disabled": login("gone")}},
		"clients": {known: client("client-a"), others: map[string]func(){"unknown": client("client-b")}},
	} {
		for who, differs := range c.run(false) {
			if differs {
				t.Errorf("%s: %s shows in the time; %s", name, who, c)
			}
		}
		t.Log(name, c)
	}
	control := &comparison{known: login("ann"), others: map[string]func(){"without a hash": unhashed}}
	if !control.run(true)["without a hash"] {
		t.Errorf("the test is blind: %s", control)
	}
}
