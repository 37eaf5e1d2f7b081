package console

import (
	"cmp"

	"github.com/penstock/penstock/console/view"
	"github.com/penstock/penstock/queue"
)

// linesPage shows who waits behind whom for the slots of each queue.
func linesPage(x *exchange) error {
	lines, err := x.lines()
	if err != nil {
		return err
	}
	return x.show(200, view.LinesPage(x.page("queues", "Who waits"), lines))
}

// linesNow is the part of the page that changes.
func linesNow(x *exchange) error {
	lines, err := x.lines()
	if err != nil {
		return err
	}
	return x.show(200, view.LinesNow(x.page("queues", ""), lines))
}

func (x *exchange) lines() ([]view.QueueLines, error) {
	all, err := x.console.config.Queue.Sharing(x.ctx())
	if err != nil {
		return nil, err
	}
	names := map[int64]string{}
	for _, f := range x.flowNames() {
		names[f.Number] = f.Name
	}
	queues, err := x.console.config.Queue.Stats(x.ctx())
	if err != nil {
		return nil, err
	}
	paused := map[string]bool{}
	for i := range queues {
		paused[queues[i].Queue] = queues[i].Paused
	}
	out := make([]view.QueueLines, 0, len(all))
	for i := range all {
		out = append(out, x.queueLines(&all[i], names, paused[all[i].Queue]))
	}
	return out, nil
}

func (x *exchange) queueLines(s *queue.Sharing, names map[int64]string, paused bool) view.QueueLines {
	q := view.QueueLines{Queue: s.Queue, Slots: s.Slots, Spare: s.Spare, Share: s.Share, Turns: s.Turns, More: s.More, Paused: paused}
	for _, l := range s.Lines {
		q.Lines = append(q.Lines, view.LineRow{
			Flow: l.Flow, Name: names[l.Flow], Now: l.Now, Waited: l.Waited, Unwaited: l.Unwaited, Oldest: l.Oldest(),
			Share: cmp.Or(l.Share, s.Share), AtLeast: l.AtLeast, Paused: !x.console.config.Store.Flows().Paused(l.Flow).IsZero(),
		})
	}
	return q
}
