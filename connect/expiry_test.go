package connect

import (
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/google/go-cmp/cmp"

	"github.com/penstock/penstock/store"
)

// Clients and settings of connections that have an end are listed with it; what has none, or cannot be read, is left out.
func TestExpiries(t *testing.T) {
	t.Parallel()
	now := time.Now().Truncate(time.Second).UTC()
	early, late := now.Add(time.Hour), now.Add(2*time.Hour)
	first, key := selfSignedUntil(t, "first", early)
	second, _ := selfSignedUntil(t, "second", late)
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.HS256, Key: []byte(strings.Repeat("k", 32))}, nil)
	if err != nil {
		t.Fatal(err)
	}
	sign := func(claims jwt.Claims) string {
		t.Helper()
		text, err := jwt.Signed(signer).Claims(claims).Serialize()
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	endless, ends := sign(jwt.Claims{Subject: "a"}), sign(jwt.Claims{Expiry: jwt.NewNumericDate(late)})
	p := newTestFleet(t).newProcess()
	for _, c := range []store.Connection{
		{Name: "bank", Type: "mtls", Settings: map[string]string{"certificate": second + first, "key": key, "ca": first + second}},
		{Name: "crm", Type: "jwt_assertion", Settings: map[string]string{"assertion": ends}},
		{Name: "maps", Type: "bearer", Settings: map[string]string{"token": ends}},
		{Name: "endless", Type: "bearer", Settings: map[string]string{"token": endless}},
		{Name: "opaque", Type: "bearer", Settings: map[string]string{"token": "a.b.c", "certificate": key, "ca": "nothing"}},
	} {
		if _, err := p.store.Connections().Put(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]store.Client{
		"client-a": {Expires: "2028-12-31", TimeZone: "Europe/Paris"},
		"client-b": {},
		"client-c": {Expires: "2028-12-31", Disabled: true},
	} {
		c.Identifier, c.Name, c.Hash = name, name, "h"
		if _, err := p.store.Clients().Create(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	}
	got, err := Expiries(t.Context(), p.store)
	if err != nil {
		t.Fatal(err)
	}
	want := []store.Expiry{
		{Kind: "client", Name: "client-a", Ends: time.Date(2028, 12, 31, 23, 0, 0, 0, time.UTC)},
		{Kind: "certificate", Name: "bank", Ends: early}, {Kind: "ca", Name: "bank", Ends: late},
		{Kind: "assertion", Name: "crm", Ends: late}, {Kind: "token", Name: "maps", Ends: late},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
