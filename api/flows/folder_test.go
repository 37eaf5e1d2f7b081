package flows_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/penstock/penstock/api/apitest"
	"github.com/penstock/penstock/store"
)

// A flow of folder a reaches, with the rights of whoever deploys it, nothing of folder c.
func TestAnAuthorOfAFolderReachesNoOther(t *testing.T) {
	t.Parallel()
	p := apitest.NewProduct(t)
	for n, folder := range map[int]string{1: "a", 2: "a/b", 3: "c"} {
		p.Deploy(n, fmt.Sprintf("folder: %s\nslug: flow-%d\ntrigger: webhook\nsteps: [{set: {v: 1}}]", folder, n))
	}
	apitest.Fatal(t, p.User(store.User{Name: "fay"}))
	p.Want(p.Do("PUT", "/v1/folders/a", "ann", `{"grants":[{"to":"user:fay","rights":["see","run","edit"]}]}`), 200)
	for name, folders := range map[string]string{"ours": `["a"]`, "below": `["a/b"]`, "theirs": `["c"]`, "bare": `[]`} {
		p.Want(p.Do("PUT", "/v1/connections/"+name, "ann", `{"type":"basic","hosts":["x.example.org"],"settings":{"username":"u","password":"p"},"folders":`+folders+`}`), 200)
		p.Want(p.Do("PUT", "/v1/secrets/"+name, "ann", `{"value":"v","folders":`+folders+`}`), 200)
	}
	const refusedAs = `there is none that lists flow 10, or a folder that it is in`
	for step, refused := range map[string]string{
		"{call: 1}": "", "{call: flow-2}": "", "{emit: 2}": "",
		"{call: 3}": `flow "3": there is none that you may run`, "{emit: flow-3}": `flow "flow-3": there is none that you may run`, "{call: 99}": `flow "99": there is none that you may run`,
		"{http: {url: https://x.example.org, connection: ours}}":   "",
		"{http: {url: https://x.example.org, connection: below}}":  "",
		"{http: {url: https://x.example.org, connection: theirs}}": `connection "theirs": ` + refusedAs,
		"{http: {url: https://x.example.org, connection: bare}}":   `connection "bare": ` + refusedAs,
		"{http: {url: https://x.example.org, connection: none}}":   `connection "none": ` + refusedAs,
		"{encode: {hmac: \"${ .a }\", secret: ours}}":              "",
		"{encode: {hmac: \"${ .a }\", secret: theirs}}":            `secret "theirs": ` + refusedAs,
		"{state: {get: x}}":                                  "",
		"{state: {get: x, scope: shared}}":                   `state "shared"`,
		"{limit: {key: k, rate: 1, per: 1s, scope: shared}}": `state "shared"`,
		"{publish: {topic: orders}}":                         `event "orders"`,
		"{switch: [{when: .a, steps: [{call: 3}]}]}":         `flow "3"`,
	} {
		source := "flow: 10\nfolder: a/b\ntrigger: webhook\nsteps:\n  - " + step + "\n"
		r := p.Do("PUT", "/v1/flows/10", "fay", source, "Content-Type", "application/yaml")
		if refused == "" {
			if r.StatusCode != 200 && r.StatusCode != 201 {
				t.Errorf("%s: %d: %s", step, r.StatusCode, r.Text)
			}
			continue
		}
		if text := fmt.Sprint(p.Want(r, 422)["problems"]); !strings.Contains(text, refused) {
			t.Errorf("%s: %s", step, text)
		}
	}
	for trigger, refused := range map[string]string{
		"{alert: {when: [failure]}}": "alert", "{topic: orders}": "topic",
		"{webhook: {verify: {scheme: github, secret: theirs}}}": `secret \"theirs\"`, "{webhook: {verify: {scheme: github, secret: ours}}}": "",
	} {
		r := p.Do("PUT", "/v1/flows/11", "fay", "flow: 11\nfolder: a\ntrigger: "+trigger+"\nsteps: [{set: {v: 1}}]\n", "Content-Type", "application/yaml")
		if refused == "" && r.StatusCode > 201 || refused != "" && (r.StatusCode != 422 || !strings.Contains(r.Text, refused)) {
			t.Errorf("%s: %d: %s", trigger, r.StatusCode, r.Text)
		}
	}
	// The folder of the file counts, so that a flow that is brought elsewhere loses what its folder may use.
	p.Want(p.Do("PUT", "/v1/flows/12", "fay", "flow: 12\nfolder: a/b\nsteps: [{http: {url: 'https://x.example.org', connection: below}}]\n", "Content-Type", "application/yaml"), 201)
	p.Want(p.Do("PUT", "/v1/flows/12", "fay", "flow: 12\nfolder: a\nsteps: [{http: {url: 'https://x.example.org', connection: below}}]\n", "Content-Type", "application/yaml"), 422)
	// An author of all flows uses everything, as administrators do.
	apitest.Fatal(t, p.User(store.User{Name: "aut", Roles: []store.Role{store.RoleAPIUser, store.RoleAuthor}}))
	p.Want(p.Do("PUT", "/v1/flows/13", "aut", "flow: 13\nfolder: c\nsteps: [{http: {url: 'https://x.example.org', connection: bare}}, {call: 3}]\n", "Content-Type", "application/yaml"), 201)
	// Folders that are not named stay.
	p.Want(p.Do("PUT", "/v1/secrets/ours", "ann", `{"value":"w"}`), 200)
	if s, err := p.Store.Secrets().Stored(t.Context(), "ours"); err != nil || fmt.Sprint(s.Folders) != "[a]" {
		t.Errorf("%v, %v", s.Folders, err)
	}
	p.Want(p.Do("PUT", "/v1/secrets/ours", "ann", `{"value":"w","folders":["../a"]}`), 400)
}

// An author of a folder takes no requests of other flows: a path that is more specific than theirs would get some of them.
func TestAnAuthorOfAFolderTakesNoRequestsOfOthers(t *testing.T) {
	t.Parallel()
	p := apitest.NewProduct(t)
	p.Deploy(3, "folder: c\ntrigger: {http: [{post: '/pay/{id}', name: pay}]}\nsteps: [{set: {v: 1}}]")
	p.Deploy(4, "folder: a\ntrigger: {http: [{post: '/crm/{id}', name: add}]}\nsteps: [{set: {v: 1}}]")
	apitest.Fatal(t, p.User(store.User{Name: "fay"}))
	p.Want(p.Do("PUT", "/v1/folders/a", "ann", `{"grants":[{"to":"user:fay","rights":["see","edit"]}]}`), 200)
	for at, want := range map[string]int{"{post: /pay/ada}": 422, "{post: '/pay/{any}'}": 422, "{get: /pay/ada}": 201, "{post: /crm/ada}": 201, "{post: /other}": 201} {
		source := "flow: 10\nfolder: a\ntrigger: {http: [" + at + "]}\nsteps: [{set: {v: 2}}]\n"
		r := p.Do("PUT", "/v1/flows/10", "fay", source, "Content-Type", "application/yaml")
		if r.StatusCode != want && !(want == 201 && r.StatusCode == 200) || want == 422 && !strings.Contains(r.Text, "that you may not edit") {
			t.Errorf("%s: %d %s, want %d", at, r.StatusCode, r.Text, want)
		}
	}
}

// The number of a flow that was deleted stays in its folder: its runs, and what was made for the number, go to nobody else.
func TestTheNumberOfADeletedFlowStaysInItsFolder(t *testing.T) {
	t.Parallel()
	p := apitest.NewProduct(t)
	p.Deploy(3, "folder: c\nsteps: [{set: {v: 1}}]")
	apitest.Fatal(t, p.User(store.User{Name: "fay"}))
	p.Want(p.Do("PUT", "/v1/folders/a", "ann", `{"grants":[{"to":"user:fay","rights":["see","edit"]}]}`), 200)
	p.Want(p.Do("DELETE", "/v1/flows/3", "ann", ""), 204)
	take := func(user, folder string) apitest.Reply {
		return p.Do("PUT", "/v1/flows/3", user, "flow: 3\nfolder: "+folder+"\nsteps: [{set: {v: 2}}]\n", "Content-Type", "application/yaml")
	}
	p.Want(take("fay", "a"), 403)
	p.Want(take("ann", "a"), 201)
}
