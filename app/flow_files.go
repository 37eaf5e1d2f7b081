package app

import (
	"context"
	"io/fs"
	"os"

	"github.com/penstock/penstock/flows/examples"
	"github.com/penstock/penstock/store"
)

// loadFlows deploys the directory of the settings, or the examples for dev without a directory. dev also watches the
// directory.
func (p *Program) loadFlows(ctx context.Context) error {
	dir := p.settings.Flows
	p.flowFileReport = &flowFileReport{log: p.log, dir: dir, missing: p.store.Flows().Missing}
	if p.role.Dev && dir != "" {
		p.flowFileReport.out = p.out
	}
	if p.store.Ready() != nil {
		return nil // restore deploys the flows when the store is ready
	}
	if err := p.deployFlows(ctx); err != nil {
		return err
	}
	if p.flowFileReport.out != nil {
		p.add("flow watcher", func(ctx context.Context) error {
			return p.store.Flows().WatchDir(ctx, dir, func(deployed []store.Deployed, problems []store.Problem, err error) {
				p.flowFileReport.update(ctx, deployed, problems, err)
			})
		})
	}
	return nil
}

// deployFlows deploys all flow files of the directory.
func (p *Program) deployFlows(ctx context.Context) error {
	dir := p.settings.Flows
	if dir == "" && !p.role.Dev {
		return nil // flows come over the API, or are there
	}
	var files fs.FS = examples.FS
	if dir != "" {
		files = os.DirFS(dir)
	}
	deployed, problems, err := p.store.Flows().LoadFS(ctx, files)
	if err != nil {
		return err
	}
	p.flowFileReport.update(ctx, deployed, problems, nil)
	return nil
}
