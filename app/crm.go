package app

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"time"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/examples"
	"github.com/penstock/penstock/internal/demo"
)

// exampleCRMURL is the URL of the demo CRM in the vars of example flows. It is replaced in unmodified examples only,
// because another service may listen there.
const exampleCRMURL = "http://127.0.0.1:8081"

// isExample reports whether a flow is an unmodified example.
func (p *Program) isExample(f *flows.Flow) bool { return p.examples[f.Version] }

// openCRM serves the demo CRM on a loopback port. Example flows get its URL instead of exampleCRMURL.
func (p *Program) openCRM(ctx context.Context) error {
	files, err := fs.Glob(examples.FS, "*.yaml")
	if err != nil {
		return fmt.Errorf("read examples: %w", err)
	}
	p.examples = map[string]bool{}
	for _, file := range files {
		source, err := examples.FS.ReadFile(file)
		if err != nil {
			return fmt.Errorf("read examples: %w", err)
		}
		p.examples[fmt.Sprintf("%x", sha256.Sum256(source))] = true // flows.Flow's Version
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("start demo CRM: %w", err)
	}
	p.onClose(func() error { return ignoreClosed(listener.Close()) })
	p.crm = "http://" + listener.Addr().String()
	server := &http.Server{Handler: demo.New(), ReadHeaderTimeout: 5 * time.Second}
	p.add("demo CRM", func(ctx context.Context) error {
		stopped := make(chan error, 1) // buffered: Serve may return first
		stop := context.AfterFunc(ctx, func() { stopped <- server.Close() })
		defer stop()
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return <-stopped
	})
	return nil
}
