package app

import (
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"

	"github.com/penstock/penstock/internal/limits"
)

// settingsOf returns the settings of dev for arguments and an environment.
func settingsOf(t *testing.T, e Env, args ...string) Settings {
	t.Helper()
	var s Settings
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	r := Role{API: true, Worker: true, Dev: true}
	s.AddFlags(flags, r)
	if err := flags.Parse(args); err != nil {
		t.Fatal(err)
	}
	if err := s.Read(e, flags, r); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestAFlagWinsOverTheEnvironment(t *testing.T) {
	t.Parallel()
	e := Env{
		"PENSTOCK_LISTEN": ":1", "PENSTOCK_REDIS_URL": "redis://a", "PENSTOCK_CONCURRENCY": "5", "PENSTOCK_QUEUES": "slow=2, fast",
		"PENSTOCK_LOG_LEVEL": "debug", "PENSTOCK_TRUSTED_PROXIES": "10.0.0.0/8,::1", "PENSTOCK_ALLOW_PRIVATE_NETWORKS": "true",
		"PENSTOCK_MAX_BODY": "", "PENSTOCK_VAR_CRM": "http://127.0.0.1:9",
	}
	vars := filepath.Join(t.TempDir(), "vars.yaml")
	if err := os.WriteFile(vars, []byte("crm: file\nlimit: 5\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := settingsOf(t, e, "--listen", ":2", "--vars", vars)
	want := Settings{
		Listen: ":2", Redis: "redis://a", Concurrency: 5, Queues: map[string]int{"slow": 2, "fast": 1}, Webhooks: 16, LogLevel: slog.LevelDebug,
		TrustedProxies: []string{"10.0.0.0/8", "::1"}, AllowPrivate: true, Retention: 24 * time.Hour, Hot: 15 * time.Minute, HistoryRetention: 90 * 24 * time.Hour, HistoryDelay: time.Minute, AuditRetention: 2 * 365 * 24 * time.Hour, MaxBody: 1 << 20, FilesTotal: 512 << 20, MaxQueueAge: 30 * time.Second, MetricsListen: "127.0.0.1:0",
		MasterKeySettle: 30 * time.Second, RedisPool: 20, VarsFile: vars, Vars: map[string]any{"crm": "http://127.0.0.1:9", "limit": json.Number("5")},
		RateIP: limits.Rates{"token": {Limit: 10, Window: time.Second}},
	}
	if diff := cmp.Diff(want, s); diff != "" {
		t.Errorf("settings (-want +got):\n%s", diff)
	}
}

func TestAProfileSetsWhatNoFlagDoes(t *testing.T) {
	t.Parallel()
	for want, args := range map[string][]string{
		"token=10/s":                            nil,
		"default=10/s,token=10/s":               {"--profile", "ansira"},
		"default=10/s,token=10/s,runs:69=5/s":   {"--profile", "ansira", "--rate-ip", "runs:69=5/s"},
		"default=off,token=10/s":                {"--rate-ip", "default=off", "--profile", "ansira"},
		"default=10/s,token=3/s,GET /x/{y}=2/s": {"--profile", "ansira", "--rate-ip", "token=3/s,GET /x/{y}=2/s"},
	} {
		if s := settingsOf(t, nil, args...); s.RateIP.String() != want {
			t.Errorf("%v: %s, want %s", args, s.RateIP, want)
		}
	}
}

// Invalid settings are rejected with their names before anything starts.
func TestSettingsThatAreRefused(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ flag, value, want string }{
		{"concurrency", "0", "--concurrency 0"},
		{"profile", "hubspot", "--profile hubspot"},
		{"concurrency", "-5", "--concurrency -5"},
		{"retention", "0s", "--retention 0s"},
		{"max-body", "-1", "--max-body -1"},
		{"flows", "no-such-directory", "--flows no-such-directory is not a directory"},
		{"queues", "Default", "small letters"},
		{"queues", "a b", "small letters"},
		{"queues", "default,default", `"default" is given twice`},
		{"shards", "a/b=2", "small letters"},
		{"trusted-proxies", "10.0.0.0/33", `--trusted-proxies: "10.0.0.0/33"`},
		{"cors-origins", "app.example.org", `--cors-origins: "app.example.org"`},
		{"issuer", "penstock.example.org", "--issuer: "},
		{"concurrency", "many", `--concurrency: "many" is not a whole number`},
		{"max-queue-age", "5", `--max-queue-age: "5" is not a time`},
	} {
		var s Settings
		flags := pflag.NewFlagSet("", pflag.ContinueOnError)
		r := Role{API: true, Worker: true, Dev: true}
		s.AddFlags(flags, r)
		err := InvalidFlag(flags.Set(c.flag, c.value))
		if err == nil {
			err = s.Read(Env{}, flags, r)
		}
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("--%s %s: %v, want %s", c.flag, c.value, err, c.want)
		}
	}
}

func TestSecretsFromFiles(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "url")
	if err := os.WriteFile(file, []byte("redis://:s3cret@a\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if s := settingsOf(t, Env{"PENSTOCK_REDIS_URL_FILE": file}); s.Redis != "redis://:s3cret@a" {
		t.Errorf("the URL from a file is %q", s.Redis)
	}
	if err := os.WriteFile(file, []byte("postgres://penstock:s3cret@db/penstock\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if s := settingsOf(t, Env{"PENSTOCK_HISTORY_FILE": file}); s.History != "postgres://penstock:s3cret@db/penstock" {
		t.Errorf("the history from a file is %q", s.History)
	}
}

func TestMisspeltVariables(t *testing.T) {
	t.Parallel()
	e := Env{"PENSTOCK_LISTEN": "", "PENSTOCK_REDIS": "", "PENSTOCK_API_SECRET_FILE": "", "PENSTOCK_READY_FILE": "", "PENSTOCK_DATA": "",
		"PENSTOCK_URL": "", "PENSTOCK_USER": "", "PENSTOCK_PASSWORD": "", "PENSTOCK_TOKEN_FILE": "", "PENSTOCK_CONTEXT": "", // those that dev says to export
	}
	if got, want := e.Unknown(), []string{"PENSTOCK_READY_FILE", "PENSTOCK_REDIS"}; !slices.Equal(got, want) {
		t.Errorf("unknown = %q, want %q", got, want)
	}
}

// Deployment files contain only existing settings and subcommands.
func TestDeployFilesNameWhatExists(t *testing.T) {
	t.Parallel()
	for _, file := range []string{"Dockerfile", "docker-compose.yml", "deploy/make-env", "README.md"} {
		content, err := os.ReadFile(filepath.Join("..", file))
		if err != nil {
			t.Fatal(err)
		}
		named := Env{}
		for _, name := range regexp.MustCompile(`PENSTOCK_[A-Z_]+`).FindAllString(string(content), -1) {
			named[name] = ""
		}
		for _, name := range []string{"PENSTOCK_URL", "PENSTOCK_USER", "PENSTOCK_PASSWORD"} {
			delete(named, name) // what the command line signs in with
		}
		if len(named) == 0 {
			t.Errorf("%s names no setting", file)
		}
		if unknown := named.Unknown(); len(unknown) > 0 {
			t.Errorf("%s names settings that nothing reads: %q", file, unknown)
		}
	}
}

func TestLogLevels(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{"debug": "", "WARN": "", "info+2": "", "loud": `"loud" is none of debug, info, warn and error`} {
		var s Settings
		f := pflag.NewFlagSet("", pflag.ContinueOnError)
		s.AddFlags(f, Role{})
		err := f.Parse([]string{"--log-level", text})
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: error %v, want %q", text, err, want)
		}
	}
}
