package api_test

import (
	"crypto/rand"
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/penstock/penstock/api/apitest"
	"github.com/penstock/penstock/auth"
)

// A signature header starts one run, at whichever endpoint it is sent. One that was used for a read starts none.
func TestASignatureStartsOneRun(t *testing.T) {
	t.Parallel()
	p := apitest.NewProduct(t)
	p.Deploy(69, "trigger: webhook\nsteps: [{set: {v: 1}}]")
	p.Deploy(70, "trigger: webhook\nsteps: [{set: {v: 2}}]")
	ts := func() string { return strconv.FormatInt(time.Now().Unix(), 10) }
	send := func(method, path, signature, body string) apitest.Reply {
		r := p.Request(method, path, "", body, auth.HeaderKey, "key-one", auth.HeaderSignature, signature)
		return p.Send(r)
	}
	const run, secret = "/v1/flows/69/runs", "secret-of-key-one"
	v1 := auth.Sign(ts(), []byte(`{"n":1}`), secret)
	p.Want(send("POST", run, v1, `{"n":1}`), 200)
	for _, path := range []string{run, run, "/v1/flows/70/runs"} {
		if w := p.Want(send("POST", path, v1, `{"n":1}`), 401); w["code"] != "replayed" {
			t.Errorf("again at %s: %v", path, w)
		}
	}
	read := auth.Sign(ts(), nil, secret)
	p.Want(send("GET", "/v1/runs", read, ""), 200)
	p.Want(send("POST", run, read, ""), 401)

	v2 := auth.SignV2("POST", run, "key-one", ts(), rand.Text(), nil, secret)
	p.Want(send("POST", "/v1/flows/70/runs", v2, ""), 401)
	p.Want(send("POST", run, v2, ""), 200)
	p.Want(send("POST", run, v2, ""), 401)

	p.Want(p.Do("PATCH", "/v1/keys/key-one", "ann", `{"on_replay":"attach","signature_v1":false}`), 200)
	p.Want(send("POST", run, auth.Sign(ts(), []byte(`{"n":2}`), secret), `{"n":2}`), 401)
	v2 = auth.SignV2("POST", run, "key-one", ts(), rand.Text(), nil, secret)
	one, two := p.Want(send("POST", run, v2, ""), 200), p.Want(send("POST", run, v2, ""), 200)
	if one["run_id"] == nil || fmt.Sprint(one["run_id"]) != fmt.Sprint(two["run_id"]) {
		t.Errorf("attach: %v, %v", one, two)
	}
	if k := p.Want(p.Do("GET", "/v1/keys/key-one", "ann", ""), 200); k["signature_v1"] != false {
		t.Errorf("key %v", k)
	}
}
