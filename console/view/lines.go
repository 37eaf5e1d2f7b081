package view

import (
	"context"
	"strconv"
	"time"

	"github.com/penstock/penstock/console/language"
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
