package app

import (
	"context"

	"github.com/penstock/penstock/internal/budget"
)

// openMemory makes the budget that runs and requests are charged to. It
// follows GOMEMLIMIT or the container's limit.
func (p *Program) openMemory(context.Context) error {
	limit := budget.Limit()
	if p.memory = budget.New(limit, p.log); p.memory == nil {
		p.log.Warn("the memory limit of this process is not known: only the bounds of each run hold; set GOMEMLIMIT")
		return nil
	}
	p.log.Info("memory", "limit", limit)
	p.add("memory", p.memory.Run)
	return nil
}
