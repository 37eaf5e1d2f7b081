package console

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/penstock/penstock/audit"
	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/connect"
	"github.com/penstock/penstock/console/language"
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
	what func(context.Context) string
	path string
	ends time.Time // zero: it must be authorised now
	why  string    // a message with what, which says what has to be done when ends is zero
}

// readCredentials reads the clients, connections and keys that end, and the connections that must be authorised.
func readCredentials(ctx context.Context, c *Config) (all []credential, err error) {
	expiries, err := connect.Expiries(ctx, c.Store)
	if err != nil {
		return nil, err
	}
	for _, e := range expiries {
		one := credential{what: named(kindsOfExpiry[e.Kind], e.Name), path: "/connections/" + url.PathEscape(e.Name), ends: e.Ends}
		if e.Kind == store.ExpiryOfClient {
			one = credential{what: named(language.Key("API client %s"), e.Name), path: "/access/clients/" + url.PathEscape(e.Name), ends: e.Ends}
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
			all = append(all, credential{what: named(language.Key("the old secret of API key %s"), cmp.Or(k.Name, k.Key)), path: "/access/keys/" + url.PathEscape(k.Key), ends: k.PreviousUntil})
		}
	}
	connections, err := c.Store.Connections().List(ctx)
	if err != nil {
		return nil, err
	}
	for _, conn := range connections {
		if why := unauthorised(ctx, c.Store, conn); why != "" {
			all = append(all, credential{what: named(language.Key("connection %s"), conn.Name), path: "/connections/" + url.PathEscape(conn.Name), why: why})
		}
	}
	return all, nil
}

// kindsOfExpiry are messages about the settings of connections that end. Read only.
var kindsOfExpiry = map[string]string{
	"certificate": language.Key("the certificate of connection %s"), "ca": language.Key("the ca of connection %s"),
	"assertion": language.Key("the assertion of connection %s"), "token": language.Key("the token of connection %s"),
}

// named returns a message about something with a name, for the language of each reader.
func named(key, name string) func(context.Context) string {
	return func(ctx context.Context) string { return language.T(ctx, key, name) }
}

// unauthorised says why a connection has to be authorised; empty: it has not, as far as is known.
func unauthorised(ctx context.Context, s *store.Store, c *store.Connection) string {
	if !connect.Consents(c) {
		return ""
	}
	grant, err := s.Grants().Grant(ctx, c)
	switch {
	case err == nil && grant.Refused != "":
		return language.Key("%s was refused by its authorization server and must be authorised again")
	case err != nil && c.Settings["refresh_token"] == "":
		return language.Key("%s has not been authorised yet")
	}
	return ""
}

// needs returns what needs attention, the worst first. What cannot be read is left out: the bar above says what does not answer.
func (req *requestState) needs(a *view.Activity) (all []view.Need) {
	add := func(some []view.Need) { all = append(all, some...) }
	now := req.console.config.Now()
	if groups, err := req.console.attention.failures.get(req.ctx(), now); err == nil && req.may(auth.ScopeReadRuns) {
		add(uncertainRuns(req.ctx(), groups))
		add(req.failingFlows(groups))
	}
	add(lateQueues(req.ctx(), a.Queues, req.may(auth.ScopeReadQueues)))
	add(req.lostWorkers())
	if req.may(auth.ScopeClients) {
		if credentials, err := req.console.attention.credentials.get(req.ctx(), now); err == nil {
			add(endingCredentials(req.ctx(), credentials, now))
		}
	}
	if req.may(auth.ScopeUsers) {
		if exports, err := req.console.attention.exports.get(req.ctx(), now); err == nil {
			add(lateExports(req.ctx(), exports, now))
		}
	}
	add(req.disabledFlows(now))
	add(pausedQueues(req.ctx(), a.Queues))
	add(req.pausedFlows())
	live, _ := req.console.config.Store.Fleet()
	add(versionMix(req.ctx(), live, req.may(auth.ScopeReadQueues)))
	if req.may(auth.ScopeClients) {
		add(unreadableSecrets(req.ctx(), live))
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

func uncertainRuns(ctx context.Context, groups []failure.Group) []view.Need {
	var runs int64
	for i := range groups {
		if groups[i].State == failure.Open && groups[i].Code == string(flows.CodeUncertain) {
			runs += groups[i].Open()
		}
	}
	if runs == 0 {
		return nil
	}
	return []view.Need{{Urgent: true, Head: language.N(ctx, int(runs), "%d run", "%d runs"), Text: language.T(ctx, "ended uncertain: an effect may or may not have happened"), Path: runsPath(`code eq "uncertain" and triage eq "open"`)}}
}

// failing is a flow with runs that are open.
type failing struct {
	flow           int64
	runs, failures int64
	last           time.Time
	now            bool // some failed in this hour or the one before
}

// failingFlows are the flows of whose runs some that failed in the last day are open. Uncertain runs have a line of their own.
func (req *requestState) failingFlows(groups []failure.Group) []view.Need {
	var all []view.Need
	for _, f := range failingByFlow(groups) {
		all = append(all, view.Need{
			Urgent: f.now, Head: language.N(req.ctx(), int(f.runs), "%d run", "%d runs"), Since: f.last, Last: true,
			Text: language.N(req.ctx(), int(f.failures), "of %[2]s failed and are open, %[1]d cause", "of %[2]s failed and are open, %[1]d causes", req.flowName(f.flow)),
			Path: runsPath("flow eq " + strconv.FormatInt(f.flow, 10) + ` and state in ("failed","timed_out") and triage eq "open" and code ne "uncertain"`),
		})
	}
	return limited(all, func(n int) view.Need {
		return view.Need{Urgent: true, Head: language.N(req.ctx(), n, "%d further flow", "%d further flows"), Text: language.T(req.ctx(), "failing"), Path: "/failures"}
	})
}

// failingByFlow adds up the open runs of flows: first those that fail now, and of these the one with the most open runs.
func failingByFlow(groups []failure.Group) []*failing {
	byFlow := map[int64]*failing{}
	for i := range groups {
		g := &groups[i]
		if g.State != failure.Open || g.LastDay == 0 || g.Code == string(flows.CodeUncertain) || g.Open() == 0 {
			continue
		}
		f := byFlow[g.Flow]
		if f == nil {
			f = &failing{flow: g.Flow}
			byFlow[g.Flow] = f
		}
		f.runs, f.failures, f.now = f.runs+g.Open(), f.failures+1, f.now || g.LastHour > 0
		if g.Last.After(f.last) {
			f.last = g.Last
		}
	}
	return slices.SortedFunc(maps.Values(byFlow), func(a, b *failing) int {
		return cmp.Or(trueFirst(a.now, b.now), cmp.Compare(b.runs, a.runs), cmp.Compare(a.flow, b.flow))
	})
}

func trueFirst(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return -1
	}
	return 1
}

func countTasks(ctx context.Context, n int) string { return language.N(ctx, n, "%d task", "%d tasks") }

func lateQueues(ctx context.Context, queues []view.QueueRow, linked bool) (all []view.Need) {
	for _, q := range queues {
		if q.Paused || q.Pending == 0 || q.Oldest < lateAfter {
			continue
		}
		n := view.Need{Urgent: true, Head: countTasks(ctx, q.Pending), Text: language.T(ctx, "waiting in queue %s, the next for %s", q.Name, view.Took(ctx, q.Oldest))}
		if linked {
			n.Path = "/lines"
		}
		all = append(all, n)
	}
	return limited(all, func(n int) view.Need {
		return view.Need{Urgent: true, Head: language.N(ctx, n, "%d further queue", "%d further queues"), Text: language.T(ctx, "late"), Path: "/lines"}
	})
}

// lostWorkers says how many workers send no heartbeat any more and have not left.
func (req *requestState) lostWorkers() []view.Need {
	loads, err := req.console.health.workers(req.ctx())
	if err != nil {
		return nil
	}
	n, seen := 0, time.Time{}
	for i := range loads {
		if loads[i].Lost {
			n++
			if loads[i].Seen.After(seen) {
				seen = loads[i].Seen
			}
		}
	}
	if n == 0 {
		return nil
	}
	need := view.Need{Urgent: true, Head: language.N(req.ctx(), n, "%d worker", "%d workers"), Text: language.T(req.ctx(), "lost: no heartbeat comes from there"), Since: seen, Last: true}
	if req.may(auth.ScopeReadQueues) {
		need.Path = "/workers"
	}
	return []view.Need{need}
}

func endingCredentials(ctx context.Context, credentials []credential, now time.Time) (all []view.Need) {
	slices.SortStableFunc(credentials, func(a, b credential) int { return a.ends.Compare(b.ends) })
	for _, c := range credentials {
		n := view.Need{Path: c.path, Urgent: true}
		if c.ends.IsZero() {
			n.Text = language.T(ctx, c.why, c.what(ctx))
		} else {
			left := c.ends.Sub(now)
			if left > expiresWithin {
				continue
			}
			n.Urgent, n.Text = left <= 0, ending(ctx, c.what(ctx), left)
		}
		all = append(all, n)
	}
	return limited(all, func(n int) view.Need {
		return view.Need{Head: language.N(ctx, n, "%d further credential", "%d further credentials"), Text: language.T(ctx, "ending soon or to be authorised"), Path: "/connections"}
	})
}

// ending says when something ends.
func ending(ctx context.Context, what string, left time.Duration) string {
	switch days := int(left / (24 * time.Hour)); {
	case left <= 0:
		return language.T(ctx, "%s has expired", what)
	case days == 0:
		return language.T(ctx, "%s ends in %d h", what, max(1, int(left/time.Hour)))
	case days == 1:
		return language.T(ctx, "%s ends tomorrow", what)
	default:
		return language.T(ctx, "%s ends in %d days", what, days)
	}
}

// disabledFlows are the flows that are switched off and whose senders still send.
func (req *requestState) disabledFlows(now time.Time) (all []view.Need) {
	counts, err := req.console.attention.disabled.get(req.ctx(), now)
	if err != nil {
		return nil
	}
	for _, head := range req.visibleFlows() {
		number := strconv.FormatInt(head.Number, 10)
		n := counts[number]
		if head.Slug != "" {
			n += counts[head.Slug]
		}
		if n > 0 && !head.Enabled {
			all = append(all, view.Need{Count: n, Head: language.N(req.ctx(), n, "%d delivery", "%d deliveries"), Text: language.T(req.ctx(), "rejected in 24 hours because %s is switched off", req.flowName(head.Number)), Path: "/flows/" + number + "/deliveries"})
		}
	}
	slices.SortStableFunc(all, func(a, b view.Need) int { return b.Count - a.Count })
	return limited(all, func(n int) view.Need {
		return view.Need{Head: language.N(req.ctx(), n, "%d further flow", "%d further flows"), Text: language.T(req.ctx(), "switched off and called"), Path: "/flows"}
	})
}

func pausedQueues(ctx context.Context, queues []view.QueueRow) (all []view.Need) {
	for _, q := range queues {
		if q.Paused {
			all = append(all, view.Need{Head: countTasks(ctx, q.Pending), Text: language.T(ctx, "waiting in queue %s, which is paused", q.Name), Path: "/lines"})
		}
	}
	return limited(all, func(n int) view.Need {
		return view.Need{Head: language.N(ctx, n, "%d further queue", "%d further queues"), Text: language.T(ctx, "paused"), Path: "/lines"}
	})
}

func (req *requestState) pausedFlows() []view.Need {
	var paused []store.Deployment
	for _, head := range req.visibleFlows() {
		if !head.Paused.IsZero() {
			paused = append(paused, head)
		}
	}
	if len(paused) == 0 {
		return nil
	}
	slices.SortFunc(paused, func(a, b store.Deployment) int { return a.Paused.Compare(b.Paused) })
	n := view.Need{Head: language.N(req.ctx(), len(paused), "%d flow", "%d flows"), Path: "/flows", Since: paused[0].Paused}
	if len(paused) == 1 {
		n.Path = "/flows/" + strconv.FormatInt(paused[0].Number, 10)
	}
	var names []string
	for _, head := range paused[:min(len(paused), attentionLines)] {
		names = append(names, req.flowName(head.Number))
	}
	n.Text = language.T(req.ctx(), "paused: %s", strings.Join(names, ", "))
	if len(paused) > attentionLines {
		n.Text = language.T(req.ctx(), "paused: %s and others", strings.Join(names, ", "))
	}
	return []view.Need{n}
}

// versionMix says that processes of the fleet are of different versions.
func versionMix(ctx context.Context, live []store.Process, linked bool) []view.Need {
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
	n := view.Need{
		Head: language.N(ctx, len(counts), "%d version", "%d versions"),
		Text: language.T(ctx, "running beside each other: %s", strings.Join(parts[:min(len(parts), attentionLines)], ", ")),
	}
	if linked {
		n.Path = "/workers"
	}
	return []view.Need{n}
}
