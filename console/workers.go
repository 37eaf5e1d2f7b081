package console

import (
	"fmt"
	"slices"

	"github.com/penstock/penstock/console/language"
	"github.com/penstock/penstock/console/view"
	"github.com/penstock/penstock/queue"
)

// workersPage shows the processes of the installation.
func workersPage(req *requestState) error {
	w, err := req.workers()
	if err != nil {
		return err
	}
	return req.render(200, view.WorkersPage(req.page("queues", language.T(req.ctx(), "Workers")), w))
}

// workersFragment is the part of the page that is refreshed.
func workersFragment(req *requestState) error {
	w, err := req.workers()
	if err != nil {
		return err
	}
	return req.render(200, view.WorkersFragment(req.page("queues", ""), w))
}

func (req *requestState) workers() (view.Workers, error) {
	loads, err := req.console.health.workers(req.ctx())
	if err != nil {
		return view.Workers{}, err
	}
	var w view.Workers
	versions := map[string]bool{}
	for i := range loads {
		l := &loads[i]
		one := view.Worker{
			ID: l.ID, Host: l.Host, PID: l.PID, Version: l.Version, Busy: l.Busy, Slots: l.Slots(), Started: l.Started, Seen: l.Seen,
			Draining: l.Draining, Lost: l.Lost,
		}
		for _, q := range l.Queues {
			one.Queues = append(one.Queues, fmt.Sprintf("%s %d", q.Queue, q.Slots))
		}
		w.Workers = append(w.Workers, one)
		if !l.Lost {
			versions[l.Version] = true
		}
	}
	live, gone := req.console.config.Store.Fleet()
	for i := range live {
		p := &live[i]
		if p.Role == "worker" {
			continue // it is among the workers
		}
		w.Doors = append(w.Doors, view.Door{Host: p.Host, PID: p.PID, Version: p.Version, Started: p.Started, Both: p.Executes(), Own: p.ID == req.console.config.Store.Process().ID})
		versions[p.Version] = true
	}
	for i := range gone {
		g := &gone[i]
		if slices.ContainsFunc(loads, func(l queue.Load) bool { return l.Lost && l.Host == g.Host && l.PID == g.PID }) {
			continue // it is among the workers, as lost
		}
		w.Gone = append(w.Gone, view.GoneProcess{Role: g.Role, Host: g.Host, PID: g.PID, Version: g.Version, Started: g.Started, At: g.At})
	}
	w.Versions = len(versions)
	return w, nil
}
