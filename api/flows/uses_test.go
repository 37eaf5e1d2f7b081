package flows_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/penstock/penstock/api/apitest"
	"github.com/penstock/penstock/store"
)

// The answer to a deployment has the warnings, and so has a check, which deploys nothing.
func TestADeploymentSaysWhatTheServerLacks(t *testing.T) {
	t.Parallel()
	p := apitest.NewProduct(t)
	const source = "flow: 5\nslug: five\nvars: {team: null, n: 1}\nsteps:\n  - set: {a: .b, t: '${ $vars.team }'}\n  - http: {get: https://erp.example.org, connection: erp}\n  - call: five\n  - call: other\n  - encode: {hmac: \"${ .a }\", secret: key}\n"
	codes := func(v map[string]any) (all string) {
		warnings, _ := v["warnings"].([]any)
		for _, w := range warnings {
			w := w.(map[string]any)
			all += fmt.Sprintf("%v:%v %v %v\n", w["line"], w["column"], w["code"], w["name"])
		}
		return all
	}
	const want = "5:14 path_as_text <nil>\n3:14 missing_var team\n6:54 missing_connection erp\n8:11 missing_flow other\n9:39 missing_secret key\n"
	yaml := []string{"Content-Type", "application/yaml"}
	if got := codes(p.Want(p.Do("POST", "/v1/flows/5/check", "ann", source, yaml...), 200)); got != want {
		t.Errorf("check: got\n%s", got)
	}
	p.Want(p.Do("GET", "/v1/flows/5", "ann", ""), 404)
	if got := codes(p.Want(p.Do("PUT", "/v1/flows/5", "ann", source, yaml...), 201)); got != want {
		t.Errorf("deploy: got\n%s", got)
	}
	p.Want(p.Do("PUT", "/v1/vars/team", "ann", `{"value":"red"}`), 200)
	p.Want(p.Do("PUT", "/v1/vars/n", "ann", `{"value":"two"}`), 200)
	p.Want(p.Do("PUT", "/v1/connections/erp", "ann", `{"type":"basic","hosts":["erp.example.org"],"settings":{"username":"u","password":"p"}}`), 200)
	p.Want(p.Do("PUT", "/v1/secrets/key", "ann", `{"value":"v"}`), 200)
	p.Deploy(6, "slug: other\nsteps: [{set: {v: 1}}]")
	if got := codes(p.Want(p.Do("PUT", "/v1/flows/5", "ann", source, yaml...), 200)); got != "5:14 path_as_text <nil>\n3:23 missing_var n\n" {
		t.Errorf("with all but a value of the right type: got\n%s", got)
	}
	if read := p.Want(p.Do("GET", "/v1/flows/5", "ann", ""), 200); read["warnings"] != nil {
		t.Errorf("reading the flow: %v", read["warnings"])
	}
}

// A writer of flow 69 cannot deploy a flow that calls flow 100, or that uses a connection or secret whose record
// does not list flow 69.
func TestAWriterOfSomeFlowsUsesWhatItMay(t *testing.T) {
	t.Parallel()
	p := apitest.NewProduct(t)
	for _, n := range []int{69, 70, 100} {
		p.Deploy(n, fmt.Sprintf("slug: flow-%d\ntrigger: webhook\nsteps: [{set: {v: 1}}]", n))
	}
	made := p.Want(p.Do("POST", "/v1/clients", "ann", `{"name":"w","scopes":["flows:write:69","flows:run:69","flows:run:70"],"secret":"the-writers-own-secret"}`), 201)
	form := p.Request("POST", "/oauth2/token", "", "grant_type=client_credentials", "Content-Type", "application/x-www-form-urlencoded")
	form.SetBasicAuth(fmt.Sprint(made["identifier"]), "the-writers-own-secret")
	token := fmt.Sprint("Bearer ", p.Want(p.Send(form), 200)["access_token"])
	for _, name := range []string{"listed", "other"} {
		flows := map[string]string{"listed": "[69]", "other": "[70]"}[name]
		p.Want(p.Do("PUT", "/v1/connections/"+name, "ann", `{"type":"basic","hosts":["x.example.org"],"settings":{"username":"u","password":"p"},"flows":`+flows+`}`), 200)
		p.Want(p.Do("PUT", "/v1/secrets/"+name, "ann", `{"value":"v","flows":`+flows+`}`), 200)
	}
	p.Want(p.Do("PUT", "/v1/secrets/bare", "ann", `{"value":"v"}`), 200)
	apitest.Fatal(t, p.Store.Secrets().Put(t.Context(), "listed", "another value")) // keeps the list
	for step, refused := range map[string]string{
		"{call: 69}":                       "",
		"{call: flow-69}":                  "",
		"{call: 70}":                       "",
		"{emit: flow-70}":                  "",
		"{call: 100}":                      `flow "100": there is none that you may run`,
		"{call: flow-100}":                 `flow "flow-100": there is none that you may run`,
		"{emit: 100}":                      `flow "100"`,
		"{call: {flow: 100, wait: false}}": `flow "100"`,
		`{call: "070"}`:                    `flow "070"`,
		"{call: 404}":                      `flow "404": there is none that you may run`,
		"{state: {get: x}}":                "",
		"{state: {get: x, scope: flow}}":   "",
		"{state: {get: x, scope: shared}}": `state "shared": it is for writers of all flows`,
		"{limit: {key: k, rate: 1, per: 1s, scope: shared}}":                                       `state "shared"`,
		"{http: {url: https://x.example.org, connection: listed}}":                                 "",
		"{http: {url: https://x.example.org, connection: other}}":                                  `connection "other": there is none that lists flow 69`,
		"{http: {url: https://x.example.org, connection: none}}":                                   `connection "none": there is none that lists flow 69`,
		"{switch: [{when: .a, steps: [{http: {url: https://x.example.org, connection: other}}]}]}": `connection "other"`,
	} {
		source := "flow: 69\nslug: flow-69\ntrigger: webhook\nsteps:\n  - " + step + "\n"
		r := p.Do("PUT", "/v1/flows/69", "", source, "Content-Type", "application/yaml", "Authorization", token)
		if refused == "" {
			p.Want(r, 200)
			continue
		}
		problem := p.Want(r, 422)
		if text := fmt.Sprint(problem["problems"]); !strings.Contains(text, refused) || !strings.Contains(text, "line:5") {
			t.Errorf("%s: %s", step, text)
		}
		p.Want(p.Do("PUT", "/v1/flows/69", "ann", source, "Content-Type", "application/yaml"), 200)
		p.Want(p.Do("POST", "/v1/flows/69/rollback", "ann", ""), 200)
		version := p.Want(p.Do("GET", "/v1/flows/69/versions", "ann", ""), 200)["items"].([]any)[1].(map[string]any)["version"]
		p.Want(p.Do("POST", "/v1/flows/69/rollback", "", fmt.Sprintf(`{"version":%q}`, version), "Authorization", token), 422)
	}
	for _, secret := range []string{"listed", "other", "bare", "none"} {
		source := "flow: 69\ntrigger: {webhook: {verify: {scheme: github, secret: " + secret + "}}}\nsteps: [{set: {v: 1}}]\n"
		want := 422
		if secret == "listed" {
			want = 200
		}
		p.Want(p.Do("PUT", "/v1/flows/69", "", source, "Content-Type", "application/yaml", "Authorization", token), want)
	}
	if all, err := p.Store.Secrets().List(t.Context()); err != nil || len(all) != 3 || len(find(all, "listed").Flows) != 1 {
		t.Errorf("secrets %v, %v", all, err)
	}
	p.Want(p.Do("PUT", "/v1/connections/listed", "ann", `{"type":"basic","hosts":["x.example.org"],"settings":{"username":"u","password":"p"},"flows":[0]}`), 400)
}

func find(all []store.Secret, name string) store.Secret {
	for _, s := range all {
		if s.Name == name {
			return s
		}
	}
	return store.Secret{}
}
