package flows_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/penstock/penstock/api/apitest"
)

// A deployment that names the version that it is based on is refused when another is current.
func TestDeploymentsAreBasedOnVersions(t *testing.T) {
	t.Parallel()
	p := apitest.NewProduct(t)
	put := func(n int, headers ...string) apitest.Reply {
		return p.Do("PUT", "/v1/flows/69", "ann", fmt.Sprintf(source, n), append(headers, "Content-Type", "application/yaml")...)
	}
	if gone := p.Want(put(1, "If-Match", `"abc"`), 412); gone["code"] != "stale" || !strings.Contains(fmt.Sprint(gone["detail"]), "deleted") {
		t.Errorf("a flow that is not there: %v", gone)
	}
	r := put(1, "If-None-Match", "*")
	p.Want(r, 201)
	one := r.Header.Get("ETag")
	p.Want(put(2, "If-None-Match", "*"), 412)
	r = put(2, "If-Match", one)
	p.Want(r, 200)
	stale := p.Want(put(3, "If-Match", one), 412)
	if two := strings.Trim(r.Header.Get("ETag"), `"`); stale["code"] != "stale" || !strings.Contains(fmt.Sprint(stale["detail"]), two[:12]) {
		t.Errorf("an older base: %v", stale)
	}
	p.Want(put(2, "If-Match", one), 200) // is current already
	p.Want(p.Do("POST", "/v1/flows/69/rollback", "ann", "", "If-Match", one), 412)
	p.Want(p.Do("POST", "/v1/flows/69/rollback", "ann", "", "If-Match", r.Header.Get("ETag")), 200)
	for _, headers := range [][]string{
		{"If-Match", "abc"}, {"If-Match", `W/"abc"`}, {"If-Match", `"a", "b"`}, {"If-Match", "*"}, {"If-None-Match", `"abc"`}, {"If-Match", one, "If-None-Match", "*"}, {"If-Match", `"none"`},
	} {
		if bad := p.Want(put(4, headers...), 400); bad["code"] != "bad_precondition" {
			t.Errorf("%v: %v", headers, bad)
		}
	}
}

func TestVersionsSayWhoAndWhy(t *testing.T) {
	t.Parallel()
	p := apitest.NewProduct(t)
	message := "greets, too: <b>Zoë</b>"
	p.Want(p.Do("PUT", "/v1/flows/69?message="+url.QueryEscape(message), "ann", fmt.Sprintf(source, 1)), 201)
	p.Want(p.Do("PUT", "/v1/flows/69", "ann", fmt.Sprintf(source, 2)), 200)
	p.Want(p.Do("POST", "/v1/flows/69/rollback", "ann", `{"message":"was wrong"}`), 200)
	versions := p.Want(p.Do("GET", "/v1/flows/69/versions?filter="+url.QueryEscape(`by eq "user:ann"`), "vera", ""), 200)["items"].([]any)
	first := versions[0].(map[string]any)
	if len(versions) != 2 || first["by"] != "user:ann" || first["message"] != "was wrong" {
		t.Errorf("versions %v", versions)
	}
	p.Want(p.Do("PUT", "/v1/flows/69?message="+url.QueryEscape(strings.Repeat("x", 301)), "ann", fmt.Sprintf(source, 3)), 400)
	audit := p.Want(p.Do("GET", "/v1/audit?filter="+url.QueryEscape(`message contains "Zoë"`), "ann", ""), 200)["items"].([]any)
	if len(audit) != 1 || audit[0].(map[string]any)["message"] != message {
		t.Errorf("audit %v", audit)
	}
}
