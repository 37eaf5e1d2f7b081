package app

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"penstock/internal/store"
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
	if !p.role.dev {
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
	if host, _, err := net.SplitHostPort(p.settings.Listen); err == nil && !isLoopback(host) {
		fmt.Fprintf(w, "\nOther machines can reach this address. dev is for development: its demo CRM and its data have no owner.\n")
	}
	if head, err := p.store.Flows().Head(fmt.Sprint(shownFlow)); err == nil && head.Problem == "" {
		fmt.Fprintf(w, "\nCall flow %d, %q: paste this into a shell (every paste makes a new timestamp and check)\n\n%s\n",
			shownFlow, head.Name, curl(base, key))
	}
	fmt.Fprintf(w, "Ctrl-C stops it.\n\n")
}

// curl is a command for sh, bash and zsh. macOS has md5 instead of md5sum.
func curl(base string, key *store.Key) string {
	return fmt.Sprintf(`key=%s secret=%s ts=$(date +%%s) body='%s'
check=$(printf '%%s' "%d|$key|$ts|$body|$secret" | { md5sum 2>/dev/null || md5 -q; } | cut -c1-32)
curl -sS -w '\n' -H 'Content-Type: application/json' -d "$body" "%s/apis/execute.php?flow=%d&key=$key&ts=$ts&check=$check"
`, key.Key, key.Secret, shownEvent, shownFlow, base, shownFlow)
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

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
