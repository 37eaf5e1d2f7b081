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
	"github.com/penstock/penstock/internal/localhost"
	"github.com/penstock/penstock/store"
)

// exampleFlow is the example flow that the printed command calls, with its event.
const (
	exampleFlow  = 69
	exampleEvent = `{"email":"robertcarloshernandez@gmail.com"}`
)

// announce waits until the front door is ready, then writes the ready file and, in dev, prints how to begin.
func (p *Program) announce(ctx context.Context) error {
	if err := p.waitReady(ctx); err != nil {
		return err
	}
	if err := p.writeReadyFile(); err != nil {
		return err
	}
	if !p.role.Dev {
		return nil
	}
	key, err := p.devAPIKey(ctx)
	if err != nil {
		return err
	}
	p.printGreeting(p.out, key)
	return nil
}

// waitReady polls /readyz until it succeeds or ctx ends.
func (p *Program) waitReady(ctx context.Context) error {
	client := http.Client{Timeout: time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.url+"/readyz", nil)
		if err != nil {
			return fmt.Errorf("wait for the front door: %w", err)
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

// printGreeting prints addresses, credentials and first commands for a new user.
func (p *Program) printGreeting(w io.Writer, key *store.Key) {
	base := cmp.Or(strings.TrimSuffix(p.settings.Issuer, "/"), p.url)
	fmt.Fprintf(w, "\nPenstock is ready at %s\n\n  console   %s/console\n", base, base)
	fmt.Fprintf(w, "  API key   %s\n  secret    %s\n  user      %s\n  password  %s\n  flows     %s\n  data      %s\n",
		key.Key, key.Secret, p.settings.AdminUser, p.settings.AdminPassword, p.flowList(), p.dataText())
	if p.settings.Redis != "" {
		fmt.Fprintf(w, "  Redis     as configured\n")
	}
	fmt.Fprintf(w, "  demo CRM  %s\n", p.crm)
	if p.metricsURL != "" {
		fmt.Fprintf(w, "  metrics   %s\n", p.metricsURL)
	}
	if host, _, err := net.SplitHostPort(p.settings.Listen); err == nil && !localhost.Is(host) {
		fmt.Fprintf(w, "\nOther machines can reach this address. dev is for development only: it protects neither the demo CRM nor its data.\n")
	}
	shown := p.sampleCall()
	if head, err := p.store.Flows().Deployment(fmt.Sprint(shown.number)); err != nil || head.Problem != "" {
		shown = sampleCall{}
	} else {
		fmt.Fprintf(w, "\nCall flow %d%s: paste this into a shell (each time it computes a new timestamp and check value)\n\n%s",
			shown.number, quotedName(head.Name), curl(base, key, shown))
	}
	p.printCLIGreeting(w, base, shown)
	fmt.Fprintf(w, "Ctrl-C stops it.\n\n")
}

// sampleCall is the call shown by dev: of the user's own first flow, or of the example.
type sampleCall struct {
	number int64
	ref    string // for the command line
	event  string // JSON; empty: the flow takes none
}

func (p *Program) sampleCall() sampleCall {
	flow := p.firstOwnFlow()
	switch {
	case flow == nil:
		return sampleCall{exampleFlow, fmt.Sprint(exampleFlow), exampleEvent}
	case flow.Webhook == nil:
		return sampleCall{flow.Number, cmp.Or(flow.Slug, fmt.Sprint(flow.Number)), ""}
	}
	event := "{}"
	if sample := flow.SampleEvent(); sample != nil {
		event = string(flows.EncodeJSON(sample))
	}
	return sampleCall{flow.Number, cmp.Or(flow.Slug, fmt.Sprint(flow.Number)), event}
}

// firstOwnFlow returns the first flow of the settings' directory that a caller can wait for; nil when there is none.
func (p *Program) firstOwnFlow() *flows.Flow {
	if p.settings.Flows == "" {
		return nil
	}
	for _, head := range p.store.Flows().List() {
		if flow, ok := p.store.Flows().Find(fmt.Sprint(head.Number)); ok && !p.isExample(flow) && flow.Schedule == nil && flow.HTTP == nil && !flow.Collects() {
			return flow
		}
	}
	return nil
}

// printCLIGreeting prints how to call this server from the command line.
func (p *Program) printCLIGreeting(w io.Writer, base string, call sampleCall) {
	fmt.Fprintf(w, "\nThe command line, in another shell:\n\n")
	if _, err := exec.LookPath("penstock"); err != nil {
		if self, err := os.Executable(); err == nil {
			fmt.Fprintf(w, "  alias penstock=%s\n", shellQuote(self))
		}
	}
	fmt.Fprintf(w, "  export %s=%s %s=%s %s=%s\n", EnvURL, shellQuote(base), EnvUser, shellQuote(p.settings.AdminUser), EnvPassword, shellQuote(p.settings.AdminPassword))
	if call.ref == "" {
		fmt.Fprintf(w, "  penstock flow init %s\n\nThis writes a first flow, which dev deploys at once.\n\n", shellQuote(filepath.Join(p.settings.Flows, "greet.yaml")))
		return
	}
	fmt.Fprintf(w, "  penstock run %s", call.ref)
	if call.event != "" {
		fmt.Fprintf(w, " --event %s", shellQuote(call.event))
	}
	fmt.Fprintf(w, "\n\n")
}

// quotedName formats a flow's name after its number; empty when it has none.
func quotedName(name string) string {
	if name == "" {
		return ""
	}
	return fmt.Sprintf(", %q", name)
}

// shellQuote quotes a word for a POSIX shell.
func shellQuote(s string) string {
	if s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./:@") == "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// curl returns a command for sh, bash and zsh that calls a flow. It uses md5 on macOS, which has no md5sum.
func curl(base string, key *store.Key, call sampleCall) string {
	body, signed, data := " body="+shellQuote(call.event), "$body|", ` -H 'Content-Type: application/json' -d "$body"`
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
