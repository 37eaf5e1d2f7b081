package console

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/penstock/penstock/audit"
	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/connect"
	"github.com/penstock/penstock/console/view"
	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/internal/failure"
	"github.com/penstock/penstock/store"
)

const (
	// failuresTTL and credentialsTTL are how long one reading serves all users.
	failuresTTL    = 5 * time.Second
	credentialsTTL = time.Minute
	// uncertainFor is how long ago a run may have ended uncertain to be listed.
	uncertainFor = 7 * 24 * time.Hour
	// lateAfter is the waiting time of the next task of a queue that is late: that after which callers are refused by default.
	lateAfter = 30 * time.Second
	// expiresWithin is the time before the end of a credential in which it is listed.
	expiresWithin = 30 * 24 * time.Hour
	// rejectedWithin and rejectedMost bound the rejected requests that are counted.
	rejectedWithin, rejectedMost = 24 * time.Hour, 1000
	// attentionLines is the maximum number of lines of one kind; the others are one line more.
	attentionLines = 5
)

// attention has the readings from which the overview says what needs attention.
type attention struct {
	failures    cached[[]failure.Group]
	exports     cached[[]audit.Export]
	credentials cached[[]credential]
	disabled    cached[map[string]int] // flows as named in the request → requests that were rejected because the flow is off
}

func newAttention(c *Config) *attention {
	return &attention{
		exports: cached[[]audit.Export]{ttl: failuresTTL, load: func(ctx context.Context) ([]audit.Export, error) { return c.Store.Audit().Exports(ctx) }},
		failures: cached[[]failure.Group]{ttl: failuresTTL, load: func(ctx context.Context) ([]failure.Group, error) {
			return c.Failures.Recent(ctx, uncertainFor)
		}},
		credentials: cached[[]credential]{ttl: credentialsTTL, load: func(ctx context.Context) ([]credential, error) { return readCredentials(ctx, c) }},
		disabled: cached[map[string]int]{ttl: credentialsTTL, load: func(ctx context.Context) (map[string]int, error) {
			counts := map[string]int{}
			all, err := c.RejectLog.List(ctx, rejectedMost)
			for i := range all {
				if all[i].Code == "disabled" && c.Now().Sub(all[i].At) < rejectedWithin {
					counts[all[i].Flow]++
				}
			}
			return counts, err
		}},
	}
}

// credential is something that ends, or that has to be authorised.
type credential struct {
	what string
	path string
	ends time.Time // zero: it must be authorised now
	why  string    // what has to be done when ends is zero
}

// readCredentials reads the clients, connections and keys that end, and the connections that must be authorised.
func readCredentials(ctx context.Context, c *Config) (all []credential, err error) {
	expiries, err := connect.Expiries(ctx, c.Store)
	if err != nil {
		return nil, err
	}
	for _, e := range expiries {
		one := credential{what: "the " + e.Kind + " of connection " + e.Name, path: "/connections/" + url.PathEscape(e.Name), ends: e.Ends}
		if e.Kind == store.ExpiryOfClient {
			one = credential{what: "API client " + e.Name, path: "/access/clients/" + url.PathEscape(e.Name), ends: e.Ends}
		}
		all = append(all, one)
	}
	keys, err := c.Store.Keys().List(ctx)
	if err != nil {
		return nil, err
	}
	now := c.Now()
	for _, k := range keys {
		if _, previous := k.Secrets(now); previous != "" {
			all = append(all, credential{what: "the old secret of API key " + cmp.Or(k.Name, k.Key), path: "/access/keys/" + url.PathEscape(k.Key), ends: k.PreviousUntil})
		}
	}
	connections, err := c.Store.Connections().List(ctx)
	if err != nil {
		return nil, err
	}
	for _, conn := range connections {
		if why := unauthorised(ctx, c.Store, conn); why != "" {
			all = append(all, credential{what: "connection " + conn.Name, path: "/connections/" + url.PathEscape(conn.Name), why: why})
		}
	}
	return all, nil
}

// unauthorised says why a connection has to be authorised; empty: it has not, as far as is known.
func unauthorised(ctx context.Context, s *store.Store, c *store.Connection) string {
	if !connect.Consents(c) {
		return ""
	}
	grant, err := s.Grants().Grant(ctx, c)
	switch {
	case err == nil && grant.Refused != "":
		return "was refused by its authorization server and must be authorised again"
	case err != nil && c.Settings["refresh_token"] == "":
		return "has not been authorised yet"
	}
	return ""
}

// needs returns what needs attention, the worst first. What cannot be read is left out: the bar above says what does not answer.
func (req *requestState) needs(a *view.Activity) (all []view.Need) {
	add := func(some []view.Need) { all = append(all, some...) }
	now := req.console.config.Now()
	if groups, err := req.console.attention.failures.get(req.ctx(), now); err == nil && req.may(auth.ScopeReadRuns) {
		add(uncertainRuns(groups))
		add(req.failingFlows(groups))
	}
	add(lateQueues(a.Queues, req.may(auth.ScopeReadQueues)))
	if req.may(auth.ScopeClients) {
		if credentials, err := req.console.attention.credentials.get(req.ctx(), now); err == nil {
			add(endingCredentials(credentials, now))
		}
	}
	if req.may(auth.ScopeUsers) {
		if exports, err := req.console.attention.exports.get(req.ctx(), now); err == nil {
			add(lateExports(exports, now))
		}
	}
	add(req.disabledFlows(now))
	add(pausedQueues(a.Queues))
	add(req.pausedFlows())
	live, _ := req.console.config.Store.Fleet()
	add(versionMix(live, req.may(auth.ScopeReadQueues)))
	if req.may(auth.ScopeClients) {
		add(unreadableSecrets(live))
	}
	slices.SortStableFunc(all, func(a, b view.Need) int { return cmp.Compare(rank(a), rank(b)) })
	return all
}

func rank(n view.Need) int {
	if n.Urgent {
		return 0
	}
	return 1
}

// limited keeps the first lines of a kind; rest says how many others there are.
func limited(all []view.Need, rest func(n int) view.Need) []view.Need {
	if len(all) <= attentionLines+1 {
		return all
	}
	return append(all[:attentionLines:attentionLines], rest(len(all)-attentionLines))
}

func runsPath(filter string) string {
	return "/runs?" + url.Values{"filter": {filter}}.Encode()
}

func uncertainRuns(groups []failure.Group) []view.Need {
	var runs int64
	for i := range groups {
		if groups[i].State == failure.Open && groups[i].Code == string(flows.CodeUncertain) {
			runs += groups[i].Count
		}
	}
	if runs == 0 {
		return nil
	}
	return []view.Need{{Urgent: true, Count: int(runs), Text: "ended uncertain: an effect may or may not have happened", Noun: "run", Path: runsPath(`code eq "uncertain" and triage eq "open"`)}}
}

func (req *requestState) failingFlows(groups []failure.Group) []view.Need {
	type failing struct {
		flow           int64
		runs, failures int64
		last           time.Time
	}
	byFlow := map[int64]*failing{}
	for i := range groups {
		g := &groups[i]
		if g.State != failure.Open || g.LastHour == 0 {
			continue
		}
		f := byFlow[g.Flow]
		if f == nil {
			f = &failing{flow: g.Flow}
			byFlow[g.Flow] = f
		}
		f.runs, f.failures = f.runs+g.LastHour, f.failures+1
		if g.Last.After(f.last) {
			f.last = g.Last
		}
	}
	flows := make([]*failing, 0, len(byFlow))
	for _, f := range byFlow {
		flows = append(flows, f)
	}
	slices.SortFunc(flows, func(a, b *failing) int { return cmp.Or(cmp.Compare(b.runs, a.runs), cmp.Compare(a.flow, b.flow)) })
	var all []view.Need
	for _, f := range flows {
		why := "1 cause"
		if f.failures > 1 {
			why = strconv.FormatInt(f.failures, 10) + " causes"
		}
		all = append(all, view.Need{
			Urgent: true, Count: int(f.runs), Noun: "run", Text: "of " + req.flowName(f.flow) + " failed in this hour and the one before, " + why, Since: f.last, Last: true,
			Path: runsPath("flow eq " + strconv.FormatInt(f.flow, 10) + ` and state in ("failed","timed_out") and triage eq "open"`),
		})
	}
	return limited(all, func(n int) view.Need {
		return view.Need{Urgent: true, Count: n, Noun: "further flow", Text: "failing", Path: "/failures"}
	})
}

func lateQueues(queues []view.QueueRow, linked bool) (all []view.Need) {
	for _, q := range queues {
		if q.Paused || q.Pending == 0 || q.Oldest < lateAfter {
			continue
		}
		n := view.Need{Urgent: true, Count: q.Pending, Noun: "task", Text: "waiting in queue " + q.Name + ", the next for " + view.Took(q.Oldest)}
		if linked {
			n.Path = "/lines"
		}
		all = append(all, n)
	}
	return limited(all, func(n int) view.Need {
		return view.Need{Urgent: true, Count: n, Noun: "further queue", Text: "late", Path: "/lines"}
	})
}

func endingCredentials(credentials []credential, now time.Time) (all []view.Need) {
	slices.SortStableFunc(credentials, func(a, b credential) int { return a.ends.Compare(b.ends) })
	for _, c := range credentials {
		n := view.Need{Text: c.what + " " + c.why, Path: c.path, Urgent: true}
		if !c.ends.IsZero() {
			left := c.ends.Sub(now)
			if left > expiresWithin {
				continue
			}
			n.Urgent, n.Text = left <= 0, c.what+" "+ending(left)
		}
		all = append(all, n)
	}
	return limited(all, func(n int) view.Need {
		return view.Need{Count: n, Noun: "further credential", Text: "ending soon or to be authorised", Path: "/connections"}
	})
}

// ending says when something ends.
func ending(left time.Duration) string {
	switch days := int(left / (24 * time.Hour)); {
	case left <= 0:
		return "has expired"
	case days == 0:
		return fmt.Sprintf("ends in %d h", max(1, int(left/time.Hour)))
	case days == 1:
		return "ends tomorrow"
	default:
		return fmt.Sprintf("ends in %d days", days)
	}
}

// disabledFlows are the flows that are switched off and whose senders still send.
func (req *requestState) disabledFlows(now time.Time) (all []view.Need) {
	counts, err := req.console.attention.disabled.get(req.ctx(), now)
	if err != nil {
		return nil
	}
	for _, head := range req.console.config.Store.Flows().List() {
		number := strconv.FormatInt(head.Number, 10)
		n := counts[number]
		if head.Slug != "" {
			n += counts[head.Slug]
		}
		if n > 0 && !head.Enabled {
			all = append(all, view.Need{Count: n, Noun: "delivery", Text: "rejected in 24 hours because " + req.flowName(head.Number) + " is switched off", Path: "/flows/" + number + "/deliveries"})
		}
	}
	slices.SortStableFunc(all, func(a, b view.Need) int { return b.Count - a.Count })
	return limited(all, func(n int) view.Need {
		return view.Need{Count: n, Noun: "further flow", Text: "switched off and called", Path: "/flows"}
	})
}

func pausedQueues(queues []view.QueueRow) (all []view.Need) {
	for _, q := range queues {
		if q.Paused {
			all = append(all, view.Need{Count: q.Pending, Noun: "task", Text: "waiting in queue " + q.Name + ", which is paused", Path: "/lines"})
		}
	}
	return limited(all, func(n int) view.Need {
		return view.Need{Count: n, Noun: "further queue", Text: "paused", Path: "/lines"}
	})
}

func (req *requestState) pausedFlows() []view.Need {
	var paused []store.Deployment
	for _, head := range req.console.config.Store.Flows().List() {
		if !head.Paused.IsZero() {
			paused = append(paused, head)
		}
	}
	if len(paused) == 0 {
		return nil
	}
	slices.SortFunc(paused, func(a, b store.Deployment) int { return a.Paused.Compare(b.Paused) })
	n := view.Need{Count: len(paused), Noun: "flow", Text: "paused: ", Path: "/flows", Since: paused[0].Paused}
	if len(paused) == 1 {
		n.Path = "/flows/" + strconv.FormatInt(paused[0].Number, 10)
	}
	var names []string
	for _, head := range paused[:min(len(paused), attentionLines)] {
		names = append(names, req.flowName(head.Number))
	}
	n.Text += strings.Join(names, ", ")
	if len(paused) > attentionLines {
		n.Text += " and others"
	}
	return []view.Need{n}
}

// versionMix says that processes of the fleet are of different versions.
func versionMix(live []store.Process, linked bool) []view.Need {
	counts := map[string]int{}
	for i := range live {
		counts[cmp.Or(live[i].Version, "unknown")]++
	}
	if len(counts) < 2 {
		return nil
	}
	var parts []string
	for version, n := range counts {
		parts = append(parts, fmt.Sprintf("%s (%d)", version, n))
	}
	slices.Sort(parts)
	n := view.Need{Count: len(counts), Noun: "version", Text: "running beside each other: " + strings.Join(parts[:min(len(parts), attentionLines)], ", ")}
	if linked {
		n.Path = "/workers"
	}
	return []view.Need{n}
}
