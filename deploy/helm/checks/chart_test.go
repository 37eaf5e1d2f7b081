//go:build chart

// Package checks looks at what the chart renders: what a cluster would refuse,
// or silently not do.
package checks

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

var rendered = flag.String("rendered", "", "directory of what helm template wrote")

// object is a manifest, or a part of one.
type object = map[string]any

func manifests(t *testing.T, name string) []object {
	t.Helper()
	f, err := os.Open(filepath.Join(*rendered, name))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var all []object
	for dec := yaml.NewDecoder(f, yaml.DisallowUnknownField()); ; {
		var o object
		err := dec.Decode(&o)
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if len(o) > 0 {
			all = append(all, o)
		}
	}
}

// files are the names of all that was rendered: two sets of ours, and the
// examples of the documentation.
func files(t *testing.T) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(*rendered, "*.yaml"))
	if err != nil || len(paths) < 8 {
		t.Fatalf("rendered: %v, %v", paths, err)
	}
	for i, path := range paths {
		paths[i] = filepath.Base(path)
	}
	return paths
}

// at walks down to a part; nil: it is not there.
func at(o any, path ...any) any {
	for _, p := range path {
		switch p := p.(type) {
		case string:
			m, _ := o.(object)
			o = m[p]
		case int:
			l, _ := o.([]any)
			if p >= len(l) {
				return nil
			}
			o = l[p]
		}
	}
	return o
}

func text(o any, path ...any) string {
	s, _ := at(o, path...).(string)
	return s
}

func list(o any, path ...any) []any {
	l, _ := at(o, path...).([]any)
	return l
}

func kinds(all []object) map[string]int {
	n := map[string]int{}
	for _, o := range all {
		n[text(o, "kind")]++
	}
	return n
}

func TestTheChartMakesWhatItSays(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]map[string]int{
		"small.yaml": {"Deployment": 2, "Service": 1, "PodDisruptionBudget": 2},
		"full.yaml": {
			"Deployment": 3, "Service": 1, "PodDisruptionBudget": 3, "ConfigMap": 2, "Ingress": 1, "ScaledObject": 1, "PodMonitor": 1,
			"HorizontalPodAutoscaler": 1, "PrometheusRule": 1, "NetworkPolicy": 2, "ExternalSecret": 1,
		},
	} {
		if got := kinds(manifests(t, name)); !maps.Equal(got, want) {
			t.Errorf("%s has %v, want %v", name, got, want)
		}
	}
}

func TestNamesAndSelectorsFit(t *testing.T) {
	t.Parallel()
	for _, name := range files(t) {
		all := manifests(t, name)
		seen := map[string]bool{}
		pods := map[string]object{} // labels of each deployment's pods
		for _, o := range all {
			id := text(o, "kind") + "/" + text(o, "metadata", "name")
			if seen[id] || !regexp.MustCompile(`^[a-zA-Z]+/[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$`).MatchString(id) {
				t.Errorf("%s: %q comes twice, or is no name", name, id)
			}
			seen[id] = true
			if text(o, "kind") == "Deployment" {
				pods[text(o, "metadata", "name")], _ = at(o, "spec", "template", "metadata", "labels").(object)
			}
		}
		for _, o := range all {
			selector, _ := at(o, "spec", "selector").(object)
			if inner, ok := selector["matchLabels"].(object); ok {
				selector = inner
			}
			if selector == nil {
				continue
			}
			found := 0
			for _, labels := range pods {
				fits := true
				for k, v := range selector {
					fits = fits && labels[k] == v
				}
				if fits {
					found++
				}
			}
			if one := text(o, "kind") != "PodMonitor"; found == 0 || one && found != 1 {
				t.Errorf("%s: the selector of %s %s fits %d deployments", name, text(o, "kind"), text(o, "metadata", "name"), found)
			}
		}
	}
}

func TestContainersAreHeldInAndLookedAfter(t *testing.T) {
	t.Parallel()
	for _, name := range files(t) {
		for _, o := range manifests(t, name) {
			if text(o, "kind") != "Deployment" {
				continue
			}
			who, c := text(o, "metadata", "name"), at(o, "spec", "template", "spec", "containers", 0)
			ports := map[string]bool{}
			for _, p := range list(c, "ports") {
				ports[text(p, "name")] = true
			}
			for _, probe := range []string{"readinessProbe", "livenessProbe"} {
				if port := text(c, probe, "httpGet", "port"); !ports[port] {
					t.Errorf("%s %s: %s asks port %q", name, who, probe, port)
				}
			}
			if at(c, "securityContext", "runAsNonRoot") != true || at(c, "securityContext", "readOnlyRootFilesystem") != true {
				t.Errorf("%s %s may do too much: %v", name, who, at(c, "securityContext"))
			}
			if text(c, "envFrom", 0, "secretRef", "name") != "penstock" {
				t.Errorf("%s %s does not have its secret", name, who)
			}
			if at(c, "resources", "limits", "memory") == nil {
				t.Errorf("%s %s has no limit of memory", name, who)
			}
			variables(t, name+" "+who, list(c, "env"))
		}
	}
}

// variables wants each once, as text, and one that the program reads.
func variables(t *testing.T, who string, env []any) {
	t.Helper()
	reference, err := os.ReadFile("../../../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range env {
		name := text(e, "name")
		// 2.097152e+06 is what a template makes of a number.
		if value, isText := at(e, "value").(string); !isText || regexp.MustCompile(`^\d\.\d+e\+`).MatchString(value) || slices.Contains(names, name) || !strings.Contains(string(reference), "`"+name+"`") {
			t.Errorf("%s: %s comes twice, is no text, or is no setting", who, name)
		}
		names = append(names, name)
	}
}

func TestWorkersAreScaledByTheirQueues(t *testing.T) {
	t.Parallel()
	for _, o := range manifests(t, "full.yaml") {
		switch text(o, "kind") {
		case "ScaledObject":
			if text(o, "spec", "scaleTargetRef", "name") != "penstock-worker-default" || !strings.Contains(text(o, "spec", "triggers", 0, "metadata", "query"), `queue=~"default"`) {
				t.Errorf("scaled object %v", o)
			}
		case "Deployment":
			scaled := slices.Contains([]string{"penstock-worker-default", "penstock-api"}, text(o, "metadata", "name"))
			if has := at(o, "spec", "replicas") != nil; has == scaled {
				t.Errorf("%s has replicas: %v; what scales it must have them to itself", text(o, "metadata", "name"), has)
			}
		}
	}
}

// A value that the chart has no default for is rendered as nothing: what reads
// it then does something else, or fails.
func TestNothingIsRenderedEmpty(t *testing.T) {
	t.Parallel()
	for _, name := range files(t) {
		for _, o := range manifests(t, name) {
			if text(o, "kind") == "ConfigMap" || text(o, "kind") == "PrometheusRule" {
				continue // files of ours, looked at elsewhere
			}
			for _, path := range empties(o, "") {
				t.Errorf("%s: %s %s: %s is empty", name, text(o, "kind"), text(o, "metadata", "name"), path)
			}
		}
	}
}

// empties returns the paths of values that are nil or "".
func empties(o any, path string) (found []string) {
	switch o := o.(type) {
	case nil:
		return []string{path}
	case string:
		if o == "" || o == "null" || strings.Contains(o, "<no value>") {
			return []string{path}
		}
	case object:
		for name, value := range o {
			found = append(found, empties(value, path+"."+name)...)
		}
	case []any:
		for i, value := range o {
			found = append(found, empties(value, fmt.Sprintf("%s[%d]", path, i))...)
		}
	}
	return found
}

func find(t *testing.T, name, kind, suffix string) object {
	t.Helper()
	for _, o := range manifests(t, name) {
		if text(o, "kind") == kind && strings.HasSuffix(text(o, "metadata", "name"), suffix) {
			return o
		}
	}
	t.Fatalf("%s has no %s …%s", name, kind, suffix)
	return nil
}

func variable(deployment object, name string) string {
	for _, e := range list(deployment, "spec", "template", "spec", "containers", 0, "env") {
		if text(e, "name") == name {
			return text(e, "value")
		}
	}
	return ""
}

func TestTheIngressIsTheIssuer(t *testing.T) {
	t.Parallel()
	api, worker := find(t, "example1.yaml", "Deployment", "-api"), find(t, "example1.yaml", "Deployment", "-worker-default")
	for _, o := range []object{api, worker} {
		if got := variable(o, "PENSTOCK_ISSUER"); got != "https://penstock.example.org" {
			t.Errorf("%s has the issuer %q", text(o, "metadata", "name"), got)
		}
	}
	if got := variable(api, "PENSTOCK_TRUSTED_PROXIES"); !strings.HasPrefix(got, "10.0.0.0/8,") {
		t.Errorf("doors believe %q", got)
	}
	if got := at(find(t, "example1.yaml", "Ingress", ""), "metadata", "annotations", "nginx.ingress.kubernetes.io/proxy-read-timeout"); got != "75" {
		t.Errorf("nginx waits %v", got)
	}
}

// The documented second pool takes from autoscaling what it does not say.
func TestASecondPoolIsScaled(t *testing.T) {
	t.Parallel()
	o := find(t, "example2.yaml", "ScaledObject", "-slow")
	if got := text(o, "spec", "triggers", 0, "metadata", "serverAddress"); got != "http://prometheus.monitoring:9090" {
		t.Errorf("the pool slow asks %q", got)
	}
	if got := text(o, "spec", "triggers", 0, "metadata", "threshold"); got != "6" {
		t.Errorf("the pool slow has the threshold %q", got)
	}
	if got := text(o, "spec", "triggers", 0, "metadata", "query"); !strings.Contains(got, `"slow|nightly"`) {
		t.Errorf("the pool slow asks for %s", got)
	}
	o = find(t, "example3.yaml", "ScaledObject", "-default")
	if got := text(o, "spec", "triggers", 0, "metadata", "threshold"); got != "45" {
		t.Errorf("64 slots have the threshold %q", got)
	}
}

func TestWithoutPrometheusKedaSignsInWithAPassword(t *testing.T) {
	t.Parallel()
	o := find(t, "example4.yaml", "ScaledObject", "-default")
	if got := text(o, "spec", "triggers", 0, "metadata", "authMode"); got != "basic" {
		t.Errorf("KEDA signs in by %q: a token ends", got)
	}
	if got := text(o, "spec", "triggers", 0, "metadata", "url"); got != "http://penstock-api.default:80/v1/queues/default" {
		t.Errorf("KEDA asks %q", got)
	}
	auth := find(t, "example4.yaml", "TriggerAuthentication", text(o, "spec", "triggers", 0, "authenticationRef", "name"))
	if text(auth, "spec", "secretTargetRef", 0, "name") != "penstock-keda" {
		t.Errorf("KEDA's credentials: %v", auth)
	}
}
