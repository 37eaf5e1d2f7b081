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

// Settings are what the roles are told from outside. Where a setting comes
// from and what it defaults to is in AddFlags and Read.
type Settings struct {
	Listen         string        // address of the front door; port 0 picks one
	Redis          string        // URL; dev: empty is the embedded store
	Flows          string        // directory of flow files; dev: empty is the examples
	Data           string        // dev: directory of the embedded store, NoData: memory only
	Issuer         string        // external base URL, when it is not the listening address
	AllowPrivate   bool          // http steps may reach private networks
	SQLite         string        // directory of the files of sqlite connections; empty: there are none
	ReadyFile      string        // written with the base URL once the door answers
	Concurrency    int           // runs at once in a worker
	Spare          int           // runs beside them, for flows that find all slots taken; 0: a fourth, negative: none
	Shares         queues        // of a queue's slots in percent, for one flow while others wait
	Shards         queues        // over which queues are spread, the same in all processes; a Cluster's primaries share them
	Queues         queues        // that a worker works on, with their weights
	Retention      time.Duration // how long ended runs are kept
	MaxBody        int64         // bytes of a request
	TrustedProxies []string      // whose X-Forwarded-For is believed
	Origins        []string      // whose pages may call the API
	LogLevel       slog.Level
	MaxQueueAge    time.Duration           // the oldest task of a queue that takes work that somebody waits for; negative: any
	Linger         time.Duration           // how long a stopping door serves on
	MetricsListen  string                  // address of /metrics; empty: none
	Pprof          bool                    // /debug/pprof/ on that address
	RedisPool      int                     // connections of one client of Redis at most
	Traces         telemetry.TracingConfig // without an endpoint: none

	APIKey, APISecret string        // a key that is made to exist; empty: none
	MasterKeys        [][]byte      // the new one first, older ones after it; none: dev makes one
	MasterKeySettle   time.Duration // how long all processes must agree on a new first master key before it is used

	RateIP         limits.Rates // of one address, per endpoint
	RateCredential limits.Rates // of one credential, per endpoint

	ReminderMail string // connection through which reminders are sent; empty: none are

	AdminUser, AdminPassword string // an administrator who is made to exist; empty: none
}

// NoData keeps the embedded store in memory.
const NoData = "none"

// Role says which flags a subcommand has.
type Role struct{ Door, Worker, Dev, Server bool }

// AddFlags declares the flags of a role. Each is also a variable, see variable.
func (s *Settings) AddFlags(f *pflag.FlagSet, r Role) {
	redis := "`URL` of Redis: redis://, rediss://, unix://, redis-sentinel:// or redis-cluster://"
	if r.Server {
		redis += "; or start, which starts a redis-server on this machine"
	}
	f.StringVar(&s.Redis, "redis", "", redis)
	f.TextVar(&s.LogLevel, "log-level", slog.LevelInfo, "the least `level` that is logged: debug, info, warn or error")
	metrics := ""
	if r.Dev {
		metrics = "127.0.0.1:0"
	}
	f.StringVar(&s.MetricsListen, "metrics-listen", metrics, "`address` of /metrics, /healthz and /readyz, apart from the front door; port 0 picks a free one, empty: none")
	f.BoolVar(&s.Pprof, "pprof", false, "serve Go's profiles on the address of --metrics-listen, at /debug/pprof/")
	f.IntVar(&s.RedisPool, "redis-pool", redisconn.DefaultPool, "`connections` to Redis that each part of the process keeps at most")
	if r.Door || r.Worker {
		f.StringVar(&s.Issuer, "issuer", "", "base `URL` under which callers reach the front door, when it is not the address; a worker alone signs no callbacks without it")
	}
	if r.Door {
		f.StringVar(&s.Listen, "listen", "127.0.0.1:8080", "`address` of the front door; port 0 picks a free one")
		f.StringVar(&s.Flows, "flows", "", "`directory` of flow files to deploy")
		f.StringVar(&s.ReadyFile, "ready-file", "", "`file` to write the base URL to once the door answers")
		f.DurationVar(&s.Linger, "linger", 0, "`time` that a door goes on serving after it was told to stop, until balancers that ask /readyz have noticed")
		f.DurationVar(&s.MaxQueueAge, "max-queue-age", 30*time.Second, "`time` that the next run of a flow may have waited while the flow takes runs that somebody waits for; negative: any")
		f.Int64Var(&s.MaxBody, "max-body", 1<<20, "largest request body in `bytes`")
		f.StringSliceVar(&s.TrustedProxies, "trusted-proxies", nil, "`addresses` or networks whose X-Forwarded-For is believed")
		f.StringSliceVar(&s.Origins, "cors-origins", nil, "`origins` whose pages may call the API with a token: https://app.example.org")
	}
	if r.Door || r.Worker {
		f.DurationVar(&s.MasterKeySettle, "master-key-settle", store.DefaultSettle, "`time` that all processes must have had a new master key first before it is used; longer than a process takes to restart")
		f.Var(&s.Shards, "shards", "`queues` that are spread over the primaries of a Cluster, with the number of shards, the same in all processes: default=4")
	}
	if r.Door {
		s.RateIP = limits.Rates{"token": {Limit: 10, Window: time.Second}}
		f.StringVar(&s.ReminderMail, "reminder-mail", "", "smtp `connection` through which e-mails remind of assertions that expire")
		f.Var(&s.RateIP, "rate-ip", "`rates` of one address by endpoint: \"default=off,token=10/s,runs=600/m\"")
		f.Var(&s.RateCredential, "rate-credential", "`rates` of one credential by endpoint, for keys without a rate of their own")
	}
	if r.Worker {
		f.BoolVar(&s.AllowPrivate, "allow-private-networks", false, "let http steps reach loopback and private addresses")
		f.StringVar(&s.SQLite, "sqlite", "", "`directory` of the files of sqlite connections; empty: there are none")
		f.IntVar(&s.Concurrency, "concurrency", 64, "`runs` at once in this worker")
		f.IntVar(&s.Spare, "spare", 0, "`runs` more for flows that have next to none while others have all slots; 0: a fourth of --concurrency, negative: none")
		f.Var(&s.Shares, "flow-share", "`percent` of a queue's slots that one flow gets while runs of others wait, by queue: default=50,slow=80; 50 where nothing is said")
		s.Queues = queues{"default": 1}
		f.DurationVar(&s.Retention, "retention", 24*time.Hour, "how long `ended runs` are kept; at least 1s")
		f.Var(&s.Queues, "queues", "`queues` to work on, with the weights by which they share the slots: default=3,slow")
	}
	if r.Dev {
		f.StringVar(&s.Data, "data", "", "`directory` of the embedded store and the master key, or \"none\" for memory only")
	} else if r.Server {
		f.StringVar(&s.Data, "data", "", "`directory` of the data of the Redis that --redis start starts, and of the master key")
	}
}

// Read completes the settings from the environment and checks them.
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
	masterKeys := read(EnvMasterKey)
	if err != nil {
		return err
	}
	if masterKeys != "" {
		if s.MasterKeys, err = store.ParseMasterKeys(masterKeys); err != nil {
			return fmt.Errorf("read settings: %s: %w", EnvMasterKey, err)
		}
	}
	if err := errors.Join(s.check(r), s.Shares.check("--flow-share")); err != nil {
		return SettingsError{Err: err}
	}
	return nil
}

// leastPool is the smallest pool with which a batch that is on its way does
// not keep everything else waiting.
const leastPool = 4

// mostShards bounds the shards of a queue: each costs a worker two connections
// and at least one slot.
const mostShards = 64

func (s *Settings) check(r Role) error {
	switch {
	case s.Pprof && s.MetricsListen == "":
		return fmt.Errorf("read settings: --pprof needs --metrics-listen, on whose address it serves")
	case s.RedisPool < leastPool:
		return fmt.Errorf("read settings: --redis-pool %d: at least %d connections are needed", s.RedisPool, leastPool)
	case r.Door && s.MaxQueueAge == 0:
		return fmt.Errorf("read settings: --max-queue-age 0s would take no work at all; a negative one takes it always")
	case r.Door && s.MaxBody < 1:
		return fmt.Errorf("read settings: --max-body %d takes no request at all", s.MaxBody)
	case r.Door && s.Flows != "" && !isDirectory(s.Flows):
		return fmt.Errorf("read settings: --flows %s is no directory", s.Flows)
	case r.Worker && s.Concurrency < 1:
		return fmt.Errorf("read settings: --concurrency %d executes no run", s.Concurrency)
	case r.Worker && s.Retention < time.Second:
		return fmt.Errorf("read settings: --retention %v: runs are kept for at least 1s", s.Retention)
	case s.MasterKeySettle <= 0:
		return fmt.Errorf("read settings: --master-key-settle must be longer than a process takes to restart")
	case (s.APIKey == "") != (s.APISecret == ""):
		return fmt.Errorf("read settings: %s and %s are only of use together", EnvAPIKey, EnvAPISecret)
	case (s.AdminUser == "") != (s.AdminPassword == ""):
		return fmt.Errorf("read settings: %s and %s are only of use together", EnvAdminUser, EnvAdminPass)
	case slices.ContainsFunc(slices.Collect(maps.Values(s.Shards)), func(n int) bool { return n > mostShards }):
		return fmt.Errorf("read settings: --shards %s: a queue has at most %d shards", &s.Shards, mostShards)
	case s.SQLite != "" && !isDirectory(s.SQLite):
		return fmt.Errorf("read settings: --sqlite %s is no directory", s.SQLite)
	}
	if err := cmp.Or(s.checkAddresses(r), s.checkServer(r)); err != nil {
		return err
	}
	switch {
	case s.Redis == startRedis:
		return nil // makes itself a master key
	case r.Dev:
		return nil // has an embedded store and makes itself a master key
	case s.Redis == "":
		return fmt.Errorf("read settings: which Redis? Set --redis or %s (`penstock server --redis start` starts one, `penstock dev` needs none)", EnvRedisURL)
	case len(s.MasterKeys) == 0:
		return fmt.Errorf("read settings: set %s to the output of `openssl rand -base64 %d`, the same for every process: it encrypts the secrets in Redis", EnvMasterKey, store.MasterKeySize)
	}
	return nil
}

// checkAddresses refuses addresses that the front door could not use, by the
// name of their flag.
func (s *Settings) checkAddresses(r Role) error {
	if !r.Door {
		return nil
	}
	for _, a := range s.TrustedProxies {
		_, err := netip.ParsePrefix(a)
		if _, failure := netip.ParseAddr(a); err != nil && failure != nil {
			return fmt.Errorf("read settings: --trusted-proxies: %q is no address and no network, such as 10.0.0.7 or 10.0.0.0/8", a)
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

// SettingsError is a setting that cannot work.
type SettingsError struct{ Err error }

func (e SettingsError) Error() string { return e.Err.Error() }

func (e SettingsError) Unwrap() error { return e.Err }
