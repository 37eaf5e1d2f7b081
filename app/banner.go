package app

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/store"
)

// shownFlow is the example that the command to paste calls, with its event.
const (
	shownFlow  = 69
	shownEvent = `{"email":"robertcarloshernandez@gmail.com"}`
)

// announce waits until the door answers, then writes the ready file and, in
// dev, says how to begin.
func (p *Program) announce(ctx context.Context) error {
	if err := p.answers(ctx); err != nil {
		return err
	}
	if err := p.writeReadyFile(); err != nil {
		return err
	}
	if !p.role.Dev {
		return nil
	}
	key, err := p.credentials(ctx)
	if err != nil {
		return err
	}
	p.greet(p.out, key)
	return nil
}

// answers asks the door until it is ready.
func (p *Program) answers(ctx context.Context) error {
	client := http.Client{Timeout: time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.url+"/readyz", nil)
		if err != nil {
			return fmt.Errorf("ask the door: %w", err)
		}
		if resp, err := client.Do(req); err == nil {
			_ = resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// greet writes what a newcomer needs, in the order in which it is needed.
func (p *Program) greet(w io.Writer, key *store.Key) {
	base := cmp.Or(strings.TrimSuffix(p.settings.Issuer, "/"), p.url)
	fmt.Fprintf(w, "\nPenstock is ready at %s\n\n  console   %s/console\n", base, base)
	fmt.Fprintf(w, "  API key   %s\n  secret    %s\n  user      %s\n  password  %s\n  flows     %s\n  data      %s\n",
		key.Key, key.Secret, p.settings.AdminUser, p.settings.AdminPassword, p.flowList(), p.dataText())
	if p.settings.Redis != "" {
		fmt.Fprintf(w, "  Redis     as set\n")
	}
	fmt.Fprintf(w, "  demo CRM  %s\n", p.crm)
	if p.metricsURL != "" {
		fmt.Fprintf(w, "  metrics   %s\n", p.metricsURL)
	}
	if host, _, err := net.SplitHostPort(p.settings.Listen); err == nil && !IsLoopback(host) {
		fmt.Fprintf(w, "\nOther machines can reach this address. dev is for development: its demo CRM and its data have no owner.\n")
	}
	shown := p.shownCall()
	if head, err := p.store.Flows().Head(fmt.Sprint(shown.number)); err != nil || head.Problem != "" {
		shown = shownCall{}
	} else {
		fmt.Fprintf(w, "\nCall flow %d%s: paste this into a shell (every paste makes a new timestamp and check)\n\n%s",
			shown.number, inQuotes(head.Name), curl(base, key, shown))
	}
	p.greetCLI(w, base, shown)
	fmt.Fprintf(w, "Ctrl-C stops it.\n\n")
}

// shownCall is the call that dev shows: of the person's own first flow, or of
// the example.
type shownCall struct {
	number int64
	ref    string // for the command line
	event  string // JSON; empty: the flow takes none
}

func (p *Program) shownCall() shownCall {
	flow := p.ownFlow()
	switch {
	case flow == nil:
		return shownCall{shownFlow, fmt.Sprint(shownFlow), shownEvent}
	case flow.Webhook == nil:
		return shownCall{flow.Number, cmp.Or(flow.Slug, fmt.Sprint(flow.Number)), ""}
	}
	event := "{}"
	if sample := flow.SampleEvent(); sample != nil {
		event = string(flows.EncodeJSON(sample))
	}
	return shownCall{flow.Number, cmp.Or(flow.Slug, fmt.Sprint(flow.Number)), event}
}

// ownFlow is the first flow of the directory of the settings that can be
// called; nil: there is none.
func (p *Program) ownFlow() *flows.Flow {
	if p.settings.Flows == "" {
		return nil
	}
	for _, head := range p.store.Flows().List() {
		if flow, ok := p.store.Flows().Find(fmt.Sprint(head.Number)); ok && !p.isExample(flow) && flow.Schedule == nil {
			return flow
		}
	}
	return nil
}

// greetCLI shows how the command line calls this server.
func (p *Program) greetCLI(w io.Writer, base string, call shownCall) {
	fmt.Fprintf(w, "\nThe command line, in another shell:\n\n")
	if _, err := exec.LookPath("penstock"); err != nil {
		if self, err := os.Executable(); err == nil {
			fmt.Fprintf(w, "  alias penstock=%s\n", quoted(self))
		}
	}
	fmt.Fprintf(w, "  export %s=%s %s=%s %s=%s\n", EnvURL, quoted(base), EnvUser, quoted(p.settings.AdminUser), EnvPassword, quoted(p.settings.AdminPassword))
	if call.ref == "" {
		fmt.Fprintf(w, "  penstock flow init %s\n\nThat writes a first flow, which dev deploys at once.\n\n", quoted(filepath.Join(p.settings.Flows, "greet.yaml")))
		return
	}
	fmt.Fprintf(w, "  penstock run %s", call.ref)
	if call.event != "" {
		fmt.Fprintf(w, " --event %s", quoted(call.event))
	}
	fmt.Fprintf(w, "\n\n")
}

// inQuotes is a name behind a number; empty: there is none.
func inQuotes(name string) string {
	if name == "" {
		return ""
	}
	return fmt.Sprintf(", %q", name)
}

// quoted is a word of a shell's command line.
func quoted(s string) string {
	if s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./:@") == "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// curl is a command for sh, bash and zsh. macOS has md5 instead of md5sum.
func curl(base string, key *store.Key, call shownCall) string {
	body, signed, data := " body="+quoted(call.event), "$body|", ` -H 'Content-Type: application/json' -d "$body"`
	if call.event == "" {
		body, signed, data = "", "", ""
	}
	return fmt.Sprintf(`key=%s secret=%s ts=$(date +%%s)%s
check=$(printf '%%s' "%d|$key|$ts|%s$secret" | { md5sum 2>/dev/null || md5 -q; } | cut -c1-32)
curl -sS -w '\n'%s "%s/apis/execute.php?flow=%d&key=$key&ts=$ts&check=$check"
`, key.Key, key.Secret, body, call.number, signed, data, base, call.number)
}

func (p *Program) flowList() string {
	var names []string
	for _, head := range p.store.Flows().List() {
		name := fmt.Sprint(head.Number)
		if head.Slug != "" {
			name += " " + head.Slug
		}
		names = append(names, name)
	}
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}

func (p *Program) dataText() string {
	switch {
	case p.dataDir == "":
		return "in memory only"
	case p.settings.Redis != "":
		return p.dataDir + " (master key)"
	}
	return p.dataDir + " (saved once a second; for development)"
}

// IsLoopback reports whether only this machine can connect to a host.
func IsLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
