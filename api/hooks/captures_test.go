package hooks_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/penstock/penstock/api/apitest"
)

// A capture takes any method, proposes the sender, answers questions that need no proof, and keeps no secret.
func TestCapture(t *testing.T) {
	t.Parallel()
	p := apitest.NewProduct(t)
	p.Want(p.Do("POST", "/v1/captures", "otto", `{"seconds":3601}`), 400)
	p.Want(p.Do("POST", "/v1/captures", "key-one", ""), 403)
	opened := p.Want(p.Do("POST", "/v1/captures", "otto", ""), 201)
	path := strings.TrimPrefix(opened["url"].(string), apitest.Issuer)
	own := "/v1/captures/" + opened["capture"].(string)

	p.Want(p.Do("PATCH", path+"?api_key=planted-1", "", "a=1&password=planted-2", "Content-Type", "application/x-www-form-urlencoded", "Authorization", "Bearer planted-3"), 200)
	p.Want(p.Do("HEAD", path, "", ""), 200)
	if r := p.Do("GET", path+"?challenge=abc", "", ""); r.StatusCode != 200 || r.Text != "abc" {
		t.Errorf("the question of Dropbox: %d %s", r.StatusCode, r.Text)
	}
	p.Want(p.GitHub(path, `{"n":1}`, "d-1"), 200)
	p.Want(p.Do("POST", path, "", strings.Repeat("x", 2<<20), "Expect", "100-continue"), 413) // refused before it is sent: a connection that is cut off may lose the response
	requests := p.Want(p.Do("GET", own, "otto", ""), 200)["requests"].([]any)
	if len(requests) != 4 {
		t.Fatalf("%d requests", len(requests))
	}
	if text := fmt.Sprint(requests); strings.Contains(text, "planted") || strings.Contains(text, apitest.HexMAC("s3", `{"n":1}`)) {
		t.Errorf("a secret is kept: %s", text)
	}
	first, last := requests[0].(map[string]any), requests[3].(map[string]any)
	if first["method"] != "PATCH" || first["query"] != "api_key=***" || first["body"] != "a=1&password=***" {
		t.Errorf("%v", first)
	}
	if sender := last["candidates"].([]any)[0].(map[string]any); sender["sender"] != "github" || !strings.Contains(sender["lines"].(string), "scheme: github") {
		t.Errorf("%v", last)
	}

	for range 16 {
		p.Want(p.Do("POST", path, "", `{}`), 200)
	}
	p.Want(p.Do("POST", path, "", `{"n":21}`), 200)
	full := p.Want(p.Do("GET", own, "otto", ""), 200)
	if full["full"] != true || len(full["requests"].([]any)) != 20 {
		t.Errorf("full: %v, %d requests", full["full"], len(full["requests"].([]any)))
	}
	for _, who := range []string{"ann", "vera", "ulf", "key-one", ""} {
		if r := p.Do("GET", own, who, ""); r.StatusCode < 400 {
			t.Errorf("%q sees the capture of otto", who)
		}
	}
	p.Want(p.Do("DELETE", own, "otto", ""), 204)
	p.Want(p.Do("POST", path, "", `{}`), 404)
	p.Want(p.Do("POST", "/hooks/captures/x", "", `{}`), 404)
	for _, entry := range p.Want(p.Do("GET", "/v1/audit", "ann", ""), 200)["items"].([]any) {
		if strings.Contains(fmt.Sprint(entry), opened["capture"].(string)) {
			t.Errorf("the audit log has the token: %v", entry)
		}
	}
}
