package app

import (
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/penstock/penstock/history"
	"github.com/penstock/penstock/telemetry"
)

// Dashboards and alerts use only existing metrics and labels.
func TestDeployedMetricsExist(t *testing.T) {
	t.Parallel()
	known := map[string]bool{}
	m := telemetry.NewMetrics("")
	m.Waiters(func() int { return 0 })
	m.Store(nil)
	m.SecretStores(nil)
	m.Audit(nil)
	m.History(new(history.Archiver))
	for _, d := range m.Described() {
		known[d.Name] = true
		if d.Type == "histogram" {
			known[d.Name+"_bucket"], known[d.Name+"_count"], known[d.Name+"_sum"] = true, true, true
		}
	}
	found := 0
	for _, dir := range []string{"../deploy", "../docs"} {
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || d.Name() == "mcp.md" { // whose tools have such names
				return err
			}
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			for _, name := range regexp.MustCompile(`\bpenstock_[a-z0-9_]+`).FindAllString(string(text), -1) {
				found++
				if !known[name] {
					t.Errorf("%s names %s, which is no metric", path, name)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if found < 50 {
		t.Errorf("found %d metrics in what is deployed", found)
	}
}

func TestDashboardIsWhole(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../deploy/grafana/penstock.json")
	if err != nil {
		t.Fatal(err)
	}
	var board struct {
		Panels []struct {
			ID                int
			Type, Title       string
			Description, Unit string
			GridPos           struct{ X, Y, W, H int }
			Targets           []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(text, &board); err != nil {
		t.Fatal(err)
	}
	taken := map[[2]int]string{}
	ids := map[int]bool{}
	for _, p := range board.Panels {
		if ids[p.ID] || p.Title == "" || p.Type != "row" && (p.Description == "" || len(p.Targets) == 0) {
			t.Errorf("panel %d %q has a taken id, no description or no query", p.ID, p.Title)
		}
		ids[p.ID] = true
		for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
			for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
				if other := taken[[2]int{x, y}]; other != "" || x >= 24 {
					t.Fatalf("%q lies over %q, or beside the board", p.Title, other)
				}
				taken[[2]int{x, y}] = p.Title
			}
		}
	}
}

// Every alert has a runbook_url that leads to an existing heading, a test in which it fires, and one in which it does
// not.
func TestAlertsAreExplainedAndTested(t *testing.T) {
	t.Parallel()
	read := func(path string) string {
		t.Helper()
		text, err := os.ReadFile(filepath.Join("..", path))
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	rules, tests := read("deploy/prometheus/alerts.yml"), read("deploy/prometheus/alerts_test.yml")
	alerts := strings.Split(rules, "- alert: ")[1:]
	for _, rule := range alerts {
		name, _, _ := strings.Cut(rule, "\n")
		url := regexp.MustCompile(`runbook_url: "(docs/operations[a-z-]*\.md)#([a-z]+)"`).FindStringSubmatch(rule)
		if url == nil {
			t.Errorf("%s has no runbook_url", name)
			continue
		}
		heading := regexp.MustCompile(`(?mi)^#+ ` + url[2] + `$`).FindString(read(url[1]))
		if heading == "" || url[2] != strings.ToLower(name) {
			t.Errorf("%s leads to %s, where no heading is called so", name, url[0])
		}
		if !regexp.MustCompile(`alertname: ` + name + `\n +exp_alerts:`).MatchString(tests) {
			t.Errorf("%s fires in no test", name)
		}
		if !regexp.MustCompile(`\{eval_time: \w+, alertname: ` + name + `\}`).MatchString(tests) {
			t.Errorf("%s is quiet in no test", name)
		}
	}
	if len(alerts) < 20 {
		t.Errorf("found %d alerts", len(alerts))
	}
}
