package app

import (
	"context"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/state"
	"github.com/penstock/penstock/queue"
	"github.com/penstock/penstock/worker/schedule"
)

// openSchedule starts runs of schedules and polls, together with the other workers.
func (p *Program) openSchedule(worker string) error {
	client := p.shared
	s, err := schedule.New(schedule.Config{
		Redis:  client,
		Meter:  p.scheduleMeter(),
		Log:    p.log,
		ID:     worker,
		Flows:  p.store.Flows(),
		Submit: p.submit,
		State:  p.runState,
		Watermark: func(ctx context.Context, flow *flows.Flow) ([]byte, error) {
			return state.New(client).Load(ctx, flow.WatermarkKey())
		},
	})
	if err != nil {
		return err
	}
	p.add("schedule", s.Run)
	return nil
}

// submit submits a run without waiting for it.
func (p *Program) submit(ctx context.Context, s queue.Submission) error {
	ticket, err := p.client.Submit(ctx, s)
	if err != nil {
		return err
	}
	ticket.Close()
	return nil
}

func (p *Program) runState(ctx context.Context, run string) (queue.State, error) {
	record, err := p.client.Record(ctx, run)
	return record.State, err
}
