// Package examples holds the examples of commands that are no more than their arguments.
package examples

import (
	"strings"

	"github.com/spf13/cobra"
)

// Add adds examples to the commands that do not define any themselves.
func Add(root *cobra.Command) {
	for path, lines := range ByCommand() {
		cmd, _, err := root.Find(strings.Fields(path))
		if err != nil || cmd.Example != "" { // a test reports it
			continue
		}
		for i, line := range lines {
			lines[i] = strings.TrimRight("  penstock "+path+" "+line, " ")
		}
		cmd.Example = strings.Join(lines, "\n")
	}
}

// ByCommand returns the arguments of example calls by command.
func ByCommand() map[string][]string {
	return map[string][]string{
		"api":               {"--redis redis://127.0.0.1:6379/0 --listen :8080 --flows /etc/penstock/flows"},
		"dev":               {"", "--flows flows", "--data none --listen 127.0.0.1:0"},
		"build":             {"--with kafka,amqp -o penstock-with --source ../penstock", "--with kafka,example.org/team/bus@v1.2.0 -o our-penstock"},
		"doctor":            {"--redis redis://127.0.0.1:6379/0", "--runs"},
		"worker":            {"--redis redis://127.0.0.1:6379/0", "--queues default=3,slow"},
		"flow approve":      {"greet 5d41f0"},
		"flow disable":      {"greet"},
		"flow enable":       {"greet"},
		"flow list":         {""},
		"flow pause":        {"greet"},
		"flow proposal":     {"greet", "greet --json"},
		"flow reject":       {"greet 5d41f0"},
		"flow resume":       {"greet"},
		"flow rollback":     {"greet", "greet 3f9a1c"},
		"flow versions":     {"greet"},
		"health":            {"--listen :9090"},
		"hook capture":      {"", "--for 30m --json"},
		"hook detect":       {"< request.txt", "--secret-file secret.txt < request.txt"},
		"hook record":       {"github-issues", "github-issues --for 10m", "github-issues --off"},
		"hook redeliver":    {"github-issues 17"},
		"hook senders":      {"", "zoom"},
		"metrics":           {"> metrics.md"},
		"version":           {"", "--json"},
		"audit list":        {`--filter 'act contains "pause"'`, `--kind connection --object crm`, `--who ann --from 2026-11-01 --outcome refused`},
		"client assertion":  {"crm"},
		"client change":     {"crm --token-ttl 30"},
		"client create":     {"--name 'The CRM' --scopes flows:run"},
		"client delete":     {"crm"},
		"client generate":   {"--lang go --package crm --out crm/crm.go", "--lang ts --flow people --out people.ts", "--lang ts --file openapi.json"},
		"client list":       {"", `--filter 'name contains "CRM"'`},
		"client secret":     {"crm", "crm --secret-file -"},
		"client show":       {"crm"},
		"client token":      {"crm"},
		"connection delete": {"crm"},
		"connection list":   {""},
		"connection put":    {"crm --file crm.json", "crm --file - < crm.json"},
		"connection show":   {"crm"},
		"var list":          {""},
		"var put":           {"crm https://crm.example.org", "--file production.yaml"},
		"var delete":        {"crm"},
		"connection test":   {"crm", "crm --target https://api.example.org/me"},
		"context list":      {""},
		"context remove":    {"prod"},
		"key change":        {"c3f1 --flows 69,70 --rate-limit 10/s"},
		"key create":        {"--name forms --flows 69", "--name forms --secret-file -"},
		"key delete":        {"c3f1"},
		"key list":          {"", "--order-by -created_at"},
		"key rotate":        {"c3f1 --overlap 86400"},
		"key show":          {"c3f1"},
		"queue list":        {""},
		"queue pause":       {"default"},
		"queue resume":      {"default"},
		"queue show":        {"default"},
		"runs cancel":       {"019aa7b6-…"},
		"operations list":   {"", `--filter 'state eq "running"'`},
		"operations show":   {"019aa7b6-…", "019aa7b6-… --results"},
		"operations stop":   {"019aa7b6-…"},
		"runs ignore":       {"019aa7b6-… 019aa7b7-…"},
		"runs reopen":       {"019aa7b6-…"},
		"runs resolve":      {"019aa7b6-… --note 'refunded by hand'"},
		"runs watch":        {"019aa7b6-…"},
		"scope list":        {"", "--filter 'own eq true'"},
		"secret delete":     {"crm-password"},
		"secret list":       {""},
		"secret put":        {"crm-password --file password.txt", "crm-password --flows 69,70 < password.txt", "crm-password --from vault://kv/penstock/crm#password"},
		"secret test":       {"crm-password"},
		"folder list":       {""},
		"folder show":       {"crm/contacts", "/"},
		"folder grant":      {"crm group:crm-team see run edit", "/ user:otto see operate"},
		"folder revoke":     {"crm group:crm-team edit", "crm/contacts user:ann"},
		"token create":      {"--name laptop --scopes flows:read,runs:read", "--name pipeline --scopes flows:write --days 30"},
		"token list":        {""},
		"token revoke":      {"K2LQ3V7MZ5TA"},
		"user change":       {"ann --roles operator", "ann --password-file -"},
		"user create":       {"--name ann --roles viewer --password-file -"},
		"user delete":       {"ann"},
		"user list":         {""},
		"user show":         {"ann"},
		"worker drain":      {"web1-5f0c2a91"},
		"worker list":       {"", "--json"},
		"worker resume":     {"web1-5f0c2a91"},
		"worker show":       {"web1-5f0c2a91"},
	}
}
