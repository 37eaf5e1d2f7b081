package view

import (
	"context"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/penstock/penstock/console/language"
	"github.com/penstock/penstock/console/tasks"
)

// QueueLines is a queue with the flows whose runs wait in line for its slots.
type QueueLines struct {
	Queue        string
	Slots, Spare int // of the live workers
	Share        int // default share of a flow, in percent of the slots
	Turns        int64
	Lines        []LineRow // the flow with the next turn first
	More         int       // number of flows in line that are not shown
	Collecting   int64     // number of runs that wait for further events
	Paused       bool
	Figures      []tasks.Figure // as the console counts, and as asynqmon does
	Shards       []string       // names of its queues in asynq, if they are several
}

// AnyDiffer reports whether asynqmon shows other numbers of the queue.
func (q QueueLines) AnyDiffer() bool { return slices.ContainsFunc(q.Figures, tasks.Figure.Differ) }

// tasks is the path of a list of tasks in asynqmon.
func (q QueueLines) tasks(f tasks.Figure) string {
	if len(q.Shards) > 0 || f.Status == "" {
		return Root + "/queues"
	}
	return Root + "/queues/queues/" + url.PathEscape(q.Queue) + "?status=" + f.Status
}

// LineRow is a flow with runs in line.
type LineRow struct {
	Flow             int64
	Name             string // empty: the flow was deleted
	Now              int    // runs that are pending or executing
	Waited, Unwaited int    // runs in line with and without a waiting caller
	Oldest           time.Duration
	Share            int  // in percent
	AtLeast          bool // there are more runs in line
	Paused           bool
}

func (l LineRow) name(ctx context.Context) string {
	if l.Name == "" {
		return language.T(ctx, "flow %s", strconv.FormatInt(l.Flow, 10))
	}
	return l.Name
}

// inLine formats a number of runs in line.
func (l LineRow) inLine(ctx context.Context, n int) string {
	if l.AtLeast && n > 0 {
		return count(ctx, n) + "+"
	}
	return count(ctx, n)
}
