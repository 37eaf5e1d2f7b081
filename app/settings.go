package app

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/netip"
	"os"
	"slices"
	"time"

	"github.com/spf13/pflag"

	"github.com/penstock/penstock/api"
	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/internal/limits"
	"github.com/penstock/penstock/internal/redisconn"
	"github.com/penstock/penstock/store"
	"github.com/penstock/penstock/telemetry"
)

// Settings are the settings of all roles. AddFlags defines their flags and defaults, Read completes them from the
// environment.
type Settings struct {
	Listen           string        // address of the front door; port 0 selects a free one
	Redis            string        // URL; empty in dev: the embedded store
	Flows            string        // directory of flow files; empty in dev: the examples
	VarsFile         string        // dev: file with values for the vars of flows; empty: none
	Data             string        // data directory of dev or of redis-server; NoData: memory only
	Issuer           string        // external base URL; empty: the listening address
	AllowPrivate     bool          // http steps may reach private networks
	SignOn           string        // file about the OpenID Connect provider; empty: users sign in with passwords only
	SignOnSecret     string        // of the client there; empty: a public client
	WorkloadIdentity string        // file with the rules by which programs of a CI get tokens; empty: none
	RequireTOTP      bool          // users of the console need a second factor besides a password
	SecretStores     string        // file with the rules for stores of secrets; empty: none may be read
	SQLite           string        // directory of sqlite connections' files; empty: off
	ReadyFile        string        // receives the base URL when the front door is ready
	Concurrency      int           // concurrent runs of a worker
	Spare            int           // additional runs of flows with next to none in flight; 0: a fourth, negative: none
	Shares           queues        // share of a flow in percent of a queue's slots while others wait
	Shards           queues        // shards of queues on a Cluster; the same in all processes
	Queues           queues        // queues of a worker with their weights
	Webhooks         int           // webhooks that a worker sends at once; 0: none
	Retention        time.Duration // of the records of ended runs without a history, and of files
	History          string        // where ended runs go: sqlite:PATH, postgres://…, or off; empty: the data directory, without one off
	Hot              time.Duration // how long Redis keeps ended runs that the history has
	HistoryRetention time.Duration // how long the history keeps runs whose flow says nothing else
	HistoryDelay     time.Duration // after their end runs go to the history while the processors are busy
	AuditRetention   time.Duration // how long the history keeps the audit log
	MaxBody          int64         // maximum request body in bytes
	Files            string        // where the files of runs are: redis, dir:/PATH or s3://…; empty: the data directory, without one Redis
	FilesTotal       int64         // maximum of all files in Redis in bytes
	MaxFile          int64         // maximum of a file in bytes; 0: by the place
	TrustedProxies   []string      // addresses and networks whose X-Forwarded-For is used
	Origins          []string      // origins whose pages may call the API
	SecondApproval   bool          // changes of flows need the approval of a second user
	Registration     bool          // clients of users may register themselves
	LogLevel         slog.Level
	MaxQueueAge      time.Duration           // maximum age of the next run of a flow while the flow accepts runs with a waiting caller; negative: none
	Linger           time.Duration           // how long a stopping front door still accepts requests
	MetricsListen    string                  // address of /metrics; empty: off
	Pprof            bool                    // serve /debug/pprof/ on that address
	RedisPool        int                     // maximum connections of one Redis client
	Traces           telemetry.TracingConfig // without an endpoint: off

	Vars map[string]any // dev: of VarsFile and the environment, in place of stored variables

	APIKey, APISecret string        // API key to create; empty: none
	MasterKeys        [][]byte      // the new one first; none: dev creates one
	MasterKeySettle   time.Duration // how long all processes must agree on a new first master key before it seals

	Profile        string       // of the product that callers come from: ansira; empty: none
	RateIP         limits.Rates // per address and endpoint
	RateCredential limits.Rates // per credential and endpoint

	FilesAccessKey, FilesSecretKey string // of the S3-compatible store; empty: it is not used

	ReminderMail string // smtp connection for reminders; empty: off

	AuditFile, AuditSyslog, AuditHTTP string // where the audit log is exported to; empty: nowhere
	AuditSyslogCA                     string // file with certificates that are trusted for it; empty: those of the system
	AuditHTTPHeader                   string // "Name: value" of each request; empty: none

	AdminUser, AdminPassword string // administrator to create; empty: none
}

// NoData is the value of Data that keeps the embedded store in memory.
const NoData = "none"

// Role selects the parts of a process and the flags of its command.
type Role struct{ API, Worker, Dev, Server bool }

// logLevel is a slog.Level whose mistakes are explained.
type logLevel slog.Level

// MarshalText implements encoding.TextMarshaler.
func (l logLevel) MarshalText() ([]byte, error) { return slog.Level(l).MarshalText() }

// UnmarshalText implements encoding.TextUnmarshaler.
func (l *logLevel) UnmarshalText(text []byte) error {
	if err := (*slog.Level)(l).UnmarshalText(text); err != nil {
		return fmt.Errorf("%.40q is none of debug, info, warn and error", text)
	}
	return nil
}

// AddFlags defines the flags of a role. Variable returns the environment variable of a flag.
func (s *Settings) AddFlags(f *pflag.FlagSet, r Role) {
	redis := "`URL` of Redis: redis://, rediss://, unix://, redis-sentinel:// or redis-cluster://"
	if r.Server {
		redis += "; or start, which starts a redis-server on this machine"
	}
	f.StringVar(&s.Redis, "redis", "", redis)
	f.TextVar((*logLevel)(&s.LogLevel), "log-level", logLevel(slog.LevelInfo), "minimum `level` of logged messages: debug, info, warn or error")
	metrics := ""
	if r.Dev {
		f.StringVar(&s.VarsFile, "vars", "", "`file` with values for the vars of flows, in YAML or JSON, in place of stored variables")
		metrics = "127.0.0.1:0"
	}
	f.StringVar(&s.MetricsListen, "metrics-listen", metrics, "`address` of /metrics, /healthz and /readyz, separate from the front door; port 0 selects a free one, empty: off")
	f.BoolVar(&s.Pprof, "pprof", false, "serve Go's profiles on the address of --metrics-listen, at /debug/pprof/")
	f.IntVar(&s.RedisPool, "redis-pool", redisconn.DefaultPool, "maximum `connections` to Redis of each part of the process")
	if r.API || r.Worker {
		f.StringVar(&s.Files, "files", "", "`place` of the files of runs: redis, dir:/PATH, or s3://BUCKET/PREFIX?endpoint=HOST; the same for all processes")
		f.Int64Var(&s.FilesTotal, "files-total", 512<<20, "maximum size of all files in Redis together in `bytes`")
		f.Int64Var(&s.MaxFile, "max-file", 0, "maximum size of a file in `bytes`; 0: 100000000 in Redis, 1000000000 elsewhere")
		f.BoolVar(&s.AllowPrivate, "allow-private-networks", false, "let steps, and tests of connections, which workers make, reach loopback and private addresses")
		f.StringVar(&s.Issuer, "issuer", "", "base `URL` of the front door for callers, if it is not the listening address; a separate worker needs it to sign callback URLs")
	}
	if r.API || r.Worker {
		f.StringVar(&s.SecretStores, "secret-stores", "", "`file` that says which secrets may be read from Vault, files, the environment and commands, in YAML; empty: none")
		f.StringVar(&s.History, "history", "", "`place` of the history of runs: sqlite:PATH, postgres://USER:PASSWORD@HOST/NAME, or off; the same for all processes")
	}
	if r.API {
		f.StringVar(&s.Listen, "listen", "127.0.0.1:8080", "`address` of the front door; port 0 selects a free one")
		f.StringVar(&s.Flows, "flows", "", "`directory` of flow files to deploy")
		f.StringVar(&s.ReadyFile, "ready-file", "", "`file` that receives the base URL when the front door is ready")
		f.DurationVar(&s.Linger, "linger", 0, "`time` for which a stopping front door still serves requests, until load balancers have seen /readyz fail")
		f.DurationVar(&s.MaxQueueAge, "max-queue-age", 30*time.Second, "maximum waiting `time` of the next run of a flow for the flow to accept runs with a waiting caller; negative: no limit")
		f.Int64Var(&s.MaxBody, "max-body", 1<<20, "maximum size of a request body in `bytes`")
		f.StringVar(&s.AuditFile, "audit-file", "", "`file` to which the audit log is appended as lines of JSON")
		f.StringVar(&s.AuditSyslog, "audit-syslog", "", "syslog `server` to which the audit log is sent: udp://HOST:PORT, tcp://HOST:PORT or tls://HOST:PORT")
		f.StringVar(&s.AuditSyslogCA, "audit-syslog-ca", "", "`file` with the certificates that are trusted for tls://, in PEM; empty: those of the system")
		f.StringVar(&s.AuditHTTP, "audit-http", "", "`URL` to which the audit log is posted as lines of JSON")
		f.StringSliceVar(&s.TrustedProxies, "trusted-proxies", nil, "`addresses` or networks of proxies whose X-Forwarded-For is used")
		f.StringSliceVar(&s.Origins, "cors-origins", nil, "`origins` whose pages may call the API with a token: https://app.example.org")
		f.StringVar(&s.SignOn, "sign-on", "", "`file` that says at which OpenID Connect provider users of the console sign in, in YAML; empty: with passwords only")
		f.StringVar(&s.WorkloadIdentity, "workload-identity", "", "`file` with the rules by which programs of a CI get tokens for those of the CI, in YAML; empty: none do")
		f.BoolVar(&s.RequireTOTP, "require-totp", false, "users who sign in to the console with a password need a second factor, which they set up at their next sign-in")
		f.BoolVar(&s.SecondApproval, "second-approval", false, "let a change of a flow take effect only when another user has approved it; flows of --flows are not subject to it")
		f.BoolVar(&s.Registration, "client-registration", false, "let OAuth clients, such as those of MCP, register themselves; each user approves a client in the console")
	}
	if r.API || r.Worker {
		f.DurationVar(&s.MasterKeySettle, "master-key-settle", store.DefaultSettle, "`time` for which all processes must have a new master key first before it is used; longer than a restart")
		f.Var(&s.Shards, "shards", "`queues` that are sharded over the primaries of a Cluster, with the number of shards; the same in all processes: default=4")
	}
	if r.API {
		s.RateIP = limits.Rates{"token": {Limit: 10, Window: time.Second}}
		f.StringVar(&s.Profile, "profile", "", "`product` whose limits the front door takes over: ansira allows an address 10 requests a second at each endpoint, where --rate-ip says nothing else")
		f.StringVar(&s.ReminderMail, "reminder-mail", "", "smtp `connection` for e-mails that remind of expiring assertions")
		f.Var(&s.RateIP, "rate-ip", "maximum request `rates` of one address by endpoint, flow or path: \"default=off,token=10/s,runs:69=5/s,GET /people/{id}=10/s\"")
		f.Var(&s.RateCredential, "rate-credential", "maximum request `rates` of one credential by endpoint, flow or path, for keys without their own rate")
	}
	if r.Worker {
		f.StringVar(&s.SQLite, "sqlite", "", "`directory` of the files of sqlite connections; empty: sqlite connections are off")
		f.IntVar(&s.Concurrency, "concurrency", 64, "maximum number of concurrent `runs` of this worker")
		f.IntVar(&s.Spare, "spare", 0, "additional concurrent `runs` for flows with next to none in flight while others have all slots; 0: a fourth of --concurrency, negative: none")
		f.Var(&s.Shares, "flow-share", "`percent` of a queue's slots for one flow while runs of other flows wait, by queue: default=50,slow=80; 50 if not given")
		s.Queues = queues{"default": 1}
		f.DurationVar(&s.Retention, "retention", 24*time.Hour, "`time` for which records of ended runs are kept without a history, and their files in any case; at least 1s")
		f.DurationVar(&s.Hot, "hot", 15*time.Minute, "`time` for which Redis keeps ended runs that the history has; at least 1s")
		f.DurationVar(&s.HistoryRetention, "history-retention", 90*24*time.Hour, "`time` for which the history keeps runs whose flow says nothing else, and deliveries to webhooks")
		f.DurationVar(&s.HistoryDelay, "history-delay", time.Minute, "`time` after their end when runs go to the history while the processors are busy; 0: at once, as otherwise")
		f.DurationVar(&s.AuditRetention, "audit-retention", 2*365*24*time.Hour, "`time` for which the history keeps the audit log")
		f.IntVar(&s.Webhooks, "webhooks", 16, "maximum number of concurrent `requests` of webhook steps that this worker sends; 0: other workers send them")
		f.Var(&s.Queues, "queues", "`queues` to serve, with the weights by which they share the slots: default=3,slow")
	}
	if r.Dev {
		f.StringVar(&s.Data, "data", "", "`directory` of the embedded store and the master key, or \"none\" for memory only")
	} else if r.Server {
		f.StringVar(&s.Data, "data", "", "`directory` of the master key and of the data of the Redis started by --redis start")
	}
}

// Read completes the settings from the environment and checks them. Error: SettingsError for an invalid value.
func (s *Settings) Read(e Env, f *pflag.FlagSet, r Role) error {
	if err := e.Fill(f); err != nil {
		return err
	}
	var err error
	read := func(name string) string {
		value, failure := e.Secret(name)
		err = errors.Join(err, failure)
		return value
	}
	s.APIKey, s.APISecret = read(EnvAPIKey), read(EnvAPISecret)
	s.AdminUser, s.AdminPassword = read(EnvAdminUser), read(EnvAdminPass)
	s.FilesAccessKey, s.FilesSecretKey = read(EnvFilesAccessKey), read(EnvFilesSecretKey)
	s.AuditHTTPHeader = read(EnvAuditHTTPHeader)
	s.SignOnSecret = read(EnvSignOnSecret)
	if r.Dev {
		vars, failure := e.Vars(s.VarsFile)
		s.Vars, err = vars, errors.Join(err, failure)
	}
	masterKeys := read(EnvMasterKey)
	if err != nil {
		return err
	}
	if masterKeys != "" {
		if s.MasterKeys, err = store.ParseMasterKeys(masterKeys); err != nil {
			return fmt.Errorf("read settings: %s: %w", EnvMasterKey, err)
		}
	}
	s.applyProfile()
	if err := errors.Join(s.check(r), s.Shares.check("--flow-share")); err != nil {
		return SettingsError{Err: err}
	}
	return nil
}

// profileAnsira has the limits that Ansira documents for its APIs: 10 requests a second per address and endpoint.
const profileAnsira = "ansira"

// applyProfile sets what the profile says and no flag does.
func (s *Settings) applyProfile() {
	if _, named := s.RateIP["default"]; s.Profile == profileAnsira && !named {
		s.RateIP["default"] = limits.Rate{Limit: 10, Window: time.Second}
	}
}

// minPool is the minimum pool size: with fewer connections, one running batch would block everything else.
const minPool = 4

// maxShards is the maximum number of shards of a queue: each costs a worker two connections and at least one slot.
const maxShards = 64

func (s *Settings) check(r Role) error {
	switch {
	case s.Profile != "" && s.Profile != profileAnsira:
		return fmt.Errorf("read settings: --profile %s: there is no such profile; there is ansira", s.Profile)
	case s.Pprof && s.MetricsListen == "":
		return fmt.Errorf("read settings: --pprof requires --metrics-listen")
	case s.RedisPool < minPool:
		return fmt.Errorf("read settings: --redis-pool %d: at least %d connections are needed", s.RedisPool, minPool)
	case r.API && s.MaxQueueAge == 0:
		return fmt.Errorf("read settings: --max-queue-age 0s would accept no run; a negative time means no limit")
	case r.API && s.MaxBody < 1:
		return fmt.Errorf("read settings: --max-body %d would reject every request", s.MaxBody)
	case r.API && s.Flows != "" && !isDirectory(s.Flows):
		return fmt.Errorf("read settings: --flows %s is not a directory", s.Flows)
	case r.Worker && s.Concurrency < 1:
		return fmt.Errorf("read settings: --concurrency %d: at least 1 is needed", s.Concurrency)
	case r.Worker && s.Webhooks < 0:
		return fmt.Errorf("read settings: --webhooks %d: at least 0 is needed", s.Webhooks)
	case r.Worker && s.Retention < time.Second:
		return fmt.Errorf("read settings: --retention %v: runs are kept for at least 1s", s.Retention)
	case s.MasterKeySettle <= 0:
		return fmt.Errorf("read settings: --master-key-settle must be longer than a process takes to restart")
	case (s.APIKey == "") != (s.APISecret == ""):
		return fmt.Errorf("read settings: %s and %s are only of use together", EnvAPIKey, EnvAPISecret)
	case (s.AdminUser == "") != (s.AdminPassword == ""):
		return fmt.Errorf("read settings: %s and %s are only of use together", EnvAdminUser, EnvAdminPass)
	case slices.ContainsFunc(slices.Collect(maps.Values(s.Shards)), func(n int) bool { return n > maxShards }):
		return fmt.Errorf("read settings: --shards %s: a queue has at most %d shards", &s.Shards, maxShards)
	case s.SQLite != "" && !isDirectory(s.SQLite):
		return fmt.Errorf("read settings: --sqlite %s is not a directory", s.SQLite)
	}
	if err := cmp.Or(s.checkAddresses(r), s.checkServer(r), s.checkFiles(r), s.checkHistory(r), s.checkAudit()); err != nil {
		return err
	}
	switch {
	case s.Redis == startRedis:
		return nil // creates a master key itself
	case r.Dev:
		return nil // has an embedded store and creates a master key itself
	case s.Redis == "":
		return fmt.Errorf("read settings: which Redis? Set --redis or %s (`penstock server --redis start` starts one, `penstock dev` needs none)", EnvRedisURL)
	case len(s.MasterKeys) == 0:
		return fmt.Errorf("read settings: set %s to the output of `openssl rand -base64 %d`, the same for every process: it encrypts the secrets in Redis", EnvMasterKey, store.MasterKeySize)
	}
	return nil
}

// checkAddresses checks the addresses that the front door uses. Its errors name the flag.
func (s *Settings) checkAddresses(r Role) error {
	if !r.API {
		return nil
	}
	for _, a := range s.TrustedProxies {
		_, err := netip.ParsePrefix(a)
		if _, failure := netip.ParseAddr(a); err != nil && failure != nil {
			return fmt.Errorf("read settings: --trusted-proxies: %q is neither an address nor a network such as 10.0.0.7 or 10.0.0.0/8", a)
		}
	}
	if err := api.CheckOrigins(s.Origins); err != nil {
		return fmt.Errorf("read settings: --cors-origins: %w", err)
	}
	if s.Issuer == "" {
		return nil
	}
	if err := auth.CheckIssuer(s.Issuer); err != nil {
		return fmt.Errorf("read settings: --issuer: %w", err)
	}
	return nil
}

func isDirectory(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// SettingsError reports an invalid setting.
type SettingsError struct{ Err error }

func (e SettingsError) Error() string { return e.Err.Error() }

func (e SettingsError) Unwrap() error { return e.Err }
