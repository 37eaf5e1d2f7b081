package flows_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/penstock/penstock/api/apitest"
)

const source = "flow: 69\nslug: upsert\nname: Upsert\ntrigger: webhook\nsteps: [{set: {v: %d}}]\n"

func TestFlowsAreDeployedAndRolledBack(t *testing.T) {
	t.Parallel()
	p := apitest.NewProduct(t)
	yaml := []string{"Content-Type", "application/yaml"}
	r := p.Do("PUT", "/v1/flows/69", "ann", fmt.Sprintf(source, 1), yaml...)
	one := p.Want(r, 201)
	if one["flow"] != 69.0 || one["slug"] != "upsert" || one["enabled"] != true || one["trigger"] != "webhook" || one["source"] != fmt.Sprintf(source, 1) {
		t.Errorf("flow %v", one)
	}
	if r.Header.Get("Location") != "/v1/flows/69" || r.Header.Get("ETag") != fmt.Sprintf("%q", one["version"]) {
		t.Errorf("header %v", r.Header)
	}
	two := p.Want(p.Do("PUT", "/v1/flows/upsert", "ann", fmt.Sprintf(source, 2), yaml...), 200)
	json := `{"flow": 69, "slug": "renamed", "trigger": "webhook", "steps": [{"set": {"v": 3}}]}`
	three := p.Want(p.Do("PUT", "/v1/flows/upsert", "ann", json), 200)
	if read := p.Want(p.Do("GET", "/v1/flows/renamed", "vera", ""), 200); read["version"] != three["version"] || read["source"] != json {
		t.Errorf("read %v", read)
	}
	versions := p.Want(p.Do("GET", "/v1/flows/69/versions", "vera", ""), 200)
	if versions["total"] != 3.0 || versions["items"].([]any)[0].(map[string]any)["current"] != true {
		t.Errorf("versions %v", versions)
	}
	back := p.Want(p.Do("POST", "/v1/flows/69/rollback", "ann", ""), 200)
	if back["version"] != two["version"] {
		t.Errorf("rolled back to %v, want %v", back["version"], two["version"])
	}
	back = p.Want(p.Do("POST", "/v1/flows/69/rollback", "ann", fmt.Sprintf(`{"version":%q}`, one["version"])), 200)
	if back["version"] != one["version"] || back["versions"] != 3.0 {
		t.Errorf("rolled back to %v", back)
	}
	p.Want(p.Do("POST", "/v1/flows/69/rollback", "ann", `{"version":"nonsense"}`), 404)
	if off := p.Want(p.Do("POST", "/v1/flows/69/disable", "ann", ""), 200); off["enabled"] != false {
		t.Errorf("disabled: %v", off)
	}
	p.Run("ulf", 69, "") // the API runs it all the same
	if on := p.Want(p.Do("POST", "/v1/flows/upsert/enable", "ann", ""), 200); on["enabled"] != true {
		t.Errorf("enabled: %v", on)
	}
	p.Want(p.Do("DELETE", "/v1/flows/69", "ann", ""), 204)
	for _, path := range []string{"", "/versions"} {
		p.Want(p.Do("GET", "/v1/flows/69"+path, "ann", ""), 404)
	}
	p.Want(p.Do("DELETE", "/v1/flows/69", "ann", ""), 404)
}

func TestAFlowWithMistakesIsNotDeployed(t *testing.T) {
	t.Parallel()
	p := apitest.NewProduct(t)
	bad := p.Want(p.Do("PUT", "/v1/flows/69", "ann", "flow: 69\ntrigger: webhook\nsteps:\n  - sett: {a: 1}\n  - filter: .a ==\n", "Content-Type", "text/yaml"), 422)
	problems := bad["problems"].([]any)
	first := problems[0].(map[string]any)
	if bad["code"] != "bad_flow" || len(problems) != 2 || first["line"] != 4.0 || first["column"] != 5.0 || !strings.Contains(fmt.Sprint(first), "did you mean") {
		t.Errorf("problem %v", bad)
	}
	p.Want(p.Do("GET", "/v1/flows/69", "ann", ""), 404)
	p.Want(p.Do("PUT", "/v1/flows/69", "ann", ""), 422)
	p.Want(p.Do("PUT", "/v1/flows/69", "ann", "<flow/>", "Content-Type", "application/xml"), 415)
	p.Want(p.Do("PUT", "/v1/flows/69", "ann", "flow: 69", "Content-Type", "application/yaml; charset=latin1"), 415)
	if other := p.Want(p.Do("PUT", "/v1/flows/70", "ann", fmt.Sprintf(source, 1)), 409); other["code"] != "another_flow" {
		t.Errorf("another flow: %v", other)
	}
	p.Want(p.Do("PUT", "/v1/flows/69", "ann", fmt.Sprintf(source, 1)), 201)
	taken := strings.Replace(fmt.Sprintf(source, 1), "69", "70", 1)
	if slug := p.Want(p.Do("PUT", "/v1/flows/70", "ann", taken), 409); slug["code"] != "slug_taken" {
		t.Errorf("a slug that is taken: %v", slug)
	}
	if first := p.Want(p.Do("POST", "/v1/flows/69/rollback", "ann", ""), 409); first["code"] != "no_earlier_version" {
		t.Errorf("rolled back the first version: %v", first)
	}
}

func TestFlowsNeedTheirScopes(t *testing.T) {
	t.Parallel()
	p := apitest.NewProduct(t)
	p.Deploy(69, apitest.FlowPasses)
	for _, c := range []struct{ method, path string }{
		{"PUT", "/v1/flows/69"}, {"DELETE", "/v1/flows/69"}, {"POST", "/v1/flows/69/enable"}, {"POST", "/v1/flows/69/disable"}, {"POST", "/v1/flows/69/rollback"},
	} {
		for _, who := range []string{"ulf", "vera", "otto", "key-one"} {
			p.Want(p.Do(c.method, c.path, who, ""), 403)
		}
		p.Want(p.Do(c.method, c.path, "", ""), 401)
	}
	for _, path := range []string{"/v1/flows", "/v1/flows/69", "/v1/flows/69/versions"} {
		p.Want(p.Do("GET", path, "ulf", ""), 200)
		p.Want(p.Do("GET", path, "key-one", ""), 403)
		p.Want(p.Do("GET", path, "", ""), 401)
	}
}

func TestListFlows(t *testing.T) {
	t.Parallel()
	p := apitest.NewProduct(t)
	p.Deploy(1, "slug: one\ntags: [crm, nightly]\n"+apitest.FlowPasses)
	p.Deploy(2, "name: Second\ntags: [crm]\nenabled: false\ntrigger: {schedule: '@hourly'}\nsteps: [{set: {a: 1}}]")
	p.Deploy(3, "steps: [{set: {a: 1}}]")
	for filter, want := range map[string]string{
		`flow ge 1`:                     "[1 2 3]",
		`trigger eq "webhook"`:          "[1]",
		`enabled eq false`:              "[2]",
		`name contains "Sec"`:           "[2]",
		`slug eq ""`:                    "[2 3]",
		`tags contains "crm"`:           "[1 2]",
		`tags contains "nightly"`:       "[1]",
		`trigger in ("manual", "poll")`: "[3]",
	} {
		var got []any
		for _, item := range p.Want(p.Do("GET", "/v1/flows?filter="+url.QueryEscape(filter), "vera", ""), 200)["items"].([]any) {
			flow := item.(map[string]any)
			got = append(got, flow["flow"])
			if flow["source"] != nil {
				t.Errorf("a listing holds sources: %v", flow)
			}
		}
		if fmt.Sprint(got) != want {
			t.Errorf("%s: flows %v, want %s", filter, got, want)
		}
	}
}

// A scheduled flow has its next times.
func TestFlowsTellTheirNextTimes(t *testing.T) {
	t.Parallel()
	p := apitest.NewProduct(t)
	yaml := []string{"Content-Type", "application/yaml"}
	flow := p.Want(p.Do("PUT", "/v1/flows/7", "ann", "flow: 7\ntrigger: {schedule: {cron: '30 9 * * *', time_zone: Asia/Tokyo}}\nsteps: [{set: {v: 1}}]\n", yaml...), 201)
	next, _ := flow["next"].([]any)
	if flow["schedule"] != "CRON_TZ=Asia/Tokyo 30 9 * * *" || len(next) != 3 || !strings.HasSuffix(fmt.Sprint(next[0]), "T09:30:00+09:00") {
		t.Errorf("flow %v", flow)
	}
	if off := p.Want(p.Do("POST", "/v1/flows/7/disable", "ann", ""), 200); off["next"] != nil {
		t.Errorf("disabled: %v", off)
	}
}

func TestOneVersionOfAFlow(t *testing.T) {
	t.Parallel()
	p := apitest.NewProduct(t)
	yaml := []string{"Content-Type", "application/yaml"}
	one := p.Want(p.Do("PUT", "/v1/flows/69", "ann", fmt.Sprintf(source, 1), yaml...), 201)
	p.Want(p.Do("PUT", "/v1/flows/69", "ann", fmt.Sprintf(source, 2), yaml...), 200)
	for _, name := range []string{fmt.Sprint(one["version"]), fmt.Sprint(one["version"])[:12]} {
		if read := p.Want(p.Do("GET", "/v1/flows/upsert/versions/"+name, "vera", ""), 200); read["source"] != fmt.Sprintf(source, 1) || read["current"] != false {
			t.Errorf("version %v", read)
		}
	}
	p.Want(p.Do("GET", "/v1/flows/69/versions/nonsense", "vera", ""), 404)
}
