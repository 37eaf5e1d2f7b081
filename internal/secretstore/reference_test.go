package secretstore

import (
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]Reference{
		"vault://kv/team/crm#token":                    {StoreVault, "kv/team/crm", "token"},
		"vault://database/creds/app#password":          {StoreVault, "database/creds/app", "password"},
		"env://PENSTOCK_SECRET_CRM":                    {StoreEnv, "PENSTOCK_SECRET_CRM", ""},
		"file:///run/secrets/crm":                      {StoreFile, "/run/secrets/crm", ""},
		"file:///run/secrets/crm.json#password":        {StoreFile, "/run/secrets/crm.json", "password"},
		"exec://aws/penstock/crm#password":             {StoreExec, "aws/penstock/crm", "password"},
		"exec://keychain":                              {StoreExec, "keychain", ""},
		"exec://op/op://Vault/CRM/password":            {StoreExec, "op/op://Vault/CRM/password", ""},
		"vault://kv/crm#" + strings.Repeat("m", 255):   {StoreVault, "kv/crm", strings.Repeat("m", 255)},
		"file:///var/run/secrets/..data/token":         {StoreFile, "/var/run/secrets/..data/token", ""},
		"exec://gcp/projects/7/secrets/crm/versions/1": {StoreExec, "gcp/projects/7/secrets/crm/versions/1", ""},
	} {
		got, err := Parse(text)
		if err != nil || got != want || got.String() != text {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
	}
}

// What is no reference is refused with a reason that does not repeat it: it may be a secret in the wrong field.
func TestParseRefuses(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"", "s3cr3t-value", "https://vault.example.org/kv/s3cr3t", "vault:kv/s3cr3t#x",
		"vault://kv/s3cr3t", "vault://kv#s3cr3t", "vault:///kv/s3cr3t#x", "vault://kv/../sys/s3cr3t#x", "vault://kv/./s3cr3t#x", "vault://kv//s3cr3t#x", "vault://kv/s3cr3t/#x",
		"vault://kv/s3cr3t?version=2#x", "vault://kv/%2e%2e/s3cr3t#x", `vault://kv\s3cr3t/a#x`, "vault://sys/policy/s3cr3t#x", "vault://auth/token/s3cr3t#x", "vault://cubbyhole/s3cr3t#x",
		"vault://kv/s3cr3t#", "vault://kv/s3cr3t#a b", "vault://kv/s3cr3t#x#y", "vault://kv/s3cr3t\n#x", "vault://../kv/s3cr3t#x",
		"env://", "env://s3cr3t-name", "env://S3CR3T#x", "env://A=S3CR3T",
		"file://s3cr3t", "file:///", "file:///run/../s3cr3t", "file:///run//s3cr3t", "file:///run/s3cr3t/", "file:///run/s3\x00cr3t",
		"exec://", "exec:///bin/s3cr3t", "exec://aws/", "exec://aws/--s3cr3t", "exec://AWS/s3cr3t", "exec://a b/s3cr3t",
		"file:///" + strings.Repeat("s3cr3t", 200),
	} {
		_, err := Parse(text)
		if err == nil || strings.Contains(strings.ToLower(err.Error()), "s3cr3t") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestRules(t *testing.T) {
	t.Parallel()
	rules, err := ParseRules([]byte(`
vault: {address: https://vault.example.org, paths: [kv/penstock/, database/creds/app, transit-*], token_file: /run/token}
env: {prefix: PENSTOCK_SECRET_}
file: {directories: [/run/secrets, /etc/penstock/]}
exec:
  aws: {command: [/usr/bin/aws, get], arguments: [penstock/], timeout: 20s}
  keychain: {command: [/usr/bin/keychain]}
ttl: 1m
`))
	if err != nil {
		t.Fatal(err)
	}
	for text, allowed := range map[string]bool{
		"vault://kv/penstock/crm#x": true, "vault://kv/penstock#x": false, "vault://kv/penstocks/crm#x": false, "vault://kv/other/crm#x": false,
		"vault://database/creds/app#x": true, "vault://database/creds/app2#x": false, "vault://transit-7/a#x": true,
		"env://PENSTOCK_SECRET_A": true, "env://PENSTOCK_MASTER_KEY": false, "env://PATH": false,
		"file:///run/secrets/a": true, "file:///run/secrets2/a": false, "file:///run/secrets": false, "file:///etc/penstock/a": true, "file:///etc/shadow": false,
		"exec://aws/penstock/crm": true, "exec://aws/other": false, "exec://aws": true, "exec://keychain": true, "exec://keychain/x": false, "exec://sh": false,
	} {
		ref, err := Parse(text)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if err := rules.Allowed(ref); (err == nil) != allowed {
			t.Errorf("%s: %v", text, err)
		}
		if none := (&Rules{}).Allowed(ref); none == nil {
			t.Errorf("%s is allowed without rules", text)
		}
	}
}

func TestRulesThatAreRefused(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"vualt: {}": "unknown field", "ttl: 10ms": "ttl", "stale: -1s": "stale",
		"vault: {address: https://v}": "vault.paths", "vault: {paths: ['']}": "allows nothing", "vault: {paths: [/]}": "allows nothing",
		"vault: {paths: [kv/], token_file: /a, kubernetes: {role: r}}": "exclude each other", "vault: {paths: [kv/], kubernetes: {}}": "kubernetes.role", "vault: {paths: [kv/], approle: {}}": "role_id",
		"env: {prefix: ''}": "env.prefix", "file: {directories: []}": "file.directories", "file: {directories: [/]}": "file.directories", "file: {directories: [run]}": "file.directories",
		"exec: {aws: {command: [aws]}}": "exec.aws.command", "exec: {aws: {command: []}}": "exec.aws.command", "exec: {AWS: {command: [/bin/aws]}}": "exec.AWS", "exec: {aws: {command: [/bin/aws], timeout: 5m}}": "exec.aws.timeout",
	} {
		if _, err := ParseRules([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
}
