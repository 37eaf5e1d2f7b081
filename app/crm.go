package app

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"penstock/internal/demo"
)

// crmInFiles is where example flows say that the demo CRM is. Flows whose vars
// name anything else keep it.
const crmInFiles = "http://127.0.0.1:8081"

// openCRM serves the demo CRM on a loopback port, and puts its URL where the
// vars of flows hold crmInFiles.
func (p *Program) openCRM(ctx context.Context) error {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("start demo CRM: %w", err)
	}
	p.onClose(func() error { return ignoreClosed(listener.Close()) })
	p.crm = "http://" + listener.Addr().String()
	server := &http.Server{Handler: demo.New(), ReadHeaderTimeout: 5 * time.Second}
	p.add("demo CRM", func(ctx context.Context) error {
		stopped := make(chan error, 1) // one value, kept until Serve has returned
		stop := context.AfterFunc(ctx, func() { stopped <- server.Close() })
		defer stop()
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return <-stopped
	})
	return nil
}
