package webhooks_test

import (
	"fmt"
	"net/url"
	"testing"

	"github.com/penstock/penstock/api/apitest"
)

// newProduct returns a product with two webhooks of flow 1.
func newProduct(t *testing.T) (p *apitest.Product, first, second string) {
	t.Helper()
	p = apitest.NewProduct(t)
	p.Deploy(1, apitest.FlowPasses)
	p.Deploy(2, apitest.FlowPasses)
	return p, p.Webhook(1, "1", "https://a.example.org/x?token=hunter2"), p.Webhook(1, "2", "https://b.example.org/y")
}

func TestDeliveriesAreForTheStaff(t *testing.T) {
	t.Parallel()
	p, first, _ := newProduct(t)
	endpoint := p.Want(p.Do("GET", "/v1/flows/1/webhook-endpoints", "vera", ""), 200)["items"].([]any)[0].(map[string]any)["id"].(string)
	for _, c := range []struct {
		who         string
		read, write int
	}{{"", 401, 401}, {"key-one", 404, 403}, {"ulf", 404, 403}, {"vera", 200, 403}, {"otto", 200, 200}} {
		switched := map[int]int{200: 204}
		for _, path := range []string{"/v1/flows/1/webhooks", "/v1/flows/1/webhooks/" + first, "/v1/flows/1/webhook-endpoints"} {
			if got := p.Do("GET", path, c.who, ""); got.StatusCode != c.read {
				t.Errorf("%s: GET %s: %d", c.who, path, got.StatusCode)
			}
		}
		for path, want := range map[string]int{
			"/webhooks/" + first + "/redeliver":           c.write,
			"/webhook-endpoints/" + endpoint + "/disable": max(c.write, switched[c.write]), "/webhook-endpoints/" + endpoint + "/enable": max(c.write, switched[c.write]),
		} {
			if got := p.Do("POST", "/v1/flows/1"+path, c.who, ""); got.StatusCode != want {
				t.Errorf("%s: POST %s: %d, want %d", c.who, path, got.StatusCode, want)
			}
			p.Do("POST", "/v1/flows/1/webhook-endpoints/"+endpoint+"/enable", "otto", "")
		}
	}
	for _, path := range []string{"/v1/flows/2/webhooks/" + first, "/v1/flows/1/webhooks/msg_none", "/v1/flows/9/webhooks"} {
		p.Want(p.Do("GET", path, "ann", ""), 404)
	}
	p.Want(p.Do("POST", "/v1/flows/2/webhooks/"+first+"/redeliver", "ann", ""), 404)
	p.Want(p.Do("POST", "/v1/flows/2/webhook-endpoints/"+endpoint+"/disable", "ann", ""), 404)
}

func TestListingsAndEndpoints(t *testing.T) {
	t.Parallel()
	p, first, _ := newProduct(t)
	list := func(what, filter string) []any {
		t.Helper()
		return p.Want(p.Do("GET", "/v1/flows/1/"+what+"?filter="+url.QueryEscape(filter), "otto", ""), 200)["items"].([]any)
	}
	if all := list("webhooks", `state eq "pending" and type eq "order.paid"`); len(all) != 2 || all[0].(map[string]any)["body"] != nil {
		t.Errorf("%v", all)
	}
	one := list("webhooks", fmt.Sprintf("id eq %q", first))
	if len(one) != 1 || one[0].(map[string]any)["url"] != "https://a.example.org/x" {
		t.Fatalf("%v", one)
	}
	endpoint := one[0].(map[string]any)["endpoint_id"].(string)
	p.Want(p.Do("POST", "/v1/flows/1/webhook-endpoints/"+endpoint+"/disable", "otto", ""), 204)
	if got := p.Want(p.Do("POST", "/v1/flows/1/webhooks/"+first+"/redeliver", "otto", ""), 409); got["code"] != "endpoint_disabled" {
		t.Errorf("%v", got)
	}
	if got := list("webhook-endpoints", `reason eq "manual"`); len(got) != 1 || got[0].(map[string]any)["id"] != endpoint {
		t.Errorf("%v", got)
	}
	p.Want(p.Do("POST", "/v1/flows/1/webhook-endpoints/"+endpoint+"/enable", "otto", ""), 204)
	got := p.Want(p.Do("POST", "/v1/flows/1/webhooks/"+first+"/redeliver", "otto", ""), 200)
	if body := got["body"].(map[string]any); body["type"] != "order.paid" || got["state"] != "pending" {
		t.Errorf("%v", got)
	}
}
