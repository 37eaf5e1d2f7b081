package api_test

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/penstock/penstock/api/apitest"
	"github.com/penstock/penstock/internal/testenv"
	"github.com/penstock/penstock/store"
)

// grantIn gives rights in a folder, in place of those that are there.
func grantIn(p *apitest.Product, folder, to, rights string) {
	p.T.Helper()
	p.Want(p.Do("PUT", "/v1/folders/"+folder, "ann", fmt.Sprintf(`{"grants":[{"to":%q,"rights":["%s"]}]}`, to, strings.ReplaceAll(rights, " ", `","`))), 200)
}

// failing is a flow that fails with what was sent to it until it is another version.
const failing = "folder: a\ntrigger: webhook\nsteps: [{as: first, set: {v: 1}}, {fail: \"it was ${ .v } ${ $event.secret }\"}]"

// An operator without payloads cancels, replays and resumes runs, and sees nothing of what is in them: neither in what it reads, nor by
// filters, nor in a run that it has begun again.
func TestAnOperatorWithoutPayloads(t *testing.T) {
	t.Parallel()
	p := apitest.NewProduct(t)
	p.Deploy(1, failing)
	apitest.Fatal(t, p.User(store.User{Name: "opa", Roles: []store.Role{store.RoleAPIUser}})) // also with a role by which own runs are read
	apitest.Fatal(t, p.User(store.User{Name: "ops"}))
	p.Want(p.Do("PUT", "/v1/folders/~", "ann", `{"grants":[{"to":"user:opa","rights":["see","run","operate"]},{"to":"user:ops","rights":["see","run","operate"]}]}`), 200)
	first := p.Start("key-one", 1, `{"secret":"SECRET"}`)
	p.Until(first, "failed")
	for _, who := range []string{"opa", "ops"} {
		whole := p.Want(p.Do("GET", "/v1/runs/"+first, "otto", ""), 200)
		seen := p.Do("GET", "/v1/runs/"+first, who, "")
		run := p.Want(seen, 200)
		if whole["without_content"] != nil || run["without_content"] != true || run["state"] != "failed" || len(run["steps"].(map[string]any)["steps"].([]any)) != 2 || run["error"].(map[string]any)["code"] != "fail" {
			t.Errorf("%s sees %s", who, seen.Text)
		}
		p.Want(p.Do("GET", "/v1/runs/"+first+"/input", who, ""), 404)
		texts := seen.Text + p.Do("GET", "/v1/runs/"+first+"/events", who, "").Text + p.Do("GET", "/v1/runs", who, "").Text + p.Do("GET", "/v1/failures", who, "").Text
		replayed := p.Do("POST", "/v1/runs/"+first+"/replay", who, "{}")
		again, _ := p.Want(replayed, 202)["run_id"].(string)
		p.Until(again, "failed")
		p.Want(p.Do("GET", "/v1/runs/"+again+"/input", who, ""), 404)
		p.Want(p.Do("GET", "/v1/runs/"+again+"/input", "key-one", ""), 200) // it is its caller's
		p.Want(p.Do("POST", "/v1/runs/"+first+"/replay", who, `{"event":{}}`), 403)
		resumed := p.Do("POST", "/v1/runs/"+again+"/resume", who, "{}")
		next, _ := p.Want(resumed, 202)["run_id"].(string)
		p.Until(next, "failed")
		texts += replayed.Text + resumed.Text + p.Do("GET", "/v1/runs/"+again, who, "").Text + p.Do("GET", "/v1/runs/"+next, who, "").Text
		texts += p.Do("PATCH", "/v1/runs/"+next, who, `{"triage":"ignored","note":"not SECRETLY"}`).Text
		for _, filter := range []string{`message contains "SECRET"`, `message eq "it was 1 SECRET"`, `not (message eq "")`} {
			if found := p.Want(p.Do("GET", "/v1/runs?filter="+url.QueryEscape(filter), who, ""), 200)["items"].([]any); len(found) > 0 {
				t.Errorf("%s finds runs by %s", who, filter)
			}
			if plan := p.Do("POST", "/v1/runs/bulk", who, fmt.Sprintf(`{"action":"replay","filter":%q,"dry_run":true}`, filter)); !strings.Contains(plan.Text, `"total":0`) {
				t.Errorf("%s: %s", filter, plan.Text)
			}
		}
		if found := p.Want(p.Do("GET", "/v1/runs?filter="+url.QueryEscape(`code eq "fail"`), who, ""), 200)["items"].([]any); len(found) == 0 {
			t.Errorf("%s finds no run by code", who)
		}
		if strings.Contains(texts, "SECRET") {
			t.Errorf("%s sees\n%s", who, texts)
		}
	}
}

// The runs of an operation on many runs are not whose who began it, unless that one may read them.
func TestAnOperationKeepsTheCallers(t *testing.T) {
	t.Parallel()
	p := apitest.NewProduct(t)
	p.Deploy(1, failing)
	apitest.Fatal(t, p.User(store.User{Name: "opa", Roles: []store.Role{store.RoleAPIUser}}))
	grantIn(p, "a", "user:opa", "see run operate")
	for who, want := range map[string]string{"opa": "key:key-one", "otto": "user:otto"} {
		first := p.Start("key-one", 1, `{"secret":"SECRET"}`)
		p.Until(first, "failed")
		p.Want(p.Do("POST", "/v1/runs/bulk", who, fmt.Sprintf(`{"action":"replay","runs":[%q]}`, first)), 202)
		testenv.Eventually(t, func() string {
			r, err := p.Queue.Record(t.Context(), first)
			if err != nil || r.ReplayedBy == "" {
				return fmt.Sprintf("nothing replays the run: %v", err)
			}
			next, err := p.Queue.Record(t.Context(), r.ReplayedBy)
			apitest.Fatal(t, err)
			if next.Principal != want {
				t.Errorf("%s: the new run is that of %s, want %s", who, next.Principal, want)
			}
			return ""
		})
	}
}

func TestTokensForAFolder(t *testing.T) {
	t.Parallel()
	p := apitest.NewProduct(t)
	for n, folder := range map[int]string{1: "a", 2: "a/b", 3: "c"} {
		p.Deploy(n, fmt.Sprintf("folder: %s\ntrigger: webhook\nsteps: [{set: {v: 1}}]", folder))
	}
	may := func(token string) (flows []int) {
		t.Helper()
		for n := 1; n <= 3; n++ {
			if p.Do("POST", fmt.Sprintf("/v1/flows/%d/runs", n), "", "{}", "Authorization", "Bearer "+token).StatusCode == 200 {
				flows = append(flows, n)
			}
		}
		return flows
	}
	want := func(what string, got []int, want ...int) {
		t.Helper()
		if !slices.Equal(got, want) {
			t.Errorf("%s runs %v, want %v", what, got, want)
		}
	}
	form := func(body string) apitest.Reply {
		return p.Do("POST", "/token", "", body, "Content-Type", "application/x-www-form-urlencoded")
	}
	password := "grant_type=password&password=" + url.QueryEscape(apitest.Password) + "&username="

	// a client with a scope that is narrowed
	made := p.Want(p.Do("POST", "/v1/clients", "ann", `{"name":"w","scopes":["flows:run:/a"],"secret":"the-clients-own-secret"}`), 201)
	r := p.Request("POST", "/oauth2/token", "", "grant_type=client_credentials", "Content-Type", "application/x-www-form-urlencoded")
	r.SetBasicAuth(fmt.Sprint(made["identifier"]), "the-clients-own-secret")
	want("the client", may(p.Want(p.Send(r), 200)["access_token"].(string)), 1, 2)
	p.Want(p.Do("POST", "/v1/clients", "ann", `{"name":"w","scopes":["flows:run:/A"]}`), 400)
	p.Want(p.Do("POST", "/v1/clients", "ann", `{"name":"w","scopes":["queues:read:/a"]}`), 400)

	// a user without a role, whose token follows the rights
	apitest.Fatal(t, p.User(store.User{Name: "fay", Groups: []string{"crm"}}))
	p.Want(form(password+"fay"), 400)
	grantIn(p, "a", "group:crm", "run")
	issued := p.Want(form(password+"fay"), 200)
	token := issued["access_token"].(string)
	want("the token", may(token), 1, 2)
	narrow := p.Want(form(password+"fay&scope="+url.QueryEscape("flows:run:/a/b")), 200)["access_token"].(string)
	want("the narrow token", may(narrow), 2)
	want("the token for a flow", may(p.Want(form(password+"fay&scope="+url.QueryEscape("flows:run:1")), 200)["access_token"].(string)), 1)
	p.Want(form(password+"fay&scope="+url.QueryEscape("flows:run:3")), 400)
	p.Want(form(password+"fay&scope="+url.QueryEscape("flows:run")), 400)
	grantIn(p, "c", "group:crm", "run")
	want("the token that is older than the right", may(token), 1, 2)
	p.Want(p.Do("PATCH", "/v1/users/fay", "ann", `{"groups":[]}`), 200)
	want("the token without the group", may(token))
	want("the narrow token without the group", may(narrow))

	// a personal token of somebody who may run everything
	personal := p.Want(p.Do("POST", "/v1/tokens", "otto", `{"name":"b","scopes":["flows:run:/a/b"]}`), 201)["token"].(string)
	want("the personal token", may(personal), 2)
	p.Deploy(2, "folder: c\ntrigger: webhook\nsteps: [{set: {v: 1}}]") // the flow is brought elsewhere
	want("the personal token then", may(personal))
}

// An API key that lists no flow runs those of its folders, by signature and by check value.
func TestAKeyIsBoundToAFolder(t *testing.T) {
	t.Parallel()
	p := apitest.NewProduct(t)
	for n, folder := range map[int]string{1: "a", 3: "c"} {
		p.Deploy(n, fmt.Sprintf("folder: %s\ntrigger: webhook\nsteps: [{set: {v: 1}}]", folder))
	}
	p.Want(p.Do("PATCH", "/v1/keys/key-one", "ann", `{"flows":[]}`), 200)
	p.Want(p.Do("POST", "/v1/flows/1/runs", "key-one", "{}"), 404)
	grantIn(p, "a", "key:key-one", "run")
	p.Want(p.Do("POST", "/v1/flows/1/runs", "key-one", "{}"), 200)
	p.Want(p.Do("POST", "/v1/flows/3/runs", "key-one", "{}"), 404)
	// Its rights are not those of the user as whom it acts, nor the other way round.
	apitest.Fatal(t, p.User(store.User{Name: "fay"}))
	p.Want(p.Do("PATCH", "/v1/keys/key-one", "ann", `{"impersonate":["fay"]}`), 200)
	grantIn(p, "c", "user:fay", "administer")
	p.Want(p.Do("GET", "/v1/flows/3", "key-one", ""), 403)
}
