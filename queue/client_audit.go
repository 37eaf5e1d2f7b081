package queue

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	auditBatch = 500
	auditPause = 5 * time.Second // between the two passes: transitions in progress are complete by then
)

// Fault is a violation of an invariant of the stored runs.
type Fault struct {
	Queue string `json:"queue"`
	Run   string `json:"run"`
	Rule  string `json:"rule"` // the violated rule
}

// Audit checks everything that is stored of the runs of a queue or a shard against
// the invariants of docs/decisions/0006. A queue in use changes while it is read, so
// Audit makes two passes, auditPause apart, and returns the violations of both. runs
// is the number of runs read. It reads every run and changes nothing. Errors:
// ErrUnavailable.
func (c *Client) Audit(ctx context.Context, queue string) (faults []Fault, runs int, err error) {
	first, runs, err := c.audit(ctx, queue)
	if err != nil || len(first) == 0 {
		return nil, runs, err
	}
	select {
	case <-ctx.Done():
		return nil, runs, ctx.Err()
	case <-time.After(auditPause):
	}
	second, runs, err := c.audit(ctx, queue)
	if err != nil {
		return nil, runs, err
	}
	again := map[Fault]bool{}
	for _, f := range first {
		again[f] = true
	}
	return slices.DeleteFunc(second, func(f Fault) bool { return !again[f] }), runs, nil
}

// audit makes one pass.
func (c *Client) audit(ctx context.Context, queue string) ([]Fault, int, error) {
	a := &auditor{ctx: ctx, c: c.redis, keys: keysOf(queue), queue: queue, runs: map[string]*audited{}}
	for _, read := range []func() error{a.readRuns, a.readTasks, a.checkRuns, a.checkBegun, a.checkFlights, a.checkPlaces, a.checkLines} {
		if err := read(); err != nil {
			return nil, 0, redisError("audit queue", err)
		}
	}
	return a.faults, len(a.runs), nil
}

// auditor makes one pass over a queue. It belongs to one goroutine.
type auditor struct {
	ctx    context.Context
	c      redis.UniversalClient
	keys   keys
	queue  string
	runs   map[string]*audited
	tasks  map[string]string // task id to its state
	faults []Fault
}

// audited is what an audit reads of a run.
type audited struct {
	state, worker string
	fence         int
	due, indexed  bool
}

func (r *audited) live() bool { return r != nil && !State(r.state).Terminal() }

func (a *auditor) add(run, rule string, args ...any) {
	a.faults = append(a.faults, Fault{a.queue, run, fmt.Sprintf(rule, args...)})
}

// find lists the keys with a prefix, without the prefix, on the node of the queue.
func (a *auditor) find(prefix string) (out []string, err error) {
	scan := func(ctx context.Context, c redis.Cmdable) error {
		it := c.Scan(ctx, 0, glob(prefix)+"*", auditBatch).Iterator()
		for it.Next(ctx) {
			out = append(out, strings.TrimPrefix(it.Val(), prefix))
		}
		return it.Err()
	}
	if cluster, ok := a.c.(*redis.ClusterClient); ok {
		node, err := cluster.MasterForKey(a.ctx, a.keys.due())
		if err != nil {
			return nil, err
		}
		return out, scan(a.ctx, node)
	}
	err = scan(a.ctx, a.c)
	return out, err
}

// glob escapes the special characters of MATCH.
func glob(text string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`, `]`, `\]`).Replace(text)
}

func (a *auditor) readRuns() error {
	ids, err := a.find(a.keys.runPrefix())
	if err != nil {
		return err
	}
	for batch := range slices.Chunk(ids, auditBatch) {
		pipe := a.c.Pipeline()
		fields := make([]*redis.SliceCmd, len(batch))
		due, index := make([]*redis.FloatCmd, len(batch)), make([]*redis.FloatCmd, len(batch))
		for i, id := range batch {
			fields[i] = pipe.HMGet(a.ctx, a.keys.runPrefix()+id, "state", "fence", "worker")
			due[i], index[i] = pipe.ZScore(a.ctx, a.keys.due(), id), pipe.ZScore(a.ctx, a.keys.index(), id)
		}
		if _, err := pipe.Exec(a.ctx); err != nil && !isNil(err) {
			return err
		}
		for i, id := range batch {
			r := &audited{due: due[i].Err() == nil, indexed: index[i].Err() == nil}
			f := fields[i].Val()
			r.state, _ = f[0].(string)
			fence, stored := f[1].(string)
			r.worker, _ = f[2].(string)
			if r.fence = number(fence); !stored && r.state == string(Queued) {
				r.fence = 1
			}
			a.runs[id] = r
		}
	}
	return nil
}

func (a *auditor) readTasks() error {
	a.tasks = map[string]string{}
	ids, err := a.find(a.keys.taskPrefix())
	if err != nil {
		return err
	}
	for batch := range slices.Chunk(ids, auditBatch) {
		pipe := a.c.Pipeline()
		states := make([]*redis.StringCmd, len(batch))
		for i, id := range batch {
			states[i] = pipe.HGet(a.ctx, a.keys.taskPrefix()+id, "state")
		}
		if _, err := pipe.Exec(a.ctx); err != nil && !isNil(err) {
			return err
		}
		for i, id := range batch {
			a.tasks[id] = states[i].Val()
		}
	}
	return nil
}

func (a *auditor) checkRuns() error {
	for id, r := range a.runs {
		switch {
		case r.state == "":
			a.add(id, "has no state")
		case r.live() && !r.due:
			a.add(id, "is %s and not due: no worker will look at it", r.state)
		case !r.live() && !r.due && !r.indexed:
			a.add(id, "is %s and neither due nor indexed: it is never removed", r.state)
		case r.state == string(Queued) && a.tasks[taskID(id, r.fence)] == "" && a.tasks[taskID(id, r.fence+1)] == "":
			a.add(id, "is queued and has no task")
		}
	}
	return a.checkTasks()
}

// checkTasks checks that each task has a run. That of a stopped run remains in its list until a claim drops it, which may
// be after the run's retention.
func (a *auditor) checkTasks() error {
	var orphans []string
	for task := range a.tasks {
		if id, ok := runOfTask(task); ok && a.runs[id] == nil {
			orphans = append(orphans, task)
		}
	}
	if len(orphans) == 0 {
		return nil
	}
	listed, err := a.listed()
	for _, task := range orphans {
		if id, _ := runOfTask(task); !listed[task] {
			a.add(id, "has a task and no record")
		}
	}
	return err
}

// listed returns the tasks in the lists from which workers claim.
func (a *auditor) listed() (map[string]bool, error) {
	lists, err := a.find(a.keys.ours + "inbox:")
	if err != nil {
		return nil, err
	}
	for i := range lists {
		lists[i] = a.keys.ours + "inbox:" + lists[i]
	}
	listed := map[string]bool{}
	for _, list := range append(lists, a.keys.pending(), a.keys.express()) {
		tasks, err := a.c.LRange(a.ctx, list, 0, -1).Result()
		if err != nil {
			return nil, err
		}
		for _, task := range tasks {
			listed[task] = true
		}
	}
	return listed, nil
}

// runOfTask returns the run of a task; false: the task carries no run.
func runOfTask(task string) (string, bool) {
	if len(task) <= idLen+1 || task[idLen] != '.' {
		return "", false
	}
	_, err := strconv.Atoi(task[idLen+1:])
	return task[:idLen], err == nil
}

func (a *auditor) checkBegun() error {
	begun, err := a.c.ZRange(a.ctx, a.keys.begun(), 0, -1).Result()
	if err != nil {
		return err
	}
	executes := map[string]bool{}
	for _, member := range begun {
		worker, task, _ := strings.Cut(member, " ")
		id, _ := runOfTask(task)
		r := a.runs[id]
		executes[task] = true
		if r == nil || r.live() && (r.state != string(Running) || task != taskID(id, r.fence) || r.worker != worker) {
			a.add(id, "is listed as executing on %s and does not", worker)
		}
	}
	for id, r := range a.runs {
		if r.state == string(Running) && !executes[taskID(id, r.fence)] {
			a.add(id, "is running and listed for no worker")
		}
	}
	return nil
}

func (a *auditor) checkFlights() error {
	flows, err := a.find(a.keys.ours + "flight:")
	if err != nil {
		return err
	}
	for _, flow := range flows {
		ids, err := a.c.SMembers(a.ctx, a.keys.ours+"flight:"+flow).Result()
		if err != nil {
			return err
		}
		for _, id := range ids {
			if r := a.runs[id]; r == nil || r.state == string(Waiting) || !r.live() && !r.due {
				a.add(id, "counts as one of flow %s in flight and is not", flow)
			}
		}
	}
	return nil
}

func (a *auditor) checkPlaces() error {
	gates, err := a.find(a.keys.ours + "gate:")
	if err != nil {
		return err
	}
	for _, gate := range gates {
		ids, err := a.c.ZRange(a.ctx, a.keys.ours+"gate:"+gate, 0, -1).Result()
		if err != nil {
			return err
		}
		for _, id := range ids {
			if a.runs[id] == nil {
				a.add(id, "stands at a concurrency limit and has no record")
			}
		}
	}
	return nil
}

func (a *auditor) checkLines() error {
	groups, err := a.c.SMembers(a.ctx, a.keys.groups()).Result()
	if err != nil {
		return err
	}
	for _, group := range groups {
		rest, ours := strings.CutPrefix(group, "flow-")
		if !ours {
			continue
		}
		flow, class := rest, "u"
		if i := strings.IndexByte(rest, '-'); i > 0 {
			flow = rest[:i]
			if strings.HasPrefix(rest[i:], "-waited") {
				class = "w"
			}
		}
		if err := a.c.ZScore(a.ctx, a.keys.turns(class), flow).Err(); isNil(err) {
			a.add("", "the line %s is in no order of turns", group)
		} else if err != nil {
			return err
		}
	}
	return nil
}
