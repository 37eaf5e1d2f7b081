package folders_test

import (
	"fmt"
	"net/http"
	"slices"
	"testing"

	"github.com/penstock/penstock/api/apitest"
	"github.com/penstock/penstock/store"
)

const steps = "trigger: webhook\nsteps: [{set: {v: 1}}]"

// newProduct has the flows 1 in a, 2 in a/b and 3 in c, and users without a role: fay, gus and hal.
func newProduct(t *testing.T) *apitest.Product {
	t.Helper()
	p := apitest.NewProduct(t)
	for i, folder := range []string{"a", "a/b", "c"} {
		p.Deploy(i+1, "folder: "+folder+"\n"+steps)
	}
	p.Deploy(4, steps)
	for _, name := range []string{"fay", "gus", "hal"} {
		apitest.Fatal(t, p.User(store.User{Name: name}))
	}
	return p
}

func grant(p *apitest.Product, folder, to string, rights ...string) {
	p.T.Helper()
	body := `{"grants":[{"to":"` + to + `","rights":["` + rights[0] + `"`
	for _, r := range rights[1:] {
		body += `,"` + r + `"`
	}
	p.Want(p.Do("PUT", "/v1/folders/"+folder, "ann", body+`]}]}`), 200)
}

// listed returns the numbers of the flows that somebody sees.
func listed(p *apitest.Product, who string) []int {
	p.T.Helper()
	all := []int{}
	for _, f := range p.Want(p.Do("GET", "/v1/flows", who, ""), 200)["items"].([]any) {
		all = append(all, int(f.(map[string]any)["flow"].(float64)))
	}
	return all
}

func TestRightsHoldInAFolderAndBelow(t *testing.T) {
	t.Parallel()
	p := newProduct(t)
	p.Want(p.Do("GET", "/v1/flows", "fay", ""), 401) // no role, no right
	grant(p, "a", "user:fay", "see")
	if got := listed(p, "fay"); !slices.Equal(got, []int{1, 2}) {
		t.Errorf("fay sees %v", got)
	}
	for flow, want := range map[int]int{1: 200, 2: 200, 3: 404, 4: 404, 9: 404} {
		if got := p.Do("GET", fmt.Sprint("/v1/flows/", flow), "fay", ""); got.StatusCode != want {
			t.Errorf("flow %d: %d, want %d", flow, got.StatusCode, want)
		}
	}
	p.Want(p.Do("POST", "/v1/flows/1/runs", "fay", "{}"), 403)
	p.Want(p.Do("DELETE", "/v1/flows/1", "fay", ""), 403)
	p.Want(p.Do("GET", "/v1/users", "fay", ""), 403)
	grant(p, "a.b", "user:gus", "run")
	if got := p.Do("POST", "/v1/flows/2/runs", "gus", "{}"); got.StatusCode != 200 {
		t.Errorf("gus: %d", got.StatusCode)
	}
	p.Want(p.Do("POST", "/v1/flows/1/runs", "gus", "{}"), 404)
	grant(p, "~", "user:hal", "see") // the top
	if got := listed(p, "hal"); !slices.Equal(got, []int{1, 2, 3, 4}) {
		t.Errorf("hal sees %v", got)
	}
	p.Want(p.Do("DELETE", "/v1/folders/a", "ann", ""), 204)
	p.Want(p.Do("GET", "/v1/flows", "fay", ""), 401) // at once
}

func TestGroupsGiveRights(t *testing.T) {
	t.Parallel()
	p := newProduct(t)
	grant(p, "a", "group:crm team", "see", "run")
	p.Want(p.Do("GET", "/v1/flows", "fay", ""), 401)
	p.Want(p.Do("PATCH", "/v1/users/fay", "ann", `{"groups":["x","crm team"]}`), 200)
	if got := listed(p, "fay"); !slices.Equal(got, []int{1, 2}) {
		t.Errorf("fay sees %v", got)
	}
	p.Want(p.Do("PATCH", "/v1/users/fay", "ann", `{"groups":["crm"]}`), 200)
	p.Want(p.Do("GET", "/v1/flows", "fay", ""), 401)
	p.Want(p.Do("PATCH", "/v1/users/fay", "ann", `{"groups":[""]}`), 400)
	// A group is a right, and nobody gives what it does not hold.
	apitest.Fatal(t, p.User(store.User{Name: "eve", Roles: []store.Role{store.RoleAPIUser}, Scopes: nil}))
	made := p.Want(p.Do("POST", "/v1/tokens", "ann", `{"name":"people","scopes":["users:admin"]}`), 201)
	token := []string{"Authorization", "Bearer " + made["token"].(string)}
	p.Want(p.Do("PATCH", "/v1/users/fay", "", `{"groups":["crm team"]}`, token...), 403)
	p.Want(p.Do("PATCH", "/v1/users/fay", "", `{"groups":["nothing"]}`, token...), 200)
}

func TestWhoAdministersAFolder(t *testing.T) {
	t.Parallel()
	p := newProduct(t)
	grant(p, "a", "user:fay", "administer")
	body := func(to, right string) string { return fmt.Sprintf(`{"grants":[{"to":%q,"rights":[%q]}]}`, to, right) }
	p.Want(p.Do("PUT", "/v1/folders/a.b", "fay", body("user:gus", "edit")), 200)
	p.Want(p.Do("PUT", "/v1/folders/c", "fay", body("user:gus", "edit")), 404)
	p.Want(p.Do("PUT", "/v1/folders/~", "fay", body("user:fay", "see")), 404)
	p.Want(p.Do("GET", "/v1/folders/c", "fay", ""), 404)
	p.Want(p.Do("PUT", "/v1/folders/a.b", "gus", body("user:gus", "administer")), 403)
	if seen := p.Want(p.Do("GET", "/v1/folders/a.b", "gus", ""), 200); seen["grants"] != nil || fmt.Sprint(seen["rights"]) != "[edit]" {
		t.Errorf("gus sees %v", seen)
	}
	p.Want(p.Do("PUT", "/v1/folders/a", "vera", body("user:vera", "administer")), 403)
	p.Want(p.Do("PUT", "/v1/folders/a", "ulf", body("user:ulf", "administer")), 403)
	// A token that may only administer folders grants nothing that it lacks.
	made := p.Want(p.Do("POST", "/v1/tokens", "fay", `{"name":"t","scopes":["folders:admin:/a","flows:read:/a","runs:watch:/a"]}`), 201)
	token := []string{"Authorization", "Bearer " + made["token"].(string)}
	p.Want(p.Do("PUT", "/v1/folders/a.c", "", body("user:gus", "see"), token...), 200)
	p.Want(p.Do("PUT", "/v1/folders/a.c", "", body("user:gus", "run"), token...), 403)
	p.Want(p.Do("DELETE", "/v1/folders/a.b", "", "", token...), 403) // it would take what the token does not have
	p.Want(p.Do("POST", "/v1/tokens", "fay", `{"name":"u","scopes":["flows:read"]}`), 403)
	p.Want(p.Do("POST", "/v1/tokens", "fay", `{"name":"u","scopes":["flows:read:/c"]}`), 403)
}

func TestGrantsAreChecked(t *testing.T) {
	t.Parallel()
	p := newProduct(t)
	for body, want := range map[string]int{
		`{"grants":[]}`: 400, `{}`: 400, `{"grants":[{"to":"user:fay","rights":[]}]}`: 400, `{"grants":[{"to":"user:fay","rights":["fly"]}]}`: 400,
		`{"grants":[{"to":"user:nobody","rights":["see"]}]}`: 400, `{"grants":[{"to":"key:nothing","rights":["see"]}]}`: 400, `{"grants":[{"to":"fay","rights":["see"]}]}`: 400,
		`{"grants":[{"to":"role:admin","rights":["see"]}]}`: 400, `{"grants":[{"to":"group:","rights":["see"]}]}`: 400,
		`{"grants":[{"to":"user:fay","rights":["see"]},{"to":"user:fay","rights":["run"]}]}`: 400, `{"grants":[{"to":"key:key-one","rights":["see"]}]}`: 200,
	} {
		if got := p.Do("PUT", "/v1/folders/a", "ann", body); got.StatusCode != want {
			t.Errorf("%s: %d, want %d: %s", body, got.StatusCode, want, got.Text)
		}
	}
	for _, path := range []string{"A", "a_b", "a.b.c.d.e", ".a", "a.", "a..b", "a%20"} {
		if got := p.Do("PUT", "/v1/folders/"+path, "ann", `{"grants":[{"to":"user:fay","rights":["see"]}]}`); got.StatusCode != 400 {
			t.Errorf("%s: %d", path, got.StatusCode)
		}
	}
	p.Want(p.Do("DELETE", "/v1/folders/none", "ann", ""), 404)
}

func TestAFolderIsChangedFromWhatWasSeen(t *testing.T) {
	t.Parallel()
	p := newProduct(t)
	const see = `{"grants":[{"to":"user:fay","rights":["see"]}]}`
	p.Want(p.Do("PUT", "/v1/folders/a", "ann", see, "If-Match", `"0011"`), http.StatusPreconditionFailed)
	first := p.Do("PUT", "/v1/folders/a", "ann", see, "If-None-Match", "*")
	p.Want(first, 200)
	p.Want(p.Do("PUT", "/v1/folders/a", "ann", see, "If-None-Match", "*"), http.StatusPreconditionFailed)
	second := p.Do("PUT", "/v1/folders/a", "ann", `{"grants":[{"to":"user:gus","rights":["see"]}]}`, "If-Match", first.Header.Get("ETag"))
	p.Want(second, 200)
	p.Want(p.Do("DELETE", "/v1/folders/a", "ann", "", "If-Match", first.Header.Get("ETag")), http.StatusPreconditionFailed)
	p.Want(p.Do("DELETE", "/v1/folders/a", "ann", "", "If-Match", second.Header.Get("ETag")), 204)
	p.Want(p.Do("PUT", "/v1/folders/a", "ann", see, "If-Match", "x"), 400)
}

// Who is deleted has no rights left, so that another one of the name has none.
func TestRightsEndWithTheirHolder(t *testing.T) {
	t.Parallel()
	p := newProduct(t)
	grant(p, "a", "user:fay", "see")
	p.Want(p.Do("DELETE", "/v1/users/fay", "ann", ""), 204)
	apitest.Fatal(t, p.User(store.User{Name: "fay"}))
	p.Want(p.Do("GET", "/v1/flows", "fay", ""), 401)
	grant(p, "c", "key:key-one", "edit")
	p.Want(p.Do("PUT", "/v1/flows/3", "key-one", "flow: 3\nfolder: c\nsteps: [{set: {v: 2}}]", "Content-Type", "application/yaml"), 200)
	p.Want(p.Do("PUT", "/v1/flows/1", "key-one", "flow: 1\nfolder: a\nsteps: [{set: {v: 2}}]", "Content-Type", "application/yaml"), 404)
	p.Want(p.Do("DELETE", "/v1/keys/key-one", "ann", ""), 204)
	p.Want(p.Do("POST", "/v1/keys", "ann", `{"key":"key-one","secret":"secret-of-key-one"}`), 201)
	p.Want(p.Do("PUT", "/v1/flows/3", "key-one", "flow: 3\nfolder: c\nsteps: [{set: {v: 3}}]", "Content-Type", "application/yaml"), 403)
}

func TestAFlowIsBroughtToAFolderByWhoMayEditInBoth(t *testing.T) {
	t.Parallel()
	p := newProduct(t)
	grant(p, "a", "user:fay", "see", "edit")
	put := func(flow int, folder string) int {
		t.Helper()
		source := fmt.Sprintf("flow: %d\n%s%s\n", flow, folder, steps)
		return p.Do("PUT", fmt.Sprint("/v1/flows/", flow), "fay", source, "Content-Type", "application/yaml").StatusCode
	}
	for _, step := range []struct {
		flow   int
		folder string
		want   int
	}{
		{1, "folder: a/b\n", 200}, {1, "folder: a\n", 200}, {1, "folder: c\n", 403}, {1, "", 403}, {1, "folder: ab\n", 403}, {3, "folder: a\n", 404}, {4, "folder: a\n", 404},
		{10, "folder: a/new\n", 201}, {11, "", 404}, {11, "folder: c\n", 404},
	} {
		if got := put(step.flow, step.folder); got != step.want {
			t.Errorf("flow %d to %q: %d, want %d", step.flow, step.folder, got, step.want)
		}
	}
	// The version before was in another folder.
	p.Deploy(5, "folder: c\n"+steps)
	p.Deploy(5, "folder: a\n"+steps)
	p.Want(p.Do("POST", "/v1/flows/5/rollback", "fay", ""), 403)
	grant(p, "c", "user:fay", "edit")
	p.Want(p.Do("POST", "/v1/flows/5/rollback", "fay", ""), 200)
}
