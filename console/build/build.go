// Package build serves what the Build view of the editor needs to write a flow without YAML: the catalogue of steps with their
// parameters, the data that expressions read, and the values of expressions. The edits of the text are the browser's own.
package build

import (
	"context"
	"fmt"
	"net/http"
	"sync"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/queue"
	"github.com/penstock/penstock/store"
)

// Runs reads runs. *queue.Client implements it.
type Runs interface {
	List(ctx context.Context, l queue.List, each func(*queue.Record)) (next queue.Place, more bool, err error)
	Record(ctx context.Context, id string) (queue.Record, error)
}

// Config configures a Builder. All fields are required.
type Config struct {
	Catalogue *flows.Catalogue
	Store     *store.Store
	Runs      Runs
}

// Builder answers the requests of the Build view. Safe for concurrent use.
type Builder struct {
	config    Config
	catalogue func() ([]byte, error) // made once
}

// New returns a Builder.
func New(config Config) *Builder {
	return &Builder{config, sync.OnceValues(func() ([]byte, error) { return catalogueJSON(config.Catalogue) })}
}

// Request is one request of a user who may write flows.
type Request struct {
	HTTP             *http.Request
	Source           []byte                // of the form: the text of the flow
	Sees             func(flow int64) bool // the user may read a flow
	ReadsRuns        bool                  // the user may read runs of the flow of the form
	ReadsConnections bool                  // the user may read the names of connections, secrets and variables
	Send             func(contentType string, body []byte)
}

// Route is an action below the root of the console, for users who may write flows.
type Route struct {
	Pattern string
	Handle  func(*Request) error
}

// Routes lists the actions. None of them changes anything.
func (b *Builder) Routes() []Route {
	return []Route{
		{"GET /build/catalogue.json", b.sendCatalogue},
		{"POST /build/data", b.sendData},
		{"POST /build/preview", b.sendPreview},
	}
}

func (b *Builder) sendCatalogue(req *Request) error {
	body, err := b.catalogue()
	if err != nil {
		return err
	}
	req.Send("application/json", body)
	return nil
}

// names are the names of what flows may name.
type names struct {
	Connections []named `json:"connections"`
	Secrets     []named `json:"secrets"`
	Flows       []named `json:"flows"`
}

type named struct {
	Name string `json:"name"`
	Kind string `json:"kind,omitempty"`
}

// namesFor returns the names that the user of a request may read.
func (b *Builder) namesFor(req *Request) (names, error) {
	all := names{Connections: []named{}, Secrets: []named{}, Flows: []named{}}
	for _, head := range b.config.Store.Flows().List() {
		if head.Slug != "" && req.Sees(head.Number) {
			all.Flows = append(all.Flows, named{head.Slug, head.Name})
		}
	}
	if !req.ReadsConnections {
		return all, nil
	}
	connections, err := b.config.Store.Connections().List(req.HTTP.Context())
	if err != nil {
		return all, fmt.Errorf("list connections: %w", err)
	}
	for _, c := range connections {
		all.Connections = append(all.Connections, named{c.Name, c.Type})
	}
	secrets, err := b.config.Store.Secrets().List(req.HTTP.Context())
	if err != nil {
		return all, fmt.Errorf("list secrets: %w", err)
	}
	for _, s := range secrets {
		all.Secrets = append(all.Secrets, named{Name: s.Name})
	}
	return all, nil
}
