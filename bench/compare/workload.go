package main

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/steps"
	"github.com/penstock/penstock/internal/outbound"
)

// workload is the work of a part's calls: every contender executes the same flow on the same event.
type workload struct {
	name   string
	source []byte
	event  []byte
}

var (
	//go:embed flows/three-steps.yaml
	threeSteps []byte
	//go:embed flows/three-effects.yaml
	threeEffects []byte

	small   = workload{"small", threeSteps, eventOf(1 << 10)}
	effects = workload{"effects", threeEffects, eventOf(1 << 10)}
	large   = workload{"large", threeSteps, eventOf(1<<20 - 1<<10)} // the front door's limit is 1 MiB, without headers
)

// workloadNamed finds the workload selected by the parent.
func workloadNamed(name string) (workload, error) {
	for _, w := range []workload{small, effects, large} {
		if w.name == name {
			return w, nil
		}
	}
	return workload{}, fmt.Errorf("unknown workload %q", name)
}

// eventOf returns a person as JSON of about size bytes.
func eventOf(size int) []byte {
	const person = `{"first":"Robert","last":"Hernandez","email":"robert@example.org","amount":12.50,"notes":"`
	return []byte(person + strings.Repeat("n", size-len(person)-2) + `"}`)
}

func (w workload) flow() (*flows.Flow, error) {
	return flows.Parse("flow.yaml", w.source, steps.Catalogue())
}

// environment gives the workload's flow access to the target.
func environment(target string) (flows.Env, error) {
	transport, err := outbound.New(outbound.Config{AllowLoopback: true})
	if err != nil {
		return flows.Env{}, err
	}
	return flows.Env{HTTP: transport, Vars: map[string]any{"target": target}}, nil
}

// target is the service called by the flow of the effects part.
func target() error {
	return listen(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			fmt.Fprintln(os.Stderr, "target:", err)
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{"id": 69, "path": r.URL.Path})
	}))
}
