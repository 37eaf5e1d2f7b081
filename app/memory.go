package app

import (
	"context"

	"github.com/penstock/penstock/internal/budget"
)

// openMemory creates the memory budget that runs and requests are charged to. Its limit is GOMEMLIMIT or that of the
// container.
func (p *Program) openMemory(context.Context) error {
	limit := budget.Limit()
	if p.memory = budget.New(limit, p.log); p.memory == nil {
		p.log.Warn("the memory limit of this process is unknown: only the limits of each run apply; set GOMEMLIMIT")
		return nil
	}
	p.log.Info("memory", "limit", limit)
	p.add("memory", p.memory.Run)
	return nil
}
