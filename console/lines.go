package console

import (
	"cmp"

	"github.com/penstock/penstock/console/language"
	"github.com/penstock/penstock/console/tasks"
	"github.com/penstock/penstock/console/view"
	"github.com/penstock/penstock/queue"
)

// linesPage shows the figures of each queue, and the flows whose runs wait in line for the slots of each queue.
func linesPage(req *requestState) error {
	lines, err := req.lines()
	if err != nil {
		return err
	}
	return req.render(200, view.LinesPage(req.page("queues", language.T(req.ctx(), "Queues")), lines))
}

// linesFragment is the part of the page that is refreshed.
func linesFragment(req *requestState) error {
	lines, err := req.lines()
	if err != nil {
		return err
	}
	return req.render(200, view.LinesFragment(req.page("queues", ""), lines))
}

func (req *requestState) lines() ([]view.QueueLines, error) {
	all, err := req.console.config.Queue.Sharing(req.ctx())
	if err != nil {
		return nil, err
	}
	names := map[int64]string{}
	for _, f := range req.flowNames() {
		names[f.Number] = f.Name
	}
	queues, err := req.console.config.Queue.Stats(req.ctx())
	if err != nil {
		return nil, err
	}
	stats, spread := map[string]*queue.Stats{}, false
	for i := range queues {
		stats[queues[i].Queue], spread = &queues[i], spread || queues[i].Shards > 1
	}
	var shards []string
	if spread {
		if shards, err = req.console.config.Queue.Queues(req.ctx()); err != nil {
			return nil, err
		}
	}
	out := make([]view.QueueLines, 0, len(all))
	for i := range all {
		q := req.queueLines(&all[i], names)
		if s := stats[q.Queue]; s != nil { // else it began a moment ago
			q.Paused, q.Figures, q.Shards = s.Paused, tasks.Figures(s), tasks.Shards(s, shards)
		}
		out = append(out, q)
	}
	return out, nil
}

func (req *requestState) queueLines(s *queue.Sharing, names map[int64]string) view.QueueLines {
	q := view.QueueLines{Queue: s.Queue, Slots: s.Slots, Spare: s.Spare, Share: s.Share, Turns: s.Turns, More: s.More, Collecting: s.Collecting}
	for _, l := range s.Lines {
		q.Lines = append(q.Lines, view.LineRow{
			Flow: l.Flow, Name: names[l.Flow], Now: l.Now, Waited: l.Waited, Unwaited: l.Unwaited, Oldest: l.Oldest(),
			Share: cmp.Or(l.Share, s.Share), AtLeast: l.AtLeast, Paused: !req.console.config.Store.Flows().Paused(l.Flow).IsZero(),
		})
	}
	return q
}
