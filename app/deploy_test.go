package app

import (
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"penstock/internal/telemetry"
)

// What is deployed asks for metrics that there are, by labels that they have.
func TestDeployedMetricsExist(t *testing.T) {
	t.Parallel()
	known := map[string]bool{}
	m := telemetry.NewMetrics("")
	m.Waiters(func() int { return 0 })
	m.Store(nil)
	for _, d := range m.Described() {
		known[d.Name] = true
		if d.Type == "histogram" {
			known[d.Name+"_bucket"], known[d.Name+"_count"], known[d.Name+"_sum"] = true, true, true
		}
	}
	found := 0
	for _, dir := range []string{"../deploy", "../docs"} {
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
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

// Every alert is explained to who is woken by it.
func TestAlertsAreExplained(t *testing.T) {
	t.Parallel()
	rules, err := os.ReadFile("../deploy/prometheus/alerts.yml")
	if err != nil {
		t.Fatal(err)
	}
	guide, err := os.ReadFile("../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	alerts := regexp.MustCompile(`(?m)^ +- alert: (\w+)$`).FindAllStringSubmatch(string(rules), -1)
	for _, a := range alerts {
		if !strings.Contains(string(guide), "`"+a[1]+"`") {
			t.Errorf("docs/operations.md does not say what to do about %s", a[1])
		}
	}
	if len(alerts) < 10 {
		t.Errorf("found %d alerts", len(alerts))
	}
}
