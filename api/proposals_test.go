package api_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/penstock/penstock/api/apitest"
	"github.com/penstock/penstock/store"
)

var yamlBody = []string{"Content-Type", "application/yaml"} // read only

// waiting returns the id of what waits for approval in the response to a change.
func waiting(p *apitest.Product, answer map[string]any) string {
	p.T.Helper()
	proposal, _ := answer["proposal"].(map[string]any)
	id, _ := proposal["id"].(string)
	if id == "" {
		p.T.Fatalf("nothing waits: %v", answer)
	}
	return id
}

// Every change that one caller asks for waits until another user approves it.
func TestSecondApproval(t *testing.T) {
	t.Parallel()
	callProposals(t, newContractClient(t))
}

// callProposals makes each kind of change with a second approval, and returns the product that it used.
func callProposals(t *testing.T, h *contractClient) *apitest.Product {
	t.Helper()
	p := apitest.NewProductStore(t, func(c *store.Config) { c.SecondApproval = true })
	p.HTTP = &http.Client{Transport: h}
	_, err := p.Store.Users().Create(t.Context(), store.User{Name: "anders", Hash: apitest.Hash(t, apitest.Password), Roles: []store.Role{store.RoleAPIUser, store.RoleAdmin}})
	apitest.Fatal(t, err)
	const path = "/v1/flows/90"
	approve := func(id string) {
		t.Helper()
		p.Want(p.Do("POST", path+"/proposal/approve", "ann", `{"id":"`+id+`"}`), 403) // it is hers
		p.Want(p.Do("POST", path+"/proposal/approve", "vera", `{"id":"`+id+`"}`), 403)
		p.Want(p.Do("POST", path+"/proposal/approve", "anders", `{"id":"other"}`), 409)
		p.Want(p.Do("POST", path+"/proposal/approve", "anders", `{"id":"`+id+`"}`), 200)
	}
	p.Want(p.Do("GET", path+"/proposal", "ann", ""), 404)
	id := waiting(p, p.Want(p.Do("PUT", path, "ann", "flow: 90\nsteps: [{set: {a: 1}}]", yamlBody...), 202))
	p.Want(p.Do("GET", path, "ann", ""), 404)
	if got := p.Want(p.Do("GET", path+"/proposal", "vera", ""), 200); got["source"] != "flow: 90\nsteps: [{set: {a: 1}}]" {
		t.Error(got)
	}
	p.Want(p.Do("PUT", path, "anders", "flow: 90\nsteps: [{set: {a: 7}}]", yamlBody...), 409) // one at a time
	approve(id)
	p.Want(p.Do("GET", path, "ann", ""), 200)
	p.Want(p.Do("PUT", path, "ann", "flow: 90\nsteps: [{set: {a: 1}}]", yamlBody...), 200) // nothing changes

	approve(waiting(p, p.Want(p.Do("PUT", path, "ann", "flow: 90\nsteps: [{set: {a: 2}}]", yamlBody...), 202)))
	approve(waiting(p, p.Want(p.Do("POST", path+"/rollback", "ann", "{}"), 202)))
	approve(waiting(p, p.Want(p.Do("PUT", path+"/canary?percent=10", "ann", "flow: 90\nsteps: [{set: {a: 3}}]", yamlBody...), 202)))
	approve(waiting(p, p.Want(p.Do("POST", path+"/canary/promote", "ann", ""), 202)))
	p.Want(p.Do("POST", path+"/disable", "ann", ""), 200) // what stops something needs nobody else
	approve(waiting(p, p.Want(p.Do("POST", path+"/enable", "ann", ""), 202)))

	id = waiting(p, p.Want(p.Do("PUT", path, "ann", "flow: 90\nsteps: [{set: {a: 4}}]", yamlBody...), 202))
	p.Want(p.Do("POST", path+"/proposal/reject", "vera", `{"id":"`+id+`"}`), 403)
	if got := p.Do("POST", path+"/proposal/reject", "ann", `{"id":"`+id+`"}`).StatusCode; got != 204 {
		t.Errorf("taken back with %d", got)
	}
	p.Want(p.Do("POST", path+"/proposal/approve", "anders", `{"id":"`+id+`"}`), 404)
	return p
}

// changes reports whether a call is one of the methods of store.Flows that change which version is current or executes calls, or that enable a
// flow. What a principal asks for goes through Request, which with --second-approval makes it a proposal.
func changes(call *ast.CallExpr) bool {
	method, ok := call.Fun.(*ast.SelectorExpr)
	if !ok {
		return false
	}
	ofFlows := false // of what the method Flows returns
	if of, is := method.X.(*ast.CallExpr); is {
		flows, is := of.Fun.(*ast.SelectorExpr)
		ofFlows = is && flows.Sel.Name == "Flows"
	}
	switch method.Sel.Name {
	case "DeployChange", "RollbackChange", "StartCanary", "PromoteCanary":
		return true
	case "Deploy", "Rollback":
		return ofFlows
	case "Enable":
		last, is := call.Args[len(call.Args)-1].(*ast.Ident)
		return ofFlows && !(is && last.Name == "false")
	}
	return false
}

// Only the packages that are listed change flows by themselves.
func TestEveryChangeIsRequested(t *testing.T) {
	t.Parallel()
	allowed := map[string]string{
		"store":              "it makes the changes, and deploys the operator's directory",
		"worker/canary":      "it ends a canary by the rules that were approved with it",
		"app/cli/storebench": "a benchmark on a store of its own",
		"bench/compare":      "likewise",
		"app/cli/flow":       "by the API", "client": "by the API",
	}
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") || strings.HasPrefix(path, "../api/apitest") {
			return err
		}
		dir := filepath.ToSlash(strings.TrimPrefix(filepath.Dir(path), "../"))
		if allowed[dir] != "" || strings.HasPrefix(dir, "third_party") {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if call, ok := n.(*ast.CallExpr); ok && changes(call) {
				t.Errorf("%s changes a flow by %s: ask for the change with Request", path, call.Fun.(*ast.SelectorExpr).Sel.Name)
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
