package api_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/penstock/penstock/api"
	"github.com/penstock/penstock/api/apitest"
	"github.com/penstock/penstock/auth/keyusage"
	"github.com/penstock/penstock/store"
)

type uses struct{}

func (uses) Use(context.Context, *store.Key) (keyusage.Use, error) {
	return keyusage.Use{Current: 3, Previous: 1, LastPrevious: time.Unix(1795280000, 0).UTC()}, nil
}

// While a key has two secrets, the response for the key has the usage of both.
func TestKeyTellsTheUseOfItsSecrets(t *testing.T) {
	t.Parallel()
	p := apitest.NewProduct(t, func(c *api.Config) { c.KeyUsage = uses{} })
	p.HTTP = &http.Client{Transport: newContractClient(t)}
	p.Want(p.Do("POST", "/v1/keys", "ann", `{"key":"web"}`), 201)
	read := func() map[string]any { return p.Want(p.Do("GET", "/v1/keys/web", "ann", ""), 200) }
	if use, told := read()["secret_use"]; told {
		t.Errorf("a key with one secret tells %v", use)
	}
	p.Want(p.Do("POST", "/v1/keys/web/rotate", "ann", ""), 200)
	use, _ := read()["secret_use"].(map[string]any)
	if use["current"] != 3.0 || use["previous"] != 1.0 || use["last_previous_at"] != time.Unix(1795280000, 0).UTC().Format(time.RFC3339) {
		t.Errorf("told %v", use)
	}
	p.Want(p.Do("POST", "/v1/keys/web/rotate", "ann", `{"overlap_seconds":0}`), 200)
	if use, told := read()["secret_use"]; told {
		t.Errorf("a key whose old secret has ended tells %v", use)
	}
}
